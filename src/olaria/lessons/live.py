"""What the live parts of lessons begin with, and the figures that stand beneath them.

The page decodes with the run's own weights; a step gives the places to begin at and what the same way to compute draws
there, so that the static figure is compared twice like every other number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Asked, evenly, numbers
from olaria.lessons.figures import Figure, Images, Live, Tokens, Words
from olaria.lessons.images import Opened, index, strip, value
from olaria.runs import Run

MOST_SLIDERS = 6
"""Dimensions that can be moved: those used most."""
MOST_STARTS = 6
"""Test images to begin at."""
MOST_POINTS = 300
MOST_LEARNT = 800
"""Points of a run's data that the page trains on."""
NUM_ROWS = 3
"""Dimensions that the static figure shows."""
AROUND = (-2.0, -4 / 3, -2 / 3, 0.0, 2 / 3, 4 / 3, 2.0)
"""Where it shows them, in standard deviations of the codes around the first one."""
REACH = 3.5
"""Of a slider, in standard deviations around the mean."""

Image = Callable[[Array, Tensor | None], Array]
"""Codes (N, latent) and classes (N,) to images (N, C, H, W)."""


def latent_plane(scene: Opened, codes: Tensor, image: Image) -> Live:
    """The decoder of a run, drawing whatever code the reader moves to.

    Args:
        scene: the run that is opened up, and its test images.
        codes: of the test images, (N, latent).
        image: the decoder, by the way that computes the step.
    """
    z = numbers(codes)
    mean, std = z.mean(0), np.maximum(z.std(0), 1e-6)
    order = [int(place) for place in np.argsort(-z.var(0), kind="stable")]
    sliders, starts = order[:MOST_SLIDERS], starts_of(scene)
    labels = None if scene.y is None else scene.y[:MOST_POINTS].numpy()
    return Live(
        "",
        "live_plane",
        (scene.asked.run.name,),
        {
            "names": [index("z", place) for place in sliders],
            "sliders": sliders,
            "low": (mean - REACH * std)[sliders],
            "high": (mean + REACH * std)[sliders],
            "starts": z[starts],
            "startNames": [scene.words(row) for row in starts],
            "points": z[:MOST_POINTS, sliders[:2]],
            "labels": labels,
            "classNames": list(scene.data.class_names),
            "told": None if scene.y is None or not scene.model.classes else scene.y[starts].numpy(),
        },
        _around(scene, z[0], std, sliders[:NUM_ROWS], image),
        decodes=True,
    )


def noise_walk(
    run: str,
    ends: tuple[Array, Array],
    below: Figure,
    *,
    label: int | None,
    names: Sequence[str],
    is_logistic: bool,
    is_arc: bool,
) -> Live:
    """The generator of a run, drawing on the way from one noise vector to another, and the discriminator's output.

    Args:
        run: its name.
        ends: of the first walk, (latent,) each.
        below: the static figure.
        label: class of both ends, where the networks are given it.
        names: of the classes.
        is_logistic: whether an output is read as the logit of a probability.
        is_arc: whether the way is an arc and not straight.
    """
    settings = {
        "ends": list(ends),
        "class": label,
        "classNames": list(names),
        "logistic": is_logistic,
        "arc": is_arc,
    }
    return Live("", "live_walk", (run,), settings, below)


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
    settings = {
        "run": run,
        "points": numbers(points[:MOST_LEARNT]),
        "modes": None if clusters is None else clusters[0],
        "std": None if clusters is None else clusters[1],
    }
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


def _around(scene: Opened, z: Array, std: Array, places: list[int], image: Image) -> Images:
    """The code of the first image, one dimension at a time moved to both sides."""
    told = scene.told(slice(0, 1))
    y = None if told is None else told.expand(len(AROUND))
    rows = []
    for place in places:
        moved = np.tile(z, (len(AROUND), 1))
        moved[:, place] += np.array(AROUND) * std[place]
        notes = tuple(value(x, 2) for x in moved[:, place])
        title: Words = Message(N_("moved along {name}"), {"name": index("z", place)})
        rows.append(strip(title, image(moved, y), notes))
    return Images("", tuple(rows))


def starts_of(scene: Opened) -> list[int]:
    """A few test images, of as many classes as there are."""
    if scene.y is None:
        return list(range(min(MOST_STARTS, len(scene.x))))
    # The first image is the first one of its class.
    _, first = np.unique(scene.y.numpy(), return_index=True)
    rows = sorted(first.tolist())
    return [rows[i] for i in evenly(len(rows), MOST_STARTS)]
