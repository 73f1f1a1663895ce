"""The page of a lesson in a browser: its script computes what Python computes, keys move it, nothing leaves it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import numpy as np
import pytest
import torch

from olaria.i18n import Message
from olaria.lessons.base import Formula, Paragraph, Question, Step
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
    NextToken,
    Plot,
    Scatter,
    Strip,
    Table,
    Tokens,
)
from olaria.objectives.divergence import Gaussian, divergence
from olaria.pages import moving
from olaria.pages.lesson_page import LessonContext, lesson_page
from olaria.sampling.autoregressive import SamplingConfig, filter_logits

LOGITS = np.random.default_rng(0).normal(size=40) * 2
HEAT = Heat(
    "a map", np.arange(30.0).reshape(2, 15), ("r0", "r1"), tuple(f"c{i}" for i in range(15))
)
CHOICE = Choice(
    "pick",
    (Control("layer", ("1", "2"), "select"), Control("head", ("a", "b", "c"), plays=True)),
    tuple(Bars(f"panel {i}", ("v",), (("s", np.array([float(i)])),)) for i in range(6)),
)
X = np.linspace(0, 1, 50)
EVERYTHING: tuple[Figure, ...] = (
    Gaussians("two of them", (0.0, 1.0), (1.0, 1.5)),
    NextToken("what comes next", tuple(f"t{i}" for i in range(40)), LOGITS, 8),
    CHOICE,
    HEAT,
    Plot("a plot", (Curve("up", X, X), Curve("area", X, X - 0.5, "area")), "x", "y"),
    Scatter("points", (Cloud("a", np.eye(2), np.arange(2)),), ("zero", "one"), "x", "y"),
    Images("pictures", (Strip("row", np.zeros((2, 1, 4, 4)), ("one", "two")),)),
    Tokens("a text", ("To", " "), np.array([0.1, 2.0]), unit="nats"),
    Table("a table", ("word", "number"), (("x", 1.5),)),
)


def page(*figures: Figure, language: str = "en") -> str:
    blocks = (Paragraph(Message("words")), Formula(r"\frac{a}{b}"), *figures)
    step = Step(Message("a step"), blocks)
    return lesson_page(LessonContext(Message("a lesson"), Message("about"), (step,)), language)


SET = """
const set = (name, value) => {
  const input = document.querySelector(`input[name=${name}]`);
  input.value = value;
  input.dispatchEvent(new Event("input", {bubbles: true}));
};
"""


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def test_the_moved_distributions_are_pythons(in_page: Any) -> None:
    cases = [
        (0.0, 1.0, 1.0, 1.5),
        (-2.5, 0.2, 0.0, 1.0),
        (3.0, 3.9, -4.0, 0.6),
        (1.0, 1.0, 1.0, 1.0),
    ]
    figure = Gaussians("", (0.0, 1.0), (1.0, 1.5))
    script = (
        SET
        + f"""
      return {[list(case) for case in cases]}.map(([a, b, c, d]) => {{
        set("mean-p", a); set("std-p", b); set("mean-q", c); set("std-q", d);
        const out = name => document.querySelector(`[data-out=${{name}}]`).value;
        const curve = name => document.querySelector(`[data-curve=${{name}}]`).getAttribute("d");
        return {{
          told: ["closed", "positive", "negative", "sum"].map(out),
          curves: ["p", "q", "integrand", "above", "below"].map(curve),
          ticks: [...document.querySelectorAll("[data-tick]")].map(t => t.textContent),
        }};
      }});"""
    )
    for case, found in zip(cases, in_page(page(figure), script), strict=True):
        p, q = Gaussian(*case[:2]), Gaussian(*case[2:])
        area = divergence(p, q)
        told = [float(text.replace("−", "-").replace(",", "")) for text in found["told"]]
        expected = (
            area.closed_form_nats,
            area.positive_nats,
            area.negative_nats,
            area.numerical_nats,
        )
        assert told == pytest.approx(expected, abs=6e-4, rel=1e-4), case
        svg = str(moving.gaussians(Gaussians("", case[:2], case[2:]), "en", ""))
        for role, drawn in zip(
            ("p", "q", "integrand", "above", "below"), found["curves"], strict=True
        ):
            own = re.search(rf'd="([^"]*)" data-curve="{role}"', svg)
            assert own is not None
            assert numbers(drawn) == pytest.approx(numbers(own[1]), abs=0.11), (case, role)
        assert found["ticks"] == re.findall(r"data-tick=\"\w+\">([^<]*)<", svg), case


def test_a_models_own_numbers_stay_until_their_slider_is_moved(in_page: Any) -> None:
    # Sliders go from -5 to 5 in steps of 0.05: none of these is a place of theirs.
    p, q = Gaussian(-5.031, 0.523), Gaussian(0.512, 1.013)
    figure = Gaussians("", (p.mean, p.std), (q.mean, q.std))
    script = (
        SET
        + """
      const told = name => document.querySelector(`[data-out=${name}]`).value;
      const labels = () => [...document.querySelectorAll("[data-gaussians] .control output")].map(o => o.value);
      const found = [[told("closed"), labels()]];
      set("std-q", 2);
      found.push([told("closed"), labels()]);
      set("mean-p", -4.5);
      found.push([told("closed"), labels()]);
      return found;"""
    )
    found = in_page(page(figure), script)
    pairs = (p, q), (p, Gaussian(q.mean, 2)), (Gaussian(-4.5, p.std), Gaussian(q.mean, 2))
    for (closed, labels), (own, other) in zip(found, pairs, strict=True):
        assert float(closed) == pytest.approx(divergence(own, other).closed_form_nats, abs=6e-4)
        told = [float(text.replace("−", "-")) for text in labels]
        assert told == pytest.approx([own.mean, own.std, other.mean, other.std], abs=6e-3)


def test_the_next_token_is_what_the_sampler_would_draw(in_page: Any) -> None:
    cases = [(1.0, 40, 1.0), (0.5, 40, 1.0), (2.0, 5, 1.0), (1.0, 40, 0.5), (1.3, 12, 0.7)]
    figure = NextToken("", tuple(f"t{i}" for i in range(40)), LOGITS, 40)
    script = (
        SET
        + f"""
      return {[list(case) for case in cases]}.map(([t, k, p]) => {{
        set("temperature", t); set("top-k", k); set("top-p", p);
        const rows = [...document.querySelectorAll("[data-next-token] tbody tr")];
        return rows.map(row => [row.cells[0].textContent, row.cells[2].textContent]);
      }});"""
    )
    for (t, k, p), rows in zip(cases, in_page(page(figure), script), strict=True):
        config = SamplingConfig(temperature=t, top_k=k, top_p=p)
        expected = filter_logits(torch.tensor(LOGITS)[None], config).softmax(-1)[0]
        for name, text in rows:
            assert float(text) == pytest.approx(expected[int(name[1:])].item(), abs=6e-4), (t, k, p)


def test_a_choice_shows_one_panel_and_says_which(in_page: Any) -> None:
    found = in_page(
        page(CHOICE),
        """
      const select = document.querySelector("select"), slider = document.querySelector("[data-labels]");
      const seen = [];
      for (const layer of [0, 1]) for (const head of [0, 1, 2]) {
        select.selectedIndex = layer; slider.value = head;
        slider.dispatchEvent(new Event("input", {bubbles: true}));
        const shown = [...document.querySelectorAll(".panel")].map((p, i) => p.hidden ? -1 : i).filter(i => i >= 0);
        const told = slider.parentElement.querySelector("output").value;
        seen.push([...shown, slider.getAttribute("aria-valuetext"), told]);
      }
      return seen;""",
    )
    assert found == [[i, "abc"[i % 3], "abc"[i % 3]] for i in range(6)]


def test_an_animation_plays_to_its_end_and_stops(in_page: Any) -> None:
    found = in_page(
        page(CHOICE),
        """
      const button = document.querySelector("[data-plays]"), slider = document.querySelector("[data-labels]");
      button.click();
      const during = button.getAttribute("aria-pressed");
      await new Promise(done => setTimeout(done, 3000));
      return [during, slider.value, button.getAttribute("aria-pressed")];""",
    )
    assert found == ["true", "2", "false"]


def test_a_heat_map_is_read_by_pointer_and_by_keys(in_page: Any) -> None:
    found = in_page(
        page(HEAT),
        """
      const area = document.querySelector("[data-heat]"), out = document.querySelector(".readout"), seen = [out.value];
      area.focus();
      for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft"]) {
        area.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
        seen.push(out.value.trim());
      }
      document.querySelector("tbody td:last-child").dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
      seen.push(out.value.trim());
      document.querySelector("[data-numbers]").click();
      return [...seen, area.querySelector("table").classList.contains("numbers")];""",
    )
    cells = ["r0 · c0: 0.00", "r0 · c1: 1.00", "r1 · c1: 16.00", "r1 · c1: 16.00", "r1 · c0: 15.00"]
    assert found[1:] == [*cells, "r1 · c0: 15.00", "r0 · c14: 14.00", True]
    assert "arrow keys" in found[0]


def test_columns_stay_below_their_names_when_the_numbers_are_shown(in_page: Any) -> None:
    found = in_page(
        page(HEAT),
        """
      const table = document.querySelector("table.heat"), cell = table.tBodies[0].rows[0].cells[9];
      const above = () => {
        const [name, below] = [table.tHead.rows[0].cells[9], cell].map(one => one.getBoundingClientRect());
        return [Math.abs(name.left - below.left), Math.abs(name.width - below.width), cell.scrollWidth];
      };
      const before = above(), box = document.querySelector("[data-numbers]");
      box.click();
      return [before, above(), getComputedStyle(cell).fontSize];""",
    )
    before, after, size = found
    assert max(*before[:2], *after[:2]) < 1
    assert before[2] <= 26 and float(size.removesuffix("px")) > 8


@pytest.mark.parametrize("language", ["en", "pt"])
def test_nothing_leaves_the_file_and_it_fits_a_telephone(in_page: Any, language: str) -> None:
    found = in_page(
        page(*EVERYTHING, language=language),
        """
      const outside = performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:"));
      return [outside, document.documentElement.scrollWidth, innerWidth];""",
        width=500,  # the narrowest that a window of this browser takes
    )
    assert found[0] == [] and found[1] <= found[2]


@pytest.mark.parametrize("language", ["en", "pt"])
def test_axe_has_nothing_to_say(in_page: Any, with_script: Any, axe: str, language: str) -> None:
    html = with_script(page(*EVERYTHING, language=language), axe, "</head>")
    found = in_page(
        html,
        """
      const result = await axe.run();
      return result.violations.map(v => [v.id, v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary)]);""",
    )
    assert found == []


def test_the_page_runs_its_own_modules_and_refuses_every_other(in_page: Any) -> None:
    found = in_page(
        page(CHOICE),
        """
      const refused = [];
      addEventListener("securitypolicyviolation", e => refused.push(e.effectiveDirective));
      const foreign = "data:text/javascript,window.foreign = true";
      const dynamic = await import(foreign).then(() => "ran", () => "refused");
      const element = document.createElement("script");
      element.type = "module";
      element.src = foreign;
      const written = new Promise(done => {
        element.onload = () => done("ran");
        element.onerror = () => done("refused");
      });
      document.body.append(element);
      const inline = document.createElement("script");
      inline.textContent = "window.foreign = true";
      document.body.append(inline);
      document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.foreign = true">');
      let evaluated = "ran";
      try { (0, eval)("window.foreign = true"); } catch (error) { evaluated = "refused"; }
      const asked = await fetch("data:text/plain,a").then(() => "ran", () => "refused");
      await new Promise(done => setTimeout(done, 200));
      return {dynamic, written: await written, evaluated, asked, foreign: window.foreign ?? false,
              refused: [...new Set(refused)].sort(), own: document.querySelector("[data-labels]").ariaValueText};""",
    )
    assert found["own"] == "a"  # the page's own modules ran
    assert not found["foreign"]
    assert {found[way] for way in ("dynamic", "written", "evaluated", "asked")} == {"refused"}
    assert {"script-src-elem", "script-src-attr", "connect-src"} <= set(found["refused"])


TELEPHONE = 390
ON_A_TELEPHONE = """
  const frame = document.createElement("iframe");  // narrower than a window of this browser may be
  frame.style.cssText = "width:390px;height:3000px;border:0";
  frame.srcdoc = PAGE;
  const loaded = new Promise(done => frame.addEventListener("load", done));
  document.body.append(frame);
  await loaded;
  const wait = ms => new Promise(done => setTimeout(done, ms));
  const page = frame.contentDocument;
  for (const step of page.querySelectorAll(".step")) { // those out of sight are not laid out
    step.scrollIntoView();
    await wait(20);
  }
  const boxes = [...page.querySelectorAll(".scroll, .formula")]
    .filter(box => !box.closest("details:not([open]), [hidden]"));
  const texts = [...page.querySelectorAll("figure text, figure th, figure td, figure li, figure span")];
  const size = text => {
    const svg = text.closest("svg");
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    return scale * parseFloat(frame.contentWindow.getComputedStyle(text).fontSize);
  };
  const silent = () => boxes.filter(box => box.scrollWidth > box.clientWidth + 2
    && !(box.classList.contains("more-right") && box.nextElementSibling.getClientRects().length));
  for (let i = 0; i < 200 && silent().length; i++) await wait(25); // marks come with the frames
  return {
    wide: page.documentElement.scrollWidth,
    small: texts.filter(t => t.getClientRects().length && t.textContent.trim() && size(t) && size(t) < 10)
      .map(t => [t.textContent, size(t)]),
    silent: silent().map(box => [box.outerHTML.slice(0, 200), box.scrollWidth, box.clientWidth]),
    idle: boxes.filter(box => box.scrollWidth <= box.clientWidth && box.classList.contains("more-right")).length,
    cut: [...page.querySelectorAll("figure svg")].filter(svg => svg.getClientRects().length)
      .filter(svg => svg.getBoundingClientRect().right > 390 && !svg.closest(".drawn, .scroll")).length,
    scrolled: boxes.some(box => box.scrollWidth > box.clientWidth + 2),
  };
"""


@pytest.mark.parametrize("language", ["en", "pt"])
def test_figures_are_read_on_a_telephone(in_page: Any, language: str) -> None:
    import json

    wide = Table("wide", tuple(f"a long heading {i}" for i in range(9)), (tuple(range(9)),))
    html = page(*EVERYTHING, wide, language=language)
    script = ON_A_TELEPHONE.replace("PAGE", json.dumps(html).replace("</", "<\\/"))
    found = in_page("<!doctype html><html><body></body></html>", script, clock="wall")
    assert found["wide"] <= TELEPHONE and found["small"] == []
    assert found["silent"] == [] and found["scrolled"]
    assert found["idle"] == 0 and found["cut"] == 0


QUESTION = Question(Message("How many?"), (Message("one"), Message("two"), Message("three")), 1)
ASKED = Step(
    Message("asked"),
    blocks=(Paragraph(Message("before")), QUESTION, Paragraph(Message("the answer"))),
)
LOOK = """
      const answer = document.querySelector(".answer"), told = document.querySelector(".told");
      const buttons = [...document.querySelectorAll(".question li button")];
      const look = () => ({
        shown: answer.getClientRects().length > 0 && !answer.hidden,
        told: told.textContent,
        right: buttons.map(b => b.parentElement.classList.contains("right")),
        guessed: buttons.map(b => b.parentElement.classList.contains("guessed")),
        skip: document.querySelectorAll(".skip").length,
      });
      const first = look();
"""


@pytest.mark.parametrize(("place", "told"), [(1, "Certo."), (2, "Não exatamente")])
def test_an_answer_is_hidden_until_it_is_guessed(in_page: Any, place: int, told: str) -> None:
    context = LessonContext(Message("a lesson"), Message("intro"), (ASKED,))
    first, then = in_page(
        lesson_page(context, "pt"), f"{LOOK} buttons[{place}].click(); return [first, look()];"
    )
    assert not first["shown"] and first["told"] == "" and first["skip"] == 1
    assert first["right"] == [False] * 3
    assert then["shown"] and then["told"].startswith(told) and then["skip"] == 0
    assert then["right"] == [False, True, False]
    assert then["guessed"] == [i == place for i in range(3)]


def test_first_guesses_become_a_line_for_the_report(in_page: Any) -> None:
    context = LessonContext(Message("a lesson"), Message("intro"), (ASKED, ASKED, ASKED), name="kl")
    before, after = in_page(
        lesson_page(context, "pt"),
        """
        const line = document.getElementById("guesses"), before = line.hidden;
        const lists = [...document.querySelectorAll(".question")].map(q => [...q.querySelectorAll("li button")]);
        lists[2][2].click();
        lists[0][1].click();
        lists[0][0].click();
        return [before, line.hidden ? "" : line.querySelector("code").textContent];
        """,
    )
    assert before and after == 'guesses = { kl = "b, -, c" }'
    assert tomllib.loads(after)["guesses"]["kl"] == "b, -, c"


def test_one_reads_on_without_a_guess_and_without_a_script_all_is_there(in_page: Any) -> None:
    context = LessonContext(Message("a lesson"), Message("intro"), (ASKED,))
    html = lesson_page(context, "en")
    assert 'class="answer"' in html and "hidden" not in html.split("<main")[1].split("</main>")[0]
    shown = in_page(html, f'{LOOK} document.querySelector(".skip").click(); return look();')
    assert shown["shown"] and shown["right"] == [False] * 3
