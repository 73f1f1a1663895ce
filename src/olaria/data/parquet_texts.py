"""Texts, chats and pairs of texts in the columns of Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from olaria.data.columns import Texts, folded, listed
from olaria.data.entries import PARQUET_SUFFIX, Entry, find_entries
from olaria.data.parquet import Column, Table, is_parquet, text_column
from olaria.data.records import chat_text, messages_in, note_chats
from olaria.errors import DataError
from olaria.families.base import Kind
from olaria.i18n import N_, Message

Pairs = list[tuple[str, str]]


def parquet_texts(entry: Entry, column: str | None, notes: list[Message]) -> list[str]:
    """The texts of one column, in the order of the rows; a chat is read as in :mod:`olaria.data.records`.

    Args:
        entry: the file.
        column: its name; None where only one can be meant.
        notes: gets what was left out, and that chats were read.

    Raises:
        UsageError: a column must be chosen, or is not there.
        DataError: the file is damaged, or the column holds no texts.
    """
    table = Table(entry)
    chosen = text_column(table, column)
    texts, num_chats, num_silent = Texts(entry.name, chosen.name, by_row=True), 0, 0
    for row, (cell,) in enumerate(table.cells(chosen), start=1):
        if chosen.what == "chat" and cell is not None:
            messages = messages_in(cell)
            if messages is None:
                raise DataError(
                    N_("{column} is no chat in row {row} of {name}; choose a column of texts"),
                    column=listed([chosen.name]),
                    row=row,
                    name=entry.name,
                )
            num_chats += bool(messages)
            num_silent += sum(not words.strip() for _, words in messages)
            cell = chat_text(messages)
        texts.add(row, cell)
    note_chats(entry.name, chosen.name, num_chats, num_silent, notes)
    return texts.all(notes) if table.num_rows else []


def holds_pairs(path: Path, wanted: Kind | None) -> bool:
    """Whether Parquet files at a path are to be read as pairs: they are asked for, or one file is nothing else.

    Raises:
        DataError: the file is damaged, or there is too much.
        StorageError: it cannot be read.
    """
    if wanted not in ("pairs", None):
        return False
    if wanted == "pairs":
        return any(map(is_parquet, find_entries(path)))
    if path.suffix.lower() != PARQUET_SUFFIX or not path.is_file():
        return False
    table = Table(find_entries(path)[0])
    texts = [folded(column.name).lower() for column in table.of("text", "chat")]
    others = table.of("image", "label", "number", "other")
    return bool(table.of("pair")) or (len(texts) == 2 and not others and "text" not in texts)


def parquet_pairs(entry: Entry, notes: list[Message]) -> Pairs:
    """The pairs of a file: of its column of two languages, else of its two columns of texts, source first.

    Args:
        entry: the file.
        notes: gets which is the source and which the target.

    Raises:
        DataError: the file is damaged, has no two such columns, or a row lacks a side.
    """
    table = Table(entry)
    columns = _sides(table)
    names = columns[0].words if len(columns) == 1 else tuple(column.name for column in columns)
    message = N_("{name}: the source is {source}, the target {target}")
    fields = {"name": entry.name, "source": listed(names[:1]), "target": listed(names[1:])}
    notes.append(Message(message, fields))
    found: Pairs = []
    for row, cells in enumerate(table.cells(*columns), start=1):
        sides = [(cells[0] or {}).get(name) for name in names] if len(columns) == 1 else cells
        found.append(_pair(entry.name, row, *sides))
    return found


def _sides(table: Table) -> list[Column]:
    pairs, texts = table.of("pair"), table.of("text")
    if pairs:
        return pairs[:1]
    if len(texts) != 2:
        raise DataError(
            N_(
                "{name} has {count} {count:column|columns} of texts ({columns}); of pairs it has two, "
                "the source and the target"
            ),
            name=table.entry.name,
            count=len(texts),
            columns=listed([column.name for column in table.columns]),
        )
    return texts


def _pair(name: str, row: int, source: Any, target: Any) -> tuple[str, str]:
    if not source or not target or not source.strip() or not target.strip():
        raise DataError(
            N_("row {row} of {name} has an empty side; give both or leave the row out"),
            row=row,
            name=name,
        )
    return source, target
