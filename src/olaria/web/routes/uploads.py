"""The user's own data: brought to the disk piece by piece, looked at as the loaders do, and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from olaria.errors import OlariaError
from olaria.i18n import Message
from olaria.storage.files import free_bytes
from olaria.web.computing import refused
from olaria.web.errors import body_of, status_of
from olaria.web.guard import BYTES
from olaria.web.routing import answer, json_body, language_of, studio_of, taken, unless_left
from olaria.web.uploads import ENDINGS, MOST_BYTES, SPARE_BYTES

FILE = {
    "requestBody": {
        "required": True,
        "content": {BYTES: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/uploads")(show_uploads)
    app.post("/api/uploads", status_code=201, openapi_extra=FILE)(bring)
    app.post("/api/uploads/{upload_id}/delete", openapi_extra=taken({}))(remove)


def show_uploads(request: Request) -> Response:
    """Files of the user's own, what each holds, and how large another may be."""
    app, language = studio_of(request), language_of(request)
    room = max(0, free_bytes(app.home) - SPARE_BYTES)
    return answer(
        {
            "format": 1,
            "most_bytes": min(MOST_BYTES, room),
            "endings": ENDINGS,
            "uploads": [told(one, language) for one in app.uploads.all()],
        }
    )


async def bring(request: Request, name: str = "") -> Response:
    """Take a file in; ``name`` is what the user calls it. The answer says what it holds, and which preset fits.

    Who leaves ends it; a file that cannot be used leaves nothing behind.
    """
    app, language = studio_of(request), language_of(request)
    length = request.headers.get("content-length")

    async def describe(file: Path) -> dict[str, Any]:
        try:
            work = app.describing.of("describe", {"path": str(file)}, language)
            return await unless_left(request, work)
        except OlariaError as error:
            raise _named(error, file, name, language) from None

    size = int(length) if length else None
    found = await app.uploads.bring(name, size, request.stream(), describe)
    return answer(told(found, language), 201)


async def remove(request: Request, upload_id: str) -> Response:
    """Delete one; the page has asked twice."""
    await json_body(request)
    await asyncio.to_thread(studio_of(request).uploads.remove, upload_id)
    return answer({"id": upload_id})


def _named(error: OlariaError, file: Path, label: str, language: str) -> OlariaError:
    """An error that names the file as its owner does, and no folder of this machine."""
    said = body_of(error, language)
    for place in (str(file), file.name):
        said = {
            name: text.replace(place, label) if name in ("message", "hint") and text else text
            for name, text in said.items()
        }
    return refused(status_of(error), said)


def told(about: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What is known of a file, in the reader's language."""
    held = dict(about.get("described") or {})
    notes = [one for one in held.pop("notes", None) or () if Message.is_stored(one)]
    fits = dict(held.pop("recommended", None) or {})
    if Message.is_stored(fits.get("reason")):
        fits["reason"] = Message.from_json(fits["reason"]).text(language)
    return {
        "id": about["id"],
        "label": about["label"],
        "size_bytes": about["size_bytes"],
        "added": about["added"],
        "kind": held.get("kind"),
        "facts": held.get("facts") or {},
        "notes": [Message.from_json(one).text(language) for one in notes],
        "fits": fits or None,
        "settings": held.get("settings") or [],
    }
