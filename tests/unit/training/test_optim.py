"""Which rule updates which parameter, and how fast."""

from __future__ import annotations

import pytest
import torch

from olaria.families import MODELS
from olaria.models import build
from olaria.models.base import ParameterGroup
from olaria.recipes.training import TrainingConfig
from olaria.training.optim import (
    AdamW,
    Muon,
    build_optimizers,
    load_optimizer_tensors,
    optimizer_tensors,
    set_learning_rate,
)

CONFIG = TrainingConfig(
    steps=1, learning_rate=0.1, matrix_learning_rate=0.4, optimizer="muon", weight_decay=0.3
)


def groups() -> list[ParameterGroup]:
    """A matrix, and a vector at half the rate."""
    return [
        ParameterGroup([torch.nn.Parameter(torch.ones(2, 3))], "matrix"),
        ParameterGroup([torch.nn.Parameter(torch.ones(4))], scale=0.5),
    ]


def test_muon_takes_the_matrices_and_adam_the_rest() -> None:
    matrix, rest = groups()
    adam, muon = build_optimizers([matrix, rest], CONFIG)
    assert isinstance(adam, AdamW) and isinstance(muon, Muon)
    assert [id(p) for p in adam.param_groups[0]["params"]] == [id(p) for p in rest.parameters]
    assert [id(p) for p in muon.param_groups[0]["params"]] == [id(p) for p in matrix.parameters]
    assert adam.param_groups[0]["lr"] == pytest.approx(0.05)
    assert muon.param_groups[0]["lr"] == pytest.approx(0.4)
    assert adam.param_groups[0]["weight_decay"] == muon.param_groups[0]["weight_decay"] == 0.3


def test_adam_takes_all_unless_muon_is_asked_for() -> None:
    (adam,) = build_optimizers(groups(), CONFIG.updated("optimizer", "adam"))
    assert isinstance(adam, AdamW)
    assert [group["lr"] for group in adam.param_groups] == pytest.approx([0.1, 0.05])


def test_the_factor_multiplies_the_initial_rate_each_time() -> None:
    optimizers = build_optimizers(groups(), CONFIG)
    for factor in (0.5, 0.5, 0.1):
        set_learning_rate(optimizers, factor)
        rates = [group["lr"] for o in optimizers for group in o.param_groups]
        assert rates == pytest.approx([0.05 * factor, 0.4 * factor])


def test_matrices_are_matrices_or_kernels() -> None:
    for family in MODELS.values():
        model = build(family.sizes["tiny"], (1, 8, 8) if family.data == "images" else 11)
        for phase in model.phases():
            for group in phase.groups:
                assert group.kind != "matrix" or all(p.dim() in (2, 4) for p in group.parameters)


def test_kernels_are_updated_as_the_matrix_of_their_rows() -> None:
    draws = torch.Generator().manual_seed(0)
    start, gradient = torch.randn(2, 6, 2, 3, 3, generator=draws).unbind()
    kernels = torch.nn.Parameter(start.clone())
    matrix = torch.nn.Parameter(start.flatten(1).clone())
    kernels.grad, matrix.grad = gradient, gradient.flatten(1)
    for parameter in (kernels, matrix):
        Muon([parameter]).step()
    assert torch.equal(kernels.flatten(1), matrix)
    assert not torch.equal(kernels.detach(), start)


def test_the_momentum_of_matrices_is_a_setting() -> None:
    optimizers = build_optimizers(groups(), CONFIG.updated("matrix_momentum", 0.5))
    (muon,) = [optimizer for optimizer in optimizers if isinstance(optimizer, Muon)]
    assert muon.param_groups[0]["momentum"] == 0.5


def test_muon_leaves_what_has_no_gradient() -> None:
    still, moved = (torch.nn.Parameter(torch.ones(2, 3)) for _ in range(2))
    moved.grad = torch.ones(2, 3)
    Muon([still, moved], weight_decay=0.5).step()
    assert torch.equal(still.detach(), torch.ones(2, 3))
    assert not torch.equal(moved.detach(), torch.ones(2, 3))


def test_a_zero_gradient_is_no_trouble() -> None:
    parameter = torch.nn.Parameter(torch.ones(2, 3))
    parameter.grad = torch.zeros(2, 3)
    Muon([parameter]).step()
    assert torch.equal(parameter.detach(), torch.ones(2, 3))


def test_what_optimizers_remember_goes_round() -> None:
    """Begun anew from what was stored, they make the step that they would have made."""
    config = CONFIG.updated("optimizer", "muon")
    straight, again = groups(), groups()
    for group in straight:
        for parameter in group.parameters:
            parameter.grad = torch.linspace(-1, 2, parameter.numel()).view(parameter.shape)
    optimizers = build_optimizers(straight, config)
    for optimizer in optimizers:
        optimizer.step()
    flat = optimizer_tensors([(type(one).__name__, one) for one in optimizers])
    assert set(flat) == {
        "AdamW.0.step", "AdamW.0.exp_avg", "AdamW.0.exp_avg_sq", "Muon.0.momentum", "Muon.0.row_squares",
    }  # fmt: skip
    fresh = build_optimizers(again, config)
    load_optimizer_tensors([(type(one).__name__, one) for one in fresh], flat)
    for group, other in zip(straight, again, strict=True):
        for parameter, copied in zip(group.parameters, other.parameters, strict=True):
            copied.data.copy_(parameter.detach())
            copied.grad = parameter.grad
    kept = {name: value.clone() for name, value in flat.items()}
    for one in (*optimizers, *fresh):
        one.step()
    for group, other in zip(straight, again, strict=True):
        for parameter, copied in zip(group.parameters, other.parameters, strict=True):
            assert torch.equal(parameter.detach(), copied.detach())
    ours = optimizer_tensors([(type(one).__name__, one) for one in fresh])
    assert not any(torch.equal(ours[name], kept[name]) for name in ours), "all of it moved"
