"""Lessons and reports of runs: made in a process of their own, kept under addresses that nobody can guess."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from olaria.characters import encodable_json
from olaria.i18n import N_, command
from olaria.web import asking
from olaria.web.errors import Refused
from olaria.web.kept_pages import forget
from olaria.web.routing import answer, json_body, language_of, studio_of, taken, unless_left
from olaria.workflows.explain import ExplainRequest
from olaria.workflows.report import ReportRequest

if TYPE_CHECKING:
    from olaria.web.app import Studio

CONCLUSION = "conclusion.md"

IDS = {"type": "array", "items": {"type": "string"}, "maxItems": asking.MOST_BESIDE}
OF_THE_PAGE = {
    "conclusion": {"type": "string", "description": "in Markdown"},
    "figures": {
        "type": "array",
        "items": {"type": "string"},
        "description": "ids of pinned figures, in the order in which they are shown",
    },
}
"""Of a report: what the command line takes as files."""


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/lessons")(show_lessons)
    for name, function, request, names in (
        ("explain", explain, ExplainRequest, asking.OF_A_LESSON),
        ("report", report, ReportRequest, asking.OF_A_REPORT),
    ):
        schema = asking.part_of_schema(request, names)
        schema["properties"]["beside"] = IDS
        if request is ReportRequest:
            schema["properties"] |= OF_THE_PAGE
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
    """Write a run up, and those of ``beside`` with it; ``file`` is where to download it.

    ``command`` is the same in the terminal; a conclusion stands there as a file of that name.
    """
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
    given = dict(values)
    own = {} if is_lesson else asking.of_the_page(given, app.pins)
    settings = await asyncio.to_thread(asking.page, given, asked, names, run_id, app.shelf.index)
    runs = [run_id, *(given.get("beside") or ())]
    mark = await asyncio.to_thread(_mark, app, runs, settings, language) if is_lesson else ""
    if is_lesson and (known := app.kept.known(mark)) is not None:
        return answer(known, 201)
    told: dict[str, Any] = {} if is_lesson else {"command": _command(settings, own)}
    folder = app.kept.place()
    try:
        settings |= {**own, "out": str(folder / name)}
        told |= await unless_left(request, app.pages.of(job, settings, language))
        key = app.kept.keep(Path(told.pop("path")), folder)
    except BaseException:
        forget(folder)
        raise
    file = app.kept.page(key).path
    told["page"] = f"pages/{key}" if file.suffix == ".html" else None
    told["file"] = f"pages/{key}/{file.name}"
    if is_lesson:
        app.kept.know(mark, key, told)
    return answer(told, 201)


def _mark(app: Studio, runs: list[str], settings: dict[str, Any], language: str) -> str:
    """What a lesson is made of; it changes where one of its runs does."""
    changed = [app.shelf.index.card(one)["changed"] for one in runs]
    return encodable_json([settings, changed, language], sort_keys=True)


def _command(settings: dict[str, Any], own: dict[str, Any]) -> str:
    """The same report in the terminal."""
    files = {"figures": own.get("figures", ())}
    if own.get("conclusion"):
        files["conclusion"] = CONCLUSION
    shown = ReportRequest.from_json({**settings, **files})
    return command("report", options=shown.to_words())


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
