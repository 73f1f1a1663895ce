"""Metrics, each computed on its own: one that cannot be had is None with the reason, and takes no other with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from olaria.errors import EvaluationError
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    from torch import Tensor

Value = float | int | list[float] | None

_INFINITE = N_("its value is infinite: the divisor is 0")
_UNDEFINED = N_("its value is 0/0")


@dataclass
class Gathered:
    """Metrics in the order in which they were added; a number among them is finite.

    Args:
        metrics: by key; None where one cannot be had.
        reasons: why one is None, by key.
    """

    metrics: dict[str, Value] = field(default_factory=dict)
    reasons: dict[str, Message] = field(default_factory=dict)

    @classmethod
    def of(cls, metrics: Mapping[str, Value], reasons: Mapping[str, Message]) -> Gathered:
        """Metrics that are there already, where finite."""
        gathered = cls(reasons={**reasons})
        for name, value in metrics.items():
            gathered._keep(name, value)
        return gathered

    def add(self, name: str, compute: Callable[[], Value]) -> None:
        """A metric; None where computing it raises an :class:`EvaluationError`, or where it is not finite."""
        self.add_all((name,), lambda: {name: compute()})

    def add_all(self, names: Sequence[str], compute: Callable[[], Mapping[str, Value]]) -> None:
        """Metrics that one computation gives, as :meth:`add` adds one."""
        try:
            values = compute()
        except EvaluationError as error:
            self.leave_out(names, error.message)
            return
        for name in names:
            self._keep(name, values[name])

    def leave_out(self, names: Iterable[str], reason: Message) -> None:
        """Metrics that cannot be had."""
        for name in names:
            self.metrics[name], self.reasons[name] = None, reason

    def update(self, other: Gathered) -> None:
        """All metrics of another; of a key in both, those of the other."""
        for name, value in other.metrics.items():
            self.reasons.pop(name, None)
            self.metrics[name] = value
        self.reasons |= other.reasons

    def numbers(self) -> dict[str, float]:
        """Those that can be had, without intervals."""
        return {k: value for k, value in self.metrics.items() if isinstance(value, float | int)}

    def _keep(self, name: str, value: Value) -> None:
        numbers = value if isinstance(value, list) else [] if value is None else [value]
        if any(map(math.isnan, numbers)):
            self.leave_out((name,), Message(_UNDEFINED))
        elif not all(map(math.isfinite, numbers)):
            self.leave_out((name,), Message(_INFINITE))
        else:
            self.metrics[name] = value


def alike(examples: Tensor) -> Message | None:
    """Why examples (N, ...) have neither a variance nor neighbourhoods; None where they have."""
    if len(examples) < 2:
        return Message(N_("it compares examples with each other, and there is only one"))
    if bool((examples == examples[:1]).all()):
        text = N_("it compares examples with each other, and all {count} are the same")
        return Message(text, {"count": len(examples)})
    return None


def refuse_alike(examples: Tensor) -> None:
    """Refuse examples (N, ...) that have neither.

    Raises:
        EvaluationError: see :func:`alike`.
    """
    why = alike(examples)
    if why is not None:
        raise EvaluationError(why.id, **why.fields)


def unmeasured(name: str, examples: Tensor) -> tuple[Message, ...]:
    """A note that a metric of :func:`alike` examples is not measured while a model trains; nothing where it is."""
    why = alike(examples)
    note = N_("{name} is not measured while the model trains: {reason}")
    return () if why is None else (Message(note, {"name": name, "reason": why}),)
