"""Several processes make the steps that one makes; and what a person sees when one of them is missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from olaria.cli.main import main
from olaria.errors import ConfigError, TrainingError
from olaria.models.base import Batch
from olaria.runs import Run
from olaria.training import teamwork
from olaria.training.team import Team

from .cases import Case

WORKER = Path(__file__).parent / "team_worker.py"
TOLERANCE = 1e-5
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


def environment(**words: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OLARIA_NUM_THREADS": "1", **words}


def logged(size: int, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What the cases log, trained by so many processes."""
    path = folder / f"{size}.json"
    team = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(path)],
            env=environment(**place),
        )
        for place in teamwork.places(size)
    ]
    assert [process.wait(timeout=240) for process in team] == [0] * size
    found = json.loads(path.read_text())
    assert found["sum"] == [sum(range(7)), 7], "each part is computed by one process"
    rows: dict[str, list[dict[str, Any]]] = found["rows"]
    return rows


def test_one_and_two_processes_log_the_same_losses(tmp_path: Path, record_property: Any) -> None:
    alone, together = logged(1, tmp_path), logged(2, tmp_path)
    assert alone.keys() == together.keys() and len(alone) > 12
    largest: dict[str, float] = {}
    for name, rows in alone.items():
        assert len(rows) == len(together[name]) == 12
        pairs = [
            (value, other[key])
            for row, other in zip(rows, together[name], strict=True)
            for key, value in row.items()
            if not key.endswith("_gradient")
        ]
        largest[name] = max(abs(a - b) / max(1.0, abs(a)) for a, b in pairs)
        record_property("figure", f"1 and 2 processes, {name}: at most {largest[name]:.1e} apart")
    assert {name: d for name, d in largest.items() if d > TOLERANCE} == {}
    assert any(largest.values()), "two processes add in another order"


# -- alone ----------------------------------------------------------------------------------------


def test_a_team_of_one_asks_no_one() -> None:
    team = Team()
    batch = Batch(torch.ones(3, 2), torch.ones(3))
    gradients: list[Tensor] = [torch.ones(2)]
    team.average(gradients)
    assert team.part(batch) is batch and gradients[0].tolist() == [1.0, 1.0]
    assert team.number(2.5) == 2.5 and team.words({"a": [1]}) == {"a": [1]}
    assert team.summed([lambda: (1.0,), lambda: (2.5,)], 1) == [3.5]
    assert team.mean({"loss": 2.0}) == {"loss": 2.0} and team.share(torch.tensor(3)) == 1.0


def test_a_part_is_of_the_rows_in_their_order() -> None:
    batch = Batch(torch.arange(12).view(6, 2), torch.arange(6))
    parts = [Team(rank, 3).part(batch) for rank in range(3)]
    assert torch.equal(torch.cat([part.x for part in parts]), batch.x)
    assert [part.y.tolist() for part in parts if part.y is not None] == [[0, 1], [2, 3], [4, 5]]


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ConfigError, match="3 processes cannot share a batch of 8"):
        Case("vae").trainer(team=Team(0, 3))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"RANK": "x", "WORLD_SIZE": "2", "MASTER_PORT": "1"}, "RANK=x is not a number"),
        ({"RANK": "0", "WORLD_SIZE": "-2", "MASTER_PORT": "1"}, "WORLD_SIZE=-2 is not a number"),
        ({"RANK": "2", "WORLD_SIZE": "2", "MASTER_PORT": "1"}, "process 2 of 2 cannot be"),
    ],
)
def test_an_environment_without_sense_is_told(
    words: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=message):
        teamwork.join()


@pytest.mark.parametrize("rank", ["0", "1"])
def test_processes_that_do_not_come_are_missed(rank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first waits for another; another finds no first."""
    monkeypatch.setattr(teamwork, "JOIN_S", 1)
    for name, value in teamwork.places(2)[int(rank)].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match=r"the 2 processes of this run did not meet at 127\.0"):
        teamwork.join()


LEFT = """
import atexit, torch.distributed as processes
atexit.register(lambda: print(processes.is_initialized()))  # the last of all
from olaria.training import teamwork
assert teamwork.join().number(1.0) == 1.0 and processes.is_initialized()
"""


def test_a_process_leaves_the_others_before_it_ends() -> None:
    """A thread of the group that outlives the interpreter aborts the process, now and then."""
    team = [
        subprocess.Popen(
            [sys.executable, "-c", LEFT], env=environment(**place), stdout=subprocess.PIPE
        )
        for place in teamwork.places(2)
    ]
    told = [process.communicate(timeout=120)[0] for process in team]
    assert [process.returncode for process in team] == [0, 0] and told == [b"False\n"] * 2


# -- the command ----------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def rank_of(pid: int) -> int:
    words = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return int(next(word for word in words if word.startswith("RANK=")).removeprefix("RANK="))


@linux
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_ends_the_run_and_another_number_goes_on(
    rank: int, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["train", "bigram-shakespeare", "--data", "toy-language", "--steps", "100000"]
    words += ["--set", "training.checkpoint_every=50", "--nproc", "2", "--out", str(out)]
    command = [sys.executable, "-m", "olaria"]
    parent = subprocess.Popen(
        [*command, *words], env=environment(), stderr=subprocess.PIPE, encoding="utf-8"
    )
    deadline = time.monotonic() + 60
    while (
        not list(out.glob("checkpoints/step-*/manifest.json"))
        or Run(out).checkpoint("last")[0] == 0
    ):
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.1)
    ranks = {rank_of(pid): pid for pid in children(parent.pid)}
    began = time.monotonic()
    os.kill(ranks[rank], signal.SIGKILL)
    _, told = parent.communicate(timeout=30)
    assert time.monotonic() - began < 30 and parent.returncode == 1
    assert "Traceback" not in told and f"process {rank} of the run was ended by signal 9" in told
    assert ("another process of this run ended" in told) == (rank == 1)
    step = Run(out).checkpoint("last")[0]
    recipe = Run(out).recipe.updated("training.steps", step + 3)
    (out / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
    assert main(["train", "--resume", str(out)]) == 0
    assert (Run(out).state, Run(out).result["steps"]) == ("done", step + 3)


@linux
def test_ctrl_c_ends_a_shared_run_with_everything_saved(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "bigram-shakespeare", "--data", "toy-language", "--budget", "600s"]
    parent = subprocess.Popen(
        [sys.executable, "-m", "olaria", *words, "--nproc", "2", "--out", str(out)],
        env=environment(), stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (out / "events.jsonl").exists() or len((out / "events.jsonl").read_text()) < 20_000:
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.1)
    os.killpg(parent.pid, signal.SIGINT)
    _, told = parent.communicate(timeout=60)
    assert parent.returncode == 130 and f"stopped by Ctrl-C; go on with --resume {out}" in told
    assert Run(out).state == "stopped"
    assert Run(out).checkpoint("last")[0] == Run(out).status["step"] > 0


@linux
def test_what_the_words_forbid_is_told_once_and_leaves_nothing(tmp_path: Path) -> None:
    words = ["train", "gpt-shakespeare", "--data", "toy-language", "--size", "tiny", "--steps", "2"]
    more = ["--set", "training.batch_size=5", "--nproc", "2", "--out", str(tmp_path / "run")]
    ended = subprocess.run(
        [sys.executable, "-m", "olaria", *words, *more],
        env=environment(), capture_output=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "olaria: error: 2 processes cannot share a batch of 5; choose a multiple with "
        "--set training.batch_size=N"
    ]
    assert not (tmp_path / "run").exists()
