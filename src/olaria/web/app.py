"""The application: routes, each of which reads what was asked, calls one workflow and shows its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from olaria import __version__
from olaria.errors import OlariaError
from olaria.i18n import N_, Message
from olaria.web.computing import Lane
from olaria.web.drawing import Drawers
from olaria.web.errors import Refused, told
from olaria.web.guard import Guard
from olaria.web.hosts import Hosts
from olaria.web.index import RunIndex
from olaria.web.kept_answers import KeptAnswers
from olaria.web.kept_pages import KeptPages
from olaria.web.pins import Pins
from olaria.web.routes import (
    choices,
    choosing,
    comparing,
    data,
    drawing,
    figures,
    front,
    images,
    live,
    openai,
    pages,
    runs,
    text,
    uploads,
    watching,
)
from olaria.web.routing import answer, language_of, studio_of
from olaria.web.shelf import Shelf
from olaria.web.uploads import Uploads
from olaria.web.workers import Workers

NO_TELEMETRY: TelemetryConfig = {
    "auto_configure": False,
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "exclude": lambda _scope: True,
}
"""FastAPI would send what it sees wherever variables of the environment say; Olaria sends nothing to anybody."""


def create_app(
    home: str | Path,
    token: str,
    *,
    hosts: Hosts | None = None,
    guards_reading: bool = False,
) -> Studio:
    """The studio's application (ASGI).

    Args:
        home: the folder of the runs.
        token: of this start; whatever changes something must bring it.
        hosts: names that are answered; those of this machine alone unless given.
        guards_reading: whether reading needs the token too.
    """
    app = Studio(Path(home).absolute())
    app.add_middleware(Guard, hosts=hosts or Hosts(), token=token, guards_reading=guards_reading)
    return app


class Studio(FastAPI):
    """What the routes share.

    Args:
        home: the folder of the runs.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(
            title="Olaria",
            version=__version__,
            openapi_url="/api/openapi.json",
            docs_url=None,  # its page would come from another host
            redoc_url=None,
            redirect_slashes=False,
            telemetry=NO_TELEMETRY,
        )
        self.home = home
        self.shelf = Shelf(RunIndex(home), Workers(home))
        self.forecasts = Lane(home, limit_s=60)
        self.pages = Lane(home, limit_s=600)
        self.fetching = Lane(home, limit_s=6 * 3600)
        self.playing = Lane(home, limit_s=120, most_waiting=8)
        self.looking = Lane(home, limit_s=120, most_waiting=8)
        self.answers = KeptAnswers()
        self.kept, self.lessons = KeptPages(), dict[str, Any]()
        self.pins, self.uploads = Pins(home), Uploads(home)
        self.describing = Lane(home, limit_s=300)
        self.drawers = Drawers(home)
        self.num_streams = 0
        self.is_closing = False
        self.add_exception_handler(OlariaError, _failed)
        self.add_exception_handler(HTTPException, _no_route)
        self.add_exception_handler(RequestValidationError, _wrong_value)
        _add_routes(self)


# -- errors ----------------------------------------------------------------------------------------


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, OlariaError)
    found = answer(*told(error, request.url.path, language_of(request)))
    found.headers["Content-Language"] = language_of(request)
    if isinstance(error, Refused):
        found.headers.update(error.headers)
    return found


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        refused = Refused(
            405,
            "wrong_method",
            N_("this address does not take {method}"),
            method=request.method[:20],
            headers=error.headers or {},
        )
    else:
        refused = Refused(error.status_code, "not_found", N_("there is nothing at this address"))
    return await _failed(request, refused)


async def _wrong_value(request: Request, error: Exception) -> Response:
    """What FastAPI refuses of an address, in our words."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    about, name = first.get("ctx", {}), str(first["loc"][-1])
    if "ge" in about or "le" in about:
        bound = (
            N_("it must be at least {limit}") if "ge" in about else N_("it must be at most {limit}")
        )
        reason = Message(bound, {"limit": about.get("ge", about.get("le"))})
    elif "expected" in about:
        reason = Message(N_("it must be one of {limit}"), {"limit": str(about["expected"])})
    else:
        reason = Message(N_("it must be a whole number"))
    fields: dict[str, Any] = {"path": name, "value": str(first.get("input"))[:80], "reason": reason}
    refused = Refused(422, "usage", N_("{path} cannot be {value}: {reason}"), field=name, **fields)
    return await _failed(request, refused)


# -- routes ----------------------------------------------------------------------------------------


def _add_routes(app: FastAPI) -> None:
    app.get("/health")(health)
    for part in (
        front,
        choosing,
        runs,
        watching,
        comparing,
        drawing,
        openai,
        pages,
        data,
        live,
        images,
        text,
        uploads,
        figures,
        choices,
    ):
        part.add(app)


async def health(request: Request) -> Response:
    """Whether the studio lives, and how much is being drawn."""
    drawing = studio_of(request).drawers.facts()
    return answer({"status": "ok", "version": __version__, "drawing": drawing})
