"""How many threads compute: who says it, what is measured, what is recorded, and that idle ones sleep."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from olaria.errors import UsageError
from olaria.i18n import Message
from olaria.models.base import Batch
from olaria.recipes.training import TrainingConfig
from olaria.runs import Run
from olaria.training import threads
from olaria.training.events import Answer, Began, Event, Forecast, Stepped, Stop, Warned
from olaria.training.forecast import FewSteps
from olaria.training.precision import Choice
from olaria.workflows.running import replay, resume
from olaria.workflows.train import train

CORES = 8
SMALL: dict[str, Any] = {
    "data": "digits",
    "size": "tiny",
    "settings": ["model.hidden=[16]", "training.precision=float32"],
}


@pytest.fixture(autouse=True)
def _nobody_said(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Eight threads on a machine of eight cores, and no variable that says otherwise."""
    for name in ("OLARIA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: CORES)
    before = torch.get_num_threads()
    torch.set_num_threads(CORES)
    yield
    torch.set_num_threads(before)


def as_timed(monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float]) -> list[int]:
    """Let a step take so long by the number of threads; returns where the counts that are tried are kept."""
    tried: list[int] = []

    def timed(*_words: Any) -> float:
        tried.append(torch.get_num_threads())
        return seconds[tried[-1]]

    monkeypatch.setattr(threads, "step_seconds", timed)
    return tried


def chosen(left: int | None, step_s: float | None = None) -> Choice:
    config = TrainingConfig(steps=left) if left is not None else TrainingConfig(budget=60)
    batch = Batch(torch.zeros(2, 3))
    model: Any = torch.nn.Linear(3, 3)
    return threads.choose(model, batch, config, Choice("float32", False, (), step_s), left)


@pytest.mark.parametrize(
    ("seconds", "count"),
    [
        ({8: 1.0, 4: 0.5, 2: 0.3, 1: 0.1}, 1),
        ({8: 1.0, 4: 0.5, 2: 0.6}, 4),
        ({8: 1.0, 4: 0.95}, 8),
    ],
)
def test_a_budget_trains_with_as_many_threads_as_are_fastest(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float], count: int
) -> None:
    tried = as_timed(monkeypatch, seconds)
    choice = chosen(None)
    assert torch.get_num_threads() == count and choice.step_s == seconds[count]
    assert tried == list(seconds)
    assert len(choice.remarks) == (count < CORES)


def test_given_steps_never_choose_by_the_clock_and_say_what_would_be_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = as_timed(monkeypatch, {8: 1.0, 4: 0.5, 2: 0.25, 1: 0.1})
    (remark,) = chosen(1000).remarks
    assert torch.get_num_threads() == CORES
    assert "10.0 times as fast with threads=1" in remark.text("en")
    tried.clear()
    assert chosen(60).remarks == () and not tried, "too short to be worth it"


def test_a_little_faster_is_not_worth_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    as_timed(monkeypatch, {8: 1.0, 4: 0.8, 2: 0.9})
    assert chosen(1000).remarks == ()


@pytest.mark.parametrize("name", ["OLARIA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_who_said_a_number_is_not_measured(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "4")
    tried = as_timed(monkeypatch, {})
    assert chosen(None) == Choice("float32", False) and not tried


@pytest.mark.parametrize("said", ["0", "two", "1.5", "²", "4096"])
def test_an_impossible_number_is_refused_in_python_too(
    monkeypatch: pytest.MonkeyPatch, said: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("OLARIA_NUM_THREADS", said)
    with pytest.raises(UsageError, match="not a number of threads"):
        train("vae-mnist", steps=1, out=tmp_path / "r", **SMALL)
    assert not (tmp_path / "r").exists()


def counts(found: list[int]) -> Any:
    """A listener that keeps the number of threads of each step."""
    return lambda event: (
        found.append(torch.get_num_threads()) if isinstance(event, Stepped) else None
    )


def test_the_variable_and_the_setting_hold_in_python_and_end_with_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found: list[int] = []
    monkeypatch.setenv("OLARIA_NUM_THREADS", "2")
    run = train("vae-mnist", steps=1, out=tmp_path / "a", listeners=[counts(found)], **SMALL)
    assert run.provenance["machine"]["num_threads"] == 2
    run = train(
        "vae-mnist", steps=1, threads=1, out=tmp_path / "b", listeners=[counts(found)], **SMALL
    )
    assert run.provenance["machine"]["num_threads"] == 1
    assert found == [2, 1]
    assert torch.get_num_threads() == CORES and os.environ["OLARIA_NUM_THREADS"] == "2"
    run.model()
    assert torch.get_num_threads() == 2, "whatever computes reads the variable"


def test_a_measured_number_is_recorded_and_used_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_timed(monkeypatch, {8: 1.0, 4: 0.9, 2: 0.3, 1: 0.2})
    monkeypatch.setattr(threads, "FASTER", 1.0)
    found: list[int] = []

    def stop(event: Event) -> Answer:
        return Stop(Message("stop")) if isinstance(event, Stepped) and event.step == 3 else None

    run = train(
        "vae-mnist", budget=60, out=tmp_path / "a", listeners=[counts(found), stop], **SMALL
    )
    assert run.provenance["machine"]["num_threads"] == 1 and found == [1, 1, 1]
    assert torch.get_num_threads() == CORES
    found.clear()
    again = replay(run.path, out=tmp_path / "b", listeners=[counts(found)])
    assert again.provenance["machine"]["num_threads"] == 1 and found == [1, 1, 1]
    found.clear()
    run.folder.status("stopped", 3)
    resume(Run(run.path), listeners=[counts(found), lambda _: Stop(Message("stop"))])
    assert set(found) <= {1}


@pytest.mark.parametrize(("recorded", "count"), [(4, 4), (99, CORES), (None, CORES), (0, CORES)])
def test_no_more_threads_are_taken_again_than_there_are_cores(
    recorded: int | None, count: int
) -> None:
    with threads.used(recorded):
        assert torch.get_num_threads() == count


# -- a machine that is not empty -------------------------------------------------------------------


def watched(monkeypatch: pytest.MonkeyPatch, shares: list[float]) -> list[str]:
    """What is said of a run that gets these shares of a processor, each for eleven seconds."""
    wall = [float(11 * i) for i in range(len(shares) + 1)]
    own = [sum(11 * share for share in shares[:i]) for i in range(len(shares) + 1)]
    monkeypatch.setattr(time, "perf_counter", iter(wall).__next__)
    monkeypatch.setattr(time, "process_time", iter(own).__next__)
    listener = threads.Starved()
    step = Stepped(
        step=1, elapsed_s=0, fraction=0, learning_rate=0, values={}, rate=1, eta_s=0
    )  # fmt: skip
    answers = [listener(step) for _ in shares]
    monkeypatch.undo()
    return [answer.message.text("en") for answer in answers if isinstance(answer, Warned)]


def test_a_run_that_another_program_starves_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = watched(monkeypatch, [1.8, 1.9, 0.3, 0.3, 0.3, 0.3])
    assert "gets 30% of a processor and had 190%" in said and "threads=1" in said


@pytest.mark.parametrize("shares", [[1.9, 1.8, 1.7], [1.9, 0.1, 1.9, 0.1], [1.9, 0.8, 0.8, 0.8]])
def test_a_run_that_is_halted_for_a_moment_or_shares_says_nothing(
    monkeypatch: pytest.MonkeyPatch, shares: list[float]
) -> None:
    assert watched(monkeypatch, shares) == []


@pytest.mark.parametrize(
    ("steps", "budget", "begins", "says"),
    [(4, 40.0, 0, "budget=1000s"), (99, 60.0, 0, "budget=70s"), (100, 60.0, 0, ""),
     (4, 40.0, 7, ""), (4, None, 0, "")],
)  # fmt: skip
def test_a_budget_that_buys_few_steps_is_warned_of(
    steps: int, budget: float | None, begins: int, says: str
) -> None:
    event = Began(
        step=begins, elapsed_s=0, precision="float32", compiled=False, num_parameters=1,
        forecast=Forecast(steps=steps),
    )  # fmt: skip
    answer = FewSteps(budget)(event)
    assert (answer is None) == (not says)
    if isinstance(answer, Warned):
        assert f"about {steps} steps" in answer.message.text("en")
        assert says in answer.message.text("en")
