r"""Normal clusters of one shape in many dimensions, on their way from noise: the mean velocity in closed form.

The data are taken for a mixture whose clusters differ along a few axes alone: with orthonormal axes U (D × R),

.. math:: x \sim \sum_k w_k\, N\bigl(\mu + U c_k,\; U\, \mathrm{diag}(s)\, U^\top + r\,(I - U U^\top)\bigr)

The place :math:`x_t = (1 - t)\,\epsilon + t\,x` of :mod:`olaria.objectives.flow_matching` then is a mixture too. With
:math:`u = x_t - t \mu` and :math:`y = U^\top u`, the probability of each cluster given the place is

.. math:: p_k \propto w_k \exp\Bigl(t \sum_i \frac{y_i c_{ki}}{q_i} - \frac{t^2}{2} \sum_i \frac{c_{ki}^2}{q_i}\Bigr),
          \qquad q = (1 - t)^2 + t^2 s

what lies outside the axes being equally probable in all of them. Given the cluster, data and velocity are normal:

.. math:: \mathbb E[x \mid x_t] = \mu + a_r (u - U y) + U \bigl(m + a \odot (y - t m)\bigr), \qquad
          m = \sum_k p_k c_k, \quad a = \frac{t s}{q}, \quad a_r = \frac{t r}{(1 - t)^2 + t^2 r}

and with :math:`b = (t s - (1 - t)) / q` for a, and :math:`b_r` for :math:`a_r`, the same is the mean velocity
:math:`\mathbb E[x - \epsilon \mid x_t]`.

Source: the posterior of a Gaussian mixture, Bishop 2006, *Pattern Recognition and Machine Learning*, sections 2.3.3 and
9.2; with a cluster at each image and s = r = 0, the ideal denoiser of Karras et al. 2022, *Elucidating the Design Space
of Diffusion-Based Generative Models*, appendix B.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_SIZE = 1e-6
"""Of a variance that is divided by: that of a cluster of no width, at the end."""


@dataclass(frozen=True)
class Modes:
    r"""Clusters of one shape along a few axes; see the module.

    Args:
        mean: :math:`\mu`, (D,).
        axes: U, orthonormal, (D, R).
        centres: :math:`c`, (K, R).
        log_weights: :math:`\log w`, (K,); or (B, K), where each place has its own.
        inside: s, the variances along the axes, (R,).
        outside: r, the variance of all that is orthogonal to them, ().

    >>> at = torch.tensor
    >>> modes = Modes(at([0.0]), at([[1.0]]), at([[-1.0], [1.0]]), at([0.0, 0.0]), at([0.01]), at(0.0))
    >>> modes.velocity(at([[0.0], [1.0]]), at([0.5, 1.0]))
    tensor([[0.],
            [1.]])
    """

    mean: Tensor
    axes: Tensor
    centres: Tensor
    log_weights: Tensor
    inside: Tensor
    outside: Tensor

    def velocity(self, x_t: Tensor, t: Tensor) -> Tensor:
        r""":math:`\mathbb E[x - \epsilon \mid x_t]` of places (B, D) at times (B,), (B, D)."""
        t = t[:, None]
        u = x_t - t * self.mean
        y = u @ self.axes
        size, share = _size_and_share(self.inside, t)
        _, rest = _size_and_share(self.outside, t)
        terms = torch.cat((t * y / size, -0.5 * t.square() / size), 1)
        scores = terms @ torch.cat((self.centres, self.centres.square()), 1).T
        m = (self.log_weights + scores).softmax(1) @ self.centres
        # One product with the axes: what is outside of them is all of u less its part inside.
        within = m + share * (y - t * m) - rest * y
        return self.mean + rest * u + within @ self.axes.T


def _size_and_share(variance: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """q and b of the module, (B, R), of variances (R,) at times (B, 1)."""
    size = ((1 - t).square() + t.square() * variance).clamp_min(LEAST_SIZE)
    return size, (t * variance - (1 - t)) / size
