"""Presets that learn from text."""

from __future__ import annotations

from typing import Literal

from olaria.data import DataConfig
from olaria.models.gpt import SIZES as GPT_SIZES
from olaria.models.language import BIGRAM_SIZES
from olaria.recipes.base import Recipe
from olaria.training.config import TrainingConfig

Size = Literal["tiny", "small", "base"]


def bigram(preset: str, size: Size, data: str = "tiny-shakespeare") -> Recipe:
    """The table of pairs; large batches, since an update costs nothing."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=BIGRAM_SIZES[size],
        training=TrainingConfig(budget=10.0, batch_size=8192, learning_rate=0.1),
    )


def gpt(preset: str, size: Size, data: str = "tiny-shakespeare") -> Recipe:
    """The fast GPT: Muon for the matrices, Adam for the rest."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=GPT_SIZES[size],
        training=TrainingConfig(
            budget=120.0,
            batch_size=16,
            learning_rate=3e-3,
            optimizer="muon",
            matrix_learning_rate=0.02,
            betas=(0.9, 0.95),
            ema=0.995,
        ),
    )
