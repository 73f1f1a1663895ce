r"""Generative adversarial network: a generator and a discriminator in a game.

.. math:: z \sim N(0, I), \quad \tilde x = G(z), \qquad
   \min_G \max_D\; \mathbb E_x[\log D(x)] + \mathbb E_z[\log(1 - D(G(z)))]

The noise *has* a fixed prior, N(0, I); what a GAN lacks is a likelihood and an encoder. Source: Goodfellow et al. 2014,
*Generative Adversarial Nets*; spectral normalisation from Miyato et al. 2018; the average of the generator's weights
that draws the samples from Yazıcı et al. 2019. With ``classes`` both sides are told the class, the generator beside its
noise (Mirza & Osindero 2014), the discriminator by a projection (Miyato & Koyama 2018).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal, final

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from olaria.models.base import Batch, Loss, Model, ModelConfig, Phase, Shape, hidden_apart
from olaria.nn.classes import with_class
from olaria.nn.conv import ConvDecoder, ConvEncoder
from olaria.objectives.adversarial import AdversarialLoss, discriminator_loss, generator_loss
from olaria.objectives.penalties import slope_penalty, zero_slope_penalty


class GANConfig(ModelConfig):
    """Settings of :class:`GAN`."""

    family: Literal["gan"] = "gan"
    latent: int = Field(64, ge=1)
    generator_width: int = Field(24, ge=1)
    generator_depth: int = Field(1, ge=0)
    """Residual convolutions of the generator where its image is smallest."""
    discriminator_width: int = Field(32, ge=1)
    slope: float = Field(0.2, ge=0.0)
    """LeakyReLU's slope in the discriminator."""
    loss: AdversarialLoss = "non-saturating"
    penalty: Literal["none", "gradient", "r1"] = "none"
    """On the discriminator's slope: ``gradient`` keeps it near 1 between real and generated images, ``r1`` near 0 on
    real ones. WGAN-GP is ``loss="wasserstein"`` with ``penalty="gradient"``."""
    penalty_weight: float = Field(10.0, ge=0.0)
    classes: int = Field(0, ge=0)
    """Of the data, where images are drawn for a class; 0 leaves classes out."""
    spectral: bool = True
    """Spectral normalisation of the discriminator."""
    discriminator_updates: int = Field(1, ge=1)
    discriminator_rate: float = Field(0.3, gt=0.0)
    """Factor on the discriminator's learning rates (Heusel et al. 2017, who give each side its own)."""


SIZES = {
    "tiny": GANConfig(latent=8, generator_width=4, discriminator_width=4),
    "small": GANConfig(),
    "base": GANConfig(latent=128, generator_width=64, discriminator_width=64),
}


@final
class ImageGenerator(nn.Module):
    """Normal noise to images in [0, 1]."""

    def __init__(
        self, latent: int, width: int, shape: Shape, classes: int = 0, depth: int = 0
    ) -> None:
        super().__init__()
        self.latent, self.classes = latent, classes
        self.decoder = ConvDecoder(latent + classes, width, shape, normalise=True, depth=depth)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """(B, latent), and the classes (B,) where there are some, to (B, C, H, W) in [0, 1]."""
        x: Tensor = self.decoder(with_class(z, y, self.classes)).float().sigmoid()
        return x


@final
class GAN(Model):
    """Convolutional generator and discriminator.

    Args:
        config: settings.
        shape: (C, H, W) of the images.
    """

    family: ClassVar[str] = "gan"
    changeable = ("loss", "penalty", "penalty_weight", "discriminator_rate")

    def __init__(self, config: GANConfig, shape: Shape) -> None:
        super().__init__()
        self.config = config
        self.latent, self.classes = config.latent, config.classes
        self.generator = ImageGenerator(
            config.latent, config.generator_width, shape, config.classes, config.generator_depth
        )
        self.discriminator = ConvEncoder(
            shape, config.discriminator_width, 1, config.slope, config.spectral
        )
        if config.classes:
            rows = nn.Embedding(config.classes, self.discriminator.num_features)
            self.class_rows: nn.Module = spectral_norm(rows) if config.spectral else rows

    def discriminate(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        r"""Images in [0, 1], (B, C, H, W), to logits of being real, (B,).

        .. math:: l(x, y) = w \cdot \phi(x) + v_y \cdot \phi(x)

        with the last layer's features :math:`\phi` and a row :math:`v_y` of each class, where there are classes.
        Source: Miyato & Koyama 2018, *cGANs with Projection Discriminator*, equation 8.
        """
        # Centred at zero, where the discriminator's first layer sees both signs.
        features = self.discriminator.describe(2 * x - 1)
        logits: Tensor = self.discriminator.head(features).float().squeeze(1)
        if y is None or not self.classes:
            return logits
        projected: Tensor = (self.class_rows(y) * features).float().sum(1)
        return logits + projected

    def _noise(self, like: Tensor, generator: Generator) -> Tensor:
        return torch.randn(len(like), self.latent, generator=generator)

    def discriminator_loss(self, batch: Batch, generator: Generator) -> Loss:
        """The discriminator's side; the generator gets no gradient."""
        y = batch.y if self.classes else None
        with torch.no_grad():
            fake = self.generator(self._noise(batch.x, generator), y)
        # One pass over both, so that the power iteration of the spectral norm moves once per update.
        both = None if y is None else torch.cat((y, y))
        real, generated = self.discriminate(torch.cat((batch.x, fake)), both).chunk(2)
        loss = discriminator_loss(real, generated, self.config.loss)
        if self.config.penalty == "none":
            return Loss({"discriminator_loss": loss})

        def discriminate(x: Tensor) -> Tensor:
            return self.discriminate(x, y)

        if self.config.penalty == "gradient":
            penalty = slope_penalty(discriminate, batch.x, fake, generator)
        else:
            penalty = zero_slope_penalty(discriminate, batch.x)
        parts = {"discriminator_loss": loss, "penalty": penalty.mean()}
        return Loss(parts, {"penalty": self.config.penalty_weight})

    def generator_loss(self, batch: Batch, generator: Generator) -> Loss:
        """The generator's side, on as many images as the batch has."""
        y = batch.y if self.classes else None
        fake = self.discriminate(self.generator(self._noise(batch.x, generator), y), y)
        return Loss({"generator_loss": generator_loss(fake, self.config.loss)})

    def change(self, name: str, value: Any) -> None:
        """See :meth:`olaria.models.base.Model.change`."""
        self.config = self.config.updated(name, value)

    def phases(self) -> list[Phase]:
        """Discriminator, then generator."""
        judges: list[nn.Module] = [self.discriminator]
        if self.classes:
            judges.append(self.class_rows)
        scale = self.config.discriminator_rate
        discriminator = [
            replace(group, scale=scale)
            for group in hidden_apart(judges, [self.discriminator.head, *judges[1:]])
        ]
        generator = hidden_apart([self.generator], [self.generator.decoder.head])
        return [
            Phase(
                "discriminator",
                discriminator,
                self.discriminator_loss,
                self.config.discriminator_updates,
            ),
            Phase("generator", generator, self.generator_loss),
        ]
