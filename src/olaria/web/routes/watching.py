"""What was measured and drawn while a run trained, and what it tells as it trains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from starlette.responses import StreamingResponse

from olaria.i18n import N_
from olaria.storage import folder as files
from olaria.storage.files import storage_errors
from olaria.web.curves import MOST_POINTS, POINTS, curves_of
from olaria.web.errors import Refused
from olaria.web.following import Log, Place, events
from olaria.web.routing import answer, language_of, studio_of

if TYPE_CHECKING:
    from olaria.web.app import Studio

MOST_STREAMS = 32
MOST_SAMPLE_BYTES = 1 << 25
SAMPLE_TYPES = {".png": "image/png", ".txt": "text/plain; charset=utf-8"}
Points = Annotated[int, Query(ge=4, le=MOST_POINTS)]
"""Of a curve, at most."""


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/runs/{run_id}/curves")(show_curves)
    app.get("/api/runs/{run_id}/samples")(show_samples)
    app.get("/api/runs/{run_id}/samples/{step}")(show_sample)
    app.get("/api/runs/{run_id}/events")(show_events)


def show_curves(request: Request, run_id: str, points: Points = POINTS) -> Response:
    """What was measured while a run trained, thinned so that no peak is lost."""
    rows = studio_of(request).shelf.folder(run_id).lines(files.METRICS)
    return answer({"format": 1, "curves": curves_of(rows, points, language_of(request))})


def show_samples(request: Request, run_id: str) -> Response:
    """Steps at which a sample was drawn."""
    folder = studio_of(request).shelf.folder(run_id)
    found = [
        {"step": int(path.stem.removeprefix("step-")), "kind": path.suffix[1:]}
        for path in folder.samples()
    ]
    return answer({"format": 1, "samples": found})


def show_sample(request: Request, run_id: str, step: int) -> Response:
    """The sample of a step: a picture, or text."""
    for path in studio_of(request).shelf.folder(run_id).samples():
        if path.stem == f"step-{step:06d}":
            with storage_errors(path), path.open("rb") as file:
                content = file.read(MOST_SAMPLE_BYTES + 1)
            if len(content) > MOST_SAMPLE_BYTES:
                raise Refused(409, "too_large", N_("this sample is too large to be shown"))
            return Response(content, headers={"Content-Type": SAMPLE_TYPES[path.suffix]})
    raise Refused(404, "unknown_sample", N_("no sample was drawn at this step"))


async def show_events(request: Request, run_id: str, after: str | None = None) -> Response:
    """What a run tells while it trains, as server-sent events.

    Each has the place after it as its id; ``after``, or the header ``Last-Event-ID`` of a browser that comes again,
    is the place to go on from. The stream ends with ``end`` when the run rests.
    """
    app = studio_of(request)
    folder = await asyncio.to_thread(app.shelf.folder, run_id)
    if app.num_streams >= MOST_STREAMS:
        raise Refused(
            429,
            "busy",
            N_("too many pages follow runs at once"),
            hint=N_("close some, or look again in a while"),
            headers={"Retry-After": "5"},
        )
    place = Place.read(request.headers.get("last-event-id", after))
    found = events(
        Log(folder, place),
        lambda: app.shelf.is_at_work(run_id, folder.path),
        language_of(request),
        lambda: app.is_closing,
    )
    return _Followed(app, found)


class _Followed(StreamingResponse):
    """A stream that is counted until it ends, even where its client left before it began.

    Args:
        app: whose stream it is.
        content: of it.
    """

    def __init__(self, app: Studio, content: AsyncIterator[str]) -> None:
        headers = {"X-Accel-Buffering": "no"}
        super().__init__(content, media_type="text/event-stream", headers=headers)
        self._app = app
        app.num_streams += 1  # at once: others ask before the first event is sent

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._app.num_streams -= 1
