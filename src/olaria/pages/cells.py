"""Figures of a lesson that are tables: a colour or a bar beside each number, computed here and laid out by a template.

There the picture *is* the table: it can be read without seeing colours, with a screen reader and on paper.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from olaria.characters import legible
from olaria.i18n import Message
from olaria.lessons.figures import Bars, Heat, Table, Tokens, Words
from olaria.lessons.texts import visible
from olaria.numbers import format_number
from olaria.pages.labels import number
from olaria.pages.page import plain_words, rich_words
from olaria.pages.palette import BLUE, CLAY

NARROW = 12
"""Columns up to which the cells of a heat map show their numbers from the beginning."""
WIDE = 24
"""Columns from which on its cells are smaller."""
_UNSEEN = re.compile(r"^\s+|\s+$|\s{2,}|[^\S ]")
_TOKEN_STRENGTH = 0.75
_STRIPES = ("#f3e2dc", "#dbe8f0")


@dataclass(frozen=True)
class Cell:
    """A number or words in a table.

    Args:
        text: in the reader's notation.
        kind: classes of its style: ``n`` a number, ``eq`` one that equals its neighbours, ``w`` white on dark, ``no``
            an empty cell.
        colour: behind it; none where empty.
        left: of a bar, in percent of the column.
        width: the same.
    """

    text: Markup | str
    kind: str = ""
    colour: str = ""
    left: float = 0.0
    width: float = 0.0


def in_a_line(text: str) -> str:
    """Words with only that white space made visible that would not be seen: at the ends, doubled, or of another kind.

    >>> in_a_line(" to be\\n")
    '␣to be↵'
    """
    return legible(_UNSEEN.sub(lambda found: visible(found[0]), text))


def name(words: Words, language: str) -> Markup:
    """Of a row or a column."""
    return escape(visible(words)) if isinstance(words, str) else rich_words(words, language)


def names(words: Sequence[Words], language: str) -> list[Markup]:
    """Of rows or columns."""
    return [name(each, language) for each in words]


def table_rows(figure: Table, language: str) -> list[list[Cell]]:
    """Rows of a table."""

    def cell(value: Words | float, column: int) -> Cell:
        if isinstance(value, str):
            return Cell(in_a_line(value))
        if isinstance(value, Message):
            return Cell(rich_words(value, language))
        is_count = isinstance(value, int)
        text = (
            format_number(value, language, 0)
            if is_count
            else number(value, language, figure.digits)
        )
        return Cell(text, "n eq" if column in figure.equal else "n")

    return [[cell(value, i) for i, value in enumerate(row)] for row in figure.rows]


def first_power(figure: Bars) -> float | None:
    """Where the bars of a logarithmic scale begin: the power of ten below the least number; None of another scale.

    >>> first_power(Bars("", ("a", "b"), (("s", np.array([1.0, 1481.0])),), by_factors=True))
    0.1
    """
    every = np.concatenate([np.asarray(numbers, float) for _, numbers in figure.series])
    finite = every[np.isfinite(every)]
    if not figure.by_factors or not finite.size or finite.min() <= 0:
        return None
    return float(10.0 ** (math.ceil(math.log10(finite.min())) - 1))


def bar_rows(figure: Bars, language: str) -> list[list[Cell]]:
    """For each label a bar of each series; below zero a bar goes to the left."""
    columns = [np.asarray(numbers, float) for _, numbers in figure.series]
    first = first_power(figure)

    def length(values: Any) -> Any:
        return values if first is None else np.log10(values / first)

    lengths = length(np.concatenate(columns))
    finite = lengths[np.isfinite(lengths)]
    least, largest = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    span = (largest - least) or 1.0

    def cell(value: float, which: int) -> Cell:
        if not math.isfinite(value):
            return Cell("—", "n")
        size = float(length(value))
        left = 100 * (min(size, 0.0) - least) / span
        width = max(100 * abs(size) / span, 0.3 if size else 0.0)
        colour = BLUE if (size >= 0) != bool(which) else CLAY
        return Cell(number(value, language), "n", colour, left, width)

    return [
        [cell(float(column[i]), j) for j, column in enumerate(columns)]
        for i in range(len(figure.labels))
    ]


def heat_rows(figure: Heat, language: str) -> list[list[Cell]]:
    """Coloured cells of a matrix."""
    values = np.asarray(figure.values, float)
    finite = values[np.isfinite(values)]
    largest = float((np.abs(finite) if figure.signed else finite).max(initial=0.0))
    least = 0.0 if figure.signed else float(finite.min(initial=0.0))
    span = (largest - least) or 1.0

    def cell(value: float) -> Cell:
        if math.isnan(value):
            return Cell("", "no")
        if math.isinf(value):
            return Cell(number(value, language))
        colour, is_dark = mixed((value - least) / span)
        text = format_number(value, language, figure.digits)
        return Cell(text, "w" if is_dark else "", colour)

    return [[cell(value) for value in row] for row in values.tolist()]


def token_cells(figure: Tokens, language: str) -> list[tuple[Cell, str]]:
    """Each token on its colour, and its note; what the colour stands for is told there too."""
    values = np.full(len(figure.tokens), np.nan) if figure.values is None else figure.values
    values = np.asarray(values, float)
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0
    unit = plain_words(figure.unit, language)
    found = []
    for i, token in enumerate(figure.tokens):
        notes = [plain_words(figure.notes[i], language)] if figure.notes else []
        colour, is_dark = _STRIPES[i % 2], False
        if figure.values is not None:
            known = math.isfinite(values[i])
            colour, is_dark = mixed(_TOKEN_STRENGTH * values[i] / largest if known else 0.0)
            notes.insert(0, f"{number(values[i], language)} {unit}".strip())
        found.append((Cell(visible(token), "w" if is_dark else "", colour), " · ".join(notes)))
    return found


def mixed(share: float) -> tuple[str, bool]:
    """White at 0, the blue at 1, the red at -1; and whether white text reads better on it.

    >>> mixed(0.0), mixed(1.0)
    (('#ffffff', False), ('#1f6a96', True))
    """
    end = BLUE if share >= 0 else CLAY
    channels = [int(end[i : i + 2], 16) for i in (1, 3, 5)]
    rgb = [round(255 + (channel - 255) * min(1.0, abs(share))) for channel in channels]
    return "#" + "".join(f"{channel:02x}" for channel in rgb), _luminance(rgb) < 0.179


def _luminance(rgb: Sequence[int]) -> float:
    """Relative luminance; below 0.179 white has more contrast than black (WCAG 2.2, *relative luminance*)."""
    shares = [channel / 255 for channel in rgb]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
