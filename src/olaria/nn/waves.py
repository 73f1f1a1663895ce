r"""Numbers as waves: a dense network learns smooth functions of its inputs first, and of waves finer ones too."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

TIME_WAVES = 16
"""Of a time, as every flow reads it; each a cosine and a sine."""
LONGEST, SHORTEST = 2.0, 1 / 16
"""Periods of the waves of a time in [0, 1]: 0.1 and 0.2 look different, and so do 0.98 and 0.99."""


@final
class Waves(nn.Module):
    r"""Sines and cosines of random projections of a place.

    .. math:: (\cos 2\pi B x,\; \sin 2\pi B x), \qquad B_{ij} \sim N(0, \sigma^2)

    Args:
        size: coordinates of a place.
        count: rows of B, which is drawn once and never trained.
        std: :math:`\sigma`, in cycles a unit.

    Source: Tancik et al. 2020, *Fourier Features Let Networks Learn High Frequency Functions*, section 5.
    """

    directions: Tensor

    def __init__(self, size: int, count: int, std: float) -> None:
        super().__init__()
        self.register_buffer("directions", std * torch.randn(count, size))

    def forward(self, x: Tensor) -> Tensor:
        """(B, size) to (B, 2 · count)."""
        angles = 2 * math.pi * (x @ self.directions.T)
        return torch.cat((angles.cos(), angles.sin()), 1)


def time_waves(t: Tensor, count: int) -> Tensor:
    r"""Sines and cosines of a time, (B,) to (B, 2 · count), with periods from :data:`LONGEST` to :data:`SHORTEST`.

    Periods of thousands, as positions of a text have, would be all but constant over times in [0, 1].

    Source: Vaswani et al. 2017, section 3.5, with other periods.
    """
    steps = torch.linspace(0, 1, count, device=t.device)
    angles = 2 * math.pi * t[:, None] / (LONGEST * (SHORTEST / LONGEST) ** steps)
    return torch.cat((angles.cos(), angles.sin()), 1)
