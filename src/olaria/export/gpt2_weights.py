r"""The weights in a GPT-2 folder: ``model.safetensors``, or several files and the index that names them.

Nothing is believed before it is checked: names, shapes and number formats in the files' headers come first, the
numbers after them. A file whose linear layers have the other orientation is refused by its first matrix that is not
square, before any number is read: a square one cannot be told from its transpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from olaria.data.entries import check_fetched
from olaria.errors import DataError
from olaria.export.strict_json import read_object
from olaria.families.language import LanguageConfig
from olaria.i18n import N_
from olaria.storage.files import storage_errors
from olaria.storage.paths import openable

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack")
"""Endings of weights that are not opened: most are pickles, which can run programs."""
MOST_INDEX_BYTES = 10_000_000
PREFIX = "transformer."
TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
_HEAD, _TOKENS = "lm_head.weight", "wte.weight"
_MASKS = (".attn.bias", ".attn.masked_bias")
_DTYPES = ("F32", "F16", "BF16", "F64")
# Theirs to ours; matrices of linear layers are transposed.
_OUTER = {
    _TOKENS: "embedding.weight",
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


@dataclass(frozen=True)
class StoredWeights:
    """Weights whose headers are sound.

    Args:
        names: their names of the tensors to ours.
        places: file of each of their names, and its name there.
        vocab_size: rows of the embedding that are read, the first ones.
    """

    names: Mapping[str, str]
    places: Mapping[str, tuple[Path, str]]
    vocab_size: int

    def read(self) -> dict[str, Tensor]:
        """The model's state, float32.

        Raises:
            DataError: a file is damaged, has numbers that are not finite, or a head other than the embedding.
        """
        state, head = {}, None
        path = self.places[_TOKENS][0]
        with ExitStack() as opened:
            files: dict[Path, Any] = {}
            try:
                for theirs, (path, name) in self.places.items():
                    with storage_errors(path):
                        if path not in files:
                            there = opened.enter_context(openable(path))
                            files[path] = opened.enter_context(safe_open(there, framework="pt"))
                        value = files[path].get_tensor(name).float()
                    if theirs in (_HEAD, _TOKENS):  # the rest of the rows no token uses
                        value = value[: self.vocab_size]
                    if theirs == _HEAD:
                        head = value
                        continue
                    if not torch.isfinite(value).all():
                        raise _not_finite(path, name)
                    value = value.T if theirs.endswith(TRANSPOSED) else value
                    state[self.names[theirs]] = value.contiguous()
            except SafetensorError as error:
                raise _damaged(path, error) from None
        if head is not None and not torch.equal(head, state[_OUTER[_TOKENS]]):
            raise unlike("tie_word_embeddings", False, self.places[_HEAD][0])
        return {ours: state[ours] for ours in self.names.values()}


def weight_files(folder: Path) -> Sequence[Path]:
    """The files of a folder's weights, sorted.

    Raises:
        DataError: there are none that are opened, or the index names what is no file of this folder.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        return _indexed(folder)
    pickled = sorted(path for path in folder.iterdir() if path.suffix in PICKLES)
    if pickled:
        raise DataError(
            N_(
                "{path} is not opened: a file of this kind can run programs; if you trust it, the transformers "
                "library saves it as {file}: {command}"
            ),
            path=str(pickled[0]),
            file=WEIGHTS,
            command='GPT2LMHeadModel.from_pretrained("old").save_pretrained("new")',
        )
    raise DataError(N_("{path} is missing; give a whole folder"), path=str(folder / WEIGHTS))


def _indexed(folder: Path) -> Sequence[Path]:
    index = folder / INDEX
    places = read_object(index, MOST_INDEX_BYTES).get("weight_map")
    names = set(map(str, places.values())) if isinstance(places, dict) else set()
    # Only files beside it: a name with a folder in it could lead anywhere.
    if not names or any(Path(name).name != name or "\\" in name for name in names):
        raise DataError(
            N_("{path} does not name the files of the weights beside it; give a whole folder"),
            path=str(index),
        )
    for name in sorted(names):
        if not (folder / name).is_file():
            raise DataError(N_("{path} is missing; give a whole folder"), path=str(folder / name))
    return [folder / name for name in sorted(names)]


def stored_weights(
    files: Sequence[Path], config: LanguageConfig, num_rows: int, vocab_size: int
) -> StoredWeights:
    """Compare names, shapes and number formats in the files' headers with the settings.

    Args:
        files: see :func:`weight_files`.
        config: of the model.
        num_rows: of the embedding, as the settings have it.
        vocab_size: of its tokenizer, at most as many.

    Raises:
        DataError: a tensor is of another shape or format, missing, stored twice, or none of GPT-2's.
    """
    names = names_of(config.num_layers)
    shapes = _shapes(config, num_rows, names)
    places: dict[str, tuple[Path, str]] = {}
    for path in files:
        try:
            with (
                storage_errors(path),
                openable(path) as there,
                safe_open(there, framework="pt") as file,
            ):
                for name in file.keys():  # noqa: SIM118 (it is no mapping)
                    short = name.removeprefix(PREFIX)
                    if short.endswith(_MASKS):
                        continue  # causal masks, in older files
                    if short in places:
                        raise _unexpected(path, name)
                    _check(path, name, file.get_slice(name), shapes.get(short))
                    places[short] = (path, name)
        except SafetensorError as error:
            raise _damaged(path, error) from None
    missing = sorted(names.keys() - places.keys())
    if missing:
        raise DataError(
            N_("{path} lacks the tensor {name}, which its config.json asks for"),
            path=str(files[0]),
            name=missing[0],
        )
    return StoredWeights(names, places, vocab_size)


def _check(path: Path, name: str, part: Any, expected: tuple[int, ...] | None) -> None:
    """Raise what is wrong with a tensor by its header."""
    if expected is None:
        raise _unexpected(path, name)
    shape, dtype = tuple(part.get_shape()), part.get_dtype()
    if shape == expected and dtype in _DTYPES:
        return
    fields: dict[str, Any] = {
        "name": name,
        "path": str(path),
        "found": "×".join(map(str, shape)),
        "expected": "×".join(map(str, expected)),
    }
    if shape == expected[::-1] and name.endswith(TRANSPOSED):
        raise DataError(
            N_(
                "{name} in {path} is {found} and GPT-2 stores it as {expected}: these are weights of nn.Linear; "
                "transpose all matrices of linear layers, which are Conv1D in GPT-2"
            ),
            **fields,
        )
    raise DataError(
        N_("{name} in {path} is {dtype} of shape {found}; it must be {dtypes} of shape {expected}"),
        **fields,
        dtype=dtype,
        dtypes="|".join(_DTYPES),
    )


def _unexpected(path: Path, name: str) -> DataError:
    return DataError(
        N_("{path} has a tensor {name} that a GPT-2 of these settings has not"),
        path=str(path),
        name=name,
    )


def _not_finite(path: Path, name: str) -> DataError:
    return DataError(
        N_("{name} in {path} has numbers that are not finite"), name=name, path=str(path)
    )


def _damaged(path: Path, error: Exception) -> DataError:
    with storage_errors(path):
        check_fetched(path)
    reason = str(error).splitlines()[0][:120]
    return DataError(
        N_("{path} is not a sound safetensors file ({reason})"), path=str(path), reason=reason
    )


def unlike(name: str, value: Any, path: Path) -> DataError:
    """The error of a setting that the model here does not have."""
    return DataError(
        N_("{path} is not a GPT-2 that can be read here: its {name} is {value}"),
        path=str(path),
        name=name,
        value=str(value)[:60],
    )


def names_of(num_layers: int) -> dict[str, str]:
    """Their names to ours, for a number of layers."""
    inner = {
        f"h.{layer}.{theirs}.{kind}": f"blocks.{layer}.{ours}.{kind}"
        for layer in range(num_layers)
        for theirs, ours in _LAYERS.items()
        for kind in ("weight", "bias")
    }
    return {**_OUTER, **inner}


def _shapes(
    config: LanguageConfig, num_rows: int, names: Mapping[str, str]
) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor as a file has it; the head is the embedding once more."""
    width = config.width
    outputs = {"attn.c_attn": 3, "attn.c_proj": 1, "mlp.c_fc": 4, "mlp.c_proj": 1}
    shapes: dict[str, tuple[int, ...]] = {
        _TOKENS: (num_rows, width),
        _HEAD: (num_rows, width),
        "wpe.weight": (config.context, width),
    }
    for name in names:
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
