"""Sums over a whole set, which several processes may share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Part = Callable[[], Sequence[float]]
"""What a part of the set adds to each of the sums."""
Summed = Callable[[Sequence[Part], int], list[float]]
"""Parts, and how many sums, to the sums."""


def alone(parts: Sequence[Part], count: int) -> list[float]:
    """The ``count`` sums of what all parts give.

    >>> alone([lambda: (1.0, 2.0), lambda: (3.0, 4.0)], 2)
    [4.0, 6.0]
    """
    sums = [0.0] * count
    for part in parts:
        sums = [total + more for total, more in zip(sums, part(), strict=True)]
    return sums
