r"""The Kullback–Leibler divergence of two normal distributions, drawn as a signed area.

.. math:: D(p \| q) = \int p(x) \log\frac{p(x)}{q(x)} \, dx \quad\text{nats}

The integrand is negative where q is above p; only the whole area is never negative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from olaria.errors import ConfigError
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check, Step
from olaria.objectives.divergence import normal_kl

SOURCE = "Kullback & Leibler 1951, section 2"
TOLERANCE_NATS = 1e-4
_REACH = 12.0  # standard deviations; beyond, a normal density is below 1e-31 of its peak
_POINTS = 8001


@dataclass(frozen=True)
class Gaussian:
    """A one-dimensional normal distribution.

    Args:
        mean: its mean.
        std: its *standard deviation* (not the variance), above zero.

    Raises:
        ConfigError: a number is not finite, or ``std`` is not above zero.
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise ConfigError(
                N_("the mean of a normal distribution cannot be {value}: give a finite number"),
                value=self.mean,
            )
        if not (math.isfinite(self.std) and self.std > 0):
            raise ConfigError(
                N_(
                    "the standard deviation of a normal distribution cannot be {value}: "
                    "give a finite number above 0"
                ),
                value=self.std,
            )

    def log_density(self, x: Array) -> Array:
        r""":math:`\log p(x) = -\tfrac12 ((x - \mu)/\sigma)^2 - \log\sigma - \tfrac12 \log 2\pi`, in nats."""
        scaled = (x - self.mean) / self.std
        return -0.5 * scaled**2 - math.log(self.std) - 0.5 * math.log(2 * math.pi)

    def density(self, x: Array) -> Array:
        """p(x), per unit of x."""
        return np.exp(self.log_density(x))


P = Gaussian(0.0, 1.0)
Q = Gaussian(1.0, 1.5)


@dataclass(frozen=True)
class Divergence:
    """D(p ‖ q) as an area.

    Args:
        x: ascending points, (N,).
        integrand: p(x) log(p(x) / q(x)), nats per unit of x, (N,).
        positive_nats: area where the integrand is above zero.
        negative_nats: area where it is below zero, itself negative.
        numerical_nats: their sum.
        closed_form_nats: the same from the formula.
    """

    x: Array
    integrand: Array
    positive_nats: float
    negative_nats: float
    numerical_nats: float
    closed_form_nats: float


def grid(p: Gaussian, q: Gaussian, reach: float = _REACH, points: int = _POINTS) -> Array:
    """Ascending points that resolve both distributions, however different their widths.

    Args:
        p: one distribution.
        q: the other.
        reach: how far on either side of each mean, in its standard deviations.
        points: how many for each distribution.
    """
    ranges = [np.linspace(g.mean - reach * g.std, g.mean + reach * g.std, points) for g in (p, q)]
    return np.union1d(*ranges)


def integrand(p: Gaussian, q: Gaussian, x: Array) -> Array:
    """p(x) log(p(x) / q(x)), nats per unit of x; logarithms are subtracted, so nothing overflows."""
    log_p = p.log_density(x)
    return np.exp(log_p) * (log_p - q.log_density(x))


def _trapezoid(y: Array, x: Array) -> float:
    return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())


def divergence(p: Gaussian, q: Gaussian, x: Array | None = None) -> Divergence:
    """D(p ‖ q) in nats, by the trapezoid rule on ``x`` and in closed form.

    >>> d = divergence(Gaussian(0.0, 1.0), Gaussian(1.0, 1.0))
    >>> round(d.numerical_nats, 6), d.closed_form_nats
    (0.5, 0.5)
    """
    x = grid(p, q) if x is None else x
    values = integrand(p, q, x)
    positive = _trapezoid(np.maximum(values, 0.0), x)
    negative = _trapezoid(np.minimum(values, 0.0), x)
    closed = float(normal_kl(p.mean, p.std, q.mean, q.std))
    return Divergence(x, values, positive, negative, positive + negative, closed)


def kl_lesson(p: Gaussian = P, q: Gaussian = Q) -> tuple[Step, ...]:
    """The lesson: two distributions, the area in one direction, the area in the other.

    Arrays, each (N,): ``x``; ``p`` and ``q``, densities per unit of x; ``integrand``, nats per unit of x.
    """
    forward, backward = divergence(p, q), divergence(q, p)
    two = Step(
        Message(N_("Two distributions")),
        Message(
            N_(
                "p is N({mean_p}, {std_p}²) and q is N({mean_q}, {std_q}²): mean, and the square of the "
                "standard deviation."
            ),
            {"mean_p": p.mean, "std_p": p.std, "mean_q": q.mean, "std_q": q.std},
        ),
        "N(x; μ, σ²) = exp(−(x − μ)² / 2σ²) / (σ √(2π))",
        {"x": forward.x, "p": p.density(forward.x), "q": q.density(forward.x)},
    )
    area = Step(
        Message(N_("An area with a sign")),
        Message(
            N_(
                "Where p is above q the logarithm is positive, elsewhere negative, and each place "
                "counts as much as p has mass there. The sum of both areas is never negative."
            )
        ),
        "D(p‖q) = ∫ p(x) · log(p(x) / q(x)) dx",
        {"x": forward.x, "integrand": forward.integrand},
        SOURCE,
        _agreement(forward),
    )
    other = Step(
        Message(N_("The other direction is another number")),
        Message(
            N_(
                "Now q gives the weight: a divergence is not a distance, because its two directions "
                "differ."
            )
        ),
        "D(q‖p) = ∫ q(x) · log(q(x) / p(x)) dx",
        {"x": backward.x, "integrand": backward.integrand},
        SOURCE,
        _agreement(backward),
    )
    return two, area, other


def _agreement(area: Divergence) -> Check:
    text = Message(N_("the area under the curve equals the closed form, in nats"))
    return Check(text, area.numerical_nats, area.closed_form_nats, TOLERANCE_NATS)
