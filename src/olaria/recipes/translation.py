"""Presets that learn to write one text from another."""

from __future__ import annotations

from olaria.data.config import DataConfig
from olaria.families.base import Size
from olaria.families.translation import SIZES as TRANSLATION_SIZES
from olaria.recipes.base import Recipe
from olaria.recipes.training import TrainingConfig


def translation(preset: str, size: Size, data: str, budget: float = 120.0) -> Recipe:
    """An encoder–decoder letter by letter: Muon for the matrices, Adam for the rest."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=TRANSLATION_SIZES[size],
        training=TrainingConfig(
            budget=budget,
            batch_size=64,
            learning_rate=3e-3,
            optimizer="muon",
            matrix_learning_rate=0.02,
            betas=(0.9, 0.95),
            ema=0.99,
        ),
    )
