"""Drawing from a run: text, piece by piece or whole, and pictures."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import StreamingResponse

from olaria.characters import encodable_json
from olaria.errors import OlariaError, UsageError
from olaria.i18n import N_, Message, Setting
from olaria.web import asking
from olaria.web.drawing import Drawing
from olaria.web.errors import body_of
from olaria.web.routing import answer, json_body, language_of, studio_of, taken, unless_left


def add(app: FastAPI) -> None:
    """Add the routes."""
    schema = asking.drawing_schema()
    schema["properties"] |= {
        "stream": {"type": "boolean", "default": False},
        "alternatives": {
            "type": "integer",
            "minimum": 0,
            "maximum": asking.MOST_ALTERNATIVES,
            "default": 0,
        },
        "lines": {"type": "boolean", "default": False},
    }
    app.get("/api/drawing")(show_drawing)
    app.post("/api/runs/{run_id}/draw", openapi_extra=taken(schema))(draw)


def show_drawing(request: Request) -> Response:
    """The JSON Schema of what a drawing takes, its descriptions in the reader's language."""
    return answer(asking.drawing_schema(language_of(request)))


async def draw(request: Request, run_id: str) -> Response:
    """Draw from a run: a picture (PNG), or text; with ``stream`` as server-sent events.

    Events are ``begun``, ``piece``, ``done`` and ``failed``. Who leaves stops it. With ``alternatives`` a streamed
    piece has its tokens, each with its probability and that of so many others; with ``lines`` each line of the prompt
    is translated for itself.
    """
    values, app, language = await json_body(request), studio_of(request), language_of(request)
    streams, lines = switched(values, "stream"), switched(values, "lines")
    candidates = values.pop("alternatives", None)
    run = await asyncio.to_thread(app.shelf.index.run, run_id)
    settings = asking.drawing(values, run)
    count = asking.alternatives(candidates, settings["max_tokens"], streams=streams)
    begun = app.drawers.begin(settings, language, alternatives=count, lines=lines)
    drawing = await unless_left(request, begun)
    if drawing.begun["kind"] == "text" and streams:
        shown = asking.drawing_command(settings, run.name, lines=lines)
        return Streamed(drawing, events(drawing, language, shown))
    try:
        return await unless_left(request, _whole(drawing, settings))
    finally:
        drawing.close()


def switched(values: dict[str, Any], name: str) -> bool:
    """Whether a switch is on; it is taken from the values.

    Raises:
        UsageError: it is neither true nor false.
    """
    found = values.pop(name, None)
    if found is None or isinstance(found, bool):
        return bool(found)
    raise UsageError(
        N_("{path} cannot be {value}: {reason}"),
        path=Setting(name),
        value=str(found)[:80],
        reason=Message(N_("it must be true or false")),
    )


async def _whole(drawing: Drawing, settings: dict[str, Any]) -> Response:
    pieces, picture = list[str](), None
    done: dict[str, Any] = {}
    async for message in drawing.messages():
        pieces.append(message.get("piece", ""))
        picture = message.get("picture", picture)
        done = message.get("done", done)
    if picture is not None:
        return Response(base64.b64decode(picture), media_type="image/png")
    counts = {"prompt_tokens": drawing.begun["prompt_tokens"], **done}
    text = {"format": 1, "prompt": settings["prompt"] or "", "text": "".join(pieces)}
    return answer({**text, **counts})


async def events(drawing: Drawing, language: str, command: str) -> AsyncIterator[str]:
    """A drawing as server-sent events."""
    yield event("begun", {"prompt_tokens": drawing.begun["prompt_tokens"], "command": command})
    try:
        async for message in drawing.messages():
            if "piece" in message:
                tokens = {"tokens": message["tokens"]} if "tokens" in message else {}
                yield event("piece", {"text": message["piece"], **tokens})
            elif "done" in message:
                yield event("done", {**drawing.begun, **message["done"]})
    except OlariaError as error:
        yield event("failed", body_of(error, language))


def event(kind: str, data: Any) -> str:
    """One of them."""
    return f"event: {kind}\ndata: {encodable_json(data)}\n\n"


class Streamed(StreamingResponse):
    """A drawing that is sent as it comes; it is stopped where the client leaves, even before the first piece.

    Args:
        drawing: that is sent.
        content: what is sent of it.
    """

    def __init__(self, drawing: Drawing, content: AsyncIterator[str]) -> None:
        headers = {"X-Accel-Buffering": "no"}
        super().__init__(content, media_type="text/event-stream", headers=headers)
        self._drawing = drawing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._drawing.close()
