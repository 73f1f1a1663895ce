"""Images that come as numbers: arrays by name, IDX files, tables of pixels; one file of them, or a part in each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from olaria.data.arrays import Stored, one_each, read_npy
from olaria.data.entries import Entry
from olaria.data.parts import Part, left_out, part_of
from olaria.errors import DataError
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    from olaria.data.arrays import Array

VALUES = frozenset(("x", "images", "image", "imgs", "data", "pixels"))
LABELS = frozenset(("y", "labels", "label", "target", "targets", "classes"))
"""Names of arrays, besides the part that they may name: ``x_train``, ``test_images``."""
POSITIONAL = {"arr_0": "x", "arr_1": "y"}
"""What NumPy calls arrays that are saved without a name."""
ARRAY_SUFFIX = ".npy"
NUM_NAMED = 3


@dataclass(frozen=True)
class Block:
    """Images of one file or array, and their labels where there are some.

    Attributes:
        name: of it, for notes and errors.
        part: that the name says, if it says one.
    """

    name: str
    part: Part | None
    values: Array
    labels: Array | None


def joined(path: Path, blocks: Sequence[Block], notes: Sequence[Message] = ()) -> Stored:
    """All blocks as one; their parts are kept where one is for training and another is not.

    Args:
        path: for the errors.
        blocks: at least one.
        notes: what was noted when they were read.

    Raises:
        DataError: their images differ in shape or type, or there are more or fewer labels than images.
    """
    import numpy as np

    said = list(notes)
    named = {block.part for block in blocks}
    if "train" not in named or not named - {None, "train"}:
        blocks = [replace(block, part=None) for block in blocks]
    else:
        strays = [block.name for block in blocks if block.part is None]
        left_out(
            N_("{count} {count:file in no part was|files in no part were} left out: {examples}"),
            strays,
            said,
        )
        blocks = [block for block in blocks if block.part]
    # Images to train on decide whether there are classes.
    classed = any(block.labels is not None for block in blocks if block.part in (None, "train"))
    if classed:
        bare = [block.name for block in blocks if block.labels is None]
        left_out(
            N_(
                "{count} {count:file|files} of images without classes {count:was|were} left "
                "out: {examples}"
            ),
            bare,
            said,
        )
        blocks = [block for block in blocks if block.labels is not None]
    first = blocks[0]
    for block in blocks:
        same_shape = block.values.shape[1:] == first.values.shape[1:]
        if not same_shape or block.values.dtype != first.values.dtype:
            raise DataError(
                N_("the images of {path} differ in shape or type: {first}, {name}; leave one out"),
                path=str(path),
                first=first.name,
                name=block.name,
            )
    values = [block.values for block in blocks]
    labels = [
        one_each(block.labels, len(block.values), block.name)
        for block in blocks
        if block.labels is not None
    ]
    parts = [part for block in blocks for part in [block.part] * len(block.values)]
    return Stored(
        values[0] if len(blocks) == 1 else np.concatenate(values),
        np.concatenate(labels) if classed else None,
        tuple(said),
        tuple(parts) if any(parts) else (),
    )


def read_arrays(path: Path, entries: Sequence[Entry]) -> Stored:
    """The arrays of ``.npy`` files, which a ``.npz`` is full of, by their names; of a single one its name is free.

    Raises:
        DataError: one is damaged, too large or holds objects; or there is none of a known name, or several.
    """
    if len(entries) == 1:
        values = read_npy(entries[0].read(), _shown(path, entries[0]))
        return Stored(values, None)
    found: dict[tuple[str, Part | None], Entry] = {}
    for entry in entries:
        kind, part = _meaning(PurePosixPath(entry.name).stem)
        if not kind:
            continue
        if (kind, part) in found:
            raise DataError(
                N_("{path} has several arrays named {names}; keep one"),
                path=str(path),
                names=" / ".join(
                    PurePosixPath(one.name).stem for one in (found[kind, part], entry)
                ),
            )
        found[kind, part] = entry
    parts = [part for kind, part in found if kind == "x"]
    if not parts:
        raise DataError(
            N_("{path} has no array named x or images; it has: {names}"),
            path=str(path),
            names=listed([PurePosixPath(entry.name).stem for entry in entries]),
        )
    used = [entry for (_, part), entry in found.items() if part in parts]
    rest = [PurePosixPath(entry.name).stem for entry in entries if entry not in used]
    notes = []
    if rest:
        fields = {"count": len(rest), "names": listed(rest)}
        notes.append(
            Message(
                N_(
                    "{count} {count:array of another name was|arrays of other "
                    "names were} left out: {names}"
                ),
                fields,
            )
        )
    blocks = []
    for part in parts:
        x, y = found["x", part], found.get(("y", part))
        values = read_npy(x.read(), _shown(path, x))
        labels = None if y is None else read_npy(y.read(), _shown(path, y))
        blocks.append(Block(PurePosixPath(x.name).stem, part, values, labels))
    return joined(path, blocks, notes)


def _meaning(name: str) -> tuple[str, Part | None]:
    """Whether an array is images (``x``), labels (``y``) or something else (nothing), and of which part."""
    pieces = re.findall(r"[a-z]+", POSITIONAL.get(name, name).lower())
    parts = [part for part in map(part_of, pieces) if part]
    rest = [piece for piece in pieces if not part_of(piece)]
    kind = "" if len(rest) != 1 else "x" if rest[0] in VALUES else "y" if rest[0] in LABELS else ""
    return (kind, parts[0] if parts else None) if len(parts) <= 1 else ("", None)


def _shown(path: Path, entry: Entry) -> str:
    return path.name if entry.name == path.name else f"{path.name}/{entry.name}"


def listed(names: Sequence[str]) -> str:
    """The first of some names."""
    more = ["…"] * (len(names) > NUM_NAMED)
    return ", ".join([*names[:NUM_NAMED], *more]) or "—"
