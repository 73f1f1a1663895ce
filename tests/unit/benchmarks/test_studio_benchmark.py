"""The benchmark of the studio: it counts right, its studio answers, and tiny runs go through it."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from olaria.storage.locks import is_held

for package in ("fastapi", "uvicorn"):
    pytest.importorskip(package, reason="the extra studio is not installed")

from .test_language_benchmarks import load  # noqa: E402

studio, common, browser = load("studio"), load("common"), load("browser")
on_linux = pytest.mark.skipif(not studio.PROC.is_dir(), reason="the system has no /proc")


def test_its_examples() -> None:
    assert doctest.testmod(studio).failed == 0
    assert studio.slowed(100, 103) == pytest.approx(-3), "a page may not slow it at all"


@on_linux
def test_processor_time_and_memory_are_those_of_the_process() -> None:
    code = "import time\nwhile time.process_time() < 0.5: pass\nx = b'1' * 80_000_000\nprint(flush=True)\ninput()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None and child.stdout.readline()
        assert 0.45 < studio.seconds_used(child.pid) < 5
        assert 80 < studio.memory_mb(child.pid) < 140
    finally:
        child.kill()
        child.communicate()


def test_the_pace_is_that_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    lines = [json.dumps(studio.stepped(step)) + "\n" for step in range(1, 900)]
    log.write_text("".join(lines) + json.dumps({"event": "saved", "step": 900}) + "\n" + '{"eve')
    assert studio.last_step(log) == (899, 89.9)

    def goes_on() -> None:
        with log.open("a") as file:
            file.write("\n" + json.dumps({**studio.stepped(949), "elapsed_s": 99.9}) + "\n")

    later = threading.Timer(0.3, goes_on)
    later.start()
    assert studio.pace(log, 0.1) == pytest.approx(50 / 10), "it waits for a step"
    later.join()


def test_a_studio_is_timed_from_its_start_and_tells_of_its_runs(tmp_path: Path) -> None:
    home = tmp_path / "runs"
    studio.write_runs(home, studio.TINY)
    began = time.perf_counter()
    with studio.serving(home) as served:
        assert 0 < served.first_answer_s <= time.perf_counter() - began
        cards = served.ask("/api/runs")["runs"]
        assert [card["steps"] for card in cards] == [studio.TINY.points] * studio.TINY.runs
        run_id = studio.id_of(served, "run-003")
        curves = served.ask(f"/api/runs/{run_id}/curves")["curves"]
        assert {curve["total"] for curve in curves} == {studio.TINY.points}
        with pytest.raises(common.BenchmarkError, match="409"):
            served.ask(f"/api/runs/{run_id}/stop", {})
    with pytest.raises(common.BenchmarkError, match="no folder"):
        studio.Studio(tmp_path / "nothing")


@pytest.mark.slow
def test_tiny_runs_go_through(tmp_path: Path) -> None:
    if browser.find_chromium() is None:
        pytest.skip("no Chromium: apt-get install chromium")
    rows = studio.measure(tmp_path, studio.TINY, 1)
    names = " ".join(row[0] for row in rows)
    for word in ("first answer", "first paint", "gzipped", "listed", "shown", "screen", "slowed"):
        assert word in names
    assert all(row[-1] in ("yes", "no") for row in rows)
    assert not any(map(is_held, (tmp_path / "live").glob("*/run.lock"))), "nothing trains on"
