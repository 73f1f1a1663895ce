"""A verb as a Python function whose arguments are the settings of its request."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, TypeVar

from olaria.errors import UsageError
from olaria.i18n import LANGUAGES, N_, Message
from olaria.workflows.requests import Declared, Request
from olaria.workflows.requests.forms import refused

R = TypeVar("R", bound=Request)
P = ParamSpec("P")
T = TypeVar("T")


def verb(request: type[R]) -> Callable[[Callable[Concatenate[R, P], T]], Callable[..., T]]:
    """Let a function of a request be called with the request's settings as well.

    ``evaluate(EvaluateRequest(run="vae"))`` and ``evaluate("vae")`` are the same; what the function takes besides
    (``offline``, ``progress``) is given by name in both. Signature and docstring tell all settings.

    Args:
        request: of the verb.
    """

    def decorate(function: Callable[Concatenate[R, P], T]) -> Callable[..., T]:
        act: Callable[..., T] = function
        inner = inspect.signature(function)
        besides = list(inner.parameters.values())[1:]
        names = {one.name for one in besides}

        @functools.wraps(function)
        def call(*arguments: Any, **settings: Any) -> T:
            kept: Any = {name: settings.pop(name) for name in names & settings.keys()}
            check_besides(kept)
            if len(arguments) == 1 and isinstance(arguments[0], request) and not settings:
                given = arguments[0]
            else:
                given = request.of(**_named(request, arguments, settings))
            with computing(getattr(given, "threads", None)):
                return act(given, **kept)

        describe(call, request, besides=besides, returns=inner.return_annotation)
        return call

    return decorate


def computing(threads: int | None) -> AbstractContextManager[None]:
    """With as many threads inside as a request says; None changes nothing."""
    if threads is None:  # a verb that does not compute loads no torch
        return nullcontext()
    from olaria.training.threads import saying

    return saying(threads)


def check_besides(kept: Mapping[str, Any]) -> None:
    """Refuse what is given beside a verb's settings and is of another type.

    Raises:
        UsageError: naming it.
    """
    for name, value in kept.items():
        if name == "offline" and not isinstance(value, bool):
            raise refused(name, value, N_("it must be true or false"))
        if name == "language" and value is not None and value not in LANGUAGES:
            reason = Message(N_("it must be one of {limit}"), {"limit": ", ".join(LANGUAGES)})
            raise refused(name, value, reason)
        if name in ("progress", "notify") and value is not None and not callable(value):
            raise refused(name, value, N_("it must be a function"))
        if name == "listeners" and not _are_functions(value):
            raise refused(name, value, N_("it must be a list of functions"))
        if name == "effort" and value is not None and not hasattr(value, "num_examples"):
            raise refused(name, value, N_("it must be an Effort"))


def _are_functions(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(callable, value))


def _named(
    request: type[Request], arguments: tuple[Any, ...], settings: dict[str, Any]
) -> dict[str, Any]:
    """Arguments without a name under that of their setting."""
    names = [one.name for one in request.declared() if one.about.positional]
    if len(arguments) > len(names) or settings.keys() & set(names[: len(arguments)]):
        raise UsageError(
            N_("without a name only these may be given, each once: {names}"), names=", ".join(names)
        )
    return {**dict(zip(names, arguments, strict=False)), **settings}


def describe(
    function: Any,
    request: type[Request],
    *,
    without: Collection[str] = (),
    before: Collection[inspect.Parameter] = (),
    besides: Collection[inspect.Parameter] = (),
    returns: Any = inspect.Signature.empty,
    unless: Mapping[str, str] = MappingProxyType({}),
    words: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Give a function the signature of a request, and a docstring that explains each setting.

    Args:
        function: whose ``__signature__`` and ``__doc__`` are set; its own docstring stays, before the settings.
        request: of the verb.
        without: settings that the function does not take, such as the run of a run's method.
        before: parameters that come first, such as ``self``.
        besides: parameters that are no settings.
        returns: annotation of the result.
        unless: what holds where a setting is not given, by its name, where that is not what holds in a shell.
        words: what explains each of ``besides`` that the function's own docstring does not.
    """
    settings = [one for one in request.declared() if one.name not in without]
    places = [_parameter(one) for one in settings if one.about.positional]
    named = [_parameter(one) for one in settings if not one.about.positional]
    for number, place in enumerate(places[:-1]):  # a default may not come before a place without
        if any(one.default is inspect.Parameter.empty for one in places[number + 1 :]):
            places[number] = place.replace(default=inspect.Parameter.empty)
    parameters = [*before, *places, *named, *besides]
    function.__signature__ = inspect.Signature(parameters, return_annotation=returns)
    function.__doc__ = _document(inspect.getdoc(function) or "", settings, unless, words)


def _parameter(one: Declared) -> inspect.Parameter:
    kind = (
        inspect.Parameter.POSITIONAL_OR_KEYWORD
        if one.about.positional
        else inspect.Parameter.KEYWORD_ONLY
    )
    default = inspect.Parameter.empty if one.is_required else one.default
    return inspect.Parameter(one.name, kind, default=default)


def _document(
    own: str, settings: list[Declared], others: Mapping[str, str], words: Mapping[str, str]
) -> str:
    """A docstring with the settings where its arguments stand, or after its first paragraph."""
    rows = []
    for one in settings:
        choices = f" ({', '.join(one.form.choices)})" if one.form.choices else ""
        unless = others.get(one.name, one.about.unless)
        value = unless.text() if isinstance(unless, Message) else unless
        ends = f"; {value} unless given" if value else ""
        rows.append(f"{one.name}: {one.about.help}{choices}{ends}.")
    rows += [f"{name}: {about}" for name, about in words.items() if f"    {name}: " not in own]
    listed = textwrap.indent("\n".join(rows), "    ")
    if "\nArgs:\n" in own:
        return own.replace("\nArgs:\n", f"\nArgs:\n{listed}\n", 1)
    first, _, rest = own.partition("\n\n")
    return "\n\n".join(part for part in (first, f"Args:\n{listed}", rest) if part)
