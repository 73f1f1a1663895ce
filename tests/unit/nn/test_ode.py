"""Solvers and densities of differential equations, against closed forms and the flow of a known mixture."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from olaria.nn.ode import (
    EVALUATIONS,
    SOLVERS,
    Sampler,
    diverging,
    follow,
    log_density,
    path,
    times,
)
from olaria.objectives.mixture import Mixture
from olaria.vocabulary import Solver

MODES = torch.tensor([[1.5, 0.0], [-1.0, 1.0], [0.0, -1.5]], dtype=torch.float64)
RING = Mixture(MODES, 0.4)
ONE = Mixture(torch.tensor([[2.0, -1.0]], dtype=torch.float64), 0.5)
LINEAR = torch.tensor([[0.3, -0.7], [0.4, 0.2]], dtype=torch.float64)
every_solver = pytest.mark.parametrize("solver", SOLVERS)


def noise(count: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 2, generator=generator, dtype=torch.float64)


def linear(x: Tensor, _t: Tensor) -> Tensor:
    return x @ LINEAR.T


@pytest.mark.parametrize("steps", (1, 5, 10))
@pytest.mark.parametrize("power", (1.0, 1.5, 3.0))
def test_times_rise_from_0_to_1_and_a_power_makes_the_last_step_short(
    steps: int, power: float
) -> None:
    at = times(steps, power)
    assert at[0] == 0 and at[-1] == 1 and len(at) == steps + 1
    assert at == sorted(at)
    assert 1 - at[-2] == pytest.approx(steps**-power)


@every_solver
def test_the_flow_of_one_cluster_is_known(solver: Solver) -> None:
    """Every place goes along with the ellipse of its density: from z to the mean plus the deviation times z."""
    z = noise()
    found = follow(ONE.velocity, z, times(2000), solver)
    within = 2e-3 if solver == "euler" else 2e-6
    torch.testing.assert_close(found, ONE.modes + ONE.std * z, rtol=0, atol=within)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2)])
def test_steps_of_half_the_length_divide_the_error_by_the_order(solver: Solver, order: int) -> None:
    z = noise()
    right = follow(RING.velocity, z, times(4000), "heun")
    errors = [
        (follow(RING.velocity, z, times(steps), solver) - right).square().mean().sqrt().item()
        for steps in (100, 200, 400)
    ]
    for larger, smaller in pairwise(errors):
        assert larger / smaller == pytest.approx(2**order, rel=0.1)


@every_solver
def test_a_sampler_tells_its_evaluations(solver: Solver) -> None:
    calls = []

    def counted(x: Tensor, t: Tensor) -> Tensor:
        calls.append(t)
        return RING.velocity(x, t)

    sampler = Sampler(7, solver, power=1.5)
    z = noise(3)
    end = sampler.follow(counted, z)
    assert sampler.evaluations == len(calls) == 7 * EVALUATIONS[solver]
    assert Sampler(7, solver, guidance=2.0).evaluations == 2 * len(calls)
    *_, (last, place) = sampler.path(RING.velocity, z)
    assert last == 1 and torch.equal(place, end)


def test_a_path_goes_through_all_times_and_begins_where_it_starts() -> None:
    z = noise(3)
    found = list(path(linear, z, times(4), "euler"))
    assert [t for t, _ in found] == times(4)
    assert torch.equal(found[0][1], z)
    torch.testing.assert_close(found[1][1], z + z @ LINEAR.T / 4)


@every_solver
def test_back_leads_to_where_it_began(solver: Solver) -> None:
    z, at = noise(), times(1000)
    end = follow(RING.velocity, z, at, solver)
    back = follow(RING.velocity, end, at[::-1], solver)
    torch.testing.assert_close(back, z, rtol=0, atol=3e-2 if solver == "euler" else 1e-4)


def test_the_density_of_a_linear_flow_is_normal() -> None:
    x = 2 * noise()
    transform = torch.linalg.matrix_exp(LINEAR)
    right = MultivariateNormal(torch.zeros(2).double(), transform @ transform.T).log_prob(x)
    torch.testing.assert_close(log_density(linear, x, times(100), "heun"), right, atol=2e-4, rtol=0)
    # The divergence is the same everywhere, so that the whole of it is seen here.
    _, divergence = diverging(linear, x, torch.zeros(64).double())
    torch.testing.assert_close(divergence, torch.full_like(divergence, LINEAR.trace().item()))


def test_the_density_of_a_mixtures_flow_is_the_mixtures() -> None:
    generator = torch.Generator().manual_seed(1)
    x = MODES[torch.arange(60) % 3]
    x = x + RING.std * torch.randn(60, 2, generator=generator, dtype=torch.float64)
    found = log_density(RING.velocity, x, times(200), "heun")
    right = RING.log_density(x, torch.ones(60).double())
    torch.testing.assert_close(found, right, rtol=0, atol=1e-3)


def test_the_density_is_the_same_forward_and_back() -> None:
    z, at = noise(), times(300)

    def with_divergence(state: Tensor, t: Tensor) -> Tensor:
        v, divergence = diverging(RING.velocity, state[:, :2], t)
        return torch.cat((v, divergence[:, None]), 1)

    state = follow(with_divergence, torch.cat((z, torch.zeros(64, 1)), 1), at, "heun")
    forward = -0.5 * z.square().sum(1) - math.log(2 * math.pi) - state[:, 2]
    back = log_density(RING.velocity, state[:, :2], at, "heun")
    torch.testing.assert_close(forward, back, rtol=0, atol=1e-3)


def test_the_mean_over_all_signs_is_the_exact_divergence() -> None:
    x, t = noise(), torch.full((64,), 0.6).double()
    signs = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    v, exact = diverging(RING.velocity, x, t)
    torch.testing.assert_close(v, RING.velocity(x, t))
    probes = signs[:, None].expand(4, 64, 2)
    torch.testing.assert_close(diverging(RING.velocity, x, t, probes)[1], exact)
    one = diverging(RING.velocity, x, t, probes[1:2])[1]
    assert (one - exact).abs().max() > 0.1  # one probe is an estimate


def test_the_density_of_an_image_by_probes_is_the_exact_one_on_average() -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(3, 1, 2, 2, generator=generator, dtype=torch.float64)
    matrix = 0.3 * torch.randn(4, 4, generator=generator, dtype=torch.float64)

    def velocity(x: Tensor, _t: Tensor) -> Tensor:
        return (x.flatten(1) @ matrix.T).view_as(x)

    signs = torch.cartesian_prod(*[torch.tensor([1.0, -1.0])] * 4).double()
    probes = signs.view(16, 1, 1, 2, 2).expand(16, 3, 1, 2, 2)
    exact = log_density(velocity, x, times(20), "heun")
    torch.testing.assert_close(log_density(velocity, x, times(20), "heun", probes), exact)


@every_solver
def test_new_noise_leaves_the_distribution_of_an_exact_flow_as_it_is(solver: Solver) -> None:
    sampler = Sampler(200, solver, noise=0.3)
    draws = torch.Generator().manual_seed(0)
    z = torch.randn(sampler.draws, 4000, 2, generator=draws, dtype=torch.float64)
    found = sampler.follow(ONE.velocity, *z)
    torch.testing.assert_close(found.mean(0), ONE.modes[0], rtol=0, atol=0.03)
    torch.testing.assert_close(
        found.std(0), torch.full((2,), ONE.std, dtype=torch.float64), rtol=0.05, atol=0
    )
    # It matters: another draw between the steps leads elsewhere from the same start.
    z[1:] = z[1:].flip(0)
    assert (sampler.follow(ONE.velocity, *z) - found).abs().mean() > 0.1


def test_a_share_of_one_forgets_the_noise_and_keeps_the_data() -> None:
    """With all of the noise new, a step goes to (1 - t') of it, and t' of the data that the velocity points to."""
    z, new = noise(), noise().flip(0)
    t = torch.zeros(len(z), dtype=torch.float64)
    data = z + RING.velocity(z, t)
    places = Sampler(2, "euler", noise=1.0).path(RING.velocity, z, new)
    _, (then, place), _ = places
    torch.testing.assert_close(place, then * data + (1 - then) * new)


def test_a_sampler_needs_as_much_noise_as_it_draws() -> None:
    assert Sampler(3, "euler").draws == 1 and Sampler(3, "euler", noise=0.5).draws == 3
    with pytest.raises(ValueError, match="zip"):
        Sampler(3, "euler", noise=0.5).follow(RING.velocity, noise())
