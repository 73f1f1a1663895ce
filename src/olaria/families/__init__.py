"""The families, as one table. Nothing here loads torch: networks are in :mod:`olaria.models`."""

from __future__ import annotations

from olaria.families.autoencoder import AUTOENCODER
from olaria.families.base import Family
from olaria.families.flow_matching import IMAGE_FLOW, POINT_FLOW
from olaria.families.gan import GAN, PLANE_GAN
from olaria.families.gpt import GPT
from olaria.families.language import BIGRAM, LANGUAGE
from olaria.families.latent_flow import LATENT_FLOW
from olaria.families.mask import MASK
from olaria.families.translation import TRANSLATION
from olaria.families.vae import VAE
from olaria.families.vq import VQ

__all__ = ["MODELS", "Family"]

MODELS: dict[str, Family] = {
    family.name: family
    for family in (
        AUTOENCODER,
        VAE,
        VQ,
        GAN,
        PLANE_GAN,
        IMAGE_FLOW,
        LATENT_FLOW,
        POINT_FLOW,
        MASK,
        BIGRAM,
        LANGUAGE,
        GPT,
        TRANSLATION,
    )
}
