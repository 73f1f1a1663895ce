"""The families, as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from olaria.models import autoencoder, gan, gpt, language, plane, translation, vae, vq
from olaria.models.base import Model, ModelConfig


@dataclass(frozen=True)
class Family:
    """One entry of :data:`MODELS`.

    Args:
        config: its settings' class.
        build: settings and the data's dimensions to a freshly initialised model: (C, H, W) for images,
            the vocabulary's size for text and for pairs of texts, the number of coordinates for points.
        data: what it learns from.
        sizes: ``tiny``, ``small`` and ``base``.
    """

    config: type[ModelConfig]
    build: Callable[[Any, Any], Model]
    data: Literal["images", "text", "pairs", "points"]
    sizes: Mapping[str, ModelConfig]


MODELS: dict[str, Family] = {
    "autoencoder": Family(
        autoencoder.AutoEncoderConfig, autoencoder.AutoEncoder, "images", autoencoder.SIZES
    ),
    "vae": Family(vae.VAEConfig, vae.VAE, "images", vae.SIZES),
    "vq": Family(vq.VQConfig, vq.VQ, "images", vq.SIZES),
    "gan": Family(gan.GANConfig, gan.GAN, "images", gan.SIZES),
    "plane-gan": Family(plane.PlaneGANConfig, plane.PlaneGAN, "points", plane.SIZES),
    "bigram": Family(language.BigramConfig, language.Bigram, "text", language.BIGRAM_SIZES),
    "language": Family(language.LanguageConfig, language.LanguageModel, "text", language.SIZES),
    "gpt": Family(gpt.GPTConfig, gpt.GPT, "text", gpt.SIZES),
    "translation": Family(
        translation.TranslationConfig, translation.Translation, "pairs", translation.SIZES
    ),
}
