"""The parts of a report: what the author says, architectures, comparison, what went wrong, recipes, references."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from markupsafe import Markup

from olaria.cards.comparison import Comparison, Group, Repetition, Row
from olaria.cards.context import (
    DataCard,
    Incident,
    Layer,
    LessonCard,
    ReportContext,
    RunCard,
    Stage,
)
from olaria.i18n import Message
from olaria.pages.report import build_report


class Page:
    """A report as what is in it."""

    def __init__(self, html: str) -> None:
        soup = BeautifulSoup(html, "html.parser")
        for style in soup.find_all("style"):
            style.decompose()
        self.soup = soup
        self.text = soup.get_text()
        self.sections = self.ids("section")
        self.alts = [str(image["alt"]) for image in soup.find_all("img")]

    def ids(self, tag: str) -> list[str]:
        """Of all elements of a kind."""
        return [str(element["id"]) for element in self.soup.find_all(tag) if element.get("id")]

    def works(self) -> set[str]:
        """Anchors of what the references list."""
        return {name for name in self.ids("li") if name.startswith("ref-")}


AE, AE_2, VAE, GAN, GPT = range(5)


@pytest.fixture(scope="module")
def context(small_context: ReportContext) -> ReportContext:
    """Two autoencoders, a VAE, a GAN and a GPT, and nothing that their author has said."""
    autoencoder, vae, gan, gpt = small_context.runs
    runs = [
        replace(autoencoder, name="ae"),
        replace(autoencoder, name="ae-2"),
        replace(vae, name="vae"),
    ]
    return replace(small_context, runs=[*runs, gan, gpt], title="", authors="", notes=())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def compared_row(name: str, metrics: dict[str, Any], **protocol: Any) -> Row:
    """A run as it stands in a comparison."""
    return Row(name, "ae-digits", "tiny", "autoencoder", "digits", 0, 10, 1.0, 5, "cpu", 2,
               protocol, metrics, "{}")  # fmt: skip


def layer(name: str, count: int, repeats: int = 1) -> Layer:
    group = "blocks" if repeats > 1 else ""
    return Layer(name, Message("linear"), (7,), count, repeats, group)


def quantized(context: ReportContext) -> RunCard:
    """A run with a codebook, of which two entries of four are in use."""
    return replace(
        context.runs[AE], name="vq", family="vq", code_counts=np.array([3, 0, 1, 0]), latents=None,
        recipe={"model": {"family": "vq", "codes": 4, "latent": 8}},
    )  # fmt: skip


# -- what an author writes, and what is left to them ------------------------------------------------


def test_the_head_has_what_is_known_of_the_author(undrawn: ReportContext) -> None:
    known = replace(undrawn, title="Practice <2>", authors="Ana; Bia", course="IA 101",
                    institution="UFX", date="31 de março")  # fmt: skip
    html = build_report(known)
    text = Page(html).text
    for words in ("Practice <2>", "Ana; Bia", "IA 101", "UFX", "31 de março"):
        assert words in text
    assert "<time" not in html, "only a date of a machine's form is one"
    assert "click and write your name" not in html
    assert '<time datetime="2026-03-31">' in build_report(undrawn)


@pytest.mark.parametrize(
    ("date", "english", "portuguese"),
    [
        ("2026-03-31", "31 March 2026", "31/03/2026"),
        ("2024-12-01", "1 December 2024", "01/12/2024"),
        ("2026-02-30", "2026-02-30", "2026-02-30"),
        ("março de 2026", "março de 2026", "março de 2026"),
    ],
)
def test_a_date_is_written_as_its_readers_write_it(
    undrawn: ReportContext, date: str, english: str, portuguese: str
) -> None:
    for language, words in (("en", english), ("pt", portuguese)):
        page = Page(build_report(replace(undrawn, date=date, runs=undrawn.runs[:1]), language))
        assert words in page.text


def test_lines_of_code_break_between_words_only(undrawn: ReportContext) -> None:
    command = "olaria train vae-mnist --set model.latent=2 --data " + "x" * 80
    card = replace(undrawn.runs[VAE], command=command, evaluation=None)
    page = Page(build_report(replace(undrawn, runs=[card])))
    whole = [word.get_text() for word in page.soup.select(".word")]
    for word in ("vae-mnist", "--set", "model.latent=2", "--replay", "eval"):
        assert word in whole
    assert "x" * 80 not in whole, "which no line holds"
    assert command in page.text


def test_the_facts_stand_in_the_appendix_whether_the_conclusion_is_written_or_not(
    undrawn: ReportContext, language: str
) -> None:
    for conclusion in ("", "So."):
        page = Page(build_report(replace(undrawn, conclusion=conclusion), language)).soup
        assert len(page.select(".sources")) == 1 == len(page.select("#appendix #facts .sources"))
        pointers = page.select('#conclusion a[href="#facts"]')
        assert len(pointers) == (1 if conclusion == "" else 0)


def test_the_main_part_comes_first_and_the_appendix_is_lettered(page: Page, language: str) -> None:
    inside = [str(part["id"]) for part in page.soup.select("#appendix > section")]
    assert page.sections[-len(inside) :] == inside and "repeat" in inside
    titles = [part.get_text() for part in page.soup.select("#appendix > section > h2")]
    word = {"en": "Appendix {}: ", "pt": "Apêndice {} — "}[language]
    assert [t[: len(word) - 1] for t in titles] == [
        word.format(c) for c in "ABCDEFG"[: len(titles)]
    ]


def test_activities_are_the_authors_else_the_runs(undrawn: ReportContext, language: str) -> None:
    given = replace(undrawn, activities=["Question 1 <i>", "Question 2"])
    text = Page(build_report(given, language)).text
    assert "Question 1 <i>" in text and "Question 2" in text
    listed = Page(build_report(undrawn, language)).text
    # Two runs of a family on one data set are one activity.
    expected = {"en": "Train an autoencoder on Digits: ae, ae-2.",
                "pt": "Treinar um autoencoder em Digits: ae, ae-2."}[language]  # fmt: skip
    assert expected in listed and expected not in text
    # Numbers of their own are not numbered again.
    for given, is_own in ((["1. a", "b) c"], True), (["(II) a"], True), (["a", "1. b"], False)):
        html = build_report(replace(undrawn, activities=given), language)
        assert ('class="activities own"' in html) == is_own


def part(text: str, language: str, english: tuple[str, str], portuguese: tuple[str, str]) -> str:
    """What stands between the last occurrences of two headings."""
    first, last = {"en": english, "pt": portuguese}[language]
    return text[text.rindex(first) : text.rindex(last)]


def test_the_conclusion_is_left_to_the_author_with_facts_to_write_from(
    undrawn: ReportContext, language: str
) -> None:
    page = Page(build_report(undrawn, language))
    places = page.soup.select("[contenteditable]")
    assert [place["role"] for place in places] == ["textbox", "textbox"], (
        "the name and the conclusion"
    )
    said = part(page.text, language, ("Facts to write from", "How to repeat"),
                ("Fatos para escrever", "Como repetir"))  # fmt: skip
    for fact in ("123,456", "31.50", "−98.76", "1.531"):
        shown = fact.translate(str.maketrans(".,", ",.")) if language == "pt" else fact
        assert shown in said
    assert {"en": "(test, 500 examples)", "pt": "(teste, 500 exemplos)"}[language] in said
    written = replace(undrawn, conclusion="First <b>.\n\n  \nSecond.", authors="Ana")
    html = build_report(written, language)
    page = Page(html)
    assert page.soup.select("[contenteditable]") == []
    assert [p.get_text() for p in page.soup.select(".written p")] == ["First <b>.", "Second."]


# -- what went wrong -------------------------------------------------------------------------------


def test_incidents_are_told_in_words_and_their_absence_claims_nothing(
    undrawn: ReportContext, language: str
) -> None:
    incidents = [
        Incident("warning", Message("Digits"), 600),
        Incident("change", Message("at {path}", {"path": "/home/ana/runs/x"}), 700),
        Incident("gap", Message("<script>"), None),
    ]
    runs = [
        replace(undrawn.runs[AE], incidents=incidents),
        replace(undrawn.runs[VAE], incidents=[], is_watched=False),
        replace(undrawn.runs[GAN], incidents=None),
    ]
    text = Page(build_report(replace(undrawn, runs=runs), language)).text
    told = part(
        text, language, ("What went wrong", "Conclusion"), ("O que deu errado", "Conclusão")
    )
    words = {
        "en": ("Warning", "step 600", "Change", "at x", "Missing", "<script>",
               "Nothing was recorded of: vae.", "health) in: vae.", "events was kept of: gan."),
        "pt": ("Aviso", "passo 600", "Mudança", "at x", "O que falta", "<script>",
               "Nada foi registrado de: vae.", "health) em: vae.", "eventos de: gan."),
    }[language]  # fmt: skip
    assert [word for word in words if word not in told] == []
    assert "/home" not in told


# -- architectures ---------------------------------------------------------------------------------


def test_architectures_are_drawn_and_counted_once_each(
    undrawn: ReportContext, language: str
) -> None:
    stages = (
        Stage(Message("image"), shape=(1, 8, 8)),
        Stage(Message("encoder"), (layer("encoder.0", 1000), layer("blocks.0–3.qkv", 250, 4))),
    )
    runs = [replace(card, architecture=stages) for card in undrawn.runs[:VAE]]
    runs.append(replace(undrawn.runs[GAN], architecture=stages[1:]))
    page = Page(build_report(replace(undrawn, runs=runs), language))
    assert "architectures" in page.sections
    assert page.text.count("encoder.0") == 2, "once for both autoencoders, once for the other"
    total = {"en": "2,000", "pt": "2.000"}[language]
    assert page.text.count(total) == 4, "of the part and of all, twice"
    assert "4 × 250" in page.text
    assert sum(total in (alt or "") for alt in page.alts) == 2


def test_a_tuned_run_says_what_was_trained(undrawn: ReportContext) -> None:
    stages = (Stage(Message("encoder"), (layer("encoder.0", 1000),)),)
    recipe = {"model": {"family": "gpt"}, "tuning": {"rank": 4}}
    tuned = replace(undrawn.runs[GPT], architecture=stages, recipe=recipe)
    text = Page(build_report(replace(undrawn, runs=[tuned]))).text
    assert "adapters of rank 4: 123,456 numbers were trained" in text


# -- numbers of figures and tables -----------------------------------------------------------------


def test_figures_and_tables_are_numbered_and_listed(page: Page, html: str) -> None:
    listed = html[html.index('<details id="figures">') : html.index("</details>")]
    for kind in ("figure", "table"):
        there = page.ids(kind)
        assert there == [f"{kind}-{number}" for number in range(1, len(there) + 1)]
        assert re.findall(rf'href="#({kind}-\d+)"', listed) == there
    captions = re.findall(r'<a href="#figure-\d+">(.*?)</a>', listed)
    assert len(captions) > 5 and not any("{" in words or "<" in words for words in captions)


# -- runs side by side -----------------------------------------------------------------------------


def test_runs_are_compared_within_one_protocol(undrawn: ReportContext, language: str) -> None:
    protocol = {"data": "digits", "num_examples": 500}
    first = compared_row("ae", {"mse": 0.02, "psnr_db": 17.0}, **protocol)
    second = compared_row("ae-2", {"mse": 0.01}, **protocol)
    group = Group(protocol, (first, second))
    repeated = Repetition(("ae", "ae-2"), (3, 4), {"mse": (0.015, 0.007)})
    comparison = Comparison([group], [repeated], ["num_examples"])
    page = Page(build_report(replace(undrawn, comparison=comparison), language))
    assert "comparison" in page.sections
    text = page.text.replace(",", ".") if language == "pt" else page.text
    assert "0.02000 (2)0.01000 (1)" in text
    assert "0.015000.00700" in text
    assert "3, 4" in page.text
    assert {"en": "they differ in: examples evaluated", "pt": "diferem em: exemplos avaliados"}[
        language
    ] in page.text
    # The same order among the facts, without a word of praise.
    assert "1. ae-2 0.01000; 2. ae 0.02000" in text


def test_without_runs_of_a_kind_nothing_is_compared(page: Page) -> None:
    assert "comparison" not in page.sections


# -- lessons, codes, recipes -----------------------------------------------------------------------


def test_lessons_come_in_as_they_are(undrawn: ReportContext) -> None:
    cards = [LessonCard(title, Markup("<p class=x>in <b>it</b></p>"), ".x{color:red}")
             for title in ("One", "Two <")]  # fmt: skip
    html = build_report(replace(undrawn, lessons=cards))
    assert html.count("<p class=x>in <b>it</b></p>") == 2
    assert html.count(".x{color:red}") == 1, "the style once"
    assert "Two &lt;" in html
    assert "lessons" in Page(html).sections


def test_a_codebook_shows_its_use(context: ReportContext, language: str) -> None:
    page = Page(build_report(replace(context, runs=[quantized(context)]), language))
    used = {"en": "2 of 4 entries are chosen; the most frequent one 75.0", "pt": "2 de 4 entradas"}
    assert any(used[language] in (alt or "") for alt in page.alts)
    assert {"en": "4 entries of 8 numbers", "pt": "4 entradas de 8 números"}[language] in page.text


def test_data_made_by_another_run_says_so() -> None:
    origin = Message("images of {x}", {"x": "vq"})
    data = DataCard("codes:vq", "codes:vq", "generated", origin=origin)
    text = Page(build_report(ReportContext([RunCard("writer", "gpt", data)]))).text
    assert "images of vq" in text and "from a seed" not in text


def test_the_recipe_is_a_table_and_what_is_not_the_presets_is_marked(
    context: ReportContext,
) -> None:
    recipe = {
        "preset": "gpt-x", "size": "tiny", "seed": 1234,
        "data": {"name": "/home/ana/my plays.txt", "column": None},
        "model": {"family": "gpt", "hidden": [64, 32], "width": 32},
        "training": {"learning_rate": 0.004, "steps": 2000},
    }  # fmt: skip
    card = replace(context.runs[GPT], recipe=recipe, differences=frozenset({"model.width"}))
    html = build_report(replace(context, runs=[card]), "pt")
    text = Page(html).text
    assert "<strong>32</strong>" in html and "<strong>0,004</strong>" not in html
    for words in ("1234", "64, 32", "0,004", "my plays.txt"):
        assert words in text
    assert "column" not in text, "what nobody set"
    assert "/home" not in text


# -- references ------------------------------------------------------------------------------------


def test_every_work_that_is_called_is_listed_and_no_other(page: Page, html: str) -> None:
    called = set(re.findall(r'class="cite" href="#(ref-\w+)"', html))
    assert page.works() == called
    assert {"ref-kingma2014", "ref-goodfellow2014", "ref-hinton2006", "ref-shannon1948"} <= called
    assert "ref-oord2017" not in called, "there is no codebook"


def test_works_are_called_by_author_in_portuguese_and_by_number_in_english(
    undrawn: ReportContext,
) -> None:
    portuguese = Page(build_report(undrawn, "pt")).text
    assert "(KINGMA; WELLING, 2014; REZENDE; MOHAMED; WIERSTRA, 2014)" in portuguese
    assert "[1]" not in portuguese
    english = Page(build_report(undrawn, "en")).text
    assert english.index("[1]") < english.index("[2]") < english.index("[3]"), "as they are called"
    assert "KINGMA" not in english


def test_a_run_brings_the_works_that_its_settings_rest_on(undrawn: ReportContext) -> None:
    def references(**model: Any) -> set[str]:
        recipe = {"model": {"family": "gan", **model}, "training": {"optimizer": "muon"}}
        card = replace(undrawn.runs[GAN], recipe=recipe)
        return Page(build_report(replace(undrawn, runs=[card]))).works()

    assert "ref-lim2017" in references(loss="hinge")
    assert "ref-lim2017" not in references(loss="wasserstein")
    assert "ref-arjovsky2017" in references(loss="wasserstein")
    assert "ref-miyato2018" not in references(spectral=False)
    assert {"ref-jordan2024", "ref-kingma2015"} <= references()
