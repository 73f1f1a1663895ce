"""What moves in a living report: for each run the part that its family has, with what it begins from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from olaria.cards.context import LiveCard, RunCard
from olaria.data import AnyData, ImageData, PairData, PointData
from olaria.export import live
from olaria.families.gan import final_loss
from olaria.families.report import PanelKind
from olaria.models.autoencoder import AutoEncoder
from olaria.models.base import Model
from olaria.models.gan import GAN
from olaria.models.vae import VAE
from olaria.runs import Run
from olaria.sampling import latent
from olaria.storage.folder import EVENTS

MOST_PIXELS = 8_000_000
"""Of all images that are encoded for the plane: bounds time and memory."""
MOST_PROMPT = 24
"""Characters that a language model is begun with."""


@dataclass(frozen=True)
class LivePart:
    """A part that computes with the model of a run.

    Args:
        name: its module of ``pages/play``.
        settings: what it begins with, by name: words, numbers, arrays and lists of them.
        only_decodes: whether it does without the model's encoder.
    """

    name: str
    settings: Mapping[str, Any]
    only_decodes: bool = False


def with_live(
    card: RunCard, run: Run, model: Model, data: AnyData | None, *, seed: int = 0, drawn: int
) -> RunCard:
    """A card with its live part, where its run has one and what the part needs is at hand.

    Args:
        card: with the figures of its panels; the part stands above one of them.
        run: whose card it is.
        model: of the run.
        data: of the run; None where they cannot be had.
        seed: of the card's samples.
        drawn: images that the card's samples were drawn with.
    """
    text = card.translations[0][0] if card.translations else card.text
    part = live_part(run, model, data, text=text, seed=seed, drawn=drawn)
    panel = _panel(card, part)
    if part is None or panel is None:
        return card
    return replace(card, live=LiveCard(panel, part.name, part.settings, part.only_decodes))


def _panel(card: RunCard, part: LivePart | None) -> PanelKind | None:
    """The figure of a card that its part stands above; None where the card has none."""
    match part and part.name:
        case "live_plane" if card.reconstructions is not None:
            # The codes of test images: above the map of a plane, else above reconstructions.
            return "reconstructions" if card.manifold is None else "manifold"
        case "live_walk" if card.samples is not None:
            return "samples"
        case "live_game" if card.last is not None:
            return "first-and-last"
        case "live_translation":
            return "translations"
        case "live_bigram" | "live_prompt":
            return "text"
        case _:
            return None


def live_part(
    run: Run, model: Model, data: AnyData | None, *, text: str = "", seed: int = 0, drawn: int
) -> LivePart | None:
    """The part of a run that its family has; None where what the part needs is not at hand.

    Args:
        run: that it computes with.
        model: of the run.
        data: of the run; None where they cannot be had.
        text: that a part of language begins with: a sentence to translate, or what the model wrote.
        seed: of the noise that a walk begins with.
        drawn: images that are drawn from that seed at once.
    """
    if isinstance(model, AutoEncoder | VAE) and isinstance(data, ImageData):
        return _plane(model, data)
    if isinstance(model, GAN):
        names = run.class_names if data is None else getattr(data, "class_names", ())
        return _walk(run, model, names, seed, drawn)
    if isinstance(data, PointData):
        clusters = None
        if data.clusters is not None:
            modes, std = data.clusters
            clusters = (_numbers(modes), std)
        return LivePart("live_game", live.game(run.name, _numbers(data.train), clusters))
    if isinstance(data, PairData):
        return LivePart("live_translation", {"text": text}) if text else None
    if text:
        name = "live_bigram" if run.family == "bigram" else "live_prompt"
        return LivePart(name, {"text": _beginning(text)})
    return None


def _beginning(text: str) -> str:
    """The first words of a text, of one line: the part goes on as the text beneath does.

    >>> _beginning("\\nTo be, or not to be, that is the question\\nWhether")
    'To be, or not to be,'
    """
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= MOST_PROMPT else line[: MOST_PROMPT + 1].rsplit(maxsplit=1)[0]


def _plane(model: AutoEncoder | VAE, data: ImageData) -> LivePart:
    """The codes of test images."""
    count = max(2, min(live.MOST_POINTS, MOST_PIXELS // max(1, data.test.x[0].numel())))
    rows = torch.randperm(len(data.test), generator=Generator().manual_seed(1))[:count]
    y = None if data.test.y is None else data.test.y[rows]
    told = y if model.classes else None
    z = _numbers(latent.encode(model, data.test.x[rows].float() / 255, told))
    labels = None if y is None else y.numpy()
    settings = live.plane(z, labels, data.class_names, is_told=bool(model.classes))
    return LivePart("live_plane", settings, only_decodes=True)


def _walk(run: Run, model: GAN, class_names: Sequence[str], seed: int, drawn: int) -> LivePart:
    """From the noise of the first sample beneath to that of the second."""
    noise = torch.randn(drawn, model.latent, generator=Generator().manual_seed(seed))
    one, other = _numbers(noise[:2])
    loss = final_loss(model.config.loss, run.folder.lines(EVENTS))
    label = 0 if model.classes else None
    return LivePart("live_walk", live.walk((one, other), label, class_names, loss))


def _numbers(x: torch.Tensor) -> NDArray[np.float64]:
    return np.asarray(x.double().numpy())
