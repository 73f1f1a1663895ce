"""What moves in a living report: for each run the part that its family has, with what it begins from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from olaria.cards.context import LiveCard, RunCard
from olaria.data import AnyData, ImageData, PointData
from olaria.export import live
from olaria.families.gan import final_loss
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
    part: LiveCard | None = None
    if isinstance(model, AutoEncoder | VAE) and isinstance(data, ImageData):
        part = _plane(card, model, data)
    elif isinstance(model, GAN) and card.samples is not None:
        part = _walk(card, run, model, seed, drawn)
    elif isinstance(data, PointData) and card.last is not None:
        clusters = None
        if data.modes is not None and data.mode_std is not None:
            clusters = (_numbers(data.modes), data.mode_std)
        settings = live.game(run.name, _numbers(data.train), clusters)
        part = LiveCard("first-and-last", "live_game", settings)
    elif card.translations:
        part = LiveCard("translations", "live_translation", {"text": card.translations[0][0]})
    elif card.text:
        name = "live_bigram" if run.family == "bigram" else "live_prompt"
        part = LiveCard("text", name, {"text": _beginning(card.text)})
    return card if part is None else replace(card, live=part)


def _beginning(text: str) -> str:
    """The first words of a text, of one line: the part goes on as the text beneath does.

    >>> _beginning("\\nTo be, or not to be, that is the question\\nWhether")
    'To be, or not to be,'
    """
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= MOST_PROMPT else line[: MOST_PROMPT + 1].rsplit(maxsplit=1)[0]


def _plane(card: RunCard, model: AutoEncoder | VAE, data: ImageData) -> LiveCard | None:
    """The codes of test images: above the map of a plane, else above reconstructions."""
    panel: Any = "reconstructions" if card.manifold is None else "manifold"
    if card.reconstructions is None:
        return None
    count = max(2, min(live.MOST_POINTS, MOST_PIXELS // max(1, data.test.x[0].numel())))
    rows = torch.randperm(len(data.test), generator=Generator().manual_seed(1))[:count]
    y = None if data.test.y is None else data.test.y[rows]
    told = y if model.classes else None
    z = _numbers(latent.encode(model, data.test.x[rows].float() / 255, told))
    labels = None if y is None else y.numpy()
    names = data.class_names
    settings = live.plane(z, labels, names, is_told=bool(model.classes))
    return LiveCard(panel, "live_plane", settings, only_decodes=True)


def _walk(card: RunCard, run: Run, model: GAN, seed: int, drawn: int) -> LiveCard:
    """From the noise of the first sample beneath to that of the second."""
    noise = torch.randn(drawn, model.latent, generator=Generator().manual_seed(seed))
    one, other = _numbers(noise[:2])
    loss = final_loss(model.config.loss, run.folder.lines(EVENTS))
    label = 0 if model.classes else None
    settings = live.walk((one, other), label, card.class_names, loss)
    return LiveCard("samples", "live_walk", settings)


def _numbers(x: torch.Tensor) -> NDArray[np.float64]:
    return np.asarray(x.double().numpy())
