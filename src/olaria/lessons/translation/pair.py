"""One sentence as an encoder–decoder of the user's translates it: what the lesson on translation opens up.

A map between two texts is shown word by word, or token by token where a side has no words: the weights of a word's
tokens are summed over the source and averaged over the target, so that rows still sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from olaria.data import PairData
from olaria.data.pairs import encode_texts, references
from olaria.data.tokenizer import Tokenizer, Unseen
from olaria.errors import LessonError
from olaria.i18n import N_, Message, Setting
from olaria.lessons.base import Array, Asked
from olaria.lessons.by_numpy import transformers
from olaria.lessons.figures import Choice, Control, Heat, Words
from olaria.lessons.texts import MAX_TOKENS, spelt
from olaria.models.translation import Memory, SelfAttention, Translation, split_heads
from olaria.nn.attention import attention
from olaria.nn.norm import norm
from olaria.sampling.translation import greedy

Maps = tuple[tuple[Message, ...], Array]
"""Names, and as many maps, (N, R, C)."""
EOS, BOS, PAD = "<eos>", "<bos>", "<pad>"
ACROSS = (Message(N_("written")), Message(N_("source")))
"""What rows and columns are of a map between what is written and the source."""
LEAST_WORDS = 3
"""Words, the end counted as one, from which a sentence is shown word by word."""
MOST_MAPS = 40
"""Maps that one figure lets choose from; with more heads only their means are shown."""


@dataclass(frozen=True)
class Cut:
    """A sequence in as many pieces as can be shown: its tokens, or its words.

    Args:
        starts: the first token of each piece, ascending from 0, (P,).
        names: of the pieces.
        length: tokens of the sequence.
    """

    starts: NDArray[np.int64]
    names: tuple[str, ...]
    length: int

    def sums(self, x: Array, axis: int = -1) -> Array:
        """Of each piece's tokens along an axis."""
        summed: Array = np.add.reduceat(x, self.starts, axis)
        return summed

    def means(self, x: Array, axis: int = -1) -> Array:
        """The same, divided by the number of tokens."""
        return self.sums(x, axis) / self.sizes.reshape(-1, *[1] * (-1 - axis))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many tokens each piece has."""
        sizes: NDArray[np.int64] = np.diff([*self.starts, self.length])
        return sizes


def cut(tokens: Sequence[str], by_words: bool = False) -> Cut:
    """Tokens as pieces of their own where they are few; else a word and the space before it are a piece.

    Args:
        tokens: as text, the special ones by their signs.
        by_words: take words also where the tokens are few, if there are several and the tokens are smaller.

    Raises:
        LessonError: there are too many words to be shown.

    >>> cut([*"o gato dorme", "<eos>"]).names[:4]
    ('o', ' ', 'g', 'a')
    >>> cut([*"o gato dorme", "<eos>"], by_words=True).names
    ('o', 'gato', 'dorme', '<eos>')
    """
    starts = list(range(len(tokens)))
    words = [i for i in starts if not i or tokens[i][:1].isspace() or tokens[i] in (EOS, BOS)]
    is_finer = len(words) >= LEAST_WORDS and len(tokens) >= 2 * len(words)
    if len(tokens) > MAX_TOKENS or (by_words and is_finer):
        starts = words
    if len(starts) > MAX_TOKENS:
        raise LessonError(
            N_("the sentence has {count} words and {most} can be shown: give a shorter {prompt}"),
            prompt=Setting("prompt"),
            count=len(starts),
            most=MAX_TOKENS,
        )
    ends = [*starts[1:], len(tokens)]
    pieces = ("".join(tokens[i:j]) for i, j in zip(starts, ends, strict=True))
    # A token is shown as it is, a word without the space before it.
    names = (piece.strip() or piece if starts is words else piece for piece in pieces)
    return Cut(np.array(starts), tuple(names), len(tokens))


@dataclass(frozen=True)
class Reading:
    """A sentence, what the model made of it, and what the data says of it.

    Args:
        model: in evaluation mode.
        tokenizer: of the run.
        text: the sentence.
        source: its ids and the end, (1, S).
        target: bos, what the model wrote, and the end where it came to it, (1, T + 1).
        targets: what the data has for this sentence; nothing where it does not know it.
        is_trained: whether the training part has it.
        other: another sentence of the validation part, with another target.
        unseen: what becomes of characters that the run never saw.
    """

    model: Translation
    tokenizer: Tokenizer
    text: str
    source: Tensor
    target: Tensor
    targets: tuple[str, ...]
    is_trained: bool
    other: str
    unseen: Unseen

    @cached_property
    def weights(self) -> transformers.Weights:
        """The model's weights in float64."""
        return transformers.weights_of(self.model)

    @cached_property
    def memory(self) -> Memory:
        """What the decoder keeps of the source."""
        with torch.no_grad():
            return self.model.encode(self.source)

    @cached_property
    def states(self) -> Array:
        """The encoder's vectors once more, (S, C)."""
        return self.encoded(self.source)[0]

    @cached_property
    def columns(self) -> Cut:
        """The source's words, or its tokens where it has no words; the end included."""
        return cut(self.spelt(self.source[0]), by_words=True)

    @cached_property
    def rows(self) -> Cut:
        """The same of what was written."""
        return cut(self.spelt(self.target[0, 1:]), by_words=True)

    @cached_property
    def fine_columns(self) -> Cut:
        """The source's tokens, or its words where these are too many."""
        return cut(self.spelt(self.source[0]))

    @cached_property
    def fine_rows(self) -> Cut:
        """The same of what was written."""
        return cut(self.spelt(self.target[0, 1:]))

    @property
    def is_by_words(self) -> bool:
        """Whether a side is shown by words that can be shown by tokens too."""
        fine = self.fine_rows.names, self.fine_columns.names
        return fine != (self.rows.names, self.columns.names)

    @cached_property
    def given(self) -> Cut:
        """The pieces of what the decoder is given: bos, and what was written but its last token."""
        return cut(self.spelt(self.target[0, :-1]))

    @cached_property
    def own_nats(self) -> Array:
        """See :meth:`nats`: of what was written, (T,)."""
        own: Array = self.nats(self.target)[0]
        return own

    @cached_property
    def cross(self) -> Array:
        """Cross-attention while it was written, (L, H, T, S)."""
        found = self.model.attend(self.source, self.target[:, :-1])
        return torch.stack([weights[0] for weights in found]).double().numpy()

    @property
    def expected(self) -> Tensor | None:
        """The data's first target as ids, bos first and the end last, (1, T + 1); None where there is none."""
        if not self.targets:
            return None
        ids = encode_texts(self.targets[:1], self.tokenizer, self.model.context, self.unseen)
        return self.model.specials.targets(ids)

    @property
    def is_ended(self) -> bool:
        """Whether the model wrote the end itself."""
        return bool(self.target[0, -1] == self.model.specials.eos)

    @property
    def written(self) -> str:
        """What the model wrote."""
        return self.text_of(self.target[0, 1:])

    def text_of(self, ids: Tensor) -> str:
        """The text of ids, without the end."""
        return self.tokenizer.decode(ids[ids < self.model.vocab_size])

    def spelt(self, ids: Tensor) -> tuple[str, ...]:
        """Each of some ids as text, the special ones by their usual signs."""
        vocab_size = self.model.vocab_size
        special = dict(zip(range(vocab_size, vocab_size + 3), (EOS, BOS, PAD), strict=True))
        return tuple(
            special[i] if i in special else spelt(self.tokenizer, torch.tensor([i]))[0]
            for i in ids.tolist()
        )

    def source_of(self, text: str) -> Tensor:
        """A text's ids and the end, (1, S)."""
        rows = encode_texts([text], self.tokenizer, self.model.context, self.unseen)
        return self.model.specials.sources(rows)

    def encoded(self, source: Tensor) -> tuple[Array, Array]:
        """See :func:`olaria.lessons.by_numpy.transformers.encode`."""
        return transformers.encode(self.weights, self.model.config, source[0].numpy())

    def decoded(self, target: Tensor, states: Array | None, **hidden: Any) -> Any:
        """See :func:`.transformers.decode`; of a target (1, T + 1) all but the last token is given."""
        ids = target[0, :-1].numpy()
        return transformers.decode(self.weights, self.model.config, ids, states, **hidden)

    def nats(self, target: Tensor, memory: Memory | None = None) -> Array:
        r""":math:`-\log p(y_t \mid y_{<t}, x)` of each token after bos, (B, T).

        Args:
            target: ids, (1, T + 1).
            memory: of B sources; this sentence's where None.
        """
        memory = memory or self.memory
        everyone = target.expand(len(memory.padding), -1)
        with torch.no_grad():
            logits, _ = self.model.decode(everyone[:, :-1], memory, [])
        log_probs = logits.double().log_softmax(-1).gather(2, everyone[:, 1:, None])
        nats: Array = log_probs.squeeze(2).neg().numpy()
        return nats

    def nats_again(self, target: Tensor, states: Array | None, **hidden: Any) -> Array:
        """The same of one source, (T,), from the weights in float64."""
        log_probs: Array = self.decoded(target, states, **hidden)[0]
        picked: Array = np.take_along_axis(log_probs, target[0, 1:, None].numpy(), 1)
        return -picked[:, 0]


def read(asked: Asked) -> Reading:
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
    written = greedy(model, source, min(model.context, 2 * source.shape[1] + MAX_TOKENS))
    if written[0, -1] != model.specials.eos:  # it does not end: its beginning says enough
        written = written[:, :MAX_TOKENS]
    known = references((*data.train, *data.validation))
    targets = known.get(text, [])
    others = (x for x, y in data.validation if x != text and y not in targets)
    return Reading(
        model,
        tokenizer,
        text,
        source,
        torch.cat((torch.tensor([[model.specials.bos]]), written), 1),
        tuple(targets),
        any(source == text for source, _ in data.train),
        next(others, text[::-1]),
        unseen,
    )


def _first_short(data: PairData, tokenizer: Tokenizer, unseen: Unseen) -> str:
    for pair in data.validation:
        if max(len(tokenizer.encode(text, unseen)) for text in pair) < MAX_TOKENS:
            return pair[0]
    return min((source for source, _ in data.validation), key=len)


# -- maps of attention -----------------------------------------------------------------------------


@torch.no_grad()
def self_attention_weights(
    model: Translation, source: Tensor, target: Tensor
) -> tuple[Array, Array]:
    """The self-attention of encoder and decoder, (L, H, S, S) and (L, H, T, T).

    The weights are what attention makes of values that are the unit vectors.

    Args:
        model: in evaluation mode.
        source: (1, S).
        target: what the decoder is given, (1, T).
    """
    found: list[Tensor] = []

    def look(module: nn.Module, given: tuple[Any, ...]) -> None:
        assert isinstance(module, SelfAttention)
        x, mask = given[:2]
        q, k, _ = (split_heads(part, module.num_heads) for part in module.qkv(x).chunk(3, 2))
        units = torch.eye(x.shape[1]).expand(*k.shape[:2], -1, -1)
        found.append(attention(norm(q), norm(k), units, mask, q.shape[-1] ** -0.5)[0])

    modules = [module for module in model.modules() if isinstance(module, SelfAttention)]
    hooks = [module.register_forward_pre_hook(look) for module in modules]
    try:
        model(source, target)
    finally:
        for hook in hooks:
            hook.remove()
    half = len(found) // 2  # the encoder reads first
    encoder, decoder = torch.stack(found[:half]), torch.stack(found[half:])
    return encoder.double().numpy(), decoder.double().numpy()


def head_name(layer: int, head: int) -> Message:
    """Of a head, counted from 1."""
    return Message(
        N_("layer {layer}, head {head}"), {"layer": int(layer) + 1, "head": int(head) + 1}
    )


def pooled(weights: Array, rows: Cut, columns: Cut) -> Array:
    """Weights (..., T, S) by pieces: summed over the source, averaged over the target."""
    return rows.means(columns.sums(weights), -2)


def chosen_maps(weights: Array, most: int = MOST_MAPS) -> Maps:
    """What a figure of (L, H, R, C) weights lets choose from: the mean of all heads, of each layer's, each head.

    Args:
        weights: of all heads.
        most: heads beyond which only means are shown.

    Returns:
        Names and maps (N, R, C).
    """
    num_layers, num_heads = weights.shape[:2]
    names = [Message(N_("mean of all heads"))]
    maps = [weights.mean((0, 1))]
    if num_layers > 1:
        names += [
            Message(N_("layer {layer}, mean of its heads"), {"layer": layer + 1})
            for layer in range(num_layers)
        ]
        maps += [*weights.mean(1)]
    if len(names) + num_layers * num_heads <= most:
        names += [head_name(*place) for place in np.ndindex(num_layers, num_heads)]
        maps += [*weights.reshape(-1, *weights.shape[2:])]
    return tuple(names), np.stack(maps)


def map_choice(
    caption: Words, shown: Maps, rows: Cut, columns: Cut, titles: tuple[Words, Words]
) -> Choice:
    """Heat maps of which a reader sees one at a time.

    Args:
        caption: of all.
        shown: see :func:`chosen_maps`.
        rows: of each map.
        columns: the same.
        titles: what rows and columns are.
    """
    names, maps = shown
    heats = tuple(Heat("", values, rows.names, columns.names, *titles) for values in maps)
    return Choice(caption, (Control(Message(N_("attention")), names, "select"),), heats)
