"""The divergence of two normal distributions: its areas against its formula, and against torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from olaria.errors import ConfigError
from olaria.objectives.divergence import Gaussian, divergence, grid, integrand

P, Q = Gaussian(0.0, 1.0), Gaussian(1.0, 1.5)
TOLERANCE = 1e-4
"""Nats that the trapezoid rule may be off."""

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


@pytest.mark.parametrize(
    ("mean", "std"), [(0.0, 0.0), (0.0, -1.0), (0.0, float("nan")), (float("inf"), 1.0)]
)
def test_impossible_distributions_are_refused(mean: float, std: float) -> None:
    with pytest.raises(ConfigError, match="normal distribution cannot be"):
        Gaussian(mean, std)
