"""Presets that learn from the latent vectors of another run."""

from __future__ import annotations

from olaria.data.config import LATENTS, DataConfig, coded_name
from olaria.families.base import Size
from olaria.families.latent_flow import SIZES
from olaria.recipes.base import Recipe
from olaria.recipes.training import TrainingConfig


def flow(preset: str, size: Size, run: str = "ae-mnist") -> Recipe:
    """Flow matching of the latent vectors of an autoencoder (``--data latents:RUN``).

    Its network is small and takes many steps: of two that cost the same, the smaller one ended nearer to the images.
    """
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=coded_name(run, LATENTS)),
        model=SIZES[size],
        training=TrainingConfig(
            budget=240.0,
            batch_size=256,
            learning_rate=1e-3,
            decay="cosine",
            ema=0.998,
            keep_spaced=True,
        ),
    )
