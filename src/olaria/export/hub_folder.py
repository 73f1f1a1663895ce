"""A run's model as a folder for the Hugging Face hub: with the card that the hub reads, and no class of ours.

A GPT-2 is as the transformers library has it; every other model is plain PyTorch, for which that library has no class.
"""

from __future__ import annotations

import json
from pathlib import Path

from olaria.data.tokenizer import Tokenizer
from olaria.export.card import README, ExportedRun, Told, card
from olaria.export.front_matter import front_matter
from olaria.export.gpt2 import write_gpt2
from olaria.export.standalone import prompt_for
from olaria.export.torch_folder import write_torch
from olaria.models.base import Model
from olaria.models.language import LanguageModel
from olaria.storage.files import write_text


def write_hub(
    run: ExportedRun, model: Model, tokenizer: Tokenizer | None, folder: Path, told: Told
) -> None:
    """Write the folder's files.

    Args:
        run: whose card is written.
        model: its model.
        tokenizer: of a model of text.
        folder: is there and empty.
        told: what the card says besides.

    Raises:
        DataError: the tokenizer of a GPT-2 has no form there.
    """
    if not (isinstance(model, LanguageModel) and model.config.rung == "gpt"):
        write_torch(run, model, tokenizer, folder, told, front_matter(run, model, told))
        return
    assert tokenizer is not None
    write_gpt2(model, tokenizer, folder)
    head = front_matter(run, model, told, "transformers")
    prompt = json.dumps(prompt_for(tokenizer), ensure_ascii=False)
    write_text(folder / README, head + card("gpt2", run, told, {"prompt": prompt}))
