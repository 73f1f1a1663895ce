"""``olaria sample``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from olaria.cli import options
from olaria.cli.options import Checkpoint, Json, Overwrite, RunName, Seed
from olaria.cli.shell import Shell
from olaria.errors import UsageError
from olaria.i18n import N_

HELP = N_("Draw images or text from a run.")
UNSEEN = ("error", "replace", "skip")
PATHS = ("linear", "spherical")
MODES = ("prior", "reconstruct", "interpolate", "traverse", "manifold", "attribute")


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
            help=N_(
                "where to write; for images a free name unless given, FOLDER/ for each in a file"
            ),
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Draw from a run: its family says whether images or text."""
    shell: Shell = ctx.obj
    options.check_overwrite(overwrite, out)
    drawing = _given(
        max_tokens=options.whole("--max-tokens", max_tokens, 1),
        temperature=options.decimal("--temperature", temperature),
        top_k=options.whole("--top-k", top_k, 1),
        top_p=options.decimal("--top-p", top_p),
        min_p=options.decimal("--min-p", min_p),
        repetition_penalty=options.decimal("--repetition-penalty", repetition_penalty),
        stop=stop or None,
    )
    unseen = options.one_of("--unseen", unseen, UNSEEN)
    number = options.whole("-n", count, 1)
    width = options.whole("--beam", beam, 1)
    picture = _given(
        mode=options.one_of("--mode", mode, MODES),
        path=options.one_of("--path", path, PATHS),
        label=options.whole("--class", label, 0),
        attribute=_classes(attribute),
    )
    if "path" in picture and picture.get("mode") != "interpolate":
        raise UsageError(N_("--path goes with --mode interpolate"))
    if picture and (drawing or prompt is not None or unseen):
        raise UsageError(
            N_("--mode and --class are for images, the options of a prompt for text; give one kind")
        )
    if prompt == "":
        raise UsageError(N_("the prompt is empty; write where to begin, or leave --prompt out"))
    number_of_seed = options.seed_of(seed)

    from olaria.cli.sample_kinds import Asked, show
    from olaria.runs import Run
    from olaria.sampling.autoregressive import SamplingConfig

    config = SamplingConfig.parse(drawing)  # checked before a run is opened
    shell.use_threads()
    asked = Asked(
        count=number,
        picture=picture,
        drawing=drawing,
        config=config,
        prompt=prompt,
        unseen=unseen,
        beam=width,
        seed=number_of_seed,
        checkpoint=checkpoint,
        offline=shell.offline,
        out=out,
        overwrite=overwrite,
        as_json=as_json,
    )
    show(shell, Run(run), asked)


def _given(**words: Any) -> dict[str, Any]:
    return {name: value for name, value in words.items() if value is not None}


def _classes(text: str | None) -> tuple[int, int] | None:
    """``3:8`` to its numbers."""
    if text is None:
        return None
    first, colon, second = text.partition(":")
    ends = tuple(options.whole("--attribute", part, 0) for part in (first, second) if part)
    if not colon or len(ends) != 2 or None in ends:
        raise UsageError(N_("--attribute takes two classes, such as 3:8, not {text}"), text=text)
    return ends[0] or 0, ends[1] or 0
