"""A headless Chromium that is spoken to through two pipes, in real time.

The tests run pages under a virtual clock (``tests/browser``); what is timed has to see the real one. Nothing but the
standard library is needed: the DevTools protocol runs over the file descriptors 3 and 4, JSON messages that end with a
zero byte.

Source: Chrome DevTools Protocol, https://chromedevtools.github.io/devtools-protocol/ (``--remote-debugging-pipe``).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from common import BenchmarkError

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
    "--remote-debugging-pipe",
)
_DEADLINE_S = 120.0


def find_chromium() -> str | None:
    """Its command, where it is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One Chromium, in a profile of its own; a context manager that ends it.

    Args:
        command: of Chromium.
        width: of the window, in CSS pixels.

    Raises:
        BenchmarkError: it ended, or did not answer in two minutes.
    """

    def __init__(self, command: str, width: int = 1000) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        words = [command, *FLAGS, f"--window-size={width},1200"]
        words += [f"--user-data-dir={self._profile.name}/profile", "about:blank"]
        # The shell puts our pipes where the browser looks for them, and becomes the browser.
        script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *words],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._profile.name},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._left = b""
        self._number = 0

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._profile.cleanup()

    def open(self, page: Path, before: str = "") -> str:
        """Open a page in a tab of its own, which is ready for :meth:`ask`.

        Args:
            page: a file.
            before: JavaScript that runs before all of the page's own.
        """
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        found = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
        session = str(found["sessionId"])
        self._call("Page.enable", {}, session)
        self._call("Page.addScriptToEvaluateOnNewDocument", {"source": before}, session)
        self._call("Page.navigate", {"url": page.as_uri()}, session)
        return session

    def close(self, session: str) -> None:
        """Close a tab."""
        self._call("Page.close", {}, session)

    def ask(self, session: str, body: str) -> Any:
        """What the body of an async function returns in the page, any JSON.

        Raises:
            BenchmarkError: it threw; the message is the error's.
        """
        expression = f"(async () => {{ {body} }})()"
        wanted = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self._call("Runtime.evaluate", wanted, session)
        if "exceptionDetails" in answer:
            raise BenchmarkError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def _call(
        self, method: str, parameters: Mapping[str, Any], session: str | None = None
    ) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _DEADLINE_S
        while True:
            answer = self._receive(deadline)
            if answer.get("id") != self._number:
                continue  # an event
            if "error" in answer:
                raise BenchmarkError(f"{method}: {answer['error']['message']}")
            result: dict[str, Any] = answer["result"]
            return result

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            part = os.read(self._in, 1 << 20) if ready else b""
            if not part:
                raise BenchmarkError("Chromium ended, or did not answer")
            self._left += part
        line, self._left = self._left.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        return message
