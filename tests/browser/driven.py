"""A browser that is driven by hand: real keys and fingers, by the DevTools protocol over a pipe.

The tests of :mod:`conftest` ask a page once, under a clock of their own. Here the page lives on by the clock on the
wall, and gets the events that a keyboard and a finger cause, with all that the browser makes of them: clicks, focus,
scrolling.

Source: Chrome DevTools Protocol, domains ``Input``, ``Emulation`` and ``Runtime``; ``--remote-debugging-pipe`` reads
messages from file 3 and writes them to file 4, each ended by a zero byte.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .flags import FLAGS

_BEGIN = """import os, sys
told, answers, *words = sys.argv[1:]
os.dup2(int(told), 3)
os.dup2(int(answers), 4)
os.execvp(words[0], words)
"""
_LEAST_FILE = 10
"""Both pipes stand above the two files that they become."""
_WAIT_S = 120
KEYS: Mapping[str, tuple[int, str]] = {
    "Enter": (13, "\r"),
    "Tab": (9, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}
"""Virtual code of each key, and the text that it types."""


class Driven:
    """One page of a browser.

    Args:
        chromium: its command.
        folder: an empty one, for the browser's profile and the page.
    """

    def __init__(self, chromium: str, folder: Path) -> None:
        self._folder, self._rest, self._last = folder, b"", 0
        told, self._out = (_above(fd) for fd in os.pipe())
        self._in, answers = (_above(fd) for fd in os.pipe())
        words = [
            chromium,
            *FLAGS,
            "--remote-debugging-pipe",
            f"--user-data-dir={folder / 'profile'}",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN, str(told), str(answers), *words],
            pass_fds=(told, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )
        for fd in (told, answers):
            os.close(fd)
        self._session = ""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def close(self) -> None:
        """End the browser."""
        os.close(self._out)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    # -- the page ----------------------------------------------------------------------------------

    def open(self, page: str, *, width: int, touch: bool = False) -> None:
        """Load a page, on a screen of this width; with ``touch`` as a telephone does."""
        file = self._folder / "page.html"
        file.write_text(page, encoding="utf-8")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": touch}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.ask("Page.navigate", url="about:blank")
        self.ask("Page.navigate", url=file.as_uri())
        self.ask("Page.bringToFront")
        self.value(
            "new Promise(done => document.readyState === 'complete' ? done() : onload = done)"
        )

    def value(self, code: str) -> Any:
        """What an expression of JavaScript gives, once it is there."""
        answer = self.ask(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, (code[:300], answer["exceptionDetails"])
        return answer["result"].get("value")

    # -- hands -------------------------------------------------------------------------------------

    def press(self, key: str) -> None:
        """A key, where the focus is."""
        code, text = KEYS[key]
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.ask(
            "Input.dispatchKeyEvent", type="keyDown", **event, **({"text": text} if text else {})
        )
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        """Letters, where the focus is."""
        self.ask("Input.insertText", text=text)

    def finger(self, *way: Sequence[float]) -> None:
        """A finger that comes down at the first place (CSS pixels of the window), goes the way and is lifted."""
        for place, (x, y) in enumerate(way):
            kind = "touchMove" if place else "touchStart"
            self.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    # -- the protocol ------------------------------------------------------------------------------

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a method.

        Raises:
            AssertionError: the browser refuses it, or says nothing.
        """
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end:
            answer = self._next(end - time.monotonic())
            if answer.get("id") == self._last:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
        raise AssertionError(f"{method}: no answer")

    def _next(self, seconds: float) -> Any:
        """The next message; of events there is no end."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], seconds)
            assert ready, "the browser says nothing"
            got = os.read(self._in, 1 << 20)
            assert got, "the browser has ended"
            self._rest += got
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


def _above(fd: int) -> int:
    """The same file by a number that is neither 3 nor 4."""
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LEAST_FILE)
    os.close(fd)
    return copy
