"""Groups F of the reliability battery and the traps of web pages: who may ask the studio, and how much."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from olaria.errors import UsageError
from olaria.web import guard
from olaria.web.app import Studio, create_app
from olaria.web.hosts import Hosts, hosts_of
from olaria.web.studio import StudioRequest

from .studios import AUTHORIZED, HOST, TOKEN, asked, code_of, id_of, routes

FORGED = (
    "evil.com", "127.0.0.1.evil.com", "10.evil.com", "192.168.evil.com", "localhost.evil.com",
    "localhost@evil.com", "0.0.0.0", "10.0.0.1", "0x7f.1", "2130706433", "localhost:99999", "[::1", "",
)  # fmt: skip
OURS = ("localhost", "127.0.0.1", "127.0.0.1:8717", "[::1]:8717", "LOCALHOST:1")
FOREIGN = (
    "null", "http://evil.com", f"http://{HOST}.evil.com", "http://127.0.0.1:9", "file://", "http://[", "http://[::1",
    f"http://evil.com@{HOST}", "",
)  # fmt: skip


# -- F1, F2: where it listens, and to which names it answers ---------------------------------------


def test_f1_other_machines_are_let_in_only_with_a_token() -> None:
    for host in ("0.0.0.0", "::", "192.168.0.7", "aula.local"):
        with pytest.raises(UsageError, match="token"):
            StudioRequest(host=host)
        StudioRequest(host=host, token="sala-12-turma-b")
    for host in (None, "127.0.0.1", "localhost", "::1"):
        StudioRequest(host=host)
    for token in ("short", "with blanks in it", "a#fragment", "çççççççççç"):
        with pytest.raises(UsageError, match="token"):
            StudioRequest(token=token)


@pytest.mark.parametrize("host", FORGED)
def test_f2_trap_1_a_forged_host_gets_no_route(host: str, app: Studio, client: TestClient) -> None:
    for method, path in routes(app):
        found = asked(client, method, path, Host=host, **AUTHORIZED)
        assert found.status_code == 403, (method, path)
        assert code_of(found) == "wrong_host"


@pytest.mark.parametrize("host", OURS)
def test_f2_our_own_names_are_answered(host: str, client: TestClient) -> None:
    assert asked(client, "GET", "/health", Host=host).status_code == 200


def test_f2_two_hosts_are_none(client: TestClient) -> None:
    found = client.get("/health", headers=[("Host", HOST), ("Host", "evil.com")])
    assert found.status_code == 403


def test_f2_an_open_studio_answers_addresses_and_its_own_names_alone() -> None:
    hosts = hosts_of("0.0.0.0")
    assert hosts.answers("192.168.0.7:8717") and hosts.answers("localhost")
    assert not hosts.answers("192.168.evil.com") and not hosts.answers("0.0.0.0")
    assert not Hosts().answers("192.168.0.7")
    assert hosts_of("aula.local").answers("aula.local:8717")


# -- F3, F4, F5: which pages may ask ---------------------------------------------------------------


@pytest.mark.parametrize("origin", FOREIGN)
def test_f3_f5_trap_2_a_page_of_another_origin_gets_no_route(
    origin: str, app: Studio, client: TestClient
) -> None:
    for method, path in routes(app):  # the events' among them
        found = asked(client, method, path, Origin=origin, **AUTHORIZED)
        assert found.status_code == 403, (method, path)
        assert code_of(found) == "wrong_origin"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_f3_a_request_without_origin_of_another_site_is_refused(
    site: str, client: TestClient
) -> None:
    headers = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "no-cors"}
    assert asked(client, "POST", "/api/runs", **headers, **AUTHORIZED).status_code == 403
    assert asked(client, "GET", "/api/runs", **headers).status_code == 403
    link = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate"}
    assert asked(client, "GET", "/", **link).status_code == 200
    assert asked(client, "GET", "/api/forecast", **link).status_code == 403


def test_f3_our_own_page_is_answered(client: TestClient) -> None:
    own = {"Origin": f"http://{HOST}", "Sec_Fetch_Site": "same-origin"}
    assert asked(client, "GET", "/api/runs", **own).status_code == 200
    found = asked(client, "POST", "/api/runs", **own, **AUTHORIZED)
    assert (found.status_code, found.json()["field"]) == (422, "preset")


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
def test_f3_trap_2_only_json_changes_anything(kind: str, client: TestClient) -> None:
    found = asked(client, "POST", "/api/runs", Content_Type=kind, **AUTHORIZED)
    assert (found.status_code, found.json()["code"]) == (415, "not_json")


@pytest.mark.parametrize("origin", ["http://evil.com", "null", f"http://{HOST}"])
def test_f4_no_answer_lets_another_page_read_it(
    origin: str, app: Studio, client: TestClient
) -> None:
    for method, path in [*routes(app), ("OPTIONS", "/api/runs")]:
        found = asked(client, method, path, Origin=origin)
        assert not [name for name in found.headers if name.startswith("access-control")]


# -- F12: the token --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Cookie": f"token={TOKEN}"}],
)
def test_f12_nothing_changes_without_the_token(
    given: dict[str, str], app: Studio, client: TestClient
) -> None:
    changing = [path for method, path in routes(app) if method == "POST"]
    assert len(changing) >= 4
    for path in changing:
        found = asked(client, "POST", f"{path}?token={TOKEN}", **given)
        assert (found.status_code, code_of(found)) == (401, "wrong_token")


def test_f12_reading_that_computes_needs_the_token(client: TestClient) -> None:
    for values in ({}, {"preset": "vae-mnist"}):
        assert client.get("/api/forecast", params=values).status_code == 401


def test_f12_a_token_that_a_person_set_guards_reading_too(home: Path) -> None:
    app = create_app(home, TOKEN, hosts=hosts_of("0.0.0.0"), guards_reading=True)
    client = TestClient(app, base_url="http://192.168.0.7:8717")
    guarded = [path for method, path in routes(app) if method == "GET" and "/api" in path]
    assert len(guarded) >= 9
    for path in guarded:
        assert client.get(path).status_code == 401, path
    assert client.get("/api/runs", headers=AUTHORIZED).status_code == 200
    assert client.get("/health").status_code == client.get("/").status_code == 200
    assert TOKEN not in client.get("/").text
    outer = TestClient(
        Starlette(routes=[Mount("/proxy/1", app)]), base_url="http://192.168.0.7:8717"
    )
    assert outer.get("/proxy/1/api/runs").status_code == 401
    assert outer.get("/proxy/1/").status_code == outer.get("/proxy/1/health").status_code == 200


def test_f12_the_token_is_compared_in_constant_time(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    monkeypatch.setattr(
        "olaria.web.guard.hmac.compare_digest", lambda a, b: compared.append((a, b)) or False
    )
    assert asked(client, "POST", "/api/runs", **AUTHORIZED).status_code == 401
    assert len(compared) == 1


@pytest.mark.skipif(os.name != "posix", reason="names of this kind are of Linux")
def test_f6_a_name_that_is_no_utf8_is_a_card_too(
    client: TestClient, made: Callable[..., Path]
) -> None:
    made(os.fsdecode(b"ma\xe7\xe3"))
    (card,) = client.get("/api/runs").json()["runs"]
    assert card["name"] == "ma\\xe7\\xe3"
    assert client.get(f"/api/runs/{card['id']}/curves").status_code == 200


def test_f12_on_this_machine_results_are_read_without_the_token_and_nothing_is_computed(
    client: TestClient, made: Callable[..., Path], app: Studio
) -> None:
    made("run")
    run_id = id_of(client, "run")
    costly = {*guard.COSTLY, *(f"/api/runs/0{end}" for end in guard.COSTLY_OF_A_RUN)}
    read = {path for method, path in routes(app) if method == "GET"}
    assert costly < read and len(read - costly) >= 14
    for path in read:
        found = client.get(path.replace("/runs/0", f"/runs/{run_id}"))
        assert (found.status_code == 401) == (path in costly), path
