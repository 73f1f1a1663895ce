"""What the page needs to compute with a run's model itself: weights, what the parts of lessons begin with, words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from olaria.storage import folder as files
from olaria.web.index import signature_of
from olaria.web.routing import language_of, studio_of, unless_left

if TYPE_CHECKING:
    from pathlib import Path

    from olaria.web.computing import Lane

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
    return await kept(request, run_id, "live", studio_of(request).playing)


async def kept(request: Request, run_id: str, job: str, lane: Lane, **settings: int) -> Response:
    """What a job answers of a run, computed once for each state of the run's model and each language.

    Args:
        request: that is answered.
        run_id: of the run.
        job: see :mod:`olaria.web.computing`; it writes its answer to the file ``out``.
        lane: that computes it.
        settings: of the job, besides the run.
    """
    app, language = studio_of(request), language_of(request)
    path = await asyncio.to_thread(lambda: app.shelf.index.run(run_id).path)
    key = (job, path, language, signature_of(path, OF_A_MODEL), *settings.items())

    async def compute(out: Path) -> bool:
        asked = {"run": str(path), "out": str(out), **settings}
        return bool((await lane.of(job, asked, language))["is_whole"])

    content = await unless_left(request, app.answers.of(key, compute))
    return Response(content, media_type="application/json")
