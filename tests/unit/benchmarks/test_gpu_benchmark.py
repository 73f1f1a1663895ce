"""The benchmark of a GPU: every family stands in it, its verdict, and the whole of it on the CPU in seconds."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from olaria.families import MODELS

from .test_language_benchmarks import BENCHMARKS, common, load

gpu = load("gpu")
ROW = {
    "part": "agreement",
    "family": "vae",
    "precision": "float32",
    "worst": 1e-6,
    "tolerance": 1e-3,
    "evaluated": True,
    "sampled": True,
    "agrees": True,
}


def recorded(*rows: dict[str, Any]) -> Any:
    records = common.Records(None)
    for row in rows:
        records.add(row)
    return records


def test_its_examples() -> None:
    assert doctest.testmod(gpu).failed == 0


def test_every_family_is_compared_within_ten_minutes() -> None:
    assert {*gpu.PRESETS} == {*MODELS} - gpu.NOT_COMPARED
    assert {*gpu.LIMITS_S} == {*gpu.PARTS}
    assert sum(gpu.LIMITS_S.values()) <= 570


@pytest.mark.parametrize(
    ("row", "is_proved"),
    [
        (ROW, True),
        ({**ROW, "agrees": False}, False),
        ({**ROW, "sampled": False}, False),
        ({"part": "nccl", "problem": "stopped after 40 s"}, False),
    ],
)
def test_its_verdict(row: dict[str, Any], is_proved: bool) -> None:
    assert gpu.is_proved(recorded(ROW, row)) is is_proved
    assert not gpu.is_proved(recorded())


def test_a_part_that_hangs_leaves_its_rows_and_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import time; print('{\"way\": 1}', flush=True); time.sleep(60)"
    monkeypatch.setitem(gpu.LIMITS_S, "nccl", 3.0)
    started = subprocess.Popen

    def hanging(command: list[str], **how: Any) -> Any:
        return started([sys.executable, "-c", code], **how)

    monkeypatch.setattr(gpu.subprocess, "Popen", hanging)
    records = common.Records(None)
    gpu.run_part("nccl", records, True)
    assert [sorted(row) for row in records.rows] == [["part", "way"], ["part", "problem"]]
    assert "stopped after 3 s" in records.rows[1]["problem"]


def test_all_of_it_on_the_cpu(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "--tiny", "--json", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = json.loads(file.read_text())["records"]
    assert [row["family"] for row in rows if row["part"] == "agreement"] == [*gpu.PRESETS]
    assert {row["part"] for row in rows} == {"machine", *gpu.PARTS}
    assert not [row for row in rows if "problem" in row]
    assert "the CPU in the GPU's place" in ended.stdout
    assert ended.stdout.count("|:---|") == 4
