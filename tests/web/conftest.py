"""A studio in this process, and runs that nobody trained."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from olaria.recipes import preset
from olaria.storage import folder as files
from olaria.storage.files import json_line
from olaria.storage.folder import RunFolder

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from olaria.web.app import Studio

HOST, TOKEN = "127.0.0.1:8717", "a-token-of-this-start"
NEEDED = ("fastapi", "starlette", "uvicorn", "httpx2")


class _Skipped(pytest.Module):
    """Tests whose packages are not here: they are not even imported."""

    def collect(self) -> Any:
        pytest.skip("the extra studio is not installed", allow_module_level=True)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: Any) -> Iterator[None]:
    """Skip every test of the studio where its extra is missing."""
    found = yield
    if all(map(find_spec, NEEDED)):
        return found
    is_test = file_path.name.startswith("test_")
    return [_Skipped.from_parent(parent, path=file_path)] if is_test else []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty folder of runs."""
    place = tmp_path / "runs"
    place.mkdir()
    return place


@pytest.fixture
def app(home: Path) -> Studio:
    """The studio of that folder."""
    from olaria.web.app import create_app

    return create_app(home, TOKEN)


@pytest.fixture
def client(app: Studio) -> TestClient:
    """A page of the studio, without the token."""
    from starlette.testclient import TestClient

    return TestClient(app, base_url=f"http://{HOST}")


@pytest.fixture
def made(home: Path) -> Callable[..., Path]:
    """Makes the folder of a run without training it."""
    from .studios import began, stepped

    def make(name: str, state: str = "done", *, rows: int = 3, family: str = "vae-mnist") -> Path:
        path = home / name
        folder = RunFolder(path)
        recipe = preset(family, "tiny").ending(rows, None)
        folder.create(recipe.model_dump(mode="json"), {"format": 1, "dimensions": [1, 8, 8]})
        folder.write(files.STATUS, {"format": 1, "state": state, "pid": 1 << 22, "step": rows})
        metrics, events = [], [began()]
        for step in range(1, rows + 1):
            values = {"loss": 1 / step, "kl_nats": None if step == 2 else 0.5}
            metrics.append(
                {"step": step, "elapsed_s": step / 10, "split": "train", "values": values}
            )
            events.append(stepped(step, rows))
        (path / files.METRICS).write_text("".join(map(json_line, metrics)))
        (path / files.EVENTS).write_text("".join(map(json_line, events)))
        if state == "done":
            folder.write(files.RESULT, {"format": 1, "steps": rows, "final": {"loss": 0.5}})
        Image.new("L", (4, 4)).save(folder.sample_path(0, "png"))
        return path

    return make


@pytest.fixture
def ended_workers(home: Path) -> Iterator[None]:
    """Whatever was started in the folder is ended after the test."""
    yield
    for note in (home / ".studio").glob("*.json"):
        try:
            os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
        except ProcessLookupError:
            continue
