"""Principal components against scikit-learn's, and maps that keep neighbours together."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.evaluation.projection import Map, PrincipalComponents, plane
from olaria.training.randomness import generator


@pytest.fixture
def points() -> Tensor:
    """(200, 2, 3): of six numbers, three directions matter."""
    draws = generator(0, "points")
    mixed = torch.randn(200, 3, generator=draws) @ torch.randn(3, 6, generator=draws)
    return (mixed + 0.05 * torch.randn(200, 6, generator=draws) + 2).view(200, 2, 3)


def test_components_are_those_of_another_library(points: Tensor) -> None:
    ours = PrincipalComponents.fitted(points, 3)
    theirs = PCA(3, svd_solver="full").fit(points.flatten(1).double().numpy())
    assert np.allclose(ours.shares.numpy(), theirs.explained_variance_ratio_, atol=1e-9)
    assert np.allclose(np.abs(ours.axes.numpy() @ theirs.components_.T), np.eye(3), atol=1e-8)
    rebuilt = theirs.inverse_transform(theirs.transform(points.flatten(1).double().numpy()))
    assert np.allclose(ours.decode(ours.encode(points)).numpy(), rebuilt, atol=1e-5)


def test_as_many_components_as_numbers_lose_nothing(points: Tensor) -> None:
    whole = PrincipalComponents.fitted(points, 99)
    assert whole.axes.shape == (6, 6)
    assert torch.allclose(whole.decode(whole.encode(points)), points.flatten(1), atol=1e-5)


@pytest.mark.parametrize("how", ["pca", "tsne"])
def test_a_map_keeps_two_clusters_apart(how: Map) -> None:
    draws = generator(1, "clusters")
    codes = torch.randn(60, 5, generator=draws)
    codes[30:] += 12
    found = plane(codes, how, seed=0)
    assert found.shape == (60, 2) and found.dtype == torch.float32
    assert torch.equal(found, plane(codes, how, seed=0))
    left, right = found[:30], found[30:]
    between = (left.mean(0) - right.mean(0)).norm()
    assert between > 2 * max((left - left.mean(0)).norm(dim=1).max(), 0.1)


def test_a_line_is_a_plane_of_no_height() -> None:
    found = plane(torch.arange(10.0)[:, None], "pca", 0)
    assert found.shape == (10, 2) and found[:, 1].eq(0).all() and found[:, 0].std() > 1


def test_what_cannot_be_mapped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EvaluationError, match="10 images or more, there are 9"):
        plane(torch.zeros(9, 3), "pca", 0)
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(EvaluationError, match=r"olaria\[umap\]"):
        plane(torch.zeros(10, 3), "umap", 0)
