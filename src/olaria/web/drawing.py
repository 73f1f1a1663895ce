"""What the studio has drawn: by one process beside it, which is started when it is needed and ended when it idles.

The studio itself loads no PyTorch. Who asks waits for a turn; where too many wait, nobody else is let in. A job whose
client leaves is stopped at its next piece.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import queue
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from olaria.characters import encodable_json
from olaria.i18n import N_
from olaria.web.computing import refused
from olaria.web.errors import Refused
from olaria.web.workers import environment

MOST_AT_ONCE, MOST_WAITING = 4, 12
"""Jobs that are drawn in turn, and those that wait besides."""
_GONE: Message = {"error": None}
IDLE_S = 300.0
"""Seconds without a job after which the process ends, and gives its memory back."""
LAST = ("done", "error", "stopped")
Message = dict[str, Any]


class Drawing:
    """One job.

    Args:
        number: of the job.
        process: that draws.
        drawers: whose turn it has.
    """

    def __init__(self, number: int, process: _Process, drawers: Drawers) -> None:
        self.begun: Message = {}
        self.process = process
        self._number, self._drawers = number, drawers
        self._loop, self._found = asyncio.get_running_loop(), asyncio.Queue[Message]()
        self._is_open = True

    def tell(self, message: Message) -> None:
        """Take a message; from any thread."""
        with suppress(RuntimeError):  # nobody listens any more
            self._loop.call_soon_threadsafe(self._found.put_nowait, message)

    async def messages(self) -> AsyncIterator[Message]:
        """What comes, up to the last.

        Raises:
            Refused: the job cannot be done.
        """
        while True:
            message = await self._found.get()
            if "error" in message:
                raise _refused(message)
            yield message
            if message.keys() & set(LAST):
                return

    async def begin(self) -> None:
        """Wait until it is certain that the job can be done.

        Raises:
            Refused: it cannot.
        """
        message = await self._found.get()
        if "error" in message:
            raise _refused(message)
        self.begun = message["begun"]

    def close(self) -> None:
        """End it, wherever it is; the turn is given on. It may be called twice."""
        if self._is_open:
            self._is_open = False
            self.process.leave(self._number)
            self._drawers.give_back()


def _refused(message: Message) -> Refused:
    if message["error"] is None:
        return Refused(503, "drawer_ended", N_("the process that draws has ended; ask again"))
    return refused(message["status"], message["error"])


class Drawers:
    """Gives turns at the one process that draws.

    Args:
        home: where the runs lie.
    """

    def __init__(self, home: Path) -> None:
        self._home, self._lock = home, threading.Lock()
        self._turns, self._num_asked = asyncio.Semaphore(MOST_AT_ONCE), 0
        self._numbers = itertools.count(1)
        self._process: _Process | None = None
        self.num_pieces = 0
        """That the process has drawn, for whomever."""

    def facts(self) -> dict[str, int]:
        """How busy it is."""
        return {"jobs": self._num_asked, "pieces": self.num_pieces}

    async def begin(self, request: Message, language: str, **options: Any) -> Drawing:
        """Wait for a turn and begin a job; whoever gets it must close it.

        Args:
            request: settings of ``sample``.
            language: of sentences.
            **options: ``within``, ``alternatives`` and ``lines``; see :func:`olaria.web.drawing_process.drawn`.

        Raises:
            Refused: too many wait, or the run cannot draw that.
        """
        if self._num_asked >= MOST_AT_ONCE + MOST_WAITING:
            raise Refused(
                429,
                "busy",
                N_("too much is being drawn at once"),
                hint=N_("ask again in a few seconds"),
                headers={"Retry-After": "2"},
            )
        self._num_asked += 1
        try:
            await self._turns.acquire()
        except BaseException:
            self._num_asked -= 1
            raise
        drawing: Drawing | None = None
        try:
            number = next(self._numbers)
            job = {"id": number, "request": request, "language": language, **options}
            drawing = Drawing(number, self._alive(), self)
            while not drawing.process.take(drawing, job):
                drawing.process = self._alive()
            await drawing.begin()
        except BaseException:
            if drawing is None:
                self.give_back()
            else:
                drawing.close()
            raise
        return drawing

    def give_back(self) -> None:
        """Let the next one have a turn."""
        self._num_asked -= 1
        self._turns.release()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                self._process.end()

    def _alive(self) -> _Process:
        with self._lock:
            if self._process is None or not self._process.is_open:
                self._process = _Process(self._home, self)
            return self._process


class _Process:
    """The process while it lives; see :mod:`olaria.web.drawing_process`."""

    def __init__(self, home: Path, drawers: Drawers) -> None:
        self.is_open = True
        self._drawers, self._lock = drawers, threading.Lock()
        self._jobs: dict[int, Drawing] = {}
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "olaria.web.drawing_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(home, "en"),
        )
        for work in (self._send, self._receive):
            threading.Thread(target=work, daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    def take(self, drawing: Drawing, job: Message) -> bool:
        """Give it a job; False where it has just begun to end."""
        with self._lock:
            if self.is_open:
                self._jobs[job["id"]] = drawing
                self._outbox.put(job)
            return self.is_open

    def leave(self, number: int) -> None:
        """Nobody waits for a job any more."""
        with self._lock:
            if self._jobs.pop(number, None) is not None:
                self._outbox.put({"id": number, "stop": True})

    def end(self) -> None:
        """Let it end."""
        with self._lock:
            self.is_open = False
            self._outbox.put(None)

    def _send(self) -> None:
        stdin = self._child.stdin
        assert stdin is not None
        with suppress(OSError), stdin:
            while True:
                try:
                    message = self._outbox.get(timeout=IDLE_S)
                except queue.Empty:
                    with self._lock:
                        self.is_open = bool(self._jobs)
                    message = {} if self.is_open else None
                if message is None:
                    return
                if message:
                    stdin.write(encodable_json(message).encode() + b"\n")
                    stdin.flush()

    def _receive(self) -> None:
        stdout = self._child.stdout
        assert stdout is not None
        with stdout:
            for line in stdout:
                with suppress(ValueError):
                    self._pass_on(json.loads(line))
        self._child.wait()
        with self._lock:
            self.is_open = False
            self._outbox.put(None)
            left, self._jobs = [*self._jobs.values()], {}
        for drawing in left:
            drawing.tell(_GONE)

    def _pass_on(self, message: Message) -> None:
        if "piece" in message:
            self._drawers.num_pieces += 1
        number = message["id"]
        with self._lock:
            drawing = self._jobs.get(number)
            if message.keys() & set(LAST):
                self._jobs.pop(number, None)
        if drawing is not None:
            drawing.tell(message)
