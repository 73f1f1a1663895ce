r"""GPT-2 folders as the transformers library writes and reads them: ``config.json``, ``model.safetensors``,
``tokenizer.json``.

Their linear layers are stored as :math:`y = x W + b` with W (in, out), the transpose of ours. The head is the token
embedding, which may have rows that no token uses: the model here is without them. Nothing is unpickled, and nothing of
a folder is believed before it is checked: the settings first, then the names and shapes of the weights against them,
and only then the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from olaria.data.tokenizer import Tokenizer
from olaria.errors import ConfigError, DataError
from olaria.export.gpt2_weights import (
    PICKLES,
    PREFIX,
    TRANSPOSED,
    WEIGHTS,
    names_of,
    stored_weights,
    unlike,
    weight_files,
)
from olaria.export.strict_json import read_object, take
from olaria.export.tokenizer_json import (
    TOKENIZER,
    TOKENIZER_CONFIG,
    read_tokenizer,
    tokenizer_json,
)
from olaria.families.language import LanguageConfig
from olaria.i18n import N_, Message
from olaria.models.language import LanguageModel
from olaria.storage.files import write_bytes, write_json

CONFIG = "config.json"
MOST_CONFIG_BYTES = 1_000_000
MOST_LAYERS, MOST_POSITIONS = 1000, 16_384
"""More is not GPT-2, and would cost memory before the weights could be compared with it."""
_EPSILON = 1e-5
# What must be as GPT-2 has it, since the model here has nothing else.
_FIXED: dict[str, tuple[Any, ...]] = {
    "model_type": ("gpt2",),
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "layer_norm_epsilon": (_EPSILON,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
}
_USUAL: dict[str, Any] = {
    "activation_function": "gelu_new",
    "layer_norm_epsilon": _EPSILON,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
}


@dataclass(frozen=True)
class GPT2Folder:
    """A checked folder.

    Args:
        config: settings of the model.
        tokenizer: of its vocabulary.
        weights: reads the model's state, float32.
        notes: for the reader, about what was left out.
    """

    config: LanguageConfig
    tokenizer: Tokenizer
    weights: Callable[[], dict[str, Tensor]]
    notes: tuple[Message, ...] = ()


def is_gpt2_folder(path: Path) -> bool:
    """Whether ``path`` looks like a folder of another library's model, sound or not."""
    if not path.is_dir():
        return False
    return (path / CONFIG).is_file() or any(p.suffix in PICKLES for p in path.iterdir())


# -- out -------------------------------------------------------------------------------------------


def write_gpt2(model: LanguageModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the folder's files; logits of transformers' ``GPT2LMHeadModel`` are the model's.

    Args:
        model: on the rung ``gpt``.
        tokenizer: of its vocabulary.
        folder: is there and empty.

    Raises:
        DataError: the tokenizer has no such form.
    """
    assert model.config.rung == "gpt", "the other rungs have no form in GPT-2"
    described = tokenizer_json(tokenizer)
    tensors = {}
    names = names_of(model.config.num_layers)
    state = model.state_dict()
    for theirs, ours in names.items():
        value = state[ours].detach().float()
        tensors[PREFIX + theirs] = (value.T if theirs.endswith(TRANSPOSED) else value).contiguous()
    write_bytes(folder / WEIGHTS, save(tensors, metadata={"format": "pt"}))
    write_json(folder / TOKENIZER, described)
    write_json(folder / TOKENIZER_CONFIG, _tokenizer_config(model.context))
    write_json(folder / CONFIG, _config_json(model.config, model.vocab_size))


def _config_json(config: LanguageConfig, vocab_size: int) -> dict[str, Any]:
    dropout = dict.fromkeys(("embd_pdrop", "resid_pdrop"), config.dropout)
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        **_USUAL,
        **dropout,
        "attn_pdrop": 0.0,
        "vocab_size": vocab_size,
        "n_positions": config.context,
        "n_embd": config.width,
        "n_layer": config.num_layers,
        "n_head": config.num_heads,
        "n_inner": None,
        "bos_token_id": None,
        "eos_token_id": None,
        "dtype": "float32",
    }


def _tokenizer_config(context: int) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }


# -- in --------------------------------------------------------------------------------------------


def open_gpt2(folder: Path) -> GPT2Folder:
    """Read a folder's settings and tokenizer, and check its weights' names and shapes.

    Raises:
        DataError: a file is missing, damaged, of another model, or a pickle (which is not opened).
    """
    files = weight_files(folder)
    path = folder / CONFIG
    values = read_object(path, MOST_CONFIG_BYTES)
    config = _config(values, path)
    num_rows = take(values, "vocab_size", int, path, 50257)
    tokenizer, notes = read_tokenizer(folder, num_rows)
    unused = num_rows - tokenizer.vocab_size
    if unused < 0:
        raise DataError(
            N_("{path} has {found} tokens and the model {expected}; they are not of one model"),
            path=str(folder / TOKENIZER),
            found=tokenizer.vocab_size,
            expected=num_rows,
        )
    if unused:
        fields = {"path": str(folder), "count": unused}
        left_out = N_(
            "{count} {count:row|rows} of the embedding in {path} {count:is|are} "
            "left out: no token uses {count:it|them}"
        )
        notes = (*notes, Message(left_out, fields))
    stored = stored_weights(files, config, num_rows, tokenizer.vocab_size)
    return GPT2Folder(config, tokenizer, stored.read, notes)


def _config(values: Mapping[str, Any], path: Path) -> LanguageConfig:
    """The settings; whatever the model here does not have is an error that names it."""
    for name, known in _FIXED.items():
        value = values.get(name, _USUAL.get(name))
        if not any(value == other and isinstance(value, type(other)) for other in known):
            raise unlike(name, value, path)
    width = take(values, "n_embd", int, path, 768)
    inner = take(values, "n_inner", int, path, None)
    if inner not in (None, 4 * width):
        raise unlike("n_inner", inner, path)
    settings: dict[str, Any] = {
        "context": take(values, "n_positions", int, path, 1024),
        "num_layers": take(values, "n_layer", int, path, 12),
        "num_heads": take(values, "n_head", int, path, 12),
        "width": width,
        "dropout": float(take(values, "resid_pdrop", (int, float), path, 0.1)),
    }
    for name, value, most in (
        ("n_layer", settings["num_layers"], MOST_LAYERS),
        ("n_positions", settings["context"], MOST_POSITIONS),
    ):
        if value > most:
            raise unlike(name, value, path)
    try:
        return LanguageConfig.parse({"rung": "gpt", **settings}, str(path))
    except ConfigError as error:
        raise DataError(error.message.id, **error.message.fields) from None
