"""Commands whose help and complaints are in the user's language."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from olaria.cli.help import write_page
from olaria.cli.shell import one_line
from olaria.cli.verb import Verb
from olaria.cli.words import EVERYWHERE
from olaria.errors import UsageError, suggestion
from olaria.i18n import N_, Message


class Command(TyperCommand):
    """A verb."""

    verb: Verb | None = None
    """What it is made from."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole page."""
        write_page(self, ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer's.

        Raises:
            UsageError: the words are not understood.
        """
        ctx.allow_extra_args = True  # told below, in the user's language
        try:
            rest = super().parse_args(ctx, args)
        except typer.TyperException as error:
            raise _complaint(error, ctx) from None
        if rest and not ctx.resilient_parsing:
            raise UsageError(
                N_("unexpected word {word} (see {command} --help)"),
                word=rest[0],
                command=ctx.command_path,
            )
        return rest


class Group(TyperGroup):
    """A command with sub-commands."""

    verb: Verb | None = None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole page."""
        write_page(self, ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer's, but for ``--help``: a group's own help option would make Typer load pydantic.

        Raises:
            UsageError: the words are not understood.
        """
        own = takewhile(lambda word: word.startswith("-"), args)
        if "--help" in own and not ctx.resilient_parsing:
            ctx.obj.line(ctx.get_help())
            raise typer.Exit
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            raise _complaint(error, ctx) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer's.

        Raises:
            UsageError: there is no such command; the nearest is offered.
        """
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            raise UsageError(
                N_("unknown command {name}: {hint} (see {command} --help)"),
                name=args[0],
                hint=suggestion(args[0], self.list_commands(ctx)),
                command=ctx.command_path,
            )
        return super().resolve_command(ctx, args)


def _recipe_settings() -> list[str]:
    """Settings of training that people know as options of other programs."""
    from olaria.recipes.training import TrainingConfig

    return [f"--set training.{name}=…" for name in TrainingConfig.model_fields]


def _complaint(error: Any, context: Any) -> UsageError:
    """Typer's complaint in our words; its kinds are told apart by what they carry."""
    command, parameters = context.command_path, context.command.params
    options = [p for p in parameters if p.param_type_name == "option"]
    known = [name for option in options for name in option.opts]
    name = getattr(error, "option_name", None)
    if name is not None and name not in known:
        known += [names.split()[0] for names, _ in EVERYWHERE]
        known += _recipe_settings() if "--set" in known else []
        return UsageError(
            N_("unknown option {name}: {hint} (see {command} --help)"),
            name=name,
            hint=suggestion(name, known),
            command=command,
        )
    if name is not None:
        is_flag = any(name in option.opts and option.is_flag for option in options)
        message_id = (
            N_("the option {name} takes no value (see {command} --help)")
            if is_flag
            else N_("the option {name} needs a value (see {command} --help)")
        )
        return UsageError(message_id, name=name, command=command)
    parameter = getattr(error, "param", None)
    if parameter is not None and parameter.param_type_name == "argument":
        missing = Message(parameter.metavar)
        return UsageError(
            N_("{name} is missing (see {command} --help)"), name=missing, command=command
        )
    problem = one_line(error.format_message())
    return UsageError(N_("{problem} (see {command} --help)"), problem=problem, command=command)
