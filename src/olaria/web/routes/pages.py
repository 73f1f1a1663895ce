"""Lessons and reports of runs: made in a process of their own, kept under addresses that nobody can guess."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from olaria.i18n import N_
from olaria.web import asking
from olaria.web.errors import Refused
from olaria.web.kept_pages import forget
from olaria.web.routing import answer, json_body, language_of, studio_of, taken, unless_left
from olaria.workflows.explain import ExplainRequest
from olaria.workflows.report import ReportRequest

IDS = {"type": "array", "items": {"type": "string"}, "maxItems": asking.MOST_BESIDE}


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/lessons")(show_lessons)
    for name, function, request, names in (
        ("explain", explain, ExplainRequest, asking.OF_A_LESSON),
        ("report", report, ReportRequest, asking.OF_A_REPORT),
    ):
        schema = asking.part_of_schema(request, names)
        schema["properties"]["beside"] = IDS
        app.post(f"/api/runs/{{run_id}}/{name}", status_code=201, openapi_extra=taken(schema))(
            function
        )
    app.get("/pages/{key}", include_in_schema=False)(show_page)
    app.get("/pages/{key}/{name}", include_in_schema=False)(show_file)


async def show_lessons(request: Request) -> Response:
    """The lessons: what each opens up, and runs of which families it needs."""
    app, language = studio_of(request), language_of(request)
    if language not in app.lessons:
        app.lessons[language] = await unless_left(request, app.pages.of("lessons", {}, language))
    return answer(app.lessons[language])


async def explain(request: Request, run_id: str) -> Response:
    """Compute a lesson from a run; ``page`` is its address, to be shown in a sandboxed frame."""
    values = await json_body(request)
    if values.get("lesson") is None:
        raise Refused(422, "usage", N_("say which lesson"), field="lesson")
    return await _made(request, run_id, "explain", values, "lesson.html")


async def report(request: Request, run_id: str) -> Response:
    """Write a run up, and those of ``beside`` with it; ``file`` is where to download it."""
    values = await json_body(request)
    kind = values.get("format") or "html"
    return await _made(request, run_id, "report", values, f"report.{kind}")


async def _made(
    request: Request, run_id: str, job: str, values: dict[str, Any], name: str
) -> Response:
    app, language = studio_of(request), language_of(request)
    is_lesson = job == "explain"
    asked = ExplainRequest if is_lesson else ReportRequest
    names = asking.OF_A_LESSON if is_lesson else asking.OF_A_REPORT
    settings = await asyncio.to_thread(asking.page, values, asked, names, run_id, app.shelf.index)
    folder = app.kept.place()
    try:
        settings["out"] = str(folder / name)
        found = await unless_left(request, app.pages.of(job, settings, language))
        key = app.kept.keep(Path(found.pop("path")), folder)
    except BaseException:
        forget(folder)
        raise
    kept = app.kept.page(key)
    page = f"pages/{key}" if kept.path.suffix == ".html" else None
    return answer({**found, "page": page, "file": f"pages/{key}/{kept.path.name}"}, 201)


def show_page(request: Request, key: str) -> Response:
    """A page that was made, for a frame: its scripts are those that it names itself, and it is of no origin."""
    kept = studio_of(request).kept.page(key)
    if kept.path.suffix != ".html":
        return show_file(request, key, kept.path.name)
    content = kept.content()
    headers = {
        "Content-Security-Policy": kept.policy(content),
        "X-Frame-Options": "SAMEORIGIN",
        "Content-Type": kept.kind,
    }
    return Response(content, headers=headers)


def show_file(request: Request, key: str, name: str) -> Response:
    """The same to download."""
    kept = studio_of(request).kept.page(key)
    if name != kept.path.name:
        raise Refused(404, "unknown_page", N_("there is nothing at this address"))
    headers = {
        "Content-Disposition": f'attachment; filename="{kept.path.name}"',
        "Content-Type": kept.kind,
    }
    return Response(kept.content(), headers=headers)
