"""Texts of the user's own: plain, tables, subtitles, chats and documents; one file, a folder or a zip of them.

A file is a document, a row of a table too. Where there are several, each is whole on one side of
the split, and so are its copies. How bytes become text is said in :mod:`olaria.data.decoding`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from olaria.data.base import TextData, fingerprint
from olaria.data.chats import Chat, chat_notes, telegram, whatsapp
from olaria.data.config import DataConfig
from olaria.data.decoding import decode, is_utf8_with_accents, normalise
from olaria.data.documents import read_docx, read_pdf
from olaria.data.entries import LINES_SUFFIXES, PARQUET_SUFFIX, SUBTITLE_SUFFIXES, Entry
from olaria.data.mending import mend, mending_notes, printed_notes
from olaria.data.parquet_texts import parquet_texts
from olaria.data.parts import Part
from olaria.data.records import json_column
from olaria.data.split import split_documents, split_text
from olaria.data.subtitles import Spoken, spoken, subtitle_notes
from olaria.data.tables import csv_column
from olaria.data.text_parts import find_parts, part_notes, untrained_notes
from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Message, Setting
from olaria.vocabulary import TIMES

FEW, MANY = 0.03, 0.3
"""Shares of the validation text outside which it says little, or leaves too little to learn from."""


@dataclass
class _Reading:
    """How files are read, and what is to be said of it.

    Attributes:
        options: of the recipe.
        notes: of single files.
    """

    options: DataConfig
    notes: list[Message]
    spoken: list[tuple[str, Spoken]] = field(default_factory=list)
    chats: list[Chat] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)
    plain: list[str] = field(default_factory=list)

    def all_notes(self) -> list[Message]:
        """Of the files one by one, then of each kind together."""
        return [
            *self.notes,
            *subtitle_notes(self.spoken),
            *chat_notes(self.chats, self.options.times),
            *mending_notes(self.mended),
            *printed_notes(self.plain),
        ]


def load_text(
    path: Path, entries: Sequence[Entry], options: DataConfig, notes: Sequence[Message] = ()
) -> TextData:
    """The texts of ``entries``, in the order of their names, a blank line between two.

    Where names tell a training part and others, nothing trains but the first, and of a test part nothing is read into
    the result: it is counted.

    Raises:
        DataError: a file is not of the encoding, is damaged, or a part holds fewer than two characters.
        UsageError: a column must be chosen, or is not there; or a setting has no effect.
    """
    reading = _Reading(options, list(notes))
    found = find_parts(entries)
    parts: dict[Part, list[Entry]] = {"train": list(entries)}
    rest: list[Entry] = []
    if found is not None:
        parts, rest = found
    files = {part: _files(own, reading) for part, own in parts.items()}
    documents = {part: list(chain.from_iterable(own)) for part, own in files.items()}
    if options.times != TIMES and not reading.chats:
        raise UsageError(
            N_("the setting {setting} has no effect on {name}; leave it out"),
            setting=Setting("times"),
            name=path.name,
        )
    for part, own in parts.items():
        if part != "test":
            check_length(documents[part], str(path) if found is None else own[0].name)
    notes = reading.all_notes()
    if found is not None:
        examples = ", ".join(entry.name for entry in rest[:3])
        notes += part_notes(documents, len(rest), examples)
    else:
        notes += untrained_notes(entries)
    if "validation" in documents:
        train, validation = "".join(documents["train"]), "".join(documents["validation"])
    else:
        train, validation = _split(documents["train"], notes)
    if len(files.get("validation", files["train"])) > 1:
        validation = validation.removesuffix("\n")
    return TextData(
        name=path.name,
        title=path.name,
        train=train,
        validation=validation,
        source="user file",
        sha256=fingerprint([_encoded(train + validation)]),
        citation="",
        licence="",
        num_documents=len(documents["train"]) + len(documents.get("validation", [])),
        notes=tuple(notes),
    )


def _files(entries: Sequence[Entry], reading: _Reading) -> list[list[str]]:
    """The documents of each file; where there are several files, a blank line follows each."""
    files = [_documents(entry, reading) for entry in entries]
    return [_set_apart(documents) for documents in files] if len(files) > 1 else files


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:  # a JSON file may spell half a character
        raise DataError(
            N_("the text has an unpaired surrogate at character {offset}; decode its file again"),
            offset=error.start,
        ) from None


def check_length(documents: Sequence[str], path: str) -> None:
    """Refuse texts of fewer than two characters: none would be left to validate with.

    Raises:
        DataError: they are.
    """
    if sum(len(document.strip()) for document in documents) < 2:
        raise DataError(N_("{path} holds no text to learn from; give at least a line"), path=path)


def _documents(entry: Entry, reading: _Reading) -> list[str]:
    """The documents of a file, each with its last newline where it is a row."""
    options, notes = reading.options, reading.notes
    is_table = entry.suffix in (".csv", ".tsv", *LINES_SUFFIXES, ".json", PARQUET_SUFFIX)
    if options.column is not None and not is_table:
        raise UsageError(
            N_(
                "{name} has no columns; {column} is for .csv, .tsv, .jsonl, .ndjson, .json and .parquet"
            ),
            column=Setting("column"),
            name=entry.name,
        )
    if entry.suffix == PARQUET_SUFFIX:
        return _rows(parquet_texts(entry, options.column, notes))
    content = entry.read()
    if entry.suffix == ".docx":
        return [normalise(read_docx(content, entry.name))]
    if entry.suffix == ".pdf":
        text, mended = mend(read_pdf(content, entry.name))
        reading.mended += mended
        return [normalise(text)]
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
    chat = None
    if entry.suffix == ".json" and options.column is None:
        chat = telegram(text, options.times)
    elif entry.suffix == ".txt":
        chat = whatsapp(normalise(text), options.times)
    if chat is not None:
        reading.chats.append(chat)
        return [normalise(chat.text)]
    if is_table:
        return _rows(json_column(entry.name, text, options.column, notes))
    if entry.suffix in SUBTITLE_SUFFIXES:
        said = spoken(text)
        reading.spoken.append((entry.name, said))
        return [normalise(said.text)]
    reading.plain.append(normalise(text))
    return reading.plain[-1:]


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
        "{count} documents, none on both sides: {train} {train:trains|train}, {validation} "
        "{validation:validates|validate} with {percent} % of the characters"
    )
    notes.append(Message(message, {"count": len(documents), **fields}))
    if different < len(documents):
        message = N_(
            "{count} {count:document is a copy|documents are copies} of another; "
            "copies stay together"
        )
        notes.append(Message(message, {"count": len(documents) - different}))
    if not FEW < share < MANY:
        message = N_(
            "the documents differ too much in length to hold out 10%; "
            "cut the long ones into chapters, or join all into one file"
        )
        notes.append(Message(message))
    return "".join(train), "".join(validation)
