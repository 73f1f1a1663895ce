r"""How many nats a flow spends on an image of 256 levels, at most: a bound on :math:`-\log p(x)`.

The noisy place :math:`x_t = (1 - t)\,\epsilon + t\,x` has the signal-to-noise ratio :math:`t^2 / (1 - t)^2`; its
logarithm :math:`\lambda` tells the time. A model that expects the data :math:`\hat x(x_t, t)`, and whose images are
drawn in infinitely many steps with new noise, spends

.. math:: -\log p(x) \le \frac12 \int_{\lambda_0}^{\lambda_1} e^\lambda\, \mathbb E_\epsilon
          \lVert x - \hat x(x_t, t) \rVert^2\, d\lambda + \frac12 e^{\lambda_0} \lVert x \rVert^2
          + \mathbb E_\epsilon[-\log p(x \mid x_{t_1})]

The second term is the divergence of :math:`q(x_{t_0} \mid x)`, in units of its noise, from N(0, I). The last is the
choice of the level in view of so little noise that it is almost sure, each level being equally probable:

.. math:: p(x_i \mid x_{t,i}) \propto \exp\Bigl(-\frac{e^{\lambda}}{2} \Bigl(\frac{x_{t,i}}{t} - x_i\Bigr)^2\Bigr)

A model may not know that there are levels. What it expects is therefore taken for a sight of them under the same noise,
and drawn to those that are near: the mean of :math:`x_i` with the weights
:math:`\exp\bigl(-e^\lambda (x_i - \hat x)^2 / 2\bigr)`. It is :math:`\hat x` itself where the noise is wider than a
level.

Where the true mean of the data is expected, and the last choice is sure, the bound is their entropy. No image is
dequantized. Source: Kingma et al. 2021, *Variational Diffusion Models*, equations 13 and 15, written for straight lines
and in :math:`\lambda`; Guo, Shamai & Verdú 2005, *Mutual Information and Minimum Mean-Square Error in Gaussian
Channels*, theorem 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from olaria.objectives.flow_matching import between

LOG_SNR = (-10.0, 13.3)
r""":math:`\lambda_0` and :math:`\lambda_1`: at the first the noise hides all, at the last almost nothing, as in
Kingma et al. 2021."""
_NEIGHBOURS = 3
"""Levels to each side that are looked at: those beyond are practically impossible."""

Expected = Callable[[Tensor, Tensor], Tensor]
"""Of places (B, ...) and times (B,), the data that is expected there."""


def negative_bound(
    expected: Expected, x: Tensor, u: Tensor, noise: Tensor, spacing: float
) -> Tensor:
    r"""An estimate of the bound, in nats per example, (B,); its mean is the bound where u is uniform in [0, 1].

    Args:
        expected: :math:`\hat x`.
        x: data in equally spaced levels, in the units of the flow, (B, ...).
        u: how far :math:`\lambda` is on its way from :math:`\lambda_0` to :math:`\lambda_1`, (B,).
        noise: :math:`\epsilon`, of N(0, I), the data's shape.
        spacing: from a level to the next; the first is -1.

    >>> x = torch.ones(1, 4)
    >>> negative_bound(lambda x_t, t: x, x, torch.tensor([0.5]), torch.zeros(1, 4), 2.0)  # all is known
    tensor([9.0800e-05])
    """
    first, last = LOG_SNR
    log_snr = first + u * (last - first)
    t = (log_snr / 2).sigmoid()
    width = spacing * (log_snr / 2).exp().view(-1, *[1] * (x.dim() - 1))
    missed = (x - _among_levels(expected(between(noise, x, t), t), spacing, width)).square()
    diffusion = 0.5 * (last - first) * log_snr.exp() * missed.flatten(1).sum(1)
    prior = 0.5 * torch.tensor(first).exp() * x.square().flatten(1).sum(1)
    return (
        diffusion + prior + _choice(noise, spacing * torch.tensor(last / 2).exp()).flatten(1).sum(1)
    )


def _among_levels(expected: Tensor, spacing: float, width: Tensor) -> Tensor:
    """The mean of the levels that are near; ``width`` is that of a level in units of the noise, (B, 1, ...)."""
    place = (expected + 1) / spacing
    nearest = place.round()
    steps = _steps(place)
    away = width[..., None] * (steps - (place - nearest)[..., None])
    mean = nearest + (-0.5 * away.square()).softmax(-1) @ steps
    # Of a level narrower than the noise the sum over all of them is an integral, to a part in 1e8.
    return torch.where(width > 1, mean * spacing - 1, expected).clamp(-1, 1)


def _choice(noise: Tensor, spacing: Tensor) -> Tensor:
    """Nats of the right level at noise of unit size; levels that do not exist beyond the first and the last count too,
    which only raises the bound."""
    away = noise[..., None] - spacing * _steps(noise)
    return (-0.5 * away.square()).logsumexp(-1) + 0.5 * noise.square()


def _steps(like: Tensor) -> Tensor:
    return torch.arange(-_NEIGHBOURS, _NEIGHBOURS + 1, device=like.device, dtype=like.dtype)
