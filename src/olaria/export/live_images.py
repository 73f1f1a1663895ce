"""What the live parts of images begin with, as plain values: an image to draw on, and the way between two codes.

See :mod:`olaria.export.live`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from olaria.export.live import index
from olaria.i18n import N_, Message

QUANTILES = np.linspace(0, 1, 101)
"""Of the scores of test images, which a page compares its own with."""
REACH = 0.99
"""Share of a code's numbers that the axis is long enough for; beyond them it grows."""
MOST_DIMENSIONS = 12
"""Of a code that a page shows: those used most."""

Array = NDArray[Any]
Scores = dict[str, Any]
Words = str | Message


def drawing(
    images: Iterable[tuple[Words, Array]],
    told: Sequence[int] | None,
    class_names: Sequence[str],
    *,
    mean: Array,
    std: Array | None,
    letter: str,
    has_prior: bool,
    is_light: bool,
    scores: Sequence[Scores],
    count: int,
) -> dict[str, Any]:
    """Of ``live_draw``, where the reader draws an image.

    Args:
        images: to begin with, each with its name, (C, H, W) in [0, 1].
        told: the class of each, where the model is given it.
        class_names: of class 0, 1, …
        mean: what the encoder gives for test images, (N, latent).
        std: its deviations, (N, latent), of a model with a distribution.
        letter: of the dimensions of both.
        has_prior: whether each of these has the prior N(0, 1).
        is_light: whether most pixels of the test images are nearer to white than to black.
        scores: see :func:`score` and :func:`distance`.
        count: of the test images whose scores they are.
    """
    images = list(images)
    order = [int(place) for place in np.argsort(-mean.var(0), kind="stable")]
    places = order[:MOST_DIMENSIONS]
    return {
        "images": [bytes_of(image) for _, image in images],
        "imageNames": [name for name, _ in images],
        "told": told,
        "classNames": list(class_names),
        "paper": int(is_light),  # what nothing is drawn on
        "places": places,
        "names": [index(letter, place) for place in places],
        "codeTitle": _code_title(letter, std is not None, has_prior),
        "hasPrior": has_prior,
        "reach": np.quantile(abs(mean[:, places]) + (0 if std is None else std[:, places]), REACH),
        "scores": list(scores),
        "count": count,
    }


def _code_title(letter: str, has_std: bool, has_prior: bool) -> Message:
    """What is shown of a code."""
    if not has_std:
        return Message(N_("the code; the dimensions that vary most among images come first"))
    text = N_(
        "mean and standard deviation of {letter}; the dimensions that vary most among images come first"
    )
    with_prior = N_(
        "mean and standard deviation of {letter}; the dimensions that vary most among images come first; "
        "the band is one standard deviation of the prior"
    )
    return Message(with_prior if has_prior else text, {"letter": letter})


def score(name: str, of_test: Array) -> Scores:
    """A score of :mod:`olaria.evaluation.anomaly` as the page tells it.

    Args:
        name: of the score.
        of_test: the scores of test images, (N,).
    """
    return {"name": name, "quantiles": np.quantile(of_test, QUANTILES)}


def distance(of_test: Array, known: Array, spread: Array) -> Scores:
    """The score ``code`` as the page tells it: the distance from the nearest code of training images.

    Args:
        of_test: see :func:`score`.
        known: the codes, (M, latent), each divided by the spread.
        spread: of each dimension, (latent,).
    """
    return {
        **score("code", of_test),
        "known": floats_of(known),
        "knownCount": len(known),
        "spread": spread,
    }


def between(
    codes: Array,
    names: Sequence[Words],
    ends: tuple[int, int],
    told: Array | None,
    class_names: Sequence[str],
) -> dict[str, Any]:
    """Of ``live_between``, the way between the codes of two images that the reader chooses.

    Args:
        codes: of the images, (N, latent).
        names: of each.
        ends: the two that it begins with.
        told: the class of each, where the model is given it.
        class_names: of class 0, 1, …
    """
    return {
        "codes": codes,
        "names": list(names),
        "from": ends[0],
        "to": ends[1],
        "told": told,
        "classNames": list(class_names),
    }


def bytes_of(images: Array) -> str:
    """Images in [0, 1] as base64 of bytes, one for each pixel value."""
    pixels = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    return b64encode(np.ascontiguousarray(pixels).tobytes()).decode()


def floats_of(numbers: Array) -> str:
    """Numbers as base64 of float32, little-endian."""
    return b64encode(np.ascontiguousarray(numbers, "<f4").tobytes()).decode()
