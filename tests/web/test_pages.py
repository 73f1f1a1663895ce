"""Lessons and reports, runs side by side, runs that are trained longer, and data sets."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from olaria.web import computing
from olaria.web.app import create_app
from olaria.web.hosts import hosts_of
from olaria.web.kept_pages import MOST_KEPT

from .studios import AUTHORIZED, HOST, TOKEN, events, id_of, wait_for

FORGED = """<meta http-equiv="Content-Security-Policy" content="default-src *; script-src *">"""


@pytest.fixture(scope="module")
def shelf(tiny_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each of two seeds, and one of text."""
    home = tmp_path_factory.mktemp("pages") / "runs"
    shutil.copytree(tiny_run("vae-mnist").path, home / "one")
    shutil.copytree(tiny_run("vae-mnist").path, home / "two")
    shutil.copytree(tiny_run("gpt-shakespeare").path, home / "text")
    return home


@pytest.fixture(scope="module")
def page(shelf: Path) -> Iterator[TestClient]:
    """A page with the token."""
    app = create_app(shelf, TOKEN)
    with TestClient(app, base_url=f"http://{HOST}", headers=AUTHORIZED) as client:
        yield client


def made(page: TestClient, name: str, what: str, **values: Any) -> Any:
    return page.post(f"/api/runs/{id_of(page, name)}/{what}", json=values)


def test_a_lesson_is_a_page_for_a_frame_under_a_policy_of_its_own(page: TestClient) -> None:
    found = made(page, "one", "explain", lesson="kl")
    assert found.status_code == 201, found.text
    body = found.json()
    assert body["lesson"] == "kl" and all(
        check["holds"] for step in body["steps"] for check in step["checks"]
    )
    assert "path" not in body
    stranger = TestClient(page.app, base_url=f"http://{HOST}")  # a frame brings no token
    shown = stranger.get(f"/{body['page']}")
    policy = shown.headers["content-security-policy"]
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox allow-scripts allow-downloads" in policy and "allow-same-origin" not in policy
    assert "frame-ancestors 'self'" in policy and "default-src 'none'" in policy
    assert policy.count("base-uri") == policy.count("form-action") == 1
    assert shown.headers["x-frame-options"] == "SAMEORIGIN"
    assert not re.search(r"script-src[^;]*unsafe-inline", policy) and "'sha256-" in policy
    saved = stranger.get(f"/{body['file']}")
    assert saved.headers["content-disposition"] == 'attachment; filename="lesson.html"'
    assert saved.headers["content-security-policy"].endswith("sandbox")
    assert saved.content == shown.content and b"<html" in shown.content
    assert "frame-src 'self'" in stranger.get("/").headers["content-security-policy"]
    assert stranger.get("/pages/" + "x" * 32).status_code == 404
    assert stranger.get(f"/{body['page']}/other.html").status_code == 404
    forged = stranger.get(f"/{body['page']}", headers={"Host": "evil.com"})
    assert forged.status_code == 403


def test_a_page_is_shown_where_reading_needs_the_token_too(shelf: Path) -> None:
    app = create_app(shelf, TOKEN, hosts=hosts_of("0.0.0.0"), guards_reading=True)
    with TestClient(app, base_url="http://192.168.0.7:1") as page:
        assert page.get("/pages/x").status_code == 404
        assert page.get("/api/lessons").status_code == 401


@pytest.mark.parametrize(
    ("values", "status", "field"),
    [
        ({}, 422, "lesson"),
        ({"lesson": "astrology"}, 422, "lesson"),
        ({"lesson": "kl", "out": "/tmp/x.html"}, 422, "out"),
        ({"lesson": "kl", "data": ["/etc/passwd"]}, 422, "data"),
        ({"lesson": "kl", "beside": "two"}, 422, "beside"),
        ({"lesson": "kl", "beside": ["f" * 16]}, 404, None),
        ({"lesson": "kl", "beside": [["x"]]}, 422, "beside"),
    ],
    ids=str,
)
def test_f6_g1_a_lesson_takes_ids_and_no_places(
    values: dict[str, Any], status: int, field: str | None, page: TestClient
) -> None:
    found = made(page, "one", "explain", **values)
    assert (found.status_code, found.json()["field"]) == (status, field)


def test_a_lesson_that_a_run_cannot_carry_says_which_can(page: TestClient) -> None:
    found = made(page, "text", "explain", lesson="kl")
    assert found.status_code == 409 and "vae" in found.json()["message"].lower()
    portuguese = page.post(
        f"/api/runs/{id_of(page, 'text')}/explain?lang=pt", json={"lesson": "kl"}
    ).json()
    assert portuguese["message"] != found.json()["message"]


def test_the_lessons_are_listed_in_the_reader_s_language(page: TestClient) -> None:
    english, portuguese = (
        {
            one["lesson"]: one["title"]
            for one in page.get(f"/api/lessons?lang={tag}").json()["lessons"]
        }
        for tag in ("en", "pt")
    )
    assert english.keys() == portuguese.keys() and english != portuguese and "kl" in english


@pytest.mark.usefixtures("computed_here")
def test_f7_a_report_is_downloaded_and_its_words_stay_text(page: TestClient) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    found = made(
        page, "one", "report", author=hostile, title="Prática", beside=[id_of(page, "two")]
    )
    assert found.status_code == 201, found.text
    shown = page.get(f"/{found.json()['page']}")
    assert hostile not in shown.text and "Prática" in shown.text
    assert "sandbox" in shown.headers["content-security-policy"]
    assert (
        page.get(f"/{found.json()['file']}").headers["content-disposition"].startswith("attachment")
    )


def test_a_report_in_markdown_comes_with_its_pictures(page: TestClient) -> None:
    found = made(page, "one", "report", format="md").json()
    assert found["page"] is None and found["file"].endswith("/report.zip")
    content = page.get(f"/{found['file']}").content
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert "report.md" in names and any(name.endswith(".png") for name in names)
    assert made(page, "one", "report", format="docx").json()["field"] == "format"


@pytest.mark.slow
def test_a_report_as_pdf(page: TestClient) -> None:
    found = made(page, "one", "report", format="pdf")
    if found.status_code != 201:
        pytest.skip(found.json()["message"])  # its libraries are not here
    content = page.get(f"/{found.json()['file']}")
    assert content.headers["content-type"] == "application/pdf"
    assert content.content.startswith(b"%PDF")


def test_only_the_latest_pages_are_kept(page: TestClient) -> None:
    kept = page.app.kept  # type: ignore[attr-defined]
    keys, places = [], []
    for number in range(MOST_KEPT + 1):
        folder = kept.place()
        path = folder / "lesson.html"
        path.write_text(f"<body><p>{number}{FORGED}")
        places.append(path)
        keys.append(kept.keep(path, folder))
    assert page.get(f"/pages/{keys[0]}").status_code == 404 and not places[0].exists()
    assert page.get(f"/pages/{keys[1]}").text == f"<body><p>1{FORGED}"
    plain = page.get(f"/pages/{keys[1]}").headers["content-security-policy"]
    names = [one.split()[0] for one in plain.split(";")]
    assert len(names) == len(set(names)) and {"base-uri", "form-action"} <= set(names)
    assert plain.startswith("default-src 'none'") and "script-src" not in plain


def test_runs_are_compared_by_their_ids(page: TestClient) -> None:
    ids = [id_of(page, name) for name in ("two", "one", "text")]
    found = page.get("/api/compare", params={"runs": ids}).json()
    rows = {row["id"]: row["name"] for row in found["runs"]}
    assert rows == dict(zip(ids, ("two", "one", "text"), strict=True))
    assert str(page.app.home) not in page.get("/api/compare", params={"runs": ids}).text  # type: ignore[attr-defined]
    assert all(label["label"] for label in found["labels"].values())
    assert page.get("/api/compare").json()["field"] == "runs"
    assert page.get("/api/compare", params={"runs": ["f" * 16]}).status_code == 404
    many = page.get("/api/compare", params={"runs": [str(n) for n in range(51)]})
    assert many.status_code == 422


def test_a_finished_run_is_trained_longer_as_a_new_one(
    page: TestClient, shelf: Path, tiny_run: Callable[..., Any]
) -> None:
    done = tiny_run("vae-mnist").result["steps"]
    found = made(page, "one", "extend", steps=done + 5)
    assert found.status_code == 202, found.text
    card = found.json()
    assert card["id"] != id_of(page, "one") and f"--steps={done + 5}" in card["command"]
    ended = wait_for(
        lambda: (
            (one := page.get(f"/api/runs/{card['id']}").json())["state"] in ("done", "failed")
            and one
        ),
        "its end",
    )
    assert ended["state"] == "done" and ended["steps"] == 5, ended
    shutil.rmtree(shelf / card["name"])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "steps"),
        ({"steps": 1}, "steps"),
        ({"steps": 0}, "steps"),
        ({"steps": 99, "budget": 5}, None),
        ({"budget": "soon"}, "budget"),
        ({"preset": "gan-mnist"}, "preset"),
    ],
    ids=str,
)
def test_g1_how_far_is_told_where_it_was_typed(
    values: dict[str, Any], field: str | None, page: TestClient
) -> None:
    found = made(page, "one", "extend", **values)
    assert found.status_code == 422 and (field is None or found.json()["field"] == field)


def test_a_run_that_rests_halfway_is_not_trained_longer(
    client: TestClient, made: Callable[..., Path]
) -> None:
    made("half", "stopped")
    found = client.post(
        f"/api/runs/{id_of(client, 'half')}/extend", json={"steps": 99}, headers=AUTHORIZED
    )
    assert (found.status_code, found.json()["code"]) == (409, "not_done")


def test_data_sets_are_listed_brought_and_verified(page: TestClient) -> None:
    listed = page.get("/api/data?lang=pt").json()["data_sets"]
    names = {one["name"]: one for one in listed}
    assert names["digits"]["ready"] and not names["mnist"]["ready"]
    assert names["mnist"]["title"] != page.get("/api/data?lang=en").json()["data_sets"][0]["title"]
    brought = page.post("/api/data/digits/get", json={})
    assert [kind for kind, _ in events(brought.text)] == ["done"]
    ((kind, error),) = events(page.post("/api/data/mnist/get", json={}).text)  # there is no network
    assert kind == "failed" and error["message"]
    assert page.post("/api/data/..%2fx/get", json={}).status_code in (404, 422)
    assert page.post("/api/data/nothing/get", json={}).status_code == 422
    verified = page.post("/api/data/verify", json={}).json()
    assert verified["ok"] and all("/" not in file["path"] for file in verified["files"])


def test_a_download_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from olaria.data.base import DownloadProgress
    from olaria.workflows.requests import Document

    def get(_request: Any, *, progress: Any) -> Document:
        for place in (1, 2, 10):
            progress(DownloadProgress("/home/me/train.gz", place, 10, 5.0))
        return Document(name="mnist", folder="/home/me")

    monkeypatch.setattr("olaria.workflows.data.get", get)
    assert computing._get({"name": ["mnist"]}, "en") == {"name": "mnist"}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all(line.startswith(computing.MARK) for line in lines)
    assert '"bytes": 10' in lines[-1] and "/home/me" not in lines[-1]
