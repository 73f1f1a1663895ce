"""Work on a whole set, which several processes may share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

Part = Callable[[], Sequence[float]]
"""What a part of the set adds to each of the sums."""
Summed = Callable[[Sequence[Part], int], list[float]]
"""Parts, and how many sums, to the sums."""
Piece = Callable[[], Tensor]
"""What a part of the set gives."""
Joined = Callable[[Iterable[Piece]], list[Tensor]]
"""Pieces to what each of them gives. All of them are gone through in order, whoever computes them, so that numbers may
be drawn on the way."""


def alone(parts: Sequence[Part], count: int) -> list[float]:
    """The ``count`` sums of what all parts give.

    >>> alone([lambda: (1.0, 2.0), lambda: (3.0, 4.0)], 2)
    [4.0, 6.0]
    """
    sums = [0.0] * count
    for part in parts:
        sums = [total + more for total, more in zip(sums, part(), strict=True)]
    return sums


def each(pieces: Iterable[Piece]) -> list[Tensor]:
    """What each piece gives."""
    return [piece() for piece in pieces]


@dataclass(frozen=True)
class Sharing:
    """How the processes that measure together share what is to be done; by default there is one.

    Args:
        summed: adds up what parts give, each of them computed by one process.
        joined: gives all processes what each piece gives, each of them computed by one process.
    """

    summed: Summed = alone
    joined: Joined = each


ALONE = Sharing()
