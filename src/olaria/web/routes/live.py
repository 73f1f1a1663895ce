"""What the page needs to compute with a run's model itself: weights, what the parts of lessons begin with, words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from olaria.storage import folder as files
from olaria.web.index import signature_of
from olaria.web.routing import language_of, studio_of, unless_left

if TYPE_CHECKING:
    from pathlib import Path

    from olaria.web.app import Studio

OF_A_MODEL = (
    files.RECIPE,
    files.PROVENANCE,
    files.TOKENIZER,
    "checkpoints/best.json",
    "checkpoints/last.json",
)
"""Files that say whether a run's model is still the same."""


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/runs/{run_id}/live")(show_live)


async def show_live(request: Request, run_id: str) -> Response:
    """The parts of lessons' pages that compute with the run's model, and the model as a document."""
    return await kept(request, run_id, "live")


async def kept(request: Request, run_id: str, job: str) -> Response:
    """What a job answers of a run, computed once for each state of the run's model and each language."""
    app, language = studio_of(request), language_of(request)
    path = await asyncio.to_thread(lambda: app.shelf.index.run(run_id).path)
    key = (job, path, language, signature_of(path, OF_A_MODEL))
    content = await unless_left(request, app.answers.of(key, _computed(app, job, path, language)))
    return Response(content, media_type="application/json")


def _computed(
    app: Studio, job: str, path: Path, language: str
) -> Callable[[Path], Awaitable[bool]]:
    """Computes it into a file, in the process for that."""

    async def compute(out: Path) -> bool:
        found = await app.playing.of(job, {"run": str(path), "out": str(out)}, language)
        return bool(found["is_whole"])

    return compute
