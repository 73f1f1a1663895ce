"""The first rows of a user's table, from which it is known what the table holds."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass

from olaria.data.decoding import join_newlines
from olaria.data.entries import Entry
from olaria.data.tables import DELIMITERS, declared_delimiter, guessed

TABLE_SUFFIX = ".csv"
NUM_ROWS = 20
NUM_BYTES = 1 << 20
_LABEL = re.compile(
    "(label|class|target|category|species|diagnosis|breed|digit|y"
    "|rotulo|classe|alvo|categoria|especie|diagnostico|raca|digito)(_?id)?(e?s)?"
)
"""What columns of classes are called, without accents."""
_NUMBERING = re.compile(r"(unnamed: 0|index|)", re.IGNORECASE)


@dataclass(frozen=True)
class Sketch:
    """What the first rows of a table show.

    Attributes:
        delimiter: between cells.
        heading: the names of the columns; empty where there are none.
        rows: of cells, some of them.
    """

    delimiter: str
    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def num_columns(self) -> int:
        """Of every row that was looked at; 0 where they differ or there are none."""
        lengths = {len(row) for row in (*self.rows, *([self.heading] if self.heading else []))}
        return lengths.pop() if self.rows and len(lengths) == 1 else 0

    @property
    def columns(self) -> list[int]:
        """Those that are not the table's own numbering."""
        numbered = self.heading and _NUMBERING.fullmatch(self.heading[0])
        return list(range(1 if numbered else 0, self.num_columns))

    @property
    def label_columns(self) -> list[int]:
        """Those that are called as classes are."""
        return [place for place, name in enumerate(self.heading) if is_label_name(name)]

    def numbers(self, column: int) -> list[float] | None:
        """The cells of a column; None where one is no number."""
        try:
            return [float(row[column]) for row in self.rows]
        except ValueError:
            return None


def is_label_name(name: str) -> bool:
    """Whether a column of this name holds classes.

    >>> [is_label_name(name) for name in ("Label", "rótulo", "ClassId", "pixel0")]
    [True, True, True, False]
    """
    letters = unicodedata.normalize("NFKD", name.strip().lower())
    plain = "".join(one for one in letters if not unicodedata.combining(one))
    return _LABEL.fullmatch(plain) is not None


def table_text(content: bytes) -> str:
    """The text of a table, with newlines as everywhere."""
    return join_newlines(content.decode("utf-8-sig", "replace"))


def sketch(entry: Entry) -> Sketch:
    """The first rows of a table."""
    content = entry.read()
    text = table_text(content[:NUM_BYTES])
    declared, start = declared_delimiter(text)
    lines = [line for line in text[start:].split("\n") if line.strip()]
    if len(content) > NUM_BYTES:
        lines = lines[:-1]  # cut short
    lines = lines[: NUM_ROWS + 1]
    dialect = guessed("\n".join(lines), declared or DELIMITERS)
    try:
        rows = [tuple(row) for row in dialect.reader(lines, strict=False)]
    except csv.Error:
        rows = []
    rows = [row for row in rows if row]
    has_heading = bool(rows) and _is_heading(rows[0], rows[1:])
    heading = tuple(cell.strip() for cell in rows[0]) if has_heading else ()
    return Sketch(dialect.delimiter, heading, tuple(rows[has_heading:]))


def _is_heading(first: tuple[str, ...], rest: list[tuple[str, ...]]) -> bool:
    """Names; or numbers that pandas made different (``0, 0.1, 0.2``), above whole ones."""
    if not all(map(_is_number, first)):
        return True
    return any("." in cell for cell in first) and not any(
        "." in cell for row in rest for cell in row
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
