"""Runs side by side."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response

from olaria.cards.comparison import settings_apart
from olaria.evaluation import METRICS
from olaria.i18n import N_, translate
from olaria.web.curves import label_of, unit_of
from olaria.web.errors import Refused
from olaria.web.routing import answer, language_of, studio_of
from olaria.workflows.runs import CompareRequest, compare

MOST_COMPARED = 50
Ids = Annotated[list[str], Query(default_factory=list)]


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/compare")(show_comparison)


async def show_comparison(request: Request, runs: Ids) -> Response:
    """Runs by what measured them: a rank only within one protocol; seeds of one recipe together.

    Each row has the ``id`` of its run; ``labels`` says what each metric is called. ``settings`` has those of the
    recipes that differ, by dotted path, with a value for each row.
    """
    app, language = studio_of(request), language_of(request)
    ids = list(dict.fromkeys(runs))
    if not 0 < len(ids) <= MOST_COMPARED:
        raise Refused(
            422,
            "usage",
            N_("name 1 to {limit} runs by their ids"),
            field="runs",
            limit=MOST_COMPARED,
        )

    def compared() -> dict[str, Any]:
        paths = [app.shelf.index.run(one).path for one in ids]
        names: dict[str, list[str]] = {}
        for run_id in ids:
            names.setdefault(app.shelf.index.card(run_id)["name"], []).append(run_id)
        side_by_side = compare(CompareRequest(runs=tuple(map(str, paths))))
        found = side_by_side.to_json()
        rows = [{**row, "id": names[row["name"]].pop(0)} for row in found["runs"]]
        metrics = dict.fromkeys(name for row in rows for name in row["metrics"])
        labels = {name: _label(name, language) for name in metrics}
        apart = settings_apart([row for group in side_by_side.groups for row in group.rows])
        return {**found, "runs": rows, "labels": labels, "settings": apart}

    return answer(await asyncio.to_thread(compared))


def _label(metric: str, language: str) -> dict[str, str]:
    better = METRICS[metric].better if metric in METRICS else ""
    unit = translate(unit_of(metric), language)
    return {"label": label_of(metric, language), "unit": unit, "better": better}
