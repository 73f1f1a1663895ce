"""What the live parts of lessons begin with, and the figures that stand beneath them.

The page decodes with the run's own weights; a step gives the places to begin at and what the same way to compute draws
there, so that the static figure is compared twice like every other number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from olaria.export import live
from olaria.families.gan import AdversarialLoss
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Asked, numbers
from olaria.lessons.figures import Figure, Images, Live, Tokens, Words
from olaria.lessons.images import Opened, strip, value
from olaria.runs import Run

NUM_ROWS = 3
"""Dimensions that the static figure shows."""
AROUND = (-2.0, -4 / 3, -2 / 3, 0.0, 2 / 3, 4 / 3, 2.0)
"""Where it shows them, in standard deviations of the codes around the first one."""

Image = Callable[[Array, Tensor | None], Array]
"""Codes (N, latent) and classes (N,) to images (N, C, H, W)."""


def latent_plane(scene: Opened, codes: Tensor, image: Image) -> Live:
    """The decoder of a run, drawing whatever code the reader moves to.

    Args:
        scene: the run that is opened up, and its test images.
        codes: of the test images, (N, latent).
        image: the decoder, by the way that computes the step.
    """
    z, labels = numbers(codes), None if scene.y is None else scene.y.numpy()
    settings = live.plane(z, labels, scene.data.class_names, is_told=bool(scene.model.classes))
    below = _around(scene, z, image)
    return Live("", "live_plane", (scene.asked.run.name,), settings, below, decodes=True)


def noise_walk(
    run: str,
    ends: tuple[Array, Array],
    below: Figure,
    *,
    label: int | None,
    names: Sequence[str],
    loss: AdversarialLoss,
) -> Live:
    """The generator of a run, drawing on the way from one noise vector to another, and the discriminator's output.

    Args:
        run: its name.
        ends: of the first walk, (latent,) each.
        below: the static figure.
        label: class of both ends, where the networks are given it.
        names: of the classes.
        loss: that the run ended with.
    """
    return Live("", "live_walk", (run,), live.walk(ends, label, names, loss), below)


def plane_game(
    run: str, points: Tensor, clusters: tuple[Array, float] | None, below: Figure
) -> Live:
    """A game of points that the reader trains, on the data of a run or on others.

    Args:
        run: its name.
        points: of its data, (N, 2).
        clusters: their centres, (K, 2), and standard deviation, where they are known.
        below: the static figure.
    """
    settings = live.game(run, numbers(points), clusters)
    return Live("", "live_game", (run,), settings, below)


def prompt(
    asked: Asked, text: str, tokens: Sequence[str], drawn: Sequence[str], chances: Array
) -> Live:
    """A run of language that the reader writes to.

    Args:
        asked: what the lesson is asked for.
        text: that the page begins with.
        tokens: of the text, as they are shown.
        drawn: those that the model drew after it, as they are shown, M of them.
        chances: probability of each of these, (M,).
    """
    values = np.concatenate((np.full(len(tokens), np.nan), chances))
    below = Tokens("", (*tokens, *drawn), values)
    return Live("", "live_prompt", (asked.run.name,), {"text": text}, below)


def typed(part: str, runs: Sequence[Run], text: str, below: Figure, **settings: Any) -> Live:
    """A part that shows what models of language make of what the reader types.

    Args:
        part: its module, without ``live_``.
        runs: whose models compute.
        text: that the page begins with.
        below: the figure of a sentence, beneath it.
        settings: of the part.
    """
    names = tuple(run.name for run in runs)
    return Live("", f"live_{part}", names, {"text": text, **settings}, below)


def starts_of(scene: Opened) -> list[int]:
    """A few test images, of as many classes as there are."""
    return live.starts_of(len(scene.x), None if scene.y is None else scene.y.numpy())


def _around(scene: Opened, z: Array, image: Image) -> Images:
    """The code of the first image, one dimension at a time moved to both sides."""
    told = scene.told(slice(0, 1))
    y = None if told is None else told.expand(len(AROUND))
    std, rows = live.spreads(z), []
    for place in live.most_used(z)[:NUM_ROWS]:
        moved = np.tile(z[0], (len(AROUND), 1))
        moved[:, place] += np.array(AROUND) * std[place]
        notes = tuple(value(x, 2) for x in moved[:, place])
        title: Words = Message(N_("moved along {name}"), {"name": live.index("z", place)})
        rows.append(strip(title, image(moved, y), notes))
    return Images("", tuple(rows))
