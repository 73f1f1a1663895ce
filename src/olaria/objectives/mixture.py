r"""Equal normal clusters on their way from noise: density, score and velocity at each time, in closed form.

With data :math:`x \sim \tfrac1K \sum_k N(\mu_k, \sigma^2 I)` and noise :math:`\epsilon \sim N(0, I)`, the places
:math:`x_t = (1 - t)\,\epsilon + t\,x` of :mod:`olaria.objectives.flow_matching` are a mixture at every time:

.. math:: p_t = \tfrac1K \sum_k N(t \mu_k, s_t^2 I), \qquad s_t^2 = (1 - t)^2 + t^2 \sigma^2

Time 1 has the data's own density. This is what a network of flow matching is compared with where the data are such
clusters. Source: Lipman et al. 2023, *Flow Matching for Generative Modeling*, theorems 1 and 3, for this path.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from olaria.objectives.flow_matching import linear_velocity


@dataclass(frozen=True)
class Mixture:
    r"""Clusters of one weight and one size; see the module.

    Args:
        modes: :math:`\mu`, (K, D).
        std: :math:`\sigma`.

    >>> import torch
    >>> ring = Mixture(torch.tensor([[-1.0], [1.0]]), 0.1)
    >>> x, t = torch.tensor([[0.0], [1.0]]), torch.tensor([1.0, 1.0])
    >>> ring.log_density(x, t), ring.velocity(x, t)
    (tensor([-48.6164,   0.6905]), tensor([[0.],
            [1.]]))
    """

    modes: Tensor
    std: float

    def log_density(self, x: Tensor, t: Tensor) -> Tensor:
        r"""Of places (N, D) at times (N,), :math:`\log p_t(x)` in nats, (N,), in the places' precision."""
        away, variance = self._away(x, t)
        size = x.shape[1] * (2 * math.pi * variance).log()
        nats = -0.5 * away.square().sum(2) / variance - 0.5 * size
        return nats.logsumexp(1) - math.log(len(self.modes))

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        r"""Of places (N, D) at times (N,), (N, D).

        .. math:: \nabla \log p_t(x) = \sum_k r_k(x)\, \frac{t \mu_k - x}{s_t^2}

        with the shares :math:`r_k` of :meth:`shares`.
        """
        away, variance = self._away(x, t)
        return -(self.shares(x, t)[:, :, None] * away).sum(1) / variance

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        r"""The mean velocity of all lines through places (N, D) at times (N,), (N, D).

        .. math:: v(x, t) = \mathbb E[x_1 - \epsilon \mid x_t = x] = \sum_k r_k(x) \Bigl(\mu_k +
            \frac{t \sigma^2 - (1 - t)}{s_t^2} (x - t \mu_k)\Bigr)

        The inner term is that of one cluster, :func:`olaria.objectives.flow_matching.linear_velocity`.
        """
        inner, _ = linear_velocity(x[:, None], t, self.modes.to(x), x.new_tensor(self.std**2))
        return (self.shares(x, t)[:, :, None] * inner).sum(1)

    def shares(self, x: Tensor, t: Tensor) -> Tensor:
        r"""The probability :math:`r_k(x)` that a place (N, D) at a time (N,) leads to cluster k, (N, K)."""
        away, variance = self._away(x, t)
        return (-0.5 * away.square().sum(2) / variance).softmax(1)

    def _away(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        r""":math:`x - t \mu_k`, (N, K, D), and :math:`s_t^2`, (N, 1)."""
        away = x[:, None] - t[:, None, None] * self.modes.to(x)
        variance = (1 - t).square() + t.square() * self.std**2
        return away, variance[:, None]
