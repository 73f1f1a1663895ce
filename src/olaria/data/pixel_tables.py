"""Tables of numbers: rows of pixels become images (MNIST as a ``.csv``); of others it is said what they are.

A row has the pixels of one square image, 7×7 at least, and often its class: in a column that is called so, else in the
first or the last. Values are whole numbers 0…255 or fractions in [0, 1].
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from olaria.data.arrays import Stored, square_side
from olaria.data.entries import Entry
from olaria.data.parts import part_of
from olaria.data.sketch import TABLE_SUFFIX, Sketch, sketch, table_text
from olaria.data.stored import Block, joined
from olaria.data.tables import declared_delimiter
from olaria.errors import DataError
from olaria.i18n import N_, Message
from olaria.numbers import Number

if TYPE_CHECKING:
    import numpy as np

    from olaria.data.arrays import Array

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

MOST = 255
FEW_LEVELS = 16
"""Whole numbers up to this are levels of gray, as of scikit-learn's digits, and are spread over 0…255."""


def is_pixel_table(entry: Entry) -> bool:
    """Whether the first rows of a file are the pixels of square images."""
    return entry.suffix == TABLE_SUFFIX and bool(_pixel_columns(sketch(entry)))


def _pixel_columns(table: Sketch) -> list[int]:
    """Those of pixels, and the class where it is in the first or the last; none where it is another table."""
    columns = [place for place in table.columns if place not in table.label_columns]
    inner = columns if square_side(len(columns)) else columns[1:-1]
    if not square_side(len(columns)) and not square_side(len(columns) - 1):
        return []
    for column in inner:
        values = table.numbers(column)
        if values is None or not all(0 <= value <= MOST for value in values):
            return []
    return columns


def read_pixel_tables(path: Path, entries: Sequence[Entry]) -> Stored:
    """Images, a row each, and their classes where they are there.

    Args:
        path: where the tables are.
        entries: that :func:`is_pixel_table` holds of.

    Raises:
        DataError: a row is not as the others, or its values are not those of pixels.
    """
    import numpy as np

    notes: list[Message] = []
    tables = [(entry, *_read(entry, notes)) for entry in entries]
    words = _words(tables)
    highest = max(float(values.max()) for _, values, _ in tables)
    whole = all(bool((values == np.rint(values)).all()) for _, values, _ in tables)
    scale = 1.0
    if whole and 0 < highest <= FEW_LEVELS:
        scale = MOST / highest
        message = N_("values from 0 to {highest} were spread over the levels 0 to 255")
        notes.append(Message(message, {"highest": int(highest)}))
    elif highest <= 1:
        scale = MOST
    blocks = []
    for entry, values, labels in tables:
        if labels is not None and words:
            labels = np.array([words.index(str(label)) for label in labels.tolist()])
        side = square_side(values.shape[1])
        pixels = np.rint(values * np.float32(scale)).astype(np.uint8).reshape(-1, side, side)
        blocks.append(Block(entry.name, part_of(PurePosixPath(entry.name).stem), pixels, labels))
    return replace(joined(path, blocks, notes), words=words)


def _read(entry: Entry, notes: list[Message]) -> tuple[Floats, Array | None]:
    """Values (N, pixels) and the classes of a table."""
    table = sketch(entry)
    columns = _pixel_columns(table)
    lines = table_text(entry.read())
    lines = lines[declared_delimiter(lines)[1] :]
    if table.label_columns:
        label = table.label_columns[0]
        message = Message(N_("{name}: the classes are in the column {column}"))
    elif square_side(len(columns)):
        return _numbers(entry.name, lines, table, columns), None
    else:
        ends = [_cells(entry.name, lines, table, column) for column in (columns[0], columns[-1])]
        is_last = len(set(ends[0])) == 1 < len(set(ends[1]))
        label = columns.pop(-1 if is_last else 0)
        message = Message(
            N_("{name}: the classes are in the last column")
            if is_last
            else N_("{name}: the classes are in the first column")
        )
    fields = {"name": entry.name, "column": table.heading[label] if table.heading else ""}
    notes.append(Message(message.id, fields))
    values = _numbers(entry.name, lines, table, columns)
    return values, _classes(_cells(entry.name, lines, table, label))


def _words(tables: Sequence[tuple[Entry, Floats, Array | None]]) -> tuple[str, ...]:
    """The classes in order, where in some table they are no numbers."""
    labels = [labels for _, _, labels in tables if labels is not None]
    if all(own.dtype.kind != "U" for own in labels):
        return ()
    return tuple(sorted({str(label) for own in labels for label in own.tolist()}))


def _numbers(name: str, lines: str, table: Sketch, columns: Sequence[int]) -> Floats:
    import numpy as np

    try:
        values: Floats = np.loadtxt(
            StringIO(lines),
            np.float32,
            comments=None,
            delimiter=table.delimiter,
            skiprows=int(bool(table.heading)),
            usecols=columns,
            ndmin=2,
            quotechar='"',
        )
    except ValueError as error:
        # NumPy counts the rows of cells from 0, and those of a wrong length from 1.
        found = re.search(r"row (\d+)(,?)", str(error))
        raise DataError(
            N_("row {row} of {name} is not {count} numbers, as the first is; mend it"),
            row=int(found[1]) + bool(found[2]) + bool(table.heading) if found else "?",
            name=name,
            count=len(columns),
        ) from None
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= MOST):
        raise DataError(
            N_(
                "{name} has values from {low} to {high}; pixels are whole numbers from 0 to 255, or "
                "fractions from 0 to 1"
            ),
            name=name,
            low=Number(low),
            high=Number(high),
        )
    return values


def _cells(name: str, lines: str, table: Sketch, column: int) -> list[str]:
    """One column of a table; the cells before it, or behind it, are not cut apart."""
    rows = [row for row in lines.split("\n") if row.strip()][bool(table.heading) :]
    behind = table.num_columns - column
    try:
        if column < behind:
            cells = [row.split(table.delimiter, column + 1)[column] for row in rows]
        else:
            cells = [row.rsplit(table.delimiter, behind)[-behind] for row in rows]
    except IndexError:
        raise DataError(N_("the rows of {name} differ in length; mend it"), name=name) from None
    return [cell.strip(' "') for cell in cells]


def _classes(cells: Sequence[str]) -> Array:
    """Whole numbers where all cells are, else words."""
    import numpy as np

    try:
        values = np.array(cells, np.float64)
    except ValueError:
        return np.array(cells)
    is_whole = bool((values == np.rint(values)).all()) and bool((np.abs(values) < 1 << 53).all())
    return values.astype(np.int64) if is_whole else np.array(cells)
