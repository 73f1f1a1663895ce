"""Figures that are pinned to the report."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request, Response

from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting
from olaria.web.routing import answer, json_body, studio_of, taken

TEXT = {"type": "string"}
ROW = {"type": "array", "items": {"type": ["string", "number", "null"]}}
PIN = {
    "type": "object",
    "required": ["picture"],
    "properties": {
        "picture": {**TEXT, "contentEncoding": "base64", "contentMediaType": "image/png"},
        "caption": TEXT,
        "command": TEXT,
        "address": TEXT,
        "table": {"type": "array", "items": ROW},
    },
}
CAPTION = {"type": "object", "required": ["caption"], "properties": {"caption": TEXT}}


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/figures")(show_figures)
    app.post("/api/figures", status_code=201, openapi_extra=taken(PIN))(pin)
    app.get("/api/figures/{pin_id}/picture")(show_picture)
    app.post("/api/figures/{pin_id}/caption", openapi_extra=taken(CAPTION))(say)
    app.post("/api/figures/{pin_id}/delete", openapi_extra=taken({}))(remove)


def show_figures(request: Request) -> Response:
    """What was pinned, in the order in which it was."""
    pins = studio_of(request).pins
    return answer({"format": 1, "figures": pins.all()})


def show_picture(request: Request, pin_id: str) -> Response:
    """The picture of one."""
    return Response(studio_of(request).pins.picture(pin_id), media_type="image/png")


async def pin(request: Request) -> Response:
    """Keep a picture for the report, with its caption, what shows it again, and its numbers as rows."""
    values, pins = await json_body(request), studio_of(request).pins
    return answer(await asyncio.to_thread(pins.pin, values), 201)


async def say(request: Request, pin_id: str) -> Response:
    """Change the caption of one."""
    values, pins = await json_body(request), studio_of(request).pins
    caption = values.get("caption")
    if not isinstance(caption, str):
        raise UsageError(
            N_("{path}: {reason}"),
            path=Setting("caption"),
            reason=Message(N_("it must be text")),
        )
    return answer(await asyncio.to_thread(pins.say, pin_id, caption))


async def remove(request: Request, pin_id: str) -> Response:
    """Delete one; the page has asked twice."""
    await json_body(request)
    await asyncio.to_thread(studio_of(request).pins.remove, pin_id)
    return answer({"id": pin_id})
