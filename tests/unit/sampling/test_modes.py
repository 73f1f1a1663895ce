"""Sheets of few images: what can be drawn is, and what cannot says why; no sheet is empty."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator

from olaria.data.base import ImageData, Images
from olaria.errors import SamplingError
from olaria.families import MODELS
from olaria.models import build
from olaria.models.base import ImageModel
from olaria.sampling import latent, modes
from olaria.sampling.modes import Examples, Sheet


@pytest.fixture(scope="module")
def model() -> ImageModel:
    made = build(MODELS["autoencoder"].sizes["tiny"], (1, 4, 4))
    assert isinstance(made, ImageModel)
    return made.eval()


def of_classes(train: list[int], test: list[int]) -> ImageData:
    """Images of the classes 0, 1 and 2."""

    def images(labels: list[int]) -> Images:
        x = torch.randint(256, (len(labels), 1, 4, 4), generator=Generator().manual_seed(0))
        return Images(x.byte(), torch.tensor(labels))

    return ImageData(
        name="few", title="", train=images(train), validation=images(test), test=images(test),
        class_names=("a", "b", "c"), source="user file", sha256="0", citation="", licence="",
    )  # fmt: skip


def drawn(model: ImageModel, data: ImageData, label: int | None) -> Examples:
    return Examples.drawn(model, data, label, Generator().manual_seed(0))


def test_a_class_without_test_images(model: ImageModel) -> None:
    data = of_classes([0, 1, 2], [0, 0, 1])
    assert len(drawn(model, data, 0).x) == 2 and len(drawn(model, data, None).x) == 3
    with pytest.raises(SamplingError, match="no test image of class 2; choose another one"):
        drawn(model, data, 2)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_sheets_of_few_images(model: ImageModel, count: int) -> None:
    examples = drawn(model, of_classes([0], [0] * count), None)
    sheets: dict[str, Callable[[], Sheet]] = {
        "reconstruct": lambda: modes.reconstructions(model, examples, 64),
        "traverse": lambda: modes.traversal(model, examples, 64),
        "interpolate": lambda: modes.walks(model, examples, 64, "linear"),
    }
    assert len(sheets["reconstruct"]().images) == 2 * count
    assert len(sheets["traverse"]().images) == 60
    if count == 1:
        with pytest.raises(SamplingError, match="needs two test images, and there is only one"):
            sheets["interpolate"]()
    else:
        assert len(sheets["interpolate"]().images) == 10 * (count // 2)


def test_a_way_to_a_class_that_nothing_was_learnt_of(model: ImageModel) -> None:
    """As of a class that was left out: the mean of no codes is 0/0."""
    draws = Generator().manual_seed(0)
    data = of_classes([0, 0, 1], [0, 1, 2])
    assert len(modes.towards(model, data, (0, 1), 9, draws).images) == 9
    for classes in ((0, 2), (2, 0)):
        with pytest.raises(SamplingError, match="no training image of class 2"):
            modes.towards(model, data, classes, 9, draws)
    with pytest.raises(SamplingError, match="no test image of class 1"):
        modes.towards(model, of_classes([0, 1], [0]), (1, 0), 9, draws)
    x, y = data.train.x.float() / 255, torch.tensor([0, 0, 1])
    assert bool(latent.attribute(model, x, y, 0, 1).isfinite().all())


@pytest.mark.parametrize(
    "family", [name for name, entry in MODELS.items() if entry.data == "images"]
)
def test_every_latent_space_with_a_prior_is_walked(family: str) -> None:
    """From test images where there is an encoder, else from draws of the prior."""
    model = build(MODELS[family].sizes["tiny"], (1, 8, 8))
    assert isinstance(model, ImageModel)
    model = model.eval()
    draws = Generator().manual_seed(3)
    noise = modes.Noise(model, None, draws)
    if not model.has_prior:
        with pytest.raises(SamplingError):
            noise.walks(30, "linear")
        return
    sheet = noise.walks(35, "spherical")
    assert sheet.images.shape == (30, 1, 8, 8) and sheet.columns == 10
    ends = torch.randn(6, model.latent, generator=Generator().manual_seed(3))
    expected = latent.decode(model, torch.cat((ends[:3], ends[3:])))
    assert torch.allclose(sheet.images[::10], expected[:3], atol=1e-5)
    if not model.classes:
        assert torch.allclose(sheet.images[9::10], expected[3:], atol=1e-5)
    assert noise.traversal(20).images.shape == (20, 1, 8, 8)
    for text in ("{" not in line.text("pt") for line in sheet.caption):
        assert text


def test_a_walk_keeps_the_class_that_was_chosen() -> None:
    config = MODELS["gan"].config.parse(
        {**MODELS["gan"].sizes["tiny"].model_dump(), "classes": 3}, "test"
    )
    model = build(config, (1, 8, 8))
    assert isinstance(model, ImageModel)
    model = model.eval()
    walks = [
        modes.Noise(model, label, Generator().manual_seed(0)).walks(20, "linear").images
        for label in (0, 2)
    ]
    assert (walks[0] != walks[1]).any()
    z = torch.randn(4, model.latent, generator=Generator().manual_seed(0))
    expected = latent.decode(model, z, torch.full((4,), 2))
    assert torch.allclose(walks[1][[0, 10, 9, 19]], expected, atol=1e-5)
