"""Where a verb writes: names that are free."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.storage.files import refuse_overwriting

if TYPE_CHECKING:
    from PIL.Image import Image


def free_path(stem: str, ending: str) -> Path:
    """A name in the working folder that is not taken: ``stem``, ``stem-2``, …"""
    path, number = Path(stem + ending), 1
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}{ending}")
    return path


def save_picture(picture: Image, request: Any, ending: str) -> Path:
    """Write a verb's picture where its request says, else under a free name, and return the place.

    Args:
        picture: as PNG.
        request: with ``run``, ``out`` and ``overwrite``.
        ending: of the free name, after that of the run.

    Raises:
        StorageError: the file is there already.
    """
    from olaria.storage.images import save_png

    out = request.out
    path = free_path(f"{stem_of(request.run)}-{ending}", ".png") if out is None else Path(out)
    refuse_overwriting(path, request.overwrite)
    save_png(path, picture)
    return path


def word_of(thing: object) -> str | None:
    """A run or data as it was named: for a document, and for names of files."""
    if thing is None or isinstance(thing, str):
        return thing
    if isinstance(thing, os.PathLike):
        return str(getattr(thing, "name", "")) if not isinstance(thing, Path) else str(thing)
    return "array"


def stem_of(run: object) -> str:
    """The last part of a run's name."""
    return Path(word_of(run) or "").name
