"""``olaria train``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from olaria.cli import options
from olaria.cli.options import Column, Encoding, Gray, Json, Resize, Tokenizer, VocabSize
from olaria.cli.shell import Shell
from olaria.errors import LostProcessError, RunError, TrainingError, UsageError
from olaria.i18n import N_

if TYPE_CHECKING:
    from olaria.cli.progress import Display
    from olaria.runs import Run

HELP = N_("Train a preset, or your own data with it, into a run.")
AUTO = "auto"
SIZES = ("tiny", "small", "base")
DEVICES = ("auto", "cpu", "cuda", "mps")


def train(
    ctx: typer.Context,
    preset: Annotated[
        str | None,
        typer.Argument(metavar=N_("PRESET"), help=N_("what to train; olaria presets lists them")),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar=N_("NAME|PATH"), help=N_("a data set, or your images or text")
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar=N_("TIME"), help=N_("train for this long: 90s, 5m, 1h")),
    ] = None,
    steps: Annotated[
        str | None, typer.Option("--steps", metavar="N", help=N_("or train for N steps"))
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size", metavar="|".join(SIZES), help=N_("of the model; small unless given")
        ),
    ] = None,
    seed: Annotated[
        str | None,
        typer.Option("--seed", metavar="N", help=N_("of all that is random; 0 unless given")),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar=N_("NAME=VALUE"),
            help=N_("a setting of the recipe, such as model.latent=2; may be repeated"),
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar=N_("RUN|auto"),
            help=N_("go on with a stopped run; auto: the preset's newest, or else a new one"),
        ),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option("--replay", metavar=N_("RUN"), help=N_("repeat a run exactly, as a new one")),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar=N_("RUN|FOLDER"),
            help=N_("begin from the weights of a run, or of a GPT-2 folder of transformers"),
        ),
    ] = None,
    lora_rank: Annotated[
        str | None,
        typer.Option(
            "--lora-rank", metavar="N", help=N_("train adapters of rank N instead of all weights")
        ),
    ] = None,
    lora_targets: Annotated[
        str | None,
        typer.Option(
            "--lora-targets",
            metavar=N_("NAMES"),
            help=N_("layers that get an adapter, with commas: qkv,feed_in; all four unless given"),
        ),
    ] = None,
    lora_alpha: Annotated[
        str | None,
        typer.Option(
            "--lora-alpha",
            metavar="A",
            help=N_("an adapter is scaled by A over its rank; 16 unless given"),
        ),
    ] = None,
    encoding: Encoding = None,
    tokenizer: Tokenizer = None,
    vocab_size: VocabSize = None,
    unseen: Annotated[
        str | None,
        typer.Option(
            "--unseen",
            metavar="error|replace|skip",
            help=N_("what to do with an unknown character; error unless given"),
        ),
    ] = None,
    resize: Resize = None,
    gray: Gray = False,
    leave_out: Annotated[
        str | None,
        typer.Option(
            "--leave-out",
            metavar="K",
            help=N_("train on no image of class K, from 0, to find it as an anomaly"),
        ),
    ] = None,
    column: Column = None,
    nproc: Annotated[
        str | None,
        typer.Option(
            "--nproc",
            metavar="N",
            help=N_("train in N processes that share each batch; see torchrun"),
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", metavar="|".join(DEVICES), help=N_("where to train; cpu unless given")
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar=N_("FOLDER"), help=N_("of the new run; a free name unless given")
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train, go on with a run, or repeat one."""
    shell: Shell = ctx.obj
    chosen: dict[str, Any] = {
        "data": data,
        "budget": options.seconds("--budget", budget),
        "steps": options.whole("--steps", steps, 1),
        "size": options.one_of("--size", size, SIZES),
        "seed": None if seed is None else options.seed_of(seed),
        "settings": settings or None,
    }
    reading = {
        "encoding": encoding,
        "tokenizer": options.one_of("--tokenizer", tokenizer, options.TOKENIZERS),
        "vocab_size": options.whole("--vocab-size", vocab_size, 257),
        "unseen": options.one_of("--unseen", unseen, ("error", "replace", "skip")),
        "resize": options.whole("--resize", resize, 1),
        "gray": gray or None,
        "leave_out": options.whole("--leave-out", leave_out, 0),
        "column": column,
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    read = {name: value for name, value in reading.items() if value is not None}
    if tuning := _tuning(start, lora_rank, lora_targets, lora_alpha):
        given["tuning"] = tuning
    _check(preset, given, read, resume, replay, out)
    if read:
        given["data_options"] = read

    place = options.one_of("--device", device, DEVICES) or "cpu"
    if _together(shell, options.whole("--nproc", nproc, 1), place):
        return
    from olaria.cli.progress import display

    with display(shell) as shown:
        if resume is not None:
            run = _resume(shell, shown, preset, resume, given, out)
        elif replay is not None:
            run = _replay(shell, shown, preset, replay, out)
        else:
            run = _new(shell, shown, str(preset), given, out)
    _tell(shell, run, as_json)


def _together(shell: Shell, count: int | None, device: str) -> bool:
    """Start the processes of a run, or follow the first of them; whether nothing else is left to do here."""
    if "RANK" in os.environ:
        from olaria.training import teamwork
        from olaria.workflows import train

        shell.use_threads()
        shell.team = teamwork.join(device)
        if shell.team.is_first:
            return False
        try:
            train.follow(shell.team, offline=shell.offline)
        except (LostProcessError, UsageError):  # the first one says so
            raise typer.Exit(1) from None
        return True
    if count is None or count == 1:
        if device != "cpu":
            from olaria.training import teamwork

            shell.team = teamwork.join(device)
        return False
    from olaria.training import teamwork
    from olaria.training.device import choose_device

    choose_device(device)  # told once, not by each
    code, message = teamwork.launch(shell.words_given, count)
    if message is not None:
        raise TrainingError(message.id, **message.fields)
    if code:
        raise typer.Exit(code)
    return True


def _tuning(
    start: str | None, rank: str | None, targets: str | None, alpha: str | None
) -> dict[str, Any]:
    """What a tuned run begins from, and its adapters; empty where nothing was asked."""
    adapters = {
        "rank": options.whole("--lora-rank", rank, 1),
        "targets": None if targets is None else [name.strip() for name in targets.split(",")],
        "alpha": options.decimal("--lora-alpha", alpha),
    }
    adapters = {name: value for name, value in adapters.items() if value is not None}
    if adapters and "rank" not in adapters:
        raise UsageError(N_("--lora-targets and --lora-alpha go with --lora-rank"))
    if adapters and start is None:
        raise UsageError(N_("--lora-rank goes with --from, the run whose weights are adapted"))
    return {} if start is None else {"start": start, **adapters}


def _check(
    preset: str | None,
    given: dict[str, Any],
    read: dict[str, Any],
    resume: str | None,
    replay: str | None,
    out: str | None,
) -> None:
    """What goes with what; before anything slow is loaded."""
    if "steps" in given and "budget" in given:
        raise UsageError(N_("give --steps or --budget, not both"))
    if resume is not None and replay is not None:
        raise UsageError(N_("give --resume or --replay, not both"))
    if preset is None and resume in (None, AUTO) and replay is None:
        raise UsageError(
            N_("say what to train: a PRESET (olaria presets lists them), or --resume RUN")
        )
    usual = {"settings": "set", "tuning": "from"}
    names = [usual.get(name, name) for name in (*given, *read)]
    words = ["--" + name.replace("_", "-") for name in names]
    if resume not in (None, AUTO) and out is not None:
        words.append("--out")
    if resume == AUTO and "tuning" in given:
        raise UsageError(N_("--from begins a new run; go on with a stopped one by --resume RUN"))
    fixed = "--replay" if replay is not None else "--resume"
    if words and (replay is not None or resume not in (None, AUTO)):
        raise UsageError(
            N_("{fixed} takes everything from its run; leave out {words}"),
            fixed=fixed,
            words=", ".join(words),
        )


def _new(shell: Shell, shown: Display, preset: str, given: dict[str, Any], out: str | None) -> Run:
    from olaria.training import machine
    from olaria.workflows import train

    shell.use_threads()
    return train.train(
        preset,
        **given,
        out=out,
        offline=shell.offline,
        listeners=[shown],
        progress=shown.downloaded,
        started=machine.process_started(),
        team=shell.team,
    )


def _resume(
    shell: Shell,
    shown: Display,
    preset: str | None,
    name: str,
    given: dict[str, Any],
    out: str | None,
) -> Run:
    from olaria.training import machine
    from olaria.workflows import train

    shell.use_threads()
    found: str | Path | None = name
    if name == AUTO:
        found = _unfinished(shell, str(preset), given, out)
    if found is None:
        return _new(shell, shown, str(preset), given, out)
    _of_preset(found, preset)
    return train.resume(
        found,
        offline=shell.offline,
        listeners=[shown],
        progress=shown.downloaded,
        started=machine.process_started(),
        team=shell.team,
    )


def _unfinished(shell: Shell, preset: str, given: dict[str, Any], out: str | None) -> Path | None:
    """The run that ``--resume auto`` means, None where a new one has to begin.

    Raises:
        RunError: what was asked is not what that run is.
    """
    from olaria.recipes import preset as find_preset
    from olaria.runs import Run
    from olaria.workflows.train import latest_unfinished, make_recipe

    find_preset(preset)  # an unknown name is told as such
    path = latest_unfinished(preset)
    if path is None:
        message = N_("there is no unfinished run of {preset}: a new one begins")
        shell.notice(shell.text(message, preset=preset))
        return None
    usual: dict[str, Any] = {"size": "small", "seed": 0, "settings": []}
    names = ("data", "size", "steps", "budget", "seed", "settings", "data_options")
    asked: dict[str, Any] = {name: given.get(name, usual.get(name)) for name in names}
    is_other = bool(given) and make_recipe(preset, **asked) != Run(path).recipe
    if is_other or (out is not None and Path(out).resolve() != path.resolve()):
        raise RunError(
            N_(
                "the unfinished run {path} was begun otherwise: go on with --resume {path}, or leave --resume out"
            ),
            path=str(path),
        )
    shell.notice(shell.text(N_("going on with {path}"), path=str(path)))
    return path


def _replay(shell: Shell, shown: Display, preset: str | None, name: str, out: str | None) -> Run:
    from olaria.workflows import train

    shell.use_threads()
    _of_preset(name, preset)
    return train.replay(
        name,
        out=out,
        offline=shell.offline,
        listeners=[shown],
        progress=shown.downloaded,
        team=shell.team,
    )


def _of_preset(name: str | Path, preset: str | None) -> None:
    """Refuse a run of another preset than the one named beside it."""
    from olaria.runs import Run

    run = Run(name)
    if preset is not None and run.recipe.preset != preset:
        raise UsageError(
            N_("run {name} is of the preset {own}, not {preset}; leave {preset} out"),
            name=run.name,
            own=run.recipe.preset,
            preset=preset,
        )


def _tell(shell: Shell, run: Run, as_json: bool) -> None:
    result = run.result
    if as_json:
        shell.json({**result, "run": run.name, "path": str(run.path)})
        return
    final = [(name, shell.metric(name, value)) for name, value in result["final"].items()]
    shell.facts(
        [
            (shell.text(N_("run")), shell.measure(str(run.path))),
            (shell.text(N_("steps")), shell.number(result["steps"])),
            (shell.text(N_("time")), shell.duration(result["elapsed_s"])),
            *final,
        ]
    )
    from olaria.storage.folder import runs_home

    is_at_home = run.path.resolve() == (runs_home() / run.name).resolve()
    shell.notice(
        shell.text(
            N_("next: olaria eval {run} · olaria sample {run} · olaria report {run}"),
            run=run.name if is_at_home else str(run.path),
        )
    )
