"""Several processes that share an evaluation find what one finds, and only the first keeps it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from olaria.cli.main import main
from olaria.errors import UsageError
from olaria.training import teamwork
from olaria.workflows.evaluate import evaluate

WORKER = Path(__file__).parent / "measure_worker.py"
TINY = ("--size", "tiny", "--steps", "2")
TRAININGS: dict[str, tuple[str, ...]] = {
    "vae": ("vae-mnist", *TINY),
    "gan": ("gan-mnist", *TINY),
    "flow": ("flow-mnist", *TINY),
    "mask": ("mask-mnist", *TINY),
    "gpt": ("gpt-shakespeare", "--data", "toy-language", *TINY),
    "translation": ("pt-en", *TINY),
}
SHARED = {"vae", "gan", "flow", "mask", "gpt", "translation"}


def environment(**words: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OLARIA_NUM_THREADS": "1", **words}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each family that is measured by sums or by samples, of few and small pictures."""
    home, draw = tmp_path_factory.mktemp("measured"), Random(0)
    pictures = home / "pictures"
    pictures.mkdir()
    for number in range(60):
        content = bytes(draw.randrange(256) for _ in range(64))
        Image.frombytes("L", (8, 8), content).save(pictures / f"{number}.png")
    found = {}
    for name, words in TRAININGS.items():
        data = () if "--data" in words or name == "translation" else ("--data", str(pictures))
        found[name] = home / name
        assert main(["train", *words, *data, "--out", str(found[name])]) == 0
    return found


def measured(size: int, folder: Path, runs: dict[str, Path]) -> dict[str, Any]:
    path = folder / f"{size}.json"
    team = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(path), *map(str, runs.values())],
            env=environment(**place),
        )
        for place in teamwork.places(size)
    ]
    assert [process.wait(timeout=240) for process in team] == [0] * size
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_two_processes_find_what_one_finds(tmp_path: Path, runs: dict[str, Path]) -> None:
    alone, together = measured(1, tmp_path, runs), measured(2, tmp_path, runs)
    assert alone.keys() == runs.keys()
    for name, one in alone.items():
        assert one["done"] == one["given"] > 1
        both = together[name]
        assert both["given"] == one["given"]
        assert abs(both["done"] - one["given"] / 2) <= 2, "the work is halved"
        values = {key: value for key, value in one["metrics"].items() if value is not None}
        assert values and both["metrics"].keys() == one["metrics"].keys()
        for key, value in values.items():
            assert both["metrics"][key] == pytest.approx(value, rel=1e-6), (name, key)


def test_the_command_shows_and_keeps_it_once(runs: dict[str, Path]) -> None:
    words = [sys.executable, "-m", "olaria", "eval", str(runs["flow"]), "--offline"]
    kept = runs["flow"] / "evaluation.json"
    found = []
    for more in ((), ("--nproc", "2")):
        kept.unlink(missing_ok=True)
        ended = subprocess.run(
            [*words, *more], env=environment(), capture_output=True, encoding="utf-8", timeout=240
        )
        assert ended.returncode == 0, ended.stderr
        found.append((ended.stdout, json.loads(kept.read_text())["metrics"]))
    (shown, values), (again, others) = found
    assert shown == again and values.keys() == others.keys()
    for name, value in values.items():
        assert value is None or others[name] == pytest.approx(value, rel=1e-6), name


def test_python_starts_no_processes(runs: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="starts processes of the command line"):
        evaluate(runs["gpt"], nproc=2)
    evaluate(runs["gpt"], nproc=1, offline=True)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_process_that_is_killed_ends_the_evaluation(runs: dict[str, Path]) -> None:
    words = ["eval", str(runs["vae"]), "--full", "--nproc", "2", "--offline"]
    kept = runs["vae"] / "evaluation.json"
    kept.unlink(missing_ok=True)
    parent = subprocess.Popen(
        [sys.executable, "-m", "olaria", *words],
        env=environment(), stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 60
    while len(children.read_text().split()) < 2:
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.02)
    os.kill(int(children.read_text().split()[1]), signal.SIGKILL)
    _, told = parent.communicate(timeout=120)
    assert parent.returncode == 1 and not kept.exists()
    assert "Traceback" not in told and "was ended by signal 9; measure again" in told
