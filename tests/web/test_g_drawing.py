"""Group G of the reliability battery: what is drawn for a page or a program, by the process beside the studio."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from olaria.web import drawing as drawing_module
from olaria.web.app import create_app
from olaria.web.patience import MOST_THREADS

from .studios import AUTHORIZED, HOST, TOKEN, Served, events, id_of, serving, wait_for

PROC = Path("/proc")
WATCH = """
import http.client, json, select, sys, time
host, _, port = sys.argv[1].removeprefix("http://").strip("/").partition(":")
studio, times, late_s = http.client.HTTPConnection(host, int(port)), [], 0.0
while not select.select([sys.stdin], [], [], 0)[0]:
    began = time.perf_counter()
    studio.request("GET", "/health")
    answer = studio.getresponse()
    assert answer.status == 200 and answer.read()
    times.append(time.perf_counter() - began)
    began = time.perf_counter()
    time.sleep(0.02)
    late_s = max(late_s, time.perf_counter() - began - 0.02)
print(json.dumps([times, late_s]))
"""
"""How long /health takes to answer, and by how much the machine woke this process too late."""
LONG = 20_000
"""Tokens that no test waits for."""


@pytest.fixture(scope="module")
def drawn_home(tiny_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of text and one of images."""
    home = tmp_path_factory.mktemp("drawing") / "runs"
    shutil.copytree(tiny_run("gpt-shakespeare").path, home / "text")
    shutil.copytree(tiny_run("vae-mnist").path, home / "images")
    return home


@pytest.fixture(scope="module")
def page(drawn_home: Path) -> Iterator[TestClient]:
    """A page with the token; one process draws for all tests."""
    app = create_app(drawn_home, TOKEN)
    with TestClient(app, base_url=f"http://{HOST}", headers=AUTHORIZED) as client:
        yield client
    app.drawers.close()


@pytest.fixture(scope="module")
def served(drawn_home: Path) -> Iterator[Served]:
    """A studio that really serves."""
    with serving(drawn_home) as found:
        yield found


def drawn(page: Any, name: str = "text", **values: Any) -> Any:
    return page.post(f"/api/runs/{id_of(page, name)}/draw", json=values)


def completed(page: Any, **values: Any) -> Any:
    return page.post("/v1/completions", json={"model": "text", "prompt": "the ", **values})


def test_a_text_is_drawn_whole_and_in_pieces_and_is_that_of_the_command(
    page: TestClient, drawn_home: Path
) -> None:
    from olaria.workflows.sample import sample

    values = {"prompt": "the ", "max_tokens": 40, "seed": 3}
    found = drawn(page, **values).json()
    assert found["text"] == sample(drawn_home / "text", **values).sample.texts[0]
    assert (found["tokens"], found["finish"], found["seed"]) == (40, "length", 3)
    streamed = drawn(page, **values, stream=True)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.headers["x-accel-buffering"] == "no"
    (begun, first), *told = events(streamed.text)
    assert begun == "begun" and first["prompt_tokens"] == 4
    assert first["command"] == "olaria sample text '--prompt=the ' --max-tokens=40 --seed=3"
    assert [kind for kind, _ in told[:-1]] == ["piece"] * (len(told) - 1) and len(told) > 20
    assert "".join(data["text"] for _, data in told[:-1]) == found["text"]
    assert told[-1][0] == "done" and told[-1][1]["tokens"] == 40
    assert told[-1][1]["prompt_tokens"] == 4 and told[-1][1]["finish"] == "length"
    stop = found["text"][5:8]
    ended = drawn(page, **values, stop=[stop]).json()
    assert ended["finish"] == "stop" and ended["text"] == found["text"].partition(stop)[0]


def test_pictures_are_drawn_as_png(page: TestClient) -> None:
    one, other = (drawn(page, "images", count=4, seed=seed) for seed in (1, 2))
    assert one.headers["content-type"] == "image/png" and one.content != other.content
    assert one.content == drawn(page, "images", count=4, seed=1).content
    assert min(Image.open(io.BytesIO(one.content)).size) > 28


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"temperature": -1}, "temperature"),
        ({"temperature": 1e9}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 2}, "top_p"),
        ({"top_k": -5}, "top_k"),
        ({"min_p": 2}, "min_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 10**12}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stop": ["a"] * 100_000}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"seed": -1}, "seed"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 200_000}, "prompt"),
        ({"stream": "yes"}, "stream"),
        ({"lines": 1}, "lines"),
        ({"alternatives": -1}, "alternatives"),
        ({"alternatives": 21}, "alternatives"),
        ({"alternatives": True}, "alternatives"),
        ({"alternatives": 2.5}, "alternatives"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_g1_g2_a_wrong_parameter_is_named_in_either_form(
    values: dict[str, Any], field: str, page: TestClient
) -> None:
    ours = drawn(page, **values)
    assert (ours.status_code, ours.json()["field"]) == (422, field)
    found = completed(page, **values)
    error = found.json()["error"]
    assert found.status_code == 400 and [*error] == ["message", "type", "param", "code"]
    assert (error["type"], error["param"]) == ("invalid_request_error", field)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"n": 10**6}, "n"),
        ({"best_of": 4}, "best_of"),
        ({"logprobs": 65}, "logprobs"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"echo": "yes"}, "echo"),
    ],
    ids=str,
)
def test_g1_what_this_model_has_not_is_refused(
    values: dict[str, Any], field: str, page: TestClient
) -> None:
    found = completed(page, **values)
    assert (found.status_code, found.json()["error"]["param"]) == (400, field)


def test_g1_a_setting_of_another_kind_is_told_by_the_process(page: TestClient) -> None:
    found = drawn(page, "images", prompt="the ")
    assert found.status_code == 422 and "prompt" in found.json()["message"]
    assert drawn(page, count=1000).json()["field"] == "count"
    assert drawn(page, count=2).json()["field"] == "count"
    assert drawn(page, "text", checkpoint=77).status_code in (409, 422)


def test_g2_errors_have_the_form_that_clients_read(page: TestClient) -> None:
    missing = completed(page, model="none")
    assert missing.status_code == 404 and missing.json()["error"]["code"] == "model_not_found"
    assert completed(page, model="images").status_code == 404
    wrong = page.post("/v1/completions", json={}, headers={"Authorization": "Bearer x"})
    assert wrong.status_code == 401 and wrong.json()["error"]["type"] == "authentication_error"
    assert page.get("/v1/nothing").json()["error"]["type"] == "not_found_error"
    headers = {"Content-Type": "application/json"}
    broken = page.post("/v1/completions", content=b'{"temperature": NaN}', headers=headers)
    assert broken.status_code == 400 and broken.json()["error"]["code"] == "bad_json"


def test_g3_a_prompt_beyond_the_context_is_refused_and_a_text_may_go_past_it(
    page: TestClient,
) -> None:
    found = completed(page, prompt="the " * 2000)
    error = found.json()["error"]
    assert (found.status_code, error["code"]) == (400, "context_length_exceeded")
    assert "exceeds the available context" in error["message"]
    whole = completed(page, max_tokens=200).json()  # longer than the tiny model's context
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"] == {"prompt_tokens": 4, "completion_tokens": 200, "total_tokens": 204}


def test_g7_a_completion_streams_as_clients_read_it(page: TestClient) -> None:
    values = {"max_tokens": 30, "seed": 5, "temperature": 0.8}
    whole = completed(page, **values).json()
    assert whole["object"] == "text_completion" and whole["id"].startswith("cmpl-")
    streamed = completed(page, **values, stream=True, stream_options={"include_usage": True})
    lines = [line for line in streamed.text.split("\n\n") if line]
    assert all(line.startswith("data: ") and "\n" not in line for line in lines)
    assert lines[-1] == "data: [DONE]"
    parts = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert len({part["id"] for part in parts}) == 1
    *first, last, usage = parts
    assert [part["choices"][0]["finish_reason"] for part in first] == [None] * len(first)
    assert last["choices"][0]["finish_reason"] == "length"
    assert usage["choices"] == [] and usage["usage"] == whole["usage"]
    assert "".join(part["choices"][0]["text"] for part in first) == whole["choices"][0]["text"]
    echoed = completed(page, **values, echo=True).json()["choices"][0]["text"]
    assert echoed == "the " + whole["choices"][0]["text"]
    greedy = [completed(page, max_tokens=20, temperature=0).json()["choices"] for _ in range(2)]
    assert greedy[0] == greedy[1]


def test_g7_models_are_runs_of_text(page: TestClient) -> None:
    (model,) = page.get("/v1/models").json()["data"]
    assert (model["name"], model["object"]) == ("text", "model")
    assert page.get(f"/v1/models/{model['id']}").json() == model
    assert completed(page, model=model["id"], max_tokens=2).status_code == 200


def test_g6_the_same_seed_is_the_same_text_alone_and_in_company(served: Served) -> None:
    values = {"prompt": "the ", "max_tokens": 60, "seed": 9}
    with served.client as client:
        alone = drawn(client, **values).json()["text"]

        def one(seed: int) -> str:
            return str(drawn(client, **{**values, "seed": seed}).json()["text"])

        with ThreadPoolExecutor(8) as pool:
            beside = [*pool.map(one, [1, 9, 2, 9, 3, 4, 9, 5])]
    assert [text == alone for text in beside] == [False, True, False, True, False, False, True, False]  # fmt: skip


def pieces(served: Served) -> int:
    with served.client as client:
        return int(client.get("/health").json()["drawing"]["pieces"])


def left_after(served: Served, run_id: str, **values: Any) -> socket.socket:
    """A connection on which a text was asked for; whoever closes it leaves."""
    body = json.dumps({"max_tokens": LONG, **values}).encode()
    host, _, port = served.url.removeprefix("http://").strip("/").partition(":")
    head = (
        f"POST /api/runs/{run_id}/draw HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {served.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((host, int(port)))
    connection.sendall(head.encode() + body)
    return connection


def jobs(client: Any) -> int:
    return int(client.get("/health").json()["drawing"]["jobs"])


@pytest.mark.parametrize("streams", [True, False])
def test_g4_a_client_that_leaves_stops_its_text(streams: bool, served: Served) -> None:
    with served.client as client:
        run_id = id_of(client, "text")
        drawn(client, max_tokens=1)  # the model is loaded
        before = pieces(served)
        with left_after(served, run_id, stream=streams):
            wait_for(lambda: pieces(served) > before + 20, "some pieces", 20)
        time.sleep(1.0)
        stopped = pieces(served)
        time.sleep(0.5)
        assert pieces(served) == stopped < LONG / 2
        assert jobs(client) == 0
        assert drawn(client, max_tokens=5).status_code == 200


def test_g4_a_client_that_leaves_before_its_turn_gives_up_its_place(served: Served) -> None:
    with served.client as client, ExitStack() as stack:
        run_id, most = id_of(client, "text"), drawing_module.MOST_AT_ONCE
        for _ in range(most):
            stack.enter_context(left_after(served, run_id, stream=True))
        wait_for(lambda: jobs(client) == most, "that all turns are taken", 20)
        with left_after(served, run_id):
            wait_for(lambda: jobs(client) == most + 1, "that one waits", 20)
        wait_for(lambda: jobs(client) == most, "that it waits no more", 1.5)
        stack.close()
        wait_for(lambda: jobs(client) == 0, "that all have left", 3)
        assert drawn(client, max_tokens=5).status_code == 200


def test_g5_fifty_at_once_are_queued_or_told_to_come_again(served: Served) -> None:
    # Another process asks for /health: here fifty threads wait for each other, whatever the studio does.
    with served.client as client:
        drawn(client, max_tokens=1)
        watching = subprocess.Popen(
            [sys.executable, "-c", WATCH, served.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with ThreadPoolExecutor(50) as pool:
            found = [*pool.map(lambda seed: drawn(client, max_tokens=300, seed=seed), range(50))]
        if PROC.is_dir():
            threads = len([*(PROC / str(served.process.pid) / "task").iterdir()])
            assert threads <= MOST_THREADS + (os.cpu_count() or 1) + 10
        times, late_s = json.loads(watching.communicate(b"end")[0])
    codes = [one.status_code for one in found]
    assert set(codes) == {200, 429} and codes.count(200) >= drawing_module.MOST_WAITING
    refused = [one for one in found if one.status_code == 429]
    assert all(one.headers["retry-after"] == "2" for one in refused)
    assert sorted(times)[int(0.95 * len(times))] < 0.2
    # The machine of the tests does other work too: a single answer may wait for that, as whoever asked did.
    assert max(times) < 0.5 + late_s


def test_the_process_that_draws_is_another_one_and_ends_when_it_idles(
    drawn_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing_module, "IDLE_S", 0.3)
    app = create_app(drawn_home, TOKEN)
    with TestClient(app, base_url=f"http://{HOST}", headers=AUTHORIZED) as page:
        for _ in range(2):  # it is started again
            assert drawn(page, max_tokens=2).status_code == 200
            process = app.drawers._process
            assert process is not None and process._child.wait(20) == 0


def test_a_process_that_is_killed_is_told_and_started_again(page: TestClient) -> None:
    assert drawn(page, max_tokens=2).status_code == 200
    process = page.app.drawers._process  # type: ignore[attr-defined]

    def kill() -> None:
        time.sleep(0.5)
        process._child.kill()

    threading.Thread(target=kill).start()
    told = drawn(page, max_tokens=LONG)
    assert (told.status_code, told.json()["code"]) == (503, "drawer_ended")
    assert drawn(page, max_tokens=2).status_code == 200


@pytest.mark.skipif(not PROC.is_dir(), reason="the system does not tell of processes by files")
def test_the_studio_stays_small_and_takes_its_process_along(drawn_home: Path) -> None:
    with serving(drawn_home) as served, served.client as client:
        assert drawn(client, max_tokens=5).status_code == 200
        status = (PROC / str(served.process.pid) / "status").read_text()
        resident_kb = int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
        assert resident_kb < 250_000
        child = next(
            path for path in PROC.glob("[0-9]*")
            if f"PPid:\t{served.process.pid}\n" in (path / "status").read_text()
        )  # fmt: skip
        served.process.kill()
        wait_for(
            lambda: not child.exists() or "State:\tZ" in (child / "status").read_text(),
            "its end",
            10,
        )


def test_a_job_that_meets_the_end_of_the_process_gets_another(page: TestClient) -> None:
    assert drawn(page, max_tokens=2).status_code == 200
    drawers = page.app.drawers  # type: ignore[attr-defined]
    ending = drawers._process
    alive, asked = drawers._alive, []

    def meets() -> Any:
        asked.append(1)
        if len(asked) == 1:
            ending.end()
            return ending
        return alive()

    drawers._alive = meets
    try:
        assert drawn(page, max_tokens=2).status_code == 200
    finally:
        del drawers._alive
    assert len(asked) == 2 and drawers._process is not ending


def test_g7_a_special_token_in_a_prompt_is_letters(page: TestClient) -> None:
    refused = drawn(page, prompt="<|endoftext|>")
    assert refused.status_code == 422 and "<" in refused.json()["message"]
    counts = [
        drawn(page, prompt=prompt, unseen="skip", max_tokens=1).json()["prompt_tokens"]
        for prompt in ("<|endoftext|>", "endoftext")
    ]
    assert counts[0] == counts[1] > 5
