"""Entropies of a text: how predictable it is, one and two characters at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    Counts = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Entropies:
    """Of one text, in nats per character; see :func:`entropies`."""

    unigram_nats: float
    bigram_nats: float
    unigram_bias_nats: float
    bigram_bias_nats: float


def entropies(text: str) -> Entropies:
    r"""Entropy of a character, and of a character given the one before it.

    .. math:: H_1 = -\sum_c p(c) \log p(c), \qquad
              H_2 = -\sum_{a,b} p(a, b) \log p(b \mid a) = H(a, b) - H(a)

    :math:`H_2` is what the best bigram model could reach on this very text. The frequencies are
    taken for the probabilities (the *plug-in* estimate), which comes out too low, to first order by

    .. math:: \frac{K_1 - 1}{2N}, \qquad \frac{K_2 - K_1}{2N}

    nats, with N characters and :math:`K_1, K_2` different characters and pairs among them. Both
    entropies are 0 for fewer than two characters.

    Sources: Shannon, "A mathematical theory of communication", 1948, §6; Shannon, "Prediction and
    entropy of printed English", 1951, eq. (1); Miller, "Note on the bias of information
    estimates", 1955.

    >>> found = entropies("abababab")
    >>> round(found.unigram_nats, 4), found.bigram_nats
    (0.6931, 0.0)
    """
    import numpy as np

    if len(text) < 2:
        return Entropies(0.0, 0.0, 0.0, 0.0)
    ranks = _ranks(text)
    alphabet = int(ranks.max()) + 1
    pairs = np.unique(ranks[:-1] * alphabet + ranks[1:], return_counts=True)[1]
    firsts = np.bincount(ranks[:-1])
    return Entropies(
        unigram_nats=_entropy_nats(np.bincount(ranks)),
        bigram_nats=max(0.0, _entropy_nats(pairs) - _entropy_nats(firsts)),
        unigram_bias_nats=(alphabet - 1) / (2 * len(text)),
        bigram_bias_nats=(len(pairs) - np.count_nonzero(firsts)) / (2 * (len(text) - 1)),
    )


def _ranks(text: str) -> Counts:
    """Each character as its rank in the sorted alphabet."""
    import numpy as np

    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    ranks: Counts = np.unique(points, return_inverse=True)[1].astype(np.int64)
    return ranks


def _entropy_nats(counts: Counts) -> float:
    import numpy as np

    p = counts[counts > 0] / counts.sum()
    # max: the sum of a certain outcome is -0.0, which reads badly.
    return max(0.0, float(-(p * np.log(p)).sum()))
