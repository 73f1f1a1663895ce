"""Where a name finds room in a drawing: beside what it names, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in units of the drawing."""

LETTER = 7.4
"""Width of a letter of a name, about; measured of Liberation Sans at 13 units, with some room."""
HEIGHT = 17.0
_APART = 5.0
_STEP = 3.0
_ROWS = 4
"""Heights of a name, away from the line that it names, that a name may stand."""


def box_of(text: str, left: float, middle: float) -> Box:
    """The box of a name whose left end and middle height are known."""
    return left, middle - HEIGHT / 2, left + LETTER * len(text) + 4, middle + HEIGHT / 2


def along(x: Array, y: Array) -> Array:
    """Places along a polyline, close to each other, (N, 2); gaps stay."""
    found = [np.stack((x, y), 1)]
    for a, b in zip(found[0][:-1], found[0][1:], strict=True):
        length = float(np.hypot(*(b - a)))
        if np.isfinite(length) and length > _STEP:
            share = np.arange(_STEP, length, _STEP)[:, None] / length
            found.append(a + share * (b - a))
    every = np.concatenate(found)
    return every[np.isfinite(every).all(1)]


class Free:
    """What is taken of a drawing: by places that no name may hide, and by the names that found theirs.

    Args:
        taken: places, (N, 2) each.
        within: names outside of this box have no room; anywhere where None.
    """

    def __init__(self, taken: Sequence[Array], within: Box | None = None) -> None:
        self._places = np.concatenate([np.zeros((0, 2)), *taken])
        self._names: list[Box] = []
        self._within = within

    def best(self, boxes: Iterable[Box]) -> Box:
        """The first of the boxes that hides the least; it is taken then."""
        chosen = min(boxes, key=self._hidden)
        self._names.append(chosen)
        return chosen

    def first(self, boxes: Iterable[Box]) -> Box | None:
        """The first of the boxes that hides nothing; it is taken then. None where there is none."""
        found = next((box for box in boxes if self._fits(box) and not self._hidden(box)), None)
        if found is not None:
            self._names.append(found)
        return found

    def _fits(self, box: Box) -> bool:
        if self._within is None:
            return True
        left, top, right, bottom = self._within
        return left <= box[0] and top <= box[1] and box[2] <= right and box[3] <= bottom

    def _hidden(self, box: Box) -> int:
        left, top, right, bottom = box
        x, y = self._places[:, 0], self._places[:, 1]
        places = int(((x > left) & (x < right) & (y > top) & (y < bottom)).sum())
        names = sum(
            left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
            for other in self._names
        )
        return places + 1000 * names


def beside_level(text: str, frame: Box, y: float) -> Iterator[Box]:
    """Above and below a horizontal line, the nearest first, from its right end to its left; inside of the frame."""
    left, top, right, bottom = frame
    width = box_of(text, 0, 0)[2]
    starts = np.arange(right - width, left, -width / 4) if width < right - left else [left]
    for row in range(_ROWS):
        for middle in (y - 2 - HEIGHT * (row + 0.5), y + 2 + HEIGHT * (row + 0.5)):
            if top <= middle - HEIGHT / 2 and middle + HEIGHT / 2 <= bottom:
                yield from (box_of(text, float(start), middle) for start in starts)
    yield box_of(text, max(left, right - width), y)  # where the frame is lower than a name


def beside_mark(text: str, frame: Box, x: float) -> Iterator[Box]:
    """At both sides of a vertical line, from its upper end down; inside of the frame."""
    left, top, right, bottom = frame
    width = box_of(text, 0, 0)[2]
    sides = [start for start in (x + _APART, x - _APART - width) if left <= start <= right - width]
    for middle in np.arange(top + HEIGHT / 2, bottom - HEIGHT / 2, HEIGHT):
        yield from (box_of(text, start, float(middle)) for start in sides)
    yield box_of(text, max(left, min(x, right - width)), top + HEIGHT / 2)


def beside_point(text: str, x: float, y: float) -> Iterator[Box]:
    """Right, left, above and below a point, then at its corners."""
    width = box_of(text, 0, 0)[2]
    near, up = _APART - 1, HEIGHT / 2 + _APART - 3
    for start, middle in (
        (x + near, y),
        (x - near - width, y),
        (x - width / 2, y - up),
        (x - width / 2, y + up),
        (x + near - 2, y - up),
        (x + near - 2, y + up),
        (x - near + 2 - width, y - up),
        (x - near + 2 - width, y + up),
    ):
        yield box_of(text, start, middle)
