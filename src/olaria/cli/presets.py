"""``olaria presets``."""

from __future__ import annotations

from olaria.cli.shell import Shell
from olaria.cli.verb import Verb, quick
from olaria.i18n import N_, translate
from olaria.workflows.presets import PresetsRequest, list_presets
from olaria.workflows.requests import Document


def _show(shell: Shell, found: Document) -> None:
    headings = [
        shell.text(name) for name in (N_("preset"), N_("data"), N_("time"), N_("what it is"))
    ]
    rows = [
        (p["name"], p["data"], shell.duration(p["budget_s"]), translate(p["title"], shell.language))
        for p in found["presets"]
    ]
    shell.table(headings, rows, "<<><")


VERB = Verb(PresetsRequest, quick(list_presets), _show)
