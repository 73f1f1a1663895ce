"""Loss and exact matches of translations."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.evaluation.translation import exact_match, target_loss

PAD = 5


def uniform(source: Tensor, target: Tensor) -> Tensor:
    """Four equally likely tokens, whatever comes."""
    return torch.zeros(*target.shape, 4)


def knows_twos(source: Tensor, target: Tensor) -> Tensor:
    """Gives token 2 the odds 3 : 1 against each other one."""
    logits = torch.zeros(*target.shape, 4)
    logits[..., 2] = math.log(3)
    return logits


def test_the_loss_is_per_token_and_not_per_batch() -> None:
    long = torch.tensor([[4, 2, 2, 2]]), torch.tensor([[4, 2, 2, 2]])
    short = torch.tensor([[4, 1]]), torch.tensor([[4, 1, PAD, PAD]])
    loss, count = target_loss(knows_twos, [long, short], PAD)
    assert count == 4
    assert loss == pytest.approx((3 * math.log(2) + math.log(6)) / 4)
    assert target_loss(uniform, [long, short], PAD)[0] == pytest.approx(math.log(4))


def test_nothing_to_predict_is_an_error() -> None:
    with pytest.raises(EvaluationError):
        target_loss(uniform, [], PAD)


def test_an_exact_match_is_exact() -> None:
    assert exact_match(["a", "b ", "c"], [["a"], ["b"], ["x", "c"]]) == pytest.approx(2 / 3)
