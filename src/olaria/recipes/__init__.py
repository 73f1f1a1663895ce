"""Recipes, and the presets as one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import get_args

from olaria.errors import UsageError, suggestion
from olaria.families.base import Size
from olaria.i18n import N_, Setting
from olaria.recipes import images, language, latents, plane, translation
from olaria.recipes.base import Recipe

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
        N_("denoising autoencoder on handwritten digits"), images.denoising_autoencoder
    ),
    "vae-mnist": Preset(N_("variational autoencoder on handwritten digits"), images.vae),
    "cvae-mnist": Preset(
        N_("variational autoencoder that draws a digit on request"),
        partial(images.vae, classes=10, flow=True),
    ),
    "vae-flow-mnist": Preset(
        N_("variational autoencoder on handwritten digits, with a learned prior"),
        partial(images.vae, flow=True),
    ),
    "vq-mnist": Preset(
        N_("vector-quantized autoencoder on handwritten digits: images become codes"), images.vq
    ),
    "gan-mnist": Preset(N_("generative adversarial network on handwritten digits"), images.gan),
    "cgan-mnist": Preset(
        N_("generative adversarial network that draws a digit on request"),
        partial(images.gan, classes=10),
    ),
    "ae-fashion-mnist": Preset(
        N_("autoencoder on pictures of clothes"),
        partial(images.autoencoder, data="fashion-mnist"),
    ),
    "vae-fashion-mnist": Preset(
        N_("variational autoencoder on pictures of clothes"),
        partial(images.vae, data="fashion-mnist"),
    ),
    "vae-flow-fashion-mnist": Preset(
        N_("variational autoencoder on pictures of clothes, with a learned prior"),
        partial(images.vae, data="fashion-mnist", flow=True),
    ),
    "gan-fashion-mnist": Preset(
        N_("generative adversarial network on pictures of clothes"),
        partial(images.gan, data="fashion-mnist"),
    ),
    "vae-cifar10": Preset(
        N_("variational autoencoder on small colour photographs"), images.photographs_vae
    ),
    "vae-flow-cifar10": Preset(
        N_("variational autoencoder on small colour photographs, with a learned prior"),
        partial(images.photographs_vae, flow=True),
    ),
    "gan-cifar10": Preset(
        N_("generative adversarial network on small colour photographs"), images.photographs_gan
    ),
    "gan-ring": Preset(
        N_("generative adversarial network on a ring of clusters in the plane"), plane.plane_gan
    ),
    "gan-grid": Preset(
        N_("generative adversarial network on a grid of clusters in the plane"),
        partial(plane.plane_gan, data="grid"),
    ),
    "gan-spiral": Preset(
        N_("generative adversarial network on a spiral in the plane; takes a .csv with --data"),
        partial(plane.plane_gan, data="spiral"),
    ),
    "flow-mnist": Preset(N_("flow matching on handwritten digits"), images.flow),
    "cflow-mnist": Preset(
        N_("flow matching that draws a digit on request"), partial(images.flow, classes=10)
    ),
    "flow-fashion-mnist": Preset(
        N_("flow matching on pictures of clothes"), partial(images.flow, data="fashion-mnist")
    ),
    "flow-cifar10": Preset(
        N_("flow matching on small colour photographs"), partial(images.flow, data="cifar10")
    ),
    "flow-latent": Preset(
        N_("flow matching on the latent vectors of an autoencoder; takes latents:RUN with --data"),
        latents.flow,
    ),
    "mask-mnist": Preset(N_("masked diffusion on handwritten digits"), images.mask),
    "flow-ring": Preset(N_("flow matching on a ring of clusters in the plane"), plane.point_flow),
    "flow-grid": Preset(
        N_("flow matching on a grid of clusters in the plane; takes a .csv with --data"),
        partial(plane.point_flow, data="grid"),
    ),
    "bigram-shakespeare": Preset(
        N_("bigram language model; takes any text with --data"), language.bigram
    ),
    "average-shakespeare": Preset(
        N_("language model that averages the past; takes any text with --data"),
        partial(language.ladder, rung="average"),
    ),
    "head-shakespeare": Preset(
        N_("language model with one head of self-attention; takes any text with --data"),
        partial(language.ladder, rung="head"),
    ),
    "multi-head-shakespeare": Preset(
        N_("language model with several heads; takes any text with --data"),
        partial(language.ladder, rung="multi-head"),
    ),
    "feed-forward-shakespeare": Preset(
        N_("language model with heads and a feed-forward layer; takes any text with --data"),
        partial(language.ladder, rung="feed-forward"),
    ),
    "residual-shakespeare": Preset(
        N_("language model of layers on a residual stream; takes any text with --data"),
        partial(language.ladder, rung="residual"),
    ),
    "norm-shakespeare": Preset(
        N_("language model of layers with layer norms; takes any text with --data"),
        partial(language.ladder, rung="norm"),
    ),
    "gpt2-shakespeare": Preset(
        N_("language model in the form of GPT-2; takes any text with --data"),
        partial(language.ladder, rung="gpt"),
    ),
    "gpt-shakespeare": Preset(N_("GPT language model; takes any text with --data"), language.gpt),
    "gpt-local-shakespeare": Preset(
        N_("GPT language model with local attention; takes any text with --data"),
        partial(language.gpt, is_local=True),
    ),
    "reverse": Preset(
        N_("encoder–decoder that writes words backwards; takes a .tsv of pairs with --data"),
        partial(translation.translation, data="reverse"),
    ),
    "dates": Preset(
        N_("encoder–decoder that rewrites dates as ISO 8601; takes a .tsv of pairs with --data"),
        partial(translation.translation, data="dates"),
    ),
    "pt-en": Preset(
        N_("encoder–decoder from Portuguese to English; takes a .tsv of pairs with --data"),
        partial(translation.translation, data="toy-translation"),
    ),
}


def preset(name: str, size: Size = "small") -> Recipe:
    """The recipe of a preset.

    Raises:
        UsageError: there is none of this name, or no such size; the nearest is offered.
    """
    if name not in PRESETS:
        raise UsageError(
            N_("unknown preset {name}: {hint}"), name=str(name), hint=suggestion(str(name), PRESETS)
        )
    if size not in get_args(Size):
        raise UsageError(
            N_("{option} cannot be {value}: {hint}"),
            option=Setting("size"),
            value=str(size),
            hint=suggestion(str(size), get_args(Size)),
        )
    return PRESETS[name].recipe(name, size)
