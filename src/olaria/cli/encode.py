"""``olaria encode``."""

from __future__ import annotations

from olaria.cli import metrics
from olaria.cli.shell import Shell
from olaria.cli.verb import Verb, watched
from olaria.i18n import N_
from olaria.workflows.encode import Encoded, EncodeRequest, encode


def _show(shell: Shell, found: Encoded) -> None:
    facts = [
        (N_("images"), shell.number(len(found.codes))),
        (N_("numbers in a code"), shell.number(found.codes.shape[1])),
    ]
    shell.facts([(shell.text(name), value) for name, value in facts])
    own = [key for key, value in found.quality.items() if value is not None and "pca_" not in key]
    if own:
        headings = ("", N_("codes"), N_("principal components"))
        rows = [
            (
                metrics.title(shell, key),
                metrics.value(shell, key, found.quality[key]),
                metrics.value(shell, f"pca_{key}", found.quality[f"pca_{key}"]),
            )
            for key in own
        ]
        shell.line()
        shell.table([shell.text(name) if name else "" for name in headings], rows, "<>>")
    shell.line()
    for file in found.files:
        shell.path(file)


VERB = Verb(EncodeRequest, watched(encode), _show)
