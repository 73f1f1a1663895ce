"""``olaria tune``."""

from __future__ import annotations

from pathlib import Path

from olaria.cli.presets import typed
from olaria.cli.shell import Shell
from olaria.cli.verb import Verb
from olaria.i18n import N_, Message, command
from olaria.workflows.tune import Tuned, TuneRequest, tune
from olaria.workflows.words import LABELS

MOST_SHOWN = 10
"""Trials that are listed; tune.json has all."""


def _do(shell: Shell, request: TuneRequest) -> Tuned:
    from olaria.cli.progress import display

    shell.use_threads()
    with display(shell) as shown:

        def announce(message: Message) -> None:
            shown.close()
            shell.notice(shell.words(message))

        return tune(
            request,
            language=shell.language,
            offline=shell.offline,
            listeners=[shown],
            progress=shown.downloaded,
            announce=announce,
        )


def _show(shell: Shell, found: Tuned) -> None:
    best = found.best
    assert best is not None
    metric = shell.text(LABELS[found.metric])
    counts = {"done": len(found.ranked), "all": len(found.trials)}
    facts = [
        (N_("study"), str(found.path)),
        (N_("trials"), shell.text(N_("{all}, of which {done} to the end"), **counts)),
        (
            N_("compared by"),
            shell.text(N_("{metric} of the validation split"), metric=metric),
        ),
    ]
    if found.picture is not None:
        facts.append((N_("picture"), str(found.picture)))
    shell.facts([(shell.text(name), value) for name, value in facts])
    shell.line()
    names = list(best.settings)
    rows = [
        (one.run, shell.measure(one.value), *(_typed(one.settings[name]) for name in names))
        for one in found.ranked[:MOST_SHOWN]
    ]
    shell.table([shell.text(N_("run")), metric, *names], rows, "<>" + ">" * len(names))
    if found.importance:
        shell.line()
        shares = [
            (name, f"{shell.number(100 * share)}%") for name, share in found.importance.items()
        ]
        headings = [shell.text(N_("setting")), shell.text(N_("how much it matters"))]
        shell.table(headings, shares, "<>")
    shell.line()
    text = N_("train longer with the best: {command}")
    shell.line(shell.text(text, command=found.command))
    run = str(Path(found.path) / best.run)
    shell.notice(shell.text(N_("next: {steps}"), steps=command("eval", run)))


def _typed(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else typed(value)


VERB = Verb(TuneRequest, _do, _show)
