"""Trainings of the studio: started, followed, stopped, and alive when the studio is not."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import current_default_thread_limiter
from starlette.testclient import TestClient

from olaria.storage import folder as files
from olaria.storage.folder import RunFolder
from olaria.web import patience
from olaria.web.app import Studio, create_app
from olaria.web.index import id_of as id_in
from olaria.web.workers import NOTES, Job, Workers
from olaria.workflows.train import TrainRequest

from .studios import (
    AUTHORIZED,
    ENDLESS,
    HOST,
    QUICK,
    TOKEN,
    environment,
    id_of,
    serving,
    wait_for,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
usually_ended = pytest.mark.usefixtures("ended_workers")


def post(client: Any, path: str, values: dict[str, Any] | None = None) -> Any:
    return client.post(path, json=values or {}, headers=AUTHORIZED)


def card_of(client: Any, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/runs/{run_id}").json()
    return found


def in_state(client: Any, run_id: str, state: str) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        card = card_of(client, run_id)
        return card if card["state"] == state else None

    found: dict[str, Any] = wait_for(reached, f"the state {state}")
    return found


def stepping(client: Any, run_id: str, above: int = 0) -> dict[str, Any]:
    """The card once a run has made steps."""

    def moved() -> dict[str, Any] | None:
        card = card_of(client, run_id)
        return card if card["state"] == "running" and card["steps"] > above else None

    found: dict[str, Any] = wait_for(moved, f"more than {above} steps")
    return found


@usually_ended
def test_f13_a_training_is_started_stopped_and_gone_on_with(client: TestClient, home: Path) -> None:
    found = post(client, "/api/runs", ENDLESS)
    assert found.status_code == 202, found.text
    run_id, shown = found.json()["id"], found.json()["command"]
    assert found.json()["state"] == "starting"
    assert shown.startswith("olaria train vae-mnist --data=digits --steps=1000000 --size=tiny")
    twice = post(client, "/api/runs", ENDLESS)
    assert (twice.status_code, twice.json()["code"]) == (409, "started_already")
    stepping(client, run_id, above=60)
    assert post(client, f"/api/runs/{run_id}/resume").json()["code"] == "running"
    assert post(client, f"/api/runs/{run_id}/dismiss").status_code == 409
    assert post(client, f"/api/runs/{run_id}/stop").status_code == 202
    stopped = in_state(client, run_id, "stopped")
    assert (home / "vae-mnist" / files.RESULT).is_file(), "everything was saved"
    assert post(client, f"/api/runs/{run_id}/resume").status_code == 202
    stepping(client, run_id, above=stopped["steps"])
    assert post(client, f"/api/runs/{run_id}/stop").status_code == 202
    in_state(client, run_id, "stopped")
    assert wait_for(
        lambda: post(client, f"/api/runs/{run_id}/stop").json().get("code") == "not_running",
        "its end",
    )
    steps = [row["step"] for row in RunFolder(home / "vae-mnist").lines(files.EVENTS)]
    assert steps == sorted(steps), "the log goes on where it was"


@usually_ended
def test_f13_a_training_that_cannot_begin_is_a_card_that_says_why(
    client: TestClient, home: Path
) -> None:
    values = {**QUICK, "steps": 5, "settings": ["training.batch_size=100000000"]}
    run_id = post(client, "/api/runs?lang=pt", values).json()["id"]
    card = in_state(client, run_id, "failed")
    assert card["problem"].startswith("olaria: erro: ")
    assert client.get(f"/api/runs/{run_id}/events").text.endswith("event: end\ndata: {}\n\n")
    assert post(client, f"/api/runs/{run_id}/dismiss").status_code == 202
    assert client.get("/api/runs").json()["runs"] == []
    assert not (home / "vae-mnist").exists()


@usually_ended
def test_f13_a_training_that_fails_halfway_says_why_too(client: TestClient) -> None:
    values = {**QUICK, "steps": 500, "settings": ["training.learning_rate=1000"]}
    run_id = post(client, "/api/runs", values).json()["id"]
    in_state(client, run_id, "failed")
    told = wait_for(lambda: card_of(client, run_id).get("problem"), "what was wrong")
    assert told.startswith("olaria: error: training became unstable"), told


def test_f13_only_so_many_train_at_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    jobs = [Job(f"{n}", f"run-{n}", 1, 0.0, (f"{n}",)) for n in range(4)]
    monkeypatch.setattr(Workers, "jobs", lambda self: jobs)
    monkeypatch.setattr(Workers, "is_alive", lambda self, job: True)
    found = post(client, "/api/runs", QUICK)
    assert (found.status_code, found.json()["code"]) == (409, "too_many")
    assert not home.joinpath("vae-mnist").exists()


def test_trap_11_a_killed_run_is_interrupted(
    client: TestClient, made: Callable[..., Path], home: Path
) -> None:
    run = made("vae", "running")
    run_id = id_of(client, "vae")
    assert card_of(client, run_id)["state"] == "interrupted"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from olaria.storage.folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).locked():\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(run)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        assert card_of(client, run_id)["state"] == "running"
        assert post(client, f"/api/runs/{run_id}/resume").json()["code"] == "running"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert card_of(client, run_id)["state"] == "interrupted"
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()
    with RunFolder(run).locked():
        pass  # whoever looked has let go of it


def test_a_run_of_a_stranger_stops_no_process(
    client: TestClient, made: Callable[..., Path], home: Path
) -> None:
    """What ``status.json`` and the notes name may be any process at all."""
    run = made("vae", "running")
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        status = {"format": 1, "state": "running", "pid": victim.pid, "step": 1}
        RunFolder(run).write(files.STATUS, status)
        run_id = id_of(client, "vae")
        note = {
            "format": 1,
            "id": run_id,
            "run": "vae",
            "pid": victim.pid,
            "started": 0,
            "words": [],
        }
        (home / NOTES).mkdir()
        (home / NOTES / f"{run_id}.json").write_text(json.dumps(note))
        assert post(client, f"/api/runs/{run_id}/stop").json()["code"] == "not_running"
        with RunFolder(run).locked():  # by another process than the one that is named
            RunFolder(run).write(files.STATUS, status)
            assert post(client, f"/api/runs/{run_id}/stop").json()["code"] == "not_ours"
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()
        assert victim.stdin is not None
        victim.stdin.close()


def test_f6_notes_that_lead_elsewhere_are_not_followed(
    client: TestClient, made: Callable[..., Path], home: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    run_id = id_in(home, home / "gone")
    (home / NOTES).mkdir()
    note = {"format": 1, "run": "gone", "pid": 1 << 22, "started": 1.0, "words": []}
    (home / NOTES / f"{run_id}.json").write_text(json.dumps(note))
    (home / NOTES / f"{run_id}.log").symlink_to(secret)
    (home / NOTES / "0.json").write_text(json.dumps({**note, "run": "../.."}))
    (home / NOTES / "1.json").write_text("{")
    (card,) = client.get("/api/runs").json()["runs"]
    assert (card["name"], card["state"], card["problem"]) == ("gone", "failed", "")
    assert Workers(home).jobs()[0].run == "gone"
    victim = tmp_path / "victim"
    victim.mkdir()
    for place in ("../victim", "gone/../../victim", "./../victim", str(victim)):
        lost = id_in(home, home / place) if not place.startswith("/") else "2"
        (home / NOTES / f"{lost}.json").write_text(json.dumps({**note, "run": place}))
        assert client.get(f"/api/runs/{lost}/events").status_code == 404, place
        assert post(client, f"/api/runs/{lost}/dismiss").status_code == 404
    assert victim.is_dir() and len(client.get("/api/runs").json()["runs"]) == 1
    home.joinpath("gone").mkdir()
    with pytest.raises(Exception, match="link"):
        Workers(home)._launch(home / "gone", TrainRequest(preset="vae-mnist"), (), "en")
    assert secret.read_text() == "a secret"


@usually_ended
def test_f13_a_training_survives_a_kill_of_the_studio(home: Path) -> None:
    with serving(home) as served:
        with served.client as client:
            found = client.post("/api/runs", json=ENDLESS)
            assert found.status_code == 202, found.text
            run_id = found.json()["id"]
            steps = stepping(client, run_id)["steps"]
        served.process.kill()
        served.process.wait()
    status = json.loads((home / "vae-mnist" / files.STATUS).read_text())
    assert os.getsid(status["pid"]) == status["pid"], "a session of its own"
    client = TestClient(create_app(home, TOKEN), base_url=f"http://{HOST}")
    card = stepping(client, run_id, above=steps + 5)
    assert card["name"] == "vae-mnist", "a studio that is started again takes it up"
    assert post(client, "/api/runs", ENDLESS).json()["code"] == "started_already"
    assert post(client, f"/api/runs/{run_id}/stop").status_code == 202
    in_state(client, run_id, "stopped")


@usually_ended
def test_the_forecast_is_computed_elsewhere_and_before_anything_is_made(
    client: TestClient, home: Path
) -> None:
    values = {**QUICK, "steps": 3000}
    found = client.get("/api/forecast", params=values, headers=AUTHORIZED)
    assert found.status_code == 200, found.text
    assert found.json()["memory_bytes"] > 10**8 and found.json()["train_s"] > 0
    assert found.json()["num_parameters"] > 1000
    assert [*home.iterdir()] == []
    refused = client.get(
        "/api/forecast",
        params={**values, "settings": "training.batch_size=100000000", "lang": "pt"},
        headers=AUTHORIZED,
    )
    assert refused.status_code in (409, 422) and refused.json()["code"] != "no_answer"


def test_only_so_many_forecasts_wait(app: Studio, client: TestClient) -> None:
    app.forecasts._waiting = 3
    found = client.get("/api/forecast", params=QUICK, headers=AUTHORIZED)
    assert (found.status_code, found.headers["retry-after"]) == (429, "5")


def test_a_run_that_is_done_is_not_gone_on_with(
    client: TestClient, made: Callable[..., Path]
) -> None:
    made("vae")
    made("half", "stopped")
    assert post(client, f"/api/runs/{id_of(client, 'vae')}/resume").json()["code"] == "done"
    found = post(client, f"/api/runs/{id_of(client, 'half')}/resume")
    assert (found.status_code, found.json()["code"]) == (409, "run")


def test_a_server_answers_before_it_reads() -> None:
    before = sys.getswitchinterval()

    async def served() -> float:
        patience.answer_first()
        return current_default_thread_limiter().total_tokens

    try:
        assert asyncio.run(served()) == patience.MOST_THREADS
        assert sys.getswitchinterval() == pytest.approx(patience.SWITCH_S)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
