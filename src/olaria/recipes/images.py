"""Presets that learn from images."""

from __future__ import annotations

from typing import Literal

from olaria.data import DataConfig
from olaria.models.autoencoder import SIZES as AUTOENCODER_SIZES
from olaria.models.gan import SIZES as GAN_SIZES
from olaria.models.vae import SIZES as VAE_SIZES
from olaria.recipes.base import Recipe
from olaria.training.config import TrainingConfig

Size = Literal["tiny", "small", "base"]


def autoencoder(preset: str, size: Size, data: str = "mnist", corruption: float = 0.0) -> Recipe:
    """An autoencoder; with ``corruption`` a denoising one."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=AUTOENCODER_SIZES[size].model_copy(update={"corruption": corruption}),
        training=TrainingConfig(budget=60.0, batch_size=128, learning_rate=1e-3),
    )


def vae(preset: str, size: Size, data: str = "mnist", classes: int = 0) -> Recipe:
    """A variational autoencoder with Bernoulli pixels; with ``classes`` a conditional one."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=VAE_SIZES[size].model_copy(update={"classes": classes}),
        training=TrainingConfig(budget=60.0, batch_size=128, learning_rate=2e-3, ema=0.998),
    )


def gan(preset: str, size: Size, data: str = "mnist", classes: int = 0) -> Recipe:
    """A convolutional GAN; with little momentum, as adversarial training asks for (Radford et al. 2016).

    With ``classes`` a conditional one. What each choice is worth stands in docs/experiments.md.
    """
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=GAN_SIZES[size].model_copy(update={"classes": classes}),
        training=TrainingConfig(
            budget=120.0,
            batch_size=64,
            learning_rate=3e-3,
            optimizer="muon",
            matrix_learning_rate=0.06,
            matrix_momentum=0.5,
            betas=(0.5, 0.99),
            decay_from=0.5,
            ema=0.998,
        ),
    )
