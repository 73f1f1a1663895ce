"""What every route reads a request with, and answers by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request, Response

from olaria.characters import encodable_json
from olaria.i18n import N_
from olaria.web.errors import Refused

if TYPE_CHECKING:
    from olaria.web.app import Studio


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
