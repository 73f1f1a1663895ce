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
    "--virtual-time-budget=20000",
)

InPage = Callable[..., Any]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Its command.

    Skips where there is none.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    return found


@pytest.fixture
def in_page(chromium: str, tmp_path: Path) -> InPage:
    """``in_page(page, script)``: what the script's function returns, once the page has loaded.

    The script is the body of an async function; its value is any JSON.
    """

    def run(page: str, script: str, width: int = 1000) -> Any:
        asking = f"""<script>
(async () => {{
  const place = document.createElement("pre");
  place.id = "told-by-the-test";
  try {{ place.textContent = JSON.stringify(await (async () => {{ {script} }})()); }}
  catch (error) {{ place.textContent = JSON.stringify({{error: String(error.stack)}}); }}
  document.body.append(place);
}})();
</script>"""
        file = tmp_path / "page.html"
        file.write_text(page.replace("</body>", asking + "</body>"), encoding="utf-8")
        profile = tmp_path / "profile"
        words = [*FLAGS, f"--window-size={width},1200", f"--user-data-dir={profile}", "--dump-dom"]
        ended = subprocess.run(
            [chromium, *words, file.as_uri()],
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
