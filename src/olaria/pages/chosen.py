"""Figures that an author chose, as the report shows them."""

from __future__ import annotations

from dataclasses import dataclass

from olaria.cards.figures import Figure
from olaria.pages.labels import without_folders
from olaria.pages.pictures import Picture, data_uri

MOST_ROWS = 40
"""Of a figure's numbers; more are thinned evenly."""
WIDEST, DENSITY = 680, 2
"""CSS pixels of a page's column; pixels of a screen for each, where a picture has that many."""


@dataclass(frozen=True)
class Chosen:
    """One figure of the page.

    Args:
        figure: as it was read.
        picture: of it.
        caption: its words.
        rows: of its numbers, those that are shown.
        every: of how many rows one is.
    """

    figure: Figure
    picture: Picture
    caption: str
    rows: tuple[tuple[str, ...], ...]
    every: int

    @property
    def num_rows(self) -> int:
        """Of all its numbers."""
        return len(self.figure.rows)


def chosen(figure: Figure) -> Chosen:
    """A figure as the page shows it."""
    width, rows = figure.size[0], figure.rows
    shown = min(WIDEST, width // DENSITY if width >= WIDEST else width)
    every = -(-len(rows) // MOST_ROWS) or 1
    lines = [without_folders(line) for line in figure.caption.splitlines() if line.strip()]
    return Chosen(
        figure,
        Picture(data_uri(figure.picture), " ".join(lines), max(1, shown)),
        " ".join(lines),
        rows[::every],
        every,
    )
