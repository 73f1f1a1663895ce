"""Idle threads sleep where another program computes, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from olaria.waiting import LOOKS, VARIABLE, settle


def told(*running: int) -> Callable[[], str]:
    """So many programs at each look."""
    looks: Iterator[int] = iter(running)
    return lambda: f"0.80 1.25 2.69 {next(looks)}/79 11515\n"


@pytest.mark.parametrize(
    ("running", "environ", "expected"),
    [
        ([2] * LOOKS, {}, {VARIABLE: "passive"}),
        ([1], {}, {}),
        ([3] * (LOOKS - 1) + [1], {}, {}),  # another program ran for a moment
        ([2] * LOOKS, {VARIABLE: "active"}, {VARIABLE: "active"}),
        ([2] * LOOKS, {"GOMP_SPINCOUNT": "100"}, {"GOMP_SPINCOUNT": "100"}),
    ],
)
def test_threads_sleep_where_another_program_computes(
    running: list[int], environ: dict[str, str], expected: dict[str, str]
) -> None:
    settle(environ, told(*running))
    assert environ == expected


@pytest.mark.parametrize("said", ["", "1 2 3", "1 2 3 x/y 4", "1 2 3 /9 4"])
def test_what_is_not_known_changes_nothing(said: str) -> None:
    environ: dict[str, str] = {}
    settle(environ, lambda: said)
    assert environ == {}

    def refused() -> str:
        raise OSError("no such file")

    settle(environ, refused)
    assert environ == {}


@pytest.mark.skipif(not Path("/proc/loadavg").exists(), reason="Linux's, where it tells")
def test_it_is_settled_before_torch_is_loaded() -> None:
    """A program that holds a core is met at each look."""
    script = (
        "import os, sys, olaria; print(os.environ.get('OMP_WAIT_POLICY'), 'torch' in sys.modules)"
    )
    environ = {key: value for key, value in os.environ.items() if key != VARIABLE}
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.3)
        if Path("/proc/loadavg").read_text().split()[3].startswith(("0/", "1/")):
            pytest.skip("this system does not tell what runs")
        found = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ
        )
    finally:
        busy.kill()
        busy.wait()
    assert found.stdout.split() == ["passive", "False"]
