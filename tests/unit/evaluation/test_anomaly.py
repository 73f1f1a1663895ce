"""Scores of strangeness, the threshold, and the areas that judge them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.evaluation import anomaly
from olaria.evaluation.anomaly import SCORES, Detector


def encode(x: Tensor) -> Tensor:
    """Keeps the first pixel of two."""
    return x.flatten(1)[:, :1]


def decode(z: Tensor) -> Tensor:
    return torch.cat((z, torch.zeros_like(z)), 1).view(-1, 1, 1, 2)


def images(*rows: tuple[float, float]) -> Tensor:
    return torch.tensor(rows).view(-1, 1, 1, 2)


def test_scores_by_hand() -> None:
    detector = Detector.fitted(encode, decode, images((0.0, 0.0), (0.2, 0.0), (0.4, 0.0)))
    found = detector.look(images((0.2, 0.0), (0.2, 0.8), (1.0, 0.0)))
    spread = 0.2  # of the codes 0, 0.2 and 0.4
    expected = {
        "error": [0.0, 0.64 / 2, 0.0],
        "code": [0.0, 0.0, 0.6 / spread],
        "rebuilt": [0.0, 0.0, 0.6],
        "joint": [0.0, 0.8, 0.6],
    }
    assert set(found.scores) == set(SCORES)
    for name, values in expected.items():
        assert found.scores[name].tolist() == pytest.approx(values, abs=1e-6), name  # type: ignore[index]
    assert torch.equal(found.rebuilt[:, 0, 0, 0], torch.tensor([0.2, 0.2, 1.0]))


def test_heat_is_the_squared_error_over_the_channels() -> None:
    x, rebuilt = torch.zeros(1, 3, 1, 2), torch.zeros(1, 3, 1, 2)
    x[0, 0, 0, 1] = 0.6
    assert anomaly.heat(x, rebuilt).flatten().tolist() == pytest.approx([0, 0.12])


@given(st.integers(1, 300), st.floats(0.01, 0.99), st.integers(0, 100))
def test_no_more_normal_images_than_asked_for_lie_above(count: int, rate: float, seed: int) -> None:
    scores = torch.rand(count, generator=torch.Generator().manual_seed(seed))
    try:
        limit = anomaly.threshold(scores, rate)
    except EvaluationError as error:
        assert count < error.message.fields["least"] <= 1 / rate
        return
    above = int((scores > limit).sum())
    assert above + 1 <= rate * (count + 1) + 1e-6  # a new one counts as one more
    assert above + 2 > rate * (count + 1) - 1e-6  # and the next lower threshold would not do


def test_new_normal_images_are_called_strange_as_often_as_asked() -> None:
    draws = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(400):
        limit = anomaly.threshold(torch.randn(99, generator=draws), 0.1)
        shares.append((torch.randn(500, generator=draws) > limit).float().mean().item())
    # The share that a threshold lets through has a Beta(10, 90) distribution: standard deviation 0.03.
    assert sum(shares) / len(shares) == pytest.approx(0.1, abs=3 * 0.03 / 400**0.5 + 0.002)


def test_detection_points_upwards() -> None:
    scores, is_anomaly = torch.tensor([0.1, 0.2, 0.9, 0.8]), torch.tensor([0, 0, 1, 1]).bool()
    assert anomaly.auroc(scores, is_anomaly) == 1
    assert anomaly.auroc(-scores, is_anomaly) == 0
    assert anomaly.aupr(scores, is_anomaly) == 1
    with pytest.raises(EvaluationError, match="only one kind"):
        anomaly.auroc(scores, torch.ones(4).bool())
