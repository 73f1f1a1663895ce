"""The driver of Chromium itself: a page's own clock, what never answers, and a browser that has ended."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from .flags import BrowserError

EMPTY = "<!doctype html><html><body></body></html>"
PASSED = "const since = Date.now(); await new Promise(done => setTimeout(done, 15000)); return Date.now() - since;"


def test_a_page_lives_by_a_clock_of_its_own_and_only_so_long(
    in_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_page(EMPTY, PASSED) == pytest.approx(15_000, abs=50)
    monkeypatch.setattr(sys.modules["chromium"], "LATE_S", 0.5)
    with pytest.raises(BrowserError, match="no answer in time"):
        in_page(EMPTY, PASSED.replace("15000", "25000"))
    with pytest.raises(BrowserError, match="what is wrong"):
        in_page(EMPTY, "throw new Error('what is wrong');")


def test_each_page_begins_anew(in_page: Any, browser: Any) -> None:
    script = "const before = window.name; window.name = 'mine'; return [before, history.length];"
    assert in_page(EMPTY, script) == in_page(EMPTY, script)
    first = browser()
    first.end()
    assert in_page(EMPTY, "return 1;") == 1 and browser() is not first
