"""How far a reconstruction is from its image. Every function returns one number per example, (B,)."""

from __future__ import annotations

import math
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    r"""Negative log-likelihood of pixels under independent Bernoulli variables, in nats.

    .. math:: -\log p(x \mid z) = -\sum_i x_i \log \sigma(l_i) + (1 - x_i) \log(1 - \sigma(l_i))

    Args:
        logits: :math:`l`, (B, C, H, W).
        x: pixels, {0, 1} (or probabilities in [0, 1], then this is a cross-entropy), (B, C, H, W).

    Returns:
        Sum over the pixels of each example, (B,).

    Source: Kingma & Welling 2014, *Auto-Encoding Variational Bayes*, appendix C.1, equation 11.

    >>> import torch
    >>> bernoulli_nll(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))  # 4 log 2
    tensor([2.7726])
    """
    # log(1 + e^l) - x l: one kernel, stable for large logits of either sign.
    return (F.softplus(logits) - x * logits).flatten(1).sum(1)


def squared_error(reconstruction: Tensor, x: Tensor) -> Tensor:
    r"""Mean squared error of each example.

    .. math:: \frac{1}{CHW} \sum_i (\hat x_i - x_i)^2

    Args:
        reconstruction: :math:`\hat x`, (B, C, H, W).
        x: (B, C, H, W), the same range.

    Returns:
        Mean over the pixels of each example, in squared units of the pixels, (B,).
    """
    return (reconstruction - x).square().flatten(1).mean(1)


def gaussian_nll(mean: Tensor, scale: Tensor, x: Tensor) -> Tensor:
    r"""Negative log-density of pixels under independent normal variables, in nats.

    .. math:: -\log p(x \mid z) = \sum_i \frac{(x_i - \mu_i)^2}{2 \sigma^2} + \log \sigma + \tfrac12 \log 2\pi

    A density may exceed 1, so its nats may be negative, and they are not comparable with those of a probability.

    Args:
        mean: :math:`\mu`, (B, C, H, W).
        scale: :math:`\sigma`, a scalar, in units of the pixels.
        x: pixels, (B, C, H, W).

    Returns:
        Sum over the pixels of each example, (B,).

    Source: Kingma & Welling 2014, appendix C.2; a learned shared scale from Rybkin et al. 2021, *Simple and Effective
    VAE Training with Calibrated Decoders*.
    """
    z = (x - mean) / scale
    return (0.5 * (z.square() + math.log(2 * math.pi)) + scale.log()).flatten(1).sum(1)


@final
class DiscretizedLogistic(Distribution):
    r"""Independent pixels of 256 grey levels: a logistic variable, rounded to the nearest level.

    .. math:: P(x) = \sigma\bigl((x + \tfrac1{510} - \mu) / s\bigr) - \sigma\bigl((x - \tfrac1{510} - \mu) / s\bigr)

    with all that lies beyond the first and the last level given to them.

    Args:
        mean: :math:`\mu`, (B, C, H, W), in [0, 1].
        scale: s, a scalar.

    Source: Salimans et al. 2017, *PixelCNN++*, equation 2.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    HALF_LEVEL = 1 / 510

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        self._mean, self.scale = mean, scale
        super().__init__(mean.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Of the logistic variable before rounding."""
        return self._mean

    def log_prob(self, value: Tensor) -> Tensor:
        """Of levels k / 255, elementwise, in nats."""
        above = (value + self.HALF_LEVEL - self._mean) / self.scale
        below = (value - self.HALF_LEVEL - self._mean) / self.scale
        # log(σ(a) − σ(b)) = a − b … written so that neither tail cancels: σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b − a)).
        inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(below - above))
        first = F.logsigmoid(above)
        last = F.logsigmoid(-below)
        return torch.where(value <= 0, first, torch.where(value >= 1, last, inside))

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Levels k / 255."""
        u = torch.rand(self._extended_shape(torch.Size(sample_shape))).clamp(1e-6, 1 - 1e-6)
        return ((self._mean + self.scale * u.logit()).clamp(0, 1) * 255).round() / 255
