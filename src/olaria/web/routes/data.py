"""The data sets: which there are, bringing one, and checking those that are here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import StreamingResponse

from olaria.errors import OlariaError
from olaria.i18n import translate
from olaria.web.errors import body_of
from olaria.web.routes.drawing import event
from olaria.web.routing import answer, json_body, language_of, studio_of, taken, unless_left
from olaria.workflows.data import known, list_datasets


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/data")(show_data)
    app.post("/api/data/{name}/get", openapi_extra=taken({}))(get)
    app.post("/api/data/verify", openapi_extra=taken({}))(verify)


def show_data(request: Request) -> Response:
    """Every data set that has a name, and whether it is here."""
    language, found = language_of(request), list_datasets()
    said = ("title", "licence")
    rows = [
        {**row, **{name: translate(row[name], language) for name in said}}
        for row in found["data_sets"]
    ]
    return answer({"format": 1, "data_sets": rows})


async def get(request: Request, name: str) -> Response:
    """Bring a data set into the cache, as server-sent events: ``progress``, then ``done`` or ``failed``.

    Who leaves ends it; nothing half remains.
    """
    await json_body(request)
    known(name)
    language = language_of(request)
    lane = studio_of(request).fetching
    lane.check_room()
    stream = lane.told("get", {"name": [name]}, language)

    async def told() -> AsyncIterator[str]:
        try:
            async with aclosing(stream):
                async for found in stream:
                    yield _told(found)
        except OlariaError as error:
            yield event("failed", body_of(error, language))

    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(told(), media_type="text/event-stream", headers=headers)


def _told(found: dict[str, Any]) -> str:
    return (
        event("progress", found["progress"])
        if "progress" in found
        else event("done", found["answer"])
    )


async def verify(request: Request) -> Response:
    """Check the content of every file that is here; ``wrong`` ones are fetched again when they are needed."""
    await json_body(request)
    work = studio_of(request).fetching.of("verify", {}, language_of(request))
    return answer(await unless_left(request, work))
