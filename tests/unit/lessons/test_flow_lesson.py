"""The lesson on flow matching: every number checked, and its facts beside what was not written for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

from olaria.errors import LessonError
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Question, Step, numbers
from olaria.lessons.by_numpy import flows
from olaria.lessons.figures import Choice, Scatter
from olaria.lessons.flow import flow, lines, samples
from olaria.lessons.flow.scene import Scene, at
from olaria.lessons.flow.steps import STEPS
from olaria.lessons.flow.ways import ByNumPy, ByTorch
from olaria.lessons.twice import compared
from olaria.models.point_flow import PointFlow
from olaria.objectives.mixture import Mixture
from olaria.runs import Run

from .sound import assert_sound, make_wrong

LESSON = LESSONS["flow-matching"]
TinyRun = Callable[..., Run]
TITLES = [
    "One example on its way from noise",
    "Many lines through one place, and their mean",
    "A loss that does not fall to zero",
    "The lines are straight, the flow is curved",
    "Where the velocity leads, at each time",
    "Euler and Heun: steps and evaluations",
    "Guidance: more agreement, less variety",
    "The density of a point",
    "Copied or new?",
]
LINE, MANY, LOSS, PATHS, ENDS, SOLVERS, GUIDANCE, DENSITY, NEAREST = range(len(TITLES))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer examples and steps than a reader gets: what is tested does not depend on them."""
    for module, name, value in (
        (lines, "NUM_PAIRS", 200),
        (flow, "NUM_FOLLOWED", 40),
        (flow, "FINE_STEPS", 64),
        (samples, "NUM_DENSE", 12),
        (samples, "DENSITY_STEPS", 20),
        (samples, "SIDE", 6),
        (samples, "NUM_NEAREST", 20),
        (samples, "NUM_GUIDED", 40),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.fixture(scope="session")
def ring(tiny_run: TinyRun) -> Run:
    return tiny_run("flow-ring", steps=60)


@pytest.fixture(scope="session")
def scene(ring: Run) -> Scene:
    return Scene.of_points(Asked((ring,)))


@pytest.fixture(scope="session")
def ways(scene: Scene) -> tuple[ByTorch, ByNumPy]:
    return ByTorch(scene), ByNumPy(scene)


def lesson(run: Run, seed: int = 0) -> tuple[Step, ...]:
    return LESSON(Asked((run,), seed=seed))


def titles(steps: tuple[Step, ...]) -> list[str]:
    return [step.title.text() for step in steps]


def asked(step: Step) -> Question:
    (question,) = (block for block in step.blocks if isinstance(block, Question))
    return question


def places(scene: Scene, count: int = 6) -> Any:
    return numbers(scene.z[:count]) * 0.7


# -- the whole lesson ------------------------------------------------------------------------------


def test_the_ring(ring: Run) -> None:
    steps = lesson(ring)
    assert titles(steps) == TITLES
    assert_sound(steps, figures=True, source=True)


def test_another_prediction(tiny_run: TinyRun) -> None:
    run = tiny_run("flow-grid", "model.prediction=data", "training.ema=0", steps=12)
    assert_sound(lesson(run), figures=True)


@pytest.mark.parametrize("prediction", ["velocity", "data", "noise"])
def test_the_twin_gives_the_velocity_of_each_prediction(scene: Scene, prediction: Any) -> None:
    config = scene.config.model_copy(update={"prediction": prediction})
    model = PointFlow(config, 2).requires_grad_(False).double()
    x, t = places(scene), np.array([0, 0.01, 0.3, 0.7, 0.99, 1])
    expected = model.velocity(torch.from_numpy(x), torch.from_numpy(t)).numpy()
    found, _ = flows.point_velocity(model, x, t)
    assert np.abs(found - expected).max() < 1e-5


def test_the_users_points(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("points") / "mine.csv"
    points = np.random.default_rng(0).standard_normal((60, 2)) * (30, 5) + 100
    path.write_text("\n".join(f"{x},{y}" for x, y in points))
    steps = lesson(tiny_run("flow-ring", data=str(path), steps=12))
    assert titles(steps) == TITLES
    assert_sound(steps, unchecked=lambda step: step.name == "guidance")
    assert not [block for block in steps[GUIDANCE].blocks if isinstance(block, Question)]


def test_another_seed_shows_another_line_and_the_same_one_the_same(ring: Run) -> None:
    first, again, other = (Scene.of_points(Asked((ring,), seed=seed)).z for seed in (0, 0, 1))
    assert (first == again).all()
    assert not (first == other).any()


def test_a_run_of_another_family_is_refused(ring: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "family", "vae")
    with pytest.raises(LessonError, match="olaria train flow-ring"):
        lesson(ring)


# -- what fails where a number is wrong ------------------------------------------------------------


MEASURES = {
    "between": [LINE, MANY, LOSS, PATHS],
    "velocity": [LINE, MANY, LOSS, PATHS, ENDS, SOLVERS, GUIDANCE, NEAREST],
    "exact": [MANY, LOSS, ENDS, GUIDANCE, NEAREST],
    "shares": [MANY],
    "leads_to": [LINE, MANY, ENDS],
    "guided": [GUIDANCE],
    "log_density": [DENSITY],
    "exact_log_density": [DENSITY],
    "near": [ENDS, SOLVERS],
    "nearest": [NEAREST],
}


@pytest.mark.parametrize("method", MEASURES)
def test_a_wrong_measure_fails_checks(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def wrong(found: Any) -> Any:
        if isinstance(found, tuple):
            return tuple(
                1.5 * x + 0.01 if x.dtype.kind == "f" else x for x in map(np.asarray, found)
            )
        return 1.5 * found + 0.01

    make_wrong(monkeypatch, ByTorch, method, wrong)
    model, twin = ByTorch(scene), ByNumPy(scene)
    rows = [row for row in STEPS if row.of is Scene]
    for place in MEASURES[method]:
        both = (rows[place].step(scene, way) for way in (model, twin))
        assert not all(check.holds for check in compared(*both)), TITLES[place]


# -- both ways beside what was not written for them ------------------------------------------------


def test_a_line_goes_from_the_noise_to_the_example(scene: Scene, ways: Any) -> None:
    z, x = numbers(scene.z[:1])[0], numbers(scene.x[:1])[0]
    for way in ways:
        found = lines.one_line(scene, way)
        assert found["places"][0] == pytest.approx(z)
        assert found["places"][-1] == pytest.approx(x)
        assert found["places"][1] == pytest.approx(z + (x - z) / 4)
        assert (found["first"], found["second"]) == pytest.approx(tuple(x - z))
        away = found["velocities"][2] - (x - z)
        assert found["at_half"] == pytest.approx((away**2).sum() / 2)


def test_the_mean_velocity_is_that_of_all_lines_through_a_place(scene: Scene, ways: Any) -> None:
    train, x, t = numbers(scene.train), places(scene), 0.7
    densities = np.stack(
        [
            [multivariate_normal.pdf(place, t * one, (1 - t) ** 2) for one in train[:300]]
            for place in x
        ]
    )
    weights = densities / densities.sum(1, keepdims=True)
    velocities = train[None, :300] - (x[:, None] - t * train[None, :300]) / (1 - t)
    expected = (weights[:, :, None] * velocities).sum(1)
    some = Mixture(scene.train[:300].double(), 0.0)
    for way in ways:
        assert np.abs(way.shares(some, x, at(len(x), t)) - weights).max() < 1e-9
        assert np.abs(way.exact(some, x, at(len(x), t)) - expected).max() < 1e-9


def test_one_cluster_moves_as_a_normal_distribution(scene: Scene, ways: Any) -> None:
    mode, std, t = torch.tensor([[0.5, -1.0]]).double(), 0.3, 0.6
    x, one = places(scene), Mixture(mode, std)
    # Of normal x_t and v: the mean of v given x_t is E v + Cov(v, x_t) / Var(x_t) · (x_t − E x_t).
    slope = (t * std**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * std**2)
    expected = numbers(mode) + slope * (x - t * numbers(mode))
    for way in ways:
        assert np.abs(way.exact(one, x, at(len(x), t)) - expected).max() < 1e-12
        log_density = multivariate_normal(numbers(mode)[0], std**2).logpdf(x)
        assert way.exact_log_density(one, x) == pytest.approx(log_density)


def test_the_divergence_is_the_trace_of_the_jacobian(scene: Scene) -> None:
    x, t, model = places(scene), 0.4, ByTorch(scene)._model
    for row in x:

        def velocity(place: Any) -> Any:
            return model.velocity(place[None], torch.tensor([t], dtype=torch.float64))[0]

        jacobian = torch.autograd.functional.jacobian(velocity, torch.from_numpy(row))
        _, found = flows.point_velocity(scene.model, row[None], at(1, t), tangents=True)
        assert found[0] == pytest.approx(jacobian.trace().item(), abs=1e-5)


def test_the_density_is_that_of_the_noise_over_the_change_of_volume(
    scene: Scene, ways: Any
) -> None:
    z = places(scene, 1)

    def end(place: Any) -> Any:
        def slope(t: float, x: Any) -> Any:
            return flows.point_velocity(scene.model, x[None], at(1, t))[0][0]

        return solve_ivp(slope, (0, 1), place, rtol=1e-8, atol=1e-8).y[:, -1]

    for place in z:
        step = 1e-4 * np.eye(2)
        jacobian = np.stack([(end(place + h) - end(place - h)) / 2e-4 for h in step], 1)
        expected = multivariate_normal.logpdf(place, np.zeros(2)) - math.log(
            abs(np.linalg.det(jacobian))
        )
        x = end(place)[None]
        for way in ways:
            nats, noise = way.log_density(x, 50, 1.0)
            assert nats[0] == pytest.approx(expected, abs=2e-3)
            assert noise[0] == pytest.approx(place, abs=2e-3)


def test_the_solvers_on_growth_with_a_known_end(scene: Scene, ways: Any) -> None:
    for way in ways:
        ends = {
            (solver, steps): way.path(lambda x, t: x, np.ones((1, 2)), steps, solver)[-1][1][0, 0]
            for solver in ("euler", "heun", "midpoint")
            for steps in (20, 40)
        }
        assert ends["euler", 20] == pytest.approx((1 + 1 / 20) ** 20)
        assert ends["heun", 20] == pytest.approx((1 + 1 / 20 + 1 / 800) ** 20)
        assert ends["midpoint", 20] == pytest.approx(ends["heun", 20])
        for solver, factor in (("euler", 2), ("heun", 4)):
            first, second = (ends[solver, steps] - math.e for steps in (20, 40))
            assert first / second == pytest.approx(factor, rel=0.05)


def test_steps_shorten_towards_the_data(scene: Scene, ways: Any) -> None:
    for way in ways:
        times = [t for t, _ in way.path(lambda x, t: x, np.ones((1, 2)), 4, "euler", 2.0)]
        assert times == pytest.approx([0, 7 / 16, 12 / 16, 15 / 16, 1])


def test_a_solver_evaluates_at_the_times_of_its_steps(scene: Scene, ways: Any) -> None:
    for way in ways:
        for solver, expected in (("euler", 0.25), ("heun", 0.5), ("midpoint", 0.5)):
            found = way.path(lambda x, t: np.full_like(x, t), np.zeros((1, 2)), 2, solver)
            assert found[-1][1][0, 0] == pytest.approx(expected)


def test_guidance_of_none_of_one_and_beyond(scene: Scene, ways: Any) -> None:
    given, free = np.array([[3.0, 1.0]]), np.array([[1.0, 2.0]])
    for way in ways:
        assert way.guided(given, free, 0.0) == pytest.approx(free)
        assert way.guided(given, free, 1.0) == pytest.approx(given)
        assert way.guided(given, free, 2.0) == pytest.approx(np.array([[5.0, 0.0]]))


def test_a_velocity_leads_from_noise_to_the_example(scene: Scene, ways: Any) -> None:
    z, x = numbers(scene.z[:4]), numbers(scene.x[:4])
    for way in ways:
        for t in (0.0, 0.3, 1.0):
            on_the_way = way.between(z, x, at(4, t))
            assert np.abs(way.leads_to(x - z, on_the_way, at(4, t)) - x).max() < 1e-12


def test_distances_to_the_nearest_are_those_of_scipy(scene: Scene, ways: Any) -> None:
    x, train = places(scene), numbers(scene.train[:50])
    expected = cdist(x, train)
    for way in ways:
        distance, row = way.nearest(x, train)
        assert distance == pytest.approx(expected.min(1))
        assert (row == expected.argmin(1)).all()


# -- what the steps say ----------------------------------------------------------------------------


def test_the_loss_is_what_cannot_be_avoided_and_what_is_left(scene: Scene, ways: Any) -> None:
    found = lines.loss_by_time(scene, ways[1])
    assert found["loss"] == pytest.approx(found["least"] + found["apart"], rel=0.15)
    assert found["share"] == pytest.approx(found["least"] / found["loss"])
    assert (found["losses"][:, 1] <= found["losses"][:, 0] + 0.05).all()
    # At the end every place tells its cluster, and what is left is that of one normal distribution.
    t, std = lines.LOSS_TIMES[-1], scene.clusters.std  # type: ignore[union-attr]
    left = std**2 / ((1 - t) ** 2 + t**2 * std**2)
    assert found["losses"][-1, 1] == pytest.approx(left, rel=0.15)
    # At the beginning the noise is known, and nothing of the example: its variance is left.
    assert found["losses"][0, 1] == pytest.approx(1, rel=0.15)


def test_the_recorded_loss_is_that_of_the_end(scene: Scene, ways: Any) -> None:
    rows = [row["values"]["loss"] for row in scene.run.metrics() if row["split"] == "train"]
    assert lines.loss_by_time(scene, ways[1])["end"] == pytest.approx(rows[-1], rel=0.5)


def test_lines_that_count_become_fewer(scene: Scene, ways: Any) -> None:
    found = lines.many_lines(scene, ways[1])
    assert found["early"] == pytest.approx(len(scene.train))
    assert 1 <= found["late"] < found["early"] / 4
    assert np.abs(found["lines"] - found["exact"]).max() < 0.3
    assert found["lines"][0] == pytest.approx(
        numbers(scene.train).mean(0) - numbers(scene.z[0]), abs=1e-9
    )


def test_arrows_end_at_examples(scene: Scene, ways: Any) -> None:
    choice = lines.many_lines(scene, ways[1])["moved"]
    assert isinstance(choice, Choice)
    for figure in choice.figures:
        assert isinstance(figure, Scatter) and figure.arrows is not None
        ends = figure.arrows[:, :2] + figure.arrows[:, 2:]
        assert cdist(ends, numbers(scene.train)).min(1).max() < 1e-9


def test_paths_are_as_long_as_their_pieces(scene: Scene, ways: Any) -> None:
    found = flow.paths(scene, ways[1])
    path = np.stack(
        [x for _, x in ways[1].path(flow.field_of(ways[1]), numbers(scene.z[:40]), 20, "heun")]
    )
    pieces = sum(np.linalg.norm(b - a, axis=1) for a, b in pairwise(path))
    straight = np.linalg.norm(path[-1] - path[0], axis=1)
    assert found["length"] == pytest.approx(pieces.mean())
    assert found["ratio"] == pytest.approx(pieces.mean() / straight.mean() - 1)
    assert found["ratio"] > 0
    assert found["own"] == pytest.approx(straight.mean())
    expected = np.linalg.norm(numbers(scene.x[:40]) - numbers(scene.z[:40]), axis=1).mean()
    assert found["pairs"] == pytest.approx(expected)
    assert found["answer"] == int(found["ratio"] > 0.01)


def test_paths_that_are_straight_are_called_so(scene: Scene, ways: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(ByNumPy, "velocity", lambda self, x, t: np.ones_like(x))
    found = flow.paths(scene, ways[1])
    assert found["ratio"] == pytest.approx(0)
    assert found["answer"] == 0


def test_the_best_velocity_leads_to_the_mean_first_and_to_the_data_last(
    scene: Scene, ways: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(
        ByNumPy, "velocity", lambda self, x, t: self.exact(self._scene.clusters, x, t)
    )
    found = flow.endpoints(scene, ways[1])
    assert found["first"] == pytest.approx(0, abs=1e-9)
    assert found["last"] == pytest.approx(1, abs=0.1)
    assert found["near_last"] > 0.9 > found["near_middle"]
    assert found["answer"] == 0 and found["gathered"]


def test_a_velocity_that_decides_at_once_is_called_so(
    scene: Scene, ways: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(ByNumPy, "velocity", lambda self, x, t: np.ones_like(x))
    found = flow.endpoints(scene, ways[1])
    assert found["first"] == pytest.approx(found["last"])
    assert found["answer"] == 2 and not found["gathered"]


def test_more_evaluations_end_nearer(scene: Scene, ways: Any) -> None:
    found = flow.solvers(scene, ways[1])
    errors = found["errors"]
    assert (errors[:, -1] < errors[:, 0]).all()
    assert found["euler_factor"] == pytest.approx(errors[0, -2] / errors[0, -1])
    assert found["heun_factor"] == pytest.approx(errors[1, -2] / errors[1, -1])
    index = flow.BUDGETS.index(found["asked"])
    euler, heun = errors[:, index]
    assert (found["euler"], found["heun"]) == (euler, heun)
    if abs(euler - heun) >= 0.1 * max(euler, heun):
        assert found["answer"] == (0 if euler < heun else 1)
    assert found["own"] == 20 and found["own_steps"] == 10


def test_guidance_by_the_class_alone_draws_its_cluster(scene: Scene, ways: Any) -> None:
    found = samples.guidance(scene, ways[1])
    assert found["alone"] == 1
    assert found["spread_alone"] == pytest.approx(1, abs=0.3)
    assert found["none"] < 0.5
    assert found["answer"] == (0 if found["spread_most"] < found["spread_alone"] else 1)


def test_the_density_is_in_the_units_of_the_data(scene: Scene, ways: Any) -> None:
    found = samples.density(scene, ways[1])
    x = scene.model.unscaled(scene.x[:12]).double()
    own = Mixture(scene.data.modes.double(), scene.data.mode_std)  # type: ignore[union-attr, arg-type]
    truth = numbers(own.log_density(x, x.new_ones(len(x))))
    assert found["nats"][:, 1] == pytest.approx(truth, abs=1e-4)
    model = numbers(scene.model.log_density(scene.model.unscaled(scene.x[:12]), 20))
    assert found["nats"][:, 0] == pytest.approx(model, abs=1e-3)
    assert found["excess"] == pytest.approx((truth - model).mean(), abs=1e-3)
    assert found["truth"] == pytest.approx(-truth.mean(), abs=1e-4)
    own, noise = ways[0].log_density(numbers(scene.x[:12]), 20, samples.DENSITY_POWER)
    change = multivariate_normal.logpdf(noise, np.zeros(2)) - own
    assert found["integral"] == pytest.approx(change.mean(), abs=1e-5)
    assert found["factor"] == pytest.approx(math.exp(abs(found["integral"])))
    assert found["squeezed"] == (found["integral"] < 0)
    assert found["answer"] == int(found["squeezed"])


def test_the_closed_form_of_the_training_points_copies_them(scene: Scene, ways: Any) -> None:
    for way in ways:
        found = samples.nearest(scene, way)
        assert found["copied"] < 1e-3 < found["test"]
        assert found["ratio"] == pytest.approx(found["made"] / found["test"])
        ratio = found["ratio"]
        assert found["answer"] == (0 if ratio < 0.5 else 1 if ratio < 2 else 2)


def test_the_answers_of_the_page_are_those_of_the_steps(ring: Run, scene: Scene, ways: Any) -> None:
    steps = lesson(ring)
    functions = (lines.one_line, lines.many_lines, lines.loss_by_time, flow.paths, flow.endpoints)
    for step, function in zip(steps, functions, strict=False):
        assert asked(step).right == function(scene, ways[0])["answer"]


def test_the_noise_leads_to_the_mean_of_the_data(scene: Scene, ways: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(
        ByNumPy, "velocity", lambda self, x, t: self.exact(self._scene.copies, x, t)
    )
    assert lines.many_lines(scene, ways[1])["answer"] == 1


def test_a_run_without_rows_still_teaches(ring: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "metrics", lambda self: [])
    steps = lesson(Run(Path(ring.path)))
    assert_sound(steps)
    assert "recorded loss" not in steps[LOSS].text.text()
