"""Early stopping: end a run whose validation value has turned, instead of learning the training data by heart."""

from __future__ import annotations

import math
from collections.abc import Iterable

from olaria.i18n import N_, Message
from olaria.numbers import Number
from olaria.training.events import Answer, Evaluated, Event, Stop

TURN = 0.02
"""How far above the best, relative to it, the value must have risen: a plateau is not a turn.

While the learning rate is high a loss may lie still for long, and fall again once the rate decays; stopping there
would lose what the schedule's end brings. Learning by heart shows as a loss that rises.
"""


class Patience:
    r"""A listener that stops a run when the monitored value has turned.

    With the values :math:`v_1, \dots, v_n` so far, the first smallest of them :math:`v_b`, it stops when

    .. math:: n - b \ge \text{patience} \quad\text{and}\quad v_n > v_b + \text{TURN} \cdot |v_b|.

    Source: Prechelt 1998, *Early Stopping – But When?*, the criteria UP and GL combined. What it counts is a function
    of the stored events alone, so that a run that was stopped by hand and resumed ends where the straight run does.

    Args:
        monitor: name of the value; the smaller the better. None never stops.
        patience: evaluations without a new best.
        past: events from before a resume; anything but evaluations is passed over.
    """

    def __init__(self, monitor: str | None, patience: int, past: Iterable[Event] = ()) -> None:
        self._monitor = monitor
        self._patience = patience
        self._count = 0
        self._best, self._best_step = math.inf, 0
        self._last = math.inf
        for event in past:
            self._note(event)

    def __call__(self, event: Event) -> Answer:
        """Read one event; answer with a stop once the value has turned."""
        self._note(event)
        if not self.has_turned:
            return None
        fields = {
            "count": self._count,
            "best": Number(float(f"{self._best:.4g}")),
            "step": self._best_step,
        }
        message = N_(
            "validation has not improved for {count} {count:evaluation|evaluations}; best "
            "{best} at step {step}"
        )
        return Stop(Message(message, fields))

    @property
    def has_turned(self) -> bool:
        """Whether the run has nothing more to gain."""
        risen = self._last > self._best + TURN * abs(self._best)
        return self._count >= self._patience and risen

    def _note(self, event: Event) -> None:
        if not isinstance(event, Evaluated) or self._monitor not in event.values:
            return
        self._last = event.values[self._monitor]
        if self._last < self._best and math.isfinite(self._last):
            self._best, self._best_step, self._count = self._last, event.step, 0
        else:
            self._count += 1
