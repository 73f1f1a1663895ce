"""What is the same for every verb: ``--lang``, ``--offline``, ``--debug``, ``--version``, wherever they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from olaria.errors import UsageError
from olaria.i18n import LANGUAGES, N_

HELP = N_("show this help and exit")
EVERYWHERE = (
    ("--lang pt|en", N_("language of the output (default: the system's)")),
    ("--offline", N_("open no connection")),
    ("--debug", N_("show the details of an unexpected error")),
    ("--version", N_("show the version and exit")),
    ("--help", HELP),
)


@dataclass(frozen=True)
class Everywhere:
    """The options that any verb takes.

    Args:
        language: ``en`` or ``pt``.
        offline: open no connection.
        debug: show tracebacks.
        version: only say the version.
        chose_language: whether ``--lang`` was said.
    """

    language: str
    offline: bool = False
    debug: bool = False
    version: bool = False
    chose_language: bool = field(default=False, repr=False)


def split(
    arguments: list[str], language: str, takes_text: Callable[[str], bool]
) -> tuple[Everywhere, list[str]]:
    """Take the options of :data:`EVERYWHERE` out of a command's words; what asks for help becomes ``--help``.

    Args:
        arguments: the words after ``olaria``; those after ``--`` are left alone.
        language: where ``--lang`` is not given.
        takes_text: whether the word after an option is free text, and so never an option of ours.

    Raises:
        UsageError: ``--lang`` without a language, or with one that is not there.

    >>> split(["train", "vae-mnist", "--lang", "pt"], "en", lambda option: False)
    (Everywhere(language='pt', offline=False, debug=False, version=False), ['train', 'vae-mnist'])
    >>> split(["help", "runs", "list"], "en", lambda option: False)[1]
    ['runs', 'list', '--help']
    """
    everywhere, rest = Everywhere(language), list[str]()
    words = iter(arguments)
    for word in words:
        if word == "--":
            return everywhere, [*rest, word, *words]
        is_ours = word in ("--offline", "--debug", "--version", "-h") or word.startswith("--lang")
        if is_ours and rest and rest[-1].startswith("-") and takes_text(rest[-1]):
            rest.append(word)
        elif word in ("--offline", "--debug", "--version"):
            switch: dict[str, Any] = {word[2:]: True}
            everywhere = replace(everywhere, **switch)
        elif word == "-h":
            rest.append("--help")
        elif word == "--lang":
            everywhere = _speaking(everywhere, next(words, ""))
        elif word.startswith("--lang="):
            everywhere = _speaking(everywhere, word.removeprefix("--lang="))
        else:
            rest.append(word)
    if rest[:1] == ["help"]:
        rest = [*rest[1:], "--help"]
    return everywhere, rest


def _speaking(everywhere: Everywhere, word: str) -> Everywhere:
    if word not in LANGUAGES:
        raise UsageError(
            N_("--lang cannot be {word}: the languages are {languages}"),
            word=word or '""',
            languages=", ".join(LANGUAGES),
        )
    return replace(everywhere, language=word, chose_language=True)
