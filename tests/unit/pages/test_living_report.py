"""A report whose models run in the page: what it may run, that hostile words stay words, and that paper is the same."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import html5lib
import numpy as np
import pytest
from bs4 import BeautifulSoup

from olaria.cards.context import LiveCard, ReportContext, RunCard
from olaria.export import live
from olaria.pages.markdown import to_markdown
from olaria.pages.pdf import laid_out
from olaria.pages.report import build_report

HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>"
STILL_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
PARTS: dict[str, tuple[Any, str]] = {
    "autoencoder": ("reconstructions", "live_plane"),
    "vae": ("manifold", "live_plane"),
    "gan": ("first-and-last", "live_walk"),
    "gpt": ("text", "live_prompt"),
}
"""Where a part stands in the small report, and which it is."""


def living(context: ReportContext, words: str = "a text") -> ReportContext:
    """The same report with a part for each run, whose model is only a word here."""
    z = np.random.default_rng(0).normal(size=(40, 4))
    settings = {
        "live_plane": live.plane(z, np.arange(40) % 3, [words, "1", "2"], is_told=False),
        "live_walk": live.walk((z[0], z[1]), 0, [words], "non-saturating"),
        "live_prompt": {"text": words},
    }

    def with_part(run: RunCard) -> RunCard:
        panel, part = PARTS[run.family]
        model = {"tokenizer": {"tokens": [words]}}
        return replace(run, live=LiveCard(panel, part, settings[part], model=model))

    return replace(context, runs=[with_part(run) for run in context.runs])


@pytest.fixture(scope="module")
def living_report(small_context: ReportContext, small_language: str) -> str:
    return build_report(living(small_context), small_language)


def policy_of(html: str) -> str:
    page = BeautifulSoup(html, "html.parser")
    found = page.select_one('meta[http-equiv="Content-Security-Policy"]')
    assert found is not None
    return str(found["content"])


def test_the_policy_names_every_script_that_runs_and_a_still_page_has_none(
    small_report: str, living_report: str
) -> None:
    assert policy_of(small_report) == STILL_POLICY and "<script" not in small_report
    policy = policy_of(living_report)
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'; ")
    assert "unsafe-eval" not in policy and "http" not in policy
    page = BeautifulSoup(living_report, "html.parser")
    kinds = {str(script.get("type")) for script in page.find_all("script")}
    assert kinds == {"application/json", "importmap", "module"}
    for script in page.select('script[type="importmap"], script[type="module"]'):
        digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    import_map = json.loads(page.select('script[type="importmap"]')[0].text)
    assert len(re.findall(r"'sha\d+-", policy)) == 2 + len(import_map["imports"])
    names = set(import_map["imports"])
    assert "olaria/live_plane.js" in names and "olaria/live_game.js" not in names
    assert "olaria/lesson.js" not in names, "what no part needs is not there"


def test_each_part_stands_above_its_figure_hidden_until_it_starts(
    living_report: str, small_report: str
) -> None:
    page = BeautifulSoup(living_report, "html.parser")
    boxes = page.select("[data-live]")
    assert [str(box["data-live"]) for box in boxes] == [part for _, part in PARTS.values()]
    assert [str(box["data-models"]) for box in boxes] == ["1", "2", "3", "4"]
    assert all(box.has_attr("hidden") for box in boxes)
    for box in boxes:
        beneath = box.parent.find_next_sibling() if box.parent else None
        assert beneath is not None and beneath.name in ("figure", "pre")
        box.decompose()
    still = BeautifulSoup(small_report, "html.parser")
    figures = [[str(one) for one in some.select("figure, pre")] for some in (page, still)]
    assert figures[0] == figures[1]


def test_a_strict_parser_finds_nothing_to_mend_and_names_are_used_once(living_report: str) -> None:
    html5lib.HTMLParser(strict=True).parse(living_report)
    ids = re.findall(r'\bid="([^"]+)"', re.sub(r"<script.*?</script>", "", living_report))
    assert len(ids) == len(set(ids))


def test_hostile_names_and_tokens_stay_words(small_context: ReportContext) -> None:
    context = living(small_context, HOSTILE)
    named = replace(context, runs=[replace(run, name=HOSTILE) for run in context.runs])
    html = build_report(named)
    page = html5lib.parse(html, namespaceHTMLElements=False)
    scripts = [(one.get("type"), one.text or "") for one in page.iter("script")]
    assert {kind for kind, _ in scripts} == {"application/json", "importmap", "module"}
    assert len(scripts) == 4 * 2 + 3, "settings and a model for each part; words, map and module"
    assert not any(name.startswith("on") for one in page.iter() for name in one.attrib)
    runs = [name for one in page.iter("script") if (name := one.get("data-run"))]
    assert len(runs) == 4 and all("alert(1)" in name for name in runs)
    models = [json.loads(text) for _, text in scripts if "tokens" in text[:40]]
    assert [model["tokenizer"]["tokens"] for model in models] == [[HOSTILE]] * 4


def test_a_run_whose_model_the_page_lacks_stands_still(small_context: ReportContext) -> None:
    context = living(small_context)
    first, *others = context.runs
    assert first.live is not None
    lacking = replace(first, live=replace(first.live, model={}))
    html = build_report(replace(context, runs=[lacking, *others]))
    assert html.count("data-live=") == 3 and html.count("data-run=") == 3
    alone = build_report(replace(context, runs=[lacking]))
    assert "<script" not in alone and policy_of(alone) == STILL_POLICY


def test_paper_shows_what_a_still_report_shows(
    small_context: ReportContext, small_report: str, living_report: str, small_language: str
) -> None:
    assert to_markdown(living_report) == to_markdown(small_report)
    if small_language == "en":
        # Without the tree of its elements, in which an empty one is one more.
        papers = [
            laid_out(html).write_pdf(pdf_identifier=b"0" * 16, pdf_tags=False)
            for html in (small_report, living_report)
        ]
        assert papers[0] == papers[1]
