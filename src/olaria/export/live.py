"""What the live parts of a page begin with, as plain values: lessons and reports begin them alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from olaria.families.gan import LOGISTIC, AdversarialLoss
from olaria.i18n import N_, Message

Array = NDArray[np.float64]
Labels = NDArray[np.int64] | None

MOST_SLIDERS = 6
"""Dimensions that can be moved: those used most."""
MOST_STARTS = 6
"""Test images to begin at."""
MOST_POINTS = 300
MOST_LEARNT = 800
"""Points of a run's data that the page trains on."""
REACH = 3.5
"""Of a slider, in standard deviations around the mean."""
LEAST_TURNED = 4
"""Numbers of the noise from which a way may be an arc: of fewer, two may lie opposite, where no arc is defined."""
_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def index(letter: str, place: int) -> str:
    """A component of a vector, counted from one.

    >>> index("z", 11)
    'z₁₂'
    """
    return letter + str(place + 1).translate(_BELOW)


def called(row: int, labels: Labels, class_names: Sequence[str]) -> Message:
    """What an image is called in a sentence: by its class, or by its place."""
    if labels is None:
        return Message(N_("number {number}"), {"number": row + 1})
    return Message(N_("class {name}"), {"name": class_names[int(labels[row])]})


def spreads(z: Array) -> Array:
    """Standard deviation of each dimension of codes (N, latent), never zero: (latent,)."""
    return np.asarray(np.maximum(z.std(0), 1e-6))


def most_used(z: Array) -> list[int]:
    """The dimensions of codes (N, latent) that can be moved, those that vary most first; both of a plane in order."""
    order = np.arange(2) if z.shape[1] == 2 else np.argsort(-z.var(0), kind="stable")
    return [int(place) for place in order[:MOST_SLIDERS]]


def plane(z: Array, labels: Labels, class_names: Sequence[str], *, is_told: bool) -> dict[str, Any]:
    """Of ``live_plane``, which decodes whatever code the reader moves to.

    Args:
        z: codes of test images, (N, latent).
        labels: their classes, (N,), where they are known.
        class_names: of class 0, 1, …
        is_told: whether the decoder is given the class.
    """
    mean, std, sliders = z.mean(0), spreads(z), most_used(z)
    starts = starts_of(len(z), labels)
    return {
        "names": [index("z", place) for place in sliders],
        "sliders": sliders,
        "low": (mean - REACH * std)[sliders],
        "high": (mean + REACH * std)[sliders],
        "starts": z[starts],
        "startNames": [called(row, labels, class_names) for row in starts],
        "points": z[:MOST_POINTS, sliders[:2]],
        "labels": None if labels is None else labels[:MOST_POINTS],
        "classNames": list(class_names),
        "told": labels[starts] if is_told and labels is not None else None,
    }


def starts_of(count: int, labels: Labels) -> list[int]:
    """A few of the images, of as many classes as there are."""
    if labels is None:
        return list(range(min(MOST_STARTS, count)))
    # The first image is the first one of its class.
    _, first = np.unique(labels, return_index=True)
    rows = np.sort(first)
    places = np.linspace(0, len(rows) - 1, min(MOST_STARTS, len(rows))).round().astype(int)
    return [int(row) for row in rows[places]]


def walk(
    ends: tuple[Array, Array], label: int | None, class_names: Sequence[str], loss: AdversarialLoss
) -> dict[str, Any]:
    """Of ``live_walk``, which draws on the way from one noise vector to another.

    Args:
        ends: of the first walk, (latent,) each.
        label: class of both ends, where the networks are given it.
        class_names: of class 0, 1, …
        loss: that the run ended with.
    """
    return {
        "ends": list(ends),
        "class": label,
        "classNames": list(class_names),
        "logistic": loss in LOGISTIC,
        "arc": len(ends[0]) >= LEAST_TURNED,
    }


def game(run: str, points: Array, clusters: tuple[Array, float] | None) -> dict[str, Any]:
    """Of ``live_game``, a game of points that the reader trains, on the data of a run or on others.

    Args:
        run: its name.
        points: of its data, (N, 2).
        clusters: their centres, (K, 2), and standard deviation, where they are known.
    """
    return {
        "run": run,
        "points": points[:MOST_LEARNT],
        "modes": None if clusters is None else clusters[0],
        "std": None if clusters is None else clusters[1],
    }
