"""The game of images that every step of the lesson looks at: real images, generated ones, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from olaria.data.base import ImageData
from olaria.families.gan import AdversarialLoss
from olaria.lessons import images
from olaria.lessons.base import Array, Asked, numbers
from olaria.lessons.by_numpy import games
from olaria.lessons.gan.answers import (
    events_of,
    loss_of,
    seeded,
)
from olaria.models.gan import GAN
from olaria.runs import Run
from olaria.sampling import latent

MEASURED = 64
"""Images of each kind."""


@dataclass(frozen=True)
class Gallery:
    """A run's game and the images that every step looks at.

    Args:
        run: of a ``gan``.
        model: both players, in evaluation mode.
        loss: the run's.
        events: of the run.
        z: noise, (MEASURED, latent); images are made of its first N.
        classes: that the images are made for, (N,), where the model is told them.
        made: (N, C, H, W) in [0, 1].
        real: images kept apart from the training, (N, C, H, W) in [0, 1].
        labels: their classes, (N,), where the model is told them.
        names: of the classes.
        answers: logits of the real ones, then of the made ones.
    """

    run: Run
    model: GAN
    loss: AdversarialLoss
    events: list[dict[str, Any]]
    z: Tensor
    classes: Tensor | None
    made: Tensor
    real: Tensor
    labels: Tensor | None
    names: tuple[str, ...]
    answers: tuple[Tensor, Tensor]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        channels, height, width = self.made.shape[1:]
        return channels, height, width

    @cached_property
    def answers_by_hand(self) -> tuple[Array, Array]:
        """:attr:`answers` from the weights in NumPy."""
        kinds = ((self.real, self.labels), (self.made, self.classes))
        real, made = (games.logits(self.model, numbers(x), as_classes(y)) for x, y in kinds)
        return real, made


def gallery_of(asked: Asked) -> Gallery:
    """Everything that the steps share, from one seed."""
    run = asked.run
    model, data = run.model(), run.data(offline=asked.offline)
    assert isinstance(model, GAN)
    assert isinstance(data, ImageData)
    apart = data.test if len(data.test) >= MEASURED else images.both(data.test, data.validation)
    chosen = torch.randperm(len(apart), generator=seeded(asked.seed))[:MEASURED]
    real = apart.x[chosen].float() / 255
    labels = apart.y[chosen] if model.classes and apart.y is not None else None
    z = torch.randn(MEASURED, model.latent, generator=seeded(asked.seed))
    classes = latent.classes_in_turn(model, len(real))
    made = latent.decode(model, z[: len(real)], classes)
    events = events_of(run)
    both = (model.discriminate(real, labels), model.discriminate(made, classes))
    loss = loss_of(run, events)
    return Gallery(run, model, loss, events, z, classes, made, real, labels, data.class_names, both)


def as_classes(y: Tensor | None) -> Any:
    """For NumPy, int64 (N,)."""
    return None if y is None else y.numpy()
