"""``olaria eval``."""

from __future__ import annotations

import sys
from typing import Any

from olaria.cli import metrics
from olaria.cli.shell import Shell, is_terminal, one_line
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
    values = {name: found.metrics[name] for name in found.chosen or found.metrics}
    metrics.show(shell, values, found.reasons)
    show_protocol(shell, found.protocol)


def show_protocol(shell: Shell, protocol: dict[str, Any]) -> None:
    """Write how metrics were measured."""
    from olaria.pages.labels import protocol_rows

    shell.line()
    shell.line(shell.text(N_("how it was measured:")))
    rows = protocol_rows(protocol, shell.language)
    shell.facts([(f"  {one_line(name)}", one_line(value)) for name, value in rows])


VERB = Verb(EvaluateRequest, _do, _show)
