"""One column of a user's table: ``.csv`` with a heading, ``.jsonl`` with an object a line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Setting

DELIMITERS = ",;\t|"
MAX_FIELD_CHARS = 100_000_000


def csv_column(name: str, text: str, column: str | None) -> list[str]:
    """One column of a table with a header; the delimiter is the one the header has most of."""
    header = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    previous = csv.field_size_limit(MAX_FIELD_CHARS)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(
            N_("{name} is not a sound CSV table ({reason}); save it again"),
            name=name,
            reason=str(error),
        ) from None
    finally:
        csv.field_size_limit(previous)
    rows = [row for row in rows if row]
    names = rows[0] if rows else []
    index = names.index(_choose(name, names, column))
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise DataError(
                N_("row {row} of {name} has {found} cells, not {expected}; mend it"),
                row=number,
                name=name,
                found=len(row),
                expected=len(names),
            )
    return [row[index] for row in rows[1:]]


def jsonl_column(name: str, text: str, column: str | None) -> list[str]:
    """One field of each line's object."""
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise _bad_line(name, number, N_("line {line} of {name} is not a JSON object; mend it"))
        strings = [key for key, value in record.items() if isinstance(value, str)]
        if column is None:
            column = _choose(name, strings, None)
        if column not in record:
            _choose(name, strings, column)
        if not isinstance(record[column], str):
            raise _bad_line(
                name, number, N_("{column} is not text on line {line} of {name}"), column
            )
        lines.append(record[column])
    return lines


def _choose(name: str, names: Sequence[str], column: str | None) -> str:
    """The column asked for; else the only one."""
    if column is None and len(names) == 1:
        return names[0]
    if column is None:
        raise UsageError(
            N_("{name} has the columns {columns}; choose one with {column}"),
            column=Setting("column"),
            name=name,
            columns=", ".join(names),
        )
    if column not in names:
        raise UsageError(
            N_("{name} has no column {column}; it has {columns}"),
            name=name,
            column=column,
            columns=", ".join(names),
        )
    return column


def _bad_line(name: str, line: int, message_id: str, column: str = "") -> DataError:
    return DataError(message_id, name=name, line=line, column=column)
