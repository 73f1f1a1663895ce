"""The console command ``olaria``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, TextIO

import typer

from olaria import __version__
from olaria.cli import (
    data,
    demo,
    detect,
    doctor,
    encode,
    evaluate,
    explain,
    export,
    presets,
    reconstruct,
    report,
    runs,
    sample,
    train,
)
from olaria.cli.command import Command, Group
from olaria.cli.failures import Terminated, exit_code
from olaria.cli.options import Json
from olaria.cli.shell import Shell
from olaria.cli.words import split
from olaria.errors import UsageError
from olaria.i18n import N_, detect_language

HELP = N_(
    "Train, measure, sample, look inside and report on small generative models, on your own machine."
)
_COMPLETE = "_OLARIA_COMPLETE"

VERBS: dict[str, tuple[Callable[..., None], str]] = {
    "demo": (demo.demo, demo.HELP),
    "train": (train.train, train.HELP),
    "sample": (sample.sample, sample.HELP),
    "eval": (evaluate.evaluate, evaluate.HELP),
    "reconstruct": (reconstruct.reconstruct, reconstruct.HELP),
    "encode": (encode.encode, encode.HELP),
    "detect": (detect.detect, detect.HELP),
    "explain": (explain.explain, explain.HELP),
    "report": (report.report, report.HELP),
    "export": (export.export, export.HELP),
}
AFTER: dict[str, tuple[Callable[..., None], str]] = {
    "presets": (presets.presets, presets.HELP),
    "doctor": (doctor.doctor, doctor.HELP),
}
GROUPS: dict[str, tuple[dict[str, tuple[Callable[..., None], str]], str]] = {
    "runs": (runs.VERBS, runs.HELP),
    "data": (data.VERBS, data.HELP),
}


def build(*, completion: bool) -> Any:
    """The whole command line, ready to be given words.

    Args:
        completion: with Typer's two options for the shell's completion; they cost a tenth of a second.
    """
    app = _group(HELP, completion=completion)
    app.callback()(lambda: None)
    _add(app, VERBS)
    for name, (verbs, text) in GROUPS.items():
        group = _group(text, alone=True)
        group.callback()(_first(verbs["list"][0]))
        _add(group, verbs)
        app.add_typer(group, name=name)
    _add(app, AFTER)
    return typer.main.get_command(app)


def _group(text: str, *, completion: bool = False, alone: bool = False) -> typer.Typer:
    return typer.Typer(
        cls=Group,
        help=text,
        rich_markup_mode=None,
        add_help_option=False,
        add_completion=completion,
        invoke_without_command=alone,
    )


def _add(app: typer.Typer, verbs: dict[str, tuple[Callable[..., None], str]]) -> None:
    for name, (function, text) in verbs.items():
        app.command(name, cls=Command, help=text)(function)


def _first(function: Callable[..., None]) -> Callable[..., None]:
    """A group's own name alone lists."""

    def alone(ctx: typer.Context, as_json: Json = False) -> None:
        if ctx.invoked_subcommand is None:
            function(ctx, as_json)
        elif as_json:
            raise UsageError(N_("--json comes after the command that it is for"))

    return alone


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after ``olaria``; those of the process unless given.

    Returns:
        The exit code: 0 done, 1 failed, 2 usage, 130 Ctrl-C, 143 SIGTERM.
    """
    words = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        _never_fail_on_a_letter(stream)
    shell = Shell(detect_language())
    before = None
    try:
        with suppress(ValueError):  # not in the main thread
            before = signal.signal(signal.SIGTERM, _terminated)
        if _COMPLETE in os.environ:
            build(completion=True).main(words, prog_name="olaria")
        _run(words, shell)
        sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:
        return exit_code(error, shell)
    finally:
        if before is not None:  # what Python does at its end cannot be interrupted by ours
            signal.signal(signal.SIGTERM, before)
    return 0


def _run(words: list[str], shell: Shell) -> None:
    shell.debug = "--debug" in words
    shell.words_given = words
    everywhere, rest = split(words, shell.language)
    shell.language, shell.debug = everywhere.language, everywhere.debug
    shell.chose_language = everywhere.chose_language
    shell.offline = everywhere.offline
    if everywhere.offline:
        os.environ["OLARIA_OFFLINE"] = "1"
    if everywhere.version:
        shell.line(f"olaria {__version__}")
        return
    rest = rest or ["--help"]
    command = build(completion=rest[0].startswith("-"))
    with command.make_context("olaria", rest, obj=shell) as context:
        command.invoke(context)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _never_fail_on_a_letter(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
