"""The live part of flow matching in a browser: it follows the run's network as Python does, step by step."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from olaria.lessons.base import Asked
from olaria.lessons.flow.scene import Scene
from olaria.nn.ode import EVALUATIONS, Sampler
from olaria.workflows.explain import explain

from .started import STARTED

PARTS = ("one_line", "paths", "solvers")
"""The steps that have the part, in the order of the page."""
CLOCK = """
window.requestAnimationFrame = run => setTimeout(() => run(performance.now()), 16);
window.cancelAnimationFrame = clearTimeout;
delete window.IntersectionObserver;
"""
"""Frames by the time that this browser passes for a test; its own ones come by the clock on the wall."""
LIVE = """
const change = (input, value) => { input.value = value; input.dispatchEvent(new Event("input", {bubbles: true})); };
const button = text => [...box.querySelectorAll("button")].find(one => one.textContent === text);
const control = name => {
  const label = [...box.querySelectorAll(".control label")].find(one => one.textContent === name);
  return document.getElementById(label.htmlFor);
};
const choose = (name, text) => {
  const select = control(name);
  select.selectedIndex = [...select.options].findIndex(one => one.text === text);
  select.dispatchEvent(new Event("input", {bubbles: true}));
};
const tally = () => Object.fromEntries([...box.querySelectorAll("dt")].map(
  one => [one.textContent, one.nextElementSibling.textContent]));
const done = async () => { await wait(100); await until(() => !Object.values(tally()).includes("…")); await frame(); };
const plane = box.querySelector("canvas.flow");
const click = (x, y) => {
  const around = plane.getBoundingClientRect();
  plane.dispatchEvent(new MouseEvent("click", {clientX: around.left + x * around.width,
    clientY: around.top + y * around.height, bubbles: true}));
};
const key = (name, more) => plane.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true, ...more}));
"""


def started(part: str) -> str:
    """What a script of the part of a step begins with; all steps show what is behind their questions."""
    opened = 'document.querySelectorAll(".question .skip").forEach(one => one.click());'
    only = f'document.querySelectorAll("[data-live=live_flow]")[{PARTS.index(part)}]'
    return STARTED.replace('document.querySelector("[data-live]")', only) + opened + LIVE


@pytest.fixture(scope="module")
def of_flow(tiny_run: Callable[..., Any], with_script: Any) -> Any:
    """The page of the lesson, its run, and what the lesson looks at."""
    run = tiny_run("flow-ring")
    lesson = explain("flow-matching", runs=(run,), language="en")
    scene = Scene.of(Asked((run,), 0))
    return with_script(lesson.html(), CLOCK, "<title>"), scene, lesson


def rows_of(table: str) -> dict[str, np.ndarray]:
    """Rows of numbers of a saved table, by their first cell."""
    rows = csv.reader(table.splitlines())
    return {name: np.array([float(cell) for cell in row]) for name, *row in rows}


def all_of(rows: dict[str, np.ndarray], name: str) -> np.ndarray:
    """The rows whose names begin so, one below the other."""
    return np.stack([row for key, row in rows.items() if key.startswith(name)])


def test_paths_and_samples_are_pythons(in_page: Any, of_flow: Any) -> None:
    page, scene, _ = of_flow
    found = in_page(
        page,
        started("solvers")
        + """
      const tables = [];
      for (const [solver, steps] of [["Euler", 1], ["Euler", 5], ["midpoint rule", 2], ["Heun", 10]]) {
        choose("solver", solver);
        choose("steps", String(steps));
        await done();
        tables.push([steps, await table(), tally()["evaluations per sample"]]);
      }
      return {state: box.dataset.state, tables};""",
    )
    assert found["state"] == "on"
    names = ("euler", "euler", "midpoint", "heun")
    field = scene.model.followed()
    for name, (steps, table, evaluations) in zip(names, found["tables"], strict=True):
        rows = rows_of(table)
        assert rows["evaluations"] == int(evaluations) == steps * EVALUATIONS[name]
        sampler, points = Sampler(steps, name), all_of(rows, "point ")
        at = torch.tensor(all_of(rows, "path at 0")[:1], dtype=torch.float32)
        with torch.no_grad():
            path = list(sampler.path(field, at))
            ends = sampler.follow(field, torch.tensor(points[:, :2], dtype=torch.float32))
            fine = Sampler(100, "heun").follow(
                field, torch.tensor(points[:, :2], dtype=torch.float32)
            )
        assert [float(key[8:]) for key in rows if key.startswith("path")] == [t for t, _ in path]
        assert all_of(rows, "path") == pytest.approx(torch.cat([x for _, x in path]), abs=1e-4)
        assert points[:, 2:] == pytest.approx(ends.numpy(), abs=1e-4)
        apart = (ends - fine)[:40].square().sum(1).mean().sqrt().item()
        assert rows["distance"][0] == pytest.approx(apart, abs=1e-4)
    noise = all_of(rows_of(found["tables"][0][1]), "point ")[:, :2]
    assert len(noise) == 240 and abs(noise.mean()) < 0.15 and noise.std() == pytest.approx(1, abs=0.1)  # fmt: skip


def test_velocities_are_the_networks_and_the_closed_forms(in_page: Any, of_flow: Any) -> None:
    page, scene, _ = of_flow
    found = in_page(
        page,
        started("paths")
        + """
      const tables = [];
      for (const t of [0, 0.35, 0.8, 1]) {
        change(control("t"), t);
        await frame();
        tables.push([t, await table()]);
      }
      return tables;""",
    )
    assert scene.clusters is not None
    for t, table in found:
        rows = rows_of(table)
        place = torch.tensor(rows["place"], dtype=torch.float64)[None]
        at = torch.tensor([t], dtype=torch.float64)
        with torch.no_grad():
            network = scene.model.velocity(place.float(), at.float())[0]
        assert rows["network"] == pytest.approx(network.numpy(), abs=1e-4)
        exact = scene.clusters.velocity(place, at)[0]
        assert rows["closed form"] == pytest.approx(exact.numpy(), abs=1e-4)
        # Between the ends of two steps, the place is on the straight way.
        path = all_of(rows, "path")
        k = min(int(t * 20), 19)
        share = t * 20 - k
        between = (1 - share) * path[k] + share * path[k + 1]
        assert rows["place"] == pytest.approx(between, abs=1e-5)


def test_lines_of_training_are_straight(in_page: Any, of_flow: Any) -> None:
    page, scene, _ = of_flow
    found = in_page(
        page,
        started("one_line")
        + """
      const hidden = ["steps", "solver"].map(name => control(name).closest(".control").hidden);
      const seen = [await table(), tally()];
      change(control("t"), 1);
      await frame();
      const end = await table();
      choose("the points follow", "the network's velocity");
      await frame();
      const after = ["steps", "solver"].map(name => control(name).closest(".control").hidden);
      return {hidden, after, seen, end, address: decodeURIComponent(await kept())};""",
    )
    assert found["hidden"] == [True, True] and found["after"] == [False, False]
    table, tally = rows_of(found["seen"][0]), found["seen"][1]
    noise, x = scene.z[0].numpy(), scene.x[0].numpy()
    assert table["place"] == pytest.approx(0.7 * noise + 0.3 * x, abs=1e-5)
    line = x - noise
    error = ((table["network"] - line) ** 2).mean()
    assert float(tally["squared error of the network"]) == pytest.approx(error, abs=6e-4)
    told = tally["target x − ε of the red line"].strip("()").replace("−", "-").split("; ")
    assert [float(one) for one in told] == pytest.approx(line, abs=6e-3)
    now, end = all_of(table, "point "), all_of(rows_of(found["end"]), "point ")
    data = scene.train[: len(end)].numpy()
    assert end[:, 2:] == pytest.approx(data, abs=1e-5)
    assert now[:, 2:] == pytest.approx(0.7 * now[:, :2] + 0.3 * data, abs=1e-5)
    assert found["address"] == "#flow.t=1&flow.shown=flow"


def test_a_path_begins_where_the_reader_chooses(in_page: Any, of_flow: Any) -> None:
    found = in_page(
        of_flow[0],
        started("solvers")
        + """
      const begins = async () => (await table()).split("path at 0,")[1].split("\\n")[0].trim();
      const seen = [await begins()];
      click(0.75, 0.25);
      await frame();
      seen.push(await begins());
      key("ArrowLeft");
      key("ArrowDown", {shiftKey: true});
      await frame();
      seen.push(await begins());
      for (let i = 0; i < 30; i++) key("ArrowUp", {shiftKey: true});
      await frame();
      seen.push(await begins());
      const address = decodeURIComponent(await kept());
      button("back to the start").click();
      await frame();
      seen.push(await begins());
      return {seen, address, last: await kept(), focused: plane.tabIndex, label: plane.ariaLabel};""",
    )
    start, clicked, moved, top, again = ([float(x) for x in each.split(",")] for each in found["seen"])  # fmt: skip
    half = 2.7
    assert clicked == pytest.approx([half / 2, half / 2], abs=0.02)
    assert moved[0] == pytest.approx(clicked[0] - 2 * half / 60, abs=1e-4)
    assert moved[1] == pytest.approx(clicked[1] - 2 * half / 6, abs=1e-4)
    assert top == pytest.approx([moved[0], half], abs=1e-4)
    assert again == start != clicked
    assert found["address"].startswith("#flow3.at=") and found["last"] == ""
    assert found["focused"] == 0 and "arrow keys" in found["label"]


def test_it_plays_from_noise_to_data_and_stops(in_page: Any, of_flow: Any) -> None:
    script = (
        started("paths")
        + """
      const times = [];
      change(control("t"), 1);
      button("play").click();
      await wait(1000);
      times.push(Number(control("t").value), button("pause").ariaPressed);
      button("pause").click();
      await wait(500);
      times.push(Number(control("t").value));
      button("play").click();
      await wait(9000);
      times.push(Number(control("t").value), button("play").ariaPressed);
      return times;"""
    )
    early, pressed, paused, end, released = in_page(of_flow[0], script)
    assert 0.1 < early < 0.5 and early <= paused < early + 0.05
    assert (pressed, end, released) == ("true", 1, "false")


def test_with_little_motion_it_leaps(in_page: Any, of_flow: Any, with_script: Any) -> None:
    page = with_script(of_flow[0], "window.matchMedia = () => ({matches: true});", "<title>")
    times = in_page(
        page,
        started("paths")
        + """
      const seen = new Set();
      change(control("t"), 0);
      button("play").click();
      for (let i = 0; i < 140; i++) { await wait(25); seen.add(Number(control("t").value)); }
      return [...seen];""",
    )
    assert times == pytest.approx([0, 0.1, 0.2, 0.3])


def test_its_work_begins_when_it_is_seen(in_page: Any, of_flow: Any) -> None:
    found = in_page(
        of_flow[2].html(),
        started("solvers")
        + """
      await wait(1000);
      const before = tally()["error of the ends"];
      box.scrollIntoView();
      await done();
      return [before, Number(tally()["error of the ends"])];""",
        clock="wall",
    )
    assert found[0] == "…" and found[1] > 0


def test_a_link_shows_what_it_names_and_bad_ones_the_start(in_page: Any, of_flow: Any) -> None:
    script = (
        started("solvers")
        + """
      await frame();
      return [control("t").value, control("steps").value, control("solver").value, control("seed").value];"""
    )
    good = "#flow3.t=0.25&flow3.steps=5&flow3.solver=heun&flow3.seed=7"
    bad = "#flow3.t=-1&flow3.steps=3&flow3.solver=rk4&flow3.seed=-1&flow3.at=99,0"
    assert in_page(of_flow[0], script, address=good) == ["0.25", "5", "Heun", "7"]
    assert in_page(of_flow[0], script, address=bad) == ["1", "2", "Euler", "0"]


def test_without_its_clusters_the_closed_form_is_left_out(
    in_page: Any, tiny_run: Callable[..., Any], with_script: Any
) -> None:
    lesson: Any = explain("flow-matching", runs=(tiny_run("flow-ring", "data.name=spiral"),))
    page = with_script(lesson.html("pt"), CLOCK, "<title>")
    names = in_page(page, started("paths") + "await frame(); return Object.keys(tally());")
    assert len(names) == 3 and not any("fechada" in name or "grupo" in name for name in names)
