"""Settings and words of the GPT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from olaria.config import setting_problem
from olaria.families.base import Family, ModelConfig, Size, check_heads
from olaria.families.language import HEADLINES, PANELS, SECTION
from olaria.families.report import MODERN, Method
from olaria.i18n import N_

WINDOW = 256
"""Tokens of a training example by default: longer ones would make a batch of fewer places in the text."""


class GPTConfig(ModelConfig):
    """Settings of :class:`GPT`."""

    family: Literal["gpt"] = "gpt"
    context: int = Field(1024, ge=1)
    """Longest input, in tokens."""
    window: int | None = Field(None, ge=1)
    """Tokens of a training example; None is 256, or the context where that is shorter."""
    chunk: int = Field(16, ge=1)
    """A token attends to the tokens of its chunk and of the one before."""
    num_layers: int = Field(4, ge=1)
    """Number of blocks."""
    num_heads: int = Field(4, ge=1)
    """Attention heads of a block; the width is a multiple of twice their number."""
    width: int = Field(128, ge=2)
    """Size of the residual stream."""
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of what is added to the stream that is left out, while training."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> GPTConfig:
        check_heads(self.width, self.num_heads)
        return self

    @model_validator(mode="after")
    def _context_holds_a_window(self) -> GPTConfig:
        if self.window is not None and self.window > self.context:
            raise setting_problem(
                N_("window {window} is longer than the context, {context}: lower model.window"),
                window=self.window,
                context=self.context,
            )
        return self

    @property
    def training_window(self) -> int:
        """Tokens of a training example: ``window``, or its default."""
        return min(WINDOW, self.context) if self.window is None else self.window


SIZES: Mapping[Size, GPTConfig] = {
    "tiny": GPTConfig(context=32, chunk=8, num_layers=2, num_heads=2, width=32),
    "small": GPTConfig(),
    "base": GPTConfig(chunk=32, num_layers=6, num_heads=6, width=192),
}


GPT = Family(
    config=GPTConfig,
    data="text",
    sizes=SIZES,
    title=N_("GPT"),
    activity=N_("Train a GPT on {data}: {runs}."),
    headlines=(*HEADLINES, "elbo_nats"),
    guide="language.md",
    panels=PANELS,
    short="GPT",
    lesson="gpt",
    methods=(
        Method(N_("local attention"), ("roy2021",)),
        Method(N_("rotary positions"), ("su2021",)),
        *MODERN,
    ),
    section=SECTION,
)
