"""``olaria explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from olaria.cli import options
from olaria.cli.options import Json, Overwrite, Seed
from olaria.cli.shell import Shell
from olaria.i18n import N_

if TYPE_CHECKING:
    from olaria.workflows.explain import Explained

HELP = N_("Open a run up: a lesson computed from your own model, every number of it checked.")
LESSONS = (
    "autoencoder",
    "kl",
    "vae",
    "gan",
    "tokens",
    "bigram",
    "averaging",
    "attention",
    "gpt",
    "encoder-decoder",
    "fine-tuning",
)
"""Ids, in the order in which they are learnt; the table itself would load torch."""


def explain(
    ctx: typer.Context,
    lesson: Annotated[
        str | None,
        typer.Argument(metavar=N_("[LESSON]"), help=N_("which one; a list of them unless given")),
    ] = None,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=N_("[RUN...]"),
            help=N_("the run to open up, and others to set beside it"),
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt",
            metavar=N_("TEXT"),
            help=N_("your own sentence, for lessons of language"),
        ),
    ] = None,
    seed: Seed = "0",
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar=N_("FILE"), help=N_("where the page goes; a free name unless given")
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Compute a lesson and write its page, or list the lessons."""
    shell: Shell = ctx.obj
    options.check_overwrite(overwrite, out)

    if lesson is None:
        _list(shell, as_json)
        return
    options.one_of("LESSON", lesson, LESSONS)

    from olaria.storage.files import refuse_overwriting
    from olaria.workflows.explain import explain as compute

    shell.use_threads()
    if out is not None:
        refuse_overwriting(Path(out), overwrite)
    found = compute(
        lesson,
        runs or (),
        prompt=prompt,
        seed=options.seed_of(seed),
        language=shell.language,
        offline=shell.offline,
    )
    path = found.save(options.free_path(f"olaria-{lesson}", ".html") if out is None else Path(out))
    if as_json:
        shell.json(_document(found, path))
    else:
        _show(shell, found, path)
    if not found.holds:
        raise typer.Exit(1)


def _list(shell: Shell, as_json: bool) -> None:
    from olaria.lessons import LESSONS as lessons

    if as_json:
        rows = [
            {
                "lesson": name,
                "title": lesson.title.text(shell.language),
                "families": list(lesson.families),
                "needs_run": lesson.needs_run,
                "takes_prompt": lesson.takes_prompt,
                "preset": lesson.preset,
            }
            for name, lesson in lessons.items()
        ]
        shell.json({"format": 1, "lessons": rows})
        return
    shell.table(
        (shell.text(N_("lesson")), shell.text(N_("what it opens up")), shell.text(N_("a run of"))),
        [
            (name, shell.words(lesson.title), lesson.preset if lesson.needs_run else "–")
            for name, lesson in lessons.items()
        ],
    )


def _document(found: Explained, path: Path) -> dict[str, object]:
    return {
        "format": 1,
        "lesson": found.lesson,
        "path": str(path),
        "steps": [
            {
                "title": step.title.text(found.language),
                "checks": [
                    {
                        "text": check.text.text(found.language),
                        "count": check.count,
                        "difference": check.difference if check.holds else None,
                        "tolerance": check.tolerance,
                        "holds": check.holds,
                    }
                    for check in step.checks
                ],
            }
            for step in found.steps
        ],
    }


def _show(shell: Shell, found: Explained, path: Path) -> None:
    checks = found.checks
    facts = [
        (N_("steps"), shell.number(len(found.steps))),
        (N_("checks"), shell.number(len(checks))),
        (N_("numbers checked"), shell.number(sum(check.count for check in checks))),
        (
            N_("largest difference"),
            f"{max((check.difference for check in checks), default=0.0):.1e}",
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
    shell.path(path)
