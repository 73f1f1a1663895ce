"""Ctrl-C and SIGTERM: a run ends after the current step, with everything saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from olaria.errors import OlariaError
from olaria.i18n import N_, Message, Setting
from olaria.training.events import Answer, Event, Stop

INTERRUPTED = N_("stopped by Ctrl-C")
TERMINATED = N_("stopped by the system (SIGTERM)")
INTERRUPTED_CODE, TERMINATED_CODE = 130, 143
"""Exit codes."""


class Interrupted(OlariaError):
    """A person or the system ended a run; all was saved."""

    def __init__(self, reason: str, path: Path, exit_code: int) -> None:
        super().__init__(
            N_("{reason}; go on with {resume}"),
            resume=Setting("resume", str(path)),
            reason=Message(reason),
            path=str(path),
        )
        self.exit_code = exit_code


@contextmanager
def handling(handler: Any) -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM go to ``handler``; afterwards to whatever handled them before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler that was not installed from Python could not be put back.
    both = (signal.SIGINT, signal.SIGTERM)
    numbers = [number for number in both if signal.getsignal(number) is not None]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


class Interruption:
    """Turns the first Ctrl-C or SIGTERM into a stop after the current step; a second one ends at once."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.exit_code = 0

    def __call__(self, event: Event) -> Answer:
        return Stop(Message(self.reason)) if self.reason else None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Handle the signals inside, and restore whatever handled them before."""
        with handling(self._note):
            yield

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.reason is not None:
            raise KeyboardInterrupt
        terminated = number == signal.SIGTERM
        self.reason = TERMINATED if terminated else INTERRUPTED
        self.exit_code = TERMINATED_CODE if terminated else INTERRUPTED_CODE
