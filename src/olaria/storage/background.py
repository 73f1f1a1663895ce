"""One piece of writing at a time, beside the training: what a slow disk costs is not waited for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Does one piece of work after the other in a thread of its own.

    What the work reads must not change under it: hand it copies. A failure is raised where the result is asked for, so
    nothing that failed goes unnoticed.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="olaria-save")
        self._running: Future[T] | None = None

    def settle(self) -> T | None:
        """Wait for the work that was begun and return its result; None where there was none.

        Raises:
            Exception: what the work raised.
        """
        running, self._running = self._running, None
        return None if running is None else running.result()

    def begin(self, work: Callable[[], T]) -> None:
        """Begin the work; what was begun before has been settled."""
        assert self._running is None, "settle the one before first"
        self._running = self._threads.submit(work)

    def close(self) -> None:
        """Wait for the work and end the thread; what was not settled is lost to no one but the caller."""
        self._threads.shutdown(wait=True)
