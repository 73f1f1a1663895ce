"""``olaria explain``."""

from __future__ import annotations

from olaria.cli.shell import Shell
from olaria.cli.verb import Verb
from olaria.i18n import N_
from olaria.workflows.explain import Explained, ExplainRequest, Lessons, explain


def _do(shell: Shell, request: ExplainRequest) -> Explained | Lessons:
    shell.use_threads()
    return explain(request, language=shell.language, offline=shell.offline)


def _show(shell: Shell, found: Explained | Lessons) -> None:
    if isinstance(found, Lessons):
        _list(shell)
    else:
        _tell(shell, found)


def _list(shell: Shell) -> None:
    from olaria.lessons import LESSONS

    shell.table(
        (shell.text(N_("lesson")), shell.text(N_("what it opens up")), shell.text(N_("a run of"))),
        [
            (name, shell.words(lesson.title), lesson.preset if lesson.needs_run else "–")
            for name, lesson in LESSONS.items()
        ],
    )


def _tell(shell: Shell, found: Explained) -> None:
    checks = found.checks
    facts = [
        (N_("steps"), shell.number(len(found.steps))),
        (N_("checks"), shell.number(len(checks))),
        (N_("numbers checked"), shell.number(sum(check.count for check in checks))),
        (
            N_("largest difference"),
            shell.tiny(max((check.difference for check in checks), default=0.0)),
        ),
    ]
    shell.facts([(shell.text(name), value) for name, value in facts])
    for step in found.steps:
        for check in step.checks:
            if not check.holds:
                shell.notice(
                    shell.text(
                        N_("olaria: error: a check does not hold in step “{step}”: {text}"),
                        step=step.title,
                        text=check.text,
                    )
                )
    assert found.path is not None
    shell.path(found.path)


VERB = Verb(ExplainRequest, _do, _show)
