"""Live parts of lessons in a browser: a GAN's noise, a GAN of points trained in the page, two peaks and one bell."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from olaria.lessons.base import Asked
from olaria.lessons.kl.scene import Scene
from olaria.lessons.kl.steps import PEAKS
from olaria.lessons.kl.ways import ByTorch
from olaria.pages.lesson_page import lesson_section
from olaria.sampling.latent import on_the_way
from olaria.workflows.explain import explain

from .started import STARTED

LIVE = (
    STARTED
    + """
const button = text => [...box.querySelectorAll("button")].find(one => one.textContent.startsWith(text));
const change = (input, value) => { input.value = value; input.dispatchEvent(new Event("input", {bubbles: true})); };
"""
)
"""What the scripts of these tests begin with."""
CLOCK = """
window.requestAnimationFrame = run => setTimeout(() => run(performance.now()), 16);
window.cancelAnimationFrame = clearTimeout;
"""
"""Frames by the time that this browser passes for a test; its own ones come by the clock on the wall."""


def rows_of(table: str) -> dict[str, list[float]]:
    """Rows of numbers of a saved table, by their first cell."""
    return {name: [float(cell) for cell in row] for name, *row in csv.reader(table.splitlines())}


@pytest.fixture(scope="module")
def of_images(tiny_run: Callable[..., Any], with_script: Any) -> Any:
    """The lesson's page of a GAN of images that is given the class, and its run."""
    run = tiny_run("gan-mnist", "model.classes=10")
    lesson: Any = explain("gan", runs=(run,), language="en")
    return with_script(lesson.html(), CLOCK, "<title>"), run


def test_the_walk_draws_and_judges_what_python_does(in_page: Any, of_images: Any) -> None:
    page, run = of_images
    found = in_page(
        page,
        LIVE
        + """
      const start = await table();
      await until(() => ![...box.querySelectorAll(".stops span")].some(one => one.textContent === "…"));
      box.querySelectorAll(".stops button")[6].click();
      await frame();
      const end = await table();
      change(box.querySelector("input[type=range]"), 0.35);
      change(box.querySelector("select"), 0);
      box.querySelector("select").selectedIndex = 3;
      box.querySelector("select").dispatchEvent(new Event("input", {bubbles: true}));
      await frame();
      const way = await table(), address = await kept();
      button("new noise").click();
      await frame();
      const onward = await table();
      button("back to the start").click();
      await frame();
      return {state: box.dataset.state, start, end, way, address, onward, again: await table(), last: await kept(),
              judged: box.querySelector(".answered output").value};""",
    )
    assert found["state"] == "on"
    start, end, way, onward = (rows_of(found[name]) for name in ("start", "end", "way", "onward"))
    a, b = [torch.tensor([one["z"]], dtype=torch.float64) for one in (start, end)]
    arc = on_the_way(a, b, 21, "spherical")[0, 7].tolist()
    assert way["z"] == pytest.approx(arc, abs=1e-4)
    model = run.model()
    for table, label in ((start, 0), (end, 0), (way, 3)):
        y = torch.tensor([label])
        image = model.images(torch.tensor([table["z"]], dtype=torch.float32), y)
        drawn = np.array([row for name, row in table.items() if name.startswith("row")])
        assert drawn == pytest.approx(image[0, 0].numpy(), abs=2e-4)
        assert table["l"][0] == pytest.approx(model.discriminate(image, y).item(), abs=2e-4)
    assert onward["z"] == pytest.approx(end["z"]) != start["z"]  # the walk goes on where it was
    assert "walk.t=0.35" in found["address"] and "walk.class=3" in found["address"]
    assert found["again"] == found["start"] and found["last"] == ""
    assert float(found["judged"].split("=")[1]) == pytest.approx(
        torch.tensor(start["l"]).sigmoid().item(), abs=6e-4
    )


def test_the_walk_moves_by_itself_and_stops(in_page: Any, of_images: Any) -> None:
    found = in_page(
        of_images[0],
        LIVE
        + """
      const part = () => Number(box.querySelector("input[type=range]").value), seen = [];
      button("walk").click();
      await wait(2000);
      seen.push(part());
      button("stop").click();
      const stopped = part();
      await wait(500);
      return [...seen, stopped, part(), await kept()];""",
        address="#walk.from=4&walk.to=9",
    )
    moved, stopped, still, address = found
    assert 0.1 < moved < 0.9 and stopped == still
    assert "walk.from=4" in address and "walk.to=9" in address


GAME = """
const step = () => Number(box.querySelector(".tally dd").textContent.replace(/\\D/g, ""));
const note = () => box.querySelector(".note").textContent;
"""


@pytest.fixture(scope="module")
def of_points(tiny_run: Callable[..., Any], with_script: Any) -> Any:
    """The lesson's page of a GAN of points, and its run."""
    run = tiny_run("gan-ring")
    lesson: Any = explain("gan", runs=(run,), language="en")
    return with_script(lesson.html(), CLOCK, "<title>"), run


def test_the_game_is_trained_and_a_link_plays_it_again(in_page: Any, of_points: Any) -> None:
    play = """
      button("▶ play").click();
      await until(() => step() >= 40);
      button("pause").click();
      const steps = step(), points = await table();
      return {state: box.dataset.state, steps, points, address: await kept()};"""
    page, _ = of_points
    found = in_page(page, LIVE + GAME + play, address="#game.points=ring&game.seed=5")
    assert found["state"] == "on" and found["steps"] >= 40
    assert (
        "game.points=ring" in found["address"]
        and f"game.played={found['steps']}t" in found["address"]
    )
    again = """
      await until(() => button("▶ play"));
      const points = await table();
      button("back to the start").click();
      return {points, steps: step(), address: await kept()};"""
    link = in_page(page, LIVE + GAME + again, address=found["address"])
    assert link["points"] == found["points"]
    assert link["steps"] == 0 and link["address"] == ""


def test_each_network_takes_its_step_alone(in_page: Any, of_points: Any) -> None:
    page, run = of_points
    found = in_page(
        page,
        LIVE
        + GAME
        + """
      const select = box.querySelector("select");
      select.selectedIndex = 1;
      select.dispatchEvent(new Event("input", {bubbles: true}));
      const seen = [[await table(), note()]];
      for (const text of ["one step of D", "one step of G"]) {
        button(text).click();
        seen.push([await table(), note()]);
      }
      return {seen, address: await kept()};""",
    )
    (start, _), (after_d, on_d), (after_g, on_g) = found["seen"]
    points, moved, last = (
        np.array(list(csv.reader(one.splitlines()))[1:], float) for one in (start, after_d, after_g)
    )
    model = run.model()
    output = model.discriminate(torch.tensor(points[:, :2], dtype=torch.float32))
    assert points[:, 2] == pytest.approx(output.numpy(), abs=2e-4)
    assert (moved[:, :2] == points[:, :2]).all() and (moved[:, 2] != points[:, 2]).any()
    assert (last[:, :2] != moved[:, :2]).any()
    assert on_d.startswith("D's turn, 3 of 3") and on_g.startswith("G's turn, 3 of 3")
    assert "game.played=1d1g" in found["address"] and "game.points=trained" in found["address"]


def test_slow_motion_names_each_moment_and_broken_games_say_what_happens(
    in_page: Any, with_script: Any, of_points: Any
) -> None:
    page, _ = of_points
    named = """
      const heard = [];
      const press = button(NAME);
      for (let i = 0; i < 7; i++) {
        if (i === 0 || NAME === "next moment") press.click();
        heard.push(note().slice(0, 16));
        if (NAME !== "next moment") await wait(1400);
      }"""
    order = [f"{side}'s turn, {k} of 3" for side in "DG" for k in (1, 2, 3)]
    slow = LIVE + GAME + named.replace("NAME", '"slow motion"') + "return heard;"
    assert in_page(page, slow) == [*order, order[0]]
    calm = with_script(page, "window.matchMedia = () => ({matches: true});", "<title>")
    by_hand = LIVE + GAME + named.replace("NAME", '"next moment"') + "return heard;"
    assert in_page(calm, by_hand) == [*order, order[0]]
    broken = """
      for (const skip of document.querySelectorAll(".skip")) skip.click();
      const told = [], mend = button("mend it");
      const free = [mend.disabled, mend.getAttribute("aria-pressed")];
      for (const name of ["D too strong", "D never learns", "no noise", "mend it"]) {
        button(name).click();
        told.push([box.querySelector(".rule").textContent.length > 40, button("one step of D").disabled,
                   button(name).getAttribute("aria-pressed"), mend.disabled,
                   new Set((await table()).split("\\r\\n")).size]);
      }
      return [free, told, document.activeElement.textContent];"""
    free, told, focused = in_page(page, LIVE + GAME + broken)
    assert [row[:4] for row in told] == [
        [True, False, "true", False],
        [True, True, "true", False],
        [True, False, "true", False],
        [False, False, None, True],
    ]
    assert free == [True, None] and focused == "▶ play"  # nothing is broken yet, or any more
    assert (
        told[2][4] == 3 < told[3][4]
    )  # one point for all noise; the head and the end of the table


@pytest.fixture(scope="module")
def of_peaks(with_script: Any) -> Any:
    """The divergence's lesson, and its page."""
    lesson: Any = explain("kl", language="en")
    return lesson, with_script(lesson.html(), CLOCK, "<title>")


def test_the_best_fits_are_found_as_the_peaks_move(in_page: Any, of_peaks: Any) -> None:
    _, page = of_peaks
    found = in_page(
        page,
        LIVE
        + """
      const told = () => [...box.querySelectorAll("p.small")].at(-1).textContent;
      const settled = async () => { await wait(800); return table(); };
      const start = await settled(), valleys = told();
      const sliders = [...box.querySelectorAll("input[type=range]")];
      change(sliders[0], -1);
      change(sliders[2], 1);
      change(sliders[3], 1.5);
      const between = told();
      const moved = await settled(), address = await kept(), one = told();
      button("back to the start").click();
      const again = await settled();
      return {state: box.dataset.state, start, valleys, between, moved, one, address, again, last: await kept()};""",
    )
    assert found["state"] == "on"
    text = found["start"].split("\r\n", 1)[1]
    fits = rows_of(text)
    way = ByTorch(Scene.of(Asked()))
    found_there = [way.searched(PEAKS, part) for part in PEAKS.parts]
    for name, q in zip(
        ("wide", "narrow", "other"), (way.moments(PEAKS), *found_there), strict=True
    ):
        assert fits[name][:2] == pytest.approx((q.mean, q.std), abs=2e-4)
    assert fits["wide"][2] < fits["narrow"][2] and fits["narrow"][3] < fits["wide"][3]
    assert "dashed" in found["valleys"] and "same" in found["one"]
    assert "not finished yet" in found["between"]
    moved = rows_of(found["moved"].split("\r\n", 1)[1])
    assert set(fits) == {"wide", "narrow", "other"} and set(moved) == {"wide", "narrow"}
    mean = 0.6 * -1 + 0.4 * 1
    assert moved["wide"][0] == pytest.approx(mean)
    assert "peaks.rightStd=1.5" in found["address"]
    assert found["again"] == found["start"] and found["last"] == ""


def test_a_part_asks_first_and_keeps_the_guess(in_page: Any, of_peaks: Any) -> None:
    look = """
      const question = box.querySelector(".live-guess"), answers = [...question.querySelectorAll("li button")];
      const displayed = one => getComputedStyle(one).display !== "none";
      const look = () => [displayed(box.querySelector(".live-room")), displayed(question),
        answers[0].getClientRects().length > 0, question.querySelector(".guessed").textContent];"""
    _, page = of_peaks
    opened = LIVE + 'document.querySelectorAll(".question .skip").forEach(one => one.click());'
    found = in_page(
        page,
        opened
        + look
        + """
      const first = look();
      answers[1].click();
      const then = look(), word = answers[1].textContent, address = await kept();
      button("back to the start").click();
      return {first, then, word, address, last: [look(), await kept()]};""",
    )
    assert found["first"] == [False, True, True, ""]
    shown = [True, True, False, f"Your guess: “{found['word']}”."]
    assert found["then"] == shown and found["address"] == "#peaks.guess=b"
    assert found["last"] == [shown, "#peaks.guess=b"]
    for address, expected in {
        "#peaks.guess=b": shown,
        "#peaks.guess=-": [True, False, False, ""],
        "#peaks.guess=z": [False, True, True, ""],
        "#hide=controls": [True, False, False, ""],
    }.items():
        assert in_page(page, opened + look + "return look();", address=address) == expected, address


def test_in_a_report_the_figure_stands_alone(of_peaks: Any) -> None:
    lesson, page = of_peaks
    assert 'data-live="live_peaks"' in page
    assert "data-live" not in lesson_section(lesson.context, "en")
