r"""Masked diffusion of binary pixels: a network learns each hidden pixel given the visible ones.

See :mod:`olaria.objectives.masking` for what is hidden, the bound that is trained, and how images are drawn. Pixels are
black or white, drawn by their grey value, as those of a VAE with Bernoulli pixels: both bound the same likelihood.
"""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Generator, Tensor, nn

from olaria import draws
from olaria.errors import ConfigError
from olaria.families.mask import MaskConfig
from olaria.i18n import N_, Setting
from olaria.models.base import Batch, ImageModel, Loss, Phase, Shape, hidden_apart
from olaria.models.outline import Outline, layers_of, value
from olaria.models.pair import ImageStatistics
from olaria.models.vae import binarize
from olaria.nn.unet import UNet
from olaria.objectives.masking import (
    MEAN_PARTS,
    Unmasking,
    drawn_mask,
    expected,
    hidden_nats,
    negative_bound,
    ranked,
    shown,
    unmask,
)


@final
class MaskedDiffusion(ImageModel):
    """A U-Net of the visible pixels and of where they are, which tells the time too.

    Args:
        config: settings.
        shape: (C, H, W) of the images; H and W can be halved as often as there are widths.

    Raises:
        ConfigError: they cannot.

    >>> model = MaskedDiffusion(MaskConfig(widths=(4, 8), depths=(1, 1)), (1, 8, 8))
    >>> model.images(torch.randn(5, 128)).shape
    torch.Size([5, 1, 8, 8])
    >>> list(model.loss(Batch(torch.rand(5, 1, 8, 8)), Generator()).parts)
    ['bound_nats']
    """

    family: ClassVar[str] = "mask"
    has_prior: ClassVar[bool] = True
    measured_by = "masked"
    sampler: Unmasking

    def __init__(self, config: MaskConfig, shape: Shape) -> None:
        super().__init__()
        channels, height, width = shape
        stride = 2 ** len(config.widths)
        if height % stride or width % stride:
            raise ConfigError(
                N_(
                    "a U-Net of these widths needs sides that {stride} divides, not {height}×{width}; use {resize}"
                ),
                resize=Setting("resize"),
                stride=stride,
                height=height,
                width=width,
            )
        self.config, self.shape = config, shape
        size = channels * height * width
        self.latent = 2 * size
        self.sampler = Unmasking(config.steps, size)
        self.network = UNet(
            shape, config.widths, config.depths, 0, inputs=2 * channels, dense=config.dense
        )
        # From zero, the blocks begin a step later.
        nn.init.normal_(self.network.head.weight, std=0.01)
        self.statistics = ImageStatistics(shape)

    def adapt(self, x: Tensor, y: Tensor | None = None) -> None:
        """Take the mean image of the training data."""
        self.statistics.measure(x)

    def target(self, x: Tensor, generator: Generator) -> Tensor:
        """Images in [0, 1] as the likelihood takes them: see :func:`olaria.models.vae.binarize`."""
        return binarize(x, generator)

    def logits(self, x: Tensor, is_hidden: Tensor) -> Tensor:
        """Of each pixel, given the visible ones: (B, C, H, W), float32.

        Args:
            x: binary images, (B, C, H, W); hidden pixels are not read.
            is_hidden: which ones are, the same shape, bool.
        """
        output: Tensor = self.network(shown(x, is_hidden))
        return output.float() + self.statistics.logit

    def nll_bound(self, x: Tensor, t: Tensor, generator: Generator) -> Tensor:
        r"""An estimate of the bound on :math:`-\log p(x)`, in nats per image, (B,).

        Args:
            x: binary images, (B, C, H, W).
            t: times at which pixels are hidden, uniform in [0, 1], (B,).
            generator: draws the masks.
        """
        is_hidden = drawn_mask(x, t, generator)
        return negative_bound(hidden_nats(self.logits(x, is_hidden), x, is_hidden), is_hidden)

    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Noise (B, 2 · C · H · W) to images; see :meth:`drawn` and :func:`olaria.objectives.masking.expected`."""
        x, ranks = self.drawn(z)
        return expected(self.logits, x, ranks, MEAN_PARTS)

    def drawn(self, z: Tensor) -> tuple[Tensor, Tensor]:
        r"""Binary images of noise, and the ranks of their pixels in the order of drawing, both (B, C, H, W).

        The first half of the noise gives the order. The second is made uniform by the normal distribution function, and
        a pixel is white where its number lies below its probability.

        Args:
            z: noise, (B, 2 · C · H · W).
        """
        order, noise = z.float().view(-1, 2, *self.shape).unbind(1)
        ranks = ranked(order)
        return unmask(self.logits, ranks, torch.special.ndtr(noise), self.sampler.steps), ranks

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """The bound, in nats per image.

        Visible pixels are drawn by their grey values, and the target of a hidden one is the grey value itself: given
        the grey image all draws are independent, so that this is the mean of the bound over the draws of the hidden
        pixels. Its gradient is right on average, as with drawn targets, and varies less.
        """
        x = self.target(batch.x, generator)
        is_hidden = drawn_mask(x, draws.spread(len(x), generator), generator)
        nats = hidden_nats(self.logits(x, is_hidden), batch.x.float(), is_hidden)
        return Loss({"bound_nats": negative_bound(nats, is_hidden).mean()})

    def outline(self, dimensions: Shape) -> Outline:
        """The visible pixels, the network, the pixels' probabilities."""
        channels, *sides = dimensions
        return [
            value(N_("visible pixels, and which they are"), 2 * channels, *sides),
            layers_of(N_("network"), "network"),
            value(N_("probabilities of the hidden pixels"), *dimensions),
        ]

    def phases(self) -> list[Phase]:
        """One phase over all parameters."""
        groups = hidden_apart([self], [self.network.stem, self.network.head])
        return [Phase("mask", groups, self.loss)]
