"""Texts of the user's own: ``.txt .md .csv .jsonl .srt``, one file, a folder or a zip of them.

A file is a document, a row of a table too. Where there are several, each is whole on one side of
the split, and so are its copies. How bytes become text is said in :mod:`olaria.data.decoding`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from olaria.data.base import TextData, fingerprint
from olaria.data.config import DataConfig
from olaria.data.decoding import decode, is_utf8_with_accents, normalise
from olaria.data.entries import Entry
from olaria.data.split import split_documents, split_text
from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Message, Setting

DELIMITERS = ",;\t|"
MAX_FIELD_CHARS = 100_000_000
FEW, MANY = 0.03, 0.3
"""Shares of the validation text outside which it says little, or leaves too little to learn from."""
_CUE_TIMES = re.compile(r"^\s*(\d+:)?\d+:\d+[,.]\d+\s+-->.*$")
_CUE_TAGS = re.compile(r"</?[a-zA-Z][^>]*>|\{\\[^}]*\}")


def load_text(
    path: Path, entries: Sequence[Entry], options: DataConfig, notes: Sequence[Message] = ()
) -> TextData:
    """The texts of ``entries``, in the order of their names, a blank line between two.

    Raises:
        DataError: a file is not of the encoding, is damaged, or all of them hold fewer than two
            characters.
        UsageError: a column must be chosen, or is not there.
    """
    notes = list(notes)
    files = [_documents(entry, options, notes) for entry in entries]
    if len(files) > 1:
        files = [_set_apart(documents) for documents in files]
    documents = list(chain.from_iterable(files))
    check_length(documents, str(path))
    train, validation = _split(documents, notes)
    if len(files) > 1:
        validation = validation.removesuffix("\n")
    return TextData(
        name=path.name,
        title=path.name,
        train=train,
        validation=validation,
        source="user file",
        sha256=fingerprint([(train + validation).encode("utf-8")]),
        citation="",
        licence="",
        num_documents=len(documents),
        notes=tuple(notes),
    )


def check_length(documents: Sequence[str], path: str) -> None:
    """Refuse texts of fewer than two characters: none would be left to validate with.

    Raises:
        DataError: they are.
    """
    if sum(len(document.strip()) for document in documents) < 2:
        raise DataError(N_("{path} holds no text to learn from; give at least a line"), path=path)


def _documents(entry: Entry, options: DataConfig, notes: list[Message]) -> list[str]:
    """The documents of a file, each with its last newline where it is a row."""
    content = entry.read()
    text = decode(content, options.encoding, entry.name)
    if "utf" not in options.encoding.lower() and is_utf8_with_accents(content):
        fields = {"name": entry.name, "encoding": options.encoding}
        notes.append(
            Message(
                N_("{name} is sound UTF-8; read as {encoding}, its accents may be wrong"), fields
            )
        )
    if entry.suffix == ".csv":
        return _rows(_csv_column(entry.name, text, options.column))
    if entry.suffix == ".jsonl":
        return _rows(_jsonl_column(entry.name, text, options.column))
    if options.column is not None:
        raise UsageError(
            N_("{name} has no columns; {column} is for .csv and .jsonl"),
            column=Setting("column"),
            name=entry.name,
        )
    return [normalise(_subtitles(text) if entry.suffix == ".srt" else text)]


def _rows(cells: Sequence[str]) -> list[str]:
    return [normalise(cell) + "\n" for cell in cells]


def _set_apart(documents: Sequence[str]) -> list[str]:
    """The documents of one file among several: a blank line follows the last."""
    if not documents:
        return []
    last = documents[-1].strip("\n")
    return [*documents[:-1], last + "\n\n"]


def _split(documents: Sequence[str], notes: list[Message]) -> tuple[str, str]:
    """Training and validation text; of several documents none is on both sides, and that is noted."""
    different = len(set(documents))
    if different == 1:
        if len(documents) > 1:
            message = N_("all {count} documents are the same: one is kept")
            notes.append(Message(message, {"count": len(documents)}))
        return split_text(documents[0])
    train, validation = split_documents(documents)
    num_chars = sum(map(len, documents))
    share = sum(map(len, validation)) / num_chars
    fields = {"train": len(train), "validation": len(validation), "percent": round(100 * share)}
    message = N_(
        "{count} documents, none on both sides: {train} train, "
        "{validation} validate with {percent} % of the characters"
    )
    notes.append(Message(message, {"count": len(documents), **fields}))
    if different < len(documents):
        message = N_("{count} documents are copies of another; copies stay together")
        notes.append(Message(message, {"count": len(documents) - different}))
    if not FEW < share < MANY:
        message = N_(
            "the documents differ too much in length to hold out 10 %; "
            "cut the long ones into chapters, or join all into one file"
        )
        notes.append(Message(message))
    return "".join(train), "".join(validation)


def _csv_column(name: str, text: str, column: str | None) -> list[str]:
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


def _jsonl_column(name: str, text: str, column: str | None) -> list[str]:
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


def _subtitles(text: str) -> str:
    """The spoken lines of a subtitle file: no cue numbers, times or tags."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    times = [bool(_CUE_TIMES.match(line)) for line in lines]
    # A number alone is a cue's own only right before its times.
    numbers = [
        line.strip().isdigit() and index + 1 < len(lines) and times[index + 1]
        for index, line in enumerate(lines)
    ]
    spoken = [
        _CUE_TAGS.sub("", line).strip()
        for line, is_time, is_number in zip(lines, times, numbers, strict=True)
        if not is_time and not is_number
    ]
    return "".join(line + "\n" for line in spoken if line)


def _bad_line(name: str, line: int, message_id: str, column: str = "") -> DataError:
    return DataError(message_id, name=name, line=line, column=column)
