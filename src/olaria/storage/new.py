"""The folder of a new run: its name is taken by making it, and given back where nothing was written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from olaria.storage.files import free_names, storage_errors
from olaria.storage.folder import LOCK, runs_home


@contextmanager
def new_folder(stem: str, out: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """The folder of a new run: ``out``, else a free name where runs lie: ``vae-mnist``, ``vae-mnist-2``, …

    A free name is taken by making the folder, so that nobody else gets it. When an error occurs, a folder that is new
    and holds nothing but a lock is removed.

    Raises:
        StorageError: it cannot be made.
    """
    path = free_folder(stem) if out is None else Path(out)
    is_new = out is None or not os.path.lexists(path)
    try:
        yield path
    except BaseException:
        if is_new:
            remove_if_empty(path)
        raise


def free_folder(stem: str, home: Path | None = None) -> Path:
    """Make a folder of a free name, ``stem``, ``stem-2``, …, in ``home``, or where runs lie.

    Raises:
        StorageError: it cannot be made.
    """
    home = runs_home() if home is None else home
    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True)
    for name in free_names(stem):
        with storage_errors(home / name), suppress(FileExistsError):
            (home / name).mkdir()
            return home / name
    raise AssertionError("names never end")


def remove_if_empty(path: Path) -> None:
    """Remove a folder that holds nothing but a lock."""
    with suppress(OSError):
        if all(child.name == LOCK for child in path.iterdir()):
            (path / LOCK).unlink(missing_ok=True)
            path.rmdir()
