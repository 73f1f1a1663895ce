"""A headless Chromium that is spoken to through two pipes: what the tests and the benchmarks drive pages with.

Nothing but the standard library is needed: the DevTools protocol runs over the file descriptors 3 (to the browser) and
4 (from it), JSON messages that end with a zero byte.

Source: Chrome DevTools Protocol, https://chromedevtools.github.io/devtools-protocol/ (``--remote-debugging-pipe``,
domains ``Target``, ``Page``, ``Emulation`` and ``Runtime``).
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--proxy-server=127.0.0.1:9",  # whatever tries to leave meets a closed door
)
ANSWER_S = 120.0
"""Longest wait for an answer."""
LATE_S = 10.0
"""The same, of a page whose own time is over: it does no more, but tells what it has."""
_BEGIN = """import os, sys
told, answers, *words = sys.argv[1:]
os.dup2(int(told), 3)
os.dup2(int(answers), 4)
os.execvp(words[0], words)
"""
_LOADED = "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
_TIME_OVER = "Emulation.virtualTimeBudgetExpired"
_LEAST_FILE = 10
"""Both pipes stand above the two files that they become."""


class BrowserError(Exception):
    """The browser refused, has ended or did not answer."""


def find_chromium() -> str | None:
    """Its command, where it is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """One browser in a profile of its own; a context manager that ends it.

    Args:
        command: of Chromium.
        flags: more of them.

    Raises:
        BrowserError: it ended, or did not answer in time.
    """

    def __init__(self, command: str, *flags: str) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._rest, self._last = b"", 0
        self._over: set[str] = set()
        told, self._out = (_above(fd) for fd in os.pipe())
        self._in, answers = (_above(fd) for fd in os.pipe())
        words = [command, *FLAGS, *flags, "--remote-debugging-pipe"]
        words += [f"--user-data-dir={self._profile.name}/profile", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _BEGIN, str(told), str(answers), *words],
            pass_fds=(told, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._profile.name},
        )
        for fd in (told, answers):
            os.close(fd)

    def __enter__(self) -> Chromium:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def end(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Let it end, and remove its profile."""
        os.close(self._out)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.end()
        os.close(self._in)
        self._profile.cleanup()

    def tab(self) -> Tab:
        """A new tab, still empty."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        return Tab(self, target, str(attached["sessionId"]))

    def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """The result of a method, of the browser or of the tab with this session.

        Raises:
            BrowserError: it is refused, or there is no answer.
        """
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        try:
            os.write(self._out, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise BrowserError("Chromium has ended") from None
        end = time.monotonic() + ANSWER_S
        while True:
            if session in self._over:  # told during this call, or while another one was answered
                end = min(end, time.monotonic() + LATE_S)
            answer = self._next(end)
            if answer.get("id") == self._last:
                break
            if answer.get("method") == _TIME_OVER:
                self._over.add(answer["sessionId"])
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self._in, 1 << 20) if ready else b""
            if not part:
                raise BrowserError("Chromium has ended" if ready else "no answer in time")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


class Tab:
    """One tab of a browser; made by :meth:`Chromium.tab`."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a method of the protocol.

        Raises:
            BrowserError: it is refused, or there is no answer.
        """
        return self._browser.call(method, self._session, **params)

    def screen(self, width: int, height: int, *, touch: bool = False) -> None:
        """Give it a window of so many CSS pixels; with ``touch`` that of a telephone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Emulation.setTouchEmulationEnabled", enabled=touch)

    def open(self, address: str, *, time_ms: int | None = None) -> None:
        """Go to an address, and wait until the page has loaded.

        Args:
            address: where the page is.
            time_ms: the page gets a clock of its own, which leaps over every wait and stops after so long; without
                it the page lives by the clock on the wall.
        """
        if time_ms is not None:
            self.ask("Emulation.setVirtualTimePolicy", policy="pause")
        self.ask("Page.navigate", url=address)
        if time_ms is not None:
            self.ask(
                "Emulation.setVirtualTimePolicy",
                policy="pauseIfNetworkFetchesPending",
                budget=time_ms,
                maxVirtualTimeTaskStarvationCount=9999,
            )
        self.value(_LOADED)

    def value(self, code: str) -> Any:
        """What an expression of JavaScript gives, once it is there: any JSON.

        Raises:
            BrowserError: it threw; the message tells what. Or the time that :meth:`open` gave is over.
        """
        answer = self.ask(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{code[:300]}: {json.dumps(answer['exceptionDetails'])[:2000]}")
        return answer["result"].get("value")

    def close(self) -> None:
        """Close it."""
        self._browser.call("Target.closeTarget", targetId=self._target)


def _above(fd: int) -> int:
    """The same file by a number that is neither 3 nor 4."""
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LEAST_FILE)
    os.close(fd)
    return copy
