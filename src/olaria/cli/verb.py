"""A verb's request as a command of the shell: options, help and words for its settings, all read from its fields."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from olaria.cli.shell import Shell
from olaria.i18n import N_
from olaria.workflows.requests import Declared, Request, Result

JSON = ("--json", N_("one JSON document on the standard output, nothing else"))
TEXT = "TEXT"
"""What stands for free text on a help page."""


@dataclass(frozen=True)
class Verb:
    """What the shell does for one verb.

    Args:
        request: what it takes.
        do: calls the workflow.
        show: lays the result out for a person; a program gets its JSON instead.
    """

    request: type[Request]
    do: Callable[[Shell, Any], Result]
    show: Callable[[Shell, Any], None]

    @property
    def summary(self) -> str:
        """A source string."""
        return self.request.summary

    def run(self, shell: Shell, words: dict[str, Any], *, as_json: bool) -> None:
        """Read the words, do it, and show what came of it."""
        shell.request, shell.as_json = self.request, as_json
        request = self.request.from_words(words)
        shell.threads = getattr(request, "threads", None)
        result = self.do(shell, request).saved()
        for note in result.notes:
            shell.warning(note)
        if as_json:
            shell.json(result.to_json())
        else:
            self.show(shell, result)
        if not result.is_good:
            raise typer.Exit(1)


def watched(
    function: Callable[..., Result], *, computes: bool = True
) -> Callable[[Shell, Any], Result]:
    """What calls a workflow that downloads and, mostly, computes with as many threads as the environment asks for."""
    speaks = "language" in inspect.signature(function).parameters

    def do(shell: Shell, request: Request) -> Result:
        from olaria.cli.progress import display

        if computes:
            shell.use_threads()
        with display(shell) as shown:
            spoken = {"language": shell.language} if speaks else {}
            return function(request, offline=shell.offline, progress=shown.downloaded, **spoken)

    return do


def quick(function: Callable[..., Result]) -> Callable[[Shell, Any], Result]:
    """What calls a workflow that needs nothing but its request."""
    return lambda _shell, request: function(request)


def entry(verb: Verb) -> Callable[..., None]:
    """The function that Typer makes a command of; every value reaches it as text, for the request to read."""

    def run(ctx: typer.Context, **words: Any) -> None:
        as_json = words.pop("as_json")
        texts = {one.name for one in verb.request.declared() if one.metavar == TEXT}
        words = {name: typed(word) if name in texts else word for name, word in words.items()}
        verb.run(ctx.obj, words, as_json=as_json)

    hints: dict[str, Any] = {"ctx": typer.Context}
    defaults: dict[str, Any] = {}
    for one in verb.request.declared():
        hints[one.name], defaults[one.name] = _parameter(one)
    hints["as_json"] = Annotated[bool, typer.Option(JSON[0], help=JSON[1])]
    defaults["as_json"] = False
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hint,
            default=defaults.get(name, inspect.Parameter.empty),
        )
        for name, hint in hints.items()
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = hints
    return run


def typed(word: Any) -> Any:
    r"""Text of the command line where the system's encoding has not its letters, as in the locale C: read as UTF-8.

    Python keeps the bytes of such a word as halves of surrogate pairs. A path must stay so, to be found.

    >>> typed("S\udcc3\udca3o"), typed(["\udce3"])
    ('São', ['\udce3'])
    """
    if isinstance(word, list | tuple):
        return [typed(one) for one in word]
    if not isinstance(word, str) or not any("\udc80" <= letter <= "\udcff" for letter in word):
        return word
    try:
        return word.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return word


def _parameter(one: Declared) -> tuple[Any, Any]:
    """Annotation and default of a setting's parameter."""
    about = one.about
    if not one.form.takes_value:
        return Annotated[bool, typer.Option(one.flag, help=about.help)], False
    kind: Any = list[str] if one.form.is_repeated else str
    # What is missing of the options is told by the request, in its words.
    is_required = one.is_required and about.positional
    kind = kind if is_required else kind | None
    default = inspect.Parameter.empty if is_required else None
    if about.positional:
        return Annotated[kind, typer.Argument(metavar=one.metavar, help=about.help)], default
    return Annotated[kind, typer.Option(one.flag, metavar=one.metavar, help=about.help)], default


def word_of(setting: str, request: type[Request] | None, others: Iterable[type[Request]]) -> str:
    """The shell's word for a setting: the option of the current request, else of the first that has one.

    >>> word_of("lora_rank", None, ())
    '--lora-rank'
    """
    for candidate in (*([] if request is None else [request]), *others):
        for one in candidate.declared():
            if one.name == setting:
                return one.metavar.strip("[].") if one.about.positional else one.flag
    return "--" + setting.replace("_", "-")


def takes_free_text(option: str, requests: Iterable[type[Request]]) -> bool:
    """Whether the word after an option is free text, so that it is never an option of ours."""
    return any(
        one.flag == option and one.metavar == TEXT for each in requests for one in each.declared()
    )
