"""What can be trained, by which settings, and what it would take."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request, Response

from olaria.i18n import N_, command, translate
from olaria.vocabulary import Size
from olaria.web import asking
from olaria.web.errors import Refused
from olaria.web.routing import answer, language_of, studio_of, unless_left
from olaria.workflows.presets import list_presets
from olaria.workflows.train import TrainRequest


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/presets")(show_presets)
    app.get("/api/presets/{name}")(show_preset)
    app.get("/api/training")(show_training)
    app.get("/api/forecast")(show_forecast)


def show_presets(request: Request) -> Response:
    """What can be trained by name."""
    language = language_of(request)
    found = list_presets()
    presets = [{**one, "title": translate(one["title"], language)} for one in found["presets"]]
    return answer({**found, "presets": presets})


def show_preset(request: Request, name: str, size: Size | None = None) -> Response:
    """What a preset sets, and what each of its settings means."""
    language = language_of(request)
    found = list_presets(name=name, size=size)
    settings = [
        {**one, "meaning": translate(one["meaning"], language)} for one in found["settings"]
    ]
    return answer({**found, "title": translate(found["title"], language), "settings": settings})


def show_training(request: Request) -> Response:
    """The JSON Schema of what ``POST /api/runs`` takes, its descriptions in the reader's language."""
    return answer(asking.schema(language_of(request)))


async def show_forecast(request: Request) -> Response:
    """What a training would take: settings as in ``POST /api/runs``, each a word of the address, lists repeated."""
    app, language = studio_of(request), language_of(request)
    words: dict[str, list[str]] = {}
    for name, text in request.query_params.multi_items():
        if name != "lang":
            words.setdefault(name, []).append(text)
    values = asking.from_words(TrainRequest, words)
    asked = await asyncio.to_thread(asking.training, values, app.shelf.index, app.uploads)
    if asked.request.is_of_a_run:
        raise Refused(422, "usage", N_("a repeated run takes what it took"), field="replay")

    work = app.forecasts.of("forecast", asking.settings_of(asked.request), language)
    found = await unless_left(request, work)
    return answer({**found, "command": command("train", options=asked.request.to_words())})
