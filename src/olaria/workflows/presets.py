"""What can be trained by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from olaria.i18n import N_
from olaria.workflows.requests import Document, Request
from olaria.workflows.requests.verbs import verb


@dataclass(frozen=True, kw_only=True)
class PresetsRequest(Request):
    """What ``list_presets`` takes."""

    summary = N_("List what can be trained by name.")


@verb(PresetsRequest)
def list_presets(_request: PresetsRequest) -> Document:
    """Every preset."""
    return Document(format=1, presets=presets())


class Presets(list[dict[str, Any]]):
    """Presets that show themselves in a notebook as a table."""

    def _repr_html_(self) -> str:
        from olaria.workflows import displays

        headings = map(displays.words, (N_("preset"), N_("what it trains"), N_("data")))
        rows = ((one["name"], displays.words(one["title"]), one["data"]) for one in self)
        return displays.table([*headings], rows)


def presets() -> Presets:
    """Every preset: name, title (a source string), family, data, default budget in seconds."""
    from olaria.families import MODELS
    from olaria.recipes import PRESETS, preset

    listed = Presets()
    for name, entry in PRESETS.items():
        recipe = preset(name)
        listed.append(
            {
                "name": name,
                "title": entry.title,
                "family": recipe.model.family,
                "learns_from": MODELS[recipe.model.family].data,
                "data": recipe.data.name,
                "budget_s": recipe.training.budget,
            }
        )
    return listed
