r"""A codebook: the nearest of K vectors for a vector, with a gradient for both.

Source: van den Oord et al. 2017, *Neural Discrete Representation Learning*; vectors of length 1, of which more stay in
use, from Yu et al. 2022, *Vector-quantized Image Modeling with Improved VQGAN*, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn


@dataclass(frozen=True)
class Quantized:
    """What a codebook makes of vectors.

    Args:
        codes: the place of the nearest entry, int64 (...).
        vectors: that entry, (..., D); its gradient passes to what was quantized as if nothing had happened.
        codebook: :math:`\\lVert \\mathrm{sg}(z) - e \\rVert^2` of each vector, (...), which moves the entries.
        commitment: :math:`\\lVert z - \\mathrm{sg}(e) \\rVert^2`, (...), which moves the encoder.
    """

    codes: Tensor
    vectors: Tensor
    codebook: Tensor
    commitment: Tensor


@final
class Codebook(nn.Module):
    r"""K entries on the unit sphere.

    .. math:: k = \arg\min_j \lVert z - e_j \rVert, \qquad \lVert z \rVert = \lVert e_j \rVert = 1

    Args:
        size: K.
        dim: D.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.entries = nn.Parameter(torch.randn(size, dim))

    @property
    def unit(self) -> Tensor:
        """The entries with length 1, (K, D)."""
        return F.normalize(self.entries.float(), dim=1)

    @torch.no_grad()
    def begin(self, vectors: Tensor, generator: Generator) -> None:
        """Take some of the vectors (N, D) for the entries, each far from those before it.

        The next is drawn with a probability that grows as the squared distance to the nearest so far: else most would
        be of what is most frequent, and never be used.

        Source: Arthur & Vassilvitskii 2007, *k-means++*, section 2.2.
        """
        unit = F.normalize(vectors.float(), dim=1)
        distance = torch.ones(len(unit))
        for entry in self.entries:
            chosen = torch.multinomial(distance + 1e-9, 1, generator=generator)
            entry.copy_(unit[chosen[0]])
            distance = torch.minimum(distance, (unit - entry).square().sum(1))

    def forward(self, z: Tensor) -> Quantized:
        """(..., D), of any length, to the nearest entries."""
        z, entries = F.normalize(z.float(), dim=-1), self.unit
        codes = (z.detach() @ entries.detach().T).argmax(-1)
        found = entries[codes]
        straight = z + (found - z).detach()
        return Quantized(
            codes,
            straight,
            (z.detach() - found).square().sum(-1),
            (z - found.detach()).square().sum(-1),
        )

    def lookup(self, codes: Tensor) -> Tensor:
        """Codes (...) to their entries, (..., D)."""
        return self.unit[codes]
