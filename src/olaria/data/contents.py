"""What lies at a user's path, by kind: picture files, images as numbers, texts, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from olaria.data.arrays import Stored
from olaria.data.chats import is_telegram
from olaria.data.entries import (
    DOCUMENT_SUFFIXES,
    IMAGE_SUFFIXES,
    LINES_SUFFIXES,
    NAMED_SUFFIXES,
    PARQUET_SUFFIX,
    TEXT_SUFFIXES,
    ZIP_SUFFIXES,
    Entry,
    find_entries,
    inside_zips,
)
from olaria.data.idx_files import is_idx, read_idx_files
from olaria.data.label_tables import LabelTable
from olaria.data.parquet import is_parquet
from olaria.data.parquet_images import rows_of
from olaria.data.parts import left_out
from olaria.data.pixel_tables import is_pixel_table, read_pixel_tables
from olaria.data.stored import ARRAY_SUFFIX, read_arrays
from olaria.families.base import Kind
from olaria.i18n import N_, Message

Reader = Callable[[Path, Sequence[Entry]], Stored]

_AS_NUMBERS: tuple[tuple[Callable[[Entry], bool], Reader], ...] = (
    (lambda entry: entry.suffix == ARRAY_SUFFIX, read_arrays),
    (is_idx, read_idx_files),
    (is_pixel_table, read_pixel_tables),
)
_WITH_COLUMNS = (".csv", *LINES_SUFFIXES, *NAMED_SUFFIXES, PARQUET_SUFFIX)
_UNREAD_IMAGES = (".heic", ".heif", ".avif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw")
"""Pictures of telephones and cameras that no kept library reads."""


@dataclass(frozen=True)
class Contents:
    """The files at a path.

    Attributes:
        path: that was named.
        entries: all of them.
        pictures: files of one image each.
        numbers: files of many images each: arrays, IDX files or tables of pixels.
        reader: of ``numbers``.
        texts: what may be text, tables too.
        tables: classes of pictures that came with them.
        shards: Parquet files that the pictures are rows of; their rows stand in their place.
    """

    path: Path
    entries: tuple[Entry, ...]
    pictures: tuple[Entry, ...]
    numbers: tuple[Entry, ...]
    reader: Reader
    texts: tuple[Entry, ...]
    tables: tuple[LabelTable, ...] = ()
    shards: tuple[Entry, ...] = ()

    @property
    def num_images(self) -> int:
        """Files that hold images."""
        return len(self.pictures) or len(self.numbers)

    @property
    def own_texts(self) -> list[Entry]:
        """Texts that go with no image: tables of pixels do, and what is called as an image is (captions, boxes)."""
        pixels = {entry.name for entry in self.numbers}
        called = {PurePosixPath(entry.name).stem for entry in self.pictures}
        return [
            entry
            for entry in self.texts
            if entry.name not in pixels and PurePosixPath(entry.name).stem not in called
        ]

    @property
    def with_columns(self) -> list[Entry]:
        """Files of which one column may be asked for."""
        entries = (*self.entries, *self.shards)
        return [entry for entry in entries if entry.suffix in _WITH_COLUMNS]

    @property
    def unread_images(self) -> list[str]:
        """Names of pictures in formats that are not read."""
        return [entry.name for entry in self.entries if entry.suffix in _UNREAD_IMAGES]

    @property
    def links(self) -> list[str]:
        """Names of links to folders."""
        return [entry.name for entry in self.entries if entry.is_link]

    def stored(self) -> Stored:
        """The images of ``numbers``.

        Raises:
            DataError: they cannot be used.
        """
        return self.reader(self.path, self.numbers)

    def notes(self, used: Sequence[Entry]) -> list[Message]:
        """What the files that were not used are, and what they are for.

        Args:
            used: those that were.
        """
        found: list[Message] = []
        names = {entry.name for entry in used}
        rest = [entry.name for entry in self.entries if entry.name not in names]
        unread = set(self.unread_images)
        images = {entry.name for entry in (*self.pictures, *self.numbers)}
        texts = {entry.name for entry in self.texts} - images
        links = {*self.links}
        for text, kind in (
            (
                N_(
                    "{count} {count:link to a folder was|links to folders were} left out, as "
                    "links are not followed: {examples}; put the {count:folder|folders} there"
                ),
                links,
            ),
            (
                N_(
                    "{count} {count:photo|photos} of a format that is not read "
                    "{count:was|were} left out: {examples}; save {count:it|them} as JPEG or "
                    "PNG"
                ),
                unread,
            ),
            (
                N_(
                    "{count} text {count:file was|files were} left out; a language model "
                    "reads {count:it|them}: {examples}"
                ),
                texts,
            ),
            (
                N_(
                    "{count} {count:file of images was|files of images were} left out; a "
                    "model of images reads {count:it|them}: {examples}"
                ),
                images,
            ),
            (
                N_(
                    "{count} {count:file of another kind was|files of another kind were} left "
                    "out: {examples}"
                ),
                {*rest} - unread - texts - images - links,
            ),
        ):
            left_out(text, [name for name in rest if name in kind], found)
        return found


def contents_of(path: Path, wanted: Kind | None = None) -> Contents:
    """What lies at ``path``; zips inside are opened where there is nothing of what is wanted beside them.

    Args:
        path: a file, a folder or a zip.
        wanted: the kind that is to be read; None where any will do.

    Raises:
        DataError: a zip is damaged or unsafe, or there is too much.
        StorageError: it cannot be read.
    """
    contents = _sorted_out(path, find_entries(path), wanted)
    if any(entry.suffix in ZIP_SUFFIXES for entry in contents.entries):
        images, texts = contents.num_images, len(contents.texts)
        # A table beside zips says something of what is in them.
        whole = sum(entry.suffix not in _WITH_COLUMNS for entry in contents.texts)
        if not {"images": images, "text": texts}.get(wanted or "", images + whole):
            return _sorted_out(path, inside_zips(path, contents.entries), wanted)
    return contents


def _sorted_out(path: Path, entries: Sequence[Entry], wanted: Kind | None) -> Contents:
    pictures = tuple(entry for entry in entries if entry.suffix in IMAGE_SUFFIXES)
    texts = tuple(one for one in entries if one.suffix in TEXT_SUFFIXES or is_telegram(one))
    numbers: tuple[Entry, ...] = ()
    reader: Reader = read_arrays
    # Tables are looked into: not where they are read as text anyway, or lie beside pictures.
    ways = _AS_NUMBERS[: 2 if wanted == "text" or pictures else None]
    for is_one, read in ways:
        if not numbers:
            numbers, reader = tuple(entry for entry in entries if is_one(entry)), read
    if not texts and not numbers and (wanted == "text" or not pictures):
        texts = tuple(entry for entry in entries if entry.suffix in DOCUMENT_SUFFIXES)
    if not (pictures or numbers or texts):
        texts = tuple(entry for entry in entries if entry.suffix in NAMED_SUFFIXES)
    contents = Contents(path, tuple(entries), pictures, numbers, reader, texts)
    return contents if pictures or numbers else _with_parquet(contents, wanted)


def _with_parquet(contents: Contents, wanted: Kind | None) -> Contents:
    """The same with what its Parquet files hold: rows of images as pictures, or texts.

    What lies beside them in Markdown describes them, as the card of a data set does.
    """
    shards = [entry for entry in contents.entries if is_parquet(entry)]
    if not shards:
        return contents
    rows, tables = ([], []) if wanted == "text" else rows_of(shards)
    texts = [entry for entry in contents.texts if entry.suffix != ".md"]
    if not rows:
        return replace(contents, texts=(*(one for one in texts if one not in shards), *shards))
    others = [entry for entry in contents.entries if not is_parquet(entry)]
    return replace(
        contents,
        entries=(*others, *rows),
        pictures=tuple(rows),
        texts=tuple(texts),
        tables=tuple(tables),
        shards=tuple(shards),
    )
