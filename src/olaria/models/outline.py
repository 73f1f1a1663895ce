"""The outline of a model for people: its parts, and the values that flow from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from olaria.i18n import N_, Message


@dataclass(frozen=True)
class Value:
    """What flows from one part to the next.

    Args:
        title: what it is.
        shape: of one example's.
    """

    title: Message
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """Layers that belong together: encoder, decoder, generator, …

    Args:
        title: what they are.
        names: with which their names in the model begin. A layer is of the first part that names it; a part without a
            layer is left out.
    """

    title: Message
    names: tuple[str, ...]


Outline = Sequence[Value | Part]
"""In the order of reading."""


def value(title: str, *shape: int, **fields: Any) -> Value:
    """A value by its title, a source string, and the fields of that."""
    return Value(Message(title, fields), shape)


def layers_of(title: str, *names: str, **fields: Any) -> Part:
    """A part by its title, a source string, and the fields of that."""
    return Part(Message(title, fields), names)


def plain(dimensions: tuple[int, int, int] | int) -> Outline:
    """Of any model: what it reads, all its layers, and an output of the same dimensions."""
    shape = dimensions if isinstance(dimensions, tuple) else (dimensions,)
    return [
        value(N_("input"), *shape),
        layers_of(N_("layers"), ""),
        value(N_("output"), *shape),
    ]


def pixels(shape: tuple[int, int, int]) -> Outline:
    """The end of a model whose decoder gives the distribution of pixels (C, H, W)."""
    return [
        value(N_("means of the pixels"), *shape),
        layers_of(N_("scale of the pixels"), "log_scale"),
    ]
