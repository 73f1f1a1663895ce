"""Large answers that took seconds to compute, kept in files as long as what they are of is unchanged."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path

MOST_KEPT = 24


class KeptAnswers:
    """The answers that were computed last."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._kept: OrderedDict[Hashable, Path] = OrderedDict()
        self._locks: weakref.WeakValueDictionary[Hashable, asyncio.Lock]
        self._locks = weakref.WeakValueDictionary()
        self._count = 0

    async def of(self, key: Hashable, compute: Callable[[Path], Awaitable[bool]]) -> bytes:
        """The answer of a key; who asks while it is computed waits for it.

        Args:
            key: what it is of, and the state of that.
            compute: writes the answer to a file, and says whether it may be kept.
        """
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return await asyncio.to_thread(self._kept[key].read_bytes)
            path = self._place()
            try:
                is_kept = await compute(path)
                content = await asyncio.to_thread(path.read_bytes)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            if is_kept:
                self._keep(key, path)
            else:
                path.unlink()
            return content

    def _keep(self, key: Hashable, path: Path) -> None:
        self._kept[key] = path
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)[1].unlink(missing_ok=True)

    def _place(self) -> Path:
        """A new file in a folder that nobody else may read; it goes when these answers do."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="olaria-answers-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._count += 1
        return self._folder / f"{self._count}.json"
