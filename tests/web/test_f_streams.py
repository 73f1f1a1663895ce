"""Streams of events, and a studio that really serves: whoever follows misses nothing and holds nothing up."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

from olaria.storage import folder as files
from olaria.storage.files import json_line
from olaria.storage.folder import RunFolder
from olaria.web import patience
from olaria.web.app import Studio, create_app
from olaria.web.index import id_of as id_in
from olaria.web.routes.watching import MOST_STREAMS
from olaria.web.workers import NOTES, Job, Workers

from .studios import (
    TOKEN,
    environment,
    id_of,
    serving,
    stepped,
    wait_for,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

# -- events ----------------------------------------------------------------------------------------


def parsed(text: str) -> list[tuple[str, str, Any]]:
    """Id, kind and content of each event of a stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


def test_events_are_those_of_the_log_and_end_with_the_run(
    client: TestClient, made: Callable[..., Path]
) -> None:
    run = made("vae", rows=5)
    place = f"/api/runs/{id_of(client, 'vae')}/events"
    found = client.get(place)
    assert found.headers["content-type"].startswith("text/event-stream")
    assert found.headers["x-accel-buffering"] == "no"
    events = parsed(found.text)
    assert [data for _, _, data in events[:-1]] == RunFolder(run).lines(files.EVENTS)
    assert [kind for _, kind, _ in events] == ["began", *["step"] * 5, "end"]


def test_trap_9_a_stream_goes_on_where_it_was_cut(
    client: TestClient, made: Callable[..., Path]
) -> None:
    run = made("vae", rows=5)
    place = f"/api/runs/{id_of(client, 'vae')}/events"
    every = parsed(client.get(place).text)
    for number, (cut, _, _) in enumerate(every[:-1], 1):
        for rest in (
            client.get(place, headers={"Last-Event-ID": cut}),
            client.get(place, params={"after": cut}),
            client.get(place, params={"after": cut.partition(".")[2]}),
        ):
            assert parsed(rest.text) == every[number:], "no gap, nothing twice"
    RunFolder(run).truncate(files.EVENTS, 2)  # as a run does that goes on from a checkpoint
    again = parsed(client.get(place, headers={"Last-Event-ID": every[2][0]}).text)
    assert [kind for _, kind, _ in again] == ["reset", "began", "step", "step", "end"]
    for wrong in ("99999999", "7", "x", "-1", "1.2.3", "9" * 30):
        kinds = [kind for _, kind, _ in parsed(client.get(place, params={"after": wrong}).text)]
        assert kinds[-4:] == ["began", "step", "step", "end"]


def test_events_carry_their_sentence_in_the_reader_s_language(
    client: TestClient, made: Callable[..., Path]
) -> None:
    run = made("vae", rows=1)
    message = {"id": "the planned end was reached", "fields": {}}
    hostile = {"event": "x\nevent: end", "step": 1}
    lines = [{"event": "warned", "step": 1, "message": message}, hostile]
    (run / files.EVENTS).write_text("".join(map(json_line, lines)))
    found = parsed(client.get(f"/api/runs/{id_of(client, 'vae')}/events?lang=pt").text)
    assert [kind for _, kind, _ in found] == ["warned", "other", "end"]
    assert found[0][2]["text"] == "chegou ao fim previsto"


@pytest.mark.parametrize(
    "line", ['{"event": "step", "step": 1}\n', "{\n", "7\n", "x" * 5_000_000 + "\n"]
)
def test_a_broken_log_is_told_and_ends_the_stream(
    line: str, client: TestClient, made: Callable[..., Path]
) -> None:
    run = made("vae", rows=1)
    with (run / files.EVENTS).open("a") as log:
        log.write(line)
    found = parsed(client.get(f"/api/runs/{id_of(client, 'vae')}/events").text)
    assert found[-1][1] == "failed" and found[-1][2]["code"] == "damaged"


# -- a studio that really serves -------------------------------------------------------------------


@pytest.fixture
def followed(home: Path, made: Callable[..., Path]) -> Iterator[Path]:
    """A run that this process holds, so that it counts as being trained."""
    run = made("vae", "running")
    with RunFolder(run).locked():
        yield run


def test_trap_5_8_15_a_live_stream_beats_and_ctrl_c_ends_it(home: Path, followed: Path) -> None:
    with serving(home) as served, serving(home) as other:
        assert served.url != other.url, "two starts at once get two addresses"
        with served.client as client:
            run_id = id_of(client, "vae")
            with client.stream("GET", f"/api/runs/{run_id}/events") as stream:
                lines = stream.iter_lines()
                for line in lines:
                    if line.startswith("data") and '"step": 3' in line:
                        break
                with (followed / files.EVENTS).open("a") as log:
                    log.write(json_line(stepped(4, 9)))
                began = time.monotonic()
                assert any('"step": 4' in line for line in lines)
                assert time.monotonic() - began < 5
                assert any(line == "event: beat" for line in lines)
                began = time.monotonic()
                served.process.send_signal(signal.SIGINT)
                served.process.wait(timeout=20)
                assert time.monotonic() - began < 5
        assert served.process.returncode == 130
        text = served.log.read_text()
        assert served.token not in text and "Traceback" not in text


def test_trap_6_7_eight_tabs_follow_and_nothing_waits_on_the_way(
    home: Path, followed: Path
) -> None:
    with serving(home) as served, ExitStack() as stack:
        client = stack.enter_context(served.client)
        address = f"/api/runs/{id_of(client, 'vae')}/events"
        for _ in range(8):  # each tab of a browser has connections of its own here
            tab = stack.enter_context(served.client)
            stream = stack.enter_context(tab.stream("GET", address))
            assert stream.headers["x-accel-buffering"] == "no"
            assert "content-length" not in stream.headers
            assert stream.headers["cache-control"] == "no-store"
            assert any('"step": 3' in line for line in stream.iter_lines())
        began = time.monotonic()
        assert client.get("/api/runs").status_code == client.get("/health").status_code == 200
        assert time.monotonic() - began < 2


def test_a_client_that_leaves_ends_its_stream(home: Path, followed: Path) -> None:
    with serving(home) as served, served.client as client:
        run_id = id_of(client, "vae")
        for _ in range(40):  # more than may follow at once
            with client.stream("GET", f"/api/runs/{run_id}/events") as stream:
                assert stream.status_code == 200
                next(stream.iter_lines())

        def is_free() -> bool:
            with client.stream("GET", f"/api/runs/{run_id}/events") as stream:
                return bool(stream.status_code == 200)

        assert wait_for(is_free, "a free place", 5)


def test_f11_only_so_many_follow_at_once(home: Path, followed: Path) -> None:
    with serving(home) as served, served.client as client, ThreadPoolExecutor(80) as pool:
        address = f"/api/runs/{id_of(client, 'vae')}/events"
        gate = threading.Barrier(80)

        def follow(_: int) -> int:
            with served.client as tab:
                gate.wait()
                with tab.stream("GET", address) as stream:
                    time.sleep(2)
                    return int(stream.status_code)

        codes = [*pool.map(follow, range(80))]
        assert codes.count(200) == MOST_STREAMS and codes.count(429) == 80 - MOST_STREAMS


def test_f11_who_takes_nothing_of_what_is_sent_is_left(
    home: Path, made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "TAKEN_S", 0.5)
    run = made("vae")
    (run / "samples" / "step-000001.txt").write_text("x" * (1 << 24))
    app = create_app(home, TOKEN)
    run_id = id_in(home, run)
    head = f"GET /api/runs/{run_id}/samples/1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with answering(app) as address:
        for pause_s, is_whole in ((0.0, True), (2.5, False)):
            with socket.create_connection(address, timeout=20) as link:
                link.sendall(head)
                time.sleep(pause_s)
                size = 0
                with suppress(ConnectionResetError):
                    while part := link.recv(1 << 20):
                        size += len(part)
                        if size >= 1 << 24:
                            break
                assert (size >= 1 << 24) == is_whole
        with socket.create_connection(address, timeout=20) as link:  # slow, but it takes what comes
            link.sendall(head)
            size = 0
            while size < 1 << 24:
                time.sleep(0.1)
                size += len(link.recv(1 << 20))


@contextmanager
def answering(app: Studio) -> Iterator[tuple[str, int]]:
    """The address of a server of this process."""
    config = uvicorn.Config(app, http=patience.PatientProtocol, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield listening.getsockname()
        server.should_exit = True
        thread.join(timeout=10)


def test_f2_f11_what_a_socket_may_send(home: Path) -> None:
    with serving(home) as served:
        port = int(served.url.rsplit(":", 1)[1].strip("/"))

        def answer(request: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
                link.sendall(request)
                return link.recv(65536)

        get = b"GET /health HTTP/1.1\r\n"
        assert b" 200 " in answer(get + b"Host: localhost\r\n\r\n")
        for head in (b"", b"Host:\r\n", b"Host: evil.com\r\n", b"Host: a\r\nHost: b\r\n"):
            assert answer(get + head + b"\r\n").split(b" ")[1] in (b"400", b"403")
        assert b" 403 " in answer(b"GET http://evil.com/health HTTP/1.1\r\nHost: evil.com\r\n\r\n")
        assert b" 400 " in answer(get + b"X: " + b"a" * 100_000)
        post = b"POST /api/runs HTTP/1.1\r\nHost: localhost\r\n"
        two = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /"
        both = answer(post + two)
        assert b" 400 " in both and b"connection: close" in both.lower()
        for lengths in (b"Content-Length: 1\r\nContent-Length: 2\r\n", b"Content-Length: +1\r\n"):
            assert b" 400 " in answer(post + lengths + b"\r\n{}")
        assert b" 404 " in answer(
            b"GET //evil.com/../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )


def test_f11_a_head_that_does_not_come_is_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEAD_S", 0.5)
    head = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"

    def whole(link: socket.socket) -> bytes:
        found = b""
        while not found.endswith(b"}"):
            found += link.recv(65536)
        return found

    with answering(create_app(home, TOKEN)) as address:
        for before, part in ((b"", b""), (b"", head), (head + b"\r\n", head)):
            with socket.create_connection(address, timeout=20) as link:
                if before:
                    link.sendall(before)
                    assert b" 200 " in whole(link)
                began = time.monotonic()
                link.sendall(part)
                assert link.recv(65536) == b"", "it was closed"
                assert time.monotonic() - began < 4
        with socket.create_connection(address, timeout=20) as link:
            link.sendall(head + b"\r\n")
            assert b" 200 " in whole(link)
            time.sleep(1)  # between two requests a connection may rest
            link.sendall(head + b"\r\n")
            assert b" 200 " in whole(link)


def test_f13_a_port_that_is_taken_is_told(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [
            sys.executable,
            "-m",
            "olaria",
            "studio",
            str(home),
            "--no-browser",
            "--port",
            port,
        ]
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", env=environment(), timeout=60
        )
    assert done.returncode == 2 and done.stdout == ""
    assert port in done.stderr and "--port" in done.stderr and "\n" not in done.stderr.strip()


def test_whether_a_run_goes_on_is_told_by_its_own_note_alone(
    home: Path, followed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each open page asks for it four times in a second."""
    app = create_app(home, TOKEN)
    (home / NOTES).mkdir()
    for place in ("gone", "lost", "vae"):
        note: dict[str, Any] = {
            "format": 1,
            "run": place,
            "pid": 1 << 22,
            "started": 1.0,
            "words": [],
        }
        (home / NOTES / f"{id_in(home, home / place)}.json").write_text(json.dumps(note))
    names, read = list[str](), Workers._read

    def counted(self: Workers, name: str) -> Job:
        names.append(name)
        return read(self, name)

    monkeypatch.setattr(Workers, "_read", counted)
    run_id = id_in(home, followed)
    assert app.shelf.is_at_work(run_id, followed) and not names
    job = app.shelf.job(run_id)
    assert job is not None and job.run == "vae" and names == [f"{run_id}.json"]
    assert app.shelf.job("../../x") is app.shelf.job("*") is None
