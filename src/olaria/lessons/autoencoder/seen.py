"""What the steps of the autoencoder's lesson look at: test images, their reconstructions, PCA's beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from olaria.evaluation.projection import PrincipalComponents
from olaria.i18n import N_, Message
from olaria.lessons import images
from olaria.lessons.base import Array, Check, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.images import Opened
from olaria.models.autoencoder import AutoEncoder
from olaria.sampling import latent

NUM_TEST = 1000
NUM_TRAIN = 5000
"""Training images that the principal components are fitted to."""
NUM_VOTERS = 2000
"""Of them, those whose codes are neighbours."""
NUM_ASKED = 500
"""Test images whose neighbours are looked for."""
NUM_SHOWN = 8


@dataclass(frozen=True)
class Seen(Opened):
    """The test images, and training images (M, C, H, W) beside them with their classes (M,)."""

    train: Tensor
    train_y: Tensor | None

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

    @cached_property
    def projection(self) -> PrincipalComponents:
        """As many as the code has numbers."""
        found, size = self.components, self.autoencoder.latent
        return PrincipalComponents(found.mean, found.axes[:size], found.shares[:size])

    @cached_property
    def projected(self) -> Tensor:
        """The test images through the projection and back."""
        return self.projection.decode(self.projection.encode(self.x)).view_as(self.x)

    @cached_property
    def voters(self) -> Tensor:
        """Codes of training images, (M, latent)."""
        return latent.encode(self.model, self.train[:NUM_VOTERS])


def rebuilt_by_hand(seen: Seen, rows: slice) -> Check:
    """Reconstructions of some test images, and the same by NumPy."""
    model, x = seen.autoencoder, numbers(seen.x[rows])
    return Check(
        Message(
            N_("reconstructions of {count} of the images, again in NumPy from the raw weights"),
            {"count": len(x)},
        ),
        seen.rebuilt[rows].numpy(),
        networks.image(model, networks.code(model, x)).clip(0, 1),
    )


def error_of(a: Array, b: Array) -> float:
    """The mean squared difference, one pixel after the other."""
    pairs = zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)
    return sum((one - other) ** 2 for one, other in pairs) / a.size
