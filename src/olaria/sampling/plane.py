"""Points of a model of the plane, and their picture: both clouds, and under them what the model says of each place."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from olaria.models.base import PointModel
from olaria.sampling.latent import on_the_way
from olaria.vocabulary import Walk

SIDE = 180
"""Pixels of a picture."""
MARGIN = 0.25
"""Of the data's extent, on each side of it."""
_REAL = (0.12, 0.42, 0.59)
_MADE = (0.71, 0.28, 0.16)
_INK = (0.13, 0.19, 0.24)
_STRONGEST = 0.6
"""Of the shade's colours: the points lie on it."""


@torch.no_grad()
def draw(model: PointModel, count: int, generator: Generator) -> Tensor:
    """Points (count, 2) from z ~ N(0, I), in the units of the data."""
    return model.points(torch.randn(count, model.latent, generator=generator))


@torch.no_grad()
def walk(model: PointModel, count: int, generator: Generator, path: Walk) -> Tensor:
    """Points (count, 2) of noise that goes from one draw of z ~ N(0, I) to another, in equal steps."""
    start, stop = torch.randn(2, 1, model.latent, generator=generator)
    return model.points(on_the_way(start, stop, count, path)[0])


def window(points: Tensor) -> Tensor:
    """The square of the plane that a picture of data shows: lowest and highest corner, (2, 2)."""
    lowest, highest = points.min(0).values, points.max(0).values
    half = (0.5 + MARGIN) * (highest - lowest).max()
    middle = (lowest + highest) / 2
    return torch.stack((middle - half, middle + half))


def places(corners: Tensor, side: int = SIDE) -> Tensor:
    """Centres of the pixels of a square, (side · side, 2): rows from the top, columns from the left."""
    steps = (torch.arange(side).to(corners) + 0.5) / side
    x, y = (corners[0, i] + steps * (corners[1, i] - corners[0, i]) for i in (0, 1))
    vertical, horizontal = torch.meshgrid(y.flip(0), x, indexing="ij")
    return torch.stack((horizontal.flatten(), vertical.flatten()), 1)


@torch.no_grad()
def picture(model: PointModel, real: Tensor, made: Tensor, side: int = SIDE) -> Tensor:
    """The model's shade of each place, from red over white to blue; over it the points of the data in dark blue and the
    generated ones in black.

    Args:
        model: that made them.
        real: points of the data, (N, 2); none where they are not at hand.
        made: generated points, (M, 2); those outside the window are not seen.
        side: pixels.

    Returns:
        (1, 3, side, side) in [0, 1].
    """
    corners = window(real if len(real) else made)
    known = min(side, model.shade_side)
    shade = model.shade(places(corners, known)).view(1, 1, known, known)
    shade = F.interpolate(shade, (side, side), mode="bilinear")[0]
    colour = torch.where(shade > 0, _of(_REAL), _of(_MADE))
    image = 1 - _STRONGEST * shade.abs() * (1 - colour)
    for points, dark in ((real, _REAL), (made, _INK)):
        ink = (0.6 * density(points, corners, side)).clamp(0, 1)
        image = torch.lerp(image, _of(dark).expand_as(image), ink[None])
    return image[None].clamp(0, 1)


def density(points: Tensor, corners: Tensor, side: int = SIDE) -> Tensor:
    """How many of the points (N, 2) lie in each pixel of a square, (side, side); rows from the top."""
    place = (points - corners[0]) / (corners[1] - corners[0])
    inside = ((place >= 0) & (place < 1)).all(1)
    column, row = (place[inside] * side).long().unbind(1)
    flat = torch.bincount((side - 1 - row) * side + column, minlength=side * side)
    return flat.view(side, side)


def _of(colour: tuple[float, float, float]) -> Tensor:
    return torch.tensor(colour).view(3, 1, 1)
