"""The divergence's lesson: its areas against its formula, and against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from olaria.errors import ConfigError
from olaria.lessons import LESSONS, Asked
from olaria.lessons.base import TOLERANCE
from olaria.lessons.kl import Gaussian, P, Q, divergence, grid, integrand

means = st.floats(-20, 20)
stds = st.floats(0.05, 20)


def torchs(p: Gaussian, q: Gaussian) -> float:
    first = Normal(torch.tensor(p.mean, dtype=torch.float64), p.std)
    second = Normal(torch.tensor(q.mean, dtype=torch.float64), q.std)
    return kl_divergence(first, second).item()


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (P, Q),
        (Q, P),
        (Gaussian(0.0, 1.0), Gaussian(0.0, 1.0)),
        (Gaussian(3.0, 0.01), Gaussian(-2.0, 5.0)),
        (Gaussian(-2.0, 5.0), Gaussian(3.0, 2.0)),
    ],
)
def test_area_formula_and_torch_agree(p: Gaussian, q: Gaussian) -> None:
    found = divergence(p, q)
    assert found.closed_form_nats == pytest.approx(torchs(p, q), abs=1e-9)
    assert found.numerical_nats == pytest.approx(torchs(p, q), abs=TOLERANCE)


@given(means, stds, means, stds)
def test_the_whole_area_is_never_negative(a: float, b: float, c: float, d: float) -> None:
    p, q = Gaussian(a, b), Gaussian(c, d)
    found = divergence(p, q)
    assert found.positive_nats >= 0 >= found.negative_nats
    assert found.numerical_nats >= -1e-9
    assert found.numerical_nats == pytest.approx(torchs(p, q), rel=1e-5, abs=TOLERANCE)


def test_the_integrand_is_negative_exactly_where_q_is_above_p() -> None:
    x = grid(P, Q)
    y = integrand(P, Q, x)
    inside = np.abs(x) < 5
    above = Q.density(x) > P.density(x)
    assert ((y < 0) == above)[inside].all()


def test_both_directions_differ() -> None:
    assert divergence(P, Q).numerical_nats != pytest.approx(
        divergence(Q, P).numerical_nats, abs=0.1
    )


def test_density_is_torchs() -> None:
    x = np.linspace(-4, 6, 50)
    expected = Normal(Q.mean, Q.std).log_prob(torch.tensor(x)).exp().numpy()
    np.testing.assert_allclose(Q.density(x), expected, rtol=1e-6)


def test_every_check_of_the_lesson_holds() -> None:
    steps = LESSONS["kl"](Asked())
    assert len(steps) == 4
    for step in steps:
        assert step.checks and all(check.holds for check in step.checks)
        assert "{" not in step.text.text("pt")


@pytest.mark.parametrize("settings", [(), ("model.flow=0",), ("model.latent=20", "model.flow=0")])
def test_a_posterior_of_the_users_own_run(settings: tuple[str, ...], tiny_run: Any) -> None:
    run = tiny_run("vae-mnist", *settings)
    step = LESSONS["kl"](Asked((run,)))[-1]
    kl = step.arrays["kl_nats"]
    assert step.checks[0].holds and step.checks[0].count == len(kl)
    own = Normal(torch.tensor(step.arrays["mean"]), torch.tensor(step.arrays["std"]))
    prior = Normal(torch.zeros(len(kl)).double(), 1.0)
    np.testing.assert_allclose(kl, kl_divergence(own, prior), atol=1e-6)
    assert ("learned" in step.text.text()) == (not settings)


def test_a_wrong_density_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    density = Gaussian.log_density
    monkeypatch.setattr(Gaussian, "log_density", lambda self, x: density(self, x) + 0.01)
    assert not LESSONS["kl"](Asked())[0].checks[0].holds


@pytest.mark.parametrize(
    ("mean", "std"), [(0.0, 0.0), (0.0, -1.0), (0.0, float("nan")), (float("inf"), 1.0)]
)
def test_impossible_distributions_are_refused(mean: float, std: float) -> None:
    with pytest.raises(ConfigError, match="normal distribution cannot be"):
        Gaussian(mean, std)
