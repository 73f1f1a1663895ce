"""What the tests of the studio share: its token, what is trained, and a studio that really serves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
from PIL import Image
from starlette.routing import Route
from starlette.testclient import TestClient

import olaria
from olaria.recipes import preset
from olaria.storage import folder as files
from olaria.storage.files import json_line
from olaria.storage.folder import RunFolder
from olaria.web.app import Studio

from .conftest import HOST as HOST
from .conftest import TOKEN

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
QUICK = {"preset": "vae-mnist", "data": "digits", "size": "tiny"}
"""What is trained in seconds."""
ENDLESS = {**QUICK, "steps": 1_000_000, "settings": ["training.checkpoint_every=50"]}
"""What goes on until somebody stops it."""


def began() -> dict[str, Any]:
    return {"event": "began", "step": 0, "elapsed_s": 0.0}


def stepped(step: int, steps: int) -> dict[str, Any]:
    values = {"loss": 1 / step}
    return {
        "event": "step",
        "step": step,
        "elapsed_s": step / 10,
        "fraction": (step - 1) / steps,
        "eta_s": float(steps - step),
        "values": values,
    }


def make_run(path: Path, family: str, state: str = "done", rows: int = 3) -> Path:
    """A run's folder without training it."""
    folder = RunFolder(path)
    recipe = preset(family, "tiny").ending(rows, None)
    folder.create(recipe.model_dump(mode="json"), {"format": 1, "dimensions": [1, 8, 8]})
    folder.write(files.STATUS, {"format": 1, "state": state, "pid": 1 << 22, "step": rows})
    metrics, events = [], [began()]
    for step in range(1, rows + 1):
        values = {"loss": 1 / step, "kl_nats": None if step == 2 else 0.5}
        metrics.append({"step": step, "elapsed_s": step / 10, "split": "train", "values": values})
        events.append(stepped(step, rows))
    (path / files.METRICS).write_text("".join(map(json_line, metrics)))
    (path / files.EVENTS).write_text("".join(map(json_line, events)))
    if state == "done":
        folder.write(files.RESULT, {"format": 1, "steps": rows, "final": {"loss": 0.5}})
    Image.new("L", (4, 4)).save(folder.sample_path(0, "png"))
    return path


def id_of(client: Any, name: str) -> str:
    """The id of the run of a name."""
    cards = {card["name"]: card for card in client.get("/api/runs").json()["runs"]}
    return str(cards[name]["id"])


def events(text: str) -> list[tuple[str, Any]]:
    """Name and content of each server-sent event."""
    found = []
    for block in filter(None, text.split("\n\n")):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines["event"], json.loads(lines["data"])))
    return found


def wait_for(check: Callable[[], Any], what: str, timeout_s: float = 90.0) -> Any:
    """What ``check`` answers, once it is true."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"this did not come in {timeout_s:g} s: {what}")


@dataclass
class Served:
    """A studio that serves in a process of its own."""

    process: subprocess.Popen[bytes]
    url: str
    token: str
    log: Path

    @property
    def client(self) -> httpx.Client:
        """Asks it, with the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)


def environment() -> dict[str, str]:
    """Of a process that is to find the same packages as this one."""
    paths = [str(Path(olaria.__file__).parents[1]), *filter(None, sys.path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


@contextmanager
def serving(home: Path, *words: str) -> Iterator[Served]:
    """``olaria studio`` as a person starts it."""
    log = home.parent / "studio.log"
    command = [sys.executable, "-m", "olaria", "studio", str(home), "--no-browser", "--json"]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*command, *(words or ("--port", "0"))],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(),
            cwd=home.parent,
        )
    try:
        assert process.stdout is not None
        lines = []
        while (line := process.stdout.readline()) and line.rstrip() != b"}":
            lines.append(line)
        assert line, log.read_text()
        found = json.loads(b"".join([*lines, line]))
        url, _, token = found["url"].partition("#token=")
        yield Served(process, url, token, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def routes(app: Studio) -> Iterator[tuple[str, str]]:
    """Method and an address of every route."""
    for route in app.routes:
        assert isinstance(route, Route) or hasattr(route, "methods")
        for method in sorted(getattr(route, "methods", ())):
            if method != "HEAD":
                yield method, re.sub(r"\{\w+\}", "0", getattr(route, "path", ""))


def asked(client: TestClient, method: str, path: str, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    content = "{}" if method == "POST" else None
    names.setdefault("Content-Type", "application/json")
    return client.request(method, path, headers=names, content=content)


def code_of(found: Any) -> str:
    """The code of an error, in either form."""
    body = found.json()
    return str(body.get("error", body)["code"])
