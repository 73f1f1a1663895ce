"""What the autoencoder's lesson looks at: test images, draws and noise, the same for both ways to compute."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from olaria.evaluation.projection import PrincipalComponents
from olaria.i18n import N_, Message
from olaria.lessons import images
from olaria.lessons.base import Asked
from olaria.lessons.figures import Words
from olaria.lessons.images import Opened
from olaria.models.autoencoder import AutoEncoder, corrupted
from olaria.sampling import latent

NUM_TEST = 1000
NUM_TRAIN = 5000
"""Training images that the principal components are fitted to."""
NUM_VOTERS = 2000
"""Of them, those whose codes are neighbours."""
NUM_DISTURBED = 200
NUM_NORMAL = 500
NUM_LEFT_OUT = 100
MOST_RUNS = 4
"""Further runs in one figure."""
LEVELS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
"""Of the disturbance: a standard deviation, or a share of the pixels."""


@dataclass(frozen=True)
class Scene(Opened):
    """The test images, and training images (M, C, H, W) beside them with their classes (M,)."""

    model: AutoEncoder
    train: Tensor
    train_y: Tensor | None

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The run that is opened up."""
        known = images.opened(asked, NUM_TEST)
        train, train_y = images.some(known.data.train, NUM_TRAIN, known.generator("train"))
        return cls(**vars(known), train=train, train_y=train_y)

    @cached_property
    def codes(self) -> Tensor:
        """Of the test images, (N, latent)."""
        return latent.encode(self.model, self.x)

    @cached_property
    def rebuilt(self) -> Tensor:
        """The test images through the bottleneck and back."""
        return latent.decode(self.model, self.codes)

    @cached_property
    def components(self) -> PrincipalComponents:
        """Up to four times as many as the code has numbers; never more than an image has."""
        size = self.model.latent
        most = min(max(size, min(4 * size, 512)), self.x[0].numel())
        return images.components(self.train, most, self.generator("components"))

    @cached_property
    def runs(self) -> list[tuple[str, int, Tensor]]:
        """This autoencoder, then others of the same images: name, numbers in the code, the rebuilt test images."""
        found = [(self.asked.run.name, self.model.latent, self.rebuilt)]
        for run in images.comparable(self.asked, "autoencoder")[:MOST_RUNS]:
            model = run.model()
            assert isinstance(model, AutoEncoder)
            found.append((run.name, model.latent, latent.reconstruct(model, self.x)))
        return found

    @cached_property
    def voters(self) -> Tensor:
        """Codes of training images, (M, latent)."""
        return latent.encode(self.model, self.train[:NUM_VOTERS])

    # -- images that are disturbed, and images that do not belong ---------------------------------------

    @cached_property
    def disturbed(self) -> dict[float, Tensor]:
        """Some test images, disturbed more and more: by the strength, which is a level of the run's own noise."""
        config, x = self.model.config, self.x[:NUM_DISTURBED]
        generator = self.generator("disturbed")
        levels = sorted({*LEVELS, config.corruption})
        return {level: corrupted(x, config.noise, level, generator) for level in levels}

    @cached_property
    def cleaned(self) -> list[Tensor]:
        """The same, rebuilt."""
        return [latent.reconstruct(self.model, x) for x in self.disturbed.values()]

    @cached_property
    def normal(self) -> tuple[Tensor, Tensor]:
        """Validation images that set a threshold, and test images that it is tried on."""
        generator = self.generator("normal")
        left_out = self.asked.run.recipe.data.leave_out
        held_out, _ = images.some(self.data.validation, NUM_NORMAL, generator)
        tested, _ = images.some(self.data.test, NUM_NORMAL, generator, left_out)
        return held_out, tested

    @cached_property
    def left_out(self) -> tuple[str, Tensor] | None:
        """The class that was left out of training, and test images of it; None where none was."""
        label, test = self.asked.run.recipe.data.leave_out, self.data.test
        if label is None or test.y is None:
            return None
        rows = (test.y == label).nonzero().flatten()[:NUM_LEFT_OUT]
        return self.data.class_names[label], test.x[rows].float() / 255

    @cached_property
    def strange(self) -> list[tuple[Words, Tensor]]:
        """A test image, and what is made of it that no data set of its kind has: name and image, (C, H, W)."""
        generator = self.generator("strange")
        one, other = (self.x[row] for row in self.two())
        middle = one.shape[-1] // 2
        order = torch.randperm(one[0].numel(), generator=generator)
        turned = one.rot90(1, (1, 2)) if one.shape[1] == one.shape[2] else one.flip(1)
        found: list[tuple[Words, Tensor]] = [
            (self.words(0), one),
            (Message(N_("turned")), turned),
            (Message(N_("two halves")), torch.cat((one[..., :middle], other[..., middle:]), -1)),
            (Message(N_("inverted")), 1 - one),
            (Message(N_("pixels shuffled")), one.flatten(1)[:, order].view_as(one)),
            (Message(N_("noise")), torch.rand(one.shape, generator=generator)),
            (Message(N_("blank")), torch.zeros_like(one)),
        ]
        return found + self.of_left_out

    @property
    def of_left_out(self) -> list[tuple[Words, Tensor]]:
        """An image of the class that was left out, and its name; none where none was."""
        if self.left_out is None or not len(self.left_out[1]):
            return []
        name, images = self.left_out
        return [(Message(N_("class {name}"), {"name": name}), images[0])]
