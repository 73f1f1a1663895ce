"""``olaria sample``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from olaria.cli import options
from olaria.cli.options import Checkpoint, Json, RunName, Seed
from olaria.cli.shell import Shell
from olaria.errors import UsageError
from olaria.i18n import N_

if TYPE_CHECKING:
    from olaria.runs import Run

HELP = N_("Draw images or text from a run.")
UNSEEN = ("error", "replace", "skip")
MODES = ("prior", "reconstruct", "interpolate", "traverse")


def sample(
    ctx: typer.Context,
    run: RunName,
    count: Annotated[
        str | None, typer.Option("-n", metavar="N", help=N_("how many images; 64 unless given"))
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode", metavar="|".join(MODES), help=N_("which images; prior unless given")
        ),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar=N_("TEXT"), help=N_("where the text begins"))
    ] = None,
    max_tokens: Annotated[
        str | None,
        typer.Option("--max-tokens", metavar="N", help=N_("how much text; 500 unless given")),
    ] = None,
    temperature: Annotated[
        str | None,
        typer.Option("--temperature", metavar="T", help=N_("below 1 tamer, above 1 wilder text")),
    ] = None,
    top_k: Annotated[
        str | None,
        typer.Option("--top-k", metavar="K", help=N_("draw from the K likeliest tokens only")),
    ] = None,
    top_p: Annotated[
        str | None,
        typer.Option(
            "--top-p", metavar="P", help=N_("draw from the likeliest that reach probability P")
        ),
    ] = None,
    unseen: Annotated[
        str | None,
        typer.Option(
            "--unseen",
            metavar="|".join(UNSEEN),
            help=N_(
                "what to do with an unknown character of the prompt; as in training unless given"
            ),
        ),
    ] = None,
    seed: Seed = "0",
    checkpoint: Checkpoint = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar=N_("FILE"),
            help=N_("where to write; for images a free name unless given"),
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help=N_("replace the file of --out"))
    ] = False,
    as_json: Json = False,
) -> None:
    """Draw from a run: its family says whether images or text."""
    shell: Shell = ctx.obj
    if overwrite and out is None:
        raise UsageError(N_("--overwrite goes with --out"))
    drawing = {
        "max_tokens": options.whole("--max-tokens", max_tokens, 1),
        "temperature": options.decimal("--temperature", temperature),
        "top_k": options.whole("--top-k", top_k, 1),
        "top_p": options.decimal("--top-p", top_p),
    }
    drawing = {name: value for name, value in drawing.items() if value is not None}
    unseen = options.one_of("--unseen", unseen, UNSEEN)
    picture = {
        "count": options.whole("-n", count, 1),
        "mode": options.one_of("--mode", mode, MODES),
    }
    picture = {name: value for name, value in picture.items() if value is not None}
    if picture and (drawing or prompt is not None or unseen):
        raise UsageError(
            N_("-n and --mode are for images, the options of a prompt for text; give one kind")
        )
    common = {
        "seed": options.seed_of(seed),
        "checkpoint": checkpoint,
        "offline": shell.offline,
    }

    from olaria.models import MODELS
    from olaria.runs import Run

    shell.use_threads()
    opened = Run(run)
    learns_from_text = MODELS[opened.family].data == "text"
    if drawing or prompt is not None or unseen or (learns_from_text and not picture):
        _text(
            shell,
            opened,
            prompt or "",
            drawing,
            {**common, "unseen": unseen},
            out,
            overwrite,
            as_json,
        )
    else:
        _images(shell, opened, picture, common, out, overwrite, as_json)


def _images(
    shell: Shell,
    run: Run,
    picture: dict[str, Any],
    common: dict[str, Any],
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    from olaria.workflows.generate import sample_images, save_images

    drawn = sample_images(run, **picture, **common)
    path = _free(f"{run.name}-samples", ".png") if out is None else Path(out)
    save_images(drawn, path, overwrite=overwrite)
    if as_json:
        shell.json(
            {"format": 1, "run": run.name, "path": str(path), "shape": [*drawn.images.shape]}
        )
    else:
        shell.path(path)


def _free(stem: str, ending: str) -> Path:
    """A name in the working folder that is not taken: ``stem``, ``stem-2``, …"""
    path, number = Path(stem + ending), 1
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}{ending}")
    return path


def _text(
    shell: Shell,
    run: Run,
    prompt: str,
    drawing: dict[str, Any],
    common: dict[str, Any],
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    from olaria.sampling.autoregressive import SamplingConfig
    from olaria.workflows.generate import sample_text, save_text

    pieces = sample_text(run, prompt=prompt, config=SamplingConfig.parse(drawing), **common)
    if as_json or out is not None:
        text = "".join(pieces)
        if out is not None:
            save_text(prompt + text, Path(out), overwrite=overwrite)
        if as_json:
            document = {"format": 1, "run": run.name, "prompt": prompt, "text": text, "path": out}
            shell.json(document)
        else:
            shell.path(Path(str(out)))
        return
    shell.piece(prompt)
    for piece in pieces:
        shell.piece(piece)
    shell.piece("\n")
