r"""A dense network of residual blocks that a condition, such as a time, scales and shifts.

.. math:: x + W_2\, \mathrm{silu}\bigl(W_1 \bigl[(1 + s(c)) \odot \hat x + b(c)\bigr]\bigr), \qquad
          \hat x = \frac{x}{\sqrt{\overline{x^2} + \varepsilon}}

Source: He et al. 2016, *Deep Residual Learning*; Zhang & Sennrich 2019, *Root Mean Square Layer Normalization*; scale
and shift by a condition from Peebles & Xie 2023, *Scalable Diffusion Models with Transformers*, section 3.2
(adaLN-Zero, without its gate: the last matrix of a block begins at zero instead).
"""

from __future__ import annotations

from typing import final

import torch.nn.functional as F
from torch import Tensor, nn


@final
class DenseBlock(nn.Module):
    """A residual of two linear layers; see the module.

    Args:
        width: numbers that it reads and returns.
        condition: numbers of c.
    """

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(condition, 2 * width)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        for layer in (self.modulation, self.second):
            nn.init.zeros_(layer.weight)  # every block begins as the identity
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """(B, width) and (B, condition) to (B, width)."""
        scale, shift = self.modulation(c).chunk(2, 1)
        hidden = self.first(F.rms_norm(x, x.shape[1:]) * (1 + scale) + shift)
        out: Tensor = x + self.second(F.silu(hidden))
        return out


@final
class ResidualMLP(nn.Module):
    """Vectors and a condition to vectors.

    Args:
        size_in: numbers of an input.
        size_out: numbers of an output.
        width: of the blocks.
        depth: how many blocks.
        condition: numbers of c.

    >>> import torch
    >>> ResidualMLP(4, 2, width=8, depth=1, condition=3)(torch.zeros(5, 4), torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self, size_in: int, size_out: int, *, width: int, depth: int, condition: int
    ) -> None:
        super().__init__()
        self.stem = nn.Linear(size_in, width)
        self.blocks = nn.ModuleList(DenseBlock(width, condition) for _ in range(depth))
        self.head = nn.Linear(width, size_out)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """(B, size_in) and (B, condition) to (B, size_out)."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x, c)
        out: Tensor = self.head(F.rms_norm(x, x.shape[1:]))
        return out
