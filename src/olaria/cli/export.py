"""``olaria export``."""

from __future__ import annotations

from typing import Annotated

import typer

from olaria.cli import options
from olaria.cli.options import Checkpoint, Json, RunName
from olaria.cli.shell import Shell
from olaria.errors import UsageError
from olaria.i18n import N_

HELP = N_("Write a run's model in a form that other tools read.")
FORMS = ("huggingface",)


def export(
    ctx: typer.Context,
    run: RunName,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="|".join(FORMS),
            help=N_("which form; huggingface: the folder of a GPT-2 for transformers"),
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar=N_("FOLDER"), help=N_("the folder to make")),
    ] = None,
    checkpoint: Checkpoint = None,
    as_json: Json = False,
) -> None:
    """Export a run."""
    shell: Shell = ctx.obj
    if to is None or out is None:
        raise UsageError(N_("say which form and where: --to huggingface --out FOLDER"))
    options.one_of("--to", to, FORMS)

    from olaria.runs import Run
    from olaria.workflows.export import export_huggingface

    opened = Run(run)
    path = export_huggingface(opened, out, checkpoint=checkpoint)
    if as_json:
        shell.json({"format": 1, "run": opened.name, "form": to, "path": str(path)})
    else:
        shell.path(path)
