"""What the run's doctor does where it is asked to: the remedy of a warning of :mod:`olaria.training.health`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from olaria.families.base import ModelConfig
from olaria.recipes.training import TrainingConfig
from olaria.training.events import Answer, Change, Event, Warned

RATES = ("training.learning_rate", "training.matrix_learning_rate")
SLOWER = 0.5
"""Factor on the rates of a run whose loss grows, and of a game that begins again."""
WEAKER = 0.3
"""Factor on the rate of a discriminator that wins."""
R1_WEIGHT = 5.0
r"""On :math:`\mathbb E\lVert\nabla D\rVert^2`: half of γ = 10, that of Mescheder et al. 2018."""
LOST = ("dead", "narrow")
"""Kinds of trouble after which the weights begin anew."""
MOST_RESTARTS = 3
"""A game that dies once more is not played again: the budget is for training."""


class Rescue:
    """A listener that answers a warning with a change, as the warnings come.

    - ``diverged``: half the learning rates;
    - ``won``: a slower discriminator, and instead of minimax the loss that does not saturate (Goodfellow et al. 2014,
      section 3);
    - ``dead``: the same, and half the learning rates;
    - ``narrow``: half the learning rates, and the R1 penalty, under which the game converges near its balance
      (Mescheder et al. 2018, *Which Training Methods for GANs do actually Converge?*, theorem 4.1).

    After the last two the game begins again from its first weights: a generator that gets no gradient, or makes one
    image whatever its noise, seldom comes back by itself.

    Args:
        training: settings of the run as it begins.
        model: its family's.
        changed: what was changed before a resume, by dotted path.
        num_restarts: how often the weights had begun anew before it.
    """

    def __init__(
        self,
        training: TrainingConfig,
        model: ModelConfig,
        changed: Mapping[str, Any] = MappingProxyType({}),
        num_restarts: int = 0,
    ) -> None:
        self._settings: dict[str, Any] = {
            **{f"training.{name}": value for name, value in training},
            **{f"model.{name}": value for name, value in model},
            **changed,
        }
        self._restarts_left = MOST_RESTARTS - num_restarts

    def __call__(self, event: Event) -> Answer:
        """Read one event; answer a warning that has a remedy."""
        if not isinstance(event, Warned):
            return None
        is_lost = event.kind in LOST
        if is_lost and not self._restarts_left:
            return None
        changes = self._remedy(event.kind)
        self._settings.update(changes)
        self._restarts_left -= is_lost
        return Change(changes, restart=is_lost) if changes else None

    def _remedy(self, kind: str) -> dict[str, Any]:
        match kind:
            case "won":
                return self._balanced()
            case "dead":
                return self._balanced() | self._slower()
            case "narrow" if self._settings["model.penalty"] == "none":
                penalty = {"model.penalty": "r1", "model.penalty_weight": R1_WEIGHT}
                return penalty | self._slower()
            case "diverged" | "narrow":
                return self._slower()
        return {}

    def _balanced(self) -> dict[str, Any]:
        rate = "model.discriminator_rate"
        changes: dict[str, Any] = {rate: self._settings[rate] * WEAKER}
        if self._settings["model.loss"] == "minimax":
            changes["model.loss"] = "non-saturating"
        return changes

    def _slower(self) -> dict[str, Any]:
        return {path: self._settings[path] * SLOWER for path in RATES}
