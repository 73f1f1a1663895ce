"""The user's own data: a file, a folder or a zip, of images, texts, arrays or tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from olaria.data.base import ImageData, OtherKindError, PointData, TextData
from olaria.data.chats import is_chat
from olaria.data.config import DataConfig
from olaria.data.contents import Contents, contents_of
from olaria.data.documents import refusal
from olaria.data.entries import (
    ARRAY_SUFFIXES,
    DOCUMENT_SUFFIXES,
    IMAGE_SUFFIXES,
    NAMED_SUFFIXES,
    TEXT_SUFFIXES,
    Entry,
)
from olaria.data.images import MIN_IMAGES, load_image_arrays, load_images
from olaria.data.label_tables import label_tables
from olaria.data.parquet_images import refuse_without_images
from olaria.data.plane import load_csv, load_point_array
from olaria.data.sketch import TABLE_SUFFIX, sketch
from olaria.data.text import load_text
from olaria.errors import DataError
from olaria.families.base import Kind
from olaria.i18n import N_


def load_path(
    path: Path, options: DataConfig, wanted: Kind | None = None
) -> ImageData | TextData | PointData:
    """The images or the texts at ``path``; the rest is noted. Arrays (N, 2) are points.

    Args:
        path: a file, a folder or a zip.
        options: how to read it.
        wanted: the kind that is read where there are both; None reads the one that there is more of.

    Raises:
        DataError: there is nothing to use, or it cannot be used.
        StorageError: it cannot be read.
    """
    contents = contents_of(path, wanted)
    if wanted == "pairs" or (wanted == "points" and not contents.numbers):
        raise OtherKindError(path, wanted)
    if _reads_text(options, wanted, contents):
        return _texts(contents, options, wanted)
    if contents.pictures:
        return _pictures(contents, options)
    if contents.numbers:
        stored = contents.stored()
        stored = replace(stored, notes=(*contents.notes(contents.numbers), *stored.notes))
        if stored.is_points:
            return load_point_array(path, stored)
        return load_image_arrays(path, stored, options)
    if wanted == "images" and contents.texts:
        _refuse_numbers(contents.texts)
        refuse_without_images(contents.texts)
        raise OtherKindError(path, wanted)
    if contents.unread_images:
        raise DataError(
            N_(
                "the images of {path} are in a format that is not read ({name}); save them as JPEG or PNG"
            ),
            path=str(path),
            name=contents.unread_images[0],
        )
    raise refusal(contents.entries) or DataError(
        N_(
            "nothing to learn from in {path}; images: {images}; texts: {texts}; folders and .zip of them"
        ),
        path=str(path),
        images=" ".join((*IMAGE_SUFFIXES, *ARRAY_SUFFIXES)),
        texts=" ".join((*TEXT_SUFFIXES, *NAMED_SUFFIXES, *DOCUMENT_SUFFIXES)),
    )


def _refuse_numbers(entries: Sequence[Entry]) -> None:
    """Say of a table of numbers that it is none of pixels.

    Raises:
        DataError: it is one.
    """
    if len(entries) != 1 or entries[0].suffix != TABLE_SUFFIX:
        return
    table = sketch(entries[0])
    numbers = [column for column in range(table.num_columns) if table.numbers(column)]
    if len(numbers) >= max(2, table.num_columns - 1):
        raise DataError(
            N_(
                "{name} is a table of numbers in {columns} columns and not of pixels: a row has the pixels "
                "of one square gray image (784 for 28×28), and its class or none"
            ),
            name=entries[0].name,
            columns=table.num_columns,
        )


def _reads_text(options: DataConfig, wanted: Kind | None, contents: Contents) -> bool:
    """Who asks decides, be there ever so few of what is wanted; without a word the larger number does.

    The pictures beside an exported chat were sent in it.
    """
    if wanted in ("images", "text"):
        return wanted == "text"
    if (options.column is not None and contents.with_columns) or any(map(is_chat, contents.texts)):
        return True
    texts = contents.own_texts
    if contents.pictures and len(contents.pictures) < MIN_IMAGES:
        return bool(texts)  # a book and its cover
    return len(texts) > contents.num_images


def _pictures(contents: Contents, options: DataConfig) -> ImageData:
    """The picture files; their classes are from a table where no folder names any."""
    tables = (*contents.tables, *label_tables(contents.texts, contents.pictures))
    used = [*contents.pictures, *(table.entry for table in tables)]
    return load_images(
        contents.path, contents.pictures, options, contents.notes(used), tables=tables
    )


def _texts(contents: Contents, options: DataConfig, wanted: Kind | None) -> TextData | PointData:
    """The texts; of tables those that have the column, and none of those that say the classes of pictures."""
    chosen: Sequence[Entry] = contents.texts
    if options.column is not None:
        chosen = contents.with_columns or chosen
    else:
        tables = [table.entry for table in label_tables(chosen, contents.pictures)]
        of_images = {entry.name for entry in (*tables, *contents.numbers)}
        chosen = [entry for entry in chosen if entry.name not in of_images] or chosen
    if not chosen and contents.entries:
        raise refusal(contents.entries) or OtherKindError(contents.path, "text")
    if wanted is None and contents.path.is_file() and _are_points(chosen):
        return load_csv(contents.path)
    return load_text(contents.path, chosen, options, contents.notes(chosen))


def _are_points(entries: Sequence[Entry]) -> bool:
    """Whether there is one table, of two numbers a row."""
    if len(entries) != 1 or entries[0].suffix != TABLE_SUFFIX:
        return False
    table = sketch(entries[0])
    return table.num_columns == 2 and all(table.numbers(column) for column in (0, 1))
