r"""A GAN of points in the plane: small enough to watch both distributions and the discriminator between them.

The game is that of :mod:`olaria.models.game`, between two dense networks; the noise is N(0, I). Where the densities p
of the data and q of the generator are known, so is the best discriminator:

.. math:: D^*(x) = \frac{p(x)}{p(x) + q(x)}

Source: Goodfellow et al. 2014, proposition 1.
"""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from olaria.families.gan import PlaneGANConfig
from olaria.i18n import N_
from olaria.models.base import PointModel, centre_and_spread, last_layer
from olaria.models.game import Game, Side
from olaria.nn.mlp import mlp


@final
class PointGenerator(nn.Module):
    """Normal noise to points.

    Args:
        latent: numbers of the noise.
        hidden: sizes of the hidden layers.
        size: coordinates of a point.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, latent: int, hidden: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.network = mlp([latent, *hidden, size], "relu")
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(()))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """(B, latent) to (B, size), in the units of the data; ``y`` is ignored."""
        x: Tensor = self.centre + self.spread * self.network(z).float()
        return x


@final
class PlaneGAN(Game, PointModel):
    """Dense generator and discriminator of points.

    Args:
        config: settings.
        size: coordinates of a point.

    >>> model = PlaneGAN(PlaneGANConfig(latent=3, hidden=(8,)), 2)
    >>> points = model.generator(torch.randn(5, 3))
    >>> points.shape, model.discriminate(points).shape
    (torch.Size([5, 2]), torch.Size([5]))
    """

    family: ClassVar[str] = "plane-gan"
    ground: ClassVar[str] = N_(
        "ground: blue where the discriminator says real, red where it says generated"
    )
    generator: PointGenerator

    def __init__(self, config: PlaneGANConfig, size: int) -> None:
        super().__init__(config, config.latent)
        self.generator = PointGenerator(config.latent, config.hidden, size)
        judge = mlp([size, *config.hidden, 1], "leaky-relu")
        for layer in judge:
            if isinstance(layer, nn.LeakyReLU):
                layer.negative_slope = config.slope
            elif config.spectral:
                spectral_norm(layer)
        self.discriminator = judge

    def adapt(self, x: Tensor, y: Tensor | None = None) -> None:
        """Take the mean and the scale of the data: both networks work in units of these."""
        centre, spread = centre_and_spread(x)
        self.generator.centre.copy_(centre)
        self.generator.spread.copy_(spread)

    def points(self, z: Tensor) -> Tensor:
        """The generator's output, (B, size)."""
        x: Tensor = self.generator(z)
        return x

    def shade(self, x: Tensor) -> Tensor:
        r"""The discriminator, :math:`2 D(x) - 1` with :math:`D(x) = \sigma(l(x))`."""
        return 2 * self.discriminate(x).sigmoid() - 1

    def discriminate(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Points (B, size) to logits of being real, (B,)."""
        scaled = (x - self.generator.centre) / self.generator.spread
        logits: Tensor = self.discriminator(scaled).float().squeeze(1)
        return logits

    def sides(self) -> tuple[Side, Side]:
        """The output layers apart."""
        judge, maker = self.discriminator, self.generator
        return ([judge], [last_layer(judge)]), ([maker], [last_layer(maker)])
