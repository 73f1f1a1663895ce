"""``olaria report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from olaria.cli import options
from olaria.cli.explain import LESSONS
from olaria.cli.options import Json, RunNames
from olaria.cli.shell import Shell
from olaria.i18n import N_

HELP = N_("Write runs up as one self-contained page, to read or to hand in.")
FORMATS = ("html", "pdf", "md")


def report(
    ctx: typer.Context,
    runs: RunNames,
    author: Annotated[
        str, typer.Option("--author", metavar=N_("TEXT"), help=N_("who hands it in"))
    ] = "",
    course: Annotated[
        str, typer.Option("--course", metavar=N_("TEXT"), help=N_("for which course"))
    ] = "",
    title: Annotated[str, typer.Option("--title", metavar=N_("TEXT"), help=N_("its heading"))] = "",
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            help=N_("by the ending of --out unless given, else html"),
        ),
    ] = None,
    lessons: Annotated[
        str | None,
        typer.Option(
            "--lessons",
            metavar=N_("NAMES"),
            help=N_("lessons whose figures it carries, with commas: kl,attention"),
        ),
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option(
            "--settings",
            metavar=N_("FILE"),
            help=N_(
                "title, author, activities, conclusion, …; report.toml of the working folder, where there is one, "
                "unless given"
            ),
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar=N_("FILE"),
            help=N_("report.html (.pdf, .md) in the first run's folder unless given"),
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write the report and print its path."""
    shell: Shell = ctx.obj
    options.check_overwrite(overwrite, out)
    options.one_of("--format", format, FORMATS)
    names = [] if lessons is None else [name.strip() for name in lessons.split(",")]
    for name in names:
        options.one_of("--lessons", name, LESSONS)

    from olaria.cards.settings import SETTINGS_FILE, ReportSettings, read_settings

    if settings is None and Path(SETTINGS_FILE).is_file():
        settings = SETTINGS_FILE
        shell.notice(shell.text(N_("reading {path} of this folder"), path=SETTINGS_FILE))
    said = ReportSettings() if settings is None else read_settings(settings)
    language = shell.language if shell.chose_language else said.language or shell.language

    from olaria.workflows import report as workflow

    shell.use_threads()
    path = workflow.report(
        runs,
        language=language,
        out=out,
        format=workflow.format_of(format, out),
        settings=said,
        lessons=names,
        title=title,
        authors=author,
        course=course,
        overwrite=overwrite,
        offline=shell.offline,
    )
    if as_json:
        shell.json({"format": 1, "path": str(path), "language": language})
    else:
        shell.path(path)
