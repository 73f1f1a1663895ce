"""Settings and words of the GPT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from olaria.config import setting_problem
from olaria.families.base import Family, ModelConfig, Size, check_heads
from olaria.families.language import HEADLINES, PANELS, SECTION
from olaria.families.report import MODERN, Method, Setting
from olaria.i18n import N_

WINDOW = 256
"""Tokens of a training example by default: longer ones would make a batch of fewer places in the text."""


class GPTConfig(ModelConfig):
    """Settings of :class:`GPT`."""

    family: Literal["gpt"] = "gpt"
    context: int = Field(128, ge=1)
    """Longest input, in tokens."""
    window: int | None = Field(None, ge=1)
    """Tokens of a training example; None is 256, or the context where that is shorter."""
    chunk: int | None = Field(None, ge=1)
    """Local attention: a token attends to its own chunk of so many tokens and to the one before; None lets it attend to
    all earlier tokens."""
    num_layers: int = Field(4, ge=1)
    """Number of blocks."""
    num_heads: int = Field(4, ge=1)
    """Attention heads of a block; the width is a multiple of twice their number."""
    width: int = Field(128, ge=2)
    """Size of the residual stream."""
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Probability that a value added to the residual stream is set to zero during training."""

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
    def reach(self) -> int:
        """Tokens of a chunk: the whole context where attention is not local."""
        return self.context if self.chunk is None else self.chunk

    @property
    def training_window(self) -> int:
        """Tokens of a training example: ``window``, or its default."""
        return min(WINDOW, self.context) if self.window is None else self.window


SIZES: Mapping[Size, GPTConfig] = {
    "tiny": GPTConfig(context=32, num_layers=2, num_heads=2, width=32),
    "small": GPTConfig(),
    "base": GPTConfig(context=256, num_layers=6, num_heads=6, width=192),
}
LOCAL_SIZES: Mapping[Size, GPTConfig] = {
    "tiny": SIZES["tiny"].model_copy(update={"chunk": 8}),
    "small": SIZES["small"].model_copy(update={"context": 1024, "chunk": 16}),
    "base": SIZES["base"].model_copy(update={"context": 1024, "chunk": 32}),
}
"""With local attention, whose cost per token does not grow with the text."""


def _is_local(setting: Setting) -> bool:
    """Whether a token attends to less than its context: a chunk as long as the context is plain causal attention."""
    chunk = setting("model.chunk")
    return chunk is not None and chunk < setting("model.context")


GPT = Family(
    config=GPTConfig,
    data="text",
    sizes=SIZES,
    title=N_("GPT"),
    activity=N_("Train a GPT on {data}: {runs}."),
    headlines=(*HEADLINES, "elbo_nats"),
    guide="language.md",
    search=("training.matrix_learning_rate=0.005..0.1 log", "training.batch_size=4,8,16,32"),
    panels=PANELS,
    short="GPT",
    lesson="gpt",
    methods=(
        Method(N_("local attention"), ("roy2021",), _is_local),
        Method(N_("rotary positions"), ("su2021",)),
        *MODERN,
    ),
    section=SECTION,
    room="text",
)
