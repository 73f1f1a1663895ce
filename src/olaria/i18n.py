"""Languages: English source strings, gettext catalogs, Portuguese (Brazil) complete.

Text that a person will read is written once, in English, and marked with :func:`N_`. It travels as a
:class:`Message` (message id and fields) and becomes words only where it is shown, so that a run made in one
language reads in the other.
"""

from __future__ import annotations

import gettext
import math
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from olaria.characters import encodable
from olaria.numbers import Number, format_number

DOMAIN = "olaria"
LOCALES = Path(__file__).parent / "locales"
LANGUAGES = ("en", "pt")
_CATALOG = {"pt": "pt_BR"}
_UNKNOWN = "\0"
_MOST_LETTERS, _MOST_FIELD_LETTERS = 20_000, 1000
"""Of a stored sentence, and of one that is none of ours or a field of it."""
_MOST_NESTED, _MOST_DIGITS = 5, 20
_AGREES = re.compile(r"\{(\w+):([^{}|]*)\|([^{}|]*)\}")


def N_(text: str) -> str:
    """Mark ``text`` for the catalogs without translating it."""
    return text


def quoted(*words: str) -> str:
    """Words as a person can paste them into the shell of this system.

    >>> quoted("--resume", "runs/vae-2")
    '--resume runs/vae-2'
    """
    shown = [*map(encodable, words)]
    if os.name == "nt":
        from subprocess import list2cmdline

        return list2cmdline(shown)
    return shlex.join(shown)


def command(verb: str, *operands: str, options: Sequence[str] = ()) -> str:
    """A command of Olaria that can be pasted.

    Args:
        verb: what to do.
        operands: names and paths; one that begins with a dash is written so that it is no option.
        options: further words.

    >>> command("eval", "-vae", options=["--seed", "1"])
    'olaria eval ./-vae --seed 1'
    """
    plain = (f"./{word}" if word.startswith("-") else word for word in operands)
    return quoted("olaria", verb, *plain, *options)


def written(
    value: Any,
    language: str = "en",
    *,
    counts: bool = False,
    name: Callable[[Setting], str] = str,
) -> Any:
    """A field of a sentence in the reader's notation; what is no message, number or setting stays as it is.

    Args:
        value: of the field.
        language: of the reader.
        counts: whether whole numbers are counts, so that they get separators; else one may be a seed, a setting or a
            port, to be copied as it stands.
        name: how a setting is written.

    >>> written(60_000), written(60_000, counts=True), written(Number(60_000, 0), "pt")
    (60000, '60,000', '60.000')
    """
    if isinstance(value, Message):
        return value.text(language, name)
    if isinstance(value, Number):
        return value.text(language)
    if isinstance(value, Setting):
        return name(value)
    if isinstance(value, tuple):
        return ", ".join(str(written(one, language, name=name)) for one in value)
    if counts and isinstance(value, int) and not isinstance(value, bool):
        return format_number(value, language, 0)
    return value


@dataclass(frozen=True)
class Setting:
    """The name of a setting in a sentence; whoever shows the sentence writes it in its own way (``--class``, a label).

    Args:
        name: of a verb's setting, or the dotted path of a recipe's.
        value: what it is to be set to; empty where only the setting is meant.

    >>> Message("use {setting}", {"setting": Setting("unseen", "skip")}).text()
    'use unseen=skip'
    """

    name: str
    value: str = ""

    def __str__(self) -> str:
        if not self.value:
            return self.name
        is_word = re.fullmatch(r"[\w.:,+-]*", self.value)
        return f"{self.name}={self.value if is_word else repr(encodable(self.value))}"

    def to_json(self) -> dict[str, str]:
        """Its parts."""
        return {"setting": self.name, "value": self.value}

    @staticmethod
    def is_stored(value: Any) -> bool:
        """Whether a JSON value is what :meth:`to_json` makes of a setting."""
        return (
            isinstance(value, Mapping)
            and value.keys() == {"setting", "value"}
            and all(isinstance(part, str) for part in value.values())
        )


@dataclass(frozen=True)
class Message:
    """A sentence that is not yet in any language.

    Args:
        id: the English source string, with ``{name}`` fields, marked with :func:`N_`; what agrees with a count is
            written as in ``{count} {count:image|images}``, see :func:`agreeing`.
        fields: the values of its fields; plain JSON values, numbers to be written in the reader's notation, messages
            themselves, settings, or a tuple of settings or messages.
        is_plain: whether the sentence is from a file and in no catalog, so that only plain fields are filled in.

    >>> Message("no run named {name}", {"name": "vae"}).text("en")
    'no run named vae'
    """

    id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_plain: bool = field(default=False, compare=False)

    def text(self, language: str = "en", name: Callable[[Setting], str] = str) -> str:
        """The sentence in ``language`` (``"en"`` or ``"pt"``).

        Args:
            language: of the reader.
            name: how a setting is written.
        """
        if self.is_plain:
            return encodable(_filled_in(self, language, name))
        sentence = _Sentence(language, name).vformat(self.form(language), (), self.fields)
        return encodable(sentence)

    def form(self, language: str) -> str:
        """The sentence in ``language``, its fields not yet filled in."""
        return agreeing(translate(self.id, language), self.fields, language)

    def to_json(self) -> dict[str, Any]:
        """``{"id", "fields"}``, the form in which a run stores it.

        A :class:`Number` is a plain number among the fields, null where it is not finite. Where there are some,
        ``"digits"`` has the digits of each by the name of its field, null for significant ones.
        """
        stored = {"id": self.id, "fields": {key: _plain(x) for key, x in self.fields.items()}}
        digits = {key: x.digits for key, x in self.fields.items() if isinstance(x, Number)}
        return {**stored, "digits": digits} if digits else stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Message:
        """The inverse of :meth:`to_json`; a fraction stored without digits becomes a :class:`Number` too.

        A stored sentence may be a stranger's. Only what the catalogs hold is a form that fields are written into; in
        any other id, as an older run may have, plain fields (``{name}``) are filled in and nothing else is done.
        """
        return _message(stored, _MOST_NESTED)

    @staticmethod
    def is_stored(value: Any) -> bool:
        """Whether a JSON value is what :meth:`to_json` makes of a message."""
        return (
            isinstance(value, Mapping)
            and value.keys() - {"digits"} == {"id", "fields"}
            and isinstance(value["id"], str)
            and isinstance(value["fields"], Mapping)
        )


@dataclass(frozen=True)
class Prose(Message):
    """A message whose sentence stands in a document of each language, not in the catalogs.

    Args:
        forms: the sentence by language.

    >>> Prose.of({"en": "it is {x}", "pt": "é {x}"}, {"x": Number(0.5)}).text("pt")
    'é 0,5'
    """

    forms: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, forms: Mapping[str, str], fields: Mapping[str, Any] | None = None) -> Prose:
        """A sentence in every language, and the values of its fields."""
        return cls(forms[LANGUAGES[0]], fields or {}, forms=forms)

    def form(self, language: str) -> str:
        """That of its own document."""
        return agreeing(self.forms[language], self.fields, language)


class _Sentence(Formatter):
    """Writes each field in the sentence's own form where it has one (``{seconds:g}``), else by :func:`written`."""

    def __init__(self, language: str, name: Callable[[Setting], str]) -> None:
        self._language, self._name = language, name

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec:
            return format(value, format_spec)
        return str(written(value, self._language, name=self._name))


def _message(stored: Mapping[str, Any], depth: int) -> Message:
    """See :meth:`Message.from_json`; of sentences within sentences ``depth`` are read."""
    digits = stored.get("digits")
    digits = digits if isinstance(digits, Mapping) else {}

    def read(key: str, value: Any) -> Any:
        if Message.is_stored(value):
            return _message(value, depth - 1) if depth else "…"
        if Setting.is_stored(value):
            return Setting(value["setting"], value["value"])
        if isinstance(value, list) and value and all(map(Setting.is_stored, value)):
            return tuple(Setting(one["setting"], one["value"]) for one in value)
        if key in digits or isinstance(value, float):
            return Number(math.nan if value is None else value, digits.get(key))
        return value

    message = Message(stored["id"], {key: read(key, x) for key, x in stored["fields"].items()})
    if is_known(message.id) and all(
        places is None or places in range(_MOST_DIGITS) for places in digits.values()
    ):
        with suppress(LookupError, ValueError, TypeError, ArithmeticError):
            if all(len(message.text(language)) <= _MOST_LETTERS for language in LANGUAGES):
                return message
    return replace(message, is_plain=True)


def _filled_in(message: Message, language: str, name: Callable[[Setting], str]) -> str:
    """A sentence of no catalog with its plain fields: no form, attribute or index of a field counts."""

    def text_of(match: re.Match[str]) -> str:
        with suppress(LookupError, ValueError, TypeError, ArithmeticError):
            value = message.fields[match[1]]
            if isinstance(value, Number):
                places = value.digits if value.digits in range(_MOST_DIGITS) else None
                value = Number(float(value.value), places)
            if not isinstance(value, Mapping | list):
                return str(written(value, language, name=name))[:_MOST_FIELD_LETTERS]
        return match[0]

    counts = {
        key: 1 if isinstance(x, Number) and x.value == 1 else x
        for key, x in message.fields.items()
        if isinstance(x, int | str) or (isinstance(x, Number) and x.value == 1)
    }
    form = agreeing(message.id[:_MOST_FIELD_LETTERS], counts, language)
    sentence = re.sub(r"\{(\w+)(?::g)?\}", text_of, form)
    return sentence[:_MOST_LETTERS]


def _plain(value: Any) -> Any:
    """A field as JSON."""
    if isinstance(value, tuple):
        return [*map(_plain, value)]
    if isinstance(value, Message | Setting):
        return value.to_json()
    if isinstance(value, Number):
        return value.value if math.isfinite(value.value) else None
    return value


@cache
def _catalog(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALES, [_CATALOG[language]], fallback=True)


def agreeing(text: str, fields: Mapping[str, Any], language: str = "en") -> str:
    """``text`` with the words that agree with its counts: of ``{count:image|images}`` the first where it is 1.

    >>> agreeing("{count} {count:image|images}", {"count": 1}), agreeing("{n} {n:is|are}", {"n": "2"})
    ('{count} image', '{n} are')
    """

    def chosen(match: re.Match[str]) -> str:
        is_one = str(written(fields.get(match[1]), language)) == "1"
        return match[2] if is_one else match[3]

    return _AGREES.sub(chosen, text)


def is_known(text: str) -> bool:
    """Whether the catalogs hold a source string.

    >>> is_known("steps"), is_known("{x:>300000000}")
    (True, False)
    """
    return _known().gettext(text) != _UNKNOWN


@cache
def _known() -> gettext.NullTranslations:
    """The catalog, which answers what it does not hold with :data:`_UNKNOWN`."""

    class Unknown(gettext.NullTranslations):
        def gettext(self, message: str) -> str:
            return _UNKNOWN

    catalog = gettext.translation(DOMAIN, LOCALES, [*_CATALOG.values()], fallback=True)
    catalog.add_fallback(Unknown())
    return catalog


def translate(text: str, language: str = "en") -> str:
    """``text`` from the catalog of ``language``; itself where the catalog has no entry.

    >>> translate("steps", "en")
    'steps'
    """
    return _catalog(language).gettext(text) if text else text


def detect_language(environ: Mapping[str, str] | None = None) -> str:
    """The user's language: ``OLARIA_LANG``, then ``LC_ALL``, ``LC_MESSAGES``, ``LANG``; else English.

    >>> detect_language({"LANG": "pt_BR.UTF-8"})
    'pt'
    >>> detect_language({"OLARIA_LANG": "en", "LANG": "pt_BR.UTF-8"})
    'en'
    """
    environ = os.environ if environ is None else environ
    for name in ("OLARIA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environ.get(name, "").strip()
        if value:
            prefix = value[:2].lower()
            return prefix if prefix in LANGUAGES else "en"
    return "en"
