"""``olaria eval``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from olaria.cli.options import Checkpoint, Json, RunName
from olaria.cli.shell import Shell, is_terminal
from olaria.i18n import N_

HELP = N_("Measure a run on what it has not seen.")


def evaluate(
    ctx: typer.Context,
    run: RunName,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar=N_("NAME"),
            help=N_("only this metric; may be repeated; all unless given"),
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help=N_("also what takes long: the corrected likelihood of a VAE")),
    ] = False,
    checkpoint: Checkpoint = None,
    as_json: Json = False,
) -> None:
    """Measure, store as evaluation.json, and show."""
    shell: Shell = ctx.obj

    from olaria.cli.progress import display
    from olaria.workflows import evaluate as workflow

    shell.use_threads()
    if is_terminal(sys.stderr):
        shell.notice(shell.text(N_("measuring {run}; this may take a minute"), run=run))
    with display(shell) as shown:
        found = workflow.evaluate(
            run,
            metrics=metrics or (),
            effort=workflow.effort_of(full=full),
            checkpoint=checkpoint,
            offline=shell.offline,
            progress=shown.downloaded,
        )
    if as_json:
        shell.json(found)
        return
    reasons = {name: shell.words(reason) for name, reason in found["reasons"].items()}
    rows = [
        (name, shell.metric(name, value), reasons.get(name, ""))
        for name, value in found["metrics"].items()
    ]
    headings = (shell.text(N_("metric")), shell.text(N_("value")), "")
    shell.table(headings, rows, "<>")
    shell.line()
    shell.line(shell.text(N_("how it was measured:")))
    shell.facts([(f"  {name}", shell.exact(value)) for name, value in found["protocol"].items()])
