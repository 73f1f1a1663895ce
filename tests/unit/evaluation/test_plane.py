"""Generated points beside clusters that are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from olaria.data import PointData, load
from olaria.evaluation.plane import clusters, density_metrics, evaluate_points
from olaria.objectives.mixture import Mixture
from olaria.pages.labels import evaluation_rows, protocol_rows
from olaria.training.randomness import generator


@pytest.fixture(scope="module")
def grid() -> PointData:
    data = load("grid")
    assert isinstance(data, PointData)
    return data


def test_the_data_itself_is_of_high_quality(grid: PointData) -> None:
    assert grid.modes is not None and grid.mode_std is not None
    found = clusters(grid.train, grid.modes, grid.mode_std)
    assert found.modes_covered == 25
    # P(|x − μ| < 3σ) in two dimensions: 1 − exp(−9/2).
    assert found.high_quality_share == pytest.approx(0.98889, abs=0.003)
    assert found.shares.sum().item() == pytest.approx(1)


def test_a_collapsed_generator_covers_one(grid: PointData) -> None:
    assert grid.modes is not None and grid.mode_std is not None
    one = grid.modes[3] + grid.mode_std * torch.randn(500, 2, generator=generator(0, "one"))
    found = clusters(one, grid.modes, grid.mode_std)
    assert (found.modes_covered, found.shares.argmax().item()) == (1, 3)
    between = (grid.modes[3] + grid.modes[4]) / 2
    assert clusters(between.expand(9, 2), grid.modes, grid.mode_std).modes_covered == 0


def test_metrics_of_good_and_bad_points(grid: PointData) -> None:
    good, protocol, reasons = evaluate_points(grid.validation, grid)
    assert reasons == {} and protocol["num_modes"] == 25
    assert good["modes_covered"] == 25 and good["coverage"] > 0.9 and good["precision"] > 0.9
    noise = 2 * torch.randn(1800, 2, generator=generator(1, "noise"))
    bad, _, _ = evaluate_points(noise, grid)
    for name in ("high_quality_share", "precision", "density", "coverage"):
        assert bad[name] < 0.5 * good[name]


def test_what_is_said_of_points_does_not_call_them_images(grid: PointData) -> None:
    found, protocol, _ = evaluate_points(grid.test, grid)
    rows = evaluation_rows({"metrics": found}, "en")
    assert {row.name for row in rows} >= {"Precision", "Recall", "Density", "Coverage"}
    said = [row.explanation.partition("; images are")[0] for row in rows]
    said += [name for name, _ in protocol_rows(protocol, "en")]
    assert "generated examples" in said
    assert not [words for words in said if "image" in words]


def test_what_is_not_known_is_null_with_a_reason(grid: PointData) -> None:
    found, _, reasons = evaluate_points(grid.test, replace(grid, modes=None))
    assert found["modes_covered"] is None and found["high_quality_share"] is None
    assert set(reasons) == {"modes_covered", "high_quality_share"}
    found, _, reasons = evaluate_points(grid.test[:5], grid)
    assert found["coverage"] is None and "fewer than" in reasons["coverage"].id


def density_of(data: PointData, width: float = 1) -> Callable[[Tensor], Tensor]:
    """The density of the data's clusters, each so many times as wide as it is."""
    assert data.clusters is not None
    modes, std = data.clusters
    mixture = Mixture(modes, width * std)
    return lambda x: mixture.log_density(x.double(), torch.ones(len(x)).double())


def test_the_excess_is_what_a_density_lacks_and_nothing_for_the_right_one(grid: PointData) -> None:
    assert grid.mode_std is not None
    truth = density_of(grid)
    found = density_metrics(truth, grid).metrics
    # Of clusters that do not overlap: the entropy of the choice, and that of one cluster.
    entropy = math.log(25) + math.log(2 * math.pi * math.e * grid.mode_std**2)
    assert entropy == pytest.approx(0.065, abs=5e-4)
    assert found["point_nll_nats"] == pytest.approx(entropy, abs=0.05)
    assert found["excess_nats"] == pytest.approx(0, abs=1e-9)
    worse = density_metrics(lambda x: truth(x) - 0.25, grid).metrics
    assert worse["excess_nats"] == pytest.approx(0.25)
    assert worse["point_nll_nats"] == pytest.approx(found["point_nll_nats"] + 0.25)


def test_the_excess_estimates_the_divergence(grid: PointData) -> None:
    """A density of the right clusters, each twice as wide: 2 (log 2 + (1/4 - 1) / 2) nats too many."""
    found = density_metrics(density_of(grid, width=2), grid)
    divergence = 2 * (math.log(2) + (1 / 4 - 1) / 2)
    assert found.metrics["excess_nats"] == pytest.approx(divergence, abs=0.03)


def test_where_the_true_density_is_not_known_there_is_no_excess(grid: PointData) -> None:
    found = density_metrics(lambda x: -x.square().sum(1), replace(grid, modes=None))
    assert found.metrics["excess_nats"] is None and set(found.reasons) == {"excess_nats"}
    assert found.metrics["point_nll_nats"] == pytest.approx(grid.test.square().sum(1).mean().item())
