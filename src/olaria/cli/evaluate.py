"""``olaria eval``."""

from __future__ import annotations

import sys

from olaria.cli.shell import Shell, is_terminal
from olaria.cli.verb import Verb
from olaria.i18n import N_
from olaria.workflows.evaluate import EvaluateRequest, Evaluation, evaluate


def _do(shell: Shell, request: EvaluateRequest) -> Evaluation:
    from olaria.cli.progress import display

    shell.use_threads()
    if is_terminal(sys.stderr):
        shell.notice(
            shell.text(N_("measuring {run}; this may take a minute"), run=str(request.run))
        )
    with display(shell) as shown:
        return evaluate(request, offline=shell.offline, progress=shown.downloaded)


def _show(shell: Shell, found: Evaluation) -> None:
    rows = [
        (name, shell.metric(name, found.metrics[name]), _reason(shell, found, name))
        for name in found.chosen or found.metrics
    ]
    headings = (shell.text(N_("metric")), shell.text(N_("value")), "")
    shell.table(headings, rows, "<>")
    shell.line()
    shell.line(shell.text(N_("how it was measured:")))
    shell.facts([(f"  {name}", shell.exact(value)) for name, value in found.protocol.items()])


def _reason(shell: Shell, found: Evaluation, name: str) -> str:
    return shell.words(found.reasons[name]) if name in found.reasons else ""


VERB = Verb(EvaluateRequest, _do, _show)
