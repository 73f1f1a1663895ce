"""A help page in the user's language.

Typer's own pages are English only, so the page is laid out here, from the same declarations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from olaria.cli.shell import Shell
from olaria.cli.verb import JSON, Verb
from olaria.cli.words import EVERYWHERE
from olaria.i18n import N_, Message, translate
from olaria.workflows.requests import Declared


def write_page(command: Any, ctx: Any, formatter: Any) -> None:
    """Usage, what it does, arguments, sub-commands, options.

    Args:
        command: a command of Typer's, declared in English source strings.
        ctx: its context; ``obj`` is the shell.
        formatter: what is written to.
    """
    language = ctx.obj.language if isinstance(ctx.obj, Shell) else "en"

    def say(text: str | None) -> str:
        return translate(text or "", language)

    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    children = getattr(command, "commands", {})
    usage = [say(p.metavar) if p.required else f"[{say(p.metavar)}]" for p in arguments]
    if children:
        is_optional = command.invoke_without_command and ctx.parent is not None
        usage.append(f"[{say(N_('COMMAND'))}]" if is_optional else say(N_("COMMAND")))
    usage.append(f"[{say(N_('OPTIONS'))}]")
    formatter.write_usage(ctx.command_path, " ".join(usage), say(N_("Usage: ")))
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(say(command.help))
    verb = command.verb
    rows = (
        [(say(p.metavar), say(p.help)) for p in arguments]
        if verb is None
        else _rows(verb, language, positional=True)
    )
    _section(formatter, say(N_("Arguments")), rows)
    commands = [(name, say(child.help)) for name, child in children.items()]
    _section(formatter, say(N_("Commands")), commands)
    rows = (
        [_option(p, say(p.metavar), say(p.help)) for p in options]
        if verb is None
        else _rows(verb, language, positional=False)
    )
    _section(formatter, say(N_("Options")), rows)
    listed = None if verb is None else verb.request.words()
    if listed is not None:
        _section(formatter, say(listed[0]), [(word, say(text)) for word, text in listed[1]])
    _section(formatter, say(N_("Everywhere")), [(names, say(text)) for names, text in EVERYWHERE])


def _rows(verb: Verb, language: str, *, positional: bool) -> list[tuple[str, str]]:
    """A verb's arguments or its options, with their help."""
    settings = [one for one in verb.request.declared() if one.about.positional is positional]
    rows = [(_names(one, language), _explained(one, language)) for one in settings]
    return rows if positional else [*rows, (JSON[0], translate(JSON[1], language))]


def _names(one: Declared, language: str) -> str:
    metavar = translate(one.metavar, language)
    if one.about.positional:
        return metavar
    return f"{one.flag} {metavar}" if one.form.takes_value else one.flag


def _explained(one: Declared, language: str) -> str:
    """A setting's help, and what holds unless it is given."""
    text, unless = translate(one.about.help, language), one.unless_given
    if unless is None and one.is_required and not one.about.positional:
        return f"{text} ({translate(N_('required'), language)})"
    if unless is None:
        return text
    default = Message(N_("default: {value}"), {"value": unless}).text(language)
    return f"{text} ({default})"


def _section(formatter: Any, heading: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)


def _option(option: Any, metavar: str, text: str) -> tuple[str, str]:
    names = ", ".join(option.opts)
    default = f" [{option.default}]" if isinstance(option.default, str) else ""
    return (f"{names} {metavar}".rstrip(), text + default)
