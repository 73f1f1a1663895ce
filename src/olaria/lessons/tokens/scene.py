r"""What the lesson of tokens looks at: a sentence, texts of a run, its tables, and which tokens are compared.

A bigram has no embedding: the logits of what follows a token stand in for its vector, less their mean, which the
softmax does not see. Where the head is another table, its rows are compared too: an embedding begins as noise, of which
much stays, and a head often begins at zero.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from olaria.data import TextData
from olaria.data.base import PairData
from olaria.data.bpe import NUM_BYTES, BPETokenizer, train_bpe
from olaria.data.tokenizer import AnyTokenizer
from olaria.i18n import N_
from olaria.lessons.base import Asked
from olaria.lessons.texts import Sentence, labels_of, sentence_of, spelt
from olaria.models.base import Model
from olaria.models.gpt import GPT
from olaria.models.language import Bigram, LanguageModel
from olaria.models.translation import Translation

READ_CHARS = 100_000
"""Of the training text, read to know which tokens it has."""
READ_PAIRS = 1_000
LEARNED_CHARS = 20_000
"""Of the training text, from which this lesson learns byte pairs."""
NUM_MERGES = 60
MEASURED_CHARS = 2_000
"""Of the validation text, which is cut after every few merges."""
MOST_TOKENS = 300
"""That are set beside each other, the most frequent ones."""
LEAST_TOKENS = 4
SHOWN_TOKENS = 16
LEAST_OF_KIND = 3
NUM_SETS = 200
"""Random sets of tokens that a kind of token is set beside."""
NUM_NEIGHBOURS = 8
Ids = NDArray[np.int64]

KINDS = (
    ("aeiou", N_("lower-case vowels")),
    ("bcdfg…", N_("lower-case consonants")),
    ("ABC…", N_("capital letters")),
    ("012…", N_("digits")),
    (".,;!…", N_("punctuation")),
    ("␣the…", N_("several letters after a space")),
    ("ing…", N_("several letters without a space")),
)
"""Of tokens: a name for a legend, and in words."""


def kind_of(token: str) -> int:
    """Which entry of the table of kinds a token is of; -1 for another.

    >>> [kind_of(token) for token in ("é", "t", "T", "7", "!", " the", "ing", " ")]
    [0, 1, 2, 3, 4, 5, 6, -1]
    """
    if len(token) == 1:
        base = unicodedata.normalize("NFD", token)[0]
        if base.isascii() and base.islower():
            return 0 if base in "aeiou" else 1
        if token.isupper():
            return 2
        return 3 if token.isdigit() else 4 if unicodedata.category(token)[0] == "P" else -1
    if token.startswith(" ") and token[1:].isalpha():
        return 5
    return 6 if token.isalpha() else -1


def table_of(model: Model) -> nn.Embedding:
    """The table whose rows stand for tokens; of a bigram, the table of logits."""
    if isinstance(model, Bigram):
        return model.table
    assert isinstance(model, LanguageModel | GPT | Translation)
    return model.embedding


def cosines(a: Tensor, b: Tensor) -> Tensor:
    r"""How alike the directions of vectors are: 1 for the same, 0 for a right angle, −1 for the opposite.

    .. math:: \cos(a_i, b_j) = \frac{a_i \cdot b_j}{\lVert a_i \rVert \, \lVert b_j \rVert}

    Args:
        a: (N, D).
        b: (M, D).

    Returns:
        (N, M).
    """
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


@dataclass(frozen=True)
class Scene:
    """A run of a model of language.

    The sentence's text encodes to its ids; each piece of the training text is read alone; of the validation text there
    is the beginning.
    """

    asked: Asked
    model: Model
    sentence: Sentence
    train: tuple[str, ...]
    validation: str
    tokenizer: AnyTokenizer

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The sentence and the texts of the run that is opened up."""
        sentence = sentence_of(asked)
        tokenizer = sentence.tokenizer
        # A cut may leave half of a character, or spaces that are other tokens without the word after them.
        text = tokenizer.bytes_of(sentence.ids).decode("utf-8", "ignore")
        if not torch.equal(tokenizer.encode(text), sentence.ids):
            sentence = replace(sentence_of(replace(asked, prompt=text)), notes=sentence.notes)
        data = asked.run.data(offline=asked.offline)
        if isinstance(data, PairData):
            train = tuple(text for pair in data.train[:READ_PAIRS] for text in pair)
            validation = "\n".join(text for pair in data.validation[:READ_PAIRS] for text in pair)
        else:
            assert isinstance(data, TextData)
            train, validation = (data.train[:READ_CHARS],), data.validation
        assert isinstance(tokenizer, AnyTokenizer)
        model = asked.run.model()
        return cls(asked, model, sentence, train, validation[:MEASURED_CHARS], tokenizer)

    @cached_property
    def source(self) -> str:
        """The text that byte pairs are learned from here."""
        return "\n".join(self.train)[:LEARNED_CHARS]

    @cached_property
    def learned(self) -> BPETokenizer:
        """Byte pairs of that text."""
        return train_bpe(self.source, NUM_BYTES + NUM_MERGES)

    def names(self, ids: Tensor) -> tuple[str, ...]:
        """Tokens as labels."""
        return labels_of(spelt(self.tokenizer, ids))

    # -- tables -------------------------------------------------------------------------------------

    @property
    def table(self) -> nn.Embedding:
        """What an id picks a row of."""
        return table_of(self.model)

    @property
    def is_bigram(self) -> bool:
        """Whether the rows are logits."""
        return isinstance(self.model, Bigram)

    @cached_property
    def ids(self) -> Tensor:
        """Tokens of the training text whose vectors are not zero, the most frequent first, (N,)."""
        unseen = self.asked.run.recipe.data.unseen
        read = torch.cat([self.tokenizer.encode(text, unseen) for text in self.train])
        times = torch.bincount(read, minlength=len(self.table.weight))
        # As a bigram begins, a row of zeros has no direction and no cosine.
        vectors = self.vectors(self.table.weight.detach(), torch.arange(len(times)))
        times[vectors.abs().amax(1) == 0] = 0
        order = times.argsort(descending=True, stable=True)
        return order[: int((times > 0).sum())][:MOST_TOKENS]

    @cached_property
    def views(self) -> dict[str, Tensor]:
        """The tables whose rows are compared: the embedding, and the head where it is another that has been trained."""
        views = {N_("embedding"): self.table.weight.detach()}
        head = getattr(self.model, "head", None)  # none where the embedding is the head
        if head is not None and (head.weight[self.ids].abs().amax(1) > 0).all():
            views[N_("output head")] = head.weight.detach()
        return views

    def vectors(self, weight: Tensor, ids: Tensor) -> Tensor:
        """Some rows of a table as they are compared, (N, D)."""
        rows = weight[ids]
        return rows - rows.mean(1, keepdim=True) if self.is_bigram else rows

    # -- choices and draws --------------------------------------------------------------------------

    def generator(self) -> Generator:
        """Of what is drawn."""
        return Generator().manual_seed(self.asked.seed)

    @cached_property
    def queries(self) -> Tensor:
        """Tokens of the sentence whose neighbours are looked for; frequent ones where none is compared."""
        known = set(self.ids.tolist())
        asked = [i for i in dict.fromkeys(self.sentence.ids.tolist()) if i in known]
        return torch.tensor((asked or self.ids.tolist())[:SHOWN_TOKENS])

    @cached_property
    def _alike(self) -> Tensor:
        """Cosines of each query with all other tokens, (tables, queries, N)."""
        own = self.queries[:, None] == self.ids
        found = (
            cosines(self.vectors(weight, self.queries), self.vectors(weight, self.ids))
            for weight in self.views.values()
        )
        return torch.stack([alike.masked_fill(own, -torch.inf) for alike in found])

    @cached_property
    def nearest(self) -> Tensor:
        """Places among the ids of all other tokens, the nearest to each query first, (tables, queries, N - 1)."""
        return self._alike.argsort(dim=2, descending=True, stable=True)[..., :-1]

    @cached_property
    def closest(self) -> int:
        """The query that has the nearest neighbour in the last table."""
        return int(self._alike[-1].amax(1).argmax())

    @cached_property
    def chance(self) -> Tensor:
        """A table of random numbers, as large as that of the tokens that are compared, (N, D)."""
        return torch.randn(len(self.ids), self.table.weight.shape[1], generator=self.generator())

    @cached_property
    def kinds(self) -> dict[int, Ids]:
        """Places among the ids of each kind of token that has enough of them; none where tokens are no text."""
        if self.asked.run.recipe.kind == "codes":
            return {}
        kinds = np.array([kind_of(token) for token in spelt(self.tokenizer, self.ids)])
        found = {kind: np.flatnonzero(kinds == kind) for kind in range(len(KINDS))}
        most = len(kinds) - 1
        return {k: places for k, places in found.items() if LEAST_OF_KIND <= len(places) <= most}

    @cached_property
    def sets(self) -> list[Ids]:
        """Of each kind, places of random sets of as many tokens, (NUM_SETS, n)."""
        generator, shape = self.generator(), (NUM_SETS, len(self.ids))
        draws = (torch.rand(shape, generator=generator).argsort(1).numpy() for _ in self.kinds)
        return [order[:, : len(own)] for order, own in zip(draws, self.kinds.values(), strict=True)]
