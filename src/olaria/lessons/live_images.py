"""What the live parts of images begin with: an image to draw on, and the way between two codes.

See :mod:`olaria.lessons.live`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from torch import Tensor

from olaria.export import live_images
from olaria.export.live import MOST_STARTS
from olaria.export.live_images import Scores, distance, score
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, numbers
from olaria.lessons.figures import Figure, Images, Live, Words
from olaria.lessons.images import Opened, strip, value
from olaria.lessons.live import starts_of

__all__ = ["MOST_KNOWN", "between_two", "distance", "drawing", "score", "two_mixes"]
MOST_KNOWN = 60_000
"""Numbers of training codes that a page holds."""


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
    further = list(more)
    told = None if scene.y is None or not scene.model.classes else scene.y[rows].tolist()
    if told is not None:
        told += [told[0]] * len(further)
    images = [*((scene.words(row), x[row]) for row in rows), *further]
    settings = live_images.drawing(
        [(name, numbers(image)) for name, image in images],
        told,
        scene.data.class_names,
        mean=mean,
        std=std,
        letter=letter,
        has_prior=has_prior,
        is_light=bool(np.median(numbers(x)) > 0.5),
        scores=scores,
        count=count,
    )
    return Live("", "live_draw", (scene.asked.run.name,), settings, below)


def between_two(scene: Opened, codes: Tensor, ends: Sequence[int], below: Figure) -> Live:
    """The way between the codes of two test images, which the reader chooses.

    Args:
        scene: the run that is opened up, and its test images.
        codes: of the test images, (N, latent).
        ends: the two that it begins with.
        below: the static figure.
    """
    rows = list(dict.fromkeys((*ends, *starts_of(scene))))[: MOST_STARTS + 2]
    settings = live_images.between(
        numbers(codes)[rows],
        [scene.words(row) for row in rows],
        (rows.index(ends[0]), rows.index(ends[1])),
        None if scene.y is None or not scene.model.classes else scene.y[rows].numpy(),
        scene.data.class_names,
    )
    return Live("", "live_between", (scene.asked.run.name,), settings, below)


def two_mixes(decoded: Array) -> Images:
    """What is decoded on the way between two codes, (N, C, H, W), above the same mix of the pixels of both ends."""
    t = np.linspace(0, 1, len(decoded))
    notes = tuple(value(share, 3) for share in t)
    share = t[:, None, None, None]
    crossed = (1 - share) * decoded[0] + share * decoded[-1]
    rows = (N_("the codes are mixed"), decoded), (N_("the pixels are mixed"), crossed)
    return Images("", tuple(strip(Message(name), images, notes) for name, images in rows))
