"""``olaria eval``."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from olaria.cli import metrics
from olaria.cli.shell import Shell, is_terminal, one_line
from olaria.cli.verb import Verb
from olaria.errors import OlariaError
from olaria.i18n import N_
from olaria.workflows.evaluate import EvaluateRequest, Evaluation, evaluate

if TYPE_CHECKING:
    from olaria.training.team import Team

_ENDED = N_("process {rank} was ended by signal {number}; measure again")


def _do(shell: Shell, request: EvaluateRequest) -> Evaluation:
    from olaria.cli.progress import display
    from olaria.cli.together import together
    from olaria.training.threads import saying

    measure = partial(evaluate, request, offline=shell.offline)

    def follow(team: Team) -> None:
        with suppress(OlariaError):  # the first one, which does the same, says so
            measure(team=team)

    with saying(request.threads):
        if together(shell, request.nproc, follow, _ENDED):
            raise typer.Exit
        shell.use_threads()
        if is_terminal(sys.stderr):
            shell.notice(
                shell.text(N_("measuring {run}; this may take a minute"), run=str(request.run))
            )
        with display(shell) as shown:
            return measure(progress=shown.downloaded, team=shell.team)


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
