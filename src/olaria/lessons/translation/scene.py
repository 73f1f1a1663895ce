"""What the lesson looks at: a sentence, what the model writes for it, and everything that is chosen to be shown.

Choices are made once, by the model's own numbers, so that both ways to compute show the same places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from olaria.data import PairData
from olaria.data.pairs import encode_texts, references
from olaria.data.tokenizer import Tokenizer, Unseen
from olaria.lessons.base import Array, Asked, numbers
from olaria.lessons.inside import Look, open_translation
from olaria.lessons.texts import MAX_TOKENS, spelt
from olaria.lessons.translation.pieces import BOS, EOS, PAD, Cut, Ids, cut, pooled
from olaria.models.translation import KeysValues, Memory, Translation
from olaria.runs import Run
from olaria.sampling.translation import greedy

T = TypeVar("T")

NUM_CANDIDATES = 8
ATTENTIONS = {
    "encoder": ("encoder", "self"),
    "decoder": ("decoder", "self"),
    "cross": ("decoder", "cross"),
}
"""Side and kind of each attention, as its module is named."""


@dataclass(frozen=True)
class Scene:
    """A sentence, what the model made of it, and what the data says of it.

    Args:
        model: in evaluation mode.
        tokenizer: of the run.
        text: the sentence.
        source: its ids and the end, (S,).
        target: bos, what the model wrote, and the end where it came to it, (T + 1,).
        targets: what the data has for this sentence; nothing where it does not know it.
        is_trained: whether the training part has it.
        other: another sentence of the validation part, with another target.
        unseen: what becomes of characters that the run never saw.
    """

    run: Run
    model: Translation
    tokenizer: Tokenizer
    text: str
    source: Tensor
    target: Tensor
    targets: tuple[str, ...]
    is_trained: bool
    other: str
    unseen: Unseen

    @classmethod
    def of(cls, asked: Asked) -> Scene:
        """The user's sentence, or the first one of the validation pairs that is short on both sides.

        Raises:
            DataError: it is longer than the model's context, or has a character that the run never saw.
            LessonError: it is too long to be shown.
        """
        run = asked.run
        model, data = run.model(), run.data(offline=asked.offline)
        assert isinstance(model, Translation) and isinstance(data, PairData)
        tokenizer, unseen = run.tokenizer(), run.recipe.data.unseen
        text = _first_short(data, tokenizer, unseen) if asked.prompt is None else asked.prompt
        source = model.specials.sources(encode_texts([text], tokenizer, model.context, unseen))
        cut([*spelt(tokenizer, source[0, :-1]), EOS])  # refused before anything is computed
        written = greedy(model, source, min(model.context, 2 * source.shape[1] + MAX_TOKENS))[0]
        if written[-1] != model.specials.eos:  # it does not end: its beginning says enough
            written = written[:MAX_TOKENS]
        targets = references((*data.train, *data.validation)).get(text, [])
        others = (x for x, y in data.validation if x != text and y not in targets)
        return cls(
            run,
            model,
            tokenizer,
            text,
            source[0],
            torch.cat((torch.tensor([model.specials.bos]), written)),
            tuple(targets),
            any(source == text for source, _ in data.train),
            next(others, text[::-1]),
            unseen,
        )

    def source_of(self, text: str) -> Tensor:
        """A text's ids and the end, (S,)."""
        ids = encode_texts([text], self.tokenizer, self.model.context, self.unseen)
        return self.model.specials.sources(ids)[0]

    @cached_property
    def expected(self) -> Tensor | None:
        """The data's first target as ids, bos first and the end last, (T + 1,); None where there is none."""
        if not self.targets:
            return None
        ids = encode_texts(self.targets[:1], self.tokenizer, self.model.context, self.unseen)
        return self.model.specials.targets(ids)[0]

    @cached_property
    def pair_target(self) -> Tensor:
        """The same; what the model wrote, with an end, where the data has no target."""
        if self.expected is not None:
            return self.expected
        return self.model.specials.targets([self.target[self.target < self.model.vocab_size]])[0]

    def text_of(self, ids: Tensor) -> str:
        """The text of ids, without special tokens."""
        return self.tokenizer.decode(ids[ids < self.model.vocab_size])

    def spelt(self, ids: Tensor) -> tuple[str, ...]:
        """Each of some ids as text, the special ones by their usual signs."""
        vocab_size = self.model.vocab_size
        special = dict(zip(range(vocab_size, vocab_size + 3), (EOS, BOS, PAD), strict=True))
        return tuple(
            special[i] if i in special else spelt(self.tokenizer, torch.tensor([i]))[0]
            for i in ids.tolist()
        )

    @cached_property
    def columns(self) -> Cut:
        """The source's words, or its tokens where it has no words; the end included."""
        return cut(self.spelt(self.source), by_words=True)

    @cached_property
    def rows(self) -> Cut:
        """The same of what was written."""
        return cut(self.spelt(self.target[1:]), by_words=True)

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Which tokens each piece of the source has, (pieces, S): those that are hidden together."""
        columns = self.columns
        return np.repeat(np.eye(len(columns.names), dtype=bool), columns.sizes, 1)

    @cached_property
    def inside(self) -> dict[str, Look]:
        """Every attention of the model, by its module's name; see :func:`of_kind`."""
        return open_translation(self.model, self.source, self.target[:-1])

    @torch.no_grad()
    def log_probs(
        self, target: Tensor, source: Tensor | None, hidden: NDArray[np.bool_] | None = None
    ) -> Array:
        r""":math:`\log p(\cdot \mid y_{\le t}, x)` after each token but the last of a target (T + 1,): (T, V + 1).

        Args:
            target: ids, bos first.
            source: ids with the end, (S,); nothing is read where None.
            hidden: places of the source that cross-attention may not look at, (S,).
        """
        memory = self.model.encode((self.source if source is None else source)[None])
        if source is None:
            # Its layers have no biases: of values that are zero cross-attention makes zero, and adds nothing.
            memory = Memory([(k, 0 * v) for k, v in memory.keys_values], memory.padding)
        if hidden is not None:
            memory.padding[0, 0, 0, torch.from_numpy(hidden)] = -torch.inf
        logits, _ = self.model.decode(target[None, :-1], memory, [])
        return numbers(logits[0].double().log_softmax(-1))

    def nats(self, hidden: NDArray[np.bool_] | None = None) -> Array:
        """Negative log-probability of each token that was written, (T,)."""
        return -picked(self.log_probs(self.target, self.source, hidden), self.target)

    @cached_property
    def candidates(self) -> Ids:
        """The likeliest tokens at each step, (T, K)."""
        log_probs = torch.from_numpy(self.log_probs(self.target, self.source))
        return log_probs.topk(min(NUM_CANDIDATES, log_probs.shape[1])).indices.numpy()

    @cached_property
    def ahead(self) -> tuple[int, int]:
        """Layer and head of the encoder that look ahead most."""
        looks = of_kind("encoder", self.inside)
        shares = [look.weights().triu(1).sum(-1).mean(-1) for look in looks]
        layer, head = divmod(int(torch.stack(shares).argmax()), self.model.config.num_heads)
        return layer, head

    @cached_property
    def cross(self) -> Array:
        """Cross-attention while it was written, (L, H, T, S)."""
        return numbers(torch.stack([look.weights() for look in of_kind("cross", self.inside)]))

    @cached_property
    def piece(self) -> Ids:
        """The piece of the source with the largest mean weight, for each written piece."""
        return np.asarray(pooled(self.cross, self.rows, self.columns).mean((0, 1)).argmax(1))

    @cached_property
    def costliest(self) -> Ids:
        """The piece of the source whose hiding costs most, for each written piece."""
        own = self.nats()
        lost = [self.rows.sums(self.nats(mask) - own) for mask in self.hidden]
        return np.asarray(np.stack(lost, 1).argmax(1))

    @cached_property
    @torch.no_grad()
    def mistaken(self) -> tuple[int, Tensor]:
        """What is written after a mistake: the likeliest token that was not written, with something to follow it.

        Returns:
            Its place, from 0, and ids, bos first, (T' + 1,).
        """
        model, memory = self.model, self.model.encode(self.source[None])
        log_probs = torch.from_numpy(self.log_probs(self.target, self.source))
        log_probs.scatter_(1, self.target[1:, None], -torch.inf)
        log_probs[:, model.specials.eos] = -torch.inf
        log_probs[max(1, len(log_probs) - 1) :] = -torch.inf
        place, other = divmod(int(log_probs.argmax()), log_probs.shape[1])
        written = torch.cat((self.target[: place + 1], torch.tensor([other])))[None]
        cache, token = list[KeysValues](), written
        most = min(len(self.target) + len(self.source), model.context)
        while written.shape[1] <= most and int(written[0, -1]) != model.specials.eos:
            logits, cache = model.decode(token, memory, cache)
            token = logits[:, -1:].argmax(-1)
            written = torch.cat((written, token), 1)
        return place, written[0]


def of_kind(kind: str, found: Mapping[str, T]) -> list[T]:
    """The attention of each layer, ``encoder``, ``decoder`` or ``cross``, from all by their modules' names."""
    side, which = ATTENTIONS[kind]
    return [x for name, x in found.items() if name.startswith(side) and which in name]


def picked(log_probs: Array, target: Tensor) -> Array:
    """Of each row the log-probability of the token that follows, (T,)."""
    return np.asarray(np.take_along_axis(log_probs, target[1:, None].numpy(), 1)[:, 0])


def _first_short(data: PairData, tokenizer: Tokenizer, unseen: Unseen) -> str:
    for pair in data.validation:
        if max(len(tokenizer.encode(text, unseen)) for text in pair) < MAX_TOKENS:
            return pair[0]
    return min((source for source, _ in data.validation), key=len)
