"""How far the files from the hub are, as one download: the bars of the hub's library, told to our displays."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar, Self

from olaria.data.base import DownloadProgress, Progress
from olaria.data.download import REPORT_EVERY_S


class Transfer:
    """All files of one repository.

    Args:
        name: of the repository.
        total: bytes of its files.
        progress: called about ten times a second, and once at the end.
    """

    def __init__(
        self,
        name: str,
        total: int,
        progress: Progress | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._total, self._progress, self._now = name, total, progress, now
        self._done = 0
        self._began = self._reported = now()

    def add(self, count: int) -> None:
        """So many bytes more; fewer where a file begins again."""
        self._done += count
        if self._done < self._total and self._now() - self._reported >= REPORT_EVERY_S:
            self._report()

    def reached(self, done: int) -> None:
        """So many bytes in all, once a file is there, whatever its bar said."""
        self._done = done
        if done >= self._total:
            self._report()

    def bars(self) -> type[Any]:
        """What the library takes for the class of its bars."""
        return type("Bar", (_Bar,), {"transfer": self})

    def _report(self) -> None:
        self._reported = self._now()
        if self._progress is not None:
            rate = self._done / max(self._reported - self._began, 1e-9)
            self._progress(DownloadProgress(self._name, self._done, self._total, rate))


class _Bar:
    """As much of tqdm's bar as the library uses; it draws nothing."""

    transfer: ClassVar[Transfer]

    def __init__(self, *_words: Any, **_settings: Any) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def update(self, count: float | None = 1) -> None:
        """So many bytes more."""
        self.transfer.add(int(count or 0))

    def close(self) -> None:
        """The file has come, or not."""
