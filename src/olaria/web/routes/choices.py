"""What a run was made of, as the page asks for another one: to be changed and trained anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from olaria.data import DATASETS
from olaria.i18n import N_, translate
from olaria.recipes.compared import as_setting, differences
from olaria.web.routing import answer, language_of, studio_of

NOT_SETTINGS = ("data.name", "training.steps", "training.budget")
"""Of a recipe: they are choices of their own."""


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/runs/{run_id}/choices")(show_choices)


def show_choices(request: Request, run_id: str) -> Response:
    """The settings of ``POST /api/runs`` that make a run of the same recipe.

    ``notes`` says what no page can name: data that lie elsewhere on this machine.
    """
    app, language = studio_of(request), language_of(request)
    run = app.shelf.index.run(run_id)
    recipe, notes = run.recipe, list[str]()
    found: dict[str, Any] = {"preset": recipe.preset, "size": recipe.size, "seed": recipe.seed}
    found |= {
        "settings": [
            as_setting(path, value)
            for path, value in differences(recipe).items()
            if path not in NOT_SETTINGS and value is not None
        ]
    }
    ends = {"steps": recipe.training.steps, "budget": recipe.training.budget}
    found |= {name: value for name, value in ends.items() if value is not None}
    data = app.uploads.id_of(recipe.data.name) or recipe.data.name
    if data in DATASETS or data != recipe.data.name:
        found["data"] = data
    else:
        notes.append(translate(N_("this run's own data are no data of the studio"), language))
    if recipe.tuning is not None:
        start = _id_of(app, recipe.tuning.start)
        if start is None or recipe.tuning.checkpoint is not None:
            notes.append(
                translate(N_("this run began from another one, and this one will not"), language)
            )
        else:
            found["start"] = start
    return answer({"format": 1, "choices": found, "notes": notes})


def _id_of(app: Any, start: str) -> str | None:
    """The id of the run that one was tuned from, where it is here."""
    for card in app.shelf.index.cards():
        if app.shelf.index.path(card["id"]) == Path(start):
            return str(card["id"])
    return None
