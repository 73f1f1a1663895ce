r"""GPT-2 folders as the transformers library writes and reads them: ``config.json``, ``model.safetensors``,
``tokenizer.json``.

Their linear layers are stored as :math:`y = x W + b` with W (in, out), the transpose of ours. The head is the token
embedding. Nothing is unpickled, and nothing of a folder is believed before it is checked: the settings first, then
the names and shapes in the file's header against them, and only then the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from olaria.data.tokenizer import Tokenizer
from olaria.errors import ConfigError, DataError
from olaria.export.strict_json import read_object, take
from olaria.export.tokenizer_json import TOKENIZER, read_tokenizer, tokenizer_json
from olaria.families.language import LanguageConfig
from olaria.i18n import N_
from olaria.models.language import LanguageModel
from olaria.storage.files import storage_errors, write_bytes, write_json

CONFIG, WEIGHTS, TOKENIZER_CONFIG = "config.json", "model.safetensors", "tokenizer_config.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack")
"""Endings of weights that are not opened: most are pickles, which can run programs."""
MOST_CONFIG_BYTES = 1_000_000
MOST_LAYERS, MOST_POSITIONS = 1000, 16_384
"""More is not GPT-2, and would cost memory before the weights could be compared with it."""
_EPSILON = 1e-5
_DTYPES = {"F32", "F16", "BF16"}
_PREFIX, _HEAD = "transformer.", "lm_head.weight"
# Theirs to ours; matrices of linear layers are transposed.
_OUTER = {
    "wte.weight": "embedding.weight",
    "wpe.weight": "positions.weight",
    "ln_f.weight": "norm.weight",
    "ln_f.bias": "norm.bias",
}
_LAYERS = {
    "ln_1": "norm_1",
    "attn.c_attn": "qkv",
    "attn.c_proj": "attention_out",
    "ln_2": "norm_2",
    "mlp.c_fc": "feed_in",
    "mlp.c_proj": "feed_out",
}
_TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
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
    """

    config: LanguageConfig
    tokenizer: Tokenizer
    weights: Callable[[], dict[str, Tensor]]


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
    names = _names(model.config.num_layers)
    state = model.state_dict()
    for theirs, ours in names.items():
        value = state[ours].detach().float()
        tensors[_PREFIX + theirs] = (
            value.T if theirs.endswith(_TRANSPOSED) else value
        ).contiguous()
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
    if not (folder / WEIGHTS).is_file():
        raise _no_weights(folder)
    path = folder / CONFIG
    values = read_object(path, MOST_CONFIG_BYTES)
    config = _config(values, path)
    vocab_size = take(values, "vocab_size", int, path, 50257)
    tokenizer = read_tokenizer(folder / TOKENIZER)
    if tokenizer.vocab_size != vocab_size:
        raise DataError(
            N_("{path} has {found} tokens and the model {expected}; they are not of one model"),
            path=str(folder / TOKENIZER),
            found=tokenizer.vocab_size,
            expected=vocab_size,
        )
    shapes = _shapes(config, vocab_size)
    found = _check_header(folder / WEIGHTS, shapes)
    return GPT2Folder(config, tokenizer, lambda: _read(folder / WEIGHTS, shapes, found))


def _no_weights(folder: Path) -> DataError:
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickled:
        return DataError(
            N_(
                "{path} is not opened: a file of this kind can run programs; "
                "ask for the model as model.safetensors"
            ),
            path=str(folder / pickled[0]),
        )
    if (folder / f"{WEIGHTS}.index.json").exists():
        return DataError(
            N_("the weights in {path} are in several files; save them as one model.safetensors"),
            path=str(folder),
        )
    return DataError(N_("{path} is missing; give a whole folder"), path=str(folder / WEIGHTS))


def _config(values: Mapping[str, Any], path: Path) -> LanguageConfig:
    """The settings; whatever the model here does not have is an error that names it."""
    for name, known in _FIXED.items():
        value = values.get(name, _USUAL.get(name))
        if not any(value == other and isinstance(value, type(other)) for other in known):
            raise _unlike(name, value, path)
    width = take(values, "n_embd", int, path, 768)
    inner = take(values, "n_inner", int, path, None)
    if inner not in (None, 4 * width):
        raise _unlike("n_inner", inner, path)
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
            raise _unlike(name, value, path)
    try:
        return LanguageConfig.parse({"rung": "gpt", **settings}, str(path))
    except ConfigError as error:
        raise DataError(error.message.id, **error.message.fields) from None


def _unlike(name: str, value: Any, path: Path) -> DataError:
    return DataError(
        N_("{path} is not a GPT-2 that can be read here: its {name} is {value}"),
        path=str(path),
        name=name,
        value=str(value)[:60],
    )


def _check_header(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Compare names, shapes and number formats; our names of their tensors to the names in the file."""
    found = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no mapping)
                short = name.removeprefix(_PREFIX)
                if short.endswith((".attn.bias", ".attn.masked_bias")):
                    continue  # causal masks, in older files
                head = "wte.weight" if short == _HEAD else short
                part = file.get_slice(name)
                if head not in shapes:
                    raise DataError(
                        N_("{path} has a tensor {name} that a GPT-2 of these settings has not"),
                        path=str(path),
                        name=name,
                    )
                if tuple(part.get_shape()) != shapes[head] or part.get_dtype() not in _DTYPES:
                    raise _shaped(path, name, part, shapes[head])
                found[short] = name
    except SafetensorError as error:
        raise _damaged(path, error) from None
    missing = sorted(shapes.keys() - found.keys())
    if missing:
        raise DataError(
            N_("{path} lacks the tensor {name}, which its config.json asks for"),
            path=str(path),
            name=missing[0],
        )
    return found


def _shaped(path: Path, name: str, part: Any, expected: tuple[int, ...]) -> DataError:
    return DataError(
        N_("{name} in {path} is {dtype} of shape {found}, not a number format of shape {expected}"),
        name=name,
        path=str(path),
        dtype=part.get_dtype(),
        found="×".join(map(str, part.get_shape())),
        expected="×".join(map(str, expected)),
    )


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).splitlines()[0][:120]
    return DataError(
        N_("{path} is not a sound safetensors file ({reason})"), path=str(path), reason=reason
    )


def _read(
    path: Path, shapes: Mapping[str, tuple[int, ...]], found: Mapping[str, str]
) -> dict[str, Tensor]:
    names = _names((len(shapes) - len(_OUTER)) // (2 * len(_LAYERS)))
    state = {}
    try:
        with storage_errors(path), safe_open(path, framework="pt") as file:
            for theirs, ours in names.items():
                value = file.get_tensor(found[theirs]).float()
                value = value.T if theirs.endswith(_TRANSPOSED) else value
                state[ours] = value.contiguous()
            head = file.get_tensor(found[_HEAD]).float() if _HEAD in found else None
    except SafetensorError as error:
        raise _damaged(path, error) from None
    if head is not None and not torch.equal(head, state["embedding.weight"]):
        raise _unlike("tie_word_embeddings", False, path)
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise DataError(
                N_("{name} in {path} has numbers that are not finite"), name=name, path=str(path)
            )
    return state


def _names(num_layers: int) -> dict[str, str]:
    """Their names to ours, for a number of layers."""
    inner = {
        f"h.{layer}.{theirs}.{kind}": f"blocks.{layer}.{ours}.{kind}"
        for layer in range(num_layers)
        for theirs, ours in _LAYERS.items()
        for kind in ("weight", "bias")
    }
    return {**_OUTER, **inner}


def _shapes(config: LanguageConfig, vocab_size: int) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor as a file has it."""
    width = config.width
    outputs = {"attn.c_attn": 3, "attn.c_proj": 1, "mlp.c_fc": 4, "mlp.c_proj": 1}
    shapes: dict[str, tuple[int, ...]] = {
        "wte.weight": (vocab_size, width),
        "wpe.weight": (config.context, width),
    }
    for name in _names(config.num_layers):
        layer, _, kind = name.removeprefix("h.").partition(".")[2].rpartition(".")
        if name in shapes:
            continue
        if layer not in outputs:  # a norm
            shapes[name] = (width,)
        elif kind == "bias":
            shapes[name] = (outputs[layer] * width,)
        else:
            inputs = 4 if layer == "mlp.c_proj" else 1
            shapes[name] = (inputs * width, outputs[layer] * width)
    return shapes
