"""Figures that an author chose, as the report shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from olaria.cards.figures import Figure
from olaria.pages.labels import without_folders
from olaria.pages.pictures import Picture, data_uri

MOST_ROWS = 40
"""Of a figure's numbers; more are thinned."""
WIDE, TALL = 680, 460
"""CSS pixels of a picture that is wider than high, and of any other."""
_WIDER = 1.3


@dataclass(frozen=True)
class Chosen:
    """One figure of the page.

    Args:
        figure: as it was read.
        picture: of it.
        caption: its words.
        rows: of its numbers, those that are shown: numbers where they are, and words.
    """

    figure: Figure
    picture: Picture
    caption: str
    rows: list[list[float | str]]

    @property
    def num_rows(self) -> int:
        """Of all its numbers."""
        return len(self.figure.rows)


def chosen(figure: Figure) -> Chosen:
    """A figure as the page shows it."""
    width, height = figure.size
    shown = min(width, WIDE if width > _WIDER * height else TALL)
    caption = " ".join(
        without_folders(line) for line in figure.caption.splitlines() if line.strip()
    )
    picture = Picture(data_uri(figure.picture), caption, shown)
    rows = [[_value(cell) for cell in row] for row in _thinned(figure.rows)]
    return Chosen(figure, picture, caption, rows)


def _thinned(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Some of them, evenly; of a column that is mostly empty half of those that are shown."""
    if len(rows) <= MOST_ROWS:
        return [*rows]
    columns = range(len(rows[0]))
    filled = {
        column: [place for place, row in enumerate(rows) if row[column]] for column in columns
    }
    rare = sorted({place for one in filled.values() if 2 * len(one) < len(rows) for place in one})
    places = _evenly(rare, MOST_ROWS // 2)
    places += _evenly(range(len(rows)), MOST_ROWS - len(places))
    return [rows[place] for place in sorted({*places})]


def _evenly(places: Sequence[int], most: int) -> list[int]:
    return [*places[:: max(1, -(-len(places) // most))]]


def _value(cell: str) -> float | str:
    """A number where the cell is one.

    >>> _value("3"), _value("0.5"), _value("1e3"), _value("nan"), _value("vae")
    (3, 0.5, 1000.0, 'nan', 'vae')
    """
    try:
        return int(cell) if cell.isdecimal() else float(cell) if cell[-1:].isdecimal() else cell
    except ValueError:
        return cell
