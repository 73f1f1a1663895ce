"""The page in a real browser, where there is one: names stay text, and nothing leaves the machine."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .studios import serving

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
HOSTILE = "<img src=x onerror=document.title='stolen'>"


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_f7_f9_the_page_shows_names_as_text(
    home: Path, made: Callable[..., Path], tmp_path: Path
) -> None:
    made(HOSTILE)
    made("sound")
    (made("broken") / "recipe.json").write_text("{")
    with serving(home) as served:
        done = subprocess.run(
            [
                str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--accept-lang=en", f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr",
                "--proxy-server=127.0.0.1:9",  # whatever tries to leave meets a closed door
                "--virtual-time-budget=8000", "--dump-dom", f"{served.url}#token={served.token}",
            ],
            capture_output=True, encoding="utf-8", timeout=120,
        )  # fmt: skip
    page = done.stdout
    assert "<title>Olaria's studio</title>" in page, done.stderr[-2000:]
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", page) and html.escape(HOSTILE, quote=False) in page
    assert page.count('<li class="card') == 3
    assert "recipe.json is damaged" in page
    assert "Content Security Policy" not in done.stderr
    assert served.token not in page
