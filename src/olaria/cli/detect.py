"""``olaria detect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from olaria.cli import options
from olaria.cli.options import (
    Checkpoint,
    Gray,
    Json,
    LookedAt,
    Overwrite,
    PictureOut,
    Resize,
    RunName,
)
from olaria.cli.shell import Shell, one_line
from olaria.i18n import N_

if TYPE_CHECKING:
    from olaria.workflows.detect import Detection

HELP = N_("Find the images that are strange to a run.")
SCORES = ("error", "code", "rebuilt", "joint")


def detect(
    ctx: typer.Context,
    run: RunName,
    data: LookedAt = None,
    count: Annotated[
        str | None,
        typer.Option("-n", metavar="N", help=N_("how many to show; 12 unless given")),
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(
            "--score",
            metavar="|".join(SCORES),
            help=N_("how strangeness is measured; code unless given"),
        ),
    ] = None,
    false_alarms: Annotated[
        str | None,
        typer.Option(
            "--false-alarms",
            metavar=N_("SHARE"),
            help=N_("share of normal images that may be called strange; 0.05 unless given"),
        ),
    ] = None,
    resize: Resize = None,
    gray: Gray = False,
    checkpoint: Checkpoint = None,
    out: PictureOut = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Score, compare with the threshold, and show the strangest with what the model missed in them."""
    shell: Shell = ctx.obj
    options.check_overwrite(overwrite, out)
    shown = options.whole("-n", count, 1) or 12
    asked: dict[str, Any] = {
        "score": options.one_of("--score", score, SCORES),
        "false_alarms": options.decimal("--false-alarms", false_alarms),
    }
    reading = options.reading(resize, gray)

    from olaria.cli.progress import display
    from olaria.storage.files import refuse_overwriting
    from olaria.workflows.detect import detect as find
    from olaria.workflows.detect import save_picture

    shell.use_threads()
    if out is not None:
        refuse_overwriting(Path(out), overwrite)
    with display(shell) as watched:
        found = find(
            run,
            data,
            options=reading,
            checkpoint=checkpoint,
            offline=shell.offline,
            progress=watched.downloaded,
            **{name: value for name, value in asked.items() if value is not None},
        )
    for note in found.notes:
        shell.warning(note)
    path = options.free_path(f"{Path(run).name}-detect", ".png") if out is None else Path(out)
    save_picture(found, path, shown, overwrite=overwrite)
    if as_json:
        shell.json(_document(run, data, found, path))
    else:
        _show(shell, found, shown, path)


def _document(run: str, data: str | None, found: Detection, path: Path) -> dict[str, Any]:
    strange = found.strange
    images = [
        {"name": found.names[i], "score": found.scores[i].item(), "strange": bool(strange[i])}
        for i in found.order
    ]
    return {
        "format": 1,
        "run": run,
        "data": data,
        "score": found.score,
        "false_alarms": found.false_alarms,
        "num_calibrated": found.num_calibrated,
        "threshold": found.threshold,
        "quality": found.quality(),
        "picture": str(path),
        "images": images,
    }


def _show(shell: Shell, found: Detection, count: int, path: Path) -> None:
    strange = found.strange
    words = {True: shell.text(N_("strange")), False: shell.text(N_("normal"))}
    rows = [
        (one_line(found.names[i]), shell.measure(found.scores[i].item()), words[bool(strange[i])])
        for i in found.order[:count]
    ]
    shell.table((shell.text(N_("image")), shell.text(N_("score")), ""), rows, "<>")
    shell.line()
    facts = [
        (N_("images"), shell.number(len(found.names))),
        (N_("called strange"), shell.number(int(strange.sum()))),
        (N_("threshold"), shell.measure(found.threshold)),
        (N_("false alarms allowed"), shell.measure(found.false_alarms)),
        (N_("normal images it comes from"), shell.number(found.num_calibrated)),
        (N_("score"), found.score),
    ]
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
    shell.path(path)
