"""What is the same for every verb: ``--lang``, ``--offline``, ``--debug``, ``--version``, wherever they stand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from olaria.errors import UsageError
from olaria.i18n import LANGUAGES, N_

TEXT_OPTIONS = ("--prompt", "--title", "--author", "--course")
"""Their value is free text: a word after them is never an option of ours."""

EVERYWHERE = (
    ("--lang pt|en", N_("language of all that is shown; the system's unless given")),
    ("--offline", N_("open no connection")),
    ("--debug", N_("show the details of an unexpected error")),
    ("--version", N_("show the version and exit")),
    ("--help", N_("show this help and exit")),
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


def split(arguments: list[str], language: str) -> tuple[Everywhere, list[str]]:
    """Take the options of :data:`EVERYWHERE` (but ``--help``) out of a command's words.

    Args:
        arguments: the words after ``olaria``; those after ``--`` are left alone.
        language: where ``--lang`` is not given.

    Raises:
        UsageError: ``--lang`` without a language, or with one that is not there.

    >>> split(["train", "vae-mnist", "--lang", "pt"], "en")
    (Everywhere(language='pt', offline=False, debug=False, version=False), ['train', 'vae-mnist'])
    """
    everywhere, rest = Everywhere(language), list[str]()
    words = iter(arguments)
    for word in words:
        if word == "--":
            return everywhere, [*rest, word, *words]
        if rest and rest[-1] in TEXT_OPTIONS:
            rest.append(word)
        elif word in ("--offline", "--debug", "--version"):
            switch: dict[str, Any] = {word[2:]: True}
            everywhere = replace(everywhere, **switch)
        elif word == "--lang":
            everywhere = _speaking(everywhere, next(words, ""))
        elif word.startswith("--lang="):
            everywhere = _speaking(everywhere, word.removeprefix("--lang="))
        else:
            rest.append(word)
    return everywhere, rest


def _speaking(everywhere: Everywhere, word: str) -> Everywhere:
    if word not in LANGUAGES:
        raise UsageError(
            N_("--lang cannot be {word}: the languages are {languages}"),
            word=word or '""',
            languages=", ".join(LANGUAGES),
        )
    return replace(everywhere, language=word, chose_language=True)
