r"""Autoencoder: compress an image to a latent vector and rebuild it.

.. math:: z = f(x), \quad \hat x = g(z), \quad \min \lVert g(f(x)) - x \rVert^2

It has *no* distribution over z: it can rebuild, not sample. Source: Hinton & Salakhutdinov 2006, *Reducing the
Dimensionality of Data with Neural Networks*. With ``corruption`` it is a denoising autoencoder (Vincent et al. 2008):
the input is disturbed, the target is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from olaria.models.base import Batch, Loss, Model, ModelConfig, ParameterGroup, Phase, Shape
from olaria.nn.conv import ConvDecoder, ConvEncoder
from olaria.nn.mlp import mlp
from olaria.objectives.reconstruction import squared_error

if TYPE_CHECKING:
    from olaria.models.vae import VAEConfig


class AutoEncoderConfig(ModelConfig):
    """Settings of :class:`AutoEncoder`."""

    family: Literal["autoencoder"] = "autoencoder"
    latent: int = Field(32, ge=1)
    """Size of the bottleneck."""
    network: Literal["dense", "conv"] = "dense"
    hidden: tuple[int, ...] = (512, 256)
    """Sizes of the dense hidden layers, encoder side; () is the linear autoencoder."""
    activation: Literal["relu", "gelu", "silu"] = "gelu"
    """Of the dense network."""
    width: int = Field(16, ge=1)
    """Channels of the convolutional network at full size."""
    output: Literal["sigmoid", "linear"] = "sigmoid"
    corruption: float = Field(0.0, ge=0.0)
    """Standard deviation of the Gaussian noise on the input while training."""


SIZES = {
    "tiny": AutoEncoderConfig(latent=8, hidden=(64,), width=4),
    "small": AutoEncoderConfig(),
    "base": AutoEncoderConfig(hidden=(1024, 512, 256), width=32),
}


class ImageStatistics(nn.Module):
    r"""The mean image :math:`\bar x` of the data and its logit.

    The encoder sees :math:`x - \bar x`, and the decoder's answer is added to the mean (or to its logit): the untrained
    model already answers with the mean image, and the weights learn differences from it.
    """

    mean: Tensor
    logit: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full(shape, 0.5))
        self.register_buffer("logit", torch.zeros(shape))

    def measure(self, x: Tensor) -> None:
        """Take the statistics of images (N, C, H, W) in [0, 1]."""
        self.mean.copy_(x.mean(0))
        # Kept off 0 and 1: a pixel that was never lit may be lit tomorrow.
        self.logit.copy_(self.mean.clamp(1e-3, 1 - 1e-3).logit())


def dense_pair(
    shape: Shape, hidden: tuple[int, ...], activation: str, num_codes: int, latent: int
) -> tuple[nn.Module, nn.Module]:
    """A dense encoder to ``num_codes`` numbers and the mirrored decoder from ``latent`` numbers."""
    num_pixels = shape[0] * shape[1] * shape[2]
    encoder = nn.Sequential(nn.Flatten(), mlp([num_pixels, *hidden, num_codes], activation))
    decoder = nn.Sequential(
        mlp([latent, *reversed(hidden), num_pixels], activation), nn.Unflatten(1, shape)
    )
    return encoder, decoder


def image_pair(
    config: AutoEncoderConfig | VAEConfig, shape: Shape, num_codes: int
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of the asked kind; the decoder gives unbounded (B, C, H, W)."""
    if config.network == "conv":
        encoder = ConvEncoder(shape, config.width, num_codes)
        return encoder, ConvDecoder(config.latent, config.width, shape)
    return dense_pair(shape, config.hidden, config.activation, num_codes, config.latent)


@final
class AutoEncoder(Model):
    """Deterministic encoder and decoder.

    Args:
        config: settings.
        shape: (C, H, W) of the images.
    """

    family: ClassVar[str] = "autoencoder"

    def __init__(self, config: AutoEncoderConfig, shape: Shape) -> None:
        super().__init__()
        self.config = config
        self.latent = config.latent
        self.encoder, self.decoder = image_pair(config, shape, config.latent)
        self.statistics = ImageStatistics(shape)

    def adapt(self, x: Tensor) -> None:
        """Take the mean image of the training data."""
        self.statistics.measure(x)

    def encode(self, x: Tensor) -> Tensor:
        """Images in [0, 1], (B, C, H, W), to latent vectors (B, latent)."""
        z: Tensor = self.encoder(x - self.statistics.mean)
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Latent vectors (B, latent) to images (B, C, H, W); in [0, 1] unless the output is linear."""
        x: Tensor = self.decoder(z).float()
        if self.config.output == "sigmoid":
            return (x + self.statistics.logit).sigmoid()
        return x + self.statistics.mean

    def reconstruct(self, x: Tensor) -> Tensor:
        """``decode(encode(x))``."""
        return self.decode(self.encode(x))

    def loss(self, batch: Batch, generator: Generator) -> Loss:
        """Mean squared error of the rebuilt clean image, per pixel."""
        x = batch.x
        if self.config.corruption > 0:
            x = x + self.config.corruption * torch.randn(x.shape, generator=generator)
        return Loss({"mse": squared_error(self.reconstruct(x), batch.x).mean()})

    def phases(self) -> list[Phase]:
        """One phase over all parameters."""
        return [Phase("autoencoder", [ParameterGroup(list(self.parameters()))], self.loss)]
