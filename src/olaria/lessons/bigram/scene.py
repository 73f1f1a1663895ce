"""What the bigram's lesson looks at: the texts of a run, what is drawn from its table, and what is asked about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import torch
from torch import Generator

from olaria.data import TextData
from olaria.lessons.base import Array, Asked
from olaria.lessons.bigram.counts import Ids, PairCounts, following
from olaria.lessons.texts import Sentence, labels_of, sentence_of, spelt
from olaria.models.language import Bigram
from olaria.sampling.autoregressive import SamplingConfig, generate

COUNTED_CHARS = 2_000_000
"""Of the training text, at most: more changes no digit that is shown."""
VALIDATION_CHARS = 50_000
MOST_LOGITS = 40_000_000
"""That are computed of the validation text: fewer characters are read where the vocabulary is large."""
SHOWN_TOKENS = 24
SHOWN_ROWS = 12
SHOWN_NEXT = 10
DRAWN_TOKENS = 20
NUM_TEXTS = 32
TEXT_TOKENS = 60
"""Of each text whose words are looked up."""
CONTEXT = 8
SEARCHED_TOKENS = 32
LEAST_TIMES = 50
"""That a context of two tokens comes in the training text, before it is asked what follows."""


@dataclass(frozen=True)
class Scene:
    """A bigram, and the texts that its table is compared with: each as far as it is read, and its pairs."""

    asked: Asked
    model: Bigram
    sentence: Sentence
    counts: PairCounts
    train: str
    validation: str
    validation_counts: PairCounts

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The run that is opened up, and the sentence."""
        run = asked.run
        model, sentence, data = run.model(), sentence_of(asked), run.data(offline=asked.offline)
        assert isinstance(model, Bigram) and isinstance(data, TextData)
        tokenizer, size = sentence.tokenizer, model.vocab_size
        num_chars = min(VALIDATION_CHARS, MOST_LOGITS // size)
        train, validation = data.train[:COUNTED_CHARS], data.validation[:num_chars]
        counts, others = (
            PairCounts.of_text(tokenizer.encode(text, run.recipe.data.unseen).numpy(), size)
            for text in (train, validation)
        )
        return cls(asked, model, sentence, counts, train, tokenizer.decode(others.ids), others)

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.model.vocab_size

    def names(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Tokens as labels."""
        return labels_of(spelt(self.sentence.tokenizer, torch.tensor(list(ids), dtype=torch.int64)))

    def generator(self) -> Generator:
        """Of what is drawn."""
        return Generator().manual_seed(self.asked.seed)

    # -- choices ------------------------------------------------------------------------------------

    def frequent(self, most: int = SHOWN_TOKENS) -> Ids:
        """The tokens that are followed most often, at most so many, each at least once."""
        order = np.argsort(-self.counts.firsts, kind="stable")
        return order[: min(most, int(np.count_nonzero(self.counts.firsts)))]

    @cached_property
    def surprising(self) -> list[int]:
        """Places of the sentence's targets, the likeliest first."""
        ids = self.sentence.ids
        with torch.no_grad():
            log_p = self.model(ids[None, :-1])[0].log_softmax(-1).gather(1, ids[1:, None])[:, 0]
        order: list[int] = log_p.argsort(descending=True, stable=True).tolist()
        return order

    @cached_property
    def rows(self) -> Ids:
        """Tokens of the sentence that the training text goes on after, the last one first; else frequent ones."""
        asked = dict.fromkeys([int(self.sentence.ids[-1]), *self.sentence.ids.tolist()])
        followed = [token for token in asked if self.counts.firsts[token]]
        return np.array(followed or self.frequent(SHOWN_ROWS))

    # -- draws --------------------------------------------------------------------------------------

    @cached_property
    def drawn(self) -> Ids:
        """What the model adds to the sentence."""
        config = SamplingConfig(max_tokens=DRAWN_TOKENS)
        drawn = generate(self.model, self.sentence.ids[None], config, self.generator())
        return torch.cat(list(drawn)).numpy()

    @cached_property
    def greedy(self) -> tuple[Ids, int]:
        """What always taking the likeliest token adds to the sentence, and how many tokens then repeat for ever.

        A token decides the next one, so the first one that comes twice closes a cycle.
        """
        path, token = [int(self.sentence.ids[-1])], -1
        while token not in path[:-1]:
            token = int(self.model.table.weight[path[-1]].argmax())
            path.append(token)
        return np.array(path[1:]), len(path) - 1 - path.index(token)

    @cached_property
    def texts(self) -> list[str]:
        """Texts that are drawn after the most frequent token."""
        begin = torch.full((NUM_TEXTS, 1), int(self.frequent(1)[0]))
        config = SamplingConfig(max_tokens=TEXT_TOKENS)
        columns = list(generate(self.model, begin, config, self.generator()))
        return [self.sentence.tokenizer.decode(row) for row in torch.stack(columns, 1)]

    # -- what is forgotten --------------------------------------------------------------------------

    @cached_property
    def contexts(self) -> tuple[Ids, Ids] | None:
        """Two contexts with one last token and different ones before it, after which the training text differs most.

        They are of the sentence, else of the beginning of the validation text, else of the training text; None where
        there are none that the training text has often enough.
        """
        for source in (self.sentence.ids.numpy(), self.validation_counts.ids, self.counts.ids):
            ids = source[:SEARCHED_TOKENS]
            pairs, places = np.unique(np.stack((ids[1:], ids[:-1])), axis=1, return_index=True)
            known = places[self.counts.of(pairs[1], pairs[0]) >= LEAST_TIMES]
            ends = (ids[max(0, place + 2 - CONTEXT) : place + 2] for place in known)
            alike = [both for both in combinations(ends, 2) if both[0][-1] == both[1][-1]]
            if alike:
                return min(alike, key=self._overlap)
        return None

    def _overlap(self, contexts: tuple[Ids, Ids]) -> float:
        return overlap(*(following(self.counts.ids, ids, self.vocab_size) for ids in contexts))


def overlap(p: Array, q: Array) -> float:
    """What two distributions have in common: 1 where they are the same, 0 where they share no token."""
    return float(np.minimum(p, q).sum())
