"""What the run's doctor does where it is asked to: the remedy of a warning of :mod:`olaria.training.health`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from olaria.models.base import ModelConfig
from olaria.training.config import TrainingConfig
from olaria.training.events import Answer, Change, Event, Warned

RATES = ("training.learning_rate", "training.matrix_learning_rate")
SLOWER = 0.5
"""Factor on the rates of a run whose loss grows, and of a game that repeats itself."""
WEAKER = 0.3
"""Factor on the rate of a discriminator that wins."""
R1_WEIGHT = 5.0
r"""On :math:`\mathbb E\lVert\nabla D\rVert^2`: half of γ = 10, that of Mescheder et al. 2018."""


class Rescue:
    """A listener that answers a warning with a change; once per kind of trouble, as the warnings come.

    - ``diverged``: half the learning rates;
    - ``won``, ``dead``: a slower discriminator; and the loss that does not saturate (Goodfellow et al. 2014, section 3)
      instead of minimax;
    - ``narrow``: the R1 penalty, under which the game converges near its balance (Mescheder et al. 2018, *Which
      Training Methods for GANs do actually Converge?*, theorem 4.1); half the learning rates where it is there already.

    Args:
        training: settings of the run as it begins.
        model: its family's.
        changed: what was changed before a resume, by dotted path.
    """

    def __init__(
        self,
        training: TrainingConfig,
        model: ModelConfig,
        changed: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._settings: dict[str, Any] = {
            **{f"training.{name}": value for name, value in training},
            **{f"model.{name}": value for name, value in model},
            **changed,
        }

    def __call__(self, event: Event) -> Answer:
        """Read one event; answer a warning that has a remedy."""
        if not isinstance(event, Warned):
            return None
        changes = self._remedy(event.kind)
        self._settings.update(changes)
        return Change(changes) if changes else None

    def _remedy(self, kind: str) -> dict[str, Any]:
        match kind:
            case "won" | "dead":
                rate = "model.discriminator_rate"
                changes = {rate: self._settings[rate] * WEAKER}
                if self._settings["model.loss"] == "minimax":
                    changes["model.loss"] = "non-saturating"
                return changes
            case "narrow" if self._settings["model.penalty"] == "none":
                return {"model.penalty": "r1", "model.penalty_weight": R1_WEIGHT}
            case "diverged" | "narrow":
                return {path: self._settings[path] * SLOWER for path in RATES}
        return {}
