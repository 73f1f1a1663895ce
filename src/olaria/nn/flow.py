r"""A learned, invertible change of variables between vectors of one size.

.. math:: u = T(z), \qquad p(z) = N(T(z); 0, I)\, \left|\det \frac{\partial T}{\partial z}\right|

Where u has the prior N(0, I), z has one that follows the data; with ``classes`` the map, and so p(z), is another for
each class. Sources: Dinh et al. 2017, *Density Estimation Using Real NVP* (the layers); Chen et al. 2017, *Variational
Lossy Autoencoder*, section 3.2 (as a prior); Lu & Huang 2020, *Structured Output Learning with Conditional Generative
Flows*, section 3.1 (of a class).
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from olaria.nn.classes import with_class
from olaria.nn.mlp import mlp

WIDENING = 4
"""Hidden features of a layer's network, for each variable."""
_LARGEST = 2.0
"""Of a layer's log-scales: what a network can do to a volume is bounded."""


@final
class Coupling(nn.Module):
    r"""Scale and shift one half of the variables by what the other half, which stays, says.

    .. math:: T(a, b) = \big(b\, e^{s(a)} + t(a),\; a\big), \qquad \log\left|\det T'\right| = \sum_i s_i(a)

    The halves change places, so that a following layer moves the half that stayed. It begins as that exchange alone.
    Source: Dinh et al. 2017, equations 7 and 8.

    Args:
        size: number of variables, 2 or more.
        classes: that the network is told one of; 0 is none.
    """

    def __init__(self, size: int, classes: int = 0) -> None:
        super().__init__()
        self.sizes, self.classes = (size // 2, size - size // 2), classes
        width = WIDENING * size
        self.network = mlp([self.sizes[0] + classes, width, width, 2 * self.sizes[1]], "gelu")
        for parameter in self.network[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, z: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(N, size), and the classes (N,) where there are some, to the same shape and how log volumes grow, (N,)."""
        kept, moved = z.split(self.sizes, 1)
        log_scale, shift = self._terms(kept, y)
        return torch.cat((moved * log_scale.exp() + shift, kept), 1), log_scale.sum(1)

    def inverse(self, u: Tensor, y: Tensor | None = None) -> Tensor:
        """What :meth:`forward` made u of."""
        moved, kept = u.split(self.sizes[::-1], 1)
        log_scale, shift = self._terms(kept, y)
        return torch.cat((kept, (moved - shift) * (-log_scale).exp()), 1)

    def _terms(self, kept: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        raw, shift = self.network(with_class(kept, y, self.classes)).float().chunk(2, 1)
        return _LARGEST * torch.tanh(raw / _LARGEST), shift


@final
class Flow(nn.Module):
    """Couplings one after the other.

    Args:
        size: number of variables, 2 or more.
        num_layers: couplings.
        classes: see :class:`Coupling`.
    """

    def __init__(self, size: int, num_layers: int, classes: int = 0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Coupling(size, classes) for _ in range(num_layers))

    def forward(self, z: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z, (N, size), and the classes (N,) where there are some, to u = T(z) and the log-determinant, (N,)."""
        log_det = z.new_zeros(len(z))
        for layer in self.layers:
            z, growth = layer(z, y)
            log_det = log_det + growth
        return z, log_det

    def inverse(self, u: Tensor, y: Tensor | None = None) -> Tensor:
        """u, (N, size), to the z with T(z) = u."""
        for layer in reversed(self.layers):
            assert isinstance(layer, Coupling)
            u = layer.inverse(u, y)
        return u
