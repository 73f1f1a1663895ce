"""What the lesson of averaging looks at: three vectors of two numbers, a sentence, a run's first head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import median
from timeit import repeat

import numpy as np
import torch
from torch import Generator, Tensor

from olaria.lessons.base import Array, Asked, numbers
from olaria.lessons.figures import Figure
from olaria.lessons.inside import Opened, open_language
from olaria.lessons.live import typed
from olaria.lessons.texts import Sentence, labels_of, sentence_of, spelt
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.nn import averaging
from olaria.runs import Run

TOY = np.array([[1.0, 0.0], [0.0, 2.0], [2.0, 1.0]])
"""A sequence of three vectors of two numbers, whose means are told at a glance: (1, 0), (½, 1), (1, 1)."""
MOST_TOKENS = 20
"""Of the sentence: bars of more would be a long list."""
LENGTHS = (32, 64, 128, 256, 512)
"""Positions of the sequences whose averaging is timed."""
REPETITIONS = 5

Head = tuple[Array, Array, Array]
"""The matrices of queries, keys and values of one head, (C, D) each."""


@dataclass(frozen=True)
class Scene:
    """The run's model, the user's sentence, what happens inside as it is read, and the matrices of version 4.

    They are those of the run's first head; where it has none, they are drawn with the seed.
    """

    run: Run
    model: GPT | LanguageModel
    sentence: Sentence
    opened: Opened
    head: Head
    seed: int

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """Open the run on the sentence."""
        model, sentence = asked.run.model(), sentence_of(asked, most=MOST_TOKENS)
        assert isinstance(model, GPT | LanguageModel)
        opened = open_language(model, sentence.ids)
        width, size = model.config.width, model.config.width // model.config.num_heads
        if opened.looks:
            rows = model.blocks[0].get_parameter("qkv.weight").chunk(3)
            matrices = [part[:size].T for part in rows]
        else:
            generator = Generator().manual_seed(asked.seed)
            matrices = list(torch.randn(3, width, width, generator=generator) / width**0.5)
        query, key, value = map(numbers, matrices)
        return cls(asked.run, model, sentence, opened, (query, key, value), asked.seed)

    @property
    def length(self) -> int:
        """T, tokens of the sentence."""
        return len(self.sentence.ids)

    @property
    def labels(self) -> tuple[str, ...]:
        """The tokens as names of rows."""
        return labels_of(self.sentence.tokens)

    def live(self, below: Figure) -> Figure:
        """These maps, and in a page the same of what the reader types where the run has a head."""
        if self.is_drawn:
            return below
        return typed("averaging", (self.run,), self.sentence.text, below)

    @property
    def is_drawn(self) -> bool:
        """Whether the run only averages, so that the matrices of version 4 are drawn."""
        return not self.opened.looks

    @cached_property
    def changed(self) -> Tensor:
        """The sentence with another last token: the first of it that differs, or the vocabulary's next."""
        ids = self.sentence.ids.clone()
        others = ids[ids != ids[-1]]
        ids[-1] = others[0] if len(others) else (ids[-1] + 1) % self.model.vocab_size
        return ids

    @property
    def replaced(self) -> tuple[str, ...]:
        """The last token, and the other."""
        both = torch.stack((self.sentence.ids[-1], self.changed[-1]))
        return labels_of(spelt(self.sentence.tokenizer, both))

    @cached_property
    def favourite(self) -> int:
        """The position that version 4 weighs most for the last query."""
        x = self.opened.layers[0].normed
        query, key = (torch.from_numpy(part).float() for part in self.head[:2])
        return int((x @ key @ (x[-1] @ query)).argmax())

    @cached_property
    def seconds(self) -> Array:
        """Of each version at each length, (lengths, 4): medians, here and now."""
        query, key, value = (torch.from_numpy(part).float() for part in self.head)
        versions = (
            averaging.average_by_loops,
            averaging.average_by_product,
            averaging.average_by_softmax,
            partial(averaging.average_by_attention, query=query, key=key, value=value),
        )
        draws, width = Generator().manual_seed(self.seed), self.model.config.width
        sequences = (torch.randn(1, count, width, generator=draws) for count in LENGTHS)
        with torch.no_grad():
            return np.array([[_seconds(version, x) for version in versions] for x in sequences])


def _seconds(version: Callable[[Tensor], Tensor], x: Tensor) -> float:
    # The first call also makes room.
    return median(repeat(lambda: version(x), number=1, repeat=1 + REPETITIONS)[1:])
