"""Languages: English source strings, gettext catalogs, Portuguese (Brazil) complete.

Text that a person will read is written once, in English, and marked with :func:`N_`. It travels as a
:class:`Message` (message id and fields) and becomes words only where it is shown (``cli``, ``web``,
``pages``), so that a run made in one language reads in the other.
"""

from __future__ import annotations

import gettext
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

DOMAIN = "olaria"
LOCALES = Path(__file__).parent / "locales"
LANGUAGES = ("en", "pt")
_CATALOG = {"pt": "pt_BR"}


def N_(text: str) -> str:
    """Mark ``text`` for the catalogs without translating it."""
    return text


@dataclass(frozen=True)
class Number:
    """A number in a sentence, written in the reader's notation.

    Args:
        value: the number.
        digits: of its fraction; four significant digits where None.

    >>> Message("it is {x}", {"x": Number(0.5)}).text("pt")
    'it is 0,5'
    """

    value: float
    digits: int | None = None

    def text(self, language: str = "en") -> str:
        """See :func:`format_number` and :func:`format_significant`."""
        if self.digits is None:
            return format_significant(self.value, language)
        return format_number(self.value, language, self.digits)

    def to_json(self) -> float:
        """The number alone."""
        return self.value


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
        return f"{self.name}={self.value}" if self.value else self.name

    def to_json(self) -> dict[str, str]:
        """Its parts."""
        return {"setting": self.name, "value": self.value}


@dataclass(frozen=True)
class Message:
    """A sentence that is not yet in any language.

    Args:
        id: the English source string, with ``{name}`` fields, marked with :func:`N_`.
        fields: the values of its fields; plain JSON values, numbers to be written in the reader's notation, messages
            themselves, settings, or a tuple of settings.

    >>> Message("no run named {name}", {"name": "vae"}).text("en")
    'no run named vae'
    """

    id: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: str = "en", name: Callable[[Setting], str] = str) -> str:
        """The sentence in ``language`` (``"en"`` or ``"pt"``).

        Args:
            language: of the reader.
            name: how a setting is written.
        """

        def written(value: Any) -> Any:
            if isinstance(value, Message):
                return value.text(language, name)
            if isinstance(value, Setting):
                return name(value)
            if isinstance(value, tuple):
                return ", ".join(map(name, value))
            return value.text(language) if isinstance(value, Number) else value

        values = {key: written(value) for key, value in self.fields.items()}
        return translate(self.id, language).format(**values)

    def to_json(self) -> dict[str, Any]:
        """``{"id", "fields"}``, the form in which a run stores it; a :class:`Number` is stored as the bare number."""

        def stored(value: Any) -> Any:
            if isinstance(value, tuple):
                return [*map(stored, value)]
            return value.to_json() if isinstance(value, Message | Number | Setting) else value

        return {"id": self.id, "fields": {key: stored(value) for key, value in self.fields.items()}}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Message:
        """The inverse of :meth:`to_json`."""

        def restored(value: Any) -> Any:
            if isinstance(value, Mapping) and value.keys() == {"id", "fields"}:
                return cls.from_json(value)
            if isinstance(value, Mapping) and value.keys() == {"setting", "value"}:
                return Setting(value["setting"], value["value"])
            if isinstance(value, list):
                items = tuple(map(restored, value))
                return items if items and all(isinstance(one, Setting) for one in items) else value
            return value

        return cls(stored["id"], {key: restored(value) for key, value in stored["fields"].items()})


@cache
def _catalog(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALES, [_CATALOG[language]], fallback=True)


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
        value = environ.get(name, "")
        if value:
            prefix = value[:2].lower()
            return prefix if prefix in LANGUAGES else "en"
    return "en"


def format_number(value: float, language: str = "en", digits: int = 2) -> str:
    """``value`` with ``digits`` decimals and the language's separators.

    >>> format_number(1234.5, "pt", 1)
    '1.234,5'
    """
    text = f"{value:,.{digits}f}"
    if language == "pt":
        text = text.translate(str.maketrans(",.", ".,"))
    return text.replace("-", "\N{MINUS SIGN}")


def format_significant(value: float, language: str = "en") -> str:
    """``value`` with four significant digits, less the zeros at its end.

    >>> format_significant(0.012345), format_significant(100.0), format_significant(float("nan"))
    ('0.01235', '100', '—')
    """
    if not math.isfinite(value):
        return "—" if math.isnan(value) else "∞" if value > 0 else "\N{MINUS SIGN}∞"
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    digits = max(0, 3 - magnitude)
    while digits and round(value, digits) == round(value, digits - 1):
        digits -= 1
    return format_number(value, language, digits)
