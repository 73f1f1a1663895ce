r"""Vector-quantized autoencoder: an image as a small grid of integers, for a language model to learn.

.. math:: \text{image} \to z_e \to k = \text{nearest entry of the codebook} \to e_k \to p(x \mid e_k)

An image has one grid of codes with certainty, so that a model p(k) of the codes makes a bound of the whole:

.. math:: -\log p(x) \le -\log p(x \mid e_{k(x)}) - \log p(k(x))

Source: van den Oord et al. 2017, *Neural Discrete Representation Learning*, equations 1 to 3 (with gradients for the
codebook).
"""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Generator, Tensor, nn

from olaria.errors import ConfigError
from olaria.families.vq import VQConfig
from olaria.i18n import N_, Setting
from olaria.models.base import Batch, ImageModel, Loss, Phase, Shape, hidden_apart
from olaria.models.outline import Outline, layers_of, pixels, value
from olaria.models.pair import ImageStatistics
from olaria.models.vae import binarize
from olaria.nn.conv import Conv, UpConv
from olaria.nn.quantize import Codebook, Quantized
from olaria.objectives.reconstruction import DiscretizedLogistic, bernoulli_nll

STRIDE = 4
"""Pixels of a side that share a code."""


@final
class VQ(ImageModel):
    """Convolutional encoder and decoder around a codebook.

    Args:
        config: settings.
        shape: (C, H, W) of the images; H and W are multiples of 4.

    Raises:
        ConfigError: they are not.

    >>> model = VQ(VQConfig(codes=16, latent=4, width=4), (1, 8, 8))
    >>> x = torch.rand(5, 1, 8, 8)
    >>> codes = model.encode(x)
    >>> codes.dtype, codes.shape
    (torch.int64, torch.Size([5, 2, 2]))
    >>> model.logits(codes).shape, model.codes(x).shape
    (torch.Size([5, 1, 8, 8]), torch.Size([5, 16]))
    >>> list(model.loss(Batch(x), Generator()).parts)
    ['reconstruction_nats', 'codebook', 'commitment']
    """

    family: ClassVar[str] = "vq"
    encodes: ClassVar[bool] = True
    measured_by = "codes"
    no_prior: ClassVar[str] = N_(
        "the family {family} has no prior of its own; train gpt-shakespeare with {codes}, "
        "and sample that"
    )

    def __init__(self, config: VQConfig, shape: Shape) -> None:
        super().__init__()
        channels, height, width = shape
        if height % STRIDE or width % STRIDE:
            raise ConfigError(
                N_("codes need sides that {stride} divides, not {height}×{width}; use {resize}"),
                resize=Setting("resize"),
                stride=STRIDE,
                height=height,
                width=width,
            )
        self.config = config
        self.grid = (height // STRIDE, width // STRIDE)
        self.latent = self.grid[0] * self.grid[1] * config.latent
        first, second = config.width, 2 * config.width
        self.encoder = nn.Sequential(
            Conv(channels, first, 4, stride=2, padding=1),
            nn.ReLU(),
            Conv(first, second, 4, stride=2, padding=1),
            nn.ReLU(),
            Conv(second, second, 3, padding=1),
            nn.ReLU(),
            Conv(second, config.latent, 1),
        )
        self.codebook = Codebook(config.codes, config.latent)
        self.decoder = nn.Sequential(
            Conv(config.latent, second, 3, padding=1),
            nn.ReLU(),
            Conv(second, second, 3, padding=1),
            nn.ReLU(),
            UpConv(second, first),
            nn.ReLU(),
            UpConv(first, first),
            nn.ReLU(),
            Conv(first, channels, 3, padding=1),
        )
        self.statistics = ImageStatistics(shape)
        if config.likelihood == "logistic":
            self.log_scale = nn.Parameter(torch.tensor(-2.0))

    @torch.no_grad()
    def adapt(self, x: Tensor, y: Tensor | None = None) -> None:
        """Take the mean image, and a first codebook from the untrained encoder's outputs.

        Its last layer is scaled first so that each number of a vector has mean 0 and variance 1 over the images
        (Salimans & Kingma 2016, *Weight Normalization*, section 3): else all vectors point one way, to one entry.
        """
        self.statistics.measure(x)
        examples, last = x[: 4 * self.config.codes], self.encoder[-1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        std, mean = torch.std_mean(self._vectors(examples).flatten(0, -2), 0)
        scale = 1 / std.clamp_min(1e-6)
        last.weight.mul_(scale[:, None, None, None])
        last.bias.sub_(mean).mul_(scale)
        self.codebook.begin(self._vectors(examples).flatten(0, -2), Generator().manual_seed(0))

    def _vectors(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) to the vectors before quantization, (B, h, w, D)."""
        vectors: Tensor = self.encoder(x - self.statistics.mean)
        return vectors.permute(0, 2, 3, 1)

    def quantize(self, x: Tensor) -> Quantized:
        """Images in [0, 1], (B, C, H, W), to their codes, (B, h, w), and vectors."""
        quantized: Quantized = self.codebook(self._vectors(x))
        return quantized

    def encode(self, x: Tensor) -> Tensor:
        """Images in [0, 1] to codes, int64 (B, h, w)."""
        return self.quantize(x).codes

    def logits(self, codes: Tensor) -> Tensor:
        """Codes (B, h, w) to logits (B, C, H, W); their sigmoid is the mean of each pixel."""
        return self._vector_logits(self.codebook.lookup(codes))

    def _vector_logits(self, vectors: Tensor) -> Tensor:
        output: Tensor = self.decoder(vectors.permute(0, 3, 1, 2))
        return output.float() + self.statistics.logit

    def codes(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images in [0, 1] to the entries of their codes, one after the other, (B, latent)."""
        return self.quantize(x).vectors.flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        """Vectors (B, latent), entries of the codebook or anything between them, to logits (B, C, H, W)."""
        return self._vector_logits(z.view(len(z), *self.grid, self.config.latent))

    def images(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The means of the pixels, (B, C, H, W)."""
        return self.decode(z).sigmoid()

    def reconstruct(self, x: Tensor) -> Tensor:
        """The means of the pixels given an image's codes, (B, C, H, W)."""
        return self.logits(self.encode(x)).sigmoid()

    def target(self, x: Tensor, generator: Generator) -> Tensor:
        """Images in [0, 1] as the likelihood takes them: Bernoulli pixels are drawn, grey ones stay."""
        return binarize(x, generator) if self.config.likelihood == "bernoulli" else x

    def nll(self, logits: Tensor, x: Tensor) -> Tensor:
        r""":math:`-\log p(x \mid e)` in nats per image, (B,)."""
        if self.config.likelihood == "bernoulli":
            return bernoulli_nll(logits, x)
        pixels = DiscretizedLogistic(logits.sigmoid(), self.log_scale.float().exp())
        return -pixels.log_prob(x).flatten(1).sum(1)

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """Nats of the image given its codes, and the distances that bring vectors and entries together."""
        x = self.target(batch.x, generator)
        quantized = self.quantize(x)
        nats = self.nll(self._vector_logits(quantized.vectors), x)
        parts = {
            "reconstruction_nats": nats.mean(),
            "codebook": quantized.codebook.sum((1, 2)).mean(),
            "commitment": quantized.commitment.sum((1, 2)).mean(),
        }
        pull = self.config.pull
        return Loss(parts, {"codebook": pull, "commitment": pull * self.config.commitment})

    def outline(self, dimensions: Shape) -> Outline:
        """Encoder, codebook, codes, decoder, pixels."""
        return [
            value(N_("image"), *dimensions),
            layers_of(N_("encoder"), "encoder"),
            layers_of(N_("codebook"), "codebook"),
            value(N_("grid of codes"), *self.grid),
            layers_of(N_("decoder"), "decoder"),
            *pixels(dimensions),
        ]

    def phases(self) -> list[Phase]:
        """One phase over all parameters; the codebook does not count as a hidden matrix."""
        last = [self.encoder[-1], self.decoder[-1], self.codebook]
        return [Phase("vq", hidden_apart([self], last), self.loss)]
