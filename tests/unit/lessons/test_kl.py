"""The divergence's lesson: areas against formulas, against torch.distributions and against SciPy's search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.distributions import Normal, kl_divergence

from olaria.lessons import LESSONS, Asked
from olaria.lessons.base import Question, Step
from olaria.lessons.figures import Images, Table
from olaria.lessons.kl.scene import Mixture, Scene
from olaria.lessons.kl.steps import OWN, PEAKS
from olaria.lessons.kl.ways import ByNumPy, ByTorch
from olaria.models.vae import VAE
from olaria.objectives.divergence import Gaussian
from olaria.runs import Run

from .sound import assert_sound, failing

TinyRun = Callable[..., Run]
TEXTBOOK = ("model.flow=0",)
VARIANTS = [
    (TEXTBOOK, False),
    (("model.latent=20", "model.flow=0"), False),
    (("model.flow=2",), True),
    (("model.flow=2", "model.classes=10"), True),
    (("model.flow=0", "model.above=[3]"), True),
]


def steps_of(*runs: Run) -> tuple[Step, ...]:
    return LESSONS["kl"](Asked(runs))


def rows_of(step: Step, place: int) -> list[tuple[Any, ...]]:
    table = [figure for figure in step.figures if isinstance(figure, Table)][place]
    return list(table.rows)


def test_every_check_of_the_lesson_holds() -> None:
    steps = steps_of()
    assert len(steps) == 6
    assert_sound(steps, figures=True, source=True)
    assert all(any(isinstance(block, Question) for block in step.blocks) for step in steps)


def test_what_is_lost_is_what_the_codewords_say() -> None:
    step = steps_of()[0]
    terms = [row[-1] for row in rows_of(step, 1)]
    assert terms == [1.0, 0.25, -0.125, -0.25]
    own, other = (
        sum(p * len(code) for p, code in zip(OWN, column, strict=True))
        for column in list(zip(*rows_of(step, 0), strict=True))[2::2]
    )
    assert other - own == sum(terms) == 0.875
    assert "0.875 bits" in step.text.text() and "0,875 bits" in step.text.text("pt")


@pytest.mark.parametrize(("settings", "estimated"), VARIANTS, ids=str)
def test_a_posterior_of_the_users_own_run(
    tiny_run: TinyRun, settings: tuple[str, ...], estimated: bool
) -> None:
    run = tiny_run("vae-mnist", *settings)
    step = steps_of(run)[-1]
    kl = step.arrays["kl_nats"]
    assert_sound((step,), figures=True, source=True)
    assert any(check.count == len(kl) and not check.is_twin for check in step.checks)
    own = Normal(torch.tensor(step.arrays["mean"]), torch.tensor(step.arrays["std"]))
    prior = Normal(torch.zeros(len(kl)).double(), 1.0)
    np.testing.assert_allclose(kl, kl_divergence(own, prior), atol=1e-6)
    assert ("not the KL term" in step.text.text()) is estimated


def test_the_term_of_the_bound_is_shown_with_what_it_is(tiny_run: TinyRun) -> None:
    plain, flow = (steps_of(tiny_run("vae-mnist", f"model.flow={n}"))[-1] for n in (0, 2))
    assert "That is the KL term of the model's bound" in plain.text.text()
    assert "not the KL term of this model's bound" in flow.text.text()
    scene = Scene(Asked((tiny_run("vae-mnist", *TEXTBOOK),)))
    assert np.allclose(ByTorch(scene).terms(), plain.arrays["kl_nats"].sum(), atol=1e-5)


def wrong_sign(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *words: -right(*words)


@pytest.mark.parametrize(
    ("method", "places"),
    [
        ("cross_entropy", [0]),
        ("lost", [0, 1]),
        ("density", [2, 5]),
        ("area", [2, 3, 4]),
        ("closed", [2, 3, 4]),
    ],
)
def test_a_turned_sign_fails_checks(
    monkeypatch: pytest.MonkeyPatch, method: str, places: list[int]
) -> None:
    monkeypatch.setattr(ByTorch, method, wrong_sign(getattr(ByTorch, method)))
    assert failing(steps_of()) == places


def test_a_wrong_model_fails_checks(tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run, right = tiny_run("vae-mnist", *TEXTBOOK), VAE.posterior
    monkeypatch.setattr(VAE, "posterior", lambda *words: (-right(*words)[0], right(*words)[1]))
    assert failing(steps_of(run)) == [6]


def test_a_wrong_density_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    density = Gaussian.log_density
    monkeypatch.setattr(Gaussian, "log_density", lambda self, x: density(self, x) + 0.01)
    assert failing(steps_of()) == [2, 3, 4, 5]


@pytest.mark.parametrize("way", [ByTorch, ByNumPy])
@pytest.mark.parametrize("start", [-2.5, 2.5])
def test_both_searches_find_what_scipy_finds(way: Any, start: float) -> None:
    own = way(Scene(Asked()))
    theirs = minimize(
        lambda at: own.both(PEAKS, Gaussian(at[0], float(np.exp(at[1]))))[1],
        (start, 0.0),
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-12},
    )
    found = own.searched(PEAKS, Gaussian(start, 0.5))
    assert found.mean == pytest.approx(theirs.x[0], abs=1e-4)
    assert found.std == pytest.approx(float(np.exp(theirs.x[1])), abs=1e-4)
    assert np.sign(found.mean) == np.sign(start)


def test_matched_moments_have_the_least_divergence() -> None:
    way = ByTorch(Scene(Asked()))
    best = way.moments(PEAKS)
    least = way.both(PEAKS, best)[0]
    for mean in (-0.1, 0.0, 0.1):
        for std in (-0.1, 0.0, 0.1):
            nats = way.both(PEAKS, Gaussian(best.mean + mean, best.std + std))[0]
            assert nats > least or mean == std == 0
    draws = np.random.default_rng(0)
    peak = draws.choice(2, 200_000, p=PEAKS.weights)
    means, stds = (np.array([getattr(p, n) for p in PEAKS.parts])[peak] for n in ("mean", "std"))
    x = means + stds * draws.standard_normal(len(peak))
    assert (x.mean(), x.std()) == pytest.approx((best.mean, best.std), abs=0.02)


def test_one_peak_alone_is_found_exactly() -> None:
    alone = Mixture((1.0,), (Gaussian(-1.5, 0.7),))
    for way in (ByTorch(Scene(Asked())), ByNumPy(Scene(Asked()))):
        for q in (way.moments(alone), way.searched(alone, Gaussian(-1.0, 1.0))):
            assert (q.mean, q.std) == pytest.approx((-1.5, 0.7), abs=1e-4)
            assert way.both(alone, q) == pytest.approx((0, 0), abs=1e-8)


def test_the_wide_fit_covers_and_the_narrow_one_seeks() -> None:
    wide, narrow = rows_of(steps_of()[5], 0)
    assert wide[2] > 2 * narrow[2]
    assert wide[3] < narrow[3] and wide[4] > narrow[4]
    assert narrow[1] == pytest.approx(PEAKS.parts[0].mean, abs=0.05)


def test_the_image_is_the_first_of_the_test_images(tiny_run: TinyRun) -> None:
    run = tiny_run("vae-mnist", *TEXTBOOK)
    (images,) = (f for f in steps_of(run)[-1].figures if isinstance(f, Images))
    assert np.allclose(images.strips[0].images, run.data().test.x[:1] / 255)
