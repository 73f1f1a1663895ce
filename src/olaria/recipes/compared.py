"""In what a recipe differs from its preset."""

from __future__ import annotations

import json
from typing import Any

from olaria.recipes import preset
from olaria.recipes.base import Recipe


def differences(recipe: Recipe) -> dict[str, Any]:
    """Settings of data, model and training in which a recipe differs from its preset, by dotted path.

    >>> from olaria.recipes import preset
    >>> differences(preset("vae-mnist", "tiny").updated("model.latent", 2))
    {'model.latent': 2}
    """
    usual = preset(recipe.preset, recipe.size).model_dump(mode="json")
    actual = recipe.model_dump(mode="json")
    return {
        f"{part}.{name}": value
        for part in ("data", "model", "training")
        for name, value in actual[part].items()
        if value != usual[part].get(name)
    }


def as_setting(path: str, value: Any) -> str:
    """A difference as ``--set`` takes it.

    >>> as_setting("model.hidden", [16]), as_setting("model.output", "sigmoid")
    ('model.hidden=[16]', 'model.output=sigmoid')
    """
    return f"{path}={value if isinstance(value, str) else json.dumps(value)}"
