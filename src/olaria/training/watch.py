"""What the loop looks at while it trains, and what it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from olaria.i18n import Message
from olaria.models.base import Model


@dataclass(frozen=True)
class Watch:
    """How the loop looks at the model while it trains; neither may change it or draw from its generators.

    Args:
        evaluate: model in evaluation mode to values on the validation split.
        sample: the same to images or text.
        monitor: the value whose minimum is the best checkpoint; None keeps no best.
        evaluations: how many over the run, where ``evaluate_every`` is None.
        notes: what cannot be measured while it trains, and why.
        is_shared: whether the processes of a team measure together: each calls ``evaluate``, with the team's sums.
    """

    evaluate: Callable[..., Mapping[str, float]]
    sample: Callable[[Model], Any]
    monitor: str | None = None
    evaluations: int = 10
    is_shared: bool = False
    notes: tuple[Message, ...] = ()


@dataclass
class Progress:
    """What must survive a stop besides tensors; plain JSON values."""

    step: int = 0
    updates: int = 0
    fraction: float = 0.0
    elapsed_s: float = 0.0
    train_s: float = 0.0
    best: float | None = None
    best_step: int | None = None
    changes: list[tuple[str, Any]] = field(default_factory=list)
    restarted: int = 0
    """The step after which the weights last began anew."""
    num_restarts: int = 0
