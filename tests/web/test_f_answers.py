"""Group F of the reliability battery and the traps of web pages: what an address reaches, is told and may send."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import mimetypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from olaria.web import guard
from olaria.web.app import Studio, create_app
from olaria.web.files import static, version

from .studios import AUTHORIZED, HOST, TOKEN, asked, id_of, routes

IDS = (
    "..", "%2e%2e", "%2e%2e%2fruns-secret", "..%2fruns-secret", "..\\runs-secret", "%00", "C:", "C%3A%5Cx",
    "%2fetc%2fpasswd", "%5C%5Chost%5Cshare", "runs-secret", "vae", "VAE", "f" * 16, "F" * 16, "0" * 9000,
)  # fmt: skip
SINKS = (
    r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySet|document\.write|\beval\(|new Function|srcdoc|javascript:"
    r"|DOMParser|createContextualFragment|setHTML|\.on\w+ = [\"'`]|set(Timeout|Interval)\([\"'`]"
)
"""What would make a name or a text of a run part of a page, or run it."""


# -- F6: no address leads out ----------------------------------------------------------------------


@pytest.mark.parametrize("run_id", IDS)
def test_f6_trap_3_an_id_is_looked_up_and_joins_no_path(
    run_id: str, client: TestClient, made: Callable[..., Path], home: Path
) -> None:
    made("vae")
    (home.parent / "runs-secret").mkdir()
    for rest in ("", "/curves", "/samples", "/samples/0", "/events"):
        found = client.get(f"/api/runs/{run_id}{rest}")
        assert found.status_code in (404, 414), rest
        assert found.json()["code"] in ("unknown_run", "not_found", "too_long")


def test_f6_the_refusal_is_the_same_whether_it_exists_or_not(
    client: TestClient, made: Callable[..., Path]
) -> None:
    made("vae")
    answers = {client.get(f"/api/runs/{name}").text for name in ("vae", "vaf", "f" * 16)}
    assert len(answers) == 1


def test_f6_a_link_is_a_card_that_says_so_and_is_not_followed(
    client: TestClient, made: Callable[..., Path], home: Path, tmp_path: Path
) -> None:
    run = made("vae")
    outside = tmp_path / "outside"
    run.rename(outside)
    (home / "linked").symlink_to(outside)
    made("sound")
    (home / "sound" / "samples" / "step-000007.png").symlink_to(outside / "recipe.json")
    cards = {card["name"]: card for card in client.get("/api/runs").json()["runs"]}
    assert cards["linked"]["state"] == "damaged" and "link" in cards["linked"]["error"]
    assert client.get(f"/api/runs/{cards['linked']['id']}/curves").status_code == 409
    assert client.get(f"/api/runs/{cards['sound']['id']}/samples/7").status_code == 409


@pytest.mark.parametrize(
    "name", ["..%2f..%2fapp.py", "%2e%2e", "index.html%00", "app.py", "studio.js/"]
)
def test_f6_files_of_the_page_are_a_table(name: str, client: TestClient) -> None:
    assert client.get(f"/static/{version()}/{name}").status_code == 404


# -- F7, F8, F9: what is shown ---------------------------------------------------------------------


def test_f7_names_travel_as_text(client: TestClient, made: Callable[..., Path]) -> None:
    name = "<img src=x onerror=alert(1)>"
    made(name)
    found = client.get("/api/runs")
    assert found.headers["content-type"] == "application/json"
    assert found.json()["runs"][0]["name"] == name
    for module, (content, _) in static().items():
        if module.endswith(".js") and not module.startswith("vendor/"):
            assert not re.search(SINKS, content.decode()), module


def test_f8_files_of_runs_can_do_nothing(client: TestClient, made: Callable[..., Path]) -> None:
    run = made("vae")
    (run / "samples" / "step-000001.txt").write_text("<script>alert(1)</script>")
    (run / "samples" / "step-000002.svg").write_text("<svg onload='alert(1)'/>")
    (run / "samples" / "step-000003.html").write_text("<script>alert(1)</script>")
    place = f"/api/runs/{id_of(client, 'vae')}/samples"
    assert [one["kind"] for one in client.get(place).json()["samples"]] == ["png", "txt"]
    for step, kind in ((0, "image/png"), (1, "text/plain; charset=utf-8")):
        found = client.get(f"{place}/{step}")
        assert found.headers["content-type"] == kind
        assert found.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in found.headers["content-security-policy"]
    assert client.get(f"{place}/2").status_code == client.get(f"{place}/3").status_code == 404


def test_f9_every_answer_has_the_headers(app: Studio, client: TestClient) -> None:
    for method, path in [*routes(app), ("GET", "/nothing"), ("DELETE", "/api/runs")]:
        found = asked(client, method, path, **AUTHORIZED)
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["x-frame-options"] == "DENY"
        policy = found.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_f9_the_page_loads_nothing_from_elsewhere_and_holds_no_script(client: TestClient) -> None:
    found = client.get("/")
    page, policy = found.text, found.headers["content-security-policy"]
    kinds = re.findall(r'<script type="([^"]+)"(?![^>]*\bsrc=)', page)
    assert kinds == ["importmap", "application/json"], "a map that is hashed, and data"
    (written,) = re.findall(r'<script type="importmap">(.*?)</script>', page)
    mark = base64.b64encode(hashlib.sha256(written.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{mark}';" in policy and "unsafe" not in policy
    assert not re.search(r"<script>|\son\w+=|<style|\sstyle=", page)
    for name, (
        content,
        _,
    ) in static().items():  # others' name sources in comments; the policy holds for them too
        if not name.startswith("vendor/"):
            assert b"://" not in content.replace(b"http://www.w3.org/", b"")
    assert not re.search(r'(src|href)="/', page), "addresses are relative"


def test_trap_4_a_script_is_a_script_whatever_the_system_says(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mimetypes.init()
    monkeypatch.setitem(mimetypes.types_map, ".js", "text/plain")
    page = client.get("/").text
    for name, kind in (("studio.js", "text/javascript"), ("studio.css", "text/css")):
        (place,) = re.findall(rf'"(static/\w+/{re.escape(name)})"', page)
        found = client.get(place)
        assert found.status_code == 200
        assert found.headers["content-type"] == f"{kind}; charset=utf-8"


def test_trap_10_it_works_behind_a_prefix(app: Studio, made: Callable[..., Path]) -> None:
    made("vae")
    outer = TestClient(Starlette(routes=[Mount("/proxy/1234", app)]), base_url=f"http://{HOST}")
    page = outer.get("/proxy/1234/")
    for place in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert outer.get(f"/proxy/1234/{place}").status_code == 200
    assert len(outer.get("/proxy/1234/api/runs").json()["runs"]) == 1
    assert outer.post("/proxy/1234/api/runs", json={}).status_code == 401


def test_trap_13_14_the_page_is_ours_and_never_old(client: TestClient) -> None:
    found = client.get("/", headers={"Accept-Language": "pt-BR,en;q=0.5"})
    assert found.headers["cache-control"] == "no-store"
    assert '<html lang="pt-BR" translate="no">' in found.text
    assert client.get("/static/000000000000/studio.js").status_code == 404
    kept = client.get(f"/static/{version()}/studio.js").headers["cache-control"]
    assert "immutable" in kept


def test_f9_nothing_is_told_to_anybody(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """FastAPI would, where the environment says so."""
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with TestClient(create_app(home, TOKEN), base_url=f"http://{HOST}") as client:
        assert client.get("/api/runs").status_code == 200
    assert "telemetry" not in caplog.text


# -- F10, F11: what may be sent --------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "/etc/passwd",
        "~/.ssh/id",
        "codes:/tmp/x",
        "\\\\host\\x",
    ],
)
def test_f10_data_is_a_name_and_never_a_place(data: str, client: TestClient) -> None:
    values = {"preset": "vae-mnist", "data": data}
    found = client.post("/api/runs", json=values, headers=AUTHORIZED)
    assert (found.status_code, found.json()["field"]) == (422, "data")
    found = client.get("/api/forecast", params=values, headers=AUTHORIZED)
    assert found.json()["field"] == "data"


@pytest.mark.parametrize("name", ["out", "resume", "nproc"])
def test_f6_f10_settings_that_are_places_are_not_taken(name: str, client: TestClient) -> None:
    found = client.post("/api/runs", json={"preset": "vae-mnist", name: "/tmp"}, headers=AUTHORIZED)
    assert (found.status_code, found.json()["field"]) == (422, name)
    assert name not in client.get("/api/training").json()["properties"]


def test_f11_too_much_is_refused(client: TestClient) -> None:
    large = b'{"preset": "' + b"x" * guard.MOST_BODY + b'"}'
    headers = {"Content-Type": "application/json", **AUTHORIZED}
    assert client.post("/api/runs", content=large, headers=headers).status_code == 413
    pieces = (large[place : place + 65536] for place in range(0, len(large), 65536))
    assert client.post("/api/runs", content=pieces, headers=headers).status_code == 413
    assert client.get("/api/runs/" + "a" * 9000).status_code == 414
    many = {"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000))}
    assert client.get("/", headers=many).status_code == 431
    assert client.get("/?" + "&".join(["a=1"] * 900)).status_code in (200, 414)
    for content in (b"{", b"[]", b"null", b'{"steps": NaN}', b"[" * 100_000, b"\xff"):
        found = client.post("/api/runs", content=content, headers=headers)
        assert (found.status_code, found.json()["code"]) == (400, "bad_json")


def asked_of(app: Studio, parts: list[dict[str, Any]], drop_s: float) -> list[Any]:
    """What is sent where the parts of a body come again and again, with so many seconds before each."""
    headers = [(b"host", HOST.encode()), (b"content-type", b"application/json")]
    headers += [(name.lower().encode(), value.encode()) for name, value in AUTHORIZED.items()]
    scope = {
        "type": "http", "method": "POST", "path": "/api/runs", "raw_path": b"/api/runs", "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "server": None, "client": None,
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(drop_s)
        return parts[0]

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asyncio.wait_for(app(scope, receive, send), 5))
    return sent


def test_f11_a_body_that_does_not_come_is_not_waited_for(
    app: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.05)
    assert asked_of(app, [{}], drop_s=3600)[0]["status"] == 408


def test_f11_a_body_that_comes_by_drops_is_not_waited_for(
    app: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.3)
    sent = asked_of(app, [{"type": "http.request", "body": b" ", "more_body": True}], drop_s=0.05)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"], "the rest is no request"


def test_f11_a_body_of_two_lengths_is_refused(client: TestClient) -> None:
    headers = {"Transfer-Encoding": "chunked", "Content-Length": "2", **AUTHORIZED}
    found = asked(client, "POST", "/api/runs", **headers)
    assert (found.status_code, found.headers["connection"]) == (400, "close")
