"""A living report in a browser: every part starts and is proved, it fits a telephone, a copy of it needs nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olaria.workflows.report import report

from .flags import FLAGS
from .started import STARTED

PHONE = 500
RUNS: tuple[tuple[str, ...], ...] = (
    ("ae-mnist",),
    ("vae-mnist", "model.latent=2"),
    ("gan-mnist",),
    ("gan-ring",),
    ("bigram-shakespeare",),
    ("gpt-shakespeare",),
    ("dates",),
)
LIVE = (
    STARTED
    + """
const button = text => [...box.querySelectorAll("button")].find(one => one.textContent === text);
window.requestAnimationFrame = draw => setTimeout(draw, 16); // the time of a test does not wait for the screen
"""
)
"""What the scripts of these tests begin with; ``box`` is the first part."""


@pytest.fixture(scope="module")
def written(tiny_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run of each kind that has a part."""
    runs = [tiny_run(*words) for words in RUNS]
    out = tmp_path_factory.mktemp("living") / "report.html"
    report(runs, live=True, language="en", out=out)
    return out


@pytest.fixture(scope="module")
def page(written: Path) -> str:
    return written.read_text(encoding="utf-8")


def test_every_part_starts_fits_a_telephone_and_axe_finds_nothing(
    page: str, in_page: Any, with_script: Any, axe: str
) -> None:
    watching = "window.broken = []; onerror = m => broken.push(String(m));"
    found = in_page(
        with_script(with_script(page, watching, "<title>"), axe, "</head>"),
        LIVE
        + """
      const boxes = [...document.querySelectorAll("[data-live]")];
      await until(() => boxes.every(one => one.dataset.state));
      const result = await axe.run({resultTypes: ["violations"]});
      const entries = performance.getEntriesByType("resource").map(e => e.name);
      return {
        states: boxes.map(one => [one.dataset.live, one.dataset.state, one.hidden]),
        told: boxes.map(one => one.querySelector(".live-told").textContent),
        outside: entries.filter(name => !name.startsWith("data:")),
        wide: document.documentElement.scrollWidth - innerWidth,
        broken: window.broken,
        violations: result.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.target.join(" "))]),
      };""",
        width=PHONE,
    )
    parts = ["plane", "plane", "walk", "game", "bigram", "prompt", "translation"]
    assert found["states"] == [[f"live_{part}", "on", False] for part in parts]
    assert all("numbers were computed again here" in told for told in found["told"])
    assert found["outside"] == [] and found["broken"] == []
    assert found["wide"] <= 0 and found["violations"] == []


def test_the_point_is_moved_and_the_address_keeps_it(page: str, in_page: Any) -> None:
    found = in_page(
        page,
        LIVE
        + """
      const slider = box.querySelector(".codes input"), before = await table();
      slider.value = slider.max;
      slider.dispatchEvent(new Event("input", {bubbles: true}));
      await until(() => location.hash);
      const after = await table(), address = location.hash;
      button("back to the start").click();
      await until(() => !location.hash);
      return [before === after, address.slice(0, 10), before === await table()];""",
    )
    assert found == [False, "#plane.at=", True]


def test_on_paper_only_the_figures_are_seen(page: str, in_page: Any) -> None:
    found = in_page(
        page,
        LIVE
        + """
      const rules = [...document.styleSheets].flatMap(sheet => [...sheet.cssRules]);
      const paper = rules.filter(rule => rule.media?.mediaText === "print").flatMap(rule => [...rule.cssRules]);
      const own = paper.filter(rule => rule.selectorText === ".live");
      return [getComputedStyle(box).display, own.map(rule => rule.style.display)];""",
    )
    assert found == ["block", ["none"]]


def test_without_script_it_looks_as_a_still_report_does(page: str, in_page: Any) -> None:
    """A preview in a mail runs none."""
    still = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    found = in_page(
        still,
        """
      const boxes = [...document.querySelectorAll("[data-live]")];
      const columns = getComputedStyle(document.querySelector(".texts")).gridTemplateColumns.split(" ").length;
      return [boxes.length, boxes.filter(one => one.offsetHeight).length, columns];""",
    )
    assert found == [7, 0, 2]


def test_a_page_mailed_to_oneself_opens_elsewhere_and_needs_nothing(
    written: Path, chromium: str, tmp_path: Path
) -> None:
    """Another folder, an empty home, no network and no name that resolves: the file alone, byte for byte."""
    home = tmp_path / "an empty home"
    mail = tmp_path / "anexos de e-mail (1)"
    home.mkdir()
    mail.mkdir()
    copy = Path(shutil.copy(written, mail / "relatório vivo.html"))
    words = [*FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={home / 'profile'}"]
    words.append("--virtual-time-budget=20000")
    ended = subprocess.run(
        [chromium, *words, "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )
    states = re.findall(r'data-live="live_\w+"[^>]*data-state="(\w+)"', ended.stdout)
    assert states == ["on"] * len(RUNS), ended.stderr[-2000:]
    words_seen = re.sub(r"<script.*?</script>", "", ended.stdout, flags=re.S)
    assert words_seen.count("numbers were computed again here") == len(RUNS)
    assert "stays off" not in words_seen
    assert [file.name for file in mail.iterdir()] == [copy.name]
