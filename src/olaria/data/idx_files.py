"""IDX files of the user's, as MNIST comes: images alone or with labels, of one part or of several, packed or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from olaria.data.archives import gunzip
from olaria.data.arrays import MAX_TOTAL_BYTES, Stored
from olaria.data.entries import Entry
from olaria.data.formats import read_idx
from olaria.data.parts import Part, left_out, part_of
from olaria.data.stored import Block, joined
from olaria.errors import DataError
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    from olaria.data.arrays import Array

_NAME = re.compile(r"ubyte|idx[1-4]?$|idx[1-4]\b")
_PACKED, _UNPACKED = b"\x1f\x8b", b"\0\0"
_UNSPECIFIC = ("images", "image", "labels", "label", "idx", "ubyte", "gz")
MNIST_TEST = "t10k"
"""What MNIST calls the images to test with."""
IMAGES, LABELS = 3, 1
"""Dimensions."""


def is_idx(entry: Entry) -> bool:
    """Whether a file is called as IDX files are, ``train-images-idx3-ubyte.gz``, or ``digits.idx`` and begins as one.

    Indices of other programs end in ``.idx`` too, as those of a DVD's subtitles.

    >>> [is_idx(Entry(name, 0, lambda: b"# VobSub")) for name in ("t10k-labels.idx1-ubyte", "film.idx", "index.txt")]
    [True, False, False]
    """
    if _NAME.search(_stem(entry)) is None:
        return False
    return not _stem(entry).endswith(".idx") or entry.read().startswith((_PACKED, _UNPACKED))


def read_idx_files(path: Path, entries: Sequence[Entry]) -> Stored:
    """Images and labels, paired by what else their names say.

    Raises:
        DataError: a file is no sound IDX file; there are no images, several sets of them, or more or fewer labels.
    """
    found: dict[tuple[str, int], tuple[Entry, Array]] = {}
    copies: list[str] = []
    for entry in entries:
        values = _read(entry)
        key = (_key(entry), values.ndim)
        if key not in found:
            found[key] = entry, values
        elif values.shape == found[key][1].shape and bool((values == found[key][1]).all()):
            copies.append(entry.name)
        else:
            raise DataError(
                N_("{path} holds two sets of images, {first} and {second}; give one of them"),
                path=str(path),
                first=found[key][0].name,
                second=entry.name,
            )
    notes: list[Message] = []
    left_out(
        N_(
            "{count} {count:copy of another file was|copies of other files were} left "
            "out: {examples}"
        ),
        copies,
        notes,
    )
    blocks = []
    for (key_name, dimensions), (entry, values) in found.items():
        if dimensions != IMAGES:
            continue
        _, labels = found.get((key_name, LABELS), (None, None))
        if labels is not None and len(labels) != len(values):
            raise DataError(
                N_(
                    "{name} has {images} {images:image|images} and {labels} "
                    "{labels:label|labels}; bring the files that belong together"
                ),
                name=entry.name,
                images=len(values),
                labels=len(labels),
            )
        blocks.append(Block(entry.name, _part(entry), values, labels))
    if not blocks:
        raise DataError(
            N_("{path} holds labels and no images; give the folder that has both"), path=str(path)
        )
    parts = [block.part for block in blocks]
    if len(set(parts)) < len(parts):
        raise DataError(
            N_("{path} holds two sets of images, {first} and {second}; give one of them"),
            path=str(path),
            first=blocks[0].name,
            second=blocks[1].name,
        )
    return joined(path, blocks, notes)


def _read(entry: Entry) -> Array:
    content = entry.read()
    if content.startswith(_PACKED):
        content = gunzip(content, MAX_TOTAL_BYTES, entry.name)
    dimensions = content[3] if len(content) > 3 else LABELS
    return read_idx(content, LABELS if dimensions == LABELS else IMAGES, entry.name)


def _stem(entry: Entry) -> str:
    return PurePosixPath(entry.name).name.lower().removesuffix(".gz")


def _key(entry: Entry) -> str:
    """What is the same in the names of images and their labels."""
    pieces = re.findall(r"[a-z]+|10k", _stem(entry))
    return " ".join(piece for piece in pieces if piece not in _UNSPECIFIC)


def _part(entry: Entry) -> Part | None:
    if MNIST_TEST in _stem(entry):
        return "test"
    parts = {part for part in map(part_of, re.findall(r"[a-z]+", _stem(entry))) if part}
    return parts.pop() if len(parts) == 1 else None
