"""Divergences between distributions, in nats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from olaria.errors import ConfigError
from olaria.i18n import N_

Array = NDArray[np.float64]
_REACH = 12.0  # standard deviations; beyond, a normal density is below 1e-31 of its peak
_POINTS = 8001


@overload
def normal_kl(
    mean_p: Tensor, std_p: Tensor, mean_q: Tensor | float, std_q: Tensor | float
) -> Tensor: ...
@overload
def normal_kl(mean_p: float, std_p: float, mean_q: float, std_q: float) -> float: ...
def normal_kl(
    mean_p: Tensor | float,
    std_p: Tensor | float,
    mean_q: Tensor | float = 0.0,
    std_q: Tensor | float = 1.0,
) -> Tensor | float:
    r"""Kullback–Leibler divergence between two one-dimensional normal distributions, in nats.

    .. math:: D(p \| q) = \log\frac{\sigma_q}{\sigma_p}
              + \frac{\sigma_p^2 + (\mu_p - \mu_q)^2}{2 \sigma_q^2} - \frac12

    It is not symmetric: :math:`D(p\|q) \ne D(q\|p)` in general.

    Args:
        mean_p, std_p: :math:`\mu_p` and the *standard deviation* :math:`\sigma_p > 0` (not the variance).
        mean_q, std_q: the same of q.

    Returns:
        Elementwise divergence (a float for floats).

    Source: Kullback & Leibler 1951; the closed form as in Kingma & Welling 2014, appendix B.

    >>> normal_kl(0.0, 1.0, 0.0, 1.0)
    0.0
    """
    squared = (std_p**2 + (mean_p - mean_q) ** 2) / (2 * std_q**2)
    ratio = std_q / std_p
    log_ratio = torch.log(ratio) if isinstance(ratio, Tensor) else math.log(ratio)
    return log_ratio + squared - 0.5


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    r"""KL from a diagonal normal to the standard normal prior, in nats.

    .. math:: D(q(z|x) \| p(z)) = \sum_j \frac12 (\mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1)

    This is :func:`normal_kl` with :math:`q = N(0, 1)`, written in :math:`\log\sigma^2` because that is what
    the encoder gives and the exponential then needs no logarithm of itself.

    Args:
        mean: :math:`\mu`, (B, D).
        log_var: :math:`\log \sigma^2`, (B, D).

    Returns:
        Of each latent dimension, (B, D); the divergence is their sum.

    Source: Kingma & Welling 2014, appendix B (with the sign of a divergence).
    """
    return 0.5 * (mean.square() + log_var.exp() - log_var - 1)


# -- as an area ------------------------------------------------------------------------------------


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
    r"""What is integrated, :math:`p(x) \log\frac{p(x)}{q(x)}`, in nats per unit of x.

    It is negative where q is above p. Logarithms are subtracted, so nothing overflows.

    Args:
        p: first distribution.
        q: second distribution.
        x: (N,).

    Returns:
        (N,).
    """
    log_p = p.log_density(x)
    return np.exp(log_p) * (log_p - q.log_density(x))


def trapezoid(y: Array, x: Array) -> float:
    r"""The area under values at ascending points, :math:`\sum_i \tfrac12 (y_i + y_{i+1}) (x_{i+1} - x_i)`."""
    return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())


def divergence(p: Gaussian, q: Gaussian, x: Array | None = None) -> Divergence:
    r"""The divergence of two normal distributions, as an area and in closed form.

    .. math:: D(p \| q) = \int p(x) \log\frac{p(x)}{q(x)} \, dx

    Args:
        p: first distribution.
        q: second distribution.
        x: ascending points of the trapezoid rule, (N,); those of :func:`grid` where None.

    Source: Kullback & Leibler 1951, section 2; for the closed form see :func:`normal_kl`.

    >>> d = divergence(Gaussian(0.0, 1.0), Gaussian(1.0, 1.0))
    >>> round(d.numerical_nats, 6), d.closed_form_nats
    (0.5, 0.5)
    """
    x = grid(p, q) if x is None else x
    values = integrand(p, q, x)
    positive = trapezoid(np.maximum(values, 0.0), x)
    negative = trapezoid(np.minimum(values, 0.0), x)
    closed = float(normal_kl(p.mean, p.std, q.mean, q.std))
    return Divergence(x, values, positive, negative, positive + negative, closed)
