"""From a recipe to its model."""

from __future__ import annotations

from olaria.models import build
from olaria.models.base import Model
from olaria.nn.lora import add_adapters
from olaria.recipes import Recipe
from olaria.training.randomness import seeded


def build_model(recipe: Recipe, dimensions: tuple[int, int, int] | int) -> Model:
    """A freshly initialised model of the recipe, a function of its seed; with the adapters of a recipe that has some.

    Args:
        recipe: family, settings and seed.
        dimensions: (C, H, W) of the images, or the size of the vocabulary or of a point.
    """
    with seeded(recipe.seed, "init"):
        model = build(recipe.model, dimensions)
    adapt(model, recipe)
    return model


def adapt(model: Model, recipe: Recipe) -> None:
    """Give a model the adapters of its recipe, where there are any."""
    tuning = recipe.tuning
    if tuning is not None and tuning.rank is not None:
        with seeded(recipe.seed, "adapters"):
            add_adapters(model, tuning.rank, tuning.targets, tuning.alpha)
