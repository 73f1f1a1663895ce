"""What the value of a setting may be: read from a shell's text, or checked as it comes from Python and JSON."""

from __future__ import annotations

import json
import math
import operator
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from olaria.characters import encodable
from olaria.errors import UsageError, suggestion
from olaria.i18n import N_, Message, Setting
from olaria.storage.paths import user_path

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_NO_NAMES = (bool, int, float, bytes, Mapping, list, tuple, set)
_SHOWN, _MOST_BITS = 80, 1024
"""Characters of a wrong value that a message repeats."""


@dataclass(frozen=True)
class Limits:
    """Bounds of a number; None where there is none.

    Args:
        least: the smallest that may be.
        above: what it must be greater than.
        most: the largest that may be.
        below: what it must be smaller than.
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def problem(self, value: float) -> Message | None:
        """Why a number is out of bounds, None where it is not."""
        broken = (
            (self.least, operator.lt, N_("it must be at least {limit}")),
            (self.above, operator.le, N_("it must be greater than {limit}")),
            (self.most, operator.gt, N_("it must be at most {limit}")),
            (self.below, operator.ge, N_("it must be less than {limit}")),
        )
        for limit, breaks, message_id in broken:
            if limit is not None and breaks(value, limit):
                return Message(message_id, {"limit": limit})
        return None

    def schema(self) -> dict[str, Any]:
        """In the words of JSON Schema."""
        names = {
            "minimum": self.least,
            "exclusiveMinimum": self.above,
            "maximum": self.most,
            "exclusiveMaximum": self.below,
        }
        return {name: limit for name, limit in names.items() if limit is not None}


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Form:
    """Any text."""

    limits: Limits = NO_LIMITS

    @property
    def choices(self) -> tuple[str, ...]:
        """Every word that may be, where they are words of a list."""
        return ()

    @property
    def takes_value(self) -> bool:
        """Whether a shell's option needs a word after it."""
        return True

    @property
    def is_repeated(self) -> bool:
        """Whether a shell's option may be repeated."""
        return False

    def read(self, name: str, text: Any) -> Any:
        """The value that a shell's text stands for; :meth:`check` takes it on.

        Raises:
            UsageError: it is no such text.
        """
        return text

    def check(self, name: str, value: Any) -> Any:
        """The value as the request holds it.

        Args:
            name: of the setting, for the error.
            value: as it came.

        Raises:
            UsageError: it is of another type, out of bounds, or no word of the list.
        """
        if not isinstance(value, str):
            raise refused(name, value, N_("it must be text"))
        if value != encodable(value):
            raise refused(name, value, N_("it must be UTF-8"))
        return value

    def show(self, value: Any) -> str:
        """A value as a shell's user would write it."""
        return str(value)

    def write(self, value: Any) -> str:
        """A value as :meth:`read` takes it, to the last digit; :meth:`show` is for people."""
        return self.show(value)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the value."""
        return {"type": "string"}


ANY_TEXT = Form()


@dataclass(frozen=True)
class Switch(Form):
    """True or false."""

    @property
    def takes_value(self) -> bool:
        return False

    def check(self, name: str, value: Any) -> Any:
        if isinstance(value, bool):
            return value
        raise refused(name, value, N_("it must be true or false"))

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Whole(Form):
    """A whole number."""

    def read(self, name: str, text: Any) -> Any:
        return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else text

    def check(self, name: str, value: Any) -> Any:
        limits = self.limits
        try:
            number = None if isinstance(value, bool) else operator.index(value)
        except TypeError:
            number = None
        if number is not None and limits.problem(number) is None:
            return number
        least = limits.least or 0
        if number is not None and limits.most is not None and number > limits.most:
            raise refused(
                name, number, Message(N_("it must be at most {limit}"), {"limit": limits.most})
            )
        if limits.below is None:
            raise UsageError(
                N_("{option} cannot be {value}: it must be a whole number, at least {least}"),
                option=Setting(name),
                value=shown(value),
                least=least,
            )
        raise UsageError(
            N_("{option} cannot be {value}: it must be a whole number from {least} to {most}"),
            option=Setting(name),
            value=shown(value),
            least=least,
            most=int(limits.below) - 1,
        )

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", **self.limits.schema()}


@dataclass(frozen=True)
class Decimal(Form):
    """A finite number."""

    def read(self, name: str, text: Any) -> Any:
        try:
            number = float(text)
        except ValueError:
            return text
        return number if math.isfinite(number) else text

    def check(self, name: str, value: Any) -> Any:
        number = _number(value)
        if not math.isfinite(number):
            raise UsageError(
                N_("{option} cannot be {value}: it must be a number, such as 0.8"),
                option=Setting(name),
                value=shown(value),
            )
        problem = self.limits.problem(number)
        if problem is not None:
            raise refused(name, f"{number:g}", problem)
        return number

    def show(self, value: Any) -> str:
        return f"{value:g}"

    def write(self, value: Any) -> str:
        return repr(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", **self.limits.schema()}


@dataclass(frozen=True)
class Duration(Form):
    """Seconds: a number of them, or a text such as ``90s``, ``5m`` or ``1h``.

    >>> Duration().check("budget", "1.5m"), Duration().show(300.0)
    (90.0, '5m')
    """

    def check(self, name: str, value: Any) -> Any:
        seconds = -1.0
        if isinstance(value, str):
            match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(s|m|min|h|)", value.strip())
            seconds = float(match[1]) * _UNITS_S[match[2]] if match else -1.0
        else:
            seconds = _number(value)
        if not 0 < seconds < math.inf:
            raise UsageError(
                N_("{option} cannot be {value}: write a duration such as 90s, 5m or 1h"),
                option=Setting(name),
                value=shown(value),
            )
        return seconds

    def show(self, value: Any) -> str:
        for unit in ("h", "m"):
            if value % _UNITS_S[unit] == 0:
                return f"{value / _UNITS_S[unit]:g}{unit}"
        return f"{value:g}s"

    def write(self, value: Any) -> str:
        digits = f"{value:.9f}".rstrip("0").rstrip(".")
        return f"{digits}s"

    def schema(self) -> dict[str, Any]:
        return {"type": ["number", "string"], "exclusiveMinimum": 0}


@dataclass(frozen=True)
class Choice(Form):
    """A word of a list.

    Args:
        words: the list.
        or_number: whether a whole number may stand for one, such as a step for a checkpoint.
    """

    words: tuple[str, ...] = ()
    or_number: bool = False

    @property
    def choices(self) -> tuple[str, ...]:
        return self.words

    def read(self, name: str, text: Any) -> Any:
        return int(text) if self.or_number and re.fullmatch(r"[0-9]{1,19}", text) else text

    def check(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value
        if self.or_number and not isinstance(value, str):
            return Whole(Limits(least=0)).check(name, value)
        if self.or_number:
            fields = {"words": ", ".join(self.words)}
            raise refused(name, value, Message(N_("it must be {words} or a whole number"), fields))
        raise UsageError(
            N_("{option} cannot be {value}: {hint}"),
            option=Setting(name),
            value=shown(value),
            hint=suggestion(str(value), self.words),
        )

    def schema(self) -> dict[str, Any]:
        listed = {"enum": list(self.words)}
        return {"anyOf": [listed, {"type": "integer", "minimum": 0}]} if self.or_number else listed


@dataclass(frozen=True)
class Place(Form):
    """A path, or the name of a run; one that begins with ``~`` becomes a path in the home folder."""

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, str | os.PathLike):
            raise refused(name, value, N_("it must be text"))
        refuse_empty(name, value)
        if not isinstance(value, str | Path):  # an opened run
            return value
        path = user_path(value)
        if path == Path(value):
            return value
        is_folder = str(value).endswith(("/", os.sep))  # told so by a text
        return path if isinstance(value, Path) else f"{path}{os.sep if is_folder else ''}"

    def show(self, value: Any) -> str:
        return str(value)


@dataclass(frozen=True)
class AnyObject(Form):
    """A name or a path in a shell; in Python also the thing itself, which the verb knows how to use."""

    def check(self, name: str, value: Any) -> Any:
        if value is None or isinstance(value, _NO_NAMES):
            raise refused(name, value, N_("it must be text"))
        refuse_empty(name, value)
        return value


def _is_array(value: Any) -> bool:
    has_both = hasattr(value, "shape") and hasattr(value, "dtype")
    return has_both or hasattr(value, "__array__") or hasattr(value, "__array_interface__")


@dataclass(frozen=True)
class Source(Form):
    """Data: a name or a path; in Python also an array, what NumPy makes one of, or a pair, which the verb checks."""

    def check(self, name: str, value: Any) -> Any:
        if isinstance(value, str | os.PathLike):
            refuse_empty(name, value)
            return value
        parts = value if isinstance(value, tuple) and len(value) == 2 else (value,)
        if all(map(_is_array, parts)):
            return value
        is_short = value is None or isinstance(value, bool | int | float)
        shown = value if is_short else type(value).__name__  # whatever it is full of
        raise refused(name, shown, N_("it must be a name, a path or an array"))


def refuse_empty(name: str, value: Any) -> None:
    """An empty text, as of a shell's variable that is not set, names nothing; as a path it would be the working folder.

    Raises:
        UsageError: it is empty, or blank.
    """
    if isinstance(value, str) and not value.strip():
        raise UsageError(N_("{option} is empty; give it a name or a path"), option=Setting(name))


def _number(value: Any) -> float:
    """A number of any type; NaN of what is none, infinity of one that is too large."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def refused(name: str, value: Any, reason: str | Message) -> UsageError:
    """The error of a value that cannot be, with the reason why."""
    why = reason if isinstance(reason, Message) else Message(reason)
    fields = {"path": Setting(name), "value": shown(value), "reason": why}
    return UsageError(N_("{path} cannot be {value}: {reason}"), **fields)


def shown(value: Any) -> str:
    """A wrong value in a message."""
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:  # Python would not write it
        return "…"
    return json.dumps(value, default=str, ensure_ascii=False)[:_SHOWN]
