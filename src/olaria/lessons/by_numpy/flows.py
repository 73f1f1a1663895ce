"""Flow matching once more, in NumPy and float64 from the raw weights: what the lesson's checks compare with."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy.networks import sigmoid, weight
from olaria.models.point_flow import PointFlow
from olaria.nn.waves import LONGEST, SHORTEST, TIME_WAVES
from olaria.objectives.flow_matching import LEAST_LEFT


def point_velocity(
    model: PointFlow, x: Array, t: Array, *, tangents: bool = False
) -> tuple[Array, Array]:
    r"""The velocity of places (N, D) at times (N,), and its divergence, (N,), where it is asked for.

    A tangent of each coordinate is carried through every layer beside the place (forward-mode derivatives), which gives
    :math:`\partial v_i / \partial x_i` without a gradient.
    """
    size = x.shape[1]
    directions = numbers(model.waves.directions)
    angles = 2 * np.pi * x @ directions.T
    clock = times_as_waves(t)
    h = np.concatenate((x, np.cos(angles), np.sin(angles), clock), 1)
    slopes = list[Array]()
    for i in range(size if tangents else 0):
        turned = 2 * np.pi * directions[:, i]
        unit = np.broadcast_to(np.eye(size)[i], x.shape)
        parts = (unit, -np.sin(angles) * turned, np.cos(angles) * turned, np.zeros_like(clock))
        slopes.append(np.concatenate(parts, 1))
    for layer in model.network:
        if isinstance(layer, nn.Linear):
            h = h @ weight(layer).T + numbers(layer.bias)
            slopes = [slope @ weight(layer).T for slope in slopes]
        else:
            assert isinstance(layer, nn.SiLU)
            gate = sigmoid(h)
            slopes = [slope * (gate + h * gate * (1 - gate)) for slope in slopes]
            h = h * gate
    diverging = np.zeros(len(x))
    for i, slope in enumerate(slopes):
        diverging += _velocity(model, slope, np.eye(size)[i][None], t)[:, i]
    return _velocity(model, h, x, t), diverging


def _velocity(model: PointFlow, said: Array, x: Array, t: Array) -> Array:
    """What the network says of places as a velocity; linear in both, so that it serves tangents too."""
    t = beside(t, said)
    if model.config.prediction == "data":
        return np.asarray((said - x) / np.maximum(1 - t, LEAST_LEFT))
    if model.config.prediction == "noise":
        return np.asarray((x - said) / np.maximum(t, LEAST_LEFT))
    return said


def times_as_waves(t: Array, count: int = TIME_WAVES) -> Array:
    """Cosines, then sines, of times (N,), (N, 2 · count); the periods are constants of the model, in its precision."""
    periods = numbers(LONGEST * (SHORTEST / LONGEST) ** torch.linspace(0, 1, count))
    angles = 2 * np.pi * t[:, None] / periods
    return np.concatenate((np.cos(angles), np.sin(angles)), 1)


def distances(x: Array, others: Array) -> Array:
    """Euclidean distances, (N, K), of (N, ...) and (K, ...)."""
    x, others = (some.reshape(len(some), -1) for some in (x, others))
    rows = [np.sqrt(((row - others) ** 2).sum(1)) for row in x]
    return np.stack(rows)


def beside(t: Array, x: Array) -> Array:
    """Times (N,) with as many dimensions as what they are the times of."""
    return t.reshape(-1, *[1] * (x.ndim - 1))
