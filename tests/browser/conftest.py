"""A real browser for pages: Chromium as Debian has it, without network; skipped where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from olaria.pages.link import digest

from .flags import Chromium, find_chromium

TIME_MS = 20_000
"""What a page gets of its own time."""

InPage = Callable[..., Any]


def also_running(page: str, code: str, before: str = "</body>") -> str:
    """A page with one more script, which its policy is told to allow."""
    allowed = f"script-src '{digest('sha256', code.encode())}'"
    page = page.replace("script-src", allowed, 1)
    return page.replace(before, f"<script>{code}</script>{before}", 1)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Its command.

    Skips where there is none.
    """
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def with_script() -> Callable[..., str]:
    """:func:`also_running`."""
    return also_running


@pytest.fixture(scope="session")
def axe() -> str:
    """The code of axe-core.

    Skips where it is not installed.
    """
    package = pytest.importorskip("axe_core_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Callable[[], Chromium]]:
    """The browser of all tests of this process; another one after it has ended."""
    started: list[Chromium] = []

    def living() -> Chromium:
        if not started or not started[-1].lives:
            # A frame's own process would not know the page's time.
            started.append(Chromium(chromium, "--disable-features=IsolateSandboxedIframes"))
        return started[-1]

    yield living
    for one in started:
        one.close()


@pytest.fixture
def in_page(browser: Callable[[], Chromium], tmp_path: Path) -> InPage:
    """``in_page(page, script)``: what the script's function returns, once the page has loaded.

    The script is the body of an async function; its value is any JSON. ``address`` is what follows the page's name in
    its address: ``#step-2``. Each page is opened in a tab of its own, by a clock of its own that leaps over every wait;
    what comes with the frames that the browser draws (sizes watched, say) needs ``clock="wall"``.
    """

    def run(
        page: str,
        script: str,
        width: int = 1000,
        address: str = "",
        clock: Literal["own", "wall"] = "own",
    ) -> Any:
        asking = f"""
globalThis.toldByTheTest = (async () => {{
  if (document.readyState !== "complete") await new Promise(done => addEventListener("load", done));
  {script}
}})();
"""
        file = tmp_path / "page.html"
        file.write_text(also_running(page, asking), encoding="utf-8")
        tab = browser().tab()
        try:
            tab.screen(width, 1200)
            tab.open(file.as_uri() + address, time_ms=TIME_MS if clock == "own" else None)
            return tab.value("toldByTheTest")
        finally:
            tab.close()

    return run
