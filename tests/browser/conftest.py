"""A real browser for pages: Chromium as Debian has it, without network; skipped where there is none."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olaria.pages.link import digest

from .flags import FLAGS, NAMES

CLOCKED = (
    *FLAGS,
    "--virtual-time-budget=20000",
    "--disable-features=IsolateSandboxedIframes",  # whose own process would not know that time
)

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
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
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


@pytest.fixture
def in_page(chromium: str, tmp_path: Path) -> InPage:
    """``in_page(page, script)``: what the script's function returns, once the page has loaded.

    The script is the body of an async function; its value is any JSON. ``address`` is what follows the page's name in
    its address: ``#step-2``.
    """

    def run(page: str, script: str, width: int = 1000, address: str = "") -> Any:
        asking = f"""
(async () => {{
  if (document.readyState !== "complete") await new Promise(done => addEventListener("load", done));
  const place = document.createElement("pre");
  place.id = "told-by-the-test";
  try {{ place.textContent = JSON.stringify(await (async () => {{ {script} }})()); }}
  catch (error) {{ place.textContent = JSON.stringify({{error: String(error.stack)}}); }}
  document.body.append(place);
}})();
"""
        file = tmp_path / "page.html"
        file.write_text(also_running(page, asking), encoding="utf-8")
        profile = tmp_path / "profile"
        words = [
            *CLOCKED,
            f"--window-size={width},1200",
            f"--user-data-dir={profile}",
            "--dump-dom",
        ]
        ended = subprocess.run(
            [chromium, *words, file.as_uri() + address],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        shutil.rmtree(profile, ignore_errors=True)
        told = re.search(r'<pre id="told-by-the-test">(.*?)</pre>', ended.stdout, re.S)
        assert told is not None, ended.stderr[-2000:]
        answer = json.loads(html.unescape(told[1]))
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    return run
