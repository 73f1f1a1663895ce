r"""Pairs of neighbouring tokens: how often each comes in a text, and what a table of logits says of them.

.. math:: n_{ab} = \sum_t [x_t = a, \, x_{t+1} = b], \qquad p(b \mid a) = \frac{n_{ab} + \alpha}{n_a + \alpha V}

Only the pairs that come are kept: of a vocabulary of words there are far too many that could.

Source: Jurafsky & Martin, *Speech and Language Processing*, chapter 3 (counting, and one added to each count).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from olaria.data import TextData
from olaria.data.tokens import Tokenizer
from olaria.lessons.base import Array, Asked
from olaria.lessons.texts import Sentence, sentence_of
from olaria.models.language import Bigram
from olaria.runs import Run

Ids = NDArray[np.int64]
LogProbability = Callable[[Ids, Ids], Array]
"""This token and the next, two arrays of one shape, to the logarithm of the probability, in nats."""

COUNTED_CHARS = 2_000_000
"""Of the training text, at most: more changes no digit that is shown."""
VALIDATION_CHARS = 50_000
MOST_LOGITS = 40_000_000
"""That are computed of the validation text: fewer characters are read where the vocabulary is large."""
_ROWS = 1024


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


@dataclass(frozen=True)
class Opened:
    """A bigram's run and the texts that its table is compared with.

    Args:
        origin: the run.
        model: of the run.
        tokenizer: of the run.
        sentence: the user's.
        counts: of the training text.
        train: the text that was counted.
        validation: the beginning of the validation text, as the run reads it.
        validation_counts: of its pairs.
        normalizers: logarithm of the sum of the exponentials of each row of logits, (V,).
        has_words: whether the text is written in words, and is no code of images.
    """

    origin: Run
    model: Bigram
    tokenizer: Tokenizer
    sentence: Sentence
    counts: PairCounts
    train: str
    validation: str
    validation_counts: PairCounts
    normalizers: Array
    has_words: bool

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.model.vocab_size

    @property
    def table(self) -> Tensor:
        """The logits, (V, V)."""
        return self.model.table.weight.detach()

    def learned(self, this: Ids, following: Ids) -> Array:
        """Logarithm of what the run's table says of pairs, in nats; the arguments broadcast."""
        this, following = np.broadcast_arrays(this, following)
        logits = self.table[torch.from_numpy(this.copy()), torch.from_numpy(following.copy())]
        found: Array = logits.double().numpy() - self.normalizers[this]
        return found

    @cached_property
    def followed(self) -> list[Ids]:
        """For each token all that follows it in the text, in the text's order: counted another way, for the checks."""
        ids = self.counts.ids
        narrow = ids[:-1].astype(np.uint16 if self.vocab_size <= 1 << 16 else np.int64)
        order = np.argsort(narrow, kind="stable")
        return np.split(ids[1:][order], np.cumsum(np.bincount(ids[:-1], minlength=self.vocab_size)))

    def frequent(self, most: int) -> Ids:
        """The tokens that are followed most often, at most so many, each at least once."""
        order = np.argsort(-self.counts.firsts, kind="stable")
        return order[: min(most, int(np.count_nonzero(self.counts.firsts)))]


def opened(asked: Asked) -> Opened:
    """Read the run of a bigram, and the sentence."""
    run = asked.run
    model, sentence, data = run.model(), sentence_of(asked), run.data(offline=asked.offline)
    assert isinstance(model, Bigram) and isinstance(data, TextData)
    unseen, size = run.recipe.data.unseen, model.vocab_size
    num_chars = min(VALIDATION_CHARS, MOST_LOGITS // size)
    train, validation = data.train[:COUNTED_CHARS], data.validation[:num_chars]
    ids, others = (sentence.tokenizer.encode(text, unseen).numpy() for text in (train, validation))
    rows = model.table.weight.detach().split(_ROWS)
    return Opened(
        origin=run,
        model=model,
        tokenizer=sentence.tokenizer,
        sentence=sentence,
        counts=PairCounts.of_text(ids, size),
        train=train,
        validation=sentence.tokenizer.decode(others),
        validation_counts=PairCounts.of_text(others, size),
        normalizers=torch.cat([row.logsumexp(1) for row in rows]).double().numpy(),
        has_words=run.recipe.kind != "codes",
    )


# -- the same in other ways, for the checks ------------------------------------------------------------


def followers(run: Opened, token: int, others: Ids) -> Ids:
    """How often each of the others follows a token, from a list of all that follows it."""
    return np.bincount(run.followed[token], minlength=run.vocab_size)[others]


def shares(run: Opened, token: int, others: Ids) -> Array:
    """Which part of what follows a token each of the others is."""
    found: Array = followers(run, token, others) / len(run.followed[token])
    return found


def softmax_rows(run: Opened, tokens: Ids) -> Array:
    """Rows of the table in float64, (len(tokens), V)."""
    logits: Array = run.table[torch.from_numpy(tokens)].double().numpy()
    odds = np.exp(logits - logits.max(1, keepdims=True))
    found: Array = odds / odds.sum(1, keepdims=True)
    return found
