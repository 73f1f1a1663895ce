"""Where a verb writes: names that are free."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.characters import encodable
from olaria.storage.files import free_names, new_files

if TYPE_CHECKING:
    from PIL.Image import Image


@contextmanager
def new_place(
    request: Any,
    stem: str,
    ending: str,
    written: Callable[[Path], Sequence[Path]] = lambda path: [path],
) -> Iterator[Path]:
    """Where a verb writes: where its request says, else ``stem``, ``stem-2``, … in the working folder.

    The names of new files are taken here; see :func:`olaria.storage.files.new_files`.

    Args:
        request: with ``out`` and, where a file may be replaced, ``overwrite``.
        stem: of the free name.
        ending: of the free name, with its dot.
        written: every file that is written for such a path, that one first.

    Raises:
        StorageError: a file is there already.
    """
    if request.out is not None and request.overwrite:
        yield Path(request.out)
        return
    free = (Path(name) for name in free_names(stem, ending))
    with new_files(map(written, free if request.out is None else [Path(request.out)])) as path:
        yield path


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

    with new_place(request, f"{stem_of(request.run)}-{ending}", ".png") as path:
        save_png(path, picture)
    return path


def word_of(thing: object) -> str | None:
    """A run or data as it was named: for a document, and for names of files."""
    if thing is None:
        return None
    if isinstance(thing, str | Path):
        return encodable(str(thing))
    return str(getattr(thing, "name", "")) if isinstance(thing, os.PathLike) else "array"


def next_verbs(family: str) -> list[str]:
    """What to do with a run of a family: it draws, or where it has no prior it rebuilds; translations need a text.

    >>> next_verbs("vae"), next_verbs("autoencoder")
    (['eval', 'sample', 'report'], ['eval', 'reconstruct', 'report'])
    """
    from olaria.families import MODELS

    entry = MODELS[family]
    draws = entry.shows("samples", "first-and-last", "text")
    rebuilds = entry.shows("reconstructions")
    middle = ["sample"] if draws else ["reconstruct"] if rebuilds else []
    return ["eval", *middle, "report"]


def stem_of(run: object) -> str:
    """The last part of a run's name."""
    return Path(word_of(run) or "").name
