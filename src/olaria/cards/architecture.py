"""What a model is made of: its layers, their shapes and their numbers, from one example passed through it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from olaria.cards.context import Layer, Stage
from olaria.i18n import N_, Message
from olaria.models.base import Model
from olaria.models.outline import Outline, Value
from olaria.nn.conv import UpConv
from olaria.nn.quantize import Codebook, Quantized

Shape = tuple[int, ...]


_ATOMS = (nn.Linear, nn.Conv2d, nn.Embedding, nn.LayerNorm, Codebook)
"""Modules that count as one layer, whatever they contain."""
_ROLES = {
    "qkv": N_("linear: queries, keys, values"),
    "q": N_("linear: queries of the target"),
    "kv": N_("linear: keys, values of the source"),
    "attention_out": N_("linear: mixes the heads"),
    "out": N_("linear: mixes the heads"),
    "feed_in": N_("linear: feed-forward, in"),
    "feed_out": N_("linear: feed-forward, out"),
}
"""The role of a layer, by its name."""


def architecture(model: Model, dimensions: tuple[int, int, int] | int) -> tuple[Stage, ...]:
    """The parts of a model and what flows between them, in the order of reading.

    Args:
        model: in evaluation mode.
        dimensions: (C, H, W) of the images, or the size of the vocabulary or of a point.
    """
    shapes: dict[int, Shape] = {}

    def record(module: nn.Module, _inputs: Any, output: Any) -> None:
        output = output.vectors if isinstance(output, Quantized) else output
        shapes.setdefault(id(module), tuple(output.shape[1:]))

    atoms = [module for module in model.modules() if isinstance(module, _ATOMS)]
    hooks = [atom.register_forward_hook(record) for atom in atoms]
    try:
        with torch.no_grad():
            model.trace(dimensions)
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(_stages(_Layers(shapes).of(model), model.outline(dimensions)))


class _Layers:
    """The layers of a module by name; equal ones in a row count as one that repeats.

    Args:
        shapes: of the outputs, by the identity of the module.
    """

    def __init__(self, shapes: dict[int, Shape]) -> None:
        self._shapes = shapes

    def of(self, module: nn.Module) -> list[Layer]:
        """Names are relative to the module."""
        if isinstance(module, _ATOMS):
            return [self._layer("", module, module.parameters())]
        if isinstance(module, nn.ModuleList):
            return self._alike(list(module))
        layers = [
            self._layer(name, parameter, [parameter])
            for name, parameter in module.named_parameters(recurse=False)
        ]
        for name, child in module.named_children():
            for layer in self.of(child):
                group = _joined(name, layer.group) if layer.repeats > 1 else ""
                layers.append(replace(layer, name=_joined(name, layer.name), group=group))
        return [_with_role(layer) for layer in layers]

    def _alike(self, modules: list[nn.Module]) -> list[Layer]:
        rows, merged, start = [self.of(module) for module in modules], list[Layer](), 0
        for layers, equal in groupby(rows):
            count = len(list(equal))
            index = f"{start}" if count == 1 else f"{start}–{start + count - 1}"
            merged += [
                replace(
                    layer, name=_joined(index, layer.name), repeats=count * layer.repeats, group=""
                )
                for layer in layers
            ]
            start += count
        return merged

    def _layer(self, name: str, thing: nn.Module | Tensor, parameters: Iterable[Tensor]) -> Layer:
        weight = thing if isinstance(thing, Tensor) else getattr(thing, "weight", thing)
        shape = tuple(weight.shape) if isinstance(weight, Tensor) else ()
        count = sum(parameter.numel() for parameter in parameters)
        return Layer(name, _kind(thing), self._shapes.get(id(thing), shape), count)


def _joined(*names: str) -> str:
    return ".".join(name for name in names if name)


def _with_role(layer: Layer) -> Layer:
    """The layer with its role, where its name has one."""
    role = _ROLES.get(layer.name.rpartition(".")[2])
    return replace(layer, kind=Message(role)) if role and layer.kind.id == _LINEAR else layer


_LINEAR = N_("linear")


def _kind(thing: nn.Module | Tensor) -> Message:
    """What a layer does, in words."""
    kind = Message(N_("numbers of its own"))
    match thing:
        case nn.Linear():
            kind = Message(_LINEAR)
        case UpConv():
            kind = Message(N_("doubling, convolution 3×3"))
        case nn.Conv2d():
            side = "×".join(map(str, thing.kernel_size))
            message = N_("convolution {side}, stride {stride}")
            plain = N_("convolution {side}")
            stride = thing.stride[0]
            fields = {"side": side, "stride": stride}
            kind = Message(message, fields) if stride > 1 else Message(plain, {"side": side})
        case nn.Embedding():
            kind = Message(N_("table of {count} rows"), {"count": thing.num_embeddings})
        case nn.LayerNorm():
            kind = Message(N_("layer norm"))
        case Codebook():
            kind = Message(N_("codebook of {count} entries"), {"count": len(thing.entries)})
    if isinstance(thing, nn.Module) and parametrize.is_parametrized(thing, "weight"):
        return Message(N_("{kind}, spectral norm"), {"kind": kind})
    return kind


def _stages(layers: list[Layer], outline: Outline) -> Iterator[Stage]:
    """The outline, filled with the layers; what it does not name comes last, so that none is lost."""
    left = list(layers)
    for entry in outline:
        if isinstance(entry, Value):
            yield Stage(entry.title, shape=entry.shape)
            continue
        chosen = [layer for layer in left if layer.name.startswith(entry.names)]
        left = [layer for layer in left if layer not in chosen]
        if chosen:
            yield Stage(entry.title, tuple(chosen))
    if left:
        yield Stage(Message(N_("further numbers")), tuple(left))
