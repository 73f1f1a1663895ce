"""``olaria detect``."""

from __future__ import annotations

from olaria.cli.shell import Shell, one_line
from olaria.cli.verb import Verb, watched
from olaria.i18n import N_
from olaria.workflows.detect import Detection, DetectRequest, detect


def _show(shell: Shell, found: Detection) -> None:
    strange = found.strange
    words = {True: shell.text(N_("strange")), False: shell.text(N_("normal"))}
    rows = [
        (
            one_line(found.names[i]),
            shell.measure(found.scores[i].item()),
            "" if strange is None else words[bool(strange[i])],
        )
        for i in found.order[: found.request.count]
    ]
    shell.table((shell.text(N_("image")), shell.text(N_("score")), ""), rows, "<>")
    shell.line()
    facts = [(N_("images"), shell.number(len(found.names)))]
    if strange is not None:
        facts += [
            (N_("called strange"), shell.number(int(strange.sum()))),
            (N_("threshold"), shell.measure(found.threshold)),
            (N_("false alarms allowed"), shell.measure(found.request.false_alarms)),
            (N_("normal images it comes from"), shell.number(found.num_calibrated)),
        ]
    facts.append((N_("score"), found.score))
    shell.facts([(shell.text(name), value) for name, value in facts])
    quality = found.quality()
    if quality:
        names = {
            "auroc": N_("AUROC"),
            "aupr": N_("Average precision"),
            "prevalence": N_("share of anomalies"),
            "found": N_("anomalies found"),
            "false_alarms": N_("normal images called strange"),
        }
        shell.line()
        shell.line(shell.text(N_("beside the truth, which is known here:")))
        shell.facts(
            [(f"  {shell.text(names[key])}", shell.measure(v)) for key, v in quality.items()]
        )
    shell.line()
    assert found.picture is not None
    shell.path(found.picture)


VERB = Verb(DetectRequest, watched(detect), _show)
