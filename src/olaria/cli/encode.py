"""``olaria encode``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from olaria.cli import options
from olaria.cli.options import Checkpoint, Gray, Json, LookedAt, Overwrite, Resize, RunName
from olaria.cli.shell import Shell
from olaria.i18n import N_

if TYPE_CHECKING:
    from olaria.workflows.encode import Encoded

HELP = N_("Turn images into a run's latent vectors, and map them.")
SPLITS = ("train", "validation", "test")
MAPS = ("pca", "tsne", "umap")


def encode(
    ctx: typer.Context,
    run: RunName,
    data: LookedAt = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="|".join(SPLITS),
            help=N_("which part of the run's own data; test unless given"),
        ),
    ] = None,
    map_: Annotated[
        str | None,
        typer.Option("--map", metavar="|".join(MAPS), help=N_("also draw a map in two dimensions")),
    ] = None,
    resize: Resize = None,
    gray: Gray = False,
    checkpoint: Checkpoint = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar=N_("FILE"),
            help=N_("where the codes go, as .tsv or .npy; a free name unless given"),
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Encode, write, and say how good the codes are beside principal components."""
    shell: Shell = ctx.obj
    options.check_overwrite(overwrite, out)
    how: Any = options.one_of("--map", map_, MAPS)
    part: Any = options.one_of("--split", split, SPLITS)
    reading = options.reading(resize, gray)

    from olaria.cli.progress import display
    from olaria.evaluation.projection import MAP_NAMES
    from olaria.storage.files import refuse_overwriting
    from olaria.workflows import encode as workflow

    shell.use_threads()
    path = options.free_path(f"{Path(run).name}-codes", ".tsv") if out is None else Path(out)
    for file in workflow.files_of(path, how):
        refuse_overwriting(file, overwrite)
    with display(shell) as watched:
        found = workflow.encode(
            run,
            data,
            split=part,
            options=reading,
            checkpoint=checkpoint,
            offline=shell.offline,
            progress=watched.downloaded,
        )
    notes, written = [*found.shown.notes], workflow.save(found, path, overwrite=overwrite)
    if how is not None:
        mapped = workflow.on_plane(found, how)
        notes += mapped.notes
        picture = workflow.map_path(path, how)
        title = f"{Path(run).name} · {MAP_NAMES[how]}"
        written += workflow.save_map(mapped, picture, title, overwrite=overwrite)
    for note in notes:
        shell.warning(note)
    if as_json:
        shell.json(
            {
                "format": 1,
                "run": run,
                "data": data,
                "num_images": len(found.codes),
                "latent": found.codes.shape[1],
                "quality": found.quality,
                "files": [str(file) for file in written],
            }
        )
        return
    _show(shell, found)
    for file in written:
        shell.path(file)


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
                key,
                shell.metric(key, found.quality[key]),
                shell.metric(f"pca_{key}", found.quality[f"pca_{key}"]),
            )
            for key in own
        ]
        shell.line()
        shell.table([shell.text(name) if name else "" for name in headings], rows, "<>>")
    shell.line()
