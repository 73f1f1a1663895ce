"""A real run that learns a short text by heart: it is stopped, its best is kept and is what everyone reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from olaria.errors import RunError
from olaria.i18n import Message
from olaria.recipes import preset
from olaria.runs import Run
from olaria.storage import folder as files
from olaria.training.events import Answer, Evaluated, Event, Stop
from olaria.training.stopping import TURN
from olaria.workflows.evaluate import evaluate
from olaria.workflows.running import replay, resume
from olaria.workflows.train import train

SETTINGS = [
    "training.patience=3",
    "training.evaluate_every=10",
    "training.checkpoint_every=10",
    "training.precision=float32",
    "training.batch_size=8",
    "training.sample_every=1000",
    "training.learning_rate=0.01",
    "training.ema=0.9",
    "model.width=16",
]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory, random_words: Callable[[int], str]) -> Path:
    """2 kB of words that nothing predicts, so that only learning them by heart helps."""
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text(random_words(400)[:2000])
    return path


def trained(text: Path, out: Path, steps: int = 400, **options: Any) -> Run:
    return train(
        "gpt-shakespeare",
        data=str(text),
        size="tiny",
        steps=steps,
        settings=SETTINGS,
        out=out,
        **options,
    )


@pytest.fixture(scope="module")
def run(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Stopped because its validation has turned."""
    return trained(text, tmp_path_factory.mktemp("runs") / "heart")


def validation(run: Run) -> dict[int, float]:
    """Validation losses by step."""
    rows = [row for row in run.metrics() if row["split"] == "validation"]
    return {row["step"]: row["values"]["loss"] for row in rows}


def weights(run: Run, which: str = "last") -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(run.model(which).parameters())


def test_it_stops_early_and_says_why(run: Run) -> None:
    losses = validation(run)
    best = min(losses, key=losses.__getitem__)
    assert run.state == "done" and 0 < best < run.result["steps"] < 400
    reason = run.result["reason"]
    assert reason["id"].startswith(
        "validation has not improved for {count} {count:evaluation|evaluations}"
    )
    assert reason["fields"]["step"] == best
    assert reason["fields"]["best"] == pytest.approx(losses[best], rel=1e-3)
    assert reason["fields"]["count"] == len([step for step in losses if step > best]) >= 3
    assert losses[run.result["steps"]] > (1 + TURN) * losses[best]


def test_the_best_is_kept_and_read_by_evaluation(run: Run) -> None:
    losses = validation(run)
    best, last = (run.checkpoint(which)[0] for which in ("best", "last"))
    assert best == min(losses, key=losses.__getitem__) < last == run.result["steps"]
    assert run.checkpoint()[0] == best
    assert not torch.equal(weights(run, "best"), weights(run, "last"))
    metric = "loss_nats_per_token"
    found = {
        which: evaluate(run, metrics=[metric], checkpoint=which, offline=True)
        for which in ("best", "last", None)
    }
    assert found[None].protocol["checkpoint"] == best
    by = {which: content.metrics[metric] for which, content in found.items()}
    assert by[None] == by["best"] == pytest.approx(losses[best], abs=1e-5)
    assert by["last"] == pytest.approx(losses[last], abs=1e-5) and by["best"] < by["last"]


def test_the_prediction_lies_beside_what_was_used(run: Run) -> None:
    result = run.result
    predicted = result["predicted"]
    assert set(predicted) == {"memory_bytes", "train_s", "steps", "epochs"}
    assert predicted["memory_bytes"] > 100e6 and predicted["train_s"] > 0
    used = 400 / result["steps"] * result["epochs"]  # it was stopped before its planned end
    assert predicted["epochs"] == pytest.approx(used, rel=1e-3)
    began = run.folder.lines(files.EVENTS)[0]
    assert began["event"] == "began" and began["forecast"] == predicted


class StopsAt:
    """Ends a run as a person would, at an evaluation."""

    def __init__(self, step: int) -> None:
        self._step = step

    def __call__(self, event: Event) -> Answer:
        is_there = isinstance(event, Evaluated) and event.step == self._step
        return Stop(Message("enough")) if is_there else None


@pytest.mark.parametrize("back", [1, 2, 0])
def test_the_count_survives_a_resume(run: Run, text: Path, back: int, tmp_path: Path) -> None:
    """Stopped one or two evaluations before its end, or at the end itself before that was written down."""
    end = run.result["steps"]
    first = trained(text, tmp_path / "run", listeners=[StopsAt(end - 10 * back)])
    assert first.result["steps"] == end - 10 * back
    first.folder.status("stopped", first.result["steps"])
    again = resume(first.path, offline=True)
    assert again.result["steps"] == end
    assert again.result["reason"] == run.result["reason"]
    assert validation(again) == validation(run)
    assert torch.equal(weights(again), weights(run))


def test_a_replay_ends_where_the_run_did(run: Run, tmp_path: Path) -> None:
    again = replay(run.path, out=tmp_path / "again", offline=True)
    assert again.result["steps"] == run.result["steps"]
    assert torch.equal(weights(again), weights(run))


def test_without_patience_it_goes_to_its_end(text: Path, tmp_path: Path, run: Run) -> None:
    settings = [*SETTINGS, "training.patience=null"]
    longer = train(
        "gpt-shakespeare", data=str(text), size="tiny", steps=run.result["steps"] + 10,
        settings=settings, out=tmp_path / "run",
    )  # fmt: skip
    assert longer.result["reason"]["id"] == "the planned end was reached"


def test_the_preset_is_patient() -> None:
    assert preset("gpt-shakespeare").training.patience is not None
    assert preset("vae-mnist").training.patience is None


@pytest.mark.parametrize("work", ["evaluate", "resume"])
def test_b4_weights_of_another_family_are_refused_at_once(
    work: str, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = trained(text, tmp_path / "run", steps=2)
    other = preset("gpt2-shakespeare", "tiny").ending(4, None).updated("data.name", str(text))
    (mixed.path / files.RECIPE).write_text(json.dumps(other.model_dump(mode="json")))
    mixed.folder.status("stopped", 2)
    text_read = pytest.fail
    monkeypatch.setattr("olaria.runs.opening.load", lambda *a, **k: text_read("data was read"))
    with pytest.raises(RunError) as refused:
        evaluate(mixed.path) if work == "evaluate" else resume(mixed.path)
    message = str(refused.value)
    assert "are not of the language in recipe.json" in message and "\n" not in message
    assert str(mixed.path) in message


def test_b4_weights_of_another_width_are_refused(text: Path, tmp_path: Path) -> None:
    mixed = trained(text, tmp_path / "run", steps=2)
    (mixed.path / files.RECIPE).write_text(
        json.dumps(mixed.recipe.updated("model.width", 64).model_dump(mode="json"))
    )
    with pytest.raises(RunError, match=r"embedding.weight \[\d+, 16\] ≠ \[\d+, 64\]"):
        Run(mixed.path).model()
