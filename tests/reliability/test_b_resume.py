"""Group B of docs/reliability.md: a run that was stopped goes on as if it had not been.

What holds for every family is in tests/contract/test_resume.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from olaria.cli.main import main
from olaria.data import TextData
from olaria.errors import RunError, StorageError
from olaria.evaluation.text import evaluate_text
from olaria.i18n import Message
from olaria.models.language import Bigram
from olaria.runs import Run
from olaria.storage.checkpoint import thin
from olaria.storage.files import read_json, write_json
from olaria.storage.folder import RECIPE
from olaria.training import machine
from olaria.training.events import Answer, Began, Event, Stepped, Stop, Warned
from olaria.training.interruption import Interrupted
from olaria.training.records import MachineChanged
from olaria.workflows.running import resume
from olaria.workflows.train import train

STEPS = 30
SETTINGS = [
    "training.evaluate_every=5",
    "training.checkpoint_every=10",
    "training.sample_every=1000",
    "training.precision=float32",
    "training.batch_size=4",
    "training.ema=0.9",
    "model.context=16",
]
FIRST_FORMAT = Path(__file__).parent / "format-1"
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory, random_words: Callable[[int], str]) -> Path:
    """1 kB of words."""
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text(random_words(200))
    return path


def trained(text: Path, out: Path, **options: Any) -> Run:
    options = {"steps": STEPS, "settings": SETTINGS, **options}
    return train("gpt-shakespeare", data=str(text), size="tiny", out=out, **options)


class At:
    """Does something once, after a step."""

    def __init__(self, step: int, act: Any) -> None:
        self._step, self._act = step, act

    def __call__(self, event: Event) -> Answer:
        if isinstance(event, Stepped) and event.step == self._step:
            answer: Answer = self._act()
            return answer
        return None


@pytest.fixture(scope="module")
def straight(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nothing stopped."""
    return trained(text, tmp_path_factory.mktemp("straight") / "run")


@pytest.fixture
def stopped(text: Path, tmp_path: Path) -> Run:
    """A run that was ended after step 12 of 30."""
    run = trained(text, tmp_path / "run", listeners=[At(12, lambda: Stop(Message("enough")))])
    run.folder.status("stopped", 12)
    return run


def weights(run: Run) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(run.model("last").parameters())


def rows(run: Run) -> list[tuple[str, int, dict[str, float]]]:
    """What a run logged, without its clock."""
    return [(row["split"], row["step"], row["values"]) for row in run.metrics()]


def resumed_as(run: Run, straight: Run) -> None:
    """Go on, and end where the straight run did; a stop is measured besides."""
    again = resume(run.path, offline=True)
    planned = {row[:2] for row in rows(straight)}
    assert again.state == "done"
    assert [row for row in rows(again) if row[:2] in planned] == rows(straight)
    assert torch.equal(weights(again), weights(straight))


# -- B4: another world ----------------------------------------------------------------------------


def test_b4_other_threads_or_another_torch_are_warned_of() -> None:
    now = machine.describe()
    event = Began(step=3, elapsed_s=0.0, precision="float32", compiled=False, num_parameters=1)
    other = {"num_threads": 99, "versions": {**now["versions"], "torch": "1.0"}}
    changed = MachineChanged({"machine": {**now, **other}})
    warning = changed(event)
    assert isinstance(warning, Warned)
    assert "num_threads, torch; numbers may differ" in warning.message.text("en")
    assert changed(event) is None
    assert MachineChanged({"machine": now})(event) is None


def test_b4_other_data_is_refused(stopped: Run, text: Path, straight: Run) -> None:
    before, content = rows(stopped), text.read_text()
    try:
        text.write_text(content + "k")
        with pytest.raises(RunError, match="has changed since run run was trained on it"):
            resume(stopped.path)
    finally:
        text.write_text(content)
    assert rows(stopped) == before
    resumed_as(stopped, straight)


def test_b4_another_architecture_is_refused_with_its_difference(stopped: Run) -> None:
    recipe = stopped.recipe.updated("model.width", 64).updated("model.num_layers", 1)
    write_json(stopped.path / RECIPE, recipe.model_dump(mode="json"))
    with pytest.raises(
        RunError, match=r"tensors differ \(stored ≠ asked: .*\[\d+, 32\] ≠ \[\d+, 64\]"
    ):
        resume(stopped.path)


# -- B6 to B8: signals and logs -------------------------------------------------------------------


@posix
@pytest.mark.parametrize("times", [1, 2])
def test_b6_ctrl_c_once_ends_the_step_and_twice_ends_at_once(
    text: Path, tmp_path: Path, straight: Run, times: int
) -> None:
    def press() -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted if times == 1 else KeyboardInterrupt):
        trained(text, tmp_path / "run", listeners=[At(12, press)])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    run = Run(tmp_path / "run")
    assert run.state == ("stopped" if times == 1 else "failed")
    assert run.checkpoint("last")[0] == (12 if times == 1 else 10)
    resumed_as(run, straight)


def test_b7_what_is_not_there_cannot_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / "runs"))
    assert main(["train", "--resume", "nothing"]) == 1
    assert "no run named nothing" in capsys.readouterr().err
    words = ["--size", "tiny", "--steps", "2", "--set", "training.sample_every=9"]
    assert (
        main(["train", "bigram-shakespeare", "--data", "toy-language", *words, "--resume", "auto"])
        == 0
    )
    assert "there is no unfinished run of bigram-shakespeare: a new one begins" in (
        capsys.readouterr().err
    )


KILLED = """
import os, signal, sys
from olaria.training.events import Stepped
from olaria.workflows.train import train

def listen(event):
    if isinstance(event, Stepped) and event.step == 27:
        os.kill(os.getpid(), signal.SIGKILL)

text, out, steps, *settings = sys.argv[1:]
train("gpt-shakespeare", data=text, size="tiny", steps=int(steps), settings=settings, out=out,
      listeners=[listen])
"""


@posix
def test_b8_a_log_is_stitched_after_kill_9(text: Path, tmp_path: Path, straight: Run) -> None:
    command = [
        sys.executable,
        "-c",
        KILLED,
        str(text),
        str(tmp_path / "run"),
        str(STEPS),
        *SETTINGS,
    ]
    ended = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    run = Run(tmp_path / "run")
    assert (run.state, run.checkpoint("last")[0]) == ("running", 25)
    assert max(row["step"] for row in run.metrics()) > 25
    with (run.path / "metrics.jsonl").open("a") as log:
        log.write('{"split": "train", "st')  # as a machine that stops may leave it
    resumed_as(run, straight)
    for split in ("train", "validation"):
        steps = [row["step"] for row in run.metrics() if row["split"] == split]
        assert steps == sorted(set(steps)) and steps[-1] == STEPS


# -- B10: other formats ---------------------------------------------------------------------------


def test_b9_weights_kept_after_few_steps_change_nothing(
    straight: Run, text: Path, tmp_path: Path
) -> None:
    run = trained(text, tmp_path / "run", settings=[*SETTINGS, "training.keep_spaced=true"])
    assert {1, 4, 16, 30} <= set(run.folder.checkpoint_steps())
    assert rows(run) == rows(straight) and torch.equal(weights(run), weights(straight))
    assert all(value.isfinite().all() for value in run.model(4).state_dict().values())


def test_b7_weights_alone_are_nothing_to_go_on_with(stopped: Run) -> None:
    for step in stopped.folder.checkpoint_steps():
        thin(stopped.folder.checkpoint_path(step))
    with pytest.raises(RunError, match="step-000012, keeps its weights alone"):
        resume(stopped.path, offline=True)


@pytest.mark.parametrize("name", ["recipe.json", "provenance.json", "tokenizer.json"])
def test_b10_a_document_of_a_newer_olaria_is_told_as_such(stopped: Run, name: str) -> None:
    path = stopped.path / name
    write_json(path, {**read_json(path), "format": 2})
    again = Run(stopped.path)
    with pytest.raises(StorageError, match=r"written by a newer Olaria \(format 2,.*update Olaria"):
        again.tokenizer() if name == "tokenizer.json" else again.model("last")


def test_b10_a_checkpoint_of_a_newer_olaria_is_told_as_such(stopped: Run) -> None:
    manifest = stopped.checkpoint("last")[1] / "manifest.json"
    write_json(manifest, {**read_json(manifest), "format": 2})
    with pytest.raises(StorageError, match="written by a newer Olaria"):
        stopped.model("last")


def test_b10_runs_of_the_first_format_are_read_and_go_on(tmp_path: Path) -> None:
    """The folder was written by 0.1.0: a run of 8 steps that was stopped after 4."""
    shutil.copytree(FIRST_FORMAT, tmp_path / "run")
    run = Run(tmp_path / "run")
    told = {row["step"]: row["values"] for row in run.metrics() if row["split"] == "validation"}
    model, data = run.model("last"), run.data(offline=True)
    assert isinstance(data, TextData) and isinstance(model, Bigram)
    found = evaluate_text(model, run.tokenizer(), data.validation, "error").values()
    assert found["loss_nats_per_token"] == pytest.approx(told[4]["loss"], abs=1e-4)
    again = resume(run.path, offline=True)
    assert (again.state, again.result["steps"]) == ("done", 8)
    assert again.metrics()[: len(run.metrics())][0]["step"] == 1
