r"""Generative adversarial network: a generator and a discriminator in a game.

.. math:: z \sim N(0, I), \quad \tilde x = G(z), \qquad
   \min_G \max_D\; \mathbb E_x[\log D(x)] + \mathbb E_z[\log(1 - D(G(z)))]

The noise *has* a fixed prior, N(0, I); what a GAN lacks is a likelihood and an encoder. Source: Goodfellow et al. 2014,
*Generative Adversarial Nets*; spectral normalisation from Miyato et al. 2018; the average of the generator's weights
that draws the samples from Yazıcı et al. 2019. With ``classes`` both networks are given the class, the generator
beside its noise (Mirza & Osindero 2014), the discriminator by a projection (Miyato & Koyama 2018).
"""

from __future__ import annotations

from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from olaria.families.gan import GANConfig
from olaria.models.base import ImageModel, Shape
from olaria.models.game import Game, Side
from olaria.nn.augment import augmented
from olaria.nn.classes import with_class
from olaria.nn.conv import ConvDecoder, ConvEncoder


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
class GAN(Game, ImageModel):
    """Convolutional generator and discriminator.

    Args:
        config: settings.
        shape: (C, H, W) of the images.

    >>> model = GAN(GANConfig(latent=2, generator_width=4, discriminator_width=4), (1, 8, 8))
    >>> x = model.images(torch.randn(5, 2))
    >>> x.shape, model.discriminate(x).shape
    (torch.Size([5, 1, 8, 8]), torch.Size([5]))
    >>> [phase.name for phase in model.phases()]
    ['discriminator', 'generator']
    """

    family: ClassVar[str] = "gan"
    has_prior: ClassVar[bool] = True
    measured_by = "samples"
    config: GANConfig
    generator: ImageGenerator
    augment_probability: Tensor

    def __init__(self, config: GANConfig, shape: Shape) -> None:
        super().__init__(config, config.latent, config.classes)
        self.generator = ImageGenerator(
            config.latent, config.generator_width, shape, config.classes, config.generator_depth
        )
        self.discriminator = ConvEncoder(
            shape,
            config.discriminator_width,
            1,
            config.slope,
            config.spectral,
            config.discriminator_depth,
        )
        if config.classes:
            size = self.discriminator.num_features
            rows: nn.Module = (
                nn.Embedding(config.classes, size)
                if config.conditioning == "projection"
                else nn.Linear(size, config.classes)
            )
            self.class_rows: nn.Module = spectral_norm(rows) if config.spectral else rows
        if config.augment == "adaptive":
            self.register_buffer("augment_probability", torch.zeros(()))

    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The generator's output, (B, C, H, W) in [0, 1]."""
        x: Tensor = self.generator(z, y)
        return x

    def discriminate(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        r"""Images in [0, 1], (B, C, H, W), to logits of being real, (B,).

        .. math:: l(x, y) = w \cdot \phi(x) + v_y \cdot \phi(x)

        with the last layer's features :math:`\phi` and a row :math:`v_y` of each class, where there are classes.
        Source: Miyato & Koyama 2018, *cGANs with Projection Discriminator*, equation 8.
        """
        # Centred at zero, so that the discriminator's inputs have both signs.
        features = self.discriminator.describe(2 * x - 1)
        return self._judged(features, y)

    def _judged(self, features: Tensor, y: Tensor | None) -> Tensor:
        logits: Tensor = self.discriminator.head(features).float().squeeze(1)
        if y is None or not self.classes or self.config.conditioning == "auxiliary":
            return logits
        projected: Tensor = (self.class_rows(y) * features).float().sum(1)
        return logits + projected

    def judge(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        r"""See :meth:`discriminate`; with an auxiliary classifier also :math:`-\log p(y \mid x)`, (B,).

        Source: Odena et al. 2017, *Conditional Image Synthesis with Auxiliary Classifier GANs*, equation 3.
        """
        if y is None or not self.classes or self.config.conditioning == "projection":
            return self.discriminate(x, y), None
        features = self.discriminator.describe(2 * x - 1)
        nats = F.cross_entropy(self.class_rows(features).float(), y, reduction="none")
        return self._judged(features, y), nats

    def augment(self, x: Tensor, generator: Generator) -> Tensor:
        """See :func:`olaria.nn.augment.augmented`."""
        if self.config.augment == "none":
            return x
        return augmented(x, self.augment_probability, generator)

    def update_augmentation(self, real_logits: Tensor) -> None:
        r"""Augment images a little more often where the discriminator is too sure of real ones, else a little less.

        .. math:: p \leftarrow p + \tfrac{B}{N} \operatorname{sign}\bigl(\mathbb E[\operatorname{sign} l(x)] - r\bigr)

        Source: Karras et al. 2020, section 3.1, equation 1 (:math:`r_t`).
        """
        if self.config.augment == "adaptive":
            surer = torch.sign(real_logits.sign().mean() - self.config.augment_target)
            step = surer * len(real_logits) / self.config.augment_examples
            self.augment_probability.add_(step).clamp_(0, 1)

    def sides(self) -> tuple[Side, Side]:
        """The output layers apart; the rows of the classes count as one."""
        judges: list[nn.Module] = [self.discriminator]
        if self.classes:
            judges.append(self.class_rows)
        last = [self.discriminator.head, *judges[1:]]
        return (judges, last), ([self.generator], [self.generator.decoder.head])
