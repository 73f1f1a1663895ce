"""What the desk asks of the studio: a lesson that is found again, a report as it was written, and another run."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from olaria.lessons import LESSONS
from olaria.storage import folder as files
from olaria.storage.folder import RunFolder
from olaria.web.app import create_app
from olaria.web.files import static

from .studios import AUTHORIZED, HOST, TOKEN, id_of, make_run


@pytest.fixture(scope="module")
def shelf(tiny_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run."""
    home = tmp_path_factory.mktemp("desk") / "runs"
    shutil.copytree(tiny_run("vae-mnist").path, home / "one")
    return home


@pytest.fixture(scope="module")
def page(shelf: Path) -> Iterator[TestClient]:
    """A page with the token."""
    with TestClient(
        create_app(shelf, TOKEN), base_url=f"http://{HOST}", headers=AUTHORIZED
    ) as client:
        yield client


@pytest.mark.usefixtures("computed_here")
def test_a_lesson_is_kept_while_its_run_is_unchanged(page: TestClient, shelf: Path) -> None:
    address = f"/api/runs/{id_of(page, 'one')}/explain"
    first = page.post(address, json={"lesson": "kl"}).json()
    assert page.post(address, json={"lesson": "kl"}).json() == first
    assert [step["name"] for step in first["steps"]][-1] == "posterior"
    other = page.post(address, json={"lesson": "kl", "seed": 1}).json()
    portuguese = page.post(f"{address}?lang=pt", json={"lesson": "kl"}).json()
    status = RunFolder(shelf / "one").at(files.STATUS)
    status.write_bytes(status.read_bytes() + b"\n")
    changed = page.post(address, json={"lesson": "kl"}).json()
    keys = {one["page"] for one in (first, other, portuguese, changed)}
    assert len(keys) == 4


def test_a_report_is_as_it_was_written(page: TestClient) -> None:
    picture = io.BytesIO()
    Image.new("L", (8, 8)).save(picture, "PNG")
    pinned = {"picture": base64.b64encode(picture.getvalue()).decode(), "caption": "Two clusters."}
    ids = [page.post("/api/figures", json=pinned).json()["id"] for _ in range(2)]
    asked = {
        "author": "Ana",
        "short": True,
        "conclusion": "# So\n\nIt *learns*.",
        "figures": ids[1:],
    }
    found = page.post(f"/api/runs/{id_of(page, 'one')}/report", json=asked)
    assert found.status_code == 201, found.text
    shown = page.get(f"/{found.json()['page']}").text
    assert "<h3>So</h3>" in shown and "<em>learns</em>" in shown
    assert shown.count("<figcaption><b>") and shown.count("Two clusters.</figcaption>") == 1
    command = found.json()["command"]
    assert "--conclusion=conclusion.md" in command and "--short" in command
    assert "figure-002.png" in command and "figure-001.png" not in command


def test_a_run_is_changed_and_trained_anew(client: TestClient, home: Path) -> None:
    folder = RunFolder(make_run(home / "one", "vae-mnist"))
    recipe = folder.read(files.RECIPE)
    recipe["model"]["latent"], recipe["seed"], recipe["data"]["name"] = 3, 7, "digits"
    folder.write(files.RECIPE, recipe)
    found = client.get(f"/api/runs/{id_of(client, 'one')}/choices").json()
    assert found["choices"] == {
        "preset": "vae-mnist",
        "size": "tiny",
        "seed": 7,
        "settings": ["model.latent=3"],
        "steps": 3,
        "data": "digits",
    }
    recipe["data"]["name"] = "/home/ana/secret/diary.txt"
    folder.write(files.RECIPE, recipe)
    answer = client.get(f"/api/runs/{id_of(client, 'one')}/choices")
    assert "data" not in answer.json()["choices"] and answer.json()["notes"]
    assert "secret" not in answer.text
    assert client.get("/api/runs").json()["runs"][0]["data"] == "diary.txt"


def test_warnings_lead_to_steps_that_lessons_have() -> None:
    script = static()["warned.js"][0].decode()
    found = re.findall(r'\["(\w[\w-]*)", "(\w+)"\]', script)
    assert len(found) >= 4
    for lesson, step in found:
        assert step in LESSONS[lesson].texts.names, (lesson, step)


def test_the_first_visit_trains_what_there_is(client: TestClient) -> None:
    script = static()["first_visit.js"][0].decode()
    names = {one["name"] for one in client.get("/api/presets").json()["presets"]}
    asked = re.findall(r'preset: "([\w-]+)"', script)
    assert len(asked) == 3 and set(asked) <= names
