"""``olaria reconstruct``."""

from __future__ import annotations

from olaria.cli import metrics
from olaria.cli.shell import Shell
from olaria.cli.verb import Verb, watched
from olaria.i18n import N_
from olaria.workflows.reconstruct import Rebuilt, ReconstructRequest, reconstruct


def _show(shell: Shell, found: Rebuilt) -> None:
    shell.facts(
        [
            (shell.text(N_("images")), shell.number(len(found.errors))),
            *(
                (metrics.title(shell, key), metrics.value(shell, key, number))
                for key, number in (("mse", found.error), ("psnr_db", found.psnr_db))
            ),
        ]
    )
    shell.line()
    assert found.picture is not None
    shell.path(found.picture)


VERB = Verb(ReconstructRequest, watched(reconstruct), _show)
