r"""Generative adversarial network: a generator and a discriminator in a game.

.. math:: z \sim N(0, I), \quad \tilde x = G(z), \qquad
   \min_G \max_D\; \mathbb E_x[\log D(x)] + \mathbb E_z[\log(1 - D(G(z)))]

The noise *has* a fixed prior, N(0, I); what a GAN lacks is a likelihood and an encoder. Source: Goodfellow et al. 2014,
*Generative Adversarial Nets*; spectral normalisation from Miyato et al. 2018; the average of the generator's weights
that draws the samples from Yazıcı et al. 2019.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from olaria.models.base import Batch, Loss, Model, ModelConfig, ParameterGroup, Phase, Shape
from olaria.nn.conv import ConvDecoder, ConvEncoder
from olaria.objectives.adversarial import discriminator_loss, generator_loss


class GANConfig(ModelConfig):
    """Settings of :class:`GAN`."""

    family: Literal["gan"] = "gan"
    latent: int = Field(64, ge=1)
    generator_width: int = Field(16, ge=1)
    discriminator_width: int = Field(32, ge=1)
    slope: float = Field(0.2, ge=0.0)
    """LeakyReLU's slope in the discriminator."""
    loss: Literal["non-saturating", "hinge"] = "non-saturating"
    spectral: bool = True
    """Spectral normalisation of the discriminator."""
    discriminator_updates: int = Field(1, ge=1)


SIZES = {
    "tiny": GANConfig(latent=8, generator_width=4, discriminator_width=4),
    "small": GANConfig(),
    "base": GANConfig(latent=128, generator_width=64, discriminator_width=64),
}


@final
class ImageGenerator(nn.Module):
    """Normal noise to images in [0, 1]."""

    def __init__(self, latent: int, width: int, shape: Shape) -> None:
        super().__init__()
        self.latent = latent
        self.decoder = ConvDecoder(latent, width, shape, normalise=True)

    def forward(self, z: Tensor) -> Tensor:
        """(B, latent) to (B, C, H, W) in [0, 1]."""
        x: Tensor = self.decoder(z).float().sigmoid()
        return x


@final
class GAN(Model):
    """Convolutional generator and discriminator.

    Args:
        config: settings.
        shape: (C, H, W) of the images.
    """

    family: ClassVar[str] = "gan"

    def __init__(self, config: GANConfig, shape: Shape) -> None:
        super().__init__()
        self.config = config
        self.latent = config.latent
        self.generator = ImageGenerator(config.latent, config.generator_width, shape)
        self.discriminator = ConvEncoder(
            shape, config.discriminator_width, 1, config.slope, config.spectral
        )

    def discriminate(self, x: Tensor) -> Tensor:
        """Images in [0, 1], (B, C, H, W), to logits of being real, (B,)."""
        # Centred at zero, where the discriminator's first layer sees both signs.
        logits: Tensor = self.discriminator(2 * x - 1).float()
        return logits.squeeze(1)

    def _noise(self, like: Tensor, generator: Generator) -> Tensor:
        return torch.randn(len(like), self.latent, generator=generator)

    def discriminator_loss(self, batch: Batch, generator: Generator) -> Loss:
        """The discriminator's side; the generator gets no gradient."""
        with torch.no_grad():
            fake = self.generator(self._noise(batch.x, generator))
        # One pass over both, so that the power iteration of the spectral norm moves once per update.
        logits = self.discriminate(torch.cat((batch.x, fake)))
        real, generated = logits.chunk(2)
        loss = discriminator_loss(real, generated, self.config.loss)
        return Loss({"discriminator_loss": loss})

    def generator_loss(self, batch: Batch, generator: Generator) -> Loss:
        """The generator's side, on as many images as the batch has."""
        fake = self.discriminate(self.generator(self._noise(batch.x, generator)))
        return Loss({"generator_loss": generator_loss(fake, self.config.loss)})

    def phases(self) -> list[Phase]:
        """Discriminator, then generator."""
        discriminator = [ParameterGroup(list(self.discriminator.parameters()))]
        generator = [ParameterGroup(list(self.generator.parameters()))]
        return [
            Phase(
                "discriminator",
                discriminator,
                self.discriminator_loss,
                self.config.discriminator_updates,
            ),
            Phase("generator", generator, self.generator_loss),
        ]
