"""A game in the plane as its lesson looks at it: the points of both sides, the surface between them, how near they are.

The surface is in [0, 1], so that one half cannot tell. Everything that is measured is measured once more in NumPy.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from olaria.data.base import PointData
from olaria.evaluation import diversity
from olaria.evaluation.plane import NEAR
from olaria.families.gan import AdversarialLoss
from olaria.lessons.base import Array, Asked, numbers
from olaria.lessons.by_numpy import games
from olaria.lessons.by_numpy.networks import sigmoid
from olaria.lessons.gan.answers import LOGISTIC, events_of, loss_of, seeded
from olaria.models.base import last_layer
from olaria.models.plane import PlaneGAN
from olaria.runs import Run
from olaria.sampling import plane

DRAWN = 2000
"""Points that are measured."""
SHOWN = 300
"""Points of a cloud that are drawn."""
LEAST_REAL = 200
"""Test points below which those of the other parts are taken too."""
SIDE = 40
"""Cells of a surface's side."""
NEIGHBOURHOODS = 400
"""Points of each side whose neighbourhoods are compared."""


@dataclass(frozen=True)
class Scene:
    """A run's game and the points that every step looks at.

    Args:
        run: of a ``plane-gan``.
        model: both players, in evaluation mode.
        loss: the run's.
        events: of the run.
        data: of the run.
        z: noise, (N, latent).
        made: what the generator makes of it, (N, 2).
        real: test points, and those of the other parts where they are few, (M, 2).
        corners: of the window, (2, 2).
        seed: of all that is drawn.
    """

    run: Run
    model: PlaneGAN
    loss: AdversarialLoss
    events: list[dict[str, Any]]
    data: PointData
    z: Tensor
    made: Tensor
    real: Tensor
    corners: Tensor
    seed: int

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the window."""
        low, high = self.corners.tolist()
        return low[0], high[0], low[1], high[1]


def scene_of(asked: Asked) -> Scene:
    """Everything that the steps share, from one seed."""
    run = asked.run
    model, data = run.model(), run.data(offline=asked.offline)
    assert isinstance(model, PlaneGAN)
    assert isinstance(data, PointData)
    real = data.test
    if len(real) < LEAST_REAL:
        real = torch.cat((data.test, data.validation, data.train))
    events = events_of(run)
    return Scene(
        run=run,
        model=model,
        loss=loss_of(run, events),
        events=events,
        data=data,
        z=torch.randn(DRAWN, model.latent, generator=seeded(asked.seed)),
        made=plane.draw(model, DRAWN, seeded(asked.seed)),
        real=real[:DRAWN],
        corners=plane.window(data.train),
        seed=asked.seed,
    )


# -- the surface -----------------------------------------------------------------------------------


def middle_of(model: PlaneGAN, scene: Scene) -> float:
    """The answer that is drawn white: a critic's zero means nothing, so its answers are centred between both sets."""
    if scene.loss != "wasserstein":
        return 0.0
    return sum(model.discriminate(x).double().mean().item() for x in (scene.real, scene.made)) / 2


def surface(model: PlaneGAN, scene: Scene, side: int, middle: float = 0.0) -> Array:
    """The answers over the window, brought to [0, 1] so that one half cannot tell, (side, side), rows from the top."""
    centred = copy.deepcopy(model)
    last = last_layer(centred.discriminator)
    assert isinstance(last.bias, Tensor)
    last.bias -= middle
    probability = numbers(plane.surface(centred, scene.corners, side))
    if scene.loss in (*LOGISTIC, "wasserstein"):
        return probability
    with np.errstate(divide="ignore"):
        return _as_share(np.log(probability) - np.log1p(-probability), scene.loss)


def _as_share(logits: Array, loss: AdversarialLoss) -> Array:
    """Answers that are no logits, between what is asked for on generated examples and on real ones."""
    return np.clip(logits if loss == "least-squares" else (logits + 1) / 2, 0, 1)


def surface_by_hand(model: PlaneGAN, scene: Scene, side: int, middle: float) -> Array:
    """:func:`surface` cell by cell from the weights."""
    left, right, bottom, top = scene.extent
    cell = (right - left) / side
    places = [
        (left + (column + 0.5) * cell, top - (row + 0.5) * (top - bottom) / side)
        for row in range(side)
        for column in range(side)
    ]
    logits = games.point_logits(model, np.array(places)).reshape(side, side) - middle
    if scene.loss in (*LOGISTIC, "wasserstein"):
        return sigmoid(logits)
    return _as_share(logits, scene.loss)


# -- how near the points are -----------------------------------------------------------------------


def neighbourhoods(made: Tensor, real: Tensor) -> tuple[float, float]:
    """Precision and coverage of equally many points of both sides."""
    count = min(NEIGHBOURHOODS, len(made), len(real))
    found = diversity.prdc(made[:count].double(), real[:count].double())
    return found.precision, found.coverage


def neighbourhoods_by_hand(made: Tensor, real: Tensor) -> tuple[float, float]:
    """:func:`neighbourhoods` from all differences of coordinates."""
    count = min(NEIGHBOURHOODS, len(made), len(real))
    y, x = numbers(made[:count]), numbers(real[:count])
    radius = np.sort(_distances(x, x), 1)[:, diversity.K]  # the nearest is the point itself
    inside = _distances(x, y) < radius[:, None]
    return float(inside.any(0).mean()), float(inside.any(1).mean())


def clusters_by_hand(made: Tensor, modes: Tensor, std: float) -> tuple[int, float, Array]:
    """Clusters with a point, share of points near one, and shares by cluster; see :func:`clusters`."""
    apart = _distances(numbers(made), numbers(modes))
    near = apart.min(1) < NEAR * std
    counts = np.array([(near & (apart.argmin(1) == k)).sum() for k in range(len(modes))])
    return int((counts > 0).sum()), float(near.mean()), counts / max(1, counts.sum())


def _distances(a: Array, b: Array) -> Array:
    """(N, M), of (N, 2) and (M, 2)."""
    found: Array = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
    return found
