"""The page of a lesson: every kind of figure laid out, self-contained, checked numbers told, hostile text harmless."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import html5lib
import numpy as np
import pytest

from olaria.i18n import Message
from olaria.lessons.base import Check, Formula, Paragraph, Question, Step
from olaria.lessons.figures import (
    Bars,
    Choice,
    Cloud,
    Control,
    Curve,
    Figure,
    Gaussians,
    Heat,
    Images,
    Live,
    NextToken,
    Plot,
    Scatter,
    Strip,
    Table,
    Tokens,
)
from olaria.numbers import Number
from olaria.pages import moving
from olaria.pages.cells import mixed
from olaria.pages.drawing import ticks
from olaria.pages.labels import number
from olaria.pages.lesson_page import LessonContext, difference, lesson_page, lesson_section
from olaria.pages.page import rich_words
from olaria.pages.steps import Views

HOSTILE = "<script>alert(1)</script>{0}$*a*$"
X = np.linspace(0, 1, 201)
LINE = Plot("a plot", (Curve("up", X, X), Curve("down", X, 1 - X)), "x", "y", (("half", 0.5),))
FIGURES: dict[str, Figure] = {
    "plot": LINE,
    "area": Plot("", (Curve("signed", X, X - 0.5, "area"),), "x", "y", marks=(("here", 0.5),)),
    "scatter": Scatter(
        "points",
        (
            Cloud("a", np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 3),
            Cloud("b", np.zeros((4, 2))),
        ),
        ("zero", "one", "two"),
        panels=True,
        circles=(1.0,),
    ),
    "surface": Scatter(
        "a surface",
        (Cloud("data", np.zeros((2, 2))),),
        surface=np.array([[0.0, 0.5], [0.5, 1.0]]),
        extent=(-1.0, 1.0, -1.0, 1.0),
        arrows=np.array([[0.0, 0.0, 0.5, 0.5]]),
    ),
    "bars": Bars("bars", ("one", " "), (("now", np.array([0.25, -0.5])),), "nats"),
    "heat": Heat(
        "cells", np.array([[0.1, np.nan], [-0.2, 1.0]]), ("r", "\n"), ("a", "b"), signed=True
    ),
    "tokens": Tokens(
        "a text", ("To", " ", "b"), np.array([0.1, np.nan, 2.0]), ("1", "2", "3"), "nats"
    ),
    "table": Table("rows", ("word", "number"), (("x", 1.5), ("y", 2)), equal=(1,)),
    "images": Images("pictures", (Strip("one", np.zeros((2, 1, 4, 4)), ("p", "q")),)),
    "colour": Images("", (Strip("one", np.full((1, 3, 4, 4), 255, np.uint8)),)),
    "choice": Choice(
        "pick",
        (Control("layer", ("1", "2"), "select", 1), Control("head", ("a", "b", "c"), plays=True)),
        tuple(Bars(f"number {i}", ("v",), (("s", np.array([float(i)])),)) for i in range(6)),
        printed=(0, 5),
    ),
    "live": Live(
        "play", "live_plane", ("a run",), {"starts": np.ones((1, 2))}, Table("", ("a",), ((1.5,),))
    ),
    "gaussians": Gaussians("move", (0.3, 0.1), (0.0, 1.0), fixed_q=True),
    "next-token": NextToken("next", ("a", "b", "c"), np.array([0.0, 2.0, 1.0]), 2),
}


def lesson(*figures: Figure, checks: tuple[Check, ...] = ()) -> LessonContext:
    step = Step(
        Message("a step"),
        (
            Paragraph(Message("it is {x}", {"x": Number(0.5)})),
            Formula(r"\log\frac{a}{b}"),
            *figures,
        ),
        source=(difference,),
        checks=checks,
        reference="A 2014, equation 3",
    )
    runs = [("my run", Message("{family} on {data}", {"family": "VAE", "data": "digits"}))]
    return LessonContext(
        Message("a lesson"), Message("about it"), (step,), runs, "olaria explain kl"
    )


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("kind", FIGURES)
@pytest.mark.parametrize("language", ["en", "pt"])
def test_every_kind_is_laid_out(kind: str, language: str) -> None:
    page = lesson_page(lesson(FIGURES[kind]), language)
    assert (
        "{"
        not in text_of(page.split("<main")[1].split("</main>")[0])
        .replace(str(difference), "")
        .split("def ")[0]
    )
    for svg in re.findall(r"<svg.*?</svg>", page, re.S):
        ET.fromstring(svg)
    assert lesson_section(lesson(FIGURES[kind]), language).count("<figure") == 1


def test_nothing_is_loaded_and_every_link_stays() -> None:
    page = lesson_page(lesson(*FIGURES.values()))
    assert "default-src 'none'" in page
    for address in re.findall(r'(?:src|href|data|action)="([^"]*)"', page):
        assert address.startswith(("data:image/", "#")), address


def with_words(words: str) -> tuple[Figure, ...]:
    """Figures that show these words wherever they show any."""
    message = Message("{name}", {"name": words})
    return (
        Plot(message, (Curve(words, X, X), Curve(message, X, X)), words, message),
        Bars(words, (words,), ((words, np.ones(1)),), words),
        Heat(words, np.ones((1, 1)), (words,), (message,), words, words, words),
        Tokens(words, (words,), None, (words,)),
        Table(words, (words,), ((words,), (message,))),
        Choice(words, (Control(words, (words,)),), (LINE,)),
        NextToken(words, (words,), np.ones(1)),
        Scatter(words, (Cloud(words, np.zeros((1, 2)), np.zeros(1, int)),), (words,)),
    )


def test_a_live_part_has_its_model_its_module_and_a_figure_beneath() -> None:
    context = replace(lesson(FIGURES["live"]), play={"a run": {"weights": HOSTILE}})
    page = lesson_page(context)
    assert 'data-live="live_plane" data-models="1"' in page and '>{"starts":[[1.0,1.0]]}<' in page
    assert "import { part as live_plane }" in page and '"olaria/live_plane.js":"data:' in page
    document = re.search(
        r'<script type="application/json" id="play-1" data-run="a run">(.*?)</script>', page, re.S
    )
    assert document is not None and json.loads(document[1]) == {"weights": HOSTILE}
    below = page.split('data-live="live_plane"')[1]
    assert below.index("<table>") < below.index("<figcaption>play</figcaption>")


@pytest.mark.parametrize("play", [{}, {"another run": {}}])
def test_without_its_model_a_live_part_is_the_figure_beneath_it(play: dict[str, Any]) -> None:
    context = replace(lesson(FIGURES["live"]), play=play)
    for page in (lesson_page(context), lesson_section(replace(context, play={"a run": {}}))):
        main = page.split("<main")[-1].split("</main>")[0]
        assert "<script" not in main and "data-live" not in main and "live_plane" not in page
        assert "<figcaption>play</figcaption>" in main and ">1.5<" in main


def test_the_name_of_a_hostile_run_stays_a_name() -> None:
    figure = replace(FIGURES["live"], runs=(HOSTILE,), settings={"text": HOSTILE})  # type: ignore[call-arg]
    page = lesson_page(replace(lesson(figure), play={HOSTILE: {}}))
    assert "data-live" in page and "<script>alert" not in page
    html5lib.HTMLParser(strict=True).parse(page)


def test_hostile_words_stay_words() -> None:
    page = lesson_page(lesson(*with_words(HOSTILE)))
    body = page.split("<main")[1].split("</main>")[0]
    assert "<script>alert" not in body and "alert(1)" in body


@pytest.mark.parametrize("language", ["en", "pt"])
def test_words_with_control_characters_leave_a_valid_page(language: str) -> None:
    forbidden = "".join(map(chr, [*range(9), 11, 12, *range(14, 32), *range(127, 160)]))
    hidden = "\ufdd0\uffff\u202e\u2066\u00ad\u200b"
    page = lesson_page(lesson(*with_words(f"a{forbidden}{hidden}b")), language)
    assert set(page).isdisjoint(forbidden + hidden)
    assert "\\x0c" in page and "\\u202e" in page
    html5lib.HTMLParser(strict=True).parse(page)
    for svg in re.findall(r"<svg.*?</svg>", page, re.S):
        ET.fromstring(svg)


def test_numbers_are_written_as_the_reader_writes_them() -> None:
    page = lesson_page(lesson(FIGURES["bars"]), "pt")
    assert "it is 0,5" in page and ">−0,5<" in page and 'lang="pt-BR"' in page


def test_checks_are_told_with_their_counts_and_a_broken_one_is_loud() -> None:
    good = Check(Message("good"), [1.0, 2.0], [1.0, 2.0 + 1e-6])
    bad = Check(Message("bad"), 1.0, 2.0)
    page = lesson_page(lesson(checks=(good, good)))
    assert "numbers compared: 2; largest difference: 5.0·10⁻⁷" in page
    assert "4 numbers of this page" in page and "do not hold" not in page
    page = lesson_page(lesson(checks=(good, bad)))
    assert 'class="broken"' in page and "1 check does not hold" in page


def test_the_code_of_the_source_is_shown_escaped() -> None:
    page = lesson_page(lesson())
    assert "olaria.pages.lesson_page.difference" in page
    assert "def difference(value: float, language: str) -&gt; str:" in page


def test_a_choice_shows_its_start_and_prints_what_it_is_told_to() -> None:
    page = lesson_page(lesson(FIGURES["choice"]))
    panels = re.findall(r'<div class="panel"( hidden)?>', page)
    assert [i for i, hidden in enumerate(panels) if not hidden] == [3]  # layer 2, head a
    printed = lesson_section(lesson(FIGURES["choice"]))
    assert "layer: 1, head: a" in printed and "layer: 2, head: c" in printed
    assert (
        printed.count('class="printed"') == 2
        and "<input" not in printed
        and "hidden" not in printed
    )
    (choice,) = (figure for figure in [FIGURES["choice"]] if isinstance(figure, Choice))
    count = len(choice.figures)
    assert f"Shown here: 2 of {count}." in printed and "Shown here" not in page
    whole = replace(choice, printed=tuple(range(count)))
    assert "Shown here" not in lesson_section(lesson(whole))


def test_above_a_map_there_is_room_for_its_names_and_no_more() -> None:
    def room(*names: str) -> float:
        heat = Heat("", np.eye(2), ("a", "b"), names)
        found = re.findall(r'<td style="height:([\d.]+)rem"></td>', lesson_page(lesson(heat)))
        return float(found[0]) if found else 0.0

    assert room("a", "<s>") == 0 < room("a", "<eos>") < room("a", "wednesday")
    assert room("a", "<eos>") < 3.5


def test_the_picture_is_the_table() -> None:
    views = Views("en")
    heat: Any = views.of(FIGURES["heat"])
    assert [[cell.text for cell in row] for row in heat["rows"]] == [
        ["0.10", ""],
        ["−0.20", "1.00"],
    ]
    assert (
        heat["rows"][1][1].colour == mixed(1.0)[0] and heat["rows"][1][0].colour == mixed(-0.2)[0]
    )
    bars: Any = views.of(FIGURES["bars"])
    (first,), (second,) = bars["rows"]
    assert second.left == 0 and first.left == pytest.approx(second.width)  # both from zero
    assert second.width == pytest.approx(2 * first.width)


def test_a_long_curve_is_given_in_a_short_table() -> None:
    view: Any = Views("en").of(LINE)
    (table,) = view["tables"]  # both curves share their x
    assert len(table["rows"]) <= 80 and len(table["columns"]) == 3
    assert table["rows"][0] == ["0", "0", "1"]


def test_equal_numbers_share_a_colour() -> None:
    rows: Any = Views("en").of(FIGURES["table"])["rows"]
    assert [row[1].kind for row in rows] == ["n eq", "n eq"]
    assert [row[1].text for row in rows] == ["1.5", "2"]


def test_the_likeliest_token_comes_first() -> None:
    view: Any = Views("en").of(FIGURES["next-token"])
    assert [text for text, _ in view["rows"]] == ["b", "c"]
    assert [text for text, _ in view["data"]] == ["b", "c", "a"]
    weights = np.exp([2.0, 1.0, 0.0])
    assert view["rows"][0][1].text == f"{weights[0] / weights.sum():.3f}"


@pytest.mark.parametrize(
    ("least", "largest"), [(0.0, 1.0), (-3.2, 7.9), (1e-7, 3e-7), (0.0, 1e6), (5.0, 5.0)]
)
def test_ticks_are_few_round_and_inside(least: float, largest: float) -> None:
    found = ticks(least, largest)
    assert 1 <= len(found) <= 6
    assert all(least - 1e-9 <= tick <= largest + 1e-9 for tick in found)


@pytest.mark.parametrize("size", [1e-300, 1.283e-13, 2e-7, 1.0, 5e9])
def test_ticks_differ_whatever_the_size_of_the_values(size: float) -> None:
    found = ticks(-size, size)
    assert len(set(found)) == len(found) >= 3 and 0.0 in found
    assert all(abs(tick) <= size * (1 + 1e-9) for tick in found)
    shown = [number(tick, "en") for tick in found]
    assert len(set(shown)) == len(shown) and "0" in shown
    assert size > 1 or max(map(len, shown)) <= len("−5·10⁻³⁰¹")


def test_small_numbers_of_axes_bars_and_tables_have_no_rows_of_zeros() -> None:
    y = 1.283e-13 * X
    plot: Any = Views("pt").of(Plot("", (Curve("a", X, y),), "x", "y"))
    shown = re.findall(r">([^<>]+)</text>", plot["svg"])
    assert shown[:3] == ["0", "5·10⁻¹⁴", "1·10⁻¹³"] and shown[3:7] == ["0", "0,2", "0,4", "0,6"]
    assert plot["tables"][0]["rows"][0] == ["0", "0"]
    bars: Any = Views("pt").of(Bars("", ("a", "b"), (("s", np.array([0.0, 1.283e-13])),)))
    assert [row[0].text for row in bars["rows"]] == ["0", "1,283·10⁻¹³"]
    table: Any = Views("pt").of(Table("", ("a", "b"), ((0.0, -1.283e-13), (0, 3e-7))))
    assert [[cell.text for cell in row] for row in table["rows"]] == [
        ["0", "−1,283·10⁻¹³"],
        ["0", "3·10⁻⁷"],
    ]


def test_titles_of_densities_do_not_touch_tick_labels() -> None:
    svg = str(moving.gaussians(Gaussians("", (0.0, 1.0), (1.0, 1.5)), "en", ""))
    texts = [
        (float(y), words)
        for y, words in re.findall(r'<text [^>]*?y="([\d.]+)"[^>]*>([^<]+)</text>', svg)
    ]
    titles = [(y, words) for y, words in texts if re.search("[a-z]{3}", words)]
    assert len(titles) == 2
    for y, title in titles:
        nearest = min(abs(y - other) for other, words in texts if not re.search("[a-z]", words))
        assert nearest >= 26, title


@pytest.mark.parametrize("language", ["en", "pt"])
def test_densities_are_labelled_by_their_own_names(language: str) -> None:
    names = "q(z₃|x)", "p(z₃)"
    named = Gaussians("", (0.0, 1.0), (1.0, 1.5), names)
    svg = str(moving.gaussians(named, language, ""))
    assert "D(q(z₃|x)‖p(z₃))" in svg and "D(p‖q)" not in svg
    assert "D(p‖q)" in str(moving.gaussians(replace(named, names=("p", "q")), language, ""))


def test_a_command_is_code_and_breaks_between_its_words_only() -> None:
    text = "To measure it: {command}"
    page = str(rich_words(Message(text, {"command": "olaria train a --data my-data"}), "en"))
    assert page.startswith('To measure it: <code><span class="word">olaria</span>')
    assert page.endswith(
        '<span class="word">--data</span> <span class="word">my-data</span></code>'
    )
    within = str(rich_words(Message("`{command}`", {"command": "olaria doctor"}), "en"))
    assert within.count("<code>") == 1
    assert "word" not in str(rich_words(Message(text, {"command": "no olaria"}), "en"))


def asking(*guesses: int | None) -> LessonContext:
    """A lesson of two steps, each with a question whose second answer is right."""
    steps = [
        Step(
            Message("a step"),
            blocks=(
                Question(
                    Message("which $z$?"), (Message("the *first*"), Message("{x}", {"x": at})), 1
                ),
                Paragraph(Message("so")),
            ),
        )
        for at in (HOSTILE, Number(0.5))
    ]
    return LessonContext(Message("a lesson"), Message("about"), steps, guesses=guesses)


def test_a_report_shows_what_was_guessed_beside_the_right_answers() -> None:
    first, second = re.findall('<p class="guess">(.*?)</p>', lesson_section(asking(0, 1), "pt"))
    hostile = "&lt;script&gt;alert(1)&lt;/script&gt;{0}$*a*$"
    assert "<em>first</em>" in first and hostile in first
    assert "0,5" in second and "first" not in second
    (none, wrong) = re.findall('<p class="guess">(.*?)</p>', lesson_section(asking(None, 0)))
    assert none == f"No guess. The right answer is “{hostile}”."
    assert wrong == "Guess: “the <em>first</em>”. The right answer is “0.5”."


def test_nothing_is_said_of_guesses_where_none_are_given() -> None:
    assert "guess" not in lesson_section(asking()).replace("Guess first.", "")
    assert 'class="guess"' not in lesson_page(asking(0, 1))


def test_models_stand_before_long_tables_and_a_cell_is_one_element() -> None:
    heat = Heat(
        "", np.random.default_rng(0).random((20, 20)), *(tuple("abcdefghijklmnopqrst"),) * 2
    )
    live = Live("", "live_plane", ("a run",), {"at": [0.5]}, heat)
    text = lesson_page(replace(lesson(live), play={"a run": {}}))
    assert text.index("</header>") < text.index('id="play-1"') < text.index("<main")
    cells = re.findall(r"<td[^>]*>([^<]+)</td>", text)
    assert len(cells) == 400 and all(re.fullmatch(r"0\.\d\d|1\.00", cell) for cell in cells)
