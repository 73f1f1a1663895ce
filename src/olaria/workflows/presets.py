"""What can be trained by name."""

from __future__ import annotations

from typing import Any

from olaria.families import MODELS
from olaria.recipes import PRESETS, preset


def presets() -> list[dict[str, Any]]:
    """Every preset: name, title (a source string), family, data, default budget in seconds."""
    listed = []
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
