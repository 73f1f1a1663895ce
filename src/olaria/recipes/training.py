"""How a model is trained; one configuration for all families."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from olaria.config import Config, setting_problem
from olaria.i18n import N_


class TrainingConfig(Config):
    """Settings of :class:`olaria.training.engine.Trainer`. A run ends by ``steps`` or by ``budget``."""

    steps: int | None = Field(None, ge=0)
    """Turns through all phases, after which the run ends; either this or the budget."""
    budget: float | None = Field(None, gt=0)
    """Seconds from the start to the last update; evaluation and saving do not count."""
    batch_size: int = Field(128, ge=1)
    """Examples of an update: images, points, pairs, or windows of text."""
    learning_rate: float = Field(1e-3, gt=0)
    """The largest learning rate of the run."""
    optimizer: Literal["adam", "muon"] = "adam"
    """``muon`` updates the hidden matrices by Muon and the rest by Adam."""
    matrix_learning_rate: float = Field(0.02, gt=0)
    """Learning rate of Muon's matrices."""
    matrix_momentum: float = Field(0.95, ge=0, lt=1)
    """Momentum of Muon's matrices; a game of two asks for less than a descent."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's averaging of gradients and of their squares."""
    weight_decay: float = Field(0.0, ge=0)
    """Shrinks the weights: decoupled, per update, times the learning rate."""
    warmup_steps: int = Field(20, ge=0)
    """Steps over which the learning rate rises."""
    decay: Literal["constant", "linear", "cosine"] = "linear"
    """How the learning rate falls."""
    decay_from: float = Field(0.0, ge=0, lt=1)
    """Fraction of the run at which the learning rate begins to fall."""
    final_factor: float = Field(0.0, ge=0, le=1)
    """Factor on the learning rate that the decay ends at."""
    clip_norm: float | None = Field(None, gt=0)
    """Largest gradient norm of a phase."""
    ema: float = Field(0.0, ge=0, lt=1)
    """Decay of the moving average of the weights that evaluation and samples use; 0 is none."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Numbers of the arithmetic; ``auto`` takes bfloat16 where the processor has it."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Whether PyTorch compiles the step; ``auto`` does where it pays."""
    evaluate_every: int | None = Field(None, ge=1)
    """Steps between evaluations on the validation split; None is ten over the run, more on a short validation text."""
    sample_every: int | None = Field(None, ge=1)
    """Steps between samples; None is dense at first, then 24 over the run."""
    checkpoint_every: int | None = Field(None, ge=1)
    """Steps between checkpoints; None is at each evaluation."""
    keep_last: int = Field(2, ge=1)
    """Checkpoints kept besides the best."""
    keep_spaced: bool = False
    """Keep the weights after steps 1, 4, 16, 64, … too: a lesson shows what the model drew then."""
    background_saving: bool = False
    """Write checkpoints beside the training, from copies of the tensors."""
    patience: int | None = Field(None, ge=1)
    """Evaluations without a new best after which a run whose validation has turned stops; None never stops it."""
    health: bool = True
    """Watch for signs of trouble and warn of them."""
    rescue: bool = False
    """Do what a warning advises, where a setting that may change can do it."""

    @model_validator(mode="after")
    def _one_end(self) -> TrainingConfig:
        if (self.steps is None) == (self.budget is None):
            raise setting_problem(N_("give either steps or a budget, not both and not neither"))
        if self.rescue and not self.health:
            raise setting_problem(N_("a rescue follows a warning: leave health on"))
        return self
