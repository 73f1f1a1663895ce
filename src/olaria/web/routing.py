"""What every route reads a request with, and answers by."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fastapi import Request, Response

from olaria.characters import encodable_json
from olaria.i18n import N_
from olaria.web.errors import Refused

if TYPE_CHECKING:
    from olaria.web.app import Studio

Found = TypeVar("Found")


def studio_of(request: Request) -> Studio:
    """The application that answers."""
    return cast("Studio", request.app)


def language_of(request: Request) -> str:
    """The reader's language."""
    return str(request.state.language)


def answer(document: Any, status: int = 200) -> Response:
    """A document as JSON; a number that is none is refused, null stands for it."""
    content = encodable_json(document, allow_nan=False)
    return Response(content, status, media_type="application/json")


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent.

    Raises:
        Refused: it is none.
    """
    try:
        value = json.loads(await request.body() or b"{}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refused(400, "bad_json", N_("the content is not a JSON object"))
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def taken(schema: dict[str, Any]) -> dict[str, Any]:
    """Of a route in the OpenAPI: the JSON that it takes; nothing where empty."""
    content = {"application/json": {"schema": schema or {"type": "object", "maxProperties": 0}}}
    return {"requestBody": {"required": True, "content": content}}


async def left(request: Request) -> None:
    """Return when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def unless_left(request: Request, work: Coroutine[Any, Any, Found]) -> Found:
    """What a coroutine gives, which ends where the client leaves.

    Raises:
        Refused: it has left; nobody reads this.
    """
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(left(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise Refused(499, "left", N_("nobody waits for the answer any more"))
    finally:
        for task in (doing, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
