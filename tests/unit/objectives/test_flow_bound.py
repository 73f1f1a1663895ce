"""The bound of a flow on images of 256 levels: the data's entropy where the true mean is expected, more elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from olaria.objectives.flow_bound import LOG_SNR, negative_bound

COUNT = 100_000
SPACING = 2 / 255
LEVELS = torch.arange(256, dtype=torch.float64) * SPACING - 1
Expected = Callable[[Tensor, Tensor], Tensor]


def of_levels(levels: Tensor, shares: Tensor) -> tuple[Tensor, Expected]:
    """Examples of one number each, and the true mean of it in view of its noise."""
    u = (torch.arange(COUNT, dtype=torch.float64) + 0.5) / COUNT
    x = levels[torch.searchsorted(shares.cumsum(0), u).clamp_max(len(levels) - 1)]
    x = x[torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))]

    def expected(x_t: Tensor, t: Tensor) -> Tensor:
        t = t[:, None]
        scores = shares.log() - 0.5 * ((x_t - t * levels) / (1 - t)).square()
        return (scores.softmax(1) * levels).sum(1, keepdim=True)

    return x[:, None], expected


def nats(expected: Expected, x: Tensor) -> float:
    draw = torch.Generator().manual_seed(1)
    noise = torch.randn(x.shape, generator=draw, dtype=torch.float64)
    u = (torch.arange(COUNT, dtype=torch.float64) + 0.5) / COUNT
    return negative_bound(expected, x, u, noise, SPACING).mean().item()


@pytest.mark.parametrize(
    ("levels", "shares"),
    [
        (LEVELS[[0, 255]], [0.5, 0.5]),
        (LEVELS[[0, 255]], [0.9, 0.1]),
        (LEVELS[[0, 60, 61, 200]], [0.25, 0.25, 0.25, 0.25]),
        (LEVELS[::4], [1 / 64] * 64),
    ],
)
def test_of_true_means_it_is_the_entropy(levels: Tensor, shares: list[float]) -> None:
    weights = torch.tensor(shares, dtype=torch.float64)
    entropy = -(weights * weights.log()).sum().item()
    found = nats(*reversed(of_levels(levels, weights)))
    assert found == pytest.approx(entropy, abs=0.04)  # the draw moves it by less


def test_nothing_is_spent_on_what_is_known_but_the_choice_of_the_level() -> None:
    x = torch.full((COUNT, 1), LEVELS[40].item(), dtype=torch.float64)
    spent = nats(lambda x_t, t: x, x)
    away = SPACING * math.exp(LOG_SNR[1] / 2)
    # Numerically: the mean of log(1 + exp(a e - a²/2) + exp(-a e - a²/2) + ...) over e.
    e = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    steps = away * torch.arange(-9, 10, dtype=torch.float64)
    choice = (e[:, None] * steps - steps.square() / 2).logsumexp(1)
    density = torch.exp(-e.square() / 2) / math.sqrt(2 * math.pi)
    exact = torch.trapezoid(choice * density, e).item()
    assert 0.001 < exact < 0.02
    assert spent == pytest.approx(exact, abs=0.001)


def test_a_wrong_mean_costs_what_it_is_off_by() -> None:
    x, expected = of_levels(LEVELS[[50, 205]], torch.tensor([0.5, 0.5], dtype=torch.float64))
    first = LOG_SNR[0]

    def wrong(off: float) -> Expected:
        def moved(x_t: Tensor, t: Tensor) -> Tensor:
            early = (torch.logit(t)[:, None] * 2) < first + 11  # the first half of the way
            return expected(x_t, t) + off * early

        return moved

    extra = 0.5 * 0.1**2 * (math.exp(first + 11) - math.exp(first))
    either = (nats(wrong(0.1), x) + nats(wrong(-0.1), x)) / 2  # what the draw adds cancels
    assert either - nats(expected, x) == pytest.approx(extra, rel=0.01)


def test_all_numbers_of_an_example_are_added_up() -> None:
    x = torch.tensor([[[-1.0, 1.0]], [[1.0, 1.0]]], dtype=torch.float64)
    u, noise = torch.tensor([0.4, 0.6]).double(), torch.zeros(2, 1, 2, dtype=torch.float64)
    whole = negative_bound(lambda x_t, t: 0 * x_t, x, u, noise, SPACING)
    parts = [
        negative_bound(lambda x_t, t: 0 * x_t, x[..., i : i + 1], u, noise[..., :1], SPACING)
        for i in (0, 1)
    ]
    torch.testing.assert_close(whole, parts[0] + parts[1])
