"""The slider through a run's checkpoints in a browser: pictures of each, keys, pointer, play, noise, link."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from olaria.export.played import plain_copy
from olaria.lessons import past
from olaria.workflows.explain import explain

from .started import STARTED
from .test_live_lessons import CLOCK

LIVE = (
    STARTED.replace("[data-live]", "[data-live=live_training]")
    + """
const button = text => [...box.querySelectorAll("button")].find(one => one.textContent === text);
const slider = box.querySelector("input[type=range]"), plot = box.querySelector(".scrubbed");
const step = () => Number(box.querySelector(".control output").value);
const press = key => plot.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
"""
)


def rows_of(table: str) -> tuple[int, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Step, noise and pixels of a saved table."""
    rows = list(csv.reader(table.splitlines()))
    z, x = (np.array([row[2:] for row in rows if row[0] == name], float) for name in "zx")
    return int(rows[0][1]), z, x


@pytest.fixture(scope="module")
def of_images(tiny_run: Callable[..., Any], with_script: Any) -> Any:
    """The lesson's page of a GAN of images that is given the class, and its run."""
    run = tiny_run("gan-mnist", "model.classes=10")
    lesson: Any = explain("gan", runs=(run,), language="en")
    return with_script(lesson.html(), CLOCK, "<title>"), run


def test_buttons_are_as_high_as_their_words(in_page: Any, of_images: Any) -> None:
    heights = LIVE + 'return ["▶ play", "new noise"].map(text => button(text).offsetHeight);'
    for width in (1000, 500, 360):
        assert max(in_page(of_images[0], heights, width=width)) < 40, width


def test_each_step_draws_what_python_does(in_page: Any, of_images: Any) -> None:
    page, run = of_images
    found = in_page(
        page,
        LIVE
        + """
      const seen = [], start = await table();
      for (let place = 0; place <= Number(slider.max); place++) {
        slider.value = place;
        slider.dispatchEvent(new Event("input", {bubbles: true}));
        seen.push(await table());
      }
      button("new noise").click();
      press("Home");
      const other = await table(), address = await kept();
      button("back to the start").click();
      return {state: box.dataset.state, start, seen, other, address, again: await table(), last: await kept()};""",
    )
    assert found["state"] == "on"
    steps = [0, *run.folder.checkpoint_steps()]
    assert [rows_of(table)[0] for table in found["seen"]] == steps
    first = past.first_weights(run, run.model())
    noise = rows_of(found["start"])[1]
    for table in (*found["seen"], found["other"]):
        step, z, x = rows_of(table)
        model: Any = first if step == 0 else run.model(step)
        if step != run.checkpoint()[0]:  # of so small a model the page holds all numbers in full
            model = plain_copy(model, "float16")
        drawn = model.images(torch.tensor(z, dtype=torch.float32), torch.arange(10))
        assert x == pytest.approx(drawn.flatten(1).numpy(), abs=1e-4)
        assert (z == noise).all() is not np.bool_(table == found["other"])
    assert "training.step=0" in found["address"] and "training.noise=1" in found["address"]
    assert found["again"] == found["start"] and found["last"] == ""


def test_keys_and_pointer_choose_a_step_and_it_plays(in_page: Any, of_images: Any) -> None:
    page, run = of_images
    found = in_page(
        page,
        LIVE
        + """
      const at = share => {
        const {left, top, width, height} = plot.getBoundingClientRect();
        const where = {clientX: left + share * width, clientY: top + height / 2};
        plot.dispatchEvent(new PointerEvent("pointerdown", {...where, bubbles: true, pointerId: 1}));
        return step();
      };
      plot.setPointerCapture = () => {};
      const keys = ["Home", "ArrowLeft", "ArrowRight", "ArrowUp", "End", "ArrowRight", "ArrowDown"].map(
        key => { press(key); return step(); });
      const pointed = [0.05, 0.5, 0.97].map(at);
      press("Home");
      button("▶ play").click();
      const pressed = button("pause").getAttribute("aria-pressed");
      await new Promise(d => setTimeout(d, 2000));
      const halfway = step();
      button("pause").click();
      await new Promise(d => setTimeout(d, 2000));
      const paused = step();
      button("▶ play").click();
      await until(() => button("▶ play"));
      return {keys, pointed, pressed, halfway, paused, last: step()};""",
    )
    steps = [0, *run.folder.checkpoint_steps()]
    last = steps[-1]
    assert found["keys"] == [0, 0, steps[1], steps[2], last, last, steps[-2]]
    assert found["pointed"][0] == 0 and found["pointed"][2] == last
    assert 0 < found["pointed"][1] < last
    assert found["pressed"] == "true"
    assert found["halfway"] == found["paused"] == steps[2] and found["last"] == last


def test_a_link_opens_at_its_step_and_bad_ones_at_the_end(in_page: Any, of_images: Any) -> None:
    page, run = of_images
    for address, expected in (
        ("#training.step=4", 4),
        ("#training.step=5&training.noise=-1", None),
    ):
        found = in_page(page, LIVE + "return await table();", address=address)
        step, z, _ = rows_of(found)
        assert step == (run.checkpoint()[0] if expected is None else expected)
        assert len(z) == 10


def test_images_that_travel_instead_of_weights(
    in_page: Any, tiny_run: Callable[..., Any], with_script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run("vae-mnist")
    monkeypatch.setattr(past, "room", lambda *_: (0, 2))
    lesson: Any = explain("vae", runs=(run,), language="en")
    found = in_page(
        with_script(lesson.html(), CLOCK, "<title>"),
        LIVE
        + """
      press("Home"); press("ArrowRight"); press("ArrowRight");
      const seen = [await table()];
      for (let i = 0; i < 2; i++) { button("new noise").click(); seen.push(await table()); }
      press("End");
      return {seen, own: await table(), told: [...box.querySelectorAll("p.small")].at(-1).textContent};""",
    )
    assert "this many noises: 2" in found["told"]
    assert found["seen"][0] == found["seen"][2] != found["seen"][1]
    for table in (*found["seen"][:2], found["own"]):
        step, z, x = rows_of(table)
        drawn = run.model(step).images(torch.tensor(z, dtype=torch.float32))
        assert x == pytest.approx(drawn.flatten(1).numpy(), abs=0.51 / 255)
    assert rows_of(found["seen"][0])[0] == 4
