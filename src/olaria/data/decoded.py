"""The decoded pixels of large folders and zips, kept in Olaria's own folder so that they are decoded once.

A file of the cache is named after everything that decides its content: the names, sizes and stamps of the user's
files and how they were read. A changed file, a missing one or another size gives another name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from olaria.data.base import Pictures
from olaria.data.config import DataConfig
from olaria.data.entries import Entry
from olaria.data.places import home
from olaria.data.sources import write_kept
from olaria.errors import StorageError
from olaria.i18n import Message
from olaria.storage.paths import openable

KEPT_FROM = 5_000
"""Images from which decoding takes longer than a second or so."""
FORMAT = 2
SUFFIX = ".safetensors"


def folder() -> Path:
    """Where the decoded images are."""
    return home() / "images"


def recall(entries: Sequence[Entry], options: DataConfig) -> Pictures | None:
    """What :func:`keep` was given for the same files; None where it was given nothing.

    A damaged file counts as none.
    """
    if len(entries) < KEPT_FROM:
        return None
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        path = _path(entries, options)
        if not path.is_file():
            return None
        with openable(path) as file, safe_open(file, "pt") as stored:
            about = json.loads(stored.metadata()["about"])
            x = stored.get_tensor("x")
        notes = tuple(Message.from_json(note) for note in about["notes"])
        if x.dtype != torch.uint8 or x.ndim != 4 or len(x) != len(about["names"]):
            return None
    except (OSError, StorageError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    return Pictures(tuple(about["names"]), x, notes)


def keep(entries: Sequence[Entry], options: DataConfig, pictures: Pictures) -> None:
    """Store what was decoded, where there is much of it; without room it is decoded again next time."""
    if len(entries) < KEPT_FROM:
        return
    from safetensors.torch import save

    notes = [note.to_json() for note in pictures.notes]
    about = {"names": list(pictures.names), "notes": notes}
    content = save({"x": pictures.x.contiguous()}, {"about": json.dumps(about)})
    try:
        write_kept(_path(entries, options), content)
    except StorageError:
        return


def _path(entries: Sequence[Entry], options: DataConfig) -> Path:
    files = [(entry.name, entry.size_bytes, entry.stamp) for entry in entries]
    read_as = [FORMAT, options.resize, options.gray, files]
    name = hashlib.sha256(json.dumps(read_as).encode()).hexdigest()[:32]
    return folder() / f"{name}{SUFFIX}"
