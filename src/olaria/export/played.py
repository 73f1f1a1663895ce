"""The pieces of a model that runs inside a page: its plain weights, and numbers that prove it equal to Python's."""

from __future__ import annotations

import base64
import copy
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from olaria.errors import ConfigError
from olaria.i18n import N_
from olaria.models.base import Model

Precision = Literal["float32", "float16", "int8"]
Inputs = Mapping[str, Tensor | float | None]
_LARGEST_INT8 = 127


@dataclass(frozen=True)
class Proof:
    """One call of the model, which the page repeats.

    Args:
        call: name of the method of the page's model.
        inputs: its arguments by name, in order: numbers, tensors or None.
        output: what Python computed.
        part: name of the part of what the page's method returns, where it returns several arrays.
    """

    call: str
    inputs: Inputs
    output: Tensor
    part: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values: inputs as flat lists, the output as base64 of little-endian float32."""
        inputs = {
            name: value.flatten().tolist() if isinstance(value, Tensor) else value
            for name, value in self.inputs.items()
        }
        output = {"shape": list(self.output.shape), "values": encoded(self.output)}
        part = {} if self.part is None else {"part": self.part}
        return {"call": self.call, **part, "inputs": inputs, "output": output}


@dataclass(frozen=True)
class Played:
    """What is written of a model, besides its settings.

    Args:
        tensors: its weights by the names that the page's modules read.
        proofs: see :class:`Proof`.
        tokenizer: JSON of the tokenizer of a model of text.
    """

    tensors: Mapping[str, Tensor]
    proofs: Sequence[Proof]
    tokenizer: Mapping[str, Any] | None = None


def encoded(values: Tensor) -> str:
    """Base64 of little-endian float32."""
    return base64.b64encode(_raw(values, torch.float32)).decode("ascii")


def _raw(values: Tensor, dtype: torch.dtype) -> bytes:
    """The numbers' bytes, little-endian."""
    array = values.detach().to(dtype).contiguous().numpy()
    return bytes(array.astype(array.dtype.newbyteorder("<")).tobytes())


def _is_scaled(name: str, value: Tensor) -> bool:
    """Whether a tensor is a matrix of weights, of which int8 rounds the rows; what is added stays exact."""
    return name.endswith("weight") and value.ndim > 1


def _whole(value: Tensor) -> tuple[Tensor, Tensor]:
    r"""Whole numbers of -127 to 127, (rows, columns), and the scale of each row, (rows, 1), so that their product is
    the nearest to the weights: :math:`s_i = \max_j |w_{ij}| / 127`.
    """
    rows = value.detach().float().flatten(1)
    scales = rows.abs().amax(1, keepdim=True) / _LARGEST_INT8
    return (rows / torch.where(scales > 0, scales, 1.0)).round(), scales


def short(values: Tensor) -> Tensor:
    """The numbers to four decimals, so that they are short as text and the page reads the same ones.

    JSON has no infinity: what is none becomes 0, and what the model makes of it tells the page enough.
    """
    numbers = values.double().nan_to_num(0.0, 0.0, 0.0).flatten().tolist()
    return torch.tensor([round(v, 4) for v in numbers]).view_as(values)


def plain_copy(model: Model, precision: Precision) -> Any:
    """A copy in evaluation mode whose weights are plain tensors, rounded to ``precision``.

    A spectral norm is computed into the weight that it constrains. In float16 and int8 the copy holds the rounded
    numbers as float32, so that both sides compute with the same ones.

    Raises:
        ConfigError: a number is beyond the largest one of float16.
    """
    plain = copy.deepcopy(model).eval().requires_grad_(False)
    for module in plain.modules():
        if parametrize.is_parametrized(module):
            _free(module)
    if precision == "int8":
        for name, value in plain.state_dict().items():
            if _is_scaled(name, value):
                whole, scales = _whole(value)
                value.copy_((whole * scales).view_as(value))
    if precision == "float16":
        for name, value in plain.state_dict().items():
            if not value.is_floating_point():
                continue
            rounded = value.to(torch.float16)
            if not rounded.isfinite().all():
                raise ConfigError(
                    N_(
                        "{tensor} holds numbers beyond float16, whose largest is 65504; use float32"
                    ),
                    tensor=name,
                )
            value.copy_(rounded)
    return plain


def _free(module: nn.Module) -> None:
    """Put plain weights in place of computed ones.

    Not by PyTorch's ``remove_parametrizations``, which changes the class that a copy shares with its original.
    """
    names = list(cast(nn.ModuleDict, module.parametrizations))
    weights = {name: getattr(module, name).detach() for name in names}
    module.__class__ = parametrize.type_before_parametrizations(module)
    del module.parametrizations
    for name, value in weights.items():
        module.register_parameter(name, nn.Parameter(value, requires_grad=False))


def packed(tensors: Mapping[str, Tensor], precision: Precision) -> dict[str, Any]:
    """The entries of a document that hold the tensors: shapes and places, bytes in order as base64, their checksum.

    A place counts numbers. In int8 it counts bytes, all else is float32, and a matrix of weights is ``scaled``: the
    scales of its rows, then its whole numbers, filled up to four bytes.
    """
    places, parts, at = dict[str, dict[str, Any]](), list[bytes](), 0
    for name, value in tensors.items():
        places[name] = {"shape": list(value.shape), "at": at}
        if precision != "int8":
            parts.append(_raw(value, getattr(torch, precision)))
            at += value.numel()
            continue
        if _is_scaled(name, value):
            whole, scales = _whole(value)
            places[name]["scaled"] = True
            parts += [
                _raw(scales, torch.float32),
                _raw(whole, torch.int8),
                bytes(-whole.numel() % 4),
            ]
        else:
            parts.append(_raw(value, torch.float32))
        at = sum(map(len, parts))
    weights = b"".join(parts)
    return {
        "precision": precision,
        "tensors": places,
        "weights": base64.b64encode(weights).decode("ascii"),
        "crc32": zlib.crc32(weights),
    }
