"""The line from noise to data, what a network may predict of it, times, and guidance."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from olaria.objectives.flow_matching import (
    LEAST_LEFT,
    between,
    data_of,
    expected_data,
    guided,
    linear_velocity,
    logit_normal,
    noise_of,
    velocity_of,
)
from olaria.vocabulary import Prediction


def drawn(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SHAPES = ((5, 2), (5, 3, 4, 4))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_line_begins_at_noise_and_ends_at_data(shape: tuple[int, ...]) -> None:
    noise, x = drawn(shape, 0), drawn(shape, 1)
    assert torch.equal(between(noise, x, torch.zeros(5)), noise)
    torch.testing.assert_close(between(noise, x, torch.ones(5)), x)


@pytest.mark.parametrize("shape", SHAPES)
def test_its_derivative_is_the_velocity(shape: tuple[int, ...]) -> None:
    noise, x, t = drawn(shape, 0), drawn(shape, 1), torch.linspace(0.1, 0.9, 5).double()
    ahead, behind = between(noise, x, t + 1e-3), between(noise, x, t - 1e-3)
    torch.testing.assert_close((ahead - behind) / 2e-3, x - noise)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ("velocity", "data", "noise"))
def test_a_right_prediction_of_any_kind_is_the_velocity_and_back(
    kind: Prediction, shape: tuple[int, ...]
) -> None:
    noise, x, t = drawn(shape, 0), drawn(shape, 1), torch.linspace(0.1, 0.9, 5).double()
    predicted = {"velocity": x - noise, "data": x, "noise": noise}[kind]
    place = between(noise, x, t)
    v = velocity_of(predicted, kind, place, t)
    torch.testing.assert_close(v, x - noise)
    torch.testing.assert_close(data_of(v, place, t), x)
    torch.testing.assert_close(noise_of(v, place, t), noise)
    torch.testing.assert_close(expected_data(predicted, kind, place, t), x)


@pytest.mark.parametrize(("kind", "t"), [("data", 1.0), ("noise", 0.0)])
def test_where_no_time_is_left_the_velocity_stays_bounded(kind: Prediction, t: float) -> None:
    x, off = drawn((5, 2), 0), drawn((5, 2), 1)
    v = velocity_of(x + off, kind, x, torch.full((5,), t).double())
    torch.testing.assert_close(v, off / LEAST_LEFT if kind == "data" else -off / LEAST_LEFT)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.0, 0.5), (-2.0, 2.0)])
def test_times_are_logit_normal(mean: float, std: float) -> None:
    t = logit_normal(40_000, torch.Generator().manual_seed(0), mean, std)
    assert t.min() > 0 and t.max() < 1
    median = torch.tensor(mean).sigmoid().item()
    assert t.median().item() == pytest.approx(median, abs=0.01)
    logits = t.double().logit()
    assert logits.mean().item() == pytest.approx(mean, abs=0.04 * std)
    assert logits.std().item() == pytest.approx(std, rel=0.02)


def test_the_times_of_a_batch_are_evenly_spaced() -> None:
    t = logit_normal(8, torch.Generator().manual_seed(0), 0.5, 2.0)
    probabilities = torch.special.ndtr((t.logit() - 0.5) / 2.0).sort().values
    torch.testing.assert_close(probabilities.diff(), torch.full((7,), 1 / 8), atol=1e-4, rtol=0)


def test_guidance_of_nothing_and_of_one_is_exact() -> None:
    given, free = drawn((5, 2), 0), drawn((5, 2), 1)
    assert torch.equal(guided(given, free, 0.0), free)
    torch.testing.assert_close(guided(given, free, 1.0), given, rtol=1e-15, atol=1e-15)
    torch.testing.assert_close(guided(given, free, 3.0), 3 * given - 2 * free)


def test_the_linear_guess_is_the_regression_of_the_velocity_on_the_place() -> None:
    """Of normal data: mean and deviation of v are those of the joint normal distribution of v and x_t."""
    mean, variance = torch.tensor([1.0, -2.0]).double(), torch.tensor([0.25, 4.0]).double()
    x_t, t = drawn((5, 2), 0), torch.tensor([0.0, 0.2, 0.5, 0.8, 1.0]).double()
    guess, size = linear_velocity(x_t, t, mean, variance)
    for row, time in enumerate(t):
        # (x_t, v) as linear maps of (noise, x): their covariance.
        maps = torch.tensor([[1 - time, time], [-1.0, 1.0]], dtype=torch.float64)
        for column in range(2):
            joint = maps @ torch.diag(torch.tensor([1.0, variance[column]]).double()) @ maps.T
            slope = joint[0, 1] / joint[0, 0]
            right = mean[column] + slope * (x_t[row, column] - time * mean[column])
            left = joint[1, 1] - slope * joint[0, 1]
            torch.testing.assert_close(guess[row, column], right)
            torch.testing.assert_close(size[row, column], left.sqrt())
