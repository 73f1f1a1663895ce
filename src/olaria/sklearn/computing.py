"""What a fitted estimator computes with its run's model, in double precision.

In single precision a row's result depends, in its last digits, on the rows beside it; scikit-learn takes batches and
single rows for the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from olaria.evaluation import diversity
from olaria.models.base import ImageModel
from olaria.models.vae import VAE
from olaria.objectives.likelihood import importance_weighted_bound
from olaria.objectives.reconstruction import squared_error
from olaria.runs import Run
from olaria.sampling import latent

Array = NDArray[Any]

BLOCK = 500
"""Rows at once."""
DRAWS = 16
"""Latent vectors for each row's bound."""


def model_of(run: Run) -> ImageModel:
    """The model of a run with its weights, in double precision; the last few are kept."""
    step, path = run.checkpoint()
    return _loaded(str(path.absolute()), step, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _loaded(path: str, step: int, _modified: int) -> ImageModel:
    folder = path.rpartition("checkpoints")[0].rstrip("/\\")
    model = Run(folder).model(step).double()
    assert isinstance(model, ImageModel)
    return model


def encoded(run: Run, pixels: Array) -> Array:
    """Latent vectors (N, latent) of pixels (N, C, H, W)."""
    return latent.encode(model_of(run), _tensor(pixels)).double().numpy()


def decoded(run: Run, z: Array) -> Array:
    """Pixels (N, C, H, W) of latent vectors (N, latent); of a VAE their means."""
    return latent.decode(model_of(run), _tensor(z)).double().numpy()


def drawn(run: Run, count: int, seed: int, *, noise: bool) -> Array:
    """Pixels (count, C, H, W) of z ~ N(0, I), and drawn themselves where there is ``noise``."""
    model, draws = model_of(run), Generator().manual_seed(seed)
    z = torch.randn(count, model.latent, generator=draws, dtype=torch.float64)
    if not noise or not isinstance(model, VAE):
        return latent.decode(model, z).double().numpy()
    with torch.no_grad(), torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)  # distributions take no generator
        parts = [model.decode(part).sample() for part in z.split(BLOCK)]
    return torch.cat(parts).double().numpy()


@torch.no_grad()
def errors(run: Run, pixels: Array) -> Array:
    """Mean squared error of each reconstruction, over its pixels, (N,)."""
    model = model_of(run)
    found = [_error(model, x) for x in _tensor(pixels).split(BLOCK)]
    return torch.cat(found).numpy()


def _error(model: ImageModel, x: Tensor) -> Tensor:
    return squared_error(model.images(model.codes(x).double()).double(), x)


@torch.no_grad()
def bounds(run: Run, pixels: Array) -> Array:
    r"""The importance-weighted bound on :math:`\log p(x)` of each image, in nats, (N,).

    Every image gets the same noise, so that its value depends on nothing else. Of Bernoulli pixels the grey values
    count as probabilities, which is the mean over drawing them black or white.

    Source: Burda et al. 2016, equation 8, with :data:`DRAWS` draws.
    """
    model = model_of(run)
    assert isinstance(model, VAE)
    draws = Generator().manual_seed(0)
    noise = torch.randn(DRAWS, 1, model.latent, generator=draws, dtype=torch.float64)
    found = []
    for x in _tensor(pixels).split(BLOCK):
        draw = model.draw(model.read(x), noise.expand(-1, len(x), -1))
        found.append(importance_weighted_bound(draw.log_ratio - model.nll(draw, x)))
    return torch.cat(found).double().numpy()


def coverage(run: Run, pixels: Array, seed: int) -> float:
    """Share of images whose neighbourhood holds one of as many samples; see :mod:`olaria.evaluation.diversity`."""
    made = drawn(run, len(pixels), seed, noise=False)
    generated, real = (_tensor(part).flatten(1).float() for part in (made, pixels))
    return diversity.prdc(generated, real).coverage


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.array(values, np.float64, order="C"))
