"""``olaria sample``."""

from __future__ import annotations

from olaria.cli.shell import Shell
from olaria.cli.verb import Verb
from olaria.i18n import N_, Setting
from olaria.workflows.sample import Drawn, SampleRequest, sample


def _do(shell: Shell, request: SampleRequest) -> Drawn:
    shell.use_threads()
    drawn: Drawn = sample(request, language=shell.language, offline=shell.offline)
    return drawn


def _show(shell: Shell, drawn: Drawn) -> None:
    if drawn.file is not None:
        shell.path(drawn.file)
    else:
        for piece in drawn.stream():
            shell.piece(piece)
    if drawn.seed is not None:
        again = N_("drawn with {seed}, which gives the same again; another number draws anew")
        shell.notice(shell.text(again, seed=Setting("seed", str(drawn.seed))))


VERB = Verb(SampleRequest, _do, _show)
