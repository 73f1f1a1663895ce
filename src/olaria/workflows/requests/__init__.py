"""What a verb takes, declared once: the command line, Python and whatever serves the verbs are made from it.

A request is a frozen dataclass. Its fields are settings, made by :func:`setting`: a type, a default, bounds and one
help text; the type alone says how a shell's text is read. Only the standard library is imported: help is instant.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    Self,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from olaria.errors import UsageError, suggestion
from olaria.i18n import N_, Message, Setting
from olaria.vocabulary import NamedCheckpoint
from olaria.workflows.requests import forms, several
from olaria.workflows.requests.forms import NO_LIMITS, Form, Limits

Seconds = Annotated[float, forms.Duration()]
"""A duration: seconds, or a text such as ``5m``."""
TwoClasses = Annotated[tuple[int, int], several.TwoClasses()]
"""Two classes, from 0."""
AnyRun = Annotated[Any, forms.Place()]
"""A run's name or folder; in Python also an opened run, which is a path too."""
AnyData = Annotated[Any, forms.Source()]
"""A data set's name, or the path of the user's own; in Python also the data themselves."""
AnyPlaces = Annotated[Any, several.OneOrSeveral(item=forms.Source())]
"""Where the data of runs lie; in Python also one place alone."""
AnySettings = Annotated[Any, forms.AnyObject()]
"""The path of a file of settings; in Python also what one says."""
Checkpoint = NamedCheckpoint | int
"""``last``, ``best``, or a step."""

_MISSING = dataclasses.MISSING
_ABOUT = "about"


@dataclass(frozen=True)
class About:
    """What is known of a setting besides its name, type and default.

    Args:
        help: English source string, a few words.
        limits: of a number.
        metavar: what stands for the value on a help page, a source string; made from the type where empty.
        flag: the command line's option; ``--`` and the name where empty.
        positional: whether the command line takes it without an option.
        by_commas: whether several stand in one word, with commas.
        unless: what holds where it is None: a value as a user would write it, or a message in words.
    """

    help: str
    limits: Limits = NO_LIMITS
    metavar: str = ""
    flag: str = ""
    positional: bool = False
    by_commas: bool = False
    unless: str | Message = ""


def setting(
    help: str,
    *,
    default: Any = _MISSING,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    **about: Any,
) -> Any:
    """A field of a request.

    Args:
        help: English source string, marked for the catalogs.
        default: what holds unless given; required where there is none.
        least, above, most, below: bounds of a number.
        **about: see :class:`About`.
    """
    known = About(help, Limits(least, above, most, below), **about)
    return dataclasses.field(default=default, metadata={_ABOUT: known})


@dataclass(frozen=True)
class Declared:
    """A setting as a shell needs it.

    Args:
        name: of the field.
        form: what its value may be.
        default: unless given; ``dataclasses.MISSING`` where it is required.
        is_optional: whether it may be None.
        about: its help and its words.
    """

    name: str
    form: Form
    default: Any
    is_optional: bool
    about: About

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is _MISSING

    @property
    def flag(self) -> str:
        """The command line's option."""
        return self.about.flag or "--" + self.name.replace("_", "-")

    @property
    def metavar(self) -> str:
        """What stands for its value on a help page, a source string."""
        return self.about.metavar or "|".join(self.form.choices) or self.name.upper()

    @property
    def unless_given(self) -> str | Message | None:
        """What holds where it is not given: a value as a user would write it, or words."""
        if self.about.unless:
            return self.about.unless
        is_nothing = self.default is None or self.default is False or self.default in ("", ())
        if self.is_required or is_nothing:
            return None
        return self.form.show(self.default)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        schema = {"description": self.about.help, **self.form.schema()}
        if self.is_optional:
            schema = {
                "description": self.about.help,
                "anyOf": [self.form.schema(), {"type": "null"}],
            }
        if not self.is_required:
            default = list(self.default) if isinstance(self.default, tuple) else self.default
            schema["default"] = default
        return schema


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a verb takes. A request that exists is sound: its values are checked where it is made.

    Raises:
        UsageError: a value is of the wrong type, out of bounds, no word of its list, or does not go with another.
    """

    summary: ClassVar[str] = ""
    """What the verb does, an English source string."""

    def __post_init__(self) -> None:
        for one in self.declared():
            value = getattr(self, one.name)
            if value is None and one.is_optional:
                continue
            if one.about.positional:
                forms.refuse_empty(one.name, value)
            object.__setattr__(self, one.name, one.form.check(one.name, value))
        self.check()

    def check(self) -> None:
        """Refuse settings that do not go with each other.

        Raises:
            UsageError: naming them.
        """

    @classmethod
    def declared(cls) -> tuple[Declared, ...]:
        """Every setting, in the order in which it is declared."""
        return _declared(cast(Any, cls))  # a class is hashable, which mypy doubts of a dataclass's

    @classmethod
    def of(cls, **values: Any) -> Self:
        """The request with these settings; those of the class unless given.

        Raises:
            UsageError: a setting is unknown (the nearest name is offered) or missing, or see :class:`Request`.
        """
        known = {one.name: one for one in cls.declared()}
        for name in values:
            if name not in known:
                hint = suggestion(name, known)
                raise UsageError(N_("unknown setting {path}: {hint}"), path=name, hint=hint)
        for one in known.values():
            if one.is_required and one.name not in values:
                raise UsageError(N_("the setting {path} is missing"), path=Setting(one.name))
        return cls(**values)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The request of a JSON object, as :meth:`of`."""
        return cls.of(**values)

    @classmethod
    def from_words(cls, words: Mapping[str, Any]) -> Self:
        """The request of a shell's words.

        Args:
            words: a text for each setting that was given, a list of them where it may be repeated, a bool of a switch;
                None where it was not.

        Raises:
            UsageError: see :class:`Request`.
        """
        forms_of = {one.name: one.form for one in cls.declared()}
        given = {name: text for name, text in words.items() if text is not None}
        return cls.of(**{name: forms_of[name].read(name, text) for name, text in given.items()})

    def to_words(self) -> list[str]:
        """The words of a shell that make this request: the inverse of :meth:`from_words`, without what is default."""
        words: list[str] = []
        for one in self.declared():
            value, form = getattr(self, one.name), one.form
            if value is None or value == one.default:
                continue
            if not form.takes_value:
                words.append(one.flag)
                continue
            item = getattr(form, "item", form)
            texts = map(item.write, value) if form.is_repeated else [form.write(value)]
            words += texts if one.about.positional else (f"{one.flag}={text}" for text in texts)
        return words

    @classmethod
    def words(cls) -> tuple[str, tuple[tuple[str, str], ...]] | None:
        """For a help page, words that a setting takes where they are many: a heading, and each with what it means."""
        return None

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """What :meth:`from_json` takes, as a JSON Schema."""
        settings = cls.declared()
        return {
            "type": "object",
            "description": cls.summary,
            "properties": {one.name: one.schema() for one in settings},
            "required": [one.name for one in settings if one.is_required],
            "additionalProperties": False,
        }


class Result:
    """What a verb gives back."""

    def to_json(self) -> dict[str, Any]:
        """The document that a shell hands to another program."""
        raise NotImplementedError

    @property
    def notes(self) -> Sequence[Message]:
        """What a person should know of it."""
        return ()

    def saved(self) -> Self:
        """The same with the files that a shell leaves behind, under free names where none was given."""
        return self

    @property
    def is_good(self) -> bool:
        """Whether what was examined is as it should be."""
        return True


class Document(dict[str, Any], Result):
    """A result that is its JSON document, and no more."""

    def to_json(self) -> dict[str, Any]:
        """Itself."""
        return {**self}

    @property
    def is_good(self) -> bool:
        """What it says of itself, where it does."""
        return bool(self.get("ok", True))


@cache
def _declared(request: type[Request]) -> tuple[Declared, ...]:
    hints = get_type_hints(request, include_extras=True)
    found = []
    for field in dataclasses.fields(request):
        about: About = field.metadata[_ABOUT]
        form, is_optional = _form_of(hints[field.name], about)
        found.append(Declared(field.name, form, field.default, is_optional, about))
    return tuple(found)


def _form_of(annotation: Any, about: About) -> tuple[Form, bool]:
    """The form that a type stands for, and whether None is one of its values."""
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[1], False
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        is_optional = len(members) < len(get_args(annotation))
        if int in members and len(members) > 1:
            (words,) = (member for member in members if member is not int)
            return forms.Choice(words=get_args(words), or_number=True), is_optional
        if set(members) == {str, Path}:
            return forms.Place(), is_optional
        (member,) = members
        return _form_of(member, about)[0], is_optional
    if get_origin(annotation) is Literal:
        return forms.Choice(words=get_args(annotation)), False
    if get_origin(annotation) is tuple:
        item = _form_of(get_args(annotation)[0], about)[0]
        return several.Several(limits=about.limits, item=item, by_commas=about.by_commas), False
    return _PLAIN[annotation](limits=about.limits), False


_PLAIN: dict[Any, type[Form]] = {
    bool: forms.Switch,
    int: forms.Whole,
    float: forms.Decimal,
    str: Form,
    Path: forms.Place,
    os.PathLike: forms.Place,
}
