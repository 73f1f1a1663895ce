"""Encoder and decoder of images, and the mean image that both work relative to."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from olaria.families.autoencoder import AutoEncoderConfig
from olaria.families.vae import VAEConfig
from olaria.models.base import Shape
from olaria.nn.conv import ConvDecoder, ConvEncoder
from olaria.nn.mlp import mlp


class ImageStatistics(nn.Module):
    r"""The mean image :math:`\bar x` of the data and its logit.

    The encoder receives :math:`x - \bar x`. The decoder's output is added to the mean (or to its logit): the untrained
    model already outputs roughly the mean image, and the weights learn differences from it.
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
        # Kept off 0 and 1: a pixel that is black in all of them may be lit in another image.
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
    config: AutoEncoderConfig | VAEConfig, shape: Shape, num_codes: int, num_inputs: int
) -> tuple[nn.Module, nn.Module]:
    """Encoder to ``num_codes`` numbers and decoder from ``num_inputs``, which gives unbounded (B, C, H, W)."""
    if config.network == "conv":
        encoder = ConvEncoder(shape, config.width, num_codes)
        return encoder, ConvDecoder(num_inputs, config.width, shape)
    return dense_pair(shape, config.hidden, config.activation, num_codes, num_inputs)
