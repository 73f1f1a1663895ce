"""``olaria sample``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from olaria.cli import options
from olaria.cli import sample_others as others
from olaria.cli.options import Checkpoint, Json, Overwrite, RunName, Seed
from olaria.cli.shell import Shell
from olaria.errors import UsageError
from olaria.i18n import N_

if TYPE_CHECKING:
    from olaria.runs import Run
    from olaria.sampling.autoregressive import SamplingConfig
    from olaria.workflows.generate import ImageSample

HELP = N_("Draw images or text from a run.")
UNSEEN = ("error", "replace", "skip")
PATHS = ("linear", "spherical")
MODES = ("prior", "reconstruct", "interpolate", "traverse", "manifold", "attribute")
SEPARATOR = "\n---\n"
"""Between two of several texts."""


def sample(
    ctx: typer.Context,
    run: RunName,
    count: Annotated[
        str | None,
        typer.Option("-n", metavar="N", help=N_("how many: 64 images or one text unless given")),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode", metavar="|".join(MODES), help=N_("which images; prior unless given")
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="K", help=N_("images of one class, from 0; in turn unless given")
        ),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option(
            "--path",
            metavar="|".join(PATHS),
            help=N_("how --mode interpolate walks; linear unless given"),
        ),
    ] = None,
    attribute: Annotated[
        str | None,
        typer.Option(
            "--attribute",
            metavar="K:L",
            help=N_("the classes that --mode attribute leads from and to, from 0"),
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
    min_p: Annotated[
        str | None,
        typer.Option(
            "--min-p", metavar="P", help=N_("leave out what is under P times the likeliest")
        ),
    ] = None,
    repetition_penalty: Annotated[
        str | None,
        typer.Option(
            "--repetition-penalty",
            metavar="R",
            help=N_("above 1, what stands there already comes less often"),
        ),
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(
            "--stop",
            metavar=N_("TEXT"),
            help=N_("end before this text; may be repeated"),
        ),
    ] = None,
    beam: Annotated[
        str | None,
        typer.Option(
            "--beam",
            metavar="N",
            help=N_("follow the N likeliest translations; 1, greedy, unless given"),
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
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Draw from a run: its family says whether images or text."""
    shell: Shell = ctx.obj
    options.check_overwrite(overwrite, out)
    drawing = {
        "max_tokens": options.whole("--max-tokens", max_tokens, 1),
        "temperature": options.decimal("--temperature", temperature),
        "top_k": options.whole("--top-k", top_k, 1),
        "top_p": options.decimal("--top-p", top_p),
        "min_p": options.decimal("--min-p", min_p),
        "repetition_penalty": options.decimal("--repetition-penalty", repetition_penalty),
        "stop": stop or None,
    }
    drawing = {name: value for name, value in drawing.items() if value is not None}
    unseen = options.one_of("--unseen", unseen, UNSEEN)
    number = options.whole("-n", count, 1)
    width = options.whole("--beam", beam, 1)
    mode = options.one_of("--mode", mode, MODES)
    path = options.one_of("--path", path, PATHS)
    if path is not None and mode != "interpolate":
        raise UsageError(N_("--path goes with --mode interpolate"))
    number_of_class = options.whole("--class", label, 0)
    ends = _classes(attribute)
    for_images = mode is not None or number_of_class is not None or ends is not None
    if for_images and (drawing or prompt is not None or unseen):
        raise UsageError(
            N_("--mode and --class are for images, the options of a prompt for text; give one kind")
        )
    if prompt == "":
        raise UsageError(N_("the prompt is empty; write where to begin, or leave --prompt out"))
    common: dict[str, Any] = {
        "seed": options.seed_of(seed),
        "checkpoint": checkpoint,
        "offline": shell.offline,
    }

    from olaria.data.codes import CODES
    from olaria.models import MODELS
    from olaria.runs import Run
    from olaria.workflows.generate import sample_images
    from olaria.workflows.other_samples import sample_coded

    config = _config(drawing)
    shell.use_threads()
    opened = Run(run)
    if width is not None and MODELS[opened.family].data != "pairs":
        raise UsageError(
            N_("--beam is for runs that translate; run {name} is a {family}"),
            name=opened.name,
            family=opened.family,
        )
    if MODELS[opened.family].data == "pairs":
        others.only_translating(opened, drawing, mode, count)
        looking = {"unseen": unseen, "checkpoint": checkpoint}
        others.translation(
            shell, opened, prompt or "", width or 1, looking, out, overwrite, as_json
        )
        return
    if MODELS[opened.family].data == "points":
        others.only_points(opened, drawing, prompt, for_images)
        others.points(shell, opened, number, common, out, overwrite, as_json)
        return
    learns_from_text = MODELS[opened.family].data == "text"
    if opened.recipe.data.name.startswith(CODES) and prompt is None:
        others.only_painting(opened, drawing, for_images)
        _pictures(
            shell,
            opened,
            partial(
                sample_coded,
                opened,
                count=number or 64,
                temperature=options.decimal("--temperature", temperature) or 1.0,
                seed=options.seed_of(seed),
                checkpoint=checkpoint,
            ),
            out,
            overwrite,
            as_json,
        )
        return
    if drawing or prompt is not None or unseen or (learns_from_text and not for_images):
        asked = {**common, "config": config, "unseen": unseen}
        _text(shell, opened, prompt, number or 1, asked, out, overwrite, as_json)
    else:
        picture: dict[str, Any] = {
            "count": number,
            "mode": mode,
            "label": number_of_class,
            "path": path,
            "attribute": ends,
        }
        picture = {name: value for name, value in picture.items() if value is not None}
        draw = partial(sample_images, opened, **picture, **common)
        _pictures(shell, opened, draw, out, overwrite, as_json)


def _classes(text: str | None) -> tuple[int, int] | None:
    """``3:8`` to its numbers."""
    if text is None:
        return None
    first, colon, second = text.partition(":")
    ends = tuple(options.whole("--attribute", part, 0) for part in (first, second) if part)
    if not colon or len(ends) != 2 or None in ends:
        raise UsageError(N_("--attribute takes two classes, such as 3:8, not {text}"), text=text)
    return ends[0] or 0, ends[1] or 0


def _config(drawing: dict[str, Any]) -> SamplingConfig:
    """The settings of the draw, checked before a run is opened."""
    from olaria.sampling.autoregressive import SamplingConfig

    return SamplingConfig.parse(drawing)


def _pictures(
    shell: Shell,
    run: Run,
    draw: Callable[[], ImageSample],
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    from olaria.workflows.generate import refuse_overwriting, save_images

    if out is not None:
        refuse_overwriting(Path(out), overwrite)
    drawn = draw()
    path = options.free_path(f"{run.name}-samples", ".png") if out is None else Path(out)
    save_images(drawn, path, overwrite=overwrite)
    if as_json:
        shell.json(
            {"format": 1, "run": run.name, "path": str(path), "shape": [*drawn.images.shape]}
        )
    else:
        shell.path(path)


def _text(
    shell: Shell,
    run: Run,
    prompt: str | None,
    count: int,
    asked: dict[str, Any],
    out: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    from olaria.workflows.generate import (
        refuse_overwriting,
        sample_text,
        sample_texts,
        save_text,
    )

    if out is not None:
        refuse_overwriting(Path(out), overwrite)
    start = prompt or ""
    if not as_json and out is None and count == 1:
        pieces = sample_text(run, prompt=prompt, **asked)
        shell.piece(start)
        for piece in pieces:
            shell.piece(piece)
        shell.piece("\n")
        return
    texts = sample_texts(run, [prompt] * count, **asked)
    whole = SEPARATOR.join(start + text for text in texts)
    if out is not None:
        save_text(whole, Path(out), overwrite=overwrite)
    if as_json:
        document = {"format": 1, "run": run.name, "prompt": start, "path": out}
        shell.json({**document, "text": texts[0], "texts": texts})
    elif out is not None:
        shell.path(Path(out))
    else:
        shell.piece(whole + "\n")
