"""Settings that take several values: any number of them, or two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting
from olaria.workflows.requests.forms import ANY_TEXT, Form, Limits, Whole, refused, shown


@dataclass(frozen=True)
class Several(Form):
    """Any number of values, given one by one or, where ``by_commas``, in one word."""

    item: Form = ANY_TEXT
    by_commas: bool = False

    @property
    def choices(self) -> tuple[str, ...]:
        return () if self.by_commas else self.item.choices

    @property
    def is_repeated(self) -> bool:
        return not self.by_commas

    def read(self, name: str, text: Any) -> Any:
        parts = text.split(",") if self.by_commas else text
        words = [part.strip() if self.by_commas else part for part in parts]
        return tuple(self.item.read(name, word) for word in words)

    def check(self, name: str, value: Any) -> Any:
        if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
            raise refused(name, value, N_("it must be a list"))
        items = tuple(self.item.check(name, one) for one in value)
        least = self.limits.least or 0
        if len(items) < least:
            reason = Message(
                N_("it must have at least {limit} {limit:item|items}"), {"limit": least}
            )
            raise refused(name, list(items), reason)
        return items

    def show(self, value: Any) -> str:
        return ",".join(map(self.item.show, value))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema()}


@dataclass(frozen=True)
class OneOrSeveral(Several):
    """Values given one by one; in Python one of them may stand alone."""

    def check(self, name: str, value: Any) -> Any:
        try:
            return (self.item.check(name, value),)
        except UsageError:
            return super().check(name, value)


@dataclass(frozen=True)
class TwoClasses(Form):
    """Two classes, from 0: ``3:8`` in a shell."""

    def read(self, name: str, text: Any) -> Any:
        parts = text.split(":")
        if len(parts) != 2 or not all(parts):
            raise self._refused(name, text)
        return tuple(Whole().read(name, part) for part in parts)

    def check(self, name: str, value: Any) -> Any:
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
            raise self._refused(name, value)
        return tuple(Whole(Limits(least=0)).check(name, number) for number in value)

    def _refused(self, name: str, value: Any) -> UsageError:
        return UsageError(
            N_("{option} takes two classes, such as 3:8, not {text}"),
            option=Setting(name),
            text=shown(value),
        )

    def show(self, value: Any) -> str:
        return ":".join(map(str, value))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
