"""The parts of an autoencoder or a VAE beside the map of its codes: an image that is drawn, and a way between two."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from olaria.cards.live import MOST_PIXELS, LivePart
from olaria.data import ImageData
from olaria.data.base import Images
from olaria.evaluation.anomaly import heat
from olaria.evaluation.neighbours import nearest
from olaria.export import live, live_images
from olaria.models.autoencoder import AutoEncoder
from olaria.models.vae import VAE
from olaria.sampling import latent

MOST_TESTED, MOST_KNOWN = 1000, 4000
"""Test images whose scores a drawn one is compared with, and training images whose codes it is compared with."""
MOST_NUMBERS = 60_000
"""Of the codes of training images."""


def latent_parts(model: AutoEncoder | VAE, data: ImageData) -> list[LivePart]:
    """What draws and what walks between two codes.

    Args:
        model: of the run.
        data: of the run.
    """
    x, y = some(data.test, MOST_TESTED)
    told = y if model.classes else None
    codes = latent.encode(model, x, told)
    labels = None if y is None else y.numpy()
    rows = live.starts_of(len(x), labels)
    names = [live.called(row, labels, data.class_names) for row in rows]
    given = None if told is None else told[rows].tolist()
    # How far a pixel is from what the model makes of it, squared, as the score `error` has it.
    error = heat(x, latent.decode(model, codes, told)).flatten(1).mean(1)
    mean, std = _posterior(model, x, codes)
    drawing = live_images.drawing(
        [(name, x[row].numpy()) for name, row in zip(names, rows, strict=True)],
        given,
        data.class_names,
        mean=_numbers(mean),
        std=None if std is None else _numbers(std),
        letter="h" if isinstance(model, VAE) and model.flow is not None else "z",
        has_prior=isinstance(model, VAE) and model.flow is None and not model.config.above,
        is_light=x.median().item() > 0.5,
        scores=[live_images.score("error", _numbers(error)), _distance(model, data, codes)],
        count=len(x),
    )
    ends = 0, min(1, len(rows) - 1)
    between = live_images.between(
        _numbers(codes)[rows],
        names,
        ends,
        None if given is None else np.array(given),
        data.class_names,
    )
    return [LivePart("live_draw", drawing), LivePart("live_between", between, only_decodes=True)]


def some(
    images: Images, most: int, *, most_pixels: int = MOST_PIXELS
) -> tuple[Tensor, Tensor | None]:
    """Some of a part of a data set, always the same: images (N, C, H, W) in [0, 1], and their classes (N,)."""
    count = max(2, min(most, most_pixels // max(1, images.x[0].numel())))
    rows = torch.randperm(len(images), generator=Generator().manual_seed(1))[:count]
    return images.x[rows].float() / 255, None if images.y is None else images.y[rows]


@torch.no_grad()
def _posterior(model: AutoEncoder | VAE, x: Tensor, codes: Tensor) -> tuple[Tensor, Tensor | None]:
    """What the encoder says of images: mean and deviation (N, latent); of an autoencoder its codes."""
    if isinstance(model, AutoEncoder):
        return codes, None
    found = model.encode(x)
    return found.mean, found.stddev


def _distance(model: AutoEncoder | VAE, data: ImageData, codes: Tensor) -> live_images.Scores:
    """How far codes of test images (N, latent) are from the nearest of training images."""
    x, y = some(data.train, min(MOST_KNOWN, max(2, MOST_NUMBERS // codes.shape[1])))
    known = latent.encode(model, x, y if model.classes else None)
    spread = known.std(0, correction=min(1, len(known) - 1)).clamp_min(1e-6)
    far = nearest(codes / spread, known / spread, 1)[0][:, 0]
    return live_images.distance(_numbers(far), _numbers(known / spread), _numbers(spread))


def _numbers(x: Tensor) -> NDArray[Any]:
    return np.asarray(x.double().numpy())
