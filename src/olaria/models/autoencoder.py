r"""Autoencoder: compress an image to a latent vector and rebuild it.

.. math:: z = f(x), \quad \hat x = g(z), \quad \min \lVert g(f(x)) - x \rVert^2

It has *no* distribution over z: it can rebuild, not sample. Source: Hinton & Salakhutdinov 2006, *Reducing the
Dimensionality of Data with Neural Networks*. With ``corruption`` it is a denoising autoencoder (Vincent et al. 2008):
the input is disturbed, the target is not.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from olaria.models.base import Batch, Loss, Model, ModelConfig, ParameterGroup, Phase, Shape
from olaria.nn.conv import ConvDecoder, ConvEncoder
from olaria.nn.mlp import mlp
from olaria.objectives.reconstruction import squared_error


class AutoEncoderConfig(ModelConfig):
    """Settings of :class:`AutoEncoder`."""

    family: Literal["autoencoder"] = "autoencoder"
    latent: int = Field(32, ge=1)
    """Size of the bottleneck."""
    network: Literal["dense", "conv"] = "dense"
    hidden: tuple[int, ...] = (512, 256)
    """Sizes of the dense hidden layers, encoder side; () is the linear autoencoder."""
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


def dense_pair(
    shape: Shape, hidden: tuple[int, ...], num_codes: int, latent: int
) -> tuple[nn.Module, nn.Module]:
    """A dense encoder to ``num_codes`` numbers and the mirrored decoder from ``latent`` numbers."""
    num_pixels = shape[0] * shape[1] * shape[2]
    encoder = nn.Sequential(nn.Flatten(), mlp([num_pixels, *hidden, num_codes]))
    decoder = nn.Sequential(mlp([latent, *reversed(hidden), num_pixels]), nn.Unflatten(1, shape))
    return encoder, decoder


def image_pair(
    network: str, shape: Shape, hidden: tuple[int, ...], width: int, num_codes: int, latent: int
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of the asked kind; the decoder gives unbounded (B, C, H, W)."""
    if network == "conv":
        return ConvEncoder(shape, width, num_codes), ConvDecoder(latent, width, shape)
    return dense_pair(shape, hidden, num_codes, latent)


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
        self.encoder, self.decoder = image_pair(
            config.network, shape, config.hidden, config.width, config.latent, config.latent
        )

    def encode(self, x: Tensor) -> Tensor:
        """Images in [0, 1], (B, C, H, W), to latent vectors (B, latent)."""
        z: Tensor = self.encoder(x)
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Latent vectors (B, latent) to images (B, C, H, W); in [0, 1] unless the output is linear."""
        x: Tensor = self.decoder(z).float()
        return x.sigmoid() if self.config.output == "sigmoid" else x

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
