"""Presets that learn from points in the plane."""

from __future__ import annotations

from olaria.data.config import DataConfig
from olaria.families.base import Size
from olaria.families.flow_matching import POINT_FLOW_SIZES
from olaria.families.gan import PLANE_SIZES
from olaria.recipes.base import Recipe
from olaria.recipes.training import TrainingConfig


def plane_gan(preset: str, size: Size, data: str = "ring") -> Recipe:
    """A GAN of points, with the R1 penalty, under which the game ends near its balance (Mescheder et al. 2018)."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=PLANE_SIZES[size].model_copy(update={"penalty": "r1", "penalty_weight": 0.1}),
        training=TrainingConfig(
            budget=30.0,
            batch_size=256,
            learning_rate=2e-3,
            betas=(0.0, 0.99),
            decay_from=0.5,
            ema=0.995,
        ),
    )


def point_flow(preset: str, size: Size, data: str = "ring") -> Recipe:
    """Flow matching of points: large batches, since the noise of a line's direction is the noise of the gradient."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=POINT_FLOW_SIZES[size],
        training=TrainingConfig(
            budget=20.0,
            batch_size=1024,
            learning_rate=2e-3,
            optimizer="muon",
            matrix_learning_rate=0.02,
            decay="cosine",
            ema=0.998,
        ),
    )
