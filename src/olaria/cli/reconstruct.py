"""``olaria reconstruct``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from olaria.cli.shell import Shell
from olaria.i18n import N_

HELP = N_("Show what a run makes of images.")


def reconstruct(
    ctx: typer.Context,
    run: RunName,
    data: LookedAt = None,
    count: Annotated[
        str | None,
        typer.Option("-n", metavar="N", help=N_("how many to show; 32 unless given")),
    ] = None,
    resize: Resize = None,
    gray: Gray = False,
    checkpoint: Checkpoint = None,
    out: PictureOut = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Rebuild, measure all, and show the first, each beside its reconstruction."""
    shell: Shell = ctx.obj
    options.check_overwrite(overwrite, out)
    number = options.whole("-n", count, 1) or 32
    reading = options.reading(resize, gray)

    from olaria.cli.progress import display
    from olaria.evaluation.reconstruction import psnr_db
    from olaria.storage.files import refuse_overwriting
    from olaria.workflows.reconstruct import reconstruct as rebuild
    from olaria.workflows.reconstruct import save_sheet

    shell.use_threads()
    if out is not None:
        refuse_overwriting(Path(out), overwrite)
    with display(shell) as watched:
        found = rebuild(
            run,
            data,
            options=reading,
            checkpoint=checkpoint,
            offline=shell.offline,
            progress=watched.downloaded,
        )
    for note in found.shown.notes:
        shell.warning(note)
    path = (
        options.free_path(f"{Path(run).name}-reconstructions", ".png") if out is None else Path(out)
    )
    save_sheet(found, path, number, overwrite=overwrite)
    if as_json:
        errors = zip(found.shown.names, found.errors.tolist(), strict=True)
        shell.json(
            {
                "format": 1,
                "run": run,
                "data": data,
                "mse": found.error,
                "psnr_db": psnr_db(found.error),
                "picture": str(path),
                "images": [{"name": name, "mse": error} for name, error in errors],
            }
        )
        return
    shell.facts(
        [
            (shell.text(N_("images")), shell.number(len(found.errors))),
            ("mse", shell.metric("mse", found.error)),
            ("psnr_db", shell.metric("psnr_db", psnr_db(found.error))),
        ]
    )
    shell.line()
    shell.path(path)
