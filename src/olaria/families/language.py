"""Settings and words of the bigram and of the language models between it and GPT-2, the ladder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

from pydantic import Field, model_validator

from olaria.config import setting_problem
from olaria.families.base import Family, ModelConfig, Size
from olaria.families.report import Method, Panel, Section, Setting, is_set
from olaria.i18n import N_


class BigramConfig(ModelConfig):
    """Settings of :class:`Bigram`."""

    family: Literal["bigram"] = "bigram"
    context: Literal[1] = 1
    """Tokens that the next one is predicted from."""


BIGRAM_SIZES: Mapping[Size, BigramConfig] = {
    "tiny": BigramConfig(),
    "small": BigramConfig(),
    "base": BigramConfig(),
}


Rung = Literal["average", "head", "multi-head", "feed-forward", "residual", "norm", "gpt"]


RUNGS: tuple[Rung, ...] = get_args(Rung)
"""From the lowest to the highest; a rung has everything that the rungs before it have."""


class LanguageConfig(ModelConfig):
    """Settings of :class:`LanguageModel`."""

    family: Literal["language"] = "language"
    rung: Rung = "gpt"
    """How far up the ladder of ideas."""
    context: int = Field(128, ge=1)
    """Longest input, in tokens."""
    num_layers: int = Field(4, ge=1)
    """Blocks; one below the rung ``residual``."""
    num_heads: int = Field(4, ge=1)
    """Attention heads of a block; one below the rung ``multi-head``."""
    width: int = Field(128, ge=1)
    """Size of a token's vector."""
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of the features that are left out while training; only on the rung ``gpt``."""

    def has(self, rung: Rung) -> bool:
        """Whether the model has the idea that ``rung`` adds.

        >>> LanguageConfig(rung="norm").has("residual"), LanguageConfig(rung="norm").has("gpt")
        (True, False)
        """
        return RUNGS.index(self.rung) >= RUNGS.index(rung)

    def on(self, rung: Rung) -> LanguageConfig:
        """The same on another rung; one layer and one head where it has no more.

        >>> LanguageConfig().on("multi-head").num_layers
        1
        """
        height = RUNGS.index(rung)
        return LanguageConfig(
            rung=rung,
            context=self.context,
            num_layers=self.num_layers if height >= RUNGS.index("residual") else 1,
            num_heads=self.num_heads if height >= RUNGS.index("multi-head") else 1,
            width=self.width,
            dropout=self.dropout if rung == "gpt" else 0.0,
        )

    @model_validator(mode="after")
    def _nothing_is_set_in_vain(self) -> LanguageConfig:
        if self.num_heads > 1 and not self.has("multi-head"):
            raise setting_problem(
                N_("rung {rung} has one head, not {num_heads}: several begin at multi-head"),
                rung=self.rung,
                num_heads=self.num_heads,
            )
        if self.num_layers > 1 and not self.has("residual"):
            raise setting_problem(
                N_("rung {rung} has one layer, not {num_layers}: several begin at residual"),
                rung=self.rung,
                num_layers=self.num_layers,
            )
        if self.dropout and not self.has("gpt"):
            raise setting_problem(
                N_("rung {rung} has no dropout, which comes with gpt: set dropout to 0"),
                rung=self.rung,
            )
        if self.width % self.num_heads:
            raise setting_problem(
                N_("width {width} must be a multiple of the number of heads, {num_heads}"),
                width=self.width,
                num_heads=self.num_heads,
            )
        return self


SIZES: Mapping[Size, LanguageConfig] = {
    "tiny": LanguageConfig(context=32, num_layers=2, num_heads=2, width=32),
    "small": LanguageConfig(),
    "base": LanguageConfig(context=256, num_layers=6, num_heads=6, width=192),
}


def _reaches(rung: Rung) -> Callable[[Setting], bool]:
    return is_set("model.rung", *RUNGS[RUNGS.index(rung) :])


SECTION = Section(
    "language",
    latent=N_("none"),
    likelihood=N_("exact, token by token"),
    drawing=N_("one token after another"),
)
"""All language models share it."""


PANELS = (
    Panel("text"),
    Panel(
        "samples",
        N_(
            "Images that {name} wrote as lines of codes, painted by the model that the codes are "
            "of."
        ),
    ),
)
"""Of a language model: what it writes, or the images that it writes as codes."""

HEADLINES = ("loss_nats_per_char", "loss_nats_per_token", "bits_per_char")
"""Of a language model: per character, so that tokenizers compare."""


BIGRAM = Family(
    config=BigramConfig,
    data="text",
    sizes=BIGRAM_SIZES,
    title=N_("Bigram"),
    activity=N_("Train a bigram on {data}: {runs}."),
    headlines=HEADLINES,
    guide="language.md",
    search=("training.batch_size=8,16,32,64",),
    panels=PANELS,
    lesson="bigram",
    section=SECTION,
    room="text",
)


LANGUAGE = Family(
    config=LanguageConfig,
    data="text",
    sizes=SIZES,
    title=N_("Language model"),
    activity=N_("Train language models of the ladder on {data}: {runs}."),
    headlines=HEADLINES,
    guide="language.md",
    search=("training.batch_size=8,16,32",),
    panels=PANELS,
    lesson="attention",
    methods=(
        Method(N_("residual stream"), ("he2016",), _reaches("residual")),
        Method(N_("layer norm"), ("ba2016",), _reaches("norm")),
        Method(N_("norms before each part"), ("xiong2020",), _reaches("norm")),
    ),
    section=SECTION,
    room="text",
)
