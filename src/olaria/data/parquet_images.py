"""Images in rows of Parquet files: each row is a file of the user's as a zip's member is one, its class in a column.

A shard that is called after a part, ``train-00000-of-00002.parquet``, has its rows in a folder of that name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from olaria.data.columns import folded, listed
from olaria.data.entries import Entry
from olaria.data.label_tables import LabelTable
from olaria.data.parquet import Column, Table, is_parquet
from olaria.data.parts import part_of
from olaria.data.sketch import is_label_name
from olaria.errors import DataError
from olaria.i18n import N_

MAX_IMAGES = 2_000_000
MAX_LABEL_CHARS = 200
_CALLED = ("image", "img", "images", "imgs", "picture", "photo", "imagem", "foto")
_LINKS = ("http://", "https://", "s3://", "gs://", "hf://", "ftp://")


class _Rows:
    """The images of a file, read on as rows are asked for in turn; asked for another one, it begins anew there.

    Args:
        table: that holds them.
        column: they are in.
    """

    def __init__(self, table: Table, column: Column) -> None:
        self._table, self._column = table, column
        self._next, self._cells = 0, iter(list[tuple[Any, ...]]())

    def read(self, row: int) -> bytes:
        """One image as it is stored.

        Raises:
            DataError: the file is damaged there, or the row is empty.
        """
        if row != self._next or row == 0:
            self._cells = self._table.cells(self._column, first=row)
        self._next = row + 1
        cell = next(self._cells, (None,))[0]
        if not isinstance(cell, bytes):
            raise DataError(
                N_("row {row} of {name} is empty"), row=row, name=self._table.entry.name
            )
        return cell


def rows_of(entries: Sequence[Entry]) -> tuple[list[Entry], list[LabelTable]]:
    """A file for each row of those Parquet files that hold images, and their classes where a column tells them.

    Raises:
        DataError: a file is damaged, or there are too many rows.
    """
    rows, tables = list[Entry](), list[LabelTable]()
    for entry in entries:
        table = Table(entry)
        column = _image_column(table)
        if column is None:
            continue
        if len(rows) + table.num_rows > MAX_IMAGES:
            raise DataError(
                N_(
                    "{name} brings the images to over {limit}, more than are read; take a part of them"
                ),
                name=entry.name,
                limit=MAX_IMAGES,
            )
        read, names = _Rows(table, column).read, list(_names(entry, table.num_rows))
        size = max(1, entry.size_bytes // max(1, table.num_rows))
        rows += [
            Entry(name, size, partial(read, row), entry.stamp) for row, name in enumerate(names)
        ]
        classes = _classes(table, names)
        tables += [classes] if classes else []
    return rows, _joined(tables)


def _joined(tables: Sequence[LabelTable]) -> list[LabelTable]:
    """One table of the shards whose classes are from columns of one name."""
    found: dict[str, LabelTable] = {}
    for table in tables:
        before = found.setdefault(table.label_column, table)
        labels = {**before.labels, **table.labels}
        found[table.label_column] = replace(before, labels=labels)
    return list(found.values())


def _names(entry: Entry, count: int) -> Iterator[str]:
    """Of the rows, so that they stand in their order and in the folder of their part."""
    path = PurePosixPath(entry.name)
    part = part_of(path.stem)
    folder = path.parent / part if part else path.parent
    return ((folder / f"{path.stem}-{row:07d}").as_posix() for row in range(count))


def _image_column(table: Table) -> Column | None:
    """The column of images: that which is called so, else the first; None where there is none."""
    own = table.of("image")
    called = [column for column in own if folded(column.name).lower() in _CALLED]
    return next(iter((*called, *own)), None)


def _classes(table: Table, names: Sequence[str]) -> LabelTable | None:
    """The classes of the rows: of a column that is declared as classes, else of one that is called so."""
    called = [one for one in table.of("text", "number") if is_label_name(one.name)]
    column = next(iter((*table.of("label"), *called)), None)
    if column is None:
        return None
    labels = {}
    for name, (cell,) in zip(names, table.cells(column), strict=False):
        word = _class_name(cell, column)
        if word is not None and len(word) > MAX_LABEL_CHARS:
            return None
        if word:
            labels[name] = word
    if not labels or 2 * len(set(labels.values())) > len(labels):
        return None  # of nearly as many classes as images: titles, captions
    return LabelTable(table.entry, labels, "", column.name, column.words)


def _class_name(cell: Any, column: Column) -> str | None:
    """None where there is none: Hugging Face's library writes −1 for a class that is kept secret."""
    if cell is None or isinstance(cell, float):
        return None
    if column.what == "label":
        if not 0 <= cell < max(len(column.words), 1 << 31):
            return None
        return column.words[cell] if cell < len(column.words) else str(cell)
    return unicodedata.normalize("NFC", str(cell).strip())


def refuse_without_images(entries: Sequence[Entry]) -> None:
    """Say of Parquet files that they hold no images, and of links that they are not followed.

    Raises:
        DataError: all of them are Parquet files, and the first holds none.
    """
    if not entries or not all(map(is_parquet, entries)):
        return
    table = Table(entries[0])
    for column in table.of("text"):
        cell = next((cell for (cell,) in table.cells(column) if cell), "")
        if str(cell).startswith(_LINKS):
            raise DataError(
                N_(
                    "{name} has links to images in {column} and not the images; nothing is fetched from them: "
                    "give a file that holds the images themselves"
                ),
                name=entries[0].name,
                column=listed([column.name]),
            )
    raise DataError(
        N_("no column of {name} holds images; it has {columns}"),
        name=entries[0].name,
        columns=listed([column.name for column in table.columns]),
    )
