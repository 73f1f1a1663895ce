"""Clusters fitted to data: they are found, the same each time, and their common shape is that within them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from olaria.models import modes as fitting
from olaria.models.modes import (
    EXAMPLES_EACH,
    LEAST_VARIANCE,
    UNSURE,
    FittedModes,
    k_means,
    principal_axes,
)
from olaria.objectives.flow_matching import linear_velocity


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def clusters(each: int = 400, size: int = 6) -> tuple[Tensor, Tensor]:
    """Examples of two clusters far apart, and their places."""
    places = torch.stack((torch.full((size,), 2.0), torch.full((size,), -1.0)))
    scale = torch.linspace(0.1, 0.4, size)
    return (places[:, None] + scale * drawn(2, each, size)).flatten(0, 1), places


def covariance_of(model: FittedModes) -> Tensor:
    inner = model.axes @ model.axes.T
    along = model.axes @ model.inside.diag() @ model.axes.T
    return along + model.outside * (torch.eye(len(inner)) - inner)


def test_clusters_that_lie_apart_are_found_with_their_common_shape() -> None:
    x, places = clusters()
    model = FittedModes(6, 2)
    model.fit(x)
    found = model.mean + model.centres @ model.axes.T
    order = found[:, 0].argsort(descending=True)
    torch.testing.assert_close(found[order], places, atol=0.08, rtol=0)
    torch.testing.assert_close(model.weights.exp(), torch.tensor([[0.5, 0.5]]))
    wanted = torch.linspace(0.1, 0.4, 6).square().diag()
    torch.testing.assert_close(covariance_of(model), wanted, atol=0.02, rtol=0)


def test_one_cluster_in_all_axes_is_the_normal_of_the_data() -> None:
    x = drawn(500, 4) @ drawn(4, 4, seed=1) + 1
    model = FittedModes(4, 1)
    model.fit(x)
    torch.testing.assert_close(covariance_of(model), x.T.cov(), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(model.mean, x.mean(0))
    independent = FittedModes(2, 1)
    y = drawn(20_000, 2) * torch.tensor([0.5, 2.0])
    independent.fit(y)
    place, t = drawn(7, 2, seed=2), torch.rand(7)
    wanted, _ = linear_velocity(place, t, y.mean(0), y.var(0))
    torch.testing.assert_close(independent(place, t), wanted, atol=0.05, rtol=0)


def test_what_is_outside_of_the_axes_has_the_mean_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MOST_AXES", 2)
    scale = torch.tensor([3.0, 2.0, 0.3, 0.1, 0.2])
    model = FittedModes(5, 1)
    model.fit(drawn(4000, 5) * scale)
    assert model.axes.shape == (5, 2)
    assert model.outside.item() == pytest.approx(scale[2:].square().mean().item(), rel=0.05)
    assert model.inside.sort().values.tolist() == pytest.approx([4, 9], rel=0.1)


@pytest.mark.parametrize(("examples", "count", "apart"), [(100, 3, 3), (40, 8, 5), (5, 4, 1)])
def test_few_examples_have_few_clusters_that_share_their_weight(
    examples: int, count: int, apart: int
) -> None:
    model = FittedModes(3, count)
    model.fit(drawn(examples, 3))
    assert (
        len(model.centres.unique(dim=0)) == apart == min(count, max(1, examples // EXAMPLES_EACH))
    )
    assert model.weights.logsumexp(1).item() == pytest.approx(0, abs=1e-6)
    few = FittedModes(3, apart)
    few.fit(drawn(examples, 3))
    x, t = drawn(9, 3, seed=1), torch.rand(9)
    torch.testing.assert_close(model(x, t), few(x, t))


def test_a_class_has_the_weights_of_its_own_examples() -> None:
    """Cluster a holds two thirds of class 0, b the rest and all of class 1; class 2 has no example."""
    x, places = clusters(each=300)
    y = torch.cat((torch.zeros(300), torch.tensor([0.0, 1.0]).repeat(150))).long()
    model = FittedModes(6, 2, classes=3)
    model.fit(x, y)
    found = model.mean + model.centres @ model.axes.T
    order = found[:, 0].argsort(descending=True)
    wanted = torch.tensor([[2 / 3, 1 / 3], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5]])
    torch.testing.assert_close(model.weights.exp()[:, order], wanted, atol=UNSURE, rtol=0)
    assert model.weights.isfinite().all()
    z, start = drawn(4, 6, seed=3), torch.zeros(4)
    led = z + model(z, start, torch.tensor([0, 1, 2, 3]))
    torch.testing.assert_close(led, wanted @ places, atol=0.08, rtol=0)
    torch.testing.assert_close(model(z, start), model(z, start, torch.full((4,), 3)))


def test_few_clusters_of_classes_share_their_weight_too() -> None:
    model, y = FittedModes(3, 8, classes=2), torch.arange(40) % 2
    model.fit(drawn(40, 3), y)
    torch.testing.assert_close(model.weights.logsumexp(1), torch.zeros(3), atol=1e-6, rtol=0)


def test_equal_examples_stay_finite() -> None:
    model = FittedModes(4, 3)
    model.fit(torch.ones(50, 4))
    assert model.inside.tolist() == pytest.approx([LEAST_VARIANCE] * 4)
    assert model(drawn(3, 4), torch.tensor([0.0, 0.5, 1.0])).isfinite().all()


def test_a_fit_is_the_same_each_time_whatever_else_draws() -> None:
    x, _ = clusters()
    models = FittedModes(6, 5), FittedModes(6, 5)
    for seed, model in enumerate(models):
        torch.manual_seed(seed)
        model.fit(x)
    one, other = (model.state_dict() for model in models)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_axes_of_many_dimensions_are_those_of_the_whole_covariance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = drawn(300, 40) * torch.linspace(2, 0.05, 40)
    x = x - x.mean(0)
    whole = principal_axes(x, 4)
    monkeypatch.setattr(fitting, "_MOST_EXACT", 10)
    nearly = principal_axes(x, 4)
    torch.testing.assert_close(nearly.T @ nearly, torch.eye(4), atol=1e-5, rtol=0)
    kept = [(x @ axes).square().sum().item() for axes in (whole, nearly)]
    assert kept[1] == pytest.approx(kept[0], rel=1e-3)
    assert kept[0] > 0.9 * sum((x @ torch.eye(40)[:, :4]).square().sum(0)).item()


def test_each_example_is_of_the_nearest_cluster_and_each_cluster_the_mean_of_its_examples() -> None:
    z = drawn(200, 3)
    nearest, centres = k_means(z, 5)
    for k, centre in enumerate(centres):
        torch.testing.assert_close(z[nearest == k].mean(0), centre)
    moved = (torch.cdist(z, centres).argmin(1) != nearest).float().mean()
    assert moved < 0.1  # what another round would change


def test_it_computes_in_float32_and_without_gradients() -> None:
    model = FittedModes(6, 2)
    model.fit(clusters()[0])
    x, t = drawn(4, 1, 2, 3).requires_grad_(), torch.full((4,), 0.5)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(x, t)
    assert found.dtype == torch.float32 and not found.requires_grad and found.shape == x.shape
    torch.testing.assert_close(found, model(x.detach(), t), rtol=0, atol=0)


def test_before_a_fit_it_is_a_standard_normal() -> None:
    x, t = drawn(4, 3), torch.tensor([0.0, 0.25, 0.5, 1.0])
    share = (2 * t - 1) / ((1 - t).square() + t.square())
    torch.testing.assert_close(FittedModes(3, 4)(x, t), share[:, None] * x)
    assert math.isfinite(float(FittedModes(3, 4).weights.sum()))
