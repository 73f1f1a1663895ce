"""MLflow and Weights & Biases are told of a run on this machine alone, each in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import olaria
from olaria.trackers import NEEDED

LINES = ("training.sample_every=10", "training.checkpoint_every=10")
PROGRAM = """
import json, socket, sys

def refuse(name):
    original = getattr(socket.socket, name)
    def call(self, *words):
        is_internet = self.family in (socket.AF_INET, socket.AF_INET6)
        if is_internet and words[-1][0] not in ("127.0.0.1", "::1"):
            print("REACHED", words, file=sys.stderr)
            raise OSError("refused")
        return original(self, *words)
    setattr(socket.socket, name, call)

for name in ("connect", "connect_ex", "sendto"):
    refuse(name)

from olaria.training.events import Warned
from olaria.workflows.train import train

out, tracker = sys.argv[1:]

def listen(event):
    if isinstance(event, Warned) and not event.is_note:
        print("WARNED", event.message, file=sys.stderr)
    if event.step == 15 and not resumed:
        raise RuntimeError("lights out")

resumed = False
try:
    train("vae-mnist", data="digits", size="tiny", steps=30, settings={lines}, track=tracker,
          listeners=[listen], out=out)
except RuntimeError:
    resumed = True
    train(resume=out, track=tracker, listeners=[listen])
assert resumed
"""


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """A proxy that nobody is to knock at: it sees what no guard within Python can."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        yield server


def trained(tracker: str, out: Path, door: socket.socket) -> list[dict[str, Any]]:
    """Rows of a run that was told to a tracker, and resumed in between."""
    proxy = f"http://127.0.0.1:{door.getsockname()[1]}"
    own = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "MLFLOW_"))}
    environment = {
        **own,
        **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), proxy),
        "PYTHONPATH": os.pathsep.join([str(Path(olaria.__file__).parents[1]), *sys.path[1:]]),
        "OMP_NUM_THREADS": "1",
        "HOME": str(out.parent / "home"),
        "MLFLOW_TRACKING_URI": "http://mlflow.example.org",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{lines}", repr(LINES)), str(out), tracker],
        env=environment,
        cwd=out.parent,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "REACHED" not in done.stderr and "without it" not in done.stderr, done.stderr[-3000:]
    with pytest.raises(TimeoutError):
        door.accept()
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def losses(rows: list[dict[str, Any]], split: str) -> list[tuple[int, float]]:
    return [(row["step"], row["values"]["loss"]) for row in rows if row["split"] == split]


def test_mlflow_gets_a_run_once(tmp_path: Path, door: socket.socket) -> None:
    for package in NEEDED["mlflow"][1]:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    out = tmp_path / "um lugar ção" / "vae"
    out.parent.mkdir()
    rows = trained("mlflow", out, door)
    program = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
(run,) = client.search_runs([client.get_experiment_by_name("olaria").experiment_id])
number = run.info.run_id
found = {name: client.get_metric_history(number, name) for name in run.data.metrics}
history = {name: sorted([one.step, one.value] for one in ones) for name, ones in found.items()}
files = [file.path for file in client.list_artifacts(number, "samples")]
print(json.dumps([history, run.data.params, run.info.run_name, run.info.status, files]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, f"sqlite:///{out.parent / 'mlflow.db'}"],
        env={
            **os.environ,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    history, parameters, name, status, files = json.loads(done.stdout.splitlines()[-1])
    for split in ("train", "validation"):
        assert [tuple(point) for point in history[f"loss/{split}"]] == losses(rows, split)
    assert parameters["data.name"] == "digits" and name == "vae" and status == "FINISHED"
    assert files == [f"samples/{path.name}" for path in sorted((out / "samples").iterdir())]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["um lugar ção"]


def test_wandb_keeps_a_run_in_its_folder(tmp_path: Path, door: socket.socket) -> None:
    if find_spec("wandb") is None:
        pytest.skip("wandb is not installed")
    out = tmp_path / "um lugar ção" / "vae"
    out.parent.mkdir()
    rows = trained("wandb", out, door)
    (record,) = out.glob("wandb/offline-run-*/*.wandb")
    found = history(record)
    for split in ("train", "validation"):
        told = [(row["_step"], row[f"loss/{split}"]) for row in found if f"loss/{split}" in row]
        assert told == losses(rows, split)
    shown = [row["_step"] for row in found if row.get("samples/_type") == "image-file"]
    assert shown == [int(path.stem[5:]) for path in sorted((out / "samples").iterdir())]


def history(record: Path) -> list[dict[str, Any]]:
    """Rows of an offline record: a log of LevelDB behind a head of seven bytes.

    Source: github.com/google/leveldb, doc/log_format.md.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, part, rows = record.read_bytes(), 7, b"", []
    while at + 7 <= len(content):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", content[at : at + 7])
        part += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            message, part = Record.FromString(part), b""
            if message.WhichOneof("record_type") == "history":
                items = message.history.item
                rows.append(
                    {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items}
                )
    return rows
