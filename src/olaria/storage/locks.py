"""Locks: one process at a time writes what a lock file stands beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from olaria.errors import OlariaError
from olaria.storage.files import Explain, storage_errors


@contextmanager
def locked(
    path: Path,
    busy: Callable[[], OlariaError],
    timeout_s: float = 0.0,
    explain: Explain | None = None,
) -> Iterator[None]:
    """Hold the lock file ``path``, which a process that ends lets go of, however it ends.

    Args:
        path: the lock file; its folder is made.
        busy: the error where another process holds it.
        timeout_s: seconds to wait for it.
        explain: see :func:`olaria.storage.files.storage_errors`.

    Raises:
        OlariaError: ``busy``.
        StorageError: the file cannot be made.
    """
    # Here and not above: filelock brings asyncio, which nobody needs who only reads.
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    with storage_errors(path, explain=explain):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=timeout_s)
        except Timeout:
            raise busy() from None
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a process, this one or another, holds the lock file ``path`` at this moment.

    A lock that is free is taken and let go of at once: a process that begins in that instant finds it busy. Ask where
    it is likely to be held.

    Raises:
        StorageError: it cannot be opened.
    """
    from filelock import FileLock, Timeout

    with storage_errors(path):
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return False
        except Timeout:
            return True
