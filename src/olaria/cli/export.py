"""``olaria export``."""

from __future__ import annotations

from olaria.cli.shell import Shell, one_line
from olaria.cli.verb import Verb, quick
from olaria.workflows.export import ExportRequest, export
from olaria.workflows.requests import Document


def _show(shell: Shell, found: Document) -> None:
    shell.line(one_line(found["path"]))


VERB = Verb(ExportRequest, quick(export), _show)
