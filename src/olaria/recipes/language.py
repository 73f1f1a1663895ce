"""Presets that learn from text."""

from __future__ import annotations

from olaria.data.config import DataConfig
from olaria.families.base import Size
from olaria.families.gpt import LOCAL_SIZES as GPT_LOCAL_SIZES
from olaria.families.gpt import SIZES as GPT_SIZES
from olaria.families.language import BIGRAM_SIZES, Rung
from olaria.families.language import SIZES as LADDER_SIZES
from olaria.recipes.advice import Advice, advise
from olaria.recipes.base import Recipe
from olaria.recipes.training import TrainingConfig

LEAST_CHARS = 10_000
"""Training characters below which not even the smallest GPT is fed, and the table of pairs is offered."""


def recommended(num_chars: int) -> tuple[str, Advice]:
    """The preset that suits a text of ``num_chars`` training characters, and its size with a reason.

    The size is :func:`olaria.recipes.advice.advise`'s for the preset's own budget.

    >>> preset, advice = recommended(1_003_854)
    >>> preset, advice.size
    ('gpt-shakespeare', 'small')
    """
    preset = "gpt-shakespeare" if num_chars >= LEAST_CHARS else "bigram-shakespeare"
    return preset, advise(num_chars, gpt(preset, "small").training.budget)


def bigram(preset: str, size: Size, data: str = "tiny-shakespeare") -> Recipe:
    """The table of pairs; large batches, since an update costs nothing."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=BIGRAM_SIZES[size],
        training=TrainingConfig(budget=10.0, batch_size=8192, learning_rate=0.1),
    )


def ladder(preset: str, size: Size, data: str = "tiny-shakespeare", rung: Rung = "gpt") -> Recipe:
    """A rung of the readable ladder; all are trained alike, so that the rung alone differs."""
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=LADDER_SIZES[size].on(rung),
        training=TrainingConfig(budget=60.0, batch_size=16, learning_rate=3e-3, clip_norm=1.0),
    )


def gpt(
    preset: str, size: Size, data: str = "tiny-shakespeare", *, is_local: bool = False
) -> Recipe:
    """The fast GPT: Muon for the matrices, Adam for the rest.

    With local attention its windows are longer, and a batch holds fewer of them.
    """
    return Recipe(
        preset=preset,
        size=size,
        data=DataConfig(name=data),
        model=(GPT_LOCAL_SIZES if is_local else GPT_SIZES)[size],
        training=TrainingConfig(
            budget=120.0,
            batch_size=16 if size == "small" and not is_local else 8,
            learning_rate=3e-3,
            optimizer="muon",
            matrix_learning_rate=0.03,
            betas=(0.9, 0.95),
            ema=0.995,
            patience=5,
        ),
    )
