"""The console command ``olaria``."""

from __future__ import annotations

import codecs
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Annotated, Any, TextIO

import typer

from olaria import __version__
from olaria.cli import (
    completion,
    data,
    demo,
    detect,
    doctor,
    encode,
    evaluate,
    explain,
    export,
    hub,
    presets,
    reconstruct,
    report,
    runs,
    sample,
    studio,
    train,
    tune,
)
from olaria.cli.command import Command, Group
from olaria.cli.failures import Terminated, exit_code
from olaria.cli.shell import Shell
from olaria.cli.verb import JSON, Verb, entry, takes_free_text, word_of
from olaria.cli.words import split
from olaria.errors import UsageError
from olaria.i18n import N_, Setting, detect_language, quoted, translate
from olaria.workflows.requests import Request

HELP = N_(
    "Train, measure, sample, look inside and report on small generative models, on your own machine."
)
_REPLACED = "olaria.replaced"
_PLAIN = {
    **dict.fromkeys("−–—", "-"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("‘’", "'"),
    **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)),
    **{
        "·": "|",
        "⁻": "^-",
        "…": "...",
        "×": "x",
        "≈": "~",
        "→": "->",
        "↑": "^",
        "↓": "v",
        "≤": "<=",
        "≥": ">=",
    },
}
"""Signs of ours for consoles that have not got them: a minus sign must not become a question mark."""

VERBS: dict[str, Verb] = {
    "demo": demo.VERB,
    "train": train.VERB,
    "tune": tune.VERB,
    "sample": sample.VERB,
    "eval": evaluate.VERB,
    "reconstruct": reconstruct.VERB,
    "encode": encode.VERB,
    "detect": detect.VERB,
    "explain": explain.VERB,
    "report": report.VERB,
    "export": export.VERB,
    "studio": studio.VERB,
}
AFTER: dict[str, Verb] = {
    "presets": presets.VERB,
    "doctor": doctor.VERB,
    "completion": completion.VERB,
}
GROUPS: dict[str, tuple[dict[str, Verb], str]] = {
    "runs": (runs.VERBS, runs.HELP),
    "data": (data.VERBS, data.HELP),
    "hub": (hub.VERBS, hub.HELP),
}


def build(*, only: str | None = None) -> Any:
    """The whole command line, ready to be given words.

    Args:
        only: the one verb or group that will be called, empty where none is: the others are named, their options are
            not made.
    """
    app = _group(HELP)
    app.callback()(lambda: None)
    _add(app, VERBS, only)
    for name, (verbs, text) in GROUPS.items():
        group = _group(text, alone=True)
        group.callback()(_first(verbs["list"]) if "list" in verbs else _page)
        if only in (None, name):
            _add(group, verbs)
        app.add_typer(group, name=name)
    _add(app, AFTER, only)
    command: Any = typer.main.get_command(app)
    for name, (verbs, _) in GROUPS.items():
        _remember(command.commands[name], verbs)
    _remember(command, {**VERBS, **AFTER})
    return command


def _group(text: str, *, alone: bool = False) -> typer.Typer:
    return typer.Typer(
        cls=Group,
        help=text,
        rich_markup_mode=None,
        add_help_option=False,
        add_completion=False,
        invoke_without_command=alone,
    )


def _add(app: typer.Typer, verbs: Mapping[str, Verb], only: str | None = None) -> None:
    for name, verb in verbs.items():
        function = entry(verb) if only in (None, name) else _nothing
        app.command(name, cls=Command, help=verb.summary)(function)


def _nothing() -> None:
    """Stands for a verb that is not called."""


def _remember(group: Any, verbs: Mapping[str, Verb]) -> None:
    """Let each command know what it is made from."""
    for name, command in group.commands.items():
        command.verb = verbs.get(name)


def _first(listing: Verb) -> Callable[..., None]:
    """A group's own name alone lists."""

    def alone(
        ctx: typer.Context, as_json: Annotated[bool, typer.Option(JSON[0], help=JSON[1])] = False
    ) -> None:
        if ctx.invoked_subcommand is None:
            listing.run(ctx.obj, {}, as_json=as_json)
        elif as_json:
            raise UsageError(N_("--json comes after the command that it is for"))

    return alone


def _page(ctx: typer.Context) -> None:
    """The own name of a group that lists nothing shows its help."""
    if ctx.invoked_subcommand is None:
        ctx.obj.line(ctx.get_help())


def _requests() -> Iterator[type[Request]]:
    """Of every verb."""
    for verbs in (VERBS, AFTER, *(verbs for verbs, _ in GROUPS.values())):
        yield from (verb.request for verb in verbs.values())


def _named(shell: Shell, setting: Setting) -> str:
    """A setting in the shell's words: an option, or ``--set`` for one of the recipe."""
    values = [setting.value] if setting.value else []
    if "." in setting.name:
        return quoted("--set", "=".join([setting.name, *values]))
    word = translate(word_of(setting.name, shell.request, _requests()), shell.language)
    return " ".join([word, *map(quoted, values)])


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
    shell.name_setting = partial(_named, shell)
    before = None
    try:
        with suppress(ValueError):  # not in the main thread
            before = signal.signal(signal.SIGTERM, _terminated)
        if completion.ASKED in os.environ:
            style = os.environ[completion.ASKED]
            completion.answer(words, shell, {**VERBS, **AFTER}, GROUPS, style)
            return 0
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
    everywhere, rest = split(
        words, shell.language, lambda option: takes_free_text(option, _requests())
    )
    shell.language, shell.debug = everywhere.language, everywhere.debug
    shell.chose_language = everywhere.chose_language
    shell.offline = everywhere.offline
    if everywhere.offline:
        os.environ["OLARIA_OFFLINE"] = "1"
    if everywhere.version:
        shell.line(f"olaria {__version__}")
        return
    rest = rest or ["--help"]
    is_verb = not rest[0].startswith("-")
    command = build(only=rest[0] if is_verb else "")
    with command.make_context("olaria", rest, obj=shell) as context:
        command.invoke(context)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def _never_fail_on_a_letter(stream: TextIO) -> None:
    """Old consoles lack letters: signs that numbers and lists need become ASCII there, others question marks."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        codecs.register_error(_REPLACED, _replaced)
        reconfigure(errors=_REPLACED)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    if lacking == "·" and error.object.startswith("10⁻", error.end):
        return "*", error.end
    return "".join(_PLAIN.get(letter, "?") for letter in lacking), error.end
