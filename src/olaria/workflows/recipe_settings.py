"""Settings of a recipe, given in Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from olaria.errors import UsageError, suggestion
from olaria.i18n import N_
from olaria.recipes import PRESETS
from olaria.recipes import preset as find_preset
from olaria.recipes.training import TrainingConfig
from olaria.vocabulary import SYNONYMS


def refuse_recipe_settings(preset: Any, unknown: Iterable[str]) -> None:
    """Say of what is a setting of the recipe (``latent=2``, ``lr=0.01``) how it is given.

    Args:
        preset: that is to be trained, as it was given.
        unknown: names that are no settings of a training; those of no recipe are left alone.

    Raises:
        UsageError: naming ``settings``.
    """
    unknown = sorted(unknown)
    if not unknown:
        return
    is_named = isinstance(preset, str) and preset in PRESETS
    model = type(find_preset(preset).model).model_fields if is_named else ()
    parts = {"training": TrainingConfig.model_fields, "model": model}
    of_recipes = [
        f'settings=["{part}.{name}=…"]' for part, names in parts.items() for name in names
    ]
    for name in unknown:
        word = SYNONYMS.get(name, name).replace("-", "_")
        same = [one for one in of_recipes if f".{word}=" in one]
        hint = suggestion(name, same or of_recipes)
        if "name" in hint.fields:  # there is a near one
            raise UsageError(N_("unknown setting {path}: {hint}"), path=name, hint=hint)


def in_words(settings: Any) -> Any:
    """Settings of a recipe as a command has them, of one alone or of a dictionary.

    >>> in_words({"model.latent": 2, "model.hidden": (64, 64), "training.optimizer": "adam"})
    ['model.latent=2', 'model.hidden=[64, 64]', 'training.optimizer=adam']
    """
    if isinstance(settings, str):
        return [settings]
    if not isinstance(settings, Mapping):
        return settings
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, default=_plain)
        for name, value in settings.items()
    }
    return [f"{name}={text}" for name, text in texts.items()]


def _plain(value: Any) -> Any:
    """A number of NumPy as Python's; of anything else its text, which the recipe refuses."""
    return value.item() if hasattr(value, "item") else str(value)
