"""What is measured while a game is played."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from olaria.data.base import ImageData, Images
from olaria.evaluation import extractor
from olaria.families.gan import GAN_SIZES as SIZES
from olaria.families.vae import SIZES as VAE_SIZES
from olaria.kinds.images import watch
from olaria.models.gan import GAN
from olaria.models.vae import VAE
from olaria.training.events import Evaluated
from olaria.training.health import Health


@pytest.fixture(scope="module")
def data() -> ImageData:
    """Noise of the size of digits."""
    x = torch.randint(0, 256, (600, 1, 28, 28), generator=torch.Generator().manual_seed(1))
    images = Images(x.to(torch.uint8), torch.arange(600) % 10)
    return ImageData(
        name="noise", title="noise", train=images, validation=images, test=images,
        class_names=tuple("0123456789"), source="generated", sha256="0" * 64, citation="", licence="",
    )  # fmt: skip


class Drawer(nn.Module):
    """Draws the images it is given, in their order, whatever the noise."""

    latent, classes = 1, 0

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = images

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """As many as there is noise for."""
        return self.images[: len(z)]


def drawing(images: Tensor) -> GAN:
    """A GAN whose generator draws given images."""
    model = GAN(SIZES["tiny"], (1, 28, 28))
    model.generator = Drawer(images.float() / 255)  # type: ignore[assignment]
    return model


def test_the_spread_is_that_of_the_data_or_nothing(data: ImageData) -> None:
    watched = watch(GAN(SIZES["tiny"], (1, 28, 28)), data, seed=0)
    assert watched.monitor is None
    values = watched.evaluate(drawing(data.validation.x))
    assert values == {"spread": pytest.approx(1.0)}
    same = data.validation.x[:1].expand(600, -1, -1, -1)
    assert watched.evaluate(drawing(same))["spread"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_of_data_that_are_all_the_same_no_collapse_is_told(data: ImageData, level: int) -> None:
    same = Images(torch.full((60, 1, 28, 28), level, dtype=torch.uint8), None)
    few = Images(data.validation.x[:1], None)
    for validation in (same, few):
        mine = replace(data, validation=validation)
        game = watch(GAN(SIZES["tiny"], (1, 28, 28)), mine, seed=0)
        values = game.evaluate(drawing(data.validation.x))
        assert "spread" not in values
        vae = VAE(VAE_SIZES["tiny"], (1, 28, 28)).eval()
        bound = watch(vae, mine, seed=0)
        nats = bound.evaluate(vae)
        assert "active_units" not in nats
        assert nats["loss"] > 0
        told = [note.text() for note in (*game.notes, *bound.notes)]
        assert [line.partition(" ")[0] for line in told] == ["spread", "active_units"]
        for monitor in (None, "loss"):
            health = Health(monitor)
            for step in range(1, 9):
                event = Evaluated(step=100 * step, elapsed_s=0.0, values={**values, **nats})
                assert health(event) is None


def test_where_features_tell_coverage_and_classes_are_there(
    data: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = extractor.load("mnist")
    assert network is not None
    fitting = replace(network, data="noise", data_sha256=data.sha256)
    monkeypatch.setattr("olaria.kinds.images.extractor.for_data", lambda _: fitting)
    watched = watch(GAN(SIZES["tiny"], (1, 28, 28)), data, seed=0)
    values = watched.evaluate(drawing(data.validation.x))
    assert set(values) == {"spread", "coverage", "classes_covered"}
    assert values["coverage"] == 1.0
    same = data.validation.x[:1].expand(600, -1, -1, -1)
    assert watched.evaluate(drawing(same))["coverage"] < 0.05
