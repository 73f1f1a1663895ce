"""``olaria completion``, and what a shell gets that asks which words may follow."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import get_args

from olaria.cli.shell import Shell
from olaria.cli.verb import JSON, Verb, quick
from olaria.cli.words import EVERYWHERE, HELP
from olaria.errors import OlariaError
from olaria.i18n import LANGUAGES, translate
from olaria.vocabulary import DataSetName, PresetName
from olaria.workflows.completion import ASKED, CompletionRequest, completion
from olaria.workflows.requests import Declared, Document, Request

__all__ = ["ASKED", "VERB", "answer"]

Offer = tuple[str, str]
"""A word that may follow, and what it means, a source string."""
Groups = Mapping[str, tuple[Mapping[str, Verb], str]]
"""Verbs by the name of their group, and what the group is for."""
_PATHS = ("FILE", "FOLDER", "DIR", "PATH", "RUN", "DATA")
"""Parts of metavars that a path may stand for."""


def _show(shell: Shell, found: Document) -> None:
    shell.line(found["script"].rstrip())


VERB = Verb(CompletionRequest, quick(completion), _show)


def answer(
    words: Sequence[str],
    shell: Shell,
    verbs: Mapping[str, Verb],
    groups: Groups,
    style: str,
) -> None:
    """Tell a shell which words may follow, in the form of :data:`ASKED`.

    Args:
        words: those of the command line after ``olaria``; the last one is being written.
        shell: that is spoken to.
        verbs: by name.
        groups: of further verbs.
        style: ``bash``, ``zsh`` or ``fish``. Bash cuts words at ``=`` and ``:``, and replaces what follows the last.
    """
    *before, current = [*(_joined(words) if style == "bash" else words)] or [""]
    found, takes_paths = list[Offer](), False
    with suppress(OlariaError, OSError):
        found, takes_paths = _offers(before, current, verbs, groups)
    shell.line("files" if takes_paths else "words")
    cut = max(current.rfind("="), current.rfind(":")) + 1 if style == "bash" else 0
    for word, about in found:
        if word.startswith(current):
            shown = re.sub(r"([^\w@%+=:,./~-])", r"\\\1", word[cut:]) if style == "bash" else word
            shell.line(f"{shown}\t{translate(about, shell.language)}")


def _joined(words: Iterable[str]) -> list[str]:
    """Bash's pieces as the words that they were, without their quotes.

    >>> _joined(["eval", "--checkpoint", "=", "la", "my\\\\ run"])
    ['eval', '--checkpoint=la', 'my run']
    """
    whole, is_open = list[str](), False
    for word in words:
        breaks = bool(word) and not word.strip("=:")
        if whole and (breaks or is_open):
            whole[-1] += word
        else:
            whole.append(word)
        is_open = breaks
    return [_unquoted(word) for word in whole]


def _unquoted(word: str) -> str:
    for closed in (word, word + "'", word + '"'):
        with suppress(ValueError):
            return "".join(shlex.split(closed))
    return word


def _offers(
    before: Sequence[str],
    current: str,
    verbs: Mapping[str, Verb],
    groups: Groups,
) -> tuple[list[Offer], bool]:
    """What may follow, and whether a path may."""
    if before and before[-1] == "--lang":
        return [(name, "") for name in LANGUAGES], False
    everywhere = [(names.split()[0], about) for names, about in EVERYWHERE]
    words = _without_everywhere(before, {name for name, _ in everywhere})
    wants_help = words[:1] == ["help"]
    words = words[wants_help:]
    group = groups.get(words[0]) if words else None
    listed = verbs if group is None else group[0]
    if group is not None:
        words = words[1:]
    if words:
        verb = listed.get(words[0])
        if verb is None or wants_help:
            return [], False
        return _of_request(verb.request, words[1:], current, everywhere)
    found = [(name, verb.summary) for name, verb in listed.items()]
    if group is None:
        found += [(name, about) for name, (_, about) in groups.items()]
        found += [] if wants_help else [("help", HELP)]
    return [*found, *(everywhere if current.startswith("-") else [])], False


def _without_everywhere(words: Sequence[str], options: set[str]) -> list[str]:
    left, rest = list[str](), iter(words)
    for word in rest:
        if word == "--lang":
            next(rest, None)
        elif word.partition("=")[0] not in options:
            left.append(word)
    return left


def _of_request(
    request: type[Request], given: Sequence[str], current: str, everywhere: Sequence[Offer]
) -> tuple[list[Offer], bool]:
    declared = request.declared()
    flags = {one.flag: one for one in declared if not one.about.positional}
    places = [one for one in declared if one.about.positional]
    used, at, waiting = set[str](), 0, None
    for word in given:
        flag, equals, _ = word.partition("=")
        if waiting is not None:
            waiting = None
        elif word.startswith("-"):
            used.add(flag)
            one = flags.get(flag)
            waiting = one if one is not None and one.form.takes_value and not equals else None
        else:
            at += 1
    if waiting is not None:
        return _values(waiting, request, current)
    flag, equals, value = current.partition("=")
    if equals and flag in flags:
        found, takes_paths = _values(flags[flag], request, value)
        return [(f"{flag}={word}", about) for word, about in found], takes_paths
    options = [
        (flag, one.about.help)
        for flag, one in flags.items()
        if flag not in used or one.form.is_repeated
    ]
    options += [JSON, *everywhere]
    if current.startswith("-"):
        return options, False
    if places and places[-1].form.is_repeated:
        at = min(at, len(places) - 1)
    return _values(places[at], request, current) if at < len(places) else (options, False)


def _values(one: Declared, request: type[Request], current: str) -> tuple[list[Offer], bool]:
    """Words that a setting may be set to, and whether a path may stand there."""
    form = getattr(one.form, "item", one.form)
    stems = one.metavar.rstrip(".").split("|")
    found: list[Offer] = [(word, "") for word in form.choices]
    if not found:
        found = [*_names(stems, one, request), *((stem, "") for stem in stems if stem.islower())]
    if one.about.by_commas:
        begun = current[: current.rfind(",") + 1]
        found = [(begun + word, about) for word, about in found]
    return found, not set(stems).isdisjoint(_PATHS)


def _names(stems: Sequence[str], one: Declared, request: type[Request]) -> Iterator[Offer]:
    """What a metavar stands for. Tables take long to load: their names are words of the vocabulary too."""
    if "RUN" in stems:
        from olaria.storage.listed import list_runs, runs_home

        home = runs_home()
        yield from ((path.relative_to(home).as_posix(), "") for path in list_runs())
    elif "PRESET" in stems:
        yield from ((name, "") for name in get_args(PresetName))
    elif "METRIC" in stems:
        yield from (request.words() or ("", ()))[1]
    elif stems in (["DATA"], ["NAME", "PATH"]) or (stems == ["NAME"] and one.about.positional):
        yield from ((name, "") for name in get_args(DataSetName))
