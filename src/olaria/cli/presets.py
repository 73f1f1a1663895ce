"""``olaria presets``."""

from __future__ import annotations

import typer

from olaria.cli.options import Json
from olaria.cli.shell import Shell
from olaria.i18n import N_, translate

HELP = N_("List what can be trained by name.")


def presets(ctx: typer.Context, as_json: Json = False) -> None:
    """List the presets."""
    shell: Shell = ctx.obj

    from olaria.workflows.presets import presets as listing

    listed = listing()
    if as_json:
        shell.json({"format": 1, "presets": listed})
        return
    headings = [
        shell.text(name) for name in (N_("preset"), N_("data"), N_("time"), N_("what it is"))
    ]
    rows = [
        (p["name"], p["data"], shell.duration(p["budget_s"]), translate(p["title"], shell.language))
        for p in listed
    ]
    shell.table(headings, rows, "<<><")
