"""Changes of images: what they change, and that gradients pass."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from olaria.nn import augment
from olaria.nn.augment import augmented
from olaria.training.randomness import generator


@pytest.fixture
def x() -> Tensor:
    return 0.2 + 0.6 * torch.rand(200, 2, 16, 8, generator=generator(0, "x"))


def test_probability_zero_changes_nothing_and_one_changes_all(x: Tensor) -> None:
    assert torch.equal(augmented(x, torch.tensor(0.0), generator(1, "draws")), x)
    changed = (augmented(x, torch.tensor(1.0), generator(1, "draws")) != x).flatten(1).any(1)
    assert changed.all()
    some = (augmented(x, torch.tensor(0.2), generator(1, "draws")) != x).flatten(1).any(1)
    # Three changes, each left out with 0.8 (a shift by nothing changes nothing either).
    assert some.float().mean() == pytest.approx(1 - 0.8**3, abs=0.1)


def test_a_shift_moves_and_fills_with_zeros() -> None:
    image = torch.zeros(300, 1, 16, 8)
    image[:, :, 8, 4] = 1.0
    moved = augment._shifted(image, generator(2, "shift"))
    assert moved.shape == image.shape
    assert torch.equal(moved.flatten(1).sum(1), torch.ones(300))
    rows, columns = moved[:, 0].nonzero()[:, 1:].unbind(1)
    assert set(rows.tolist()) == {6, 7, 8, 9, 10}  # an eighth of 16
    assert set(columns.tolist()) == {3, 4, 5}
    full = augment._shifted(torch.ones(300, 1, 16, 8), generator(2, "shift"))
    assert full.min() == 0 and full[:, :, 4:12, 2:6].min() == 1


def test_a_hole_is_a_square_of_a_quarter(x: Tensor) -> None:
    covered = augment._covered(x, generator(3, "hole"))
    gone = covered == 0
    assert torch.equal(gone[:, 0], gone[:, 1]) and gone.sum((1, 2, 3)).eq(2 * 4 * 2).all()
    assert torch.equal(covered[~gone], x[~gone])
    assert gone.any(0)[0].all()  # everywhere in time


def test_light_is_the_same_for_all_pixels(x: Tensor) -> None:
    more = (augment._lit(x, generator(4, "light")) - x).flatten(1)
    assert torch.allclose(more.amax(1), more.amin(1), atol=1e-6)
    assert more.abs().max() <= augment.LIGHT + 1e-6 and more[:, 0].std() > 0.05


def test_gradients_reach_what_is_seen(x: Tensor) -> None:
    x = x[:4].requires_grad_()
    augmented(x, torch.tensor(1.0), generator(5, "draws")).sum().backward()
    assert x.grad is not None and set(x.grad.unique().tolist()) == {0.0, 1.0}
    assert x.grad.mean() > 0.6
