"""A studio in this process, and runs that nobody trained."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncGenerator, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

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
    from .studios import make_run

    def make(name: str, state: str = "done", *, rows: int = 3, family: str = "vae-mnist") -> Path:
        return make_run(home / name, family, state, rows)

    return make


@pytest.fixture
def computed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the studio computes in a process of its own is computed in this one, which has PyTorch loaded.

    Each kind of job is asked of a real process by some test without this.
    """
    from olaria.characters import encodable_json
    from olaria.errors import OlariaError
    from olaria.web import computing
    from olaria.web.errors import body_of, status_of

    def written(value: Any) -> Any:
        return json.loads(encodable_json(value))

    async def computed(
        lane: computing.Lane, job: str, request: Any, language: str
    ) -> AsyncGenerator[Any, None]:
        monkeypatch.setenv("OLARIA_RUNS", str(lane._home))
        try:
            yield {"answer": written(computing.JOBS[job](written(request), language))}
        except OlariaError as error:
            body = written(body_of(error, language))
            raise computing.refused(status_of(error), body) from None

    monkeypatch.setattr(computing.Lane, "_computed", computed)


@pytest.fixture
def ended_workers(home: Path) -> Iterator[None]:
    """Whatever was started in the folder is ended after the test."""
    yield
    for note in (home / ".studio").glob("*.json"):
        try:
            os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
        except ProcessLookupError:
            continue
