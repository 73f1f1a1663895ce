"""Numbers as waves."""

from __future__ import annotations

import math

import pytest
import torch

from olaria.nn.waves import LONGEST, SHORTEST, Waves, time_waves


def test_a_time_is_cosines_and_sines_of_periods_from_the_longest_to_the_shortest() -> None:
    t = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    found = time_waves(t, 5)
    middle = math.sqrt(LONGEST * SHORTEST)
    assert found.shape == (3, 10)
    torch.testing.assert_close(found[0], torch.tensor([1.0] * 5 + [0.0] * 5).double())
    for column, period in ((0, LONGEST), (2, middle), (4, SHORTEST)):
        angle = 2 * math.pi * t / period
        torch.testing.assert_close(found[:, column], angle.cos(), atol=1e-5, rtol=0)
        torch.testing.assert_close(found[:, column + 5], angle.sin(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("one", "other"), [(0.1, 0.2), (0.0, 1.0), (0.98, 0.99)])
def test_different_times_look_different(one: float, other: float) -> None:
    first, second = time_waves(torch.tensor([one, other]), 16)
    assert (first - second).norm() > 0.5


def test_waves_of_a_place_are_of_its_projections_and_are_not_trained() -> None:
    torch.manual_seed(0)
    waves = Waves(2, 500, std=1.5)
    assert list(waves.parameters()) == [] and "directions" in waves.state_dict()
    assert waves.directions.std().item() == pytest.approx(1.5, rel=0.05)
    x = torch.randn(4, 2)
    angles = 2 * math.pi * torch.einsum("bd,kd->bk", x, waves.directions)
    found = waves(x)
    torch.testing.assert_close(found[:, :500], angles.cos())
    torch.testing.assert_close(found[:, 500:], angles.sin())
    torch.testing.assert_close(
        found[:, :500].square() + found[:, 500:].square(), torch.ones(4, 500)
    )
