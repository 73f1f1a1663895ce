"""What the room of a run of text begins with: its checkpoints, its tokenizer and how much it reads at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from fastapi import FastAPI, Request, Response

from olaria.errors import RunError
from olaria.i18n import N_
from olaria.runs import Run
from olaria.storage.folder import RunFolder
from olaria.web.errors import Refused
from olaria.web.routing import answer, studio_of

KINDS = ("text", "pairs", "codes")
"""Of data, whose models write tokens."""


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/runs/{run_id}/text")(show_text)


async def show_text(request: Request, run_id: str) -> Response:
    """What can be asked of a run that writes: its checkpoints, its tokenizer, its context and its kind of data."""
    index = studio_of(request).shelf.index
    return answer(await asyncio.to_thread(lambda: _told(index.run(run_id))))


def _told(run: Run) -> dict[str, Any]:
    if run.recipe.kind not in KINDS:
        raise Refused(409, "no_text", N_("this run does not write text"))
    steps = run.folder.checkpoint_steps()
    tokenizer = {**run.tokenizer().to_json(), "unseen": run.recipe.data.unseen}
    return {
        "format": 1,
        "kind": run.recipe.kind,
        "checkpoints": steps,
        "best": _best(run.folder) if steps else None,
        "context": getattr(run.recipe.model, "context", None),
        "tokenizer": tokenizer,
    }


def _best(folder: RunFolder) -> int | None:
    with suppress(RunError):
        return int(folder.checkpoint_path("best").name.removeprefix("step-"))
    return None
