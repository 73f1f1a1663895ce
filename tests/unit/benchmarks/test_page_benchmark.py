"""The benchmark of living pages: its browser answers, its table says what is met, and a tiny page goes through it."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from .test_language_benchmarks import load

pages, browser = load("pages"), load("browser")


@pytest.fixture(scope="module")
def chromium() -> str:
    """Its command."""
    found: str | None = browser.find_chromium()
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    return found


def test_its_examples() -> None:
    assert doctest.testmod(pages).failed == 0


def test_a_bar_is_met_from_its_own_side() -> None:
    floor, ceiling = pages.Measured("a", 100, is_floor=True), pages.Measured("b", 1.5, digits=2)
    assert [pages.row(floor, [value])[-1] for value in (99, 100)] == ["no", "yes"]
    assert [pages.row(ceiling, [value])[-1] for value in (1.5, 1.51)] == ["yes", "no"]
    assert pages.row(ceiling, [2.0, 1.0, 1.25]) == ["b", "≤ 1.5", "1.25 (1.00 … 2.00)", "yes"]


def test_a_page_is_asked_and_watched_from_its_beginning(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    busy = "const end = performance.now() + 120; while (performance.now() < end);"
    part = "<div data-live></div>"
    on = "document.querySelector('div').dataset.state = 'on';"
    page.write_text(f"<!doctype html>{part}<script>setTimeout(() => {{ {busy} {on} }})</script>")
    with browser.Browser(chromium) as opened:
        watched = pages.asked(opened, page, "return watched;")
        with pytest.raises(load("common").BenchmarkError, match="lost"):
            pages.asked(opened, page, "throw new Error('lost');")
    assert watched["longest"] >= 110 and watched["opened"] >= 110


@pytest.mark.slow
def test_a_tiny_page_goes_through(chromium: str, tmp_path: Path) -> None:
    rows = pages.measure(tmp_path, ["plane"], 1, tiny=True)
    names = [row[0] for row in rows]
    assert any("steps a second" in name for name in names)
    assert any("opened and proved" in name for name in names)
    assert all(row[-1] in ("yes", "no") for row in rows)
