"""The user's own data: a file, a folder or a zip, of images or of texts; or a file of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from olaria.data.arrays import is_array_file, read_stored
from olaria.data.base import ImageData, PointData, TextData
from olaria.data.config import DataConfig
from olaria.data.entries import IMAGE_SUFFIXES, NAMED_SUFFIXES, TEXT_SUFFIXES, Entry, find_entries
from olaria.data.images import load_image_arrays, load_images
from olaria.data.plane import load_point_array
from olaria.data.text import load_text
from olaria.errors import DataError
from olaria.families.base import Kind
from olaria.i18n import N_, Message


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
    if is_array_file(path):
        stored = read_stored(path)
        if stored.is_points:
            return load_point_array(path, stored)
        return load_image_arrays(path, stored, options)
    entries = find_entries(path)
    images = [entry for entry in entries if entry.suffix in IMAGE_SUFFIXES]
    texts = [entry for entry in entries if entry.suffix in TEXT_SUFFIXES]
    if options.column is not None or not (images or texts):
        texts = [entry for entry in entries if entry.suffix in (*TEXT_SUFFIXES, *NAMED_SUFFIXES)]
    chosen = texts if _reads_text(options, wanted, len(images), len(texts)) else images
    if not chosen:
        raise DataError(
            N_("nothing to learn from in {path}; images: {images}; texts: {texts}"),
            path=str(path),
            images=" ".join(IMAGE_SUFFIXES),
            texts=" ".join((*TEXT_SUFFIXES, *NAMED_SUFFIXES)),
        )
    notes = _left_out(entries, chosen)
    if chosen is images:
        return load_images(path, chosen, options, notes)
    return load_text(path, chosen, options, notes)


def _reads_text(options: DataConfig, wanted: Kind | None, num_images: int, num_texts: int) -> bool:
    """Who asks decides, be there ever so few of what is wanted; without a word the larger number does."""
    if not num_images or not num_texts:
        return num_texts > 0
    if wanted in ("images", "text"):
        return wanted == "text"
    return options.column is not None or num_texts > num_images


def _left_out(entries: Sequence[Entry], chosen: Sequence[Entry]) -> list[Message]:
    used = {entry.name for entry in chosen}
    rest = [entry.name for entry in entries if entry.name not in used]
    if not rest:
        return []
    fields = {"count": len(rest), "examples": ", ".join(rest[:3])}
    return [Message(N_("{count} files of another kind were left out: {examples}"), fields)]
