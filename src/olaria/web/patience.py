"""A server of few places: it waits for nobody for ever, and answers first what takes no time."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""Seconds in which the head of a request must have come: from the connection's beginning, or from its first byte."""

TAKEN_S = 30.0
"""Seconds in which a client must have taken something of what waits for it."""
SWITCH_S = 0.0005
"""Seconds that a thread may compute while the one that answers waits for its turn: a tenth of Python's own."""
MOST_THREADS = 8
"""That read files for answers at once; more of them only take turns from each other and from the one that answers."""


def answer_first() -> None:
    """Let the thread that answers wait for the others as little as can be; called in the loop that serves."""
    sys.setswitchinterval(SWITCH_S)
    current_default_thread_limiter().total_tokens = MOST_THREADS
    gc.collect()
    gc.freeze()  # what is loaded by now stays: looking through it again and again stops every answer


class PatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, which waits only so long for the head of a request, and for who takes nothing."""

    _late: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; a head that is whole is waited for no more."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait_no_more()
        elif self._late is None and data and not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._wait_no_more()
        self._stuck_no_more()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        """It has taken nearly all."""
        self._stuck_no_more()
        super().resume_writing()

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEAD_S, self._give_up)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _look_later(self) -> None:
        size = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(TAKEN_S, self._look_again, size)

    def _look_again(self, before: int) -> None:
        self._stuck = None
        if self.transport.get_write_buffer_size() < before:  # slow, but it takes what comes
            self._look_later()
        else:
            self.transport.abort()

    def _stuck_no_more(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _give_up(self) -> None:
        self._late = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
