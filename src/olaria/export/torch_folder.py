"""A run's model as plain PyTorch: weights, settings and one readable file, which needs no Olaria."""

from __future__ import annotations

from pathlib import Path

from olaria.data.tokenizer import Tokenizer
from olaria.export.card import README, ExportedRun, Told, card, table
from olaria.export.standalone import standalone, write_tokenizer, write_weights
from olaria.models.base import Model
from olaria.storage.files import write_text


def write_torch(
    run: ExportedRun,
    model: Model,
    tokenizer: Tokenizer | None,
    folder: Path,
    told: Told,
    head: str = "",
) -> None:
    """Write the folder's files; its ``model.py`` computes what the model computes, to 1e-6 in float32.

    Args:
        run: whose card is written.
        model: its model.
        tokenizer: of a model of text.
        folder: is there and empty.
        told: what the card says besides.
        head: front matter of the README, where the folder is for the Hugging Face hub.
    """
    alone = standalone(model, run.dimensions())
    write_weights(alone, folder)
    if tokenizer is not None:
        write_tokenizer(tokenizer, folder)
    rows = [(f"`{name}`", str(tuple(shape))) for name, shape in alone.tensors()]
    values = {"example": alone.example(tokenizer), "tensors": table(rows)}
    values["text"] = "" if tokenizer is None else tokenizer.kind
    values["hub"] = head
    write_text(folder / README, head + card("torch", run, told, values))
