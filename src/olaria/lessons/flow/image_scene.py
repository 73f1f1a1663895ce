r"""What the lesson on flow matching looks at where the run learns images: examples and noise, one row for each image.

Everything is in the units that the network works in, pixels in [-1, 1], and flat: (N, D) with D = C · H · W. A model
that is given classes is looked at for one class, that of the first example; only the step on guidance asks others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from olaria.data.base import ImageData
from olaria.data.base import Images as Split
from olaria.families.flow_matching import ImageFlowConfig
from olaria.lessons import images
from olaria.lessons.base import Array, Asked
from olaria.models.image_flow import ImageFlow
from olaria.objectives.mixture import Mixture
from olaria.runs import Run
from olaria.training import randomness

NUM_IMAGES = 12
"""Test images, and noise."""
MOST_TRAIN = 1000
"""Training images that a mean over all lines is taken of."""
MOST_POOL = 3000
"""Training images of all classes among which the nearest ones are looked for."""


@dataclass(frozen=True)
class Pictures:
    """A run of ``image-flow``, opened up; its model is in evaluation mode.

    Args:
        asked: what the lesson is asked for.
        model: with the averaged weights, where the run has them.
        data: of the run.
        label: class that the model is given, where it is given one.
        x: test images, of that class, (N, D).
        train: training images, of that class, (K, D).
        pool: training images of all classes, (P, D), and their classes (P,), where they are known.
        z: noise, (N, D).
    """

    asked: Asked
    model: ImageFlow
    data: ImageData
    label: int | None
    x: Tensor
    train: Tensor
    pool: tuple[Tensor, Tensor | None]
    z: Tensor

    @classmethod
    def of(cls, asked: Asked) -> Pictures:
        """That of the run that is asked for, everything from one seed."""
        run = asked.run
        model, data = run.model(), run.data(offline=asked.offline)
        assert isinstance(model, ImageFlow) and isinstance(data, ImageData)
        left_out = run.recipe.data.leave_out
        draws = randomness.generator(asked.seed, "flow-matching", "images")
        test = (
            data.test if len(data.test) >= images.FEW else images.both(data.test, data.validation)
        )
        label = None
        if model.classes and test.y is not None:
            row = torch.randperm(len(test), generator=draws)
            kept = [int(y) for y in test.y[row] if y != left_out]
            label = kept[0]
        x, _ = images.some(_of_class(test, label), NUM_IMAGES, draws, left_out)
        train, _ = images.some(_of_class(data.train, label), MOST_TRAIN, draws, left_out)
        pool, classes = images.some(data.train, MOST_POOL, draws, left_out)
        x, train, pool = (model.scaled(some).flatten(1) for some in (x, train, pool))
        z = torch.randn(NUM_IMAGES, x.shape[1], generator=draws)[: len(x)]
        return cls(asked, model, data, label, x, train, (pool, classes), z)

    @property
    def run(self) -> Run:
        """The run that is opened up."""
        return self.asked.run

    @property
    def config(self) -> ImageFlowConfig:
        """Settings of the model."""
        return self.model.config

    def generator(self, place: str) -> Generator:
        """The random numbers of a place in the lesson, always the same ones and no other place's."""
        return randomness.generator(self.asked.seed, "flow-matching", place)

    @cached_property
    def copies(self) -> Mixture:
        """The training images themselves, as clusters of no width: what the loss over them alone asks for."""
        return Mixture(self.train.double(), 0.0)

    def shown(self, x: Array) -> Array:
        """Rows (N, D) as images in [0, 1], (N, C, H, W); what lies outside is cut off."""
        return ((x.reshape(-1, *self.model.shape) + 1) / 2).clip(0, 1)


def _of_class(split: Split, label: int | None) -> Split:
    return split if label is None or split.y is None else split[split.y == label]
