"""Texts of the user's own: ``.txt .md .csv .jsonl .srt``, one file, a folder or a zip of them; and ``.tsv .json``.

A file is a document, a row of a table too. Where there are several, each is whole on one side of
the split, and so are its copies. How bytes become text is said in :mod:`olaria.data.decoding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from olaria.data.base import TextData, fingerprint
from olaria.data.config import DataConfig
from olaria.data.decoding import decode, is_utf8_with_accents, normalise
from olaria.data.entries import Entry
from olaria.data.records import json_column
from olaria.data.split import split_documents, split_text
from olaria.data.subtitles import subtitles
from olaria.data.tables import csv_column
from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Message, Setting

FEW, MANY = 0.03, 0.3
"""Shares of the validation text outside which it says little, or leaves too little to learn from."""


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
    if entry.suffix in (".csv", ".tsv"):
        return _rows(csv_column(entry.name, text, options.column, notes))
    if entry.suffix in (".jsonl", ".json"):
        return _rows(json_column(entry.name, text, options.column, notes))
    if options.column is not None:
        raise UsageError(
            N_("{name} has no columns; {column} is for .csv, .tsv, .jsonl and .json"),
            column=Setting("column"),
            name=entry.name,
        )
    return [normalise(subtitles(text) if entry.suffix == ".srt" else text)]


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
