"""Images through the bottleneck of a run and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from olaria.data.base import Progress
from olaria.evaluation.reconstruction import mse
from olaria.objectives.reconstruction import squared_error
from olaria.runs import Run
from olaria.sampling import latent
from olaria.storage.files import refuse_overwriting
from olaria.storage.images import make_grid, save_png
from olaria.workflows import shown
from olaria.workflows.shown import Shown

SCALE = 2


@dataclass(frozen=True)
class Rebuilt:
    """Images and what a run makes of them.

    Args:
        shown: the images.
        images: their reconstructions, (N, C, H, W) in [0, 1].
        errors: mean squared error of each, (N,).
        error: over all pixels.
    """

    shown: Shown
    images: Tensor
    errors: Tensor
    error: float


def reconstruct(
    run: str | Path | Run,
    data: str | None = None,
    *,
    options: dict[str, Any] | None = None,
    checkpoint: str | int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Rebuilt:
    """Rebuild images: of an autoencoder g(f(x)), of a VAE the pixels' mean at the posterior's mean.

    Args:
        run: of an autoencoder or a VAE.
        data: a data set's name, or the user's image, folder or zip; the run's own test images where None.
        options: ``resize`` and ``gray`` for ``data``; those of the run where not given.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.
        progress: told of downloads.

    Raises:
        UsageError: the run is of another family, or is told classes, which ``data`` cannot say.
        DataError: the images are of another size or number of channels than the run's.
    """
    looked = shown.look(
        run, data, options=options or {}, checkpoint=checkpoint, offline=offline, progress=progress
    )
    x = looked.shown.x.float() / 255
    images = latent.reconstruct(looked.model, x, looked.told)
    return Rebuilt(looked.shown, images, squared_error(images, x), mse(images, x))


def save_sheet(found: Rebuilt, path: Path, count: int, *, overwrite: bool = False) -> None:
    """Write a sheet of the first ``count`` images, each with its reconstruction at its right."""
    refuse_overwriting(path, overwrite)
    originals = found.shown.x[:count].float() / 255
    pairs = torch.stack((originals, found.images[:count]), 1).flatten(0, 1)
    columns = 2 * max(1, min(8, round((len(originals) / 2) ** 0.5)))
    save_png(path, make_grid(pairs, columns, SCALE))
