"""Divergences between distributions, in nats."""

from __future__ import annotations

import math
from typing import overload

import torch
from torch import Tensor


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
