"""Objectives at the edges of their domains."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from olaria.families.gan import AdversarialLoss
from olaria.objectives.adversarial import discriminator_loss, generator_loss
from olaria.objectives.divergence import gaussian_kl, normal_kl
from olaria.objectives.likelihood import importance_weighted_bound
from olaria.objectives.reconstruction import bernoulli_nll


def test_huge_logits_stay_finite_with_their_gradients() -> None:
    logits = torch.tensor([[-1e4, 1e4, -1e4, 1e4]], requires_grad=True)
    loss = bernoulli_nll(logits, torch.tensor([[0.0, 1.0, 1.0, 0.0]]))
    loss.sum().backward()
    assert loss.item() == 2e4
    assert logits.grad is not None and logits.grad.tolist() == [[0, 0, -1, 1]]


def test_a_grey_pixel_costs_least_at_its_own_value() -> None:
    x = torch.tensor([[0.3]])
    costs = [bernoulli_nll(torch.tensor([[p]]).logit(), x).item() for p in (0.2, 0.3, 0.4)]
    assert costs[1] == min(costs)
    assert costs[1] == pytest.approx(-0.3 * math.log(0.3) - 0.7 * math.log(0.7), rel=1e-5)


def test_kl_takes_floats_and_tensors_alike() -> None:
    number = normal_kl(1.0, 2.0, 0.0, 1.0)
    tensor = normal_kl(torch.tensor(1.0), torch.tensor(2.0), 0.0, 1.0)
    assert isinstance(number, float) and tensor.item() == pytest.approx(number)
    assert number == pytest.approx(0.5 * (4 + 1 - 1) - math.log(2))


def test_kl_is_not_symmetric() -> None:
    assert normal_kl(0.0, 1.0, 0.0, 3.0) != pytest.approx(normal_kl(0.0, 3.0, 0.0, 1.0))


def test_gaussian_kl_at_the_prior_is_exactly_zero_with_no_slope() -> None:
    mean = torch.zeros(2, 3, requires_grad=True)
    log_var = torch.zeros(2, 3, requires_grad=True)
    kl = gaussian_kl(mean, log_var)
    kl.sum().backward()
    assert kl.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert mean.grad is not None and not mean.grad.any()
    assert log_var.grad is not None and not log_var.grad.any()


def test_bounds_of_very_unlikely_images_do_not_underflow() -> None:
    weights = torch.full((4, 2), -5000.0)
    assert importance_weighted_bound(weights).tolist() == [-5000, -5000]


def test_the_game_at_its_start_is_worth_what_is_known() -> None:
    zero = torch.zeros(4)
    assert discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(zero).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("loss", get_args(AdversarialLoss))
def test_the_two_sides_pull_against_each_other(loss: AdversarialLoss) -> None:
    real, fake = (torch.full((4,), 0.5, requires_grad=True) for _ in range(2))
    discriminator_loss(real, fake, loss).backward()
    assert real.grad is not None and (real.grad < 0).all(), "real logits should rise"
    assert fake.grad is not None and (fake.grad > 0).all(), "generated ones should fall"
    wanted = torch.zeros(4, requires_grad=True)
    generator_loss(wanted, loss).backward()
    assert wanted.grad is not None and (wanted.grad < 0).all(), "the generator wants the opposite"
