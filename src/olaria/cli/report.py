"""``olaria report``."""

from __future__ import annotations

from olaria.cli.shell import Shell
from olaria.cli.verb import Verb
from olaria.workflows.report import Report, ReportRequest, report


def _do(shell: Shell, request: ReportRequest) -> Report:
    shell.use_threads()
    return report(
        request,
        language=shell.language if shell.chose_language else None,
        spoken=shell.language,
        notify=lambda message: shell.notice(shell.words(message)),
        offline=shell.offline,
    )


def _show(shell: Shell, found: Report) -> None:
    shell.path(found.path)


VERB = Verb(ReportRequest, _do, _show)
