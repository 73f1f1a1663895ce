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
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent

NUM_TEST = 1000
NUM_TRAIN = 5000
"""Training images that the principal components are fitted to."""
NUM_VOTERS = 2000
"""Of them, those whose codes are neighbours."""
NUM_SHOWN = 8
NUM_DISTURBED = 200
NUM_NORMAL = 500
NUM_LEFT_OUT = 100
MOST_RUNS = 4
"""Further runs in one figure."""
LEVELS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
"""Of the disturbance: a standard deviation, or a share of the pixels."""

Named = tuple[Words, Tensor]
"""An image, (C, H, W), and what it is."""


@dataclass(frozen=True)
class Scene(Opened):
    """The test images, and training images (M, C, H, W) beside them with their classes (M,)."""

    train: Tensor
    train_y: Tensor | None

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The run that is opened up."""
        known = images.opened(asked, NUM_TEST)
        train = images.some(known.data.train, NUM_TRAIN, known.generator("train"))
        return cls(asked, known.model, known.data, known.x, known.y, *train)

    @property
    def autoencoder(self) -> AutoEncoder:
        """The model."""
        assert isinstance(self.model, AutoEncoder)
        return self.model

    @cached_property
    def rebuilt(self) -> Tensor:
        """The test images through the bottleneck and back."""
        return latent.reconstruct(self.model, self.x)

    @cached_property
    def components(self) -> PrincipalComponents:
        """Up to four times as many as the code has numbers; never more than an image has."""
        size = self.autoencoder.latent
        most = min(max(size, min(4 * size, 512)), self.x[0].numel())
        return images.components(self.train, most, self.generator("components"))

    @property
    def size(self) -> int:
        """Components that are set beside the code: as many as it has numbers, where there are so many."""
        return min(self.autoencoder.latent, len(self.components.axes))

    @cached_property
    def projected(self) -> Tensor:
        """The test images through as many components and back."""
        found = self.components
        own = PrincipalComponents(found.mean, found.axes[: self.size], found.shares[: self.size])
        return own.decode(own.encode(self.x)).view_as(self.x)

    @cached_property
    def others(self) -> list[tuple[str, int, Tensor]]:
        """Further autoencoders of the same images: name, numbers in the code, the rebuilt test images."""
        found = []
        for run in images.comparable(self.asked, "autoencoder")[:MOST_RUNS]:
            model = run.model()
            assert isinstance(model, AutoEncoder)
            found.append((run.name, model.latent, latent.reconstruct(model, self.x)))
        return found

    @cached_property
    def codes(self) -> Tensor:
        """Of the test images, (N, latent)."""
        return latent.encode(self.model, self.x)

    @cached_property
    def voters(self) -> Tensor:
        """Codes of training images, (M, latent)."""
        return latent.encode(self.model, self.train[:NUM_VOTERS])

    # -- images that are disturbed, and images that do not belong ---------------------------------------

    @cached_property
    def disturbed(self) -> dict[float, Tensor]:
        """Some test images, disturbed more and more: by the strength, which is a level of the run's own noise."""
        config, x = self.autoencoder.config, self.x[:NUM_DISTURBED]
        generator = self.generator("disturbed")
        levels = sorted({*LEVELS, config.corruption})
        return {level: corrupted(x, config.noise, level, generator) for level in levels}

    @cached_property
    def cleaned(self) -> dict[float, Tensor]:
        """The same, rebuilt."""
        return {level: latent.reconstruct(self.model, x) for level, x in self.disturbed.items()}

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
    def strange(self) -> list[Named]:
        """A test image, and what is made of it that no data set of its kind has."""
        generator = self.generator("strange")
        one, other = (self.x[row] for row in self.two())
        middle = one.shape[-1] // 2
        order = torch.randperm(one[0].numel(), generator=generator)
        turned = one.rot90(1, (1, 2)) if one.shape[1] == one.shape[2] else one.flip(1)
        found: list[Named] = [
            (self.words(0), one),
            (Message(N_("turned")), turned),
            (Message(N_("two halves")), torch.cat((one[..., :middle], other[..., middle:]), -1)),
            (Message(N_("inverted")), 1 - one),
            (Message(N_("pixels shuffled")), one.flatten(1)[:, order].view_as(one)),
            (Message(N_("noise")), torch.rand(one.shape, generator=generator)),
            (Message(N_("blank")), torch.zeros_like(one)),
        ]
        if self.left_out is not None and len(self.left_out[1]):
            name, left_out = self.left_out
            found.append((Message(N_("class {name}"), {"name": name}), left_out[0]))
        return found

    # -- choices ------------------------------------------------------------------------------------

    @cached_property
    def ranked(self) -> list[int]:
        """Test images: those that the code rebuilds better than as many components, then those that it does not."""
        gain = squared_error(self.projected, self.x) - squared_error(self.rebuilt, self.x)
        order = gain.argsort(descending=True, stable=True)
        half = max(1, min(NUM_SHOWN // 2, len(order) // 2))
        rows: list[int] = torch.cat((order[:half], order[len(order) - half :])).tolist()
        return rows

    @cached_property
    def match(self) -> int | None:
        """The fewest components that come as near to the test images as the code does; None where none do."""
        found = self.components
        centred = self.x.flatten(1).double() - found.mean
        held = (centred @ found.axes.T).square().sum(0)
        left = centred.square().sum() - torch.cat((held.new_zeros(1), held)).cumsum(0)
        reached = left / self.x.numel() <= squared_error(self.rebuilt, self.x).double().mean()
        return int(reached.nonzero()[0]) if reached.any() else None
