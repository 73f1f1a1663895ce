"""The clock, and when periodic things are due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from olaria.errors import ConfigError
from olaria.recipes.training import TrainingConfig
from olaria.training.schedule import Clock, Recurrence, learning_rate_factor


class Time:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_clock_counts_all_but_what_is_excluded() -> None:
    time = Time()
    clock = Clock(now=time)
    time.now += 3
    with clock.excluded():
        time.now += 40
    time.now += 2
    assert clock.used_s() == 5 and clock.excluded_s == 40


def test_the_clock_starts_and_goes_on_where_told() -> None:
    time = Time()
    assert Clock(started=990.0, carried=7.0, now=time).used_s() == 17


def test_what_fails_inside_is_excluded_too() -> None:
    time = Time()
    clock = Clock(now=time)
    with pytest.raises(ValueError), clock.excluded():
        time.now += 9
        raise ValueError
    assert clock.used_s() == 0


def due(recurrence: Recurrence, steps: int) -> list[int]:
    """When, in a run of ``steps``."""
    return [s for s in range(1, steps + 1) if recurrence.due(s, (s - 1) / steps, s / steps)]


def test_every_n_steps() -> None:
    assert due(Recurrence(4, 10), 13) == [4, 8, 12]


def test_spread_evenly_and_dense_at_first() -> None:
    assert due(Recurrence(None, 4), 100) == [25, 50, 75, 100]
    dense = due(Recurrence(None, 2, dense_start=True), 300)
    assert dense == [1, 2, 4, 8, 16, 32, 64, 150, 300]


@given(st.sampled_from([1, 2, 4, 10, 24]), st.integers(1, 3000))
def test_a_count_is_kept_whatever_the_number_of_steps(count: int, steps: int) -> None:
    found = due(Recurrence(None, count), steps)
    assert len(found) == min(count, steps) and found[-1] == steps


@given(st.floats(0, 1), st.integers(0, 500), st.sampled_from(["constant", "linear", "cosine"]))
def test_the_factor_stays_between_its_ends(fraction: float, step: int, decay: str) -> None:
    config = TrainingConfig.parse(
        {"steps": 9, "decay": decay, "warmup_steps": 10, "final_factor": 0.1, "decay_from": 0.3},
        "test",
    )
    factor = learning_rate_factor(config, step, fraction)
    assert 0 < factor <= 1
    later = learning_rate_factor(config, step, min(1.0, fraction + 0.1))
    assert later <= factor
    assert step < 10 or factor >= 0.1


@pytest.mark.parametrize("ends", [{}, {"steps": 5, "budget": 3.0}])
def test_a_run_has_exactly_one_end(ends: dict[str, float]) -> None:
    with pytest.raises((ConfigError, ValidationError)):
        TrainingConfig.parse(ends, "test")
