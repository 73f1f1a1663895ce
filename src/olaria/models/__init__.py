"""The networks of the families, as one table; their settings are in :mod:`olaria.families`."""

from __future__ import annotations

from typing import Any

from olaria.families.base import ModelConfig
from olaria.models.autoencoder import AutoEncoder
from olaria.models.base import Model
from olaria.models.gan import GAN
from olaria.models.gpt import GPT
from olaria.models.image_flow import ImageFlow
from olaria.models.language import Bigram, LanguageModel
from olaria.models.latent_flow import LatentFlow
from olaria.models.mask import MaskedDiffusion
from olaria.models.plane import PlaneGAN
from olaria.models.point_flow import PointFlow
from olaria.models.translation import Translation
from olaria.models.vae import VAE
from olaria.models.vq import VQ

NETWORKS: dict[str, Any] = {
    network.family: network
    for network in (
        AutoEncoder,
        VAE,
        VQ,
        GAN,
        PlaneGAN,
        ImageFlow,
        LatentFlow,
        PointFlow,
        MaskedDiffusion,
        Bigram,
        LanguageModel,
        GPT,
        Translation,
    )
}
"""Family to the class of its model, a function of its settings and of the data's dimensions."""


def build(config: ModelConfig, dimensions: tuple[int, int, int] | int) -> Model:
    """A freshly initialised model of the family that the settings are of.

    Args:
        config: the settings.
        dimensions: (C, H, W) of images; the vocabulary's size for text and for pairs of texts; the number of
            coordinates of a point.
    """
    model: Model = NETWORKS[config.family](config, dimensions)
    return model
