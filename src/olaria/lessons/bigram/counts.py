r"""Pairs of neighbouring tokens: how often each comes in a text, and what a table of logits says of them.

.. math:: n_{ab} = \sum_t [x_t = a, \, x_{t+1} = b], \qquad p(b \mid a) = \frac{n_{ab} + \alpha}{n_a + \alpha V}

Only the pairs that come are kept: of a vocabulary of words there are far too many that could.

Source: Jurafsky & Martin, *Speech and Language Processing*, chapter 3 (counting, and one added to each count).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from olaria.lessons.base import Array

Ids = NDArray[np.int64]
LogProbability = Callable[[Ids, Ids], Array]
"""This token and the next, two arrays of one shape, to the logarithm of the probability, in nats."""


@dataclass(frozen=True)
class PairCounts:
    """The pairs of a text.

    Args:
        ids: the text, (N,).
        codes: this token · V + the next, of each pair that comes, ascending, (K,).
        times: how often each comes, (K,).
        firsts: how often each token is followed by another, (V,).
    """

    ids: Ids
    codes: Ids
    times: Ids
    firsts: Ids

    @classmethod
    def of_text(cls, ids: Ids, vocab_size: int) -> PairCounts:
        """Count the pairs of a text.

        >>> counts = PairCounts.of_text(np.array([0, 1, 0, 1, 1]), 2)
        >>> counts.of(np.array([0, 1]), np.array([1, 1])).tolist()
        [2, 1]
        """
        codes, times = np.unique(ids[:-1] * vocab_size + ids[1:], return_counts=True)
        return cls(ids, codes, times, np.bincount(ids[:-1], minlength=vocab_size))

    @property
    def pairs(self) -> tuple[Ids, Ids]:
        """This token and the next of each pair that comes, (K,) each."""
        this, following = np.divmod(self.codes, len(self.firsts))
        return this, following

    def of(self, this: Ids, following: Ids) -> Ids:
        """How often pairs come: two arrays that broadcast to one shape, to that shape."""
        wanted = this * len(self.firsts) + following
        places = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
        return np.where(self.codes[places] == wanted, self.times[places], 0)

    def probability(self, this: Ids, following: Ids, smoothing: float = 0.0) -> Array:
        r"""What counting says of the next token.

        .. math:: p(b \mid a) = \frac{n_{ab} + \alpha}{n_a + \alpha V}

        Args:
            this: a.
            following: b, of a shape that broadcasts with it.
            smoothing: α, as if every pair had come so often more; without it all is zero where a never comes.
        """
        total = self.firsts[this] + smoothing * len(self.firsts)
        found: Array = (self.of(this, following) + smoothing) / np.where(total > 0, total, 1)
        return found

    def nats_per_token(self, log_probability: LogProbability) -> float:
        r"""The loss of a table on the counted text, with each pair visited once.

        .. math:: L = -\frac{1}{N - 1} \sum_{a, b} n_{ab} \log p(b \mid a)
        """
        this, following = self.pairs
        return float(-(self.times * log_probability(this, following)).sum() / self.times.sum())


def entropy(p: Array) -> Array:
    r"""How open a choice is, in nats.

    .. math:: H = -\sum_b p_b \log p_b, \qquad 0 \log 0 = 0

    Args:
        p: probabilities, (..., V).

    Returns:
        (...).

    Source: Shannon 1948, section 6.

    >>> entropy(np.array([0.5, 0.5, 0.0])).round(4).tolist()
    0.6931
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = -np.where(p > 0, p * np.log(p), 0.0).sum(-1)
    return found


def following(ids: Ids, context: Ids, vocab_size: int) -> Array:
    """Probability of each token after the last two tokens of a context, counted in a text, (V,)."""
    before, last = context[-2:]
    is_there = (ids[:-2] == before) & (ids[1:-1] == last)
    times = np.bincount(ids[2:][is_there], minlength=vocab_size)
    found: Array = times / max(1, int(times.sum()))
    return found
