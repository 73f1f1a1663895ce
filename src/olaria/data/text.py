"""Texts of the user's own: ``.txt .md .csv .jsonl .srt``, one file, a folder or a zip of them.

Decoding is strict: a byte that is not of the encoding is an error that says where it is and what
the file may be instead. Newlines become ``\\n`` and characters their composed form (NFC), so that
an accented letter is one character whatever typed it.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from olaria.data.base import DataConfig, TextData, fingerprint
from olaria.data.split import split_text
from olaria.data.user import Entry
from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Message

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DELIMITERS = ",;\t|"
MAX_FIELD_CHARS = 100_000_000
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
    texts = [
        _extract(entry, decode(entry.read(), options.encoding, entry.name), options)
        for entry in entries
    ]
    if len(texts) > 1:
        texts = [normalise(text).strip("\n") + "\n" for text in texts]
    text = normalise("\n".join(texts))
    if len(text.strip()) < 2:
        raise DataError(
            N_("{path} holds no text to learn from; give at least a line"), path=str(path)
        )
    train, validation = split_text(text)
    return TextData(
        name=path.name,
        title=path.name,
        train=train,
        validation=validation,
        source="user file",
        sha256=fingerprint([text.encode("utf-8")]),
        citation="",
        licence="",
        notes=tuple(notes),
    )


def decode(content: bytes, encoding: str, name: str) -> str:
    """``content`` as text, strictly; a byte order mark at the start is dropped.

    Raises:
        UsageError: there is no such encoding.
        DataError: the bytes are not of it; names the first wrong byte and a likely encoding.
    """
    try:
        text = content.decode(encoding)
    except LookupError:
        raise UsageError(
            N_("there is no text encoding {encoding}; common ones: utf-8, cp1252, utf-16"),
            encoding=encoding,
        ) from None
    except UnicodeError as error:
        offset = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise DataError(
            N_("{name} is not {encoding} at byte {offset}; try --encoding {suggestion}"),
            name=name,
            encoding=encoding,
            offset=offset,
            suggestion=suggest_encoding(content, encoding),
        ) from None
    if "\0" in text:
        raise DataError(
            N_(
                "{name} has a NUL at character {offset}, so it is not plain text; "
                "if it is UTF-16, use --encoding {suggestion}"
            ),
            name=name,
            offset=text.index("\0"),
            suggestion="utf-16-be" if content[:1] == b"\0" else "utf-16-le",
        )
    return text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")


def suggest_encoding(content: bytes, tried: str) -> str:
    """An encoding other than ``tried`` that does decode ``content``.

    >>> suggest_encoding("ação".encode("cp1252"), "utf-8")
    'cp1252'
    """
    marked = [name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)]
    for encoding in (*marked, "utf-8", "cp1252"):
        if codecs.lookup(encoding) == codecs.lookup(tried):
            continue
        try:
            content.decode(encoding)
        except UnicodeError:
            continue
        return encoding
    return "latin-1"


def normalise(text: str) -> str:
    r"""Newlines as ``\n``, characters composed (Unicode NFC).

    >>> normalise("a\r\nb\rc"), len(normalise("a\u0303"))
    ('a\nb\nc', 1)
    """
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def _extract(entry: Entry, text: str, options: DataConfig) -> str:
    if entry.suffix == ".csv":
        return _csv_column(entry.name, text, options.column)
    if entry.suffix == ".jsonl":
        return _jsonl_column(entry.name, text, options.column)
    if options.column is not None:
        raise UsageError(
            N_("{name} has no columns; --column is for .csv and .jsonl"), name=entry.name
        )
    return _subtitles(text) if entry.suffix == ".srt" else text


def _csv_column(name: str, text: str, column: str | None) -> str:
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
    return "".join(row[index] + "\n" for row in rows[1:])


def _jsonl_column(name: str, text: str, column: str | None) -> str:
    """One field of each line's object."""
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
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
        lines.append(record[column] + "\n")
    return "".join(lines)


def _choose(name: str, names: Sequence[str], column: str | None) -> str:
    """The column asked for; else the only one."""
    if column is None and len(names) == 1:
        return names[0]
    if column is None:
        raise UsageError(
            N_("{name} has the columns {columns}; choose one with --column"),
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
