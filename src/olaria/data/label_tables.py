"""Classes of images in a table beside them: a row for each file, with its name and its class.

As ``metadata.csv`` of Hugging Face (``file_name,label``), ``labels.csv`` or ``train.csv`` of a competition
(``id_code,diagnosis``: names without their endings). The column of names is the one whose cells are names of the
images; the column of classes is called so, or is the only other one.
"""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import PurePosixPath

from olaria.data.entries import Entry
from olaria.data.sketch import TABLE_SUFFIX, Sketch, sketch, table_text
from olaria.data.tables import declared_delimiter
from olaria.i18n import N_, Message

MAX_BYTES = 1 << 27
MAX_COLUMNS = 64


@dataclass(frozen=True)
class LabelTable:
    """A table that says the classes of images.

    Attributes:
        entry: its file.
        labels: of images, by their names.
        names_column: whose cells name the images.
        label_column: that the classes are from.
        order: of the classes, where it tells one.
    """

    entry: Entry
    labels: Mapping[str, str]
    names_column: str
    label_column: str
    order: tuple[str, ...] = ()

    def note(self) -> Message:
        """Where the classes are from."""
        fields = {
            "table": self.entry.name,
            "names": self.names_column,
            "labels": self.label_column,
            "count": len(self.labels),
        }
        message = N_(
            "the classes of {count} images are from {table}: files in the column {names}, classes in {labels}"
        )
        if not self.names_column:  # images and classes are cells of one row
            message = N_("the classes of {count} images are from the column {labels}")
        return Message(message, fields)


def label_tables(entries: Sequence[Entry], images: Sequence[Entry]) -> list[LabelTable]:
    """Those tables among ``entries`` that say the classes of ``images``."""
    tables = [
        entry
        for entry in entries
        if entry.suffix == TABLE_SUFFIX
        and entry.size_bytes <= MAX_BYTES
        # What a competition wants back: a row for each test image, with a class that is none of its own.
        and "submission" not in PurePosixPath(entry.name).stem.lower()
    ]
    if not tables or not images:
        return []
    known = _by_any_name([image.name for image in images])
    found = (_label_table(entry, known) for entry in tables)
    return [table for table in found if table is not None]


def _by_any_name(names: Sequence[str]) -> dict[str, str]:
    """Images by their names: whole, without folders, without ending; where two share one it names neither."""
    ways = [
        (name, PurePosixPath(name).with_suffix("").as_posix(), path.name, path.stem)
        for name in names
        for path in [PurePosixPath(name)]
    ]
    times = Counter(way for own in ways for way in set(own))
    whole = set(names)
    return {
        way: own[0]
        for own in ways
        for way in own
        if times[way] == 1 or (way in whole and way == own[0])
    }


def _label_table(entry: Entry, known: Mapping[str, str]) -> LabelTable | None:
    table = sketch(entry)
    if not table.heading or not 2 <= table.num_columns <= MAX_COLUMNS:
        return None
    folder = PurePosixPath(entry.name).parent
    names_column = max(
        range(table.num_columns),
        key=lambda column: sum(bool(_image(row[column], folder, known)) for row in table.rows),
    )
    if not any(_image(row[names_column], folder, known) for row in table.rows):
        return None
    label_column = _label_column(table, names_column)
    if label_column is None:
        return None
    labels = {}
    text = table_text(entry.read())
    text = text[declared_delimiter(text)[1] :]
    rows = csv.reader(StringIO(text, newline="\n"), delimiter=table.delimiter)
    try:
        for row in rows:
            if len(row) == table.num_columns and row[label_column].strip():
                image = _image(row[names_column], folder, known)
                if image:
                    labels[image] = unicodedata.normalize("NFC", row[label_column].strip())
    except csv.Error:
        return None
    if 2 * len(set(labels.values())) > len(labels):
        return None  # of nearly as many classes as images: titles, captions
    return LabelTable(entry, labels, table.heading[names_column], table.heading[label_column])


def _label_column(table: Sketch, names_column: int) -> int | None:
    called = [column for column in table.label_columns if column != names_column]
    rest = [column for column in table.columns if column != names_column]
    return called[0] if called else rest[0] if len(rest) == 1 else None


def _image(cell: str, folder: PurePosixPath, known: Mapping[str, str]) -> str | None:
    """The image that a cell names, from the table's own folder or from the top; None where it names none."""
    name = unicodedata.normalize("NFC", cell.strip()).replace("\\", "/").removeprefix("./")
    return known.get(str(folder / name)) or known.get(name)
