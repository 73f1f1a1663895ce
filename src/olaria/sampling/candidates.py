"""What each draw of a text chose from: the token's probability, and the likeliest tokens in its place."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Candidate:
    """A token that could come next.

    Args:
        token: its id.
        probability: of the model itself, the softmax of its logits.
        drawn_with: the probability of the draw, after penalty, temperature, top-k, top-p and min-p; 0 where they leave
            the token out.
    """

    token: int
    probability: float
    drawn_with: float


@dataclass(frozen=True)
class Draw:
    """One draw: the token that came, and the likeliest of the model, the likeliest first."""

    drawn: Candidate
    likeliest: tuple[Candidate, ...]


@dataclass
class DrawRecord:
    """Keeps the draws of one text; nothing while ``num_candidates`` is 0.

    Args:
        num_candidates: of the likeliest tokens that each draw keeps.
    """

    num_candidates: int = 0
    _draws: list[Draw] = field(default_factory=list)

    def add(self, logits: Tensor, probabilities: Tensor, token: Tensor) -> None:
        """Keep a draw.

        Args:
            logits: of the model, (1, V), before any setting.
            probabilities: of the draw, (1, V).
            token: that came, (1, 1).
        """
        own, used = logits[0].float().softmax(-1), probabilities[0]
        likeliest = own.topk(min(self.num_candidates, len(own))).indices
        ids = torch.cat((token.flatten(), likeliest))
        rows = zip(ids.tolist(), own[ids].tolist(), used[ids].tolist(), strict=True)
        drawn, *others = (Candidate(*row) for row in rows)
        self._draws.append(Draw(drawn, tuple(others)))

    def take(self) -> list[Draw]:
        """The draws since the last call."""
        found, self._draws = self._draws, []
        return found
