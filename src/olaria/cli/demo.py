"""``olaria demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from olaria.cli import options
from olaria.cli.options import Json, Seed
from olaria.cli.shell import Shell
from olaria.i18n import N_, Message

HELP = N_("Run the whole practice on real data, from download to report.")


def demo(
    ctx: typer.Context,
    budget: Annotated[
        str,
        typer.Option(
            "--budget", metavar=N_("TIME"), help=N_("of training; measuring comes on top")
        ),
    ] = "5m",
    seed: Seed = "0",
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar=N_("FOLDER"),
            help=N_("of the runs and the report; a free name unless given"),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the practice and print the report's path."""
    shell: Shell = ctx.obj
    budget_s = options.seconds("--budget", budget)
    assert budget_s is not None
    number = options.seed_of(seed)

    from olaria.cli.progress import display
    from olaria.workflows import demo as workflow

    shell.use_threads()
    with display(shell) as shown:

        def announce(message: Message) -> None:
            shown.close()
            shell.notice(shell.words(message))

        path = workflow.demo(
            budget=budget_s,
            language=shell.language,
            out=out,
            offline=shell.offline,
            seed=number,
            listeners=[shown],
            progress=shown.downloaded,
            announce=announce,
        )
    if as_json:
        shell.json({"format": 1, "path": str(path), "language": shell.language})
    else:
        shell.path(path)
