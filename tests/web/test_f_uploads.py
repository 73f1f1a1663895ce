"""Group F, of what the page brings: files of the user's own, and figures that are pinned. Nothing half stays behind."""

from __future__ import annotations

import base64
import errno
import io
import json
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from olaria.cards import figures
from olaria.web import guard, uploads
from olaria.web.app import create_app
from olaria.workflows import fitting

from .studios import AUTHORIZED, HOST, TOKEN, serving, wait_for

BYTES = {"Content-Type": guard.BYTES}
HOSTILE = "<img src=x onerror=alert(1)>"


def png(width: int = 8, height: int = 8, shade: int = 99) -> bytes:
    content = io.BytesIO()
    Image.new("L", (width, height), shade).save(content, "PNG")
    return content.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in files.items():
            archive.writestr(name, one)
    return content.getvalue()


def images(count: int = 20) -> dict[str, bytes]:
    return {f"{'ab'[n % 2]}/{n}.png": png(shade=10 * n) for n in range(count)}


@pytest.fixture
def page(home: Path) -> Iterator[TestClient]:
    """A page with the token; what files hold is looked at for real, in a process of its own."""
    with TestClient(
        create_app(home, TOKEN), base_url=f"http://{HOST}", headers=AUTHORIZED
    ) as client:
        yield client


@pytest.fixture
def quick(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The same, where what files hold is looked at in this process, and soon."""

    async def described(_lane: Any, _job: str, request: dict[str, Any], _language: str) -> Any:
        return fitting.described(request["path"])

    monkeypatch.setattr("olaria.web.computing.Lane.of", described)
    return page


def bring(page: TestClient, name: str, content: Any, **headers: str) -> Any:
    found = {**BYTES, **headers}
    return page.post("/api/uploads", params={"name": name}, content=content, headers=found)


def left(home: Path) -> list[str]:
    place = home / ".studio" / "data"
    return [one.name for one in place.iterdir()] if place.is_dir() else []


def test_a_zip_of_images_is_described_and_trained_on(page: TestClient, home: Path) -> None:
    content = packed({**images(), "a/broken.png": b"\x89PNG", "notes.xyz": b"?"})
    found = bring(page, "Meus Dígitos.zip", content)
    assert found.status_code == 201, found.text
    told = found.json()
    assert told["label"] == "Meus Dígitos.zip" and told["facts"]["shape"] == [1, 8, 8]
    assert any("broken.png" in note for note in told["notes"])
    assert told["fits"]["preset"] == fitting.GRAY_PRESET
    asked = {"preset": "vae-mnist", "data": told["id"], "size": "tiny", "steps": 2}
    forecast = page.get("/api/forecast", params=asked)
    assert forecast.status_code == 200 and "meus-digitos.zip" in forecast.json()["command"]
    listed = page.get("/api/uploads?lang=pt").json()["uploads"]
    assert [one["id"] for one in listed] == [told["id"]] and listed[0]["notes"] != told["notes"]
    assert page.post(f"/api/uploads/{told['id']}/delete", json={}).status_code == 200
    assert left(home) == [] and page.get("/api/uploads").json()["uploads"] == []
    gone = page.get("/api/forecast", params=asked)
    assert (gone.status_code, gone.json()["field"]) == (422, "data")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("broken.zip", packed(images())[:-200], "broken.zip is not a whole zip"),
        ("none.zip", packed({"readme.xyz": b"?"}), "nothing to learn from in none.zip"),
        ("outside.zip", packed({"../../x.png": png(), **images()}), "outside the zip"),
        ("binary.txt", bytes(range(256)) * 40, "binary.txt is not a text"),
        ("empty.txt", b"", "empty"),
        ("run.exe", b"MZ", "run.exe is not read"),
        ("", b"x", "is not read"),
    ],
    ids=lambda one: one if isinstance(one, str) and len(one) < 20 else "",
)
def test_f11_a_file_that_cannot_be_used_is_one_line_and_leaves_nothing(
    name: str, content: bytes, said: str, quick: TestClient, home: Path
) -> None:
    found = bring(quick, name, content)
    assert found.status_code == 422 and said in found.json()["message"], found.text
    assert str(home) not in found.text and ".partial" not in found.text
    assert left(home) == []


def test_f11_a_zip_bomb_is_refused_before_it_is_unpacked(
    quick: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "MOST_UNPACKED_BYTES", 1_000_000)
    found = bring(quick, "bomb.zip", packed({"a.txt": b"0" * 2_000_000}))
    assert found.status_code == 422 and "2.0 MB" in found.json()["message"]
    assert left(home) == []


def test_f11_a_file_larger_than_was_told_is_refused_however_it_comes(
    page: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = page.get("/api/uploads").json()["most_bytes"]
    assert 0 < most <= uploads.MOST_BYTES
    small = guard.Body(1000, guard.BYTES)
    monkeypatch.setitem(guard.BODIES, "/api/uploads", small)
    pieces = (b"x" * 300 for _ in range(9))  # without a length
    for content in (b"x" * 1001, pieces):
        found = bring(page, "long.txt", content)
        assert (found.status_code, found.json()["code"]) == (413, "too_large")
    assert left(home) == []


def test_f11_a_full_disk_is_told_before_and_while_it_is_written(
    quick: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(uploads, "free_bytes", lambda _path: uploads.SPARE_BYTES + 10)
        found = bring(quick, "a.txt", b"x" * 100)
        assert (found.status_code, found.json()["code"]) == (507, "disk_full")

    opened = Path.open

    def full(path: Path, *words: Any, **more: Any) -> Any:
        if words == ("ab",):
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, *words, **more)

    monkeypatch.setattr(Path, "open", full)
    found = bring(quick, "a.txt", b"x" * 100)
    assert found.status_code == 503 and "no space left" in found.json()["message"]
    assert left(home) == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.txt", "/etc/cron.txt", "C:\\x\\a.txt", "a\0b.txt", HOSTILE + ".txt"]
)
def test_f6_f7_a_file_s_name_is_a_label_and_no_place(
    name: str, quick: TestClient, home: Path
) -> None:
    found = bring(quick, name, b"the cat sat on the mat. " * 500)
    assert found.status_code == 201, found.text
    (folder,) = left(home)
    names = {one.name for one in (home / ".studio" / "data" / folder).iterdir()}
    assert folder == found.json()["id"] and uploads.ABOUT in names and len(names) == 2
    assert all(one.isascii() and not set(one) & set('<>/\\\0"') for one in (folder, *names))
    assert "/" not in found.json()["label"] and "\0" not in found.json()["label"]


@pytest.mark.parametrize("name", ["..", "x", "A", "data", ".partial-x", "x" * 80, "%2e%2e"])
def test_f6_an_id_of_a_file_is_looked_up(name: str, page: TestClient, home: Path) -> None:
    (home / "x").mkdir()
    found = page.post(f"/api/uploads/{name}/delete", json={})
    assert found.status_code == 404 and (home / "x").is_dir()
    asked = page.get("/api/forecast", params={"preset": "vae-mnist", "data": f"{name}/../x"})
    assert asked.status_code == 422


def test_f6_a_link_in_the_place_of_a_file_is_not_followed(
    page: TestClient, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / uploads.ABOUT).write_text(json.dumps({"format": 1, "file": "x"}))
    place = home / ".studio" / "data"
    place.mkdir(parents=True)
    (place / "linked").symlink_to(tmp_path / "secret", target_is_directory=True)
    assert page.get("/api/uploads").json()["uploads"] == []
    assert page.post("/api/uploads/linked/delete", json={}).status_code == 409
    assert (tmp_path / "secret" / uploads.ABOUT).is_file()


def test_f12_nothing_is_brought_or_pinned_without_the_token(client: TestClient, home: Path) -> None:
    for path, content, kind in (
        ("/api/uploads?name=a.txt", b"x", guard.BYTES),
        ("/api/figures", b"{}", guard.JSON),
    ):
        assert client.post(path, content=content, headers={"Content-Type": kind}).status_code == 401
    assert not (home / ".studio").exists()


def test_f3_a_file_comes_as_bytes_and_nothing_else(page: TestClient) -> None:
    for kind in ("text/plain", "multipart/form-data", "application/json", ""):
        found = bring(page, "a.txt", b"x", **{"Content-Type": kind})
        assert (found.status_code, found.json()["code"]) == (415, "wrong_type")
    other = page.post("/api/runs", content=b"{}", headers=BYTES)
    assert (other.status_code, other.json()["code"]) == (415, "not_json")


def test_f11_only_so_many_files_are_kept(
    quick: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_KEPT", 1)
    assert bring(quick, "a.txt", b"the cat sat. " * 300).status_code == 201
    assert bring(quick, "b.txt", b"the cat sat. " * 300).status_code == 409


def test_f11_half_a_file_leaves_nothing_behind(home: Path) -> None:
    with serving(home) as served:
        port = int(served.url.rstrip("/").rpartition(":")[2])
        head = (
            f"POST /api/uploads?name=a.txt HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Authorization: Bearer {served.token}\r\nContent-Type: {guard.BYTES}\r\n"
            "Content-Length: 4000000\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head.encode() + b"x" * 3_000_000)
            (partial,) = wait_for(lambda: left(home), "that it begins", 20)
            assert partial.startswith(uploads.PARTIAL)
            with served.client as client:
                assert client.get("/api/uploads").json()["uploads"] == []
                assert client.get("/health").status_code == 200
        wait_for(lambda: not left(home), "that it is gone", 20)


def test_f11_only_so_many_files_come_at_once(quick: TestClient) -> None:
    quick.app.uploads._num_coming = uploads.MOST_AT_ONCE  # type: ignore[attr-defined]
    found = bring(quick, "a.txt", b"x")
    assert found.status_code == 429 and found.headers["retry-after"]


# -- figures ---------------------------------------------------------------------------------------


def pin(page: TestClient, **values: Any) -> Any:
    picture = base64.b64encode(values.pop("content", png())).decode()
    return page.post("/api/figures", json={"picture": picture, **values})


def test_a_figure_is_pinned_said_anew_and_deleted(page: TestClient, home: Path) -> None:
    first = pin(page, caption=HOSTILE, address="#room=run&id=x", table=[["x"], [1.5], [None]])
    assert first.status_code == 201, first.text
    assert pin(page, address="#room=run&token=abc").json()["address"] == ""
    listed = page.get("/api/figures").json()["figures"]
    assert [one["id"] for one in listed] == ["figure-001", "figure-002"]
    assert listed[0]["caption"] == HOSTILE and listed[0]["has_numbers"]
    folder = home / ".studio" / "figures"
    assert (folder / "figure-001.csv").read_text().split() == ["x", "1.5", '""']
    said = page.post("/api/figures/figure-001/caption", json={"caption": "The loss."})
    assert said.json()["caption"] == "The loss."
    shown = page.get("/api/figures/figure-001/picture")
    assert shown.headers["content-type"] == "image/png" and shown.content.startswith(b"\x89PNG")
    assert page.post("/api/figures/figure-001/delete", json={}).status_code == 200
    assert [one.name for one in sorted(folder.iterdir())] == ["figure-002.json", "figure-002.png"]
    assert pin(page).json()["id"] == "figure-003", "no name of a figure is given again"


def test_f8_a_picture_is_decoded_and_written_anew(page: TestClient, home: Path) -> None:
    pin(page, content=png() + b"<script>alert(1)</script>")
    written = (home / ".studio" / "figures" / "figure-001.png").read_bytes()
    assert b"script" not in written and Image.open(io.BytesIO(written)).size == (8, 8)


@pytest.mark.parametrize(
    "values",
    [
        {"content": b"\x89PNG"},
        {"content": b"GIF89a"},
        {"content": png()[:40]},
        {"content": png(4000, 4000)},
        {"picture": "no base64!"},
        {"picture": 5},
        {"table": "x"},
        {"table": [["x"] * 100]},
        {"table": [5]},
        {"table": [["x"]] * 30_000},
    ],
    ids=lambda one: next(iter(one)),
)
def test_f11_what_is_no_figure_is_refused_and_leaves_nothing(
    values: dict[str, Any], page: TestClient, home: Path
) -> None:
    found = pin(page, **values)
    assert found.status_code == 422 and found.json()["message"], found.text
    assert not list((home / ".studio").glob("figures/*"))


def test_f11_a_report_has_only_so_many_figures(
    page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MOST_FIGURES", 1)
    assert pin(page).status_code == 201
    assert pin(page).json()["code"] == "too_many"


@pytest.mark.parametrize("name", ["..", "figure-9", "figure-001", "x", "figure-001.json"])
def test_f6_an_id_of_a_figure_is_looked_up(name: str, page: TestClient) -> None:
    assert page.get(f"/api/figures/{name}/picture").status_code == 404
    assert page.post(f"/api/figures/{name}/delete", json={}).status_code == 404


def test_f6_only_pinned_figures_get_into_a_report(
    page: TestClient, made: Callable[..., Path]
) -> None:
    made("one")
    run_id = page.get("/api/runs").json()["runs"][0]["id"]
    for ids in (["/etc/passwd"], ["../x"], ["figure-001"]):
        found = page.post(f"/api/runs/{run_id}/report", json={"figures": ids})
        assert (found.status_code, found.json()["code"]) == (404, "unknown_figure")
    for values in ({"figures": "x"}, {"figures": [5]}, {"conclusion": 5}):
        found = page.post(f"/api/runs/{run_id}/report", json=values)
        assert (found.status_code, found.json()["field"]) == (422, next(iter(values)))
