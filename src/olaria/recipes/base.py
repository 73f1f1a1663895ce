"""A recipe says what to train: data, model, training, seed. Stored as ``recipe.json``, it re-runs verbatim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union

from pydantic import Discriminator, Field

from olaria.config import Config, PathName, parse_value
from olaria.data.config import DataConfig
from olaria.errors import UsageError
from olaria.families import MODELS
from olaria.families.base import ModelConfig, Size
from olaria.i18n import N_, Setting
from olaria.recipes.training import TrainingConfig
from olaria.vocabulary import LORA_ALPHA, LORA_TARGETS, SEED_LIMIT

if TYPE_CHECKING:
    AnyModelConfig = ModelConfig
else:  # the settings of any family of the table; ``family`` says of which
    AnyModelConfig = Annotated[
        Union[tuple(family.config for family in MODELS.values())],  # noqa: UP007
        Discriminator("family"),
    ]


class TuningConfig(Config):
    """What a run begins from instead of random weights, and how much of it is trained."""

    start: PathName
    """A run, or a folder with a GPT-2 of the transformers library."""
    checkpoint: Literal["last"] | None = None
    """Checkpoint of the run: the last, where this one trains on; else the best, where one was kept, or the last."""
    rank: int | None = Field(None, ge=1)
    """Train adapters of this rank and leave the weights as they are; None trains all weights."""
    targets: tuple[str, ...] = Field(LORA_TARGETS, min_length=1)
    """Linear layers that get an adapter, by the last part of their names."""
    alpha: float = Field(LORA_ALPHA, gt=0)
    """An adapter is scaled by this over its rank."""


class Recipe(Config):
    """Everything that a run depends on."""

    format: Literal[1] = 1
    preset: str
    size: Size = "small"
    data: DataConfig
    model: AnyModelConfig
    training: TrainingConfig
    seed: int = Field(0, ge=0, lt=SEED_LIMIT)
    """Seed of the initial weights, the order of the data and all noise."""
    tuning: TuningConfig | None = None

    @property
    def kind(self) -> str:
        """Key of what the run learns from in :data:`olaria.kinds.KINDS`: that of its family, or ``codes``, or of a
        model that holds an autoencoder ``latents``."""
        learns = MODELS[self.model.family].data
        if hasattr(self.model, "autoencoder"):
            return "latents"
        return "codes" if learns == "text" and self.data.coded_run is not None else learns

    @property
    def window(self) -> int:
        """Tokens of a training example of a language model: its context, where it has no window of its own."""
        tokens: int = getattr(self.model, "training_window", getattr(self.model, "context", 1))
        return tokens

    def with_settings(self, settings: list[str]) -> Self:
        """A copy with each ``path=value`` of ``--set``; of a path that is given twice the last one holds.

        Raises:
            ConfigError: no such setting, or a value that does not fit.
            UsageError: a word without ``=``.
        """
        recipe, values = self, dict[str, Any]()
        for setting in settings:
            path, equals, text = setting.partition("=")
            if not equals:
                raise UsageError(
                    N_("{settings} {setting} has no value; write it as {example}"),
                    settings=Setting("settings"),
                    example=Setting("model.latent", "16"),
                    setting=setting,
                )
            if path in values:  # given twice: the first value is checked too
                recipe, values = recipe.with_values(values), {}
            values[path] = parse_value(text)
        return recipe.with_values(values)

    def ending(self, steps: int | None, budget: float | None) -> Self:
        """A copy that ends by ``steps`` or by ``budget`` seconds; as it is where both are None."""
        if steps is None and budget is None:
            return self
        training: dict[str, Any] = self.training.model_dump(mode="json")
        training.update(steps=steps, budget=budget)
        return self.updated("training", training)
