"""Recipes, and the presets as one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from olaria.errors import UsageError, suggestion
from olaria.i18n import N_
from olaria.recipes import images, language
from olaria.recipes.base import Recipe
from olaria.recipes.images import Size

__all__ = ["PRESETS", "Preset", "Recipe", "Size", "preset"]


@dataclass(frozen=True)
class Preset:
    """One entry of :data:`PRESETS`.

    Args:
        title: what it trains, a source string.
        recipe: its name and a size to the recipe.
    """

    title: str
    recipe: Callable[[str, Size], Recipe]


PRESETS: dict[str, Preset] = {
    "ae-mnist": Preset(N_("autoencoder on handwritten digits"), images.autoencoder),
    "dae-mnist": Preset(
        N_("denoising autoencoder on handwritten digits"),
        partial(images.autoencoder, corruption=0.5),
    ),
    "vae-mnist": Preset(N_("variational autoencoder on handwritten digits"), images.vae),
    "gan-mnist": Preset(N_("generative adversarial network on handwritten digits"), images.gan),
    "ae-fashion-mnist": Preset(
        N_("autoencoder on pictures of clothes"),
        partial(images.autoencoder, data="fashion-mnist"),
    ),
    "vae-fashion-mnist": Preset(
        N_("variational autoencoder on pictures of clothes"),
        partial(images.vae, data="fashion-mnist"),
    ),
    "gan-fashion-mnist": Preset(
        N_("generative adversarial network on pictures of clothes"),
        partial(images.gan, data="fashion-mnist"),
    ),
    "bigram-shakespeare": Preset(
        N_("bigram language model; takes any text with --data"), language.bigram
    ),
    "gpt-shakespeare": Preset(N_("GPT language model; takes any text with --data"), language.gpt),
}


def preset(name: str, size: Size = "small") -> Recipe:
    """The recipe of a preset.

    Raises:
        UsageError: there is none of this name; the nearest is offered.
    """
    if name not in PRESETS:
        raise UsageError(
            N_("unknown preset {name}: {hint}"), name=name, hint=suggestion(name, PRESETS)
        )
    return PRESETS[name].recipe(name, size)
