"""Clusters of one shape in many dimensions: the closed form against full covariances, and against images themselves."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from olaria.objectives.flow_matching import between, data_of
from olaria.objectives.mixture import Mixture
from olaria.objectives.modes import Modes

TIMES = (0.0, 0.05, 0.5, 0.9, 1.0)
SIZE, AXES, COUNT = 5, 2, 4


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def some(outside: float = 0.3) -> Modes:
    axes = torch.linalg.qr(drawn(SIZE, AXES, seed=1))[0]
    weights = drawn(COUNT, seed=2).log_softmax(0)
    inside = torch.tensor([0.2, 0.05], dtype=torch.float64)
    return Modes(
        drawn(SIZE, seed=3),
        axes,
        drawn(COUNT, AXES, seed=4),
        weights,
        inside,
        inside.new_tensor(outside),
    )


def enumerated(modes: Modes, x: Tensor, t: float) -> Tensor:
    """The mean of the data given a place: cluster by cluster, with whole covariances."""
    eye = torch.eye(SIZE, dtype=torch.float64)
    inner = modes.axes @ modes.axes.T
    covariance = modes.axes @ modes.inside.diag() @ modes.axes.T + modes.outside * (eye - inner)
    of_place = (1 - t) ** 2 * eye + t**2 * covariance
    logs, means = [], []
    for centre, weight in zip(modes.centres, modes.log_weights, strict=True):
        at = modes.mean + modes.axes @ centre
        logs.append(weight + MultivariateNormal(t * at, of_place).log_prob(x))
        gain = t * covariance @ of_place.inverse()
        means.append(at + (x - t * at) @ gain.T)
    shares = torch.stack(logs, 1).softmax(1)
    return (shares[:, :, None] * torch.stack(means, 1)).sum(1)


@pytest.mark.parametrize("t", TIMES)
def test_the_mean_of_the_data_is_that_of_whole_covariances(t: float) -> None:
    modes, x = some(), 1.5 * drawn(30, SIZE, seed=5)
    at = torch.full((30,), t, dtype=torch.float64)
    found = data_of(modes.velocity(x, at), x, at)
    torch.testing.assert_close(found, enumerated(modes, x, t))


@pytest.mark.parametrize("t", TIMES)
def test_round_clusters_have_the_velocity_of_the_mixture(t: float) -> None:
    """At time 1 too, where the data say nothing of the velocity."""
    axes = torch.linalg.qr(drawn(SIZE, SIZE, seed=1))[0]
    centres, one = drawn(COUNT, SIZE, seed=4), torch.ones(SIZE, dtype=torch.float64)
    modes = Modes(drawn(SIZE, seed=3), axes, centres, 0 * one[:COUNT], 0.09 * one, 0.09 * one[0])
    mixture = Mixture(modes.mean + centres @ axes.T, 0.3)
    x, at = drawn(30, SIZE, seed=5), torch.full((30,), t, dtype=torch.float64)
    torch.testing.assert_close(modes.velocity(x, at), mixture.velocity(x, at))


@pytest.mark.parametrize("t", (0.1, 0.5, 0.9))
def test_a_cluster_at_each_image_is_the_softmax_over_the_images(t: float) -> None:
    images, zero = drawn(9, SIZE, seed=6), torch.zeros(SIZE, dtype=torch.float64)
    modes = Modes(
        images.mean(0),
        torch.eye(SIZE).double(),
        images - images.mean(0),
        torch.zeros(9).double(),
        zero,
        zero[0],
    )
    at = torch.full((20,), t, dtype=torch.float64)
    x = between(drawn(20, SIZE, seed=7), images[torch.arange(20) % 9], at)
    away = (x[:, None] - t * images).square().sum(2)
    expected = (-away / (2 * (1 - t) ** 2)).softmax(1) @ images
    torch.testing.assert_close(data_of(modes.velocity(x, at), x, at), expected)


def test_clusters_of_no_width_stay_finite_at_the_end() -> None:
    modes = some(outside=0.0)
    modes = Modes(
        modes.mean, modes.axes, modes.centres, modes.log_weights, 0 * modes.inside, modes.outside
    )
    assert modes.velocity(drawn(5, SIZE), torch.ones(5).double()).isfinite().all()
