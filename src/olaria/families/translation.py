"""Settings and words of the encoder–decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from olaria.families.base import Family, ModelConfig, Size, check_heads
from olaria.families.report import MODERN, Method, Panel, Section
from olaria.i18n import N_


class TranslationConfig(ModelConfig):
    """Settings of :class:`Translation`."""

    family: Literal["translation"] = "translation"
    context: int = Field(128, ge=1)
    """Longest source and longest target, in tokens."""
    num_layers: int = Field(2, ge=1)
    """Blocks of the encoder, and as many of the decoder."""
    num_heads: int = Field(4, ge=1)
    """Attention heads of a block; the width is a multiple of twice their number."""
    width: int = Field(128, ge=2)
    """Size of the residual streams."""
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Probability that a value added to a residual stream is set to zero during training."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> TranslationConfig:
        check_heads(self.width, self.num_heads)
        return self


SIZES: Mapping[Size, TranslationConfig] = {
    "tiny": TranslationConfig(context=64, num_layers=1, num_heads=2, width=32),
    "small": TranslationConfig(),
    "base": TranslationConfig(num_layers=4, num_heads=8, width=256),
}


TRANSLATION = Family(
    config=TranslationConfig,
    data="pairs",
    sizes=SIZES,
    title=N_("Encoder–decoder"),
    activity=N_("Train an encoder–decoder on {data}: {runs}."),
    headlines=(
        "exact_match",
        "bleu",
        "chrf",
        "loss_nats_per_token",
    ),
    guide="translation.md",
    search=("training.batch_size=16,32,64",),
    panels=(Panel("translations"),),
    lesson="encoder-decoder",
    methods=(Method(N_("norms before each part"), ("xiong2020",)), *MODERN),
    section=Section(
        latent=N_("none"),
        likelihood=N_("exact, of a target given its source"),
        drawing=N_("the likeliest target is searched for"),
    ),
    room="text",
)
