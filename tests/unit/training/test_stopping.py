"""When a run whose validation has turned is stopped, and when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan

import pytest

from olaria.i18n import Message
from olaria.numbers import Number
from olaria.training.events import Evaluated, Sampled, Stop
from olaria.training.stopping import Patience


def evaluated(step: int, value: float, name: str = "loss") -> Evaluated:
    return Evaluated(step=step, elapsed_s=0.0, values={name: value, "other": -value})


def stopped_at(values: Sequence[float], patience: int = 3, past: int = 0) -> int | None:
    """The number of the evaluation (1, 2, …) at which a run stops; ``past`` of them are from before a resume."""
    events = [evaluated(10 * n, value) for n, value in enumerate(values, 1)]
    listener = Patience("loss", patience, events[:past])
    for event in events[past:]:
        if isinstance(listener(event), Stop):
            return event.step // 10
    return None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 2, 2.5, 2.6, 2.7], 5),  # it has turned
        ([3, 2, 2.5, 2.6, 1.9, 2.5, 2.6, 2.7], 8),  # a new best begins the count anew
        ([3, 2.9, 2.8, 2.7, 2.6, 2.5], None),  # it improves, however slowly
        ([3, 2, 2.001, 2.002, 2.001, 2.002, 2.003], None),  # a plateau is no turn
        ([3, 2, 2.001, 2.002, 2.001, 2.05], 6),  # a turn after a plateau
        ([3, 2, 2, 2, 2, 2], None),  # equal is no improvement, and no turn either
        ([3, 2, nan, nan, 2.5], 5),  # what is not finite is no improvement
        ([-1, -2, -1.5, -1.4, -1.3], 5),  # also below zero
        ([-1, -2, -1.999, -1.999, -1.999], None),
        ([nan, nan, nan, nan], None),  # nothing was ever measured
        ([inf, inf, inf, inf], None),
    ],
)
def test_only_a_true_turn_stops(values: list[float], expected: int | None) -> None:
    assert stopped_at(values) == expected


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_it_waits_as_long_as_asked(patience: int) -> None:
    assert stopped_at([2, 1, *[1.5] * 9], patience) == 2 + patience


@pytest.mark.parametrize("past", range(5))
def test_a_resume_counts_on(past: int) -> None:
    assert stopped_at([3, 2, 2.5, 2.6, 2.7, 2.8], past=past) == 5


def test_a_run_that_had_turned_before_its_resume_stops_at_once() -> None:
    past = [evaluated(step, value) for step, value in enumerate([2, 3, 3, 3])]
    assert isinstance(Patience("loss", 3, past)(Sampled(step=4, elapsed_s=0, artifact=None)), Stop)


def test_the_reason_has_its_numbers() -> None:
    listener = Patience("loss", 2)
    answers = [listener(evaluated(step, v)) for step, v in ((5, 1.23456), (10, 1.5), (15, 1.6))]
    assert answers[:2] == [None, None]
    assert answers[2] == Stop(
        Message(
            "validation has not improved for {count} {count:evaluation|evaluations}; best {best} "
            "at step {step}",
            {"count": 2, "best": Number(1.235), "step": 5},
        )
    )


@pytest.mark.parametrize("monitor", [None, "fd"])
def test_a_value_that_is_not_measured_never_stops(monitor: str | None) -> None:
    listener = Patience(monitor, 1)
    assert [listener(evaluated(n, n)) for n in range(5)] == [None] * 5
