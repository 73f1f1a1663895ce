"""Help pages in the user's language, and words for an unknown command or too many words.

Typer's own pages are English only, so the page is laid out here, from the same declarations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

from olaria.cli.shell import Shell
from olaria.cli.words import EVERYWHERE
from olaria.errors import UsageError, suggestion
from olaria.i18n import N_, translate

_METAVARS = (N_("FILE"), N_("FOLDER"), N_("TEXT"), N_("TIME"))
# Typer adds these two options itself.
_COMPLETION = (
    N_("Install completion for the current shell."),
    N_("Show completion for the current shell, to copy it or customize the installation."),
)


class Command(TyperCommand):
    """A verb."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole page."""
        _page(self, ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer's; a word too many is told in the user's language."""
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            raise UsageError(
                N_("unexpected word {word} (see {command} --help)"),
                word=rest[0],
                command=ctx.command_path,
            )
        return rest


class Group(TyperGroup):
    """A command with sub-commands."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole page."""
        _page(self, ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer's; an unknown name is told in the user's language, with the nearest one."""
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            raise UsageError(
                N_("unknown command {name}: {hint} (see {command} --help)"),
                name=args[0],
                hint=suggestion(args[0], self.list_commands(ctx)),
                command=ctx.command_path,
            )
        return super().resolve_command(ctx, args)


def _page(command: Any, ctx: Any, formatter: Any) -> None:
    language = ctx.obj.language if isinstance(ctx.obj, Shell) else "en"

    def say(text: str | None) -> str:
        return translate(text or "", language)

    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    children = command.commands if isinstance(command, Group) else {}
    usage = [say(p.metavar) if p.required else f"[{say(p.metavar)}]" for p in arguments]
    if children:
        is_optional = command.invoke_without_command and ctx.parent is not None
        usage.append(f"[{say(N_('COMMAND'))}]" if is_optional else say(N_("COMMAND")))
    usage.append(f"[{say(N_('OPTIONS'))}]")
    formatter.write_usage(ctx.command_path, " ".join(usage), say(N_("Usage: ")))
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(say(command.help))
    _section(formatter, say(N_("Arguments")), [(say(p.metavar), say(p.help)) for p in arguments])
    commands = [(name, say(child.help)) for name, child in children.items()]
    _section(formatter, say(N_("Commands")), commands)
    _section(formatter, say(N_("Options")), [_option(p, say(p.metavar), say(p.help)) for p in options])
    _section(formatter, say(N_("Everywhere")), [(names, say(text)) for names, text in EVERYWHERE])


def _section(formatter: Any, heading: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)


def _option(option: Any, metavar: str, text: str) -> tuple[str, str]:
    names = ", ".join(option.opts)
    default = f" [{option.default}]" if isinstance(option.default, str) else ""
    return (f"{names} {metavar}".rstrip(), text + default)
