"""Which pixels a Bernoulli likelihood does not suit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from olaria.data import ImageData, load
from olaria.families import MODELS
from olaria.training.events import Event, Warned
from olaria.training.pixels import unsuited
from olaria.workflows.train import train

VAE = MODELS["vae"].sizes["tiny"]


def noise(channels: int) -> Tensor:
    """Every level as often, each channel for itself: (50, C, 8, 8)."""
    return torch.randint(256, (50, channels, 8, 8), generator=Generator().manual_seed(0)).byte()


PHOTOGRAPHS = 60 + noise(1) // 2
IMAGES = {
    "colours": (noise(3), "these images are coloured"),
    "tinted photographs": (torch.cat((PHOTOGRAPHS, PHOTOGRAPHS - 40, PHOTOGRAPHS - 40), 1),
                           "these images are coloured"),
    "grey photographs": (PHOTOGRAPHS, "nearly all pixels of these images are grey"),
    "grey photographs in three channels": (PHOTOGRAPHS.expand(-1, 3, -1, -1), "are grey"),
    "strokes": (255 * (noise(1) // 128), ""),
    "drawings in pure colours": (255 * (noise(3) // 128), ""),
    "things on black": (PHOTOGRAPHS * (torch.arange(8) < 4), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_which_pixels_a_bernoulli_likelihood_does_not_suit(name: str) -> None:
    images, says = IMAGES[name]
    for family in ("vae", "vq"):
        found = unsuited(MODELS[family].sizes["tiny"], images)
        assert (found is None) == (not says)
        if found is not None:
            assert says in found.text("en")
            assert "model.likelihood=logistic models their 256 levels" in found.text("en")


@pytest.mark.parametrize("name", IMAGES)
def test_other_likelihoods_and_families_without_one_suit_all(name: str) -> None:
    images, _ = IMAGES[name]
    for likelihood in ("gaussian", "logistic"):
        assert unsuited(VAE.model_copy(update={"likelihood": likelihood}), images) is None
    assert unsuited(MODELS["gan"].sizes["tiny"], images) is None


def test_digits_suit() -> None:
    data = load("digits", offline=True)
    assert isinstance(data, ImageData)
    assert unsuited(VAE, data.train.x) is None


def test_who_trains_on_colours_is_warned_once(tmp_path: Path) -> None:
    np.savez(tmp_path / "colours.npz", x=noise(3).permute(0, 2, 3, 1).numpy())
    said: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Warned) and not event.is_note:
            said.append(event.message.text("pt"))

    settings = ["model.hidden=[16]"]
    for more in ([], ["model.likelihood=logistic"]):
        train(
            "vae-mnist", data=tmp_path / "colours.npz", size="tiny", steps=1, out=tmp_path / f"{len(more)}",
            settings=[*settings, *more], listeners=[listen],
        )  # fmt: skip
    assert sum("model.likelihood=logistic" in one for one in said) == 1
