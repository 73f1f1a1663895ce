"""The base of every configuration: strict, frozen, and helpful about a wrong name.

This module knows no family; each family declares its own :class:`Config` beside its model.
"""

from __future__ import annotations

import ast
import copy
import inspect
import json
import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from olaria.characters import encodable, encodable_json
from olaria.errors import ConfigError, suggestion
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def _stored(value: Any) -> Any:
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    return encodable(value) if isinstance(value, str) else value


PathName = Annotated[str, BeforeValidator(_stored)]
"""The path of a user's file; a byte of it that is not UTF-8 is kept as an escape."""


class Config(BaseModel):
    """Strict settings: unknown names and wrong types are errors; values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """Check ``values`` (plain JSON types) and build the configuration.

        Args:
            values: setting name to value.
            where: what is being read (a path, ``model``), for the error.

        Raises:
            ConfigError: a setting is unknown (the nearest name is offered) or has a wrong value.
        """
        try:
            return cls.model_validate_json(encodable_json(values))
        except ValidationError as error:
            raise _explain(error, cls, where) from None

    def updated(self, path: str, value: Any) -> Self:
        """A checked copy in which the setting at the dotted ``path`` is ``value``.

        Raises:
            ConfigError: there is no such setting, or the value does not fit it.
        """
        return self.with_values({path: value})

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A checked copy with several settings, by dotted path; checked together, so that their order is no matter.

        Raises:
            ConfigError: of the first that is wrong; see :meth:`updated`.
        """
        if not values:
            return self
        content = self.model_dump(mode="json")
        try:
            for path, value in values.items():
                _put(content, path, value)
            return type(self).parse(content)
        except ConfigError:
            if len(values) == 1:
                raise
        changed = self  # one after the other, the first that is wrong is the one that raises
        for path, value in values.items():
            changed = changed.updated(path, value)
        return changed


@cache
def meanings(config: type[Config]) -> dict[str, str]:
    """What each setting means: the text under its field, in its own class or the nearest above, as a source string.

    The sources are read, so that the text stands once and nobody else pays for it.
    """
    found: dict[str, str] = {}
    for cls in reversed(config.__mro__):
        if issubclass(cls, Config) and cls is not Config:
            (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
            assert isinstance(definition, ast.ClassDef)
            found |= dict(texts_of_fields(definition))
    return {name: found.get(name, "") for name in config.model_fields}


def texts_of_fields(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    r"""Name and text of each field that has one, on one line and without the marks of code.

    >>> [*texts_of_fields(ast.parse("class A:\n  x: int\n  'With ``y``.'\n  y: int").body[0])]
    [('x', 'With y.')]
    """
    for field, text in pairwise(definition.body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(str(words))):
                yield name, " ".join(words.replace("``", "").split())


def _put(content: dict[str, Any], path: str, value: Any) -> None:
    """Set a value of a dumped configuration."""
    node: Any = content
    *parents, last = path.split(".")
    for name in parents:
        if not isinstance(node, dict) or not isinstance(node.get(name), dict):
            raise _unknown_setting(path, name, node)
        node = node[name]
    if last not in node:
        raise _unknown_setting(path, last, node)
    node[last] = copy.deepcopy(value)  # a later path may lead into it


def parse_value(text: str) -> Any:
    """A ``--set`` value as JSON where it is JSON, else as the string it is.

    >>> parse_value("4"), parse_value("[1, 2]"), parse_value("hinge")
    (4, [1, 2], 'hinge')
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # a number of thousands of digits is no JSON either
        return text


def _unknown_setting(path: str, name: str, node: Any) -> ConfigError:
    known = list(node) if isinstance(node, dict) else []
    return ConfigError(
        N_("unknown setting {path}: {hint}"), path=path, hint=suggestion(name, known)
    )


def _explain(error: ValidationError, cls: type[BaseModel], where: str) -> ConfigError:
    """The first problem of a pydantic report as one line of ours."""
    first = error.errors(include_url=False)[0]
    context = first.get("ctx", {})
    location, models = _locate(cls, first["loc"])
    value = first["input"]
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        location.append(str(context["discriminator"]).strip("'"))
        value = context.get("tag")
    path = ".".join(part for part in (where, *location) if part) or cls.__name__
    if first["type"] == "extra_forbidden":
        names = {name for model in models for name in model.model_fields}
        hint = suggestion(str(first["loc"][-1]), names)
        return ConfigError(N_("unknown setting {path}: {hint}"), path=path, hint=hint)
    if first["type"] in ("missing", "union_tag_not_found"):
        return ConfigError(N_("the setting {path} is missing"), path=path)
    problem = context.get("error")
    if isinstance(problem, _SettingProblem) and isinstance(value, Mapping):
        # A combination is at fault, not one value: the message names what it needs.
        return ConfigError(N_("{path}: {reason}"), path=path, reason=problem.message)
    return ConfigError(
        N_("{path} cannot be {value}: {reason}"),
        path=path,
        value=json.dumps(value, default=str, ensure_ascii=False)[:80],
        reason=problem.message if isinstance(problem, _SettingProblem) else _reason(first),
    )


# pydantic's kinds of problem in our words; for a limit, also its name in pydantic's context.
_LIMITS = {
    "greater_than": (N_("it must be greater than {limit}"), "gt"),
    "greater_than_equal": (N_("it must be at least {limit}"), "ge"),
    "less_than": (N_("it must be less than {limit}"), "lt"),
    "less_than_equal": (N_("it must be at most {limit}"), "le"),
    "multiple_of": (N_("it must be a multiple of {limit}"), "multiple_of"),
    "too_short": (N_("it must have at least {limit} {limit:item|items}"), "min_length"),
    "too_long": (N_("it must have at most {limit} {limit:item|items}"), "max_length"),
    "string_too_short": (
        N_("it must have at least {limit} {limit:character|characters}"),
        "min_length",
    ),
    "string_too_long": (
        N_("it must have at most {limit} {limit:character|characters}"),
        "max_length",
    ),
    "string_pattern_mismatch": (N_("it must match the pattern {limit}"), "pattern"),
    "literal_error": (N_("it must be one of {limit}"), "expected"),
    "enum": (N_("it must be one of {limit}"), "expected"),
    "union_tag_invalid": (N_("it must be one of {limit}"), "expected_tags"),
}
_WHOLE = N_("it must be a whole number")
_NUMBER = N_("it must be a number")
_TRUTH = N_("it must be true or false")
_TEXT = N_("it must be text")
_LIST = N_("it must be a list")
_GROUP = N_("it must be a group of settings")
_KINDS = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    **dict.fromkeys(("string_type", "string_sub_type"), _TEXT),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), _LIST),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), _GROUP),
    "finite_number": N_("it must be finite"),
    "none_required": N_("it must be null"),
}


def _reason(problem: ErrorDetails) -> Message | str:
    """Why a value is refused, in our words; pydantic's own where we have none for that kind."""
    kind = problem["type"]
    if kind in _KINDS:
        return Message(_KINDS[kind])
    if kind not in _LIMITS:
        return problem["msg"]
    message_id, name = _LIMITS[kind]
    limit = problem["ctx"][name]
    if name.startswith("expected"):  # "'a', 'b' or 'c'" in pydantic's English
        limit = ", ".join(part.strip("'") for part in re.split(r", | or ", limit))
    elif isinstance(limit, float) and limit.is_integer():
        limit = int(limit)
    return Message(message_id, {"limit": limit})


def _locate(
    cls: type[BaseModel], location: tuple[int | str, ...]
) -> tuple[list[str], list[type[BaseModel]]]:
    """A person's path to pydantic's ``location``, and the configurations that its last part is in.

    pydantic also names which member of a union it tried (its tag, class or type); people do not.
    """
    path: list[str] = []
    options: list[Any] = [cls]
    models: list[type[BaseModel]] = []
    for part in location:
        here = [model for option in options for model in _models_in(option)]
        chosen = [model for model in here if _is_called(model, part)]
        if path and len(here) > 1 and chosen:
            options, models = chosen, chosen
            continue
        items = [item for option in options for item in _items_of(option)]
        if not here and not items:
            continue
        models = here
        path.append(str(part))
        fields = [model.model_fields[str(part)] for model in here if part in model.model_fields]
        options = [field.annotation for field in fields] + items
    return path, models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The configurations among an annotation and, where it is a union, its members."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is Annotated:
        return _models_in(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [model for member in get_args(annotation) for model in _models_in(member)]
    return []


def _items_of(annotation: Any) -> list[Any]:
    """What the items of a list, tuple or mapping may be; nothing for any other annotation."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _items_of(members[0])
    if origin in (Union, UnionType):
        return [item for member in members for item in _items_of(member)]
    return list(members) if origin in (list, tuple, dict) else []


def _is_called(model: type[BaseModel], name: int | str) -> bool:
    """Whether ``name`` is how pydantic tells ``model`` from the others of a union."""
    tags = (field.annotation for field in model.model_fields.values())
    return name == model.__name__ or any(
        get_origin(tag) is Literal and name in get_args(tag) for tag in tags
    )


class _SettingProblem(ValueError):
    """A check of our own that failed inside pydantic; carries a message, not words."""

    def __init__(self, message: Message) -> None:
        self.message = message
        super().__init__(message.text())


def setting_problem(message_id: str, **fields: Any) -> ValueError:
    """The error a validator raises when a combination of settings is impossible."""
    return _SettingProblem(Message(message_id, fields))
