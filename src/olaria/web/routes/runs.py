"""Runs as cards; what begins, ends and goes on with one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from fastapi import FastAPI, Request, Response

from olaria.i18n import command
from olaria.web import asking
from olaria.web.index import worded
from olaria.web.routing import answer, json_body, language_of, studio_of, taken


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/runs")(show_runs)
    app.post("/api/runs", status_code=202, openapi_extra=taken(asking.schema()))(start)
    app.get("/api/runs/{run_id}")(show_run)
    for name, function in (("stop", stop), ("resume", resume), ("dismiss", dismiss)):
        app.post(f"/api/runs/{{run_id}}/{name}", status_code=202, openapi_extra=taken({}))(function)
    longer = asking.longer_schema()
    app.post("/api/runs/{run_id}/extend", status_code=202, openapi_extra=taken(longer))(extend)


def show_runs(request: Request) -> Response:
    """Every run as a card."""
    app, language = studio_of(request), language_of(request)
    return answer({"format": 1, "runs": [worded(card, language) for card in app.shelf.cards()]})


def show_run(request: Request, run_id: str) -> Response:
    """The card of one run."""
    return answer(worded(studio_of(request).shelf.card(run_id), language_of(request)))


async def start(request: Request) -> Response:
    """Train a preset into a new run; the schema is that of ``GET /api/training``."""
    values, app, language = await json_body(request), studio_of(request), language_of(request)

    def begun() -> Response:
        asked = asking.training(values, app.shelf.index, app.uploads)
        job = app.shelf.workers.start(asked.request, asked.stem, language)
        shown = command("train", options=asked.request.to_words())
        return answer({**worded(app.shelf.card(job.id), language), "command": shown}, 202)

    return await asyncio.to_thread(begun)


async def stop(request: Request, run_id: str) -> Response:
    """End a training after its step, with everything saved."""
    return await _done(request, run_id, studio_of(request).shelf.stop)


async def resume(request: Request, run_id: str) -> Response:
    """Go on with a run that was stopped, or whose process ended."""
    language = language_of(request)
    return await _done(request, run_id, partial(studio_of(request).shelf.resume, language=language))


async def extend(request: Request, run_id: str) -> Response:
    """Train a finished run longer: a new run begins from its last weights. The answer is the new run's card.

    ``steps`` or ``budget`` is what the run is to have had in all.
    """
    values, app, language = await json_body(request), studio_of(request), language_of(request)

    def begun() -> Response:
        asked = asking.longer(values, app.shelf.index.run(run_id))
        job = app.shelf.workers.start(asked.request, asked.stem, language)
        shown = command("train", options=asked.request.to_words())
        return answer({**worded(app.shelf.card(job.id), language), "command": shown}, 202)

    return await asyncio.to_thread(begun)


async def dismiss(request: Request, run_id: str) -> Response:
    """Forget a training that never became a run."""
    await json_body(request)
    await asyncio.to_thread(studio_of(request).shelf.dismiss, run_id)
    return answer({"id": run_id}, 202)


async def _done(request: Request, run_id: str, act: Callable[[str], object]) -> Response:
    """Do something with a run; its card is the answer."""
    await json_body(request)
    await asyncio.to_thread(act, run_id)
    card = await asyncio.to_thread(studio_of(request).shelf.card, run_id)
    return answer(worded(card, language_of(request)), 202)
