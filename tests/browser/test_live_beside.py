"""Live parts of several runs in a browser: one gesture in two planes, and VAEs in the order of their β."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from olaria.workflows.explain import explain

from .started import STARTED

USED = """
const button = text => [...box.querySelectorAll("button")].find(one => one.textContent === text);
window.requestAnimationFrame = draw => setTimeout(draw, 16);
const key = (place, name, more) =>
  place.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true, ...more}));
const cells = row => [...row.querySelectorAll("td")].map(one => one.textContent);
"""
VAE = ("model.flow=0", "model.latent=3")


def started(part: str) -> str:
    """What a script of a part begins with."""
    return STARTED.replace("[data-live]", f"[data-live={part}]") + USED


@pytest.fixture(scope="module")
def beside(tiny_run: Callable[..., Any]) -> Any:
    """The lesson of a VAE beside an autoencoder and a VAE of another β, and the three runs."""
    runs = (
        tiny_run("vae-mnist", *VAE),
        tiny_run("ae-mnist", "model.latent=2"),
        tiny_run("vae-mnist", *VAE, "model.beta=4"),
    )
    return explain("vae", runs=runs, language="en"), runs


def rows_of(table: str) -> dict[str, list[float]]:
    """Rows of numbers of a saved table, by their first cell."""
    return {name: [float(cell) for cell in row] for name, *row in csv.reader(table.splitlines())}


def pixels_of(rows: dict[str, list[float]], name: str) -> Any:
    """An image of a saved table, (H, W)."""
    return np.array([row for key, row in rows.items() if key.startswith(f"{name}row ")])


def test_one_gesture_moves_the_points_of_both_planes(in_page: Any, beside: Any) -> None:
    lesson, (run, other, _) = beside
    found = in_page(
        lesson.html(),
        started("live_pair")
        + """
      const [one, two] = box.querySelectorAll(".plane"), tables = [await table()];
      for (const plane of [one, two]) plane.setPointerCapture = () => {};
      const around = two.getBoundingClientRect();
      const point = (name, x, y) => two.dispatchEvent(new PointerEvent(name, {clientX: around.left + x * around.width,
        clientY: around.top + y * around.height, buttons: 1, pointerId: 1, pointerType: "touch", bubbles: true}));
      point("pointerdown", 0.5, 0.5);
      point("pointermove", 9 / 14, 0.25);  // one standard deviation to the right, 1.75 up
      await frame();
      tables.push(await table());
      key(one, "ArrowLeft");
      key(one, "ArrowDown", {shiftKey: true});
      await frame();
      tables.push(await table());
      const place = box.querySelector("[role=status]").textContent, address = decodeURIComponent(await kept());
      button("back to the start").click();
      await frame();
      tables.push(await table());
      const labels = [one, two].map(plane => plane.getAttribute("aria-label"));
      const alone = document.querySelector("[data-live=live_plane] .plane").getAttribute("aria-label");
      return {state: box.dataset.state, tables, place, address, labels, alone, last: decodeURIComponent(await kept()),
              settings: JSON.parse(box.querySelector("script").textContent)};""",
    )
    assert found["state"] == "on"
    first, dragged, moved, again = map(rows_of, found["tables"])
    assert again == first != dragged
    # A key goes a sixtieth of the plane's seven standard deviations; with Shift ten times as far.
    for rows, place in ((dragged, (1.0, 1.75)), (moved, (1 - 7 / 60, 1.75 - 7 / 6))):
        for side, one in zip(found["settings"]["sides"], (run, other), strict=True):
            z = rows[f"{one.name}: z"]
            for axis, mean, std, u in zip(side["axes"], side["mean"], side["std"], place, strict=True):  # fmt: skip
                assert z[axis] == pytest.approx(mean + u * std, abs=2e-2 * std)
            rest = set(range(len(z))) - set(side["axes"])
            assert all(z[i] == pytest.approx(side["starts"][0][i], abs=1e-5) for i in rest)
            drawn = one.model().images(torch.tensor([z], dtype=torch.float32))[0, 0]
            assert pixels_of(rows, f"{one.name}: ") == pytest.approx(drawn.numpy(), abs=2e-4)
    assert "0.88 and 0.58" in found["place"]
    assert found["address"].startswith("#pair.at=0.88") and found["last"] == ""
    names = (run.name, other.name)
    assert all(label.startswith(name) for label, name in zip(found["labels"], names, strict=True))
    assert "Drag the point" in found["alone"] and "{name}" not in found["alone"]


def test_random_codes_are_the_same_for_both_and_drawn_by_each(in_page: Any, beside: Any) -> None:
    lesson, (run, other, _) = beside
    found = in_page(
        lesson.html(),
        started("live_pair")
        + """
      const tiles = [...box.querySelectorAll("canvas[aria-label*=random]")];
      const before = tiles.map(one => one.hidden);
      button("random codes from N(0, I)").click();
      await frame();
      const once = await table();
      button("random codes from N(0, I)").click();
      await frame();
      const address = decodeURIComponent(await kept());
      return {before, after: tiles.map(one => one.hidden), once, twice: await table(), address};""",
    )
    assert found["before"] == [True, True] and found["after"] == [False, False]
    once, twice = rows_of(found["once"]), rows_of(found["twice"])
    for i in range(1, 9):
        own, theirs = (once[f"{one.name}: random code {i}"] for one in (run, other))
        assert len(own) == 3 and own[:2] == theirs
        assert own != twice[f"{run.name}: random code {i}"]
        for one, z in ((run, own), (other, theirs)):
            drawn = one.model().images(torch.tensor([z], dtype=torch.float32))[0, 0]
            shown = pixels_of(once, f"{one.name}: random code {i}, ")
            assert shown == pytest.approx(drawn.numpy(), abs=2e-4)
    assert found["address"] == "#pair.random=2"


def test_a_link_shows_its_place_and_bad_ones_the_start(in_page: Any, beside: Any) -> None:
    page = beside[0].html()
    script = (
        started("live_pair")
        + """return [box.querySelector("[role=status]").textContent, location.hash.length];"""
    )
    told, _ = in_page(page, script, address="#pair.at=1,-2&pair.from=1")
    assert "1.00 and −2.00" in told
    usual = in_page(page, script)
    bad, _ = in_page(page, script, address="#pair.at=99,0&pair.from=77&pair.random=-1")
    assert bad == usual[0]


def test_the_strip_walks_along_beta(in_page: Any, beside: Any) -> None:
    lesson, (run, _, strong) = beside
    found = in_page(
        lesson.html(),
        started("live_beta")
        + """
      const slider = box.querySelector("input[type=range]"), told = () => box.querySelector(".chosen").textContent;
      const seen = [told()], tables = [await table()];
      slider.value = 1;
      slider.dispatchEvent(new Event("input", {bubbles: true}));
      seen.push(told());
      const pressed = [...box.querySelectorAll("thead button")].map(one => one.getAttribute("aria-pressed"));
      box.querySelectorAll(".starts button")[2].click();
      button("new noise").click();
      tables.push(await table());
      const shown = [...box.querySelectorAll("tbody tr")].map(cells);
      const address = decodeURIComponent(await kept());
      box.querySelector("thead button").click();
      seen.push(told());
      button("back to the start").click();
      tables.push(await table());
      return {state: box.dataset.state, seen, pressed, tables, cells: shown, address, max: slider.max,
              settings: JSON.parse(box.querySelector("script").textContent)};""",
    )
    assert found["state"] == "on" and found["max"] == "1"
    assert found["seen"] == [
        f"β = 1 ({run.name})",
        f"β = 4 ({strong.name})",
        f"β = 1 ({run.name})",
    ]
    assert found["pressed"] == ["false", "true"] and found["tables"][0] == found["tables"][2]
    assert found["address"] == "#beta.run=1&beta.from=2&beta.noise=1"
    settings = found["settings"]
    for table, start, noise in zip(found["tables"][:2], (0, 2), (0, 1), strict=True):
        lines = list(csv.reader(table.splitlines()))
        rows = {name: [float(cell) for cell in row] for name, *row in lines[3:]}
        target = np.array(settings["images"][start]).reshape(8, 8)
        for told, line, one in zip(settings["runs"], lines[1:3], (run, strong), strict=True):
            model = one.model()
            for name, z in (
                ("rebuilt", told["codes"][start]),
                ("from noise", told["noise"][noise]),
            ):
                drawn = model.images(torch.tensor([z], dtype=torch.float32))[0, 0].numpy()
                shown = pixels_of(rows, f"{one.name}: {name}, ")
                assert shown == pytest.approx(drawn, abs=2e-4)
                if name == "rebuilt":
                    error = ((drawn - target) ** 2).mean()
            assert line[0] == one.name and float(line[1]) == told["beta"]
            assert float(line[2]) == pytest.approx(error, abs=1e-5)
            assert float(line[3]) == pytest.approx(told["kl"][start])
    assert found["cells"][0] == [run.name, strong.name]
    assert [float(cell) for cell in found["cells"][4]] == pytest.approx(
        [told["kl"][2] for told in settings["runs"]], abs=6e-3
    )
