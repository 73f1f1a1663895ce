"""Entropies of a text: how predictable it is, one and two characters at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    Counts = np.ndarray[tuple[int], np.dtype[np.int64]]


def unigram_entropy_bits(text: str) -> float:
    r"""Entropy of a character's frequency, in bits per character.

    .. math:: H_1 = -\sum_c p(c) \log_2 p(c)

    Source: Shannon, "A mathematical theory of communication", 1948, §6.

    >>> unigram_entropy_bits("abab")
    1.0
    """
    import numpy as np

    return _entropy_bits(np.bincount(_ranks(text)))


def bigram_entropy_bits(text: str) -> float:
    r"""Entropy of a character given the one before it, in bits per character.

    .. math:: H_2 = -\sum_{a,b} p(a, b) \log_2 p(b \mid a) = H(a, b) - H(a)

    It is what the best bigram model could reach on this very text. 0 for fewer than two characters.

    Source: Shannon, "Prediction and entropy of printed English", 1951, eq. (1).

    >>> bigram_entropy_bits("abababab")
    0.0
    """
    import numpy as np

    if len(text) < 2:
        return 0.0
    ranks = _ranks(text)
    size = int(ranks.max()) + 1
    pairs = np.unique(ranks[:-1] * size + ranks[1:], return_counts=True)[1]
    return _entropy_bits(pairs) - _entropy_bits(np.bincount(ranks[:-1]))


def _ranks(text: str) -> Counts:
    """Each character as its rank in the sorted alphabet."""
    import numpy as np

    points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    ranks: Counts = np.unique(points, return_inverse=True)[1].astype(np.int64)
    return ranks


def _entropy_bits(counts: Counts) -> float:
    import numpy as np

    p = counts[counts > 0] / counts.sum()
    # max: the sum of a certain outcome is -0.0, which reads badly.
    return max(0.0, float(-(p * np.log2(p)).sum()))
