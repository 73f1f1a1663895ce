"""What the live parts of images begin with: an image to draw on, and the way between two codes.

See :mod:`olaria.lessons.live`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from olaria.export.live import MOST_STARTS, index
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, numbers
from olaria.lessons.figures import Figure, Images, Live, Words
from olaria.lessons.images import Opened, strip, value
from olaria.lessons.live import starts_of

QUANTILES = np.linspace(0, 1, 101)
"""Of the scores of test images, which a page compares its own with."""
MOST_KNOWN = 60_000
"""Numbers of training codes that a page holds."""
REACH = 0.99
"""Share of a code's numbers that the axis is long enough for; beyond them it grows."""
MOST_DIMENSIONS = 12
"""Of a code that a page shows: those used most."""

Scores = dict[str, Any]


def drawing(
    scene: Opened,
    below: Figure,
    *,
    mean: Array,
    std: Array | None = None,
    letter: str = "z",
    has_prior: bool = False,
    scores: Sequence[Scores],
    count: int,
    more: Iterable[tuple[Words, Tensor]] = (),
) -> Live:
    """An image that the reader draws, through the model, and how strange it is to it.

    Args:
        scene: the run that is opened up, and its test images.
        below: the static figure.
        mean: what the encoder gives for test images, (N, latent).
        std: its deviations, (N, latent), of a model with a distribution.
        letter: of the dimensions of both.
        has_prior: whether each of these has the prior N(0, 1).
        scores: see :func:`score` and :func:`distance`.
        count: of the test images whose scores they are.
        more: further images to begin with, each with its name, (C, H, W).
    """
    rows, x = starts_of(scene), scene.x
    order = [int(place) for place in np.argsort(-mean.var(0), kind="stable")]
    places = order[:MOST_DIMENSIONS]
    further = list(more)
    told = None if scene.y is None or not scene.model.classes else scene.y[rows].tolist()
    if told is not None:
        told += [told[0]] * len(further)
    settings = {
        "images": [_bytes_of(image) for image in (*x[rows], *(image for _, image in further))],
        "imageNames": [*(scene.words(row) for row in rows), *(name for name, _ in further)],
        "told": told,
        "classNames": list(scene.data.class_names),
        # What nothing is drawn on: black or white, whichever most pixels are nearer to.
        "paper": int(np.median(numbers(x)) > 0.5),
        "places": places,
        "names": [index(letter, place) for place in places],
        "codeTitle": _code_title(letter, std is not None, has_prior),
        "hasPrior": has_prior,
        "reach": np.quantile(abs(mean[:, places]) + (0 if std is None else std[:, places]), REACH),
        "scores": list(scores),
        "count": count,
    }
    return Live("", "live_draw", (scene.asked.run.name,), settings, below)


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
    packed = b64encode(np.ascontiguousarray(known, "<f4").tobytes()).decode()
    return {
        **score("code", of_test),
        "known": packed,
        "knownCount": len(known),
        "spread": spread,
    }


def between_two(scene: Opened, codes: Tensor, ends: Sequence[int], below: Figure) -> Live:
    """The way between the codes of two test images, which the reader chooses.

    Args:
        scene: the run that is opened up, and its test images.
        codes: of the test images, (N, latent).
        ends: the two that it begins with.
        below: the static figure.
    """
    rows = list(dict.fromkeys((*ends, *starts_of(scene))))[: MOST_STARTS + 2]
    settings = {
        "codes": numbers(codes)[rows],
        "names": [scene.words(row) for row in rows],
        "from": rows.index(ends[0]),
        "to": rows.index(ends[1]),
        "told": None if scene.y is None or not scene.model.classes else scene.y[rows].numpy(),
        "classNames": list(scene.data.class_names),
    }
    return Live("", "live_between", (scene.asked.run.name,), settings, below)


def two_mixes(decoded: Array) -> Images:
    """What is decoded on the way between two codes, (N, C, H, W), above the same mix of the pixels of both ends."""
    t = np.linspace(0, 1, len(decoded))
    notes = tuple(value(share, 3) for share in t)
    share = t[:, None, None, None]
    crossed = (1 - share) * decoded[0] + share * decoded[-1]
    rows = (N_("the codes are mixed"), decoded), (N_("the pixels are mixed"), crossed)
    return Images("", tuple(strip(Message(name), images, notes) for name, images in rows))


def _bytes_of(image: Tensor) -> str:
    """An image in [0, 1] as base64 of bytes, one for each pixel value."""
    pixels = (image.clamp(0, 1) * 255).round().byte()
    return b64encode(pixels.numpy().tobytes()).decode()
