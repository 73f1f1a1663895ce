"""The picture of a game in the plane."""

from __future__ import annotations

import pytest
import torch

from olaria.families.gan import PlaneGANConfig
from olaria.models.plane import PlaneGAN
from olaria.sampling import plane
from olaria.training.randomness import seeded


@pytest.fixture
def model() -> PlaneGAN:
    with seeded(0, "weights"):
        model = PlaneGAN(PlaneGANConfig(hidden=(8,)), 2)
    model.adapt(torch.tensor([[9.0, 20.0], [11.0, 20.0], [10.0, 18.0], [10.0, 22.0]]))
    return model.eval()


def test_both_players_work_in_units_of_the_data(model: PlaneGAN) -> None:
    assert model.generator.centre.tolist() == [10, 20]
    assert model.generator.spread.item() == pytest.approx((10 / 8) ** 0.5)
    drawn = plane.draw(model, 500, torch.Generator().manual_seed(0))
    assert drawn.shape == (500, 2) and (drawn.mean(0) - torch.tensor([10.0, 20.0])).norm() < 3
    with torch.no_grad():
        middle = model.discriminator(torch.zeros(1, 2))
        assert torch.allclose(model.discriminate(torch.tensor([[10.0, 20.0]])), middle[:, 0])


def test_points_fall_into_their_pixels() -> None:
    corners = torch.tensor([[0.0, 0.0], [4.0, 4.0]])
    points = torch.tensor([[0.5, 0.5], [3.5, 0.5], [3.5, 3.9], [3.2, 3.2], [4.5, 1.0], [-0.1, 1.0]])
    found = plane.density(points, corners, side=4)
    assert found.tolist() == [[0, 0, 0, 2], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]]


def test_places_go_from_the_top_and_from_the_left() -> None:
    corners = torch.tensor([[-1.0, 10.0], [1.0, 30.0]])
    found = plane.places(corners, side=2)
    assert found.tolist() == [[-0.5, 25.0], [0.5, 25.0], [-0.5, 15.0], [0.5, 15.0]]
    assert plane.places(corners.double(), side=3).dtype == torch.float64


def test_the_shade_is_the_discriminator(model: PlaneGAN, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "discriminate", lambda x, y=None: x[:, 1] + 10 * x[:, 0])
    found = model.shade(torch.tensor([[-0.5, 0.5], [0.5, -0.5], [0.0, 0.0]]))
    expected = 2 * torch.tensor([-4.5, 4.5, 0.0]).sigmoid() - 1
    assert torch.allclose(found, expected)


def test_a_picture_is_blue_where_the_discriminator_says_real(
    model: PlaneGAN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "discriminate", lambda x, y=None: 5 * x[:, 0])
    real = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    image = plane.picture(model, real, torch.tensor([[0.0, 0.0], [99.0, 0.0]]), side=60)
    assert image.shape == (1, 3, 60, 60) and image.min() >= 0 and image.max() <= 1
    left, right = image[0, :, 30, 2], image[0, :, 30, 57]
    assert left[0] > left[2] + 0.2 and right[2] > right[0] + 0.2  # red, blue
    assert image[0, :, 29:31, 29:31].min() < 0.7  # the generated point in the middle
    assert image[0, :, 5, 30].min() > 0.9  # undecided: nearly white
