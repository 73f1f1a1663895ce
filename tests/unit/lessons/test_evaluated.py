"""A lesson's numbers beside those of the run's own evaluation: both counts, in both languages, and how to get one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olaria.kinds.base import Effort
from olaria.lessons import LESSONS, Asked
from olaria.lessons.base import Step
from olaria.lessons.figures import Table
from olaria.lessons.vae.scene import Scene
from olaria.numbers import format_number, format_significant
from olaria.runs import Run
from olaria.workflows.evaluate import evaluate

TinyRun = Callable[..., Run]

CASES = {
    "vae": ("vae-mnist", "elbo_nats"),
    "autoencoder": ("ae-mnist", "mse"),
    "bigram": ("bigram-shakespeare", "loss_nats_per_token"),
    "gpt": ("gpt-shakespeare", "loss_nats_per_token"),
    "fine-tuning": ("gpt-shakespeare", "loss_nats_per_token"),
    "gan": ("gan-ring", "high_quality_share"),
    "flow-matching": ("flow-ring", "excess_nats"),
}
"""Of a lesson: the preset that carries it, and the number that it shares with an evaluation."""


def run_of(lesson: str, tiny_run: TinyRun) -> Run:
    run = tiny_run(CASES[lesson][0])
    return tiny_run(CASES[lesson][0], start=run) if lesson == "fine-tuning" else run


def steps_of(lesson: str, run: Run) -> tuple[Step, ...]:
    return LESSONS[lesson](Asked((run,), offline=True))


def content(value: float, checkpoint: int, **metrics: float) -> dict[str, Any]:
    """An evaluation.json of one value for every metric."""
    names = {metric: value for _, metric in CASES.values()}
    others = {"reconstruction_nats": 200.5, "kl_nats": 3.25, "modes_covered": 5.0}
    protocol = {"num_examples": 12345, "num_samples": 12345, "checkpoint": checkpoint}
    return {"protocol": protocol, "metrics": {**names, **others, **metrics}}


def with_evaluation(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any] | None) -> None:
    monkeypatch.setattr(Run, "evaluation", property(lambda run: found))


def saying(steps: tuple[Step, ...], words: str, language: str = "en") -> list[int]:
    return [i for i, step in enumerate(steps) if words in step.text.text(language)]


@pytest.mark.parametrize("lesson", CASES)
def test_without_an_evaluation_the_command_is_named(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, lesson: str
) -> None:
    run = run_of(lesson, tiny_run)
    with_evaluation(monkeypatch, None)
    steps = steps_of(lesson, run)
    for language in ("en", "pt"):
        assert len(saying(steps, f"olaria eval {run.name}", language)) == 1
    # One that was asked for other metrics alone has nothing to say either.
    with_evaluation(monkeypatch, {**content(1.0, 0), "metrics": {"fd": 1.0}})
    assert len(saying(steps_of(lesson, run), f"olaria eval {run.name}")) == 1


@pytest.mark.parametrize("lesson", CASES)
def test_the_evaluations_number_stands_beside_the_lessons(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, lesson: str
) -> None:
    run = run_of(lesson, tiny_run)
    value = -0.6875 if CASES[lesson][1] == "elbo_nats" else 0.6875
    step, _ = run.checkpoint()
    with_evaluation(monkeypatch, content(value, step))
    steps = steps_of(lesson, run)
    for language in ("en", "pt"):
        shown = {format_number(0.6875, language, digits) for digits in (2, 3, 4)} | {
            format_significant(0.6875, language)
        }
        (place,) = [
            i
            for i in saying(steps, "12345", language)
            if any(number in steps[i].text.text(language) for number in shown)
        ]
        assert "olaria eval" not in steps[place].text.text(language)
        assert f" {step}" not in steps[place].text.text(language).split("12345")[1]


def test_points_without_clusters_have_both_shares(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run("gan-spiral")
    with_evaluation(monkeypatch, None)
    assert saying(steps_of("gan", run), f"olaria eval {run.name}") == [1]
    found = content(0.5, run.checkpoint()[0], precision=0.625, coverage=0.375)
    with_evaluation(monkeypatch, found)
    assert saying(steps_of("gan", run), "has 0.625 and 0.375") == [1]
    assert saying(steps_of("gan", run), "os valores são 0,625 e 0,375", "pt") == [1]


def test_an_evaluation_of_other_weights_says_so(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_evaluation(monkeypatch, content(0.5, 7))
    (place,) = saying(steps_of("autoencoder", tiny_run("ae-mnist")), "12345")
    text = steps_of("autoencoder", tiny_run("ae-mnist"))[place].text
    assert "weights of step 7, this lesson with those of step 30" in text.text()
    assert "pesos do passo 7" in text.text("pt")


def test_an_evaluation_counts_a_class_that_was_left_out(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run("ae-mnist", "data.leave_out=4")
    with_evaluation(monkeypatch, content(0.5, run.checkpoint()[0]))
    assert saying(steps_of("autoencoder", run), "left out of training counts too")


@pytest.mark.parametrize("lesson", ["autoencoder", "vae"])
def test_two_selections_of_test_images_are_told_apart(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, lesson: str
) -> None:
    run = run_of(lesson, tiny_run)
    found, total = content(0.5, run.checkpoint()[0]), len(run.data().test)  # type: ignore[union-attr]
    for count in (total, total - 1):
        found["protocol"]["num_examples"] = count
        with_evaluation(monkeypatch, found)
        told = saying(steps_of(lesson, run), "each use a selection of their own")
        assert len(told) == (count < total)


@pytest.mark.parametrize("lesson", ["bigram", "gpt", "fine-tuning"])
def test_of_a_text_tokens_are_measured(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, lesson: str
) -> None:
    with_evaluation(monkeypatch, None)
    steps = steps_of(lesson, run_of(lesson, tiny_run))
    assert len(saying(steps, "tokens are measured;")) == 1
    assert not saying(steps, "examples are measured")


def test_the_bound_of_an_evaluation_is_a_row_with_its_count(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    run = Run(shutil.copytree(tiny_run("vae-mnist").path, tmp_path / "run"))
    found = evaluate(run, effort=Effort(num_examples=100, num_samples=200))
    bound = steps_of("vae", run)[4]
    table = bound.figures[0]
    assert isinstance(table, Table)
    name, pixels, code, total = table.rows[-1]
    metrics, count = found.metrics, found.protocol["num_examples"]
    assert name.text() == f"evaluation, {count} test images"  # type: ignore[union-attr]
    assert [pixels, code] == [metrics["reconstruction_nats"], metrics["kl_nats"]]
    assert total == -metrics["elbo_nats"] == pytest.approx(pixels + code, abs=1e-6)  # type: ignore[operator]
    own = len(Scene.of(Asked((run,))).x)
    assert f"Over {count} test images" in bound.text.text()
    assert f"the mean here is over {own}" in bound.text.text() and own > count
