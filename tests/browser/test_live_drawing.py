"""Drawing into a model, and the way between two codes, in a browser: by pointer and keys, with Python's numbers."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from olaria.lessons.vae.scene import Scene
from olaria.sampling import latent
from olaria.workflows.explain import explain

from .started import STARTED
from .test_live_lessons import CLOCK

LIVE = (
    STARTED
    + """
const button = text => [...box.querySelectorAll("button")].find(one => one.textContent === text);
const pad = box.querySelector(".pad"), around = pad?.getBoundingClientRect();
const point = (name, x, y) => pad.dispatchEvent(new PointerEvent(name, {
  clientX: around.left + x * around.width, clientY: around.top + y * around.height,
  buttons: 1, pointerId: 1, pointerType: "touch", bubbles: true}));
const stroke = (...points) => {
  points.forEach(([x, y], i) => point(i ? "pointermove" : "pointerdown", x, y));
  point("pointerup", ...points.at(-1));
};
const press = (key, shiftKey = false) =>
  pad.dispatchEvent(new KeyboardEvent("keydown", {key, shiftKey, bubbles: true}));
const told = () => [...box.querySelectorAll(".scores output")].map(one => one.value);
const seenOn = canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
const drawn = () => [...box.querySelectorAll(".drawn-row canvas")].map(seenOn);
"""
)
"""What the scripts of these tests begin with."""
# A pointer that is none cannot be captured.
DRAW = LIVE.replace("[data-live]", "[data-live=live_draw]") + "pad.setPointerCapture = () => {};"
BETWEEN = LIVE.replace("[data-live]", "[data-live=live_between]")


def page_of(lesson: Any, with_script: Any) -> str:
    """Its page, with frames by the test's own clock."""
    page: str = with_script(lesson.html("en"), CLOCK, "<title>")
    return page


@pytest.fixture(scope="module")
def of_vae(tiny_run: Callable[..., Any], with_script: Any) -> Any:
    """The page of a VAE, and its run."""
    run = tiny_run("vae-mnist", "model.latent=4")
    return page_of(explain("vae", runs=(run,), language="en"), with_script), run


@pytest.fixture(scope="module")
def of_autoencoder(tiny_run: Callable[..., Any], with_script: Any) -> Any:
    """The page of an autoencoder, and its run."""
    run = tiny_run("ae-mnist")
    return page_of(explain("autoencoder", runs=(run,), language="en"), with_script), run


def rows_of(table: str) -> dict[str, np.ndarray]:
    """Rows of numbers of a saved table; those of an image as one, (H, W)."""
    found: dict[str, Any] = {}
    for name, *row in csv.reader(table.splitlines()):
        found.setdefault(name.split(", row")[0], []).append([float(cell) for cell in row])
    return {name: np.array(rows) for name, rows in found.items()}


def assert_pythons(table: dict[str, np.ndarray], model: Any, y: int | None = None) -> None:
    """What the page makes of its image is what the model makes of it, and so is the error."""
    x = torch.tensor(table["image"], dtype=torch.float32)[None, None]
    told = None if y is None else torch.tensor([y])
    rebuilt = latent.reconstruct(model, x, told)
    assert table["rebuilt"] == pytest.approx(rebuilt[0, 0].numpy(), abs=2e-4)
    assert table["error"][0, 0] == pytest.approx((rebuilt - x).square().mean().item(), abs=1e-4)


def test_a_finger_draws_and_the_model_answers(in_page: Any, of_vae: Any) -> None:
    page, run = of_vae
    found = in_page(
        page,
        DRAW
        + """
      await wait(300);
      const start = await table(), first = drawn();
      button("clear").click();
      stroke([0.2, 0.3], [0.8, 0.3], [0.5, 0.9]);
      await wait(300);
      const lines = await table(), address = await kept();
      button("draw ε anew").click();
      await wait(300);
      const second = drawn();
      button("draw ε anew").click();
      await wait(300);
      const seen = [first, second, drawn()];
      button("eraser").click();
      stroke([0.2, 0.3], [0.8, 0.3]);
      await wait(300);
      const rubbed = await table();
      button("back to the start").click();
      await wait(300);
      const same = (a, b) => a.map((one, i) => one === b[i]);
      return {state: box.dataset.state, start, lines, address, rubbed,
              same: [new Set(seen[0]).size, new Set(seen[1]).size, same(seen[1], seen[2])],
              told: told(), again: await table(), end: await kept()};""",
    )
    assert found["state"] == "on"
    start, lines, rubbed = (rows_of(found[name]) for name in ("start", "lines", "rubbed"))
    for table in (start, lines, rubbed):
        assert_pythons(table, run.model())
    image = torch.tensor(lines["image"], dtype=torch.float32)[None, None]
    posterior = run.model().encode(image)
    assert lines["mean"][0] == pytest.approx(posterior.mean[0].numpy(), abs=2e-4)
    assert lines["std"][0] == pytest.approx(posterior.stddev[0].numpy(), abs=2e-4)
    ink = lines["image"]
    assert ink[2, 2:6].min() > 0.6 and ink[0].max() == 0 and ink.max() <= 1
    assert rubbed["image"][2, 3:5].max() < 0.4 and rubbed["image"][6:].max() > 0.4
    first, second, same = found["same"]
    assert first > 1 and second > 1 and not all(same)
    assert "draw.from=-1" in found["address"] and "draw.image=A" in found["address"]
    assert found["again"] == found["start"] and found["end"] == ""
    assert "% of 179 test images" in found["told"][0]


def test_keys_draw_and_a_link_shows_the_same_drawing(in_page: Any, of_vae: Any) -> None:
    page = of_vae[0]
    found = in_page(
        page,
        DRAW
        + """
      button("clear").click();
      press("ArrowRight");
      await wait(300);
      const moved = await table();
      press(" ");
      for (let i = 0; i < 2; i++) press("ArrowUp");
      press("Enter");
      press("ArrowLeft", true);
      await wait(300);
      return {moved, drawn: await table(), address: await kept()};""",
    )
    moved, drawn = rows_of(found["moved"]), rows_of(found["drawn"])
    assert moved["image"].max() == 0
    inked = np.argwhere(drawn["image"] > 0.9)
    assert inked.tolist() == [[2, 5], [3, 5], [4, 5]]
    again = in_page(page, DRAW + "await wait(300); return table();", address=found["address"])
    assert rows_of(again)["image"] == pytest.approx(drawn["image"], abs=1e-6)
    script = DRAW + "await wait(300); return table();"
    broken = in_page(page, script, address="#draw.image=A3&draw.from=77&draw.eps=no")
    assert broken == in_page(page, script)


def test_what_does_not_belong_has_a_large_score(in_page: Any, of_autoencoder: Any) -> None:
    page, run = of_autoencoder
    found = in_page(
        page,
        DRAW
        + """
      await wait(300);
      const seen = {}, keep = async name => { await wait(300); seen[name] = await table(); };
      await keep("start");
      button("turn").click();
      await keep("turned");
      box.querySelectorAll(".starts .start")[1].click();
      await keep("other");
      button("shift").click();
      await keep("shifted");
      button("invert").click();
      await keep("inverted");
      const words = told();
      for (let i = 0; i < 4; i++) button("add noise").click();
      await keep("noisy");
      button("blank one half").click();
      await keep("halved");
      const chosen = [...box.querySelectorAll(".starts [aria-pressed=true]")].length;
      return {seen, words, chosen};""",
    )
    seen = {name: rows_of(table) for name, table in found["seen"].items()}
    for table in seen.values():
        assert_pythons(table, run.model())
        assert table["error"].shape == (1, 2)
    image = {name: table["image"] for name, table in seen.items()}
    close = {"abs": 0.011}  # an address holds 52 grey levels
    assert image["turned"] == pytest.approx(np.rot90(image["start"]), **close)
    assert image["shifted"][:, 1:] == pytest.approx(image["other"][:, :-1], **close)
    assert image["inverted"] == pytest.approx(1 - image["shifted"], **close)
    assert image["halved"][:, 4:].max() == 0 and found["chosen"] == 0
    assert seen["inverted"]["error"][0, 1] == 1 > seen["start"]["error"][0, 1]
    assert "stranger than all" in found["words"][0] and len(found["words"]) == 2


def test_the_way_between_two_images_is_chosen_and_walked(in_page: Any, of_vae: Any) -> None:
    page, run = of_vae
    found = in_page(
        page,
        BETWEEN
        + """
      await wait(300);
      const slider = box.querySelector("input[type=range]"), [from, to] = box.querySelectorAll(".ends");
      const start = await table();
      from.querySelectorAll("button")[3].click();
      to.querySelectorAll("button")[2].click();
      slider.value = 0.3;
      slider.dispatchEvent(new Event("input", {bubbles: true}));
      await wait(300);
      const way = await table(), address = await kept(), stops = box.querySelectorAll(".stops button");
      stops[8].click();
      await wait(300);
      const end = await table(), words = box.querySelector("output").value;
      const filled = [...box.querySelectorAll(".stops canvas")].map(seenOn);
      button("back to the start").click();
      await wait(300);
      return {state: box.dataset.state, start, way, end, address, words, filled: new Set(filled).size,
              again: await table()};""",
    )
    assert found["state"] == "on" and found["again"] == found["start"]
    from olaria.lessons.base import Asked

    scene, model = Scene.of(Asked((run,))), run.model()
    a, b = scene.codes[list(scene.two())]
    start, way, end = (rows_of(found[name]) for name in ("start", "way", "end"))
    assert start["z"][0] == pytest.approx(((a + b) / 2).numpy(), abs=1e-4)
    for table in (start, way, end):
        z = torch.tensor(table["z"], dtype=torch.float32)
        assert table["codes"] == pytest.approx(model.images(z)[0, 0].numpy(), abs=2e-4)
    assert end["codes"] == pytest.approx(end["pixels"], abs=1e-5)
    assert np.abs(way["codes"] - way["pixels"]).max() > 1e-4
    assert {"between.from=3", "between.to=2", "between.t=0.3"} == set(
        found["address"][1:].split("&")
    )
    assert "error of 0." in found["words"] and found["filled"] > 9


def test_a_model_of_classes_is_given_the_class(
    in_page: Any, tiny_run: Callable[..., Any], with_script: Any
) -> None:
    run = tiny_run("vae-mnist", "model.classes=10", "model.flow=2")
    page = page_of(explain("vae", runs=(run,), language="en"), with_script)
    script = """
      await wait(300);
      const start = await table(), select = box.querySelector("select"), first = select.selectedIndex;
      select.selectedIndex = 3;
      select.dispatchEvent(new Event("input", {bubbles: true}));
      await wait(300);
      return {start, first, other: await table()};"""
    found = in_page(page, DRAW + script)
    start, other = rows_of(found["start"]), rows_of(found["other"])
    assert_pythons(start, run.model(), found["first"])
    assert_pythons(other, run.model(), 3)
    assert np.array_equal(start["image"], other["image"])
    found = in_page(page, BETWEEN + script)
    z = torch.tensor(rows_of(found["other"])["z"], dtype=torch.float32)
    drawn = run.model().images(z, torch.tensor([3]))[0, 0].numpy()
    assert rows_of(found["other"])["codes"] == pytest.approx(drawn, abs=2e-4)


def test_images_in_colour_of_any_size(
    in_page: Any, tiny_run: Callable[..., Any], with_script: Any, tmp_path: Any
) -> None:
    from PIL import Image

    draws = np.random.default_rng(0)
    for name in range(12):
        pixels = draws.integers(150, 256, (12, 20, 3), np.uint8)  # light: the paper is white
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    settings = ("training.batch_size=2", "training.precision=float32")
    run = tiny_run("ae-mnist", *settings, data=str(tmp_path), steps=3)
    page = page_of(explain("autoencoder", runs=(run,), language="en"), with_script)
    found = in_page(
        page,
        DRAW
        + """
      button("clear").click();
      await wait(300);
      const clear = await table(), colour = box.querySelector("input[type=color]");
      colour.value = "#ff8000";
      stroke([0.1, 6.5 / 12], [0.9, 6.5 / 12]);
      await wait(300);
      button("turn").click();
      await wait(300);
      return {clear, drawn: await table(), sizes: [pad.width / pad.height, box.scrollWidth - box.clientWidth]};""",
        width=420,
    )
    clear, drawn = rows_of(found["clear"])["image"], rows_of(found["drawn"])["image"]
    assert clear.shape == drawn.shape == (36, 20) and clear.min() == 1
    assert drawn.reshape(3, 12, 20)[:, 6, 10] == pytest.approx([1, 128 / 255, 0], abs=0.011)
    assert found["sizes"][0] == pytest.approx(20 / 12, abs=0.01) and found["sizes"][1] <= 0
