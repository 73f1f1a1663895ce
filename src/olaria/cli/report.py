"""``olaria report``."""

from __future__ import annotations

from typing import Annotated

import typer

from olaria.cli.options import Json, RunNames
from olaria.cli.shell import Shell
from olaria.i18n import N_

HELP = N_("Write runs up as one self-contained page, to read or to hand in.")


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
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar=N_("FILE"),
            help=N_("report.html in the first run's folder unless given"),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the report and print its path."""
    shell: Shell = ctx.obj

    from olaria.workflows import report as workflow

    shell.use_threads()
    path = workflow.report(
        runs,
        language=shell.language,
        out=out,
        title=title,
        authors=author,
        course=course,
        offline=shell.offline,
    )
    if as_json:
        shell.json({"format": 1, "path": str(path), "language": shell.language})
    else:
        shell.path(path)
