r"""The two ways to compute the bigram's lesson: sorted pairs and the model, and plain loops in float64.

.. math:: n_{ab} = \sum_t [x_t = a, \, x_{t+1} = b], \qquad p(b \mid a) = \frac{n_{ab}}{n_a}, \qquad
          q(b \mid a) = \operatorname{softmax}(E_a)_b

Probabilities (N, V), losses and divergences in nats.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from olaria.lessons.base import Array, numbers
from olaria.lessons.bigram.counts import Ids, LogProbability, PairCounts, following
from olaria.lessons.bigram.scene import Scene
from olaria.lessons.by_numpy.transformers import log_softmax

SMOOTHING = 1.0
_ROWS = 1024


@dataclass(frozen=True)
class ByTorch:
    """With the model, and with pairs that are sorted and counted once."""

    scene: Scene

    def count(self, ids: Ids, shown: Ids) -> Array:
        """How often each of some tokens is followed by each in a text, (S, S)."""
        counts = PairCounts.of_text(ids, int(max(ids.max(), shown.max())) + 1)
        return counts.of(shown[:, None], shown[None]).astype(np.float64)

    def counted(self, tokens: Ids) -> Array:
        """p: rows of the table that the training text gives by counting."""
        everyone = np.arange(self.scene.vocab_size)
        return self.scene.counts.probability(tokens[:, None], everyone[None])

    def logits(self, tokens: Ids) -> Array:
        """Rows of the model's table, as they are stored."""
        return numbers(self._after(tokens))

    def learned(self, tokens: Ids) -> Array:
        """q: what the model gives after each token of a text, as probabilities."""
        return numbers(self._after(tokens).softmax(-1))

    def losses(self) -> Array:
        """Of five tables, on the training and on the validation text, (5, 2).

        All tokens equal; their frequency; counted pairs; counted pairs, one added to each; the model's.
        """
        counts, size = self.scene.counts, self.scene.vocab_size
        singles = np.log((np.bincount(counts.ids, minlength=size) + 1) / (len(counts.ids) + size))

        def counted(this: Ids, after: Ids, smoothing: float = 0.0) -> Array:
            with np.errstate(divide="ignore"):
                found: Array = np.log(counts.probability(this, after, smoothing))
            return found

        tables: tuple[LogProbability, ...] = (
            lambda this, _after: np.full(len(this), -math.log(size)),
            lambda _this, after: singles[after],
            counted,
            partial(counted, smoothing=SMOOTHING),
            self._log_learned,
        )
        texts = (counts, self.scene.validation_counts)
        return np.array([[text.nats_per_token(table) for text in texts] for table in tables])

    def divergence(self) -> float:
        """The mean of D(p‖q) over the rows, each as often as its token is followed in the training text."""
        counts = self.scene.counts
        this, after = counts.pairs
        p = counts.probability(this, after)
        terms = p * (np.log(p) - self._log_learned(this, after))
        rows = np.bincount(this, terms, self.scene.vocab_size)
        return float((counts.firsts * rows).sum() / counts.firsts.sum())

    def following(self, context: Ids) -> Array:
        """What follows the last two tokens of a context in the training text, (V,)."""
        return following(self.scene.counts.ids, context, self.scene.vocab_size)

    @torch.no_grad()
    def _after(self, tokens: Ids) -> Tensor:
        rows: Tensor = self.scene.model(torch.from_numpy(tokens)[None])[0]
        return rows

    @cached_property
    def _normalizers(self) -> Array:
        """Logarithm of the sum of the exponentials of each row, (V,)."""
        tokens = np.arange(self.scene.vocab_size)
        starts = range(0, len(tokens), _ROWS)
        return numbers(torch.cat([self._after(tokens[s : s + _ROWS]).logsumexp(1) for s in starts]))

    def _log_learned(self, this: Ids, after: Ids) -> Array:
        logits = self.scene.model.table.weight[torch.from_numpy(this), torch.from_numpy(after)]
        return numbers(logits) - self._normalizers[this]


@dataclass(frozen=True)
class ByNumPy:
    """The twin: from the raw weights and the lists of tokens, pair by pair."""

    scene: Scene

    def count(self, ids: Ids, shown: Ids) -> Array:
        times = Counter(pairwise(ids.tolist()))
        return np.array([[float(times[a, b]) for b in shown.tolist()] for a in shown.tolist()])

    def counted(self, tokens: Ids) -> Array:
        everyone = range(self.scene.vocab_size)
        return np.array(
            [[self._times[a, b] / (self._firsts[a] or 1) for b in everyone] for a in tokens]
        )

    def logits(self, tokens: Ids) -> Array:
        return numbers(self.scene.model.table.weight[torch.from_numpy(tokens)])

    def learned(self, tokens: Ids) -> Array:
        odds = np.exp(self.logits(tokens) - self.logits(tokens).max(1, keepdims=True))
        found: Array = odds / odds.sum(1, keepdims=True)
        return found

    def losses(self) -> Array:
        size, length, singles = self.scene.vocab_size, len(self._ids), Counter(self._ids)

        def log(numerator: float, denominator: float) -> float:
            return math.log(numerator / denominator) if numerator else -math.inf

        tables: tuple[Callable[[int, int], float], ...] = (
            lambda _a, _b: -math.log(size),
            lambda _a, b: log(singles[b] + 1, length + size),
            lambda a, b: log(self._times[a, b], self._firsts[a]),
            lambda a, b: log(self._times[a, b] + SMOOTHING, self._firsts[a] + SMOOTHING * size),
            lambda a, b: float(self._log_row(a)[b]),
        )
        texts = (self._times, Counter(pairwise(self.scene.validation_counts.ids.tolist())))

        def nats(text: Counter[tuple[int, int]], table: Callable[[int, int], float]) -> float:
            return -sum(n * table(*pair) for pair, n in text.items()) / text.total()

        return np.array([[nats(text, table) for text in texts] for table in tables])

    def divergence(self) -> float:
        terms = (
            n * (math.log(n / self._firsts[a]) - self._log_row(a)[b])
            for (a, b), n in self._times.items()
        )
        return math.fsum(terms) / self._times.total()

    def following(self, context: Ids) -> Array:
        ids, (before, last) = self._ids, context[-2:].tolist()
        triples = zip(ids, ids[1:], ids[2:], strict=False)
        times = Counter(after for a, b, after in triples if (a, b) == (before, last))
        return np.array([times[b] for b in range(self.scene.vocab_size)]) / max(1, times.total())

    @cached_property
    def _ids(self) -> list[int]:
        ids: list[int] = self.scene.counts.ids.tolist()
        return ids

    @cached_property
    def _times(self) -> Counter[tuple[int, int]]:
        return Counter(pairwise(self._ids))

    @cached_property
    def _firsts(self) -> Counter[int]:
        return Counter(self._ids[:-1])

    @cached_property
    def _log_row(self) -> Callable[[int], Array]:
        return cache(lambda token: log_softmax(self.logits(np.array([token])))[0])


Way = ByTorch | ByNumPy
"""What the steps compute with."""
