"""One column of a user's table with a heading, as spreadsheets write tables: ``.csv`` and ``.tsv``.

The first line may name the delimiter (``sep=;``). Else it is the one that parts the heading into as many cells as
the rows have, quotes heeded. Rows may end in delimiters too many. A row is named as a spreadsheet numbers it,
together with the line of the file on which it begins: a cell may hold several lines.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import chain, islice
from typing import NamedTuple

from olaria.data.columns import (
    LOOKED_AT,
    Texts,
    choice_needed,
    folded,
    listed,
    no_such_column,
)
from olaria.data.decoding import join_newlines
from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Message, Setting

DELIMITERS = ",;\t|"
MAX_FIELD_CHARS = 100_000_000
TRIED_CHARS = 1 << 18
"""Of a table, from which its delimiter is guessed."""
MAX_LABEL_SHARE = 0.25
"""Of rows: a column with fewer different texts beside columns of numbers says which class a row is of."""
_DECLARED = re.compile(r'"?sep=([^\w"\n])"?\1*(?:\n|\Z)', re.IGNORECASE)


class _Row(NamedTuple):
    number: int
    line: int
    cells: list[str]


def csv_column(name: str, text: str, column: str | None, notes: list[Message]) -> list[str]:
    """The texts in one column, in the order of the rows; blank rows are none.

    Args:
        name: of the file.
        text: all of it.
        column: its name in the heading, or its place, from 1; None where only one can be meant.
        notes: gets what was left out.

    Raises:
        UsageError: a column must be chosen, or is not there.
        DataError: the table is damaged, or holds numbers and no text.
    """
    with _long_cells():
        rows = _rows(name, join_newlines(text))
        heading = next(rows, None)
        if heading is None:
            return []
        names = [folded(cell) for cell in _without_end(heading.cells, 1)]
        first = list(islice(rows, LOOKED_AT))
        place = _choose(name, names, first, column)
        if column is not None and _is_numbers(first, place):
            message = N_("the column {column} of {name} holds nothing but numbers")
            notes.append(Message(message, {"column": listed([names[place]]), "name": name}))
        texts = Texts(name, names[place])
        for row in chain(first, rows):
            cells = _without_end(row.cells, len(names))
            if not len(names) <= len(cells) <= len(heading.cells):
                raise _uneven(name, row, len(cells), len(names))
            texts.add(row.line, cells[place])
        return texts.all(notes)


def declared_delimiter(text: str) -> tuple[str | None, int]:
    r"""The delimiter that the first line names for a spreadsheet, and the characters of that line.

    >>> declared_delimiter("sep=;\na;b\n"), declared_delimiter("a;b\n")
    ((';', 6), (None, 0))
    """
    found = _DECLARED.match(text)
    return (found[1], found.end()) if found else (None, 0)


@contextmanager
def _long_cells() -> Iterator[None]:
    """The library's own limit is 131,072 characters for a cell."""
    previous = csv.field_size_limit(MAX_FIELD_CHARS)
    try:
        yield
    finally:
        csv.field_size_limit(previous)


def _rows(name: str, text: str) -> Iterator[_Row]:
    """The heading and the rows that are not blank."""
    declared, start = declared_delimiter(text)
    text = text[start:]
    delimiter = declared or _guessed(text, "\t" if name.lower().endswith(".tsv") else DELIMITERS)
    reader = csv.reader(StringIO(text, newline="\n"), delimiter=delimiter, strict=True)
    number, line = 0, 1 + bool(start)
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _bad_quotes(name, number, line, str(error)) from None
        if "".join(cells).strip():
            yield _Row(number, line, cells)
        line = 1 + bool(start) + reader.line_num


def _guessed(text: str, delimiters: str) -> str:
    """The delimiter by which the heading has several cells and most rows as many; then the one that gives most."""
    start = text[:TRIED_CHARS]

    def fit(delimiter: str) -> tuple[bool, float, int]:
        try:
            rows = list(
                islice(csv.reader(StringIO(start, newline="\n"), delimiter=delimiter), LOOKED_AT)
            )
        except csv.Error:
            return False, 0.0, 0
        heading, *rest = [row for row in rows if any(row)] or [[]]
        width = len(heading)
        equal = sum(len(_without_end(row, width)) == width for row in rest)
        return width > 1, equal / max(1, len(rest)), width

    return max(delimiters, key=fit)


def _without_end(cells: list[str], least: int) -> list[str]:
    """The cells without the empty ones at the end, but ``least`` at least, where there are so many."""
    count = len(cells)
    while count > least and not cells[count - 1].strip():
        count -= 1
    return cells[:count]


def _choose(name: str, names: Sequence[str], rows: Sequence[_Row], column: str | None) -> int:
    """The place of the column that is meant."""
    if column is not None:
        return _named(name, names, column)
    if len(names) == 1:
        return 0
    texts = [place for place in range(len(names)) if not _is_numbers(rows, place)]
    num_numbers = len(names) - len(texts)
    labels = [place for place in texts if _is_label(rows, place)]
    if num_numbers and (not texts or (texts == labels and num_numbers > len(texts))):
        raise DataError(
            N_(
                "{name} is a table of numbers, {count} columns of them, and no text to learn from; "
                "give a text, or a table with a column of text"
            ),
            name=name,
            count=num_numbers,
        )
    raise choice_needed(name, [names[place] or f"{place + 1}" for place in texts], num_numbers)


def _named(name: str, names: Sequence[str], column: str) -> int:
    """The place of the column of that name; else of that number."""
    places = [place for place, other in enumerate(names) if other == folded(column)]
    if len(places) > 1:
        raise UsageError(
            N_("{name} has {count} columns named {column}; choose one by its number: {choices}"),
            name=name,
            count=len(places),
            column=listed([column]),
            choices=tuple(Setting("column", str(place + 1)) for place in places),
        )
    if places:
        return places[0]
    if column.isascii() and column.isdecimal() and 1 <= int(column[:9]) <= len(names):
        return int(column) - 1
    raise no_such_column(name, [other for other in names if other], column)


def _is_numbers(rows: Sequence[_Row], place: int) -> bool:
    """Whether every cell that is not empty is a number, and there is one."""
    cells = _filled(rows, place)
    return bool(cells) and all(map(_is_number, cells))


def _is_label(rows: Sequence[_Row], place: int) -> bool:
    cells = _filled(rows, place)
    return len(set(cells)) <= MAX_LABEL_SHARE * len(cells)


def _filled(rows: Sequence[_Row], place: int) -> list[str]:
    return [row.cells[place] for row in rows if len(row.cells) > place and row.cells[place].strip()]


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _uneven(name: str, row: _Row, found: int, expected: int) -> DataError:
    what = N_(
        "row {row} of {name} (line {line} of the file) has {found} cells and the heading {expected}; mend it"
    )
    if found > expected:
        what = N_(
            "row {row} of {name} (line {line} of the file) has {found} cells and the heading {expected}; "
            "put a cell that holds the delimiter between quotes"
        )
    return DataError(what, row=row.number, name=name, line=row.line, found=found, expected=expected)


def _bad_quotes(name: str, number: int, line: int, reason: str) -> DataError:
    what = N_(
        "row {row} of {name} (line {line} of the file) has text behind a closing quote; "
        "a quote inside a cell is written twice"
    )
    if "end of data" in reason:
        what = N_(
            "row {row} of {name} (line {line} of the file) opens a quote that is never closed; "
            "close it, or write it twice where it is text"
        )
    elif "limit" in reason:
        what = N_(
            "row {row} of {name} (line {line} of the file) has a cell of over {limit} characters; "
            "a quote may be missing at its end"
        )
    return DataError(what, row=number, name=name, line=line, limit=MAX_FIELD_CHARS)
