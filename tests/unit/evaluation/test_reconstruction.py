"""The autoencoder's metrics."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import manifold

from olaria.errors import EvaluationError
from olaria.evaluation import reconstruction
from olaria.evaluation.neighbours import kth_radius, nearest


def test_mse_and_psnr() -> None:
    x = torch.rand(10, 1, 4, 4)
    assert reconstruction.mse(x, x) == 0
    assert reconstruction.mse(x + 0.1, x) == pytest.approx(0.01, rel=1e-5)
    assert reconstruction.psnr_db(1.0) == 0
    assert reconstruction.psnr_db(0.001) == pytest.approx(30)
    assert reconstruction.psnr_db(0.0) == math.inf


def test_a_tie_goes_to_the_smallest_label() -> None:
    codes, labels = torch.tensor([[0.0], [1.0]]), torch.tensor([2, 1])
    found = reconstruction.knn_accuracy(codes, labels, codes, torch.tensor([1, 1]), k=2)
    assert found == 1


def test_trustworthiness_of_the_same_and_of_shuffled_points() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(300, 1, 3, 3, generator=generator)
    same = reconstruction.trustworthiness(x, x.flatten(1), generator)
    shuffled = reconstruction.trustworthiness(x, x.flatten(1).flip(0), generator)
    assert same == pytest.approx(1)
    assert shuffled < 0.6
    flat = x.flatten(1).numpy()
    expected = manifold.trustworthiness(flat, flat[:, :2], n_neighbors=5)
    assert reconstruction.trustworthiness(x, x.flatten(1)[:, :2], generator) == pytest.approx(
        expected, abs=1e-6
    )


def test_trustworthiness_needs_images() -> None:
    with pytest.raises(EvaluationError, match="more than 10 images"):
        reconstruction.trustworthiness(
            torch.rand(10, 1, 2, 2), torch.rand(10, 2), torch.Generator()
        )


@given(st.integers(1, 6), st.integers(0, 100))
def test_nearest_in_blocks_is_nearest(k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    queries = torch.randn(9, 3, generator=generator).double() + 100
    points = torch.randn(17, 3, generator=generator).double() + 100
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("olaria.evaluation.neighbours.BLOCK_ENTRIES", 40)
        distances, indices = nearest(queries, points, k)
    expected, order = torch.cdist(queries, points).sort(1)
    assert torch.allclose(distances, expected[:, :k])
    assert torch.equal(indices, order[:, :k])


def test_radius_leaves_the_point_itself_out() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]]).double()
    assert kth_radius(points, 1).tolist() == pytest.approx([1, 1, 2, 4])
    with pytest.raises(EvaluationError, match="at least 5 points"):
        kth_radius(points, 4)
