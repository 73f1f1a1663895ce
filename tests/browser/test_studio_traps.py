"""The traps of pages like the studio's, each in a browser: many windows, proxies, sleep, translators, an upgrade."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import olaria
from olaria.storage import folder as files
from olaria.storage.files import json_line
from olaria.storage.folder import RunFolder

from .flags import BrowserError, Chromium

for package in ("fastapi", "uvicorn", "httpx2"):
    pytest.importorskip(package, reason="the extra studio is not installed")

from ..web import studios  # noqa: E402
from ..web.studios import Served, id_of, make_run, serving, stepped, wait_for  # noqa: E402
from .test_studio import Page  # noqa: E402

STEP = "$('.tiles dd')?.textContent"
SLEEP_S = 40
"""Longer than the page waits for a word, as a laptop that was closed."""
SIDE_BY_SIDE = "Object.defineProperty(document, 'hidden', {get: () => false, configurable: true})"
"""A page that is seen though another one is in front."""
TRANSLATED = """(() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  const isSeen = (text) => !text.parentElement.closest("script, select");
  while (texts.nextNode()) if (isSeen(texts.currentNode)) found.push(texts.currentNode);
  for (const [place, text] of found.entries()) { // some are wrapped, some are put in the place of what was there
    const made = document.createElement("font");
    text.replaceWith(made);
    made.append(place % 2 ? text : document.createTextNode(`«${text.data}»`));
  }
  return found.length;
})()"""
"""What a browser's translator does with every text of a page."""
FAULTS = """window.faults = [];
addEventListener("error", (event) => faults.push(event.message));
addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));"""


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Appends an event to the log of a run that this process holds, so that it counts as being trained."""
    home = tmp_path / "runs"
    home.mkdir()
    run = make_run(home / "told", "vae-mnist", "running")

    def tell(row: dict[str, Any]) -> None:
        with (run / files.EVENTS).open("a") as log:
            log.write(json_line(row))

    with RunFolder(run).locked():
        yield tell


@pytest.fixture
def served(told: Callable[..., None], tmp_path: Path) -> Iterator[Served]:
    """The studio of that run."""
    with serving(tmp_path / "runs") as found:
        yield found


@pytest.fixture
def room(served: Served) -> str:
    """The run's place."""
    with served.client as client:
        return f"room=run&id={id_of(client, 'told')}"


@pytest.fixture(scope="module")
def browser(browser: Callable[[], Chromium]) -> Chromium:
    """The one of all tests."""
    return browser()


@contextmanager
def page_of(browser: Chromium, served: Served) -> Iterator[Page]:
    """A tab for the studio, closed in the end."""
    tab = browser.tab()
    tab.ask("Page.enable")
    tab.ask("Page.addScriptToEvaluateOnNewDocument", source=FAULTS)
    try:
        yield Page(tab, served)
    finally:
        tab.close()


class Proxy:
    """What may stand between a browser and the studio.

    Args:
        served: the studio.
        prefix: below which it stands here; the studio does not hear of it.
        holds_back: whether a stream of events gets through only when it ends.
    """

    def __init__(self, served: Served, prefix: str = "", *, holds_back: bool = False) -> None:
        host, _, port = served.url.removeprefix("http://").strip("/").partition(":")
        self._target, self._prefix, self._holds_back = (host, int(port)), prefix, holds_back
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}{prefix}/"
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._socket.accept()[:1], daemon=True).start()  # fmt: skip

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(self._target) as far:
            head = b""
            while b"\r\n\r\n" not in head:
                part = near.recv(65536)
                if not part:
                    return
                head += part
            first, _, rest = head.partition(b"\r\n")
            assert first.split()[1].startswith(self._prefix.encode())
            first = first.replace(self._prefix.encode(), b"", 1)
            rest = re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", b"\r\n" + rest)[2:]
            far.sendall(first + b"\r\nConnection: close\r\n" + rest)
            is_held, kept = self._holds_back and b"/events" in first, b""
            while part := far.recv(65536):
                kept += part
                if not is_held:
                    near.sendall(kept)
                    kept = b""
            near.sendall(kept)


@contextmanager
def through(served: Served, prefix: str = "", *, holds_back: bool = False) -> Iterator[Served]:
    """The studio as it is seen through a :class:`Proxy`."""
    proxy = Proxy(served, prefix, holds_back=holds_back)
    try:
        yield Served(served.process, proxy.url, served.token, served.log)
    finally:
        proxy.close()


def streams(page: Page) -> int:
    """How many streams of events all tabs of the browser have."""
    found = page.tab.value("navigator.locks.query().then((found) => found.held.length)")
    return int(found)


@pytest.fixture
def eight(browser: Chromium, served: Served) -> Iterator[list[Page]]:
    """Eight tabs for the studio."""
    tabs = [browser.tab() for _ in range(8)]
    yield [Page(tab, served) for tab in tabs]
    for tab in tabs:
        with suppress(BrowserError):  # the test has closed it
            tab.close()


def test_trap_6_of_eight_tabs_the_one_that_is_seen_follows(
    eight: list[Page], room: str, told: Callable[..., None]
) -> None:
    for page in eight:
        page.go(room)
        page.until(f"{STEP} === '3'", "its step")
    wait_for(lambda: streams(eight[7]) == 1, "one stream")
    told(stepped(4, 9))
    eight[7].until(f"{STEP} === '4'", "the next step")
    for page in eight[:3]:
        page.tab.ask("Page.bringToFront")
        page.until(f"{STEP} === '4'", "the same in a tab that is looked at again")
    wait_for(lambda: streams(eight[2]) == 1, "one stream")


def test_trap_6_an_eighth_window_is_as_quick_as_the_first(
    eight: list[Page], room: str, told: Callable[..., None]
) -> None:
    """A browser has six connections to one host, and a stream of events holds one as long as it lasts."""
    for page in eight:
        page.tab.ask("Page.enable")
        page.tab.ask("Page.addScriptToEvaluateOnNewDocument", source=SIDE_BY_SIDE)
        page.go(room)
        page.until(f"{STEP} === '3'", "its step")
    told(stepped(4, 9))
    for page in eight:
        page.until(f"{STEP} === '4'", "the next step")
    assert streams(eight[0]) == 4
    began = time.monotonic()
    assert eight[7].tab.value("fetch('health').then((answer) => answer.ok)")
    assert time.monotonic() - began < 5
    for page in eight[:4]:  # whoever leaves gives up the seat
        page.tab.close()
    wait_for(lambda: streams(eight[7]) == 4, "the others in their seats")


def test_trap_7_behind_a_proxy_that_holds_streams_back_the_page_asks(
    browser: Chromium, served: Served, room: str, told: Callable[..., None]
) -> None:
    with through(served, holds_back=True) as seen, page_of(browser, seen) as page:
        page.go(room)
        page.until(f"{STEP} === '3'", "its step")
        for step in (4, 5):
            told(stepped(step, 9))
            began = time.monotonic()
            page.until(f"{STEP} === '{step}'", "the next step")
            assert time.monotonic() - began < 15
        assert page.value("faults") == []


def test_trap_10_the_page_works_below_a_prefix(
    browser: Chromium, served: Served, room: str
) -> None:
    with through(served, "/proxy/1234") as seen, page_of(browser, seen) as page:
        page.go("room=home")
        page.until("$('.card img[src^=blob]')", "a card with its sample")
        page.go(room)
        page.until("$('.chart canvas')", "its curves")
        page.fill("#language", "pt")
        page.until("document.documentElement.lang === 'pt-BR'", "Portuguese")
        assert page.value("location.pathname") == "/proxy/1234/"
        assert page.value("faults") == []


@pytest.mark.slow
def test_trap_8_9_what_was_told_while_all_slept_is_shown_once(
    browser: Chromium, served: Served, room: str, told: Callable[..., None]
) -> None:
    def warned(step: int) -> dict[str, Any]:
        message = {"id": "the planned end was reached", "fields": {}}
        return {"event": "warned", "step": step, "elapsed_s": step / 10, "message": message}

    marks = "[...document.querySelectorAll('.key.warned li b')].map((one) => one.textContent)"
    with page_of(browser, served) as page:
        page.go(room)
        page.until(f"{STEP} === '3'", "its step")
        told(warned(3))
        page.until(f"{marks}.length === 1", "a mark of the warning")
        served.process.send_signal(signal.SIGSTOP)
        try:
            for step in (4, 5):
                told(stepped(step, 9))
                told(warned(step))
            time.sleep(SLEEP_S)
            assert page.value("$('main h1')?.textContent") == "told", "the page is still there"
        finally:
            served.process.send_signal(signal.SIGCONT)
        began = time.monotonic()
        page.until(f"{STEP} === '5'", "the last step")
        page.until(f"{marks}.length === 3", "all warnings")
        assert time.monotonic() - began < 25
        told(stepped(6, 9))
        page.until(f"{STEP} === '6'", "what comes after")
        page.until("!$('[role=status]') && !$('.notice')", "no word of a lost connection")
        assert page.value(marks) == ["step 3", "step 4", "step 5"], "none is missing, none is twice"
        assert page.value("faults") == []


def test_trap_13_a_page_that_was_translated_goes_on(
    browser: Chromium, served: Served, room: str, told: Callable[..., None], tmp_path: Path
) -> None:
    """``translate="no"`` asks a browser to leave it alone; a page has to bear one that does not."""
    make_run(tmp_path / "runs" / "other", "vae-mnist")
    with page_of(browser, served) as page:
        page.go("room=home")
        page.until("document.querySelectorAll('.card').length === 2", "cards")
        assert page.value("document.documentElement.translate") is False
        assert page.value(TRANSLATED) > 10
        page.fill("input[type=search]", "other")
        page.until("document.querySelectorAll('.card').length === 1", "the filter")
        page.fill("input[type=search]", "")
        page.until("document.querySelectorAll('.card').length === 2", "all of them")
        page.value(f"location.hash = '{room}'")
        page.until("$('.chart canvas')", "the run")
        assert page.value(TRANSLATED) > 10
        told(stepped(4, 9))
        page.click(".numbers summary")
        page.fill("#language", "pt")
        page.until("document.documentElement.lang === 'pt-BR' && $('.chart canvas')", "Portuguese")
        told(stepped(5, 9))
        page.until(f"{STEP} === '5'", "a step after all that")
        page.value("location.hash = 'room=home'")
        page.until("document.querySelectorAll('.card').length === 2", "the cards again")
        assert page.value("faults") == []


def test_f7_the_browser_lets_no_text_become_a_part_of_the_page(
    browser: Chromium, served: Served
) -> None:
    sinks = (
        "document.body.innerHTML = '<i></i>'", "document.body.insertAdjacentHTML('beforeend', '<i></i>')",
        "document.createElement('iframe').srcdoc = '<i></i>'", "document.createElement('script').src = 'a.js'",
        "new DOMParser().parseFromString('<i></i>', 'text/html')",
        "document.createElement('b').setAttribute('onclick', '1')", "trustedTypes.createPolicy('own', {})",
    )  # fmt: skip
    with page_of(browser, served) as page:
        page.go("room=home")
        page.until("$('.card')", "cards")
        for sink in sinks:
            code = f"(() => {{ try {{ {sink}; return 'done'; }} catch (error) {{ return error.name; }} }})()"
            assert page.value(code) in ("TypeError", "EvalError"), sink
        assert page.value("document.querySelectorAll('i').length") == 0


def test_trap_14_a_tab_that_an_upgrade_finds_open_works_on_and_then_loads_the_new_page(
    browser: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, newer = tmp_path / "runs", tmp_path / "newer"
    home.mkdir()
    make_run(home / "run", "vae-mnist")
    shutil.copytree(Path(olaria.__file__).parent, newer / "olaria")
    with (newer / "olaria" / "web" / "static" / "home.js").open("a") as module:
        module.write("\n// a newer one\n")
    with serving(home) as old, page_of(browser, old) as page:
        page.go("room=home")
        page.until("$('.card')", "cards")
        port = old.url.rstrip("/").rpartition(":")[2]
        script = "$('script[src]')?.src ?? document.querySelector('script[src]').src"
        before = page.value(script)
        old.process.kill()
        old.process.wait()
        environment = studios.environment()
        paths = os.pathsep.join([str(newer), environment["PYTHONPATH"]])
        monkeypatch.setattr(studios, "environment", lambda: {**environment, "PYTHONPATH": paths})
        with serving(home, "--port", port) as new:
            page.until("$('.card') && !$('.notice')", "the cards, in the page of before")
            page.value("location.hash = 'room=new_run'")
            page.until("$('.option')", "another room of it")
            assert page.value(script) == before
            status = "fetch(document.querySelector('script[src]').src, {cache: 'reload'}).then((one) => one.status)"
            assert page.tab.value(status) == 404, "no file of before is given out as a new one"
            Page(page.tab, new).go("room=home")
            page.until("$('.card')", "cards")
            assert page.value(script) != before
            assert page.value("faults") == []
