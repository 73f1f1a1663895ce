"""Time known beforehand, and that asking for it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from olaria.families import MODELS
from olaria.models import build
from olaria.models.base import Batch
from olaria.recipes.training import TrainingConfig
from olaria.training import forecast, precision
from olaria.training.engine import Trainer
from olaria.training.events import Began, Forecast
from olaria.training.feed import TextFeed
from olaria.training.forecast import COMPILED, COMPILING_S, Remaining, predict
from olaria.training.precision import Choice
from olaria.training.randomness import seeded
from olaria.training.watch import Watch

TOKENS = torch.arange(400) % 11


def trainer(**training: Any) -> Trainer:
    config = TrainingConfig.parse({"precision": "float32", **training}, "test")
    settings = MODELS["gpt"].sizes["tiny"].model_copy(update={"dropout": 0.2})
    with seeded(0, "weights"):
        model = build(settings, 11)
    watch = Watch(lambda model: {}, lambda model: None)
    return Trainer(model, TextFeed(TOKENS, 32, 4, 0), config, 0, watch)


def told(monkeypatch: pytest.MonkeyPatch, step_s: float | None, **options: Any) -> Forecast:
    """The prediction where a step takes ``step_s``; None forbids timing."""
    left, used_s = options.pop("left", None), options.pop("used_s", 0.0)
    compiled, measured = options.pop("compiled", False), options.pop("measured", None)

    def timed(*words: Any) -> float:
        assert step_s is not None, "timed"
        return step_s

    monkeypatch.setattr(forecast, "step_seconds", timed)
    model = build(MODELS["gpt"].sizes["tiny"], 11)
    batch = Batch(TOKENS[None, :32], TOKENS[None, 1:33])
    config = TrainingConfig.parse(options or {"steps": 1}, "test")
    choice = Choice("float32", compiled, (), measured)
    return predict(model, batch, config, choice, Remaining(left, used_s, 8.0), Forecast(7))


def test_a_budget_tells_steps_and_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, 0.5, budget=60, used_s=20.0) == Forecast(7, None, 80, 10.0)
    assert told(monkeypatch, None, budget=60, used_s=20.0, measured=0.5).steps == 80
    assert told(monkeypatch, 0.5, budget=60, used_s=70.0).steps == 1


def test_given_steps_tell_time_and_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, 0.5, left=80) == Forecast(7, 40.0, None, 10.0)
    assert told(monkeypatch, None, left=59) == Forecast(7, None, None, 59 / 8)  # not worth timing
    assert told(monkeypatch, 0.5, left=60).train_s == 30.0


def test_compilation_costs_first_and_repays_later(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, 0.5, left=80, compiled=True).train_s == COMPILING_S + COMPILED * 40
    steps = told(monkeypatch, 0.5, budget=65, compiled=True).steps
    assert steps == (65 - COMPILING_S) / (COMPILED * 0.5)


@pytest.mark.parametrize("training", [{"steps": 70}, {"steps": 3}])
def test_asking_changes_nothing(training: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout, order, noise and every weight: bitwise, also where the global generator stands elsewhere."""
    torch.manual_seed(5)
    asked = trainer(**training)
    asked.run([])
    monkeypatch.setattr(forecast, "step_seconds", lambda *words: 1.0)
    torch.manual_seed(6)
    plain = trainer(**training)
    plain.run([])
    ours, theirs = (nn.utils.parameters_to_vector(t.model.parameters()) for t in (asked, plain))
    assert torch.equal(ours, theirs)


def test_what_is_told_is_in_the_first_event_and_kept() -> None:
    run = trainer(steps=60)
    run.forecast = Forecast(memory_bytes=123)
    events: list[Any] = []
    run.run([events.append])
    assert isinstance(events[0], Began) and events[0].forecast == run.forecast
    found = run.forecast
    assert found.memory_bytes == 123 and found.steps is None
    assert found.train_s is not None and found.train_s > 0
    assert found.epochs == pytest.approx(60 * 4 * 32 / 400)
    stored = events[0].model_dump(mode="json")
    assert stored["forecast"] == vars(found)


def test_a_slow_step_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(precision.time, "perf_counter", lambda: next(now))
    run = trainer(steps=1)
    batch = Batch(TOKENS[None, :32], TOKENS[None, 1:33])
    assert precision.step_seconds(run.model, batch, run.config, "float32") == 10
    assert next(now) == 20
