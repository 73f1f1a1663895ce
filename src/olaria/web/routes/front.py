"""The page, its files and its words."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from olaria.i18n import N_
from olaria.web.errors import Refused
from olaria.web.files import page, policy, static, version
from olaria.web.routing import answer, language_of
from olaria.web.words import words_of


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/", include_in_schema=False)(show_page)
    app.get("/static/{mark}/{name:path}", include_in_schema=False)(show_static)
    app.get("/api/words")(show_words)


def show_page(request: Request) -> Response:
    """The page."""
    headers = {"Content-Security-Policy": policy(), "Content-Language": language_of(request)}
    return Response(page(language_of(request)), media_type="text/html", headers=headers)


def show_static(mark: str, name: str) -> Response:
    """A script or a style of the page; the address changes with the content, so that it is kept for good."""
    if mark != version() or name not in static():
        raise Refused(404, "not_found", N_("there is nothing at this address"))
    content, kind = static()[name]
    headers = {"Content-Type": kind, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content, headers=headers)


def show_words(request: Request) -> Response:
    """What the page says, in the reader's language."""
    return answer(words_of(language_of(request)))
