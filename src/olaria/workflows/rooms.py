"""What rooms of the studio compute of a run of images: its codes as a map, and what its samples are nearest to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from olaria.errors import RunError
from olaria.i18n import N_

if TYPE_CHECKING:
    from torch import Tensor

    from olaria.runs import Run

MOST_CODES = 5000
"""Of a map."""
MOST_VALUES = 40_000_000
"""Pixel values of all images that are encoded for one: bounds time and memory."""
THUMB_SIDE, MOST_THUMB_BYTES = 32, 12_000_000
"""Of the small images, on a side and of all of them."""
NUM_SAMPLES, NUM_NEAREST, NUM_TEST = 64, 5, 500
"""Samples that are looked at, training images beside each, and test images that tell what is usual."""


def codes(run: Run) -> dict[str, Any]:
    """The codes of test images, with the images small: what a map is drawn from.

    ``codes`` is base64 of float32 (count, latent), ``thumbs`` of uint8 (count, C, h, w); ``order`` names the dimensions
    by their use, those that vary most first; ``components`` are the two principal ones, ``axes`` (2, latent) and the
    ``shares`` of the variance along them.

    Raises:
        RunError: the run's model has no codes.
        MissingError: its data are not here.
    """
    import torch

    from olaria.cards.live_images import some
    from olaria.data import ImageData
    from olaria.evaluation.projection import PrincipalComponents
    from olaria.export import live, live_images
    from olaria.models.autoencoder import AutoEncoder
    from olaria.models.vae import VAE
    from olaria.pages.live import both_colours
    from olaria.sampling import latent

    model, data = run.model(), run.data(offline=True)
    if not isinstance(model, AutoEncoder | VAE) or not isinstance(data, ImageData):
        raise RunError(
            N_("run {name} is a {family}: it has no codes to map"), name=run.name, family=run.family
        )
    size, thumb = data.test.x[0].numel(), _thumb_shape(data.shape)
    most = min(MOST_CODES, MOST_VALUES // size, MOST_THUMB_BYTES // _product(thumb))
    x, y = some(data.test, most, most_pixels=MOST_VALUES)
    with torch.no_grad():
        z = latent.encode(model, x, y if model.classes else None)
    components = PrincipalComponents.fitted(z, 2)
    numbers = z.double().numpy()
    return {
        "format": 1,
        "count": len(x),
        "total": len(data.test),
        "latent": z.shape[1],
        "shape": list(data.shape),
        "thumb": thumb,
        "thumbs": live_images.bytes_of(_small(x, thumb).numpy()),
        "codes": live_images.floats_of(numbers),
        "labels": None if y is None else y.tolist(),
        "classNames": list(data.class_names),
        "isTold": bool(model.classes),
        "order": [int(place) for place in (-numbers.var(0)).argsort(kind="stable")],
        "mean": numbers.mean(0).tolist(),
        "spread": live.spreads(numbers).tolist(),
        "components": {
            "axes": components.axes.tolist(),
            "shares": components.shares.tolist(),
        },
        "step": run.checkpoint()[0],
        "colours": both_colours(),
        "notes": [],
    }


def nearest(run: Run, seed: int) -> dict[str, Any]:
    """Samples of a run, the training images nearest to each, and how near they are against test images.

    ``samples`` is base64 of uint8 (count, C, H, W), ``nearest`` of (count, beside, C, H, W) and ``distances`` a list
    for each sample; ``ratio`` is that of :func:`olaria.evaluation.memorization.nearest_train`.

    Args:
        run: a GAN or a VAE of images.
        seed: of the samples.

    Raises:
        RunError: its model draws no images.
        EvaluationError: most test images are training images.
        MissingError: its data are not here.
    """
    from torch import Generator

    from olaria.cards.live_images import some
    from olaria.data import ImageData
    from olaria.evaluation import neighbours
    from olaria.evaluation.memorization import nearest_train
    from olaria.export import live_images
    from olaria.models.base import ImageModel
    from olaria.sampling import latent

    model, data = run.model(), run.data(offline=True)
    if not isinstance(model, ImageModel) or not isinstance(data, ImageData):
        raise RunError(
            N_("run {name} is a {family}: it draws no images"), name=run.name, family=run.family
        )
    samples = latent.prior(model, NUM_SAMPLES, Generator().manual_seed(seed))
    train = data.train.x.float() / 255
    test = some(data.test, NUM_TEST)[0]
    found = nearest_train(samples, test, train)
    beside = min(NUM_NEAREST, len(train))
    flat, points = samples.flatten(1), train.flatten(1)
    indices = neighbours.nearest(flat, points, beside)[1]
    columns = [neighbours.distances_to(flat, points, column) for column in indices.unbind(1)]
    y = latent.classes_in_turn(model, NUM_SAMPLES)
    return {
        "format": 1,
        "seed": seed,
        "count": NUM_SAMPLES,
        "beside": beside,
        "shape": list(data.shape),
        "samples": live_images.bytes_of(samples.numpy()),
        "nearest": live_images.bytes_of(train[indices].numpy()),
        "distances": [[column[row].item() for column in columns] for row in range(NUM_SAMPLES)],
        "indices": indices.tolist(),
        "labels": None if y is None else y.tolist(),
        "classNames": list(data.class_names),
        "ratio": found.ratio,
        "usual": found.usual,
        "numTest": len(test),
        "numTrain": len(train),
        "order": found.order.tolist(),
        "notes": [],
    }


def _thumb_shape(shape: tuple[int, int, int]) -> list[int]:
    channels, height, width = shape
    scale = max(1.0, max(height, width) / THUMB_SIDE)
    return [channels, max(1, round(height / scale)), max(1, round(width / scale))]


def _product(shape: list[int]) -> int:
    channels, height, width = shape
    return channels * height * width


def _small(x: Tensor, thumb: list[int]) -> Tensor:
    """Images (N, C, H, W) of another size, each pixel the mean of those that it stands for."""
    from torch.nn.functional import adaptive_avg_pool2d

    height, width = thumb[1:]
    return x if x.shape[2:] == (height, width) else adaptive_avg_pool2d(x, (height, width))
