"""Clusters on their way from noise: closed forms against torch's own mixture, its gradient, and continuity."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from olaria.objectives.flow_matching import between
from olaria.objectives.mixture import Mixture

MODES = torch.tensor([[2.0, 0.0], [-1.0, 1.5], [0.3, -2.0]], dtype=torch.float64)
STD = 0.3
RING = Mixture(MODES, STD)
TIMES = (0.0, 0.1, 0.5, 0.9, 1.0)


def places(count: int = 40) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 1.5 * torch.randn(count, 2, generator=generator, dtype=torch.float64)


def at(x: Tensor, t: float) -> Tensor:
    return torch.full((len(x),), t, dtype=torch.float64)


def gradient(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log p, its gradient and its derivative in time, of torch."""
    x, t = x.clone().requires_grad_(), t.clone().requires_grad_()
    nats = RING.log_density(x, t)
    by_x, by_t = torch.autograd.grad(nats.sum(), (x, t))
    return nats.detach(), by_x, by_t


@pytest.mark.parametrize("t", TIMES)
def test_the_density_is_that_of_torchs_mixture(t: float) -> None:
    std = ((1 - t) ** 2 + t**2 * STD**2) ** 0.5
    clusters = Independent(Normal(t * MODES, std), 1)
    torchs = MixtureSameFamily(Categorical(torch.ones(3, dtype=torch.float64)), clusters)
    x = places()
    torch.testing.assert_close(RING.log_density(x, at(x, t)), torchs.log_prob(x))


@pytest.mark.parametrize("t", TIMES)
def test_the_score_is_the_gradient_of_the_log_density(t: float) -> None:
    x = places()
    torch.testing.assert_close(RING.score(x, at(x, t)), gradient(x, at(x, t))[1])


@pytest.mark.parametrize("t", TIMES[1:])
def test_the_velocity_follows_from_the_gradient(t: float) -> None:
    x = places()
    score = gradient(x, at(x, t))[1]
    torch.testing.assert_close(RING.velocity(x, at(x, t)), (x + (1 - t) * score) / t)


def test_the_velocity_of_pure_noise_leads_to_the_mean_of_the_data() -> None:
    x = places()
    torch.testing.assert_close(RING.velocity(x, at(x, 0.0)), MODES.mean(0) - x)


@pytest.mark.parametrize("t", (0.05, 0.5, 0.95))
def test_no_mass_is_made_or_lost(t: float) -> None:
    """The continuity equation, divided by the density."""
    x = places()
    _, score, by_t = gradient(x, at(x, t))
    jacobian = torch.vmap(
        torch.func.jacrev(lambda one: RING.velocity(one[None], at(one[None], t))[0])
    )(x)
    divergence = jacobian.diagonal(dim1=1, dim2=2).sum(1)
    flow = (RING.velocity(x, at(x, t)) * score).sum(1)
    torch.testing.assert_close(by_t + flow + divergence, torch.zeros_like(by_t), atol=1e-9, rtol=0)


def test_what_the_velocity_leaves_of_the_lines_is_uncorrelated_with_the_place() -> None:
    """As of every conditional mean, so that no function of the place has a smaller squared error."""
    generator = torch.Generator().manual_seed(1)
    count = 50_000
    which = torch.randint(3, (count,), generator=generator)
    x = MODES[which] + STD * torch.randn(count, 2, generator=generator, dtype=torch.float64)
    noise = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    t = torch.rand(count, generator=generator, dtype=torch.float64)
    place = between(noise, x, t)
    left = (x - noise) - RING.velocity(place, t)
    assert left.mean(0).abs().max() < 0.02
    for other in (place, place * t[:, None], RING.velocity(place, t)):
        assert (left * other).mean().abs() < 0.03


def test_the_shares_are_of_the_clusters_that_a_place_leads_to() -> None:
    x = MODES
    torch.testing.assert_close(
        RING.shares(x, at(x, 1.0)), torch.eye(3, dtype=torch.float64), atol=1e-9, rtol=0
    )
    torch.testing.assert_close(
        RING.shares(x, at(x, 0.0)), torch.full((3, 3), 1 / 3, dtype=torch.float64)
    )
