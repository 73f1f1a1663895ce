"""``olaria export``."""

from __future__ import annotations

from olaria.cli.shell import Shell, one_line
from olaria.cli.verb import Verb
from olaria.workflows.export import ExportRequest, export
from olaria.workflows.requests import Document


def _do(shell: Shell, request: ExportRequest) -> Document:
    return export(request, language=shell.language)


def _show(shell: Shell, found: Document) -> None:
    shell.line(one_line(found["path"]))


VERB = Verb(ExportRequest, _do, _show)
