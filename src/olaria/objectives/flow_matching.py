r"""Flow matching along straight lines: the path from noise to data, what a network may predict, and the times.

Noise :math:`\epsilon \sim N(0, I)` and an example :math:`x` are joined by a straight line; time goes from 0, noise, to
1, data:

.. math:: x_t = (1 - t)\,\epsilon + t\,x, \qquad v = \frac{d x_t}{dt} = x - \epsilon

A network learns the velocity :math:`v` by its squared error. What minimises that is the mean velocity of all lines
through a place, :math:`v(x_t, t) = \mathbb E[x - \epsilon \mid x_t]`, and following it carries N(0, I) to the data.
Source: Lipman et al. 2023, *Flow Matching for Generative Modeling*, equation 23 with :math:`\sigma_{min} = 0`; Liu et
al. 2023, *Flow Straight and Fast*, equation 1.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from olaria import draws
from olaria.vocabulary import Prediction

LEAST_LEFT = 0.05
"""Of the time that is left, where a prediction is divided by it: the velocity stays bounded at the end."""
_LEAST_TAIL = 1e-6
"""Of a probability whose normal quantile is taken, which is infinite at 0 and 1."""


def between(noise: Tensor, x: Tensor, t: Tensor) -> Tensor:
    r"""The place at time t on the line from noise to data, :math:`x_t = (1 - t)\,\epsilon + t\,x`.

    Args:
        noise: :math:`\epsilon`, (B, ...).
        x: data, the same shape.
        t: times in [0, 1], (B,).

    >>> import torch
    >>> between(torch.zeros(1, 2), torch.ones(1, 2), torch.tensor([0.25]))
    tensor([[0.2500, 0.2500]])
    """
    return noise + beside(t, x) * (x - noise)


def velocity_of(predicted: Tensor, kind: Prediction, x_t: Tensor, t: Tensor) -> Tensor:
    r"""The velocity that follows from what a network predicts at a place and a time.

    .. math:: v = \hat v, \qquad v = \frac{\hat x - x_t}{1 - t}, \qquad v = \frac{x_t - \hat\epsilon}{t}

    each divisor not below :data:`LEAST_LEFT`.

    Args:
        predicted: :math:`\hat v`, :math:`\hat x` or :math:`\hat\epsilon`, (B, ...).
        kind: which of them.
        x_t: the place, the same shape.
        t: times, (B,).

    Source: Li & He 2025, *Back to Basics: Let Denoising Generative Models Denoise*, table 1.
    """
    if kind == "velocity":
        return predicted
    t = beside(t, x_t)
    if kind == "data":
        return (predicted - x_t) / (1 - t).clamp_min(LEAST_LEFT)
    return (x_t - predicted) / t.clamp_min(LEAST_LEFT)


def expected_data(predicted: Tensor, kind: Prediction, x_t: Tensor, t: Tensor) -> Tensor:
    r"""The data that follows from what a network predicts at a place and a time; see :func:`velocity_of`.

    .. math:: \hat x = x_t + (1 - t)\,\hat v, \qquad \hat x, \qquad \hat x = \frac{x_t - (1 - t)\,\hat\epsilon}{t}

    Args:
        predicted: :math:`\hat v`, :math:`\hat x` or :math:`\hat\epsilon`, (B, ...).
        kind: which of them.
        x_t: the place, the same shape.
        t: times, (B,).
    """
    return predicted if kind == "data" else data_of(velocity_of(predicted, kind, x_t, t), x_t, t)


def linear_velocity(
    x_t: Tensor, t: Tensor, mean: Tensor, variance: Tensor
) -> tuple[Tensor, Tensor]:
    r"""What the mean and the variance of the data alone say of the velocity: its mean and its standard deviation.

    .. math:: \mathbb E[v \mid x_t] = \mu + \frac{t s^2 - (1 - t)}{(1 - t)^2 + t^2 s^2}\,(x_t - t \mu), \qquad
              \mathrm{Var}[v \mid x_t] = \frac{s^2}{(1 - t)^2 + t^2 s^2}

    for independent normal coordinates. A network that is given this learns only what is left, of about unit size at
    all times.

    Args:
        x_t: places, (B, ...).
        t: times, (B,).
        mean: :math:`\mu` of each coordinate, (...).
        variance: :math:`s^2`, (...).

    Returns:
        Mean and standard deviation, both of the places' shape.

    Source: the preconditioning of Karras et al. 2022, *Elucidating the Design Space of Diffusion-Based Generative
    Models*, section 5, written for straight lines and for each coordinate.
    """
    t = beside(t, x_t)
    size = (1 - t).square() + t.square() * variance
    size = size.clamp_min(1e-6)  # of a coordinate that never varies, at the end
    guess = mean + (t * variance - (1 - t)) / size * (x_t - t * mean)
    return guess, (variance / size).sqrt()


def data_of(velocity: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    r"""The data that a velocity leads to, :math:`\hat x = x_t + (1 - t)\, v`: the mean of all that may become it.

    Args:
        velocity: (B, ...).
        x_t: the place, the same shape.
        t: times, (B,).
    """
    return x_t + (1 - beside(t, x_t)) * velocity


def noise_of(velocity: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    r"""The noise that a velocity comes from, :math:`\hat\epsilon = x_t - t\, v`.

    Args:
        velocity: (B, ...).
        x_t: the place, the same shape.
        t: times, (B,).
    """
    return x_t - beside(t, x_t) * velocity


def logit_normal(count: int, generator: Generator, mean: float = 0.0, std: float = 1.0) -> Tensor:
    r"""Times in (0, 1) that are dense where a network has most to learn, (count,).

    .. math:: t = \sigma(m + s\,n), \qquad n = \Phi^{-1}(u) \sim N(0, 1)

    with u evenly spaced over the batch (:func:`olaria.draws.spread`), so that a mean over it varies less.

    Args:
        count: how many.
        generator: draws u.
        mean: m; above 0 later times, nearer the data, come more often.
        std: s.

    Source: Esser et al. 2024, *Scaling Rectified Flow Transformers*, section 3.1.
    """
    u = draws.spread(count, generator).clamp(_LEAST_TAIL, 1 - _LEAST_TAIL)
    n: Tensor = torch.special.ndtri(u)
    return (mean + std * n).sigmoid()


def guided(given: Tensor, free: Tensor, weight: float) -> Tensor:
    r"""The velocity of a class, driven away from that of no class: :math:`v_\emptyset + w\,(v_y - v_\emptyset)`.

    A weight of 0 ignores the class, 1 is the class alone, above 1 trades variety for agreement with it.

    Args:
        given: :math:`v_y`, (B, ...).
        free: :math:`v_\emptyset`, the same shape.
        weight: w.

    Source: Ho & Salimans 2022, *Classifier-Free Diffusion Guidance*, equation 6, with w for their 1 + w.
    """
    return free + weight * (given - free)


def beside(t: Tensor, x: Tensor) -> Tensor:
    """Times (B,) with as many dimensions as what they are the times of."""
    return t.view(-1, *[1] * (x.dim() - 1))
