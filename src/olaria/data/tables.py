"""One column of a user's table with a heading, as spreadsheets write tables: ``.csv`` and ``.tsv``.

The first line may name the delimiter (``sep=;``). Else it is the one that parts the heading into as many cells as
the rows have, quotes heeded. Rows may end in delimiters too many. A row is named as a spreadsheet numbers it,
together with the line of the file on which it begins: a cell may hold several lines.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import chain, islice
from typing import Any, NamedTuple

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
_WHOLE_QUOTES = re.compile(r'"(?:[^"]|"")*"')
_DECLARED = re.compile(r'\s*"?sep=([^\w"\n])"?\1*(?:\n|\Z)', re.IGNORECASE)


class _Row(NamedTuple):
    number: int
    line: int
    cells: list[str]
    is_literal: bool
    """Whether quotes are taken as text, since they enclose no whole cell."""


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
        called = names[place] or f"{place + 1}"
        if column is not None and _is_numbers(first, place):
            message = N_("the column {column} of {name} holds nothing but numbers")
            notes.append(Message(message, {"column": listed([called]), "name": name}))
        texts = Texts(name, called)
        literal = list[int]()
        for row in chain(first, rows):
            cells = _without_end(row.cells, len(names))
            if not len(names) <= len(cells) <= len(heading.cells):
                raise _uneven(name, row, len(cells), len(names))
            texts.add(row.line, cells[place])
            if row.is_literal:
                literal.append(row.line)
        if literal:
            message = N_(
                "{count} {count:row|rows} of {name} {count:has|have} text behind a closing "
                "quote: {count:its|their} quotes are read as text; the first is on line "
                "{line}"
            )
            notes.append(
                Message(message, {"count": len(literal), "name": name, "line": literal[0]})
            )
        return texts.all(notes)


def declared_delimiter(text: str) -> tuple[str | None, int]:
    r"""The delimiter that the first line names for a spreadsheet, and the characters up to its end.

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


class Dialect(NamedTuple):
    """How the cells of a table are parted."""

    delimiter: str
    skips_blanks: bool
    """Whether a blank after a delimiter is no part of the cell, so that a quote may follow it."""

    def reader(self, lines: Iterable[str], *, strict: bool) -> Any:
        """Of the standard library."""
        return csv.reader(
            lines, delimiter=self.delimiter, skipinitialspace=self.skips_blanks, strict=strict
        )


def _rows(name: str, text: str) -> Iterator[_Row]:
    """The heading and the rows that are not blank."""
    declared, start = declared_delimiter(text)
    before, text = text.count("\n", 0, start), text[start:]
    dialect = guessed(text, declared or ("\t" if name.lower().endswith(".tsv") else DELIMITERS))
    last = deque[str](maxlen=1)
    reader = dialect.reader(_kept(StringIO(text, newline="\n"), last), strict=True)
    number = width = 0
    while True:
        number, line, is_literal = number + 1, 1 + reader.line_num, False
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = _literal(last[0], dialect) if reader.line_num == line else []
            is_literal = "expected after" in str(error) and len(_without_end(cells, width)) == width
            if not is_literal:
                raise _bad_quotes(name, number, line + before, str(error)) from None
        if "".join(cells).strip():
            width = width or len(_without_end(cells, 1))
            yield _Row(number, line + before, cells, is_literal)


def _kept(lines: Iterable[str], last: deque[str]) -> Iterator[str]:
    """The same lines; ``last`` is the one that was given last."""
    for line in lines:
        last.append(line)
        yield line


def guessed(text: str, delimiters: str) -> Dialect:
    """The delimiter by which the heading has several cells and most rows as many; then the one that gives most."""
    start = text[:TRIED_CHARS]

    def fit(dialect: Dialect) -> tuple[bool, float, int]:
        try:
            reader = dialect.reader(StringIO(start, newline="\n"), strict=False)
            heading, *rest = [row for row in islice(reader, LOOKED_AT) if any(row)] or [[]]
        except csv.Error:
            return False, 0.0, 0
        width = len(heading)
        equal = sum(len(_without_end(row, width)) == width for row in rest)
        return width > 1, equal / max(1, len(rest)), width

    # Of equals the first: blanks belong to their cells unless the rows fit only without them.
    return max((Dialect(one, skips) for skips in (False, True) for one in delimiters), key=fit)


def _literal(line: str, dialect: Dialect) -> list[str]:
    """The cells of a line whose quotes do not enclose whole cells: such quotes are text. Whole ones are taken off.

    >>> _literal('1;"oi" disse ela;"sim"', Dialect(";", False))
    ['1', '"oi" disse ela', 'sim']
    """
    cells = line.removesuffix("\n").split(dialect.delimiter)
    if dialect.skips_blanks:
        cells = [cell.lstrip(" ") for cell in cells]
    return [
        cell[1:-1].replace('""', '"') if _WHOLE_QUOTES.fullmatch(cell) else cell for cell in cells
    ]


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
                "{name} is a table of numbers, {count} {count:column|columns} of them, and "
                "no text to learn from; give a text, or a table with a column of text"
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
        "row {row} of {name} (line {line} of the file) has {found} {found:cell|cells} and "
        "the heading {expected}; mend it"
    )
    if found > expected:
        what = N_(
            "row {row} of {name} (line {line} of the file) has {found} {found:cell|cells} "
            "and the heading {expected}; put a cell that holds the delimiter between quotes"
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
