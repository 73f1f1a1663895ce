"""What can be trained by name, and what each name sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from olaria.i18n import N_, Message, Setting
from olaria.vocabulary import SIZE, Size
from olaria.workflows.requests import Document, Request, setting
from olaria.workflows.requests.common import refuse_alone
from olaria.workflows.requests.verbs import verb


@dataclass(frozen=True, kw_only=True)
class PresetsRequest(Request):
    """What ``list_presets`` takes."""

    summary = N_("List what can be trained by name, or what one of them sets.")

    name: str | None = setting(
        N_("which preset"),
        default=None,
        metavar=N_("PRESET"),
        positional=True,
        unless=Message(N_("a list of them")),
    )
    size: Size | None = setting(N_("its size"), default=None, unless=SIZE)

    def check(self) -> None:
        """A size is of one preset."""
        if self.size is not None and self.name is None:
            raise refuse_alone(Setting("size"), Setting("name"))


@verb(PresetsRequest)
def list_presets(request: PresetsRequest) -> Document:
    """Every preset, or the settings of one.

    Raises:
        UsageError: there is no preset of this name; the nearest is offered.
    """
    if request.name is None:
        return Document(format=1, presets=presets())
    from olaria.recipes import PRESETS, preset

    size = request.size or SIZE
    recipe = preset(request.name, size)
    return Document(
        format=1,
        name=request.name,
        title=PRESETS[request.name].title,
        size=size,
        **_learns(recipe),
        settings=settings_of(recipe),
    )


class Presets(list[dict[str, Any]]):
    """Presets that show themselves in a notebook as a table."""

    def _repr_html_(self) -> str:
        from olaria.workflows import displays

        headings = map(displays.words, (N_("preset"), N_("what it trains"), N_("data")))
        rows = ((one["name"], displays.words(one["title"]), one["data"]) for one in self)
        return displays.table([*headings], rows)


def presets() -> Presets:
    """Every preset: name, title (a source string), family, data, default budget in seconds."""
    from olaria.recipes import PRESETS, preset

    return Presets(
        {"name": name, "title": entry.title, **_learns(preset(name))}
        for name, entry in PRESETS.items()
    )


def _learns(recipe: Any) -> dict[str, Any]:
    from olaria.families import MODELS

    return {
        "family": recipe.model.family,
        "learns_from": MODELS[recipe.model.family].data,
        "data": recipe.data.name,
        "budget_s": recipe.training.budget,
    }


def settings_of(recipe: Any) -> list[dict[str, Any]]:
    """Every setting of a recipe's model, training and tuning, of its data those that it sets, and its seed.

    Returns:
        For each ``path``, as ``--set`` takes it, ``value``, ``choices``, ``meaning``, a source string, and ``default``
        where there is one.
    """
    found = []
    sections = {"data": recipe.data, "model": recipe.model, "training": recipe.training}
    if recipe.tuning is not None:
        sections["tuning"] = recipe.tuning
    sections[""] = recipe
    for section, config in sections.items():
        values = config.model_dump(mode="json")
        for name, about in _declared(type(config)).items():
            one = {"path": f"{section}.{name}".strip("."), "value": values[name], **about}
            is_listed = name == "seed" if not section else name != "family"
            if is_listed and (section != "data" or is_set(one)):
                found.append(one)
    return found


def is_set(one: dict[str, Any]) -> bool:
    """Whether a preset gives a setting another value than its default."""
    return "default" not in one or bool(one["value"] != one["default"])


def _declared(config: Any) -> dict[str, dict[str, Any]]:
    """Choices, meaning and default of each setting of a configuration."""
    from pydantic_core import to_jsonable_python

    from olaria.config import meanings

    texts, found = meanings(config), {}
    for name, field in config.model_fields.items():
        found[name] = {"choices": _choices(field.annotation), "meaning": texts[name]}
        if not field.is_required():
            found[name]["default"] = to_jsonable_python(field.default)
    return found


def _choices(annotation: Any) -> list[Any]:
    """The words that a setting may be; empty where it is none of words."""
    return [*get_args(annotation)] if get_origin(annotation) is Literal else []
