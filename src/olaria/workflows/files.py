"""Where a verb writes: names that are free."""

from __future__ import annotations

import os
from pathlib import Path


def free_path(stem: str, ending: str) -> Path:
    """A name in the working folder that is not taken: ``stem``, ``stem-2``, …"""
    path, number = Path(stem + ending), 1
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}{ending}")
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
