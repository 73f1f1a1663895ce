"""A trained model of language opened up on one sentence: what its own modules read and write, kept as they pass.

The model runs as it always does and every linear layer is watched (forward hooks); keys and values are those of the
model's own cache. Nothing is computed here that the model does not compute, but for two views of it: queries are
normalised and turned as the model turns them, and the attention weights, which it never keeps, are what its own
:func:`~olaria.nn.attention.attention` makes of values that are the unit vectors.

Shapes: T query positions, S key positions, H heads of D features, C = H · D, F hidden units, V tokens to choose
from; all float32, of one sentence, without a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from olaria.data.tokens import Tokenizer, Unseen
from olaria.i18n import N_, Message
from olaria.lessons.base import Asked, refusal
from olaria.lessons.by_numpy.transformers import Hand, language_by_hand
from olaria.lessons.texts import Sentence, labels_of, sentence_of
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation, split_heads
from olaria.nn.attention import attention, causal_mask, local_mask, rotate
from olaria.nn.norm import norm
from olaria.runs import Run


@dataclass(frozen=True)
class Look:
    """One attention: all its heads on one sentence.

    Args:
        name: of its layer.
        kind: ``past``, back only; ``both`` ways; ``cross``, at another sequence.
        q: queries as they are compared, (H, T, D); ``k`` keys and ``v`` values, (H, S, D).
        mask: (T, S), 0 or minus infinity.
        heads: the weighted sums that the model made, (H, T, D).
        out: what it made of all heads together, (T, C).
    """

    name: Message
    kind: str
    q: Tensor
    k: Tensor
    v: Tensor
    mask: Tensor
    heads: Tensor
    out: Tensor

    @property
    def num_heads(self) -> int:
        """H."""
        return len(self.q)

    @property
    def scale(self) -> float:
        """Of the scores: one over the root of D."""
        return float(self.q.shape[-1] ** -0.5)

    def scores(self) -> Tensor:
        """Every query times every key, before scaling and mask, (H, T, S)."""
        return self.q @ self.k.mT

    def weights(self, scale: float | None = None) -> Tensor:
        """How much each query position reads of each key position, (H, T, S), at a scale; rows sum to 1."""
        units = torch.eye(self.k.shape[1]).expand(self.num_heads, -1, -1)
        scale = self.scale if scale is None else scale
        return attention(self.q[None], self.k[None], units[None], self.mask, scale)[0]


@dataclass(frozen=True)
class Feed:
    """A feed-forward half: hidden units (T, F) before and after the activation, and what it made, (T, C)."""

    raw: Tensor
    hidden: Tensor
    out: Tensor


@dataclass(frozen=True)
class Layer:
    """A layer of a language model: the stream (T, C) before it, between its halves, and after it.

    Args:
        normed: what its first half read: ``entered`` through the norm, where there is one.
        look: its attention; None on the rung that averages.
        mixed: what its first half made, (T, C).
        feed: its second half, where there is one.
    """

    entered: Tensor
    normed: Tensor
    look: Look | None
    mixed: Tensor
    between: Tensor
    feed: Feed | None
    left: Tensor


@dataclass(frozen=True)
class Opened:
    """A language model on a sentence: its layers, and its logits (T, V)."""

    layers: tuple[Layer, ...]
    logits: Tensor

    @property
    def streams(self) -> list[Tensor]:
        """The stream before the first layer and after each, (T, C)."""
        return [self.layers[0].entered, *(layer.left for layer in self.layers)]

    @property
    def looks(self) -> tuple[Look, ...]:
        """The attention of each layer that has one."""
        return tuple(layer.look for layer in self.layers if layer.look is not None)


@dataclass(frozen=True)
class _Passed:
    """What one module was given first, and all that it made; with a batch of one."""

    given: Tensor
    made: Any

    @property
    def x(self) -> Tensor:
        return self.given[0]

    @property
    def y(self) -> Tensor:
        return cast(Tensor, (self.made[0] if isinstance(self.made, tuple) else self.made)[0])


@contextmanager
def _watched(model: nn.Module) -> Iterator[dict[str, _Passed]]:
    """What passes each module, by its name, while the model runs once inside."""
    seen: dict[str, _Passed] = {}

    def keep(name: str, _module: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        seen[name] = _Passed(given[0], made)

    hooks = [m.register_forward_hook(partial(keep, name)) for name, m in model.named_modules()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def open_language(model: GPT | LanguageModel, ids: Tensor) -> Opened:
    """What happens inside a language model that reads the tokens ``ids`` (T,)."""
    with _watched(model) as seen:
        logits, cache = model.continue_from(ids[None], [])
    x = norm(seen["embedding"].y) if isinstance(model, GPT) else seen["blocks.0"].x
    layers = list[Layer]()
    for number, (k, v) in enumerate(cache):
        layers.append(_layer(model, seen, number, x, k[0], v[0]))
        x = layers[-1].left
    return Opened(tuple(layers), logits[0].float())


def _layer(
    model: GPT | LanguageModel,
    seen: dict[str, _Passed],
    number: int,
    x: Tensor,
    k: Tensor,
    v: Tensor,
) -> Layer:
    name, num_heads = f"blocks.{number}", model.config.num_heads
    if f"{name}.qkv" not in seen:  # the rung that averages
        mean = seen[name].y
        return Layer(x, x, None, mean, mean, None, mean)
    q = split_heads(seen[f"{name}.qkv"].made.chunk(3, 2)[0], num_heads)[0]
    if isinstance(model, GPT):
        q = rotate(norm(q), model.cos[: len(x)], model.sin[: len(x)])
    # On the rung of a single head nothing mixes heads: its sums are what the block makes.
    last = seen.get(f"{name}.attention_out")
    sums, out = (seen[name].y, seen[name].y) if last is None else (last.x, last.y)
    heads = split_heads(sums[None], num_heads)[0]
    title = Message(N_("layer {layer}"), {"layer": number + 1})
    look = Look(title, "past", q, k, v, mask_of(model, len(x)), heads, out)
    adds = isinstance(model, GPT) or model.config.has("residual")
    between = left = x + out if adds else out
    feed = None
    if f"{name}.feed_in" in seen:
        fed = seen[f"{name}.feed_out"]
        feed = Feed(seen[f"{name}.feed_in"].y, fed.x, fed.y)
        left = between + feed.out if adds else feed.out
    return Layer(x, seen[f"{name}.qkv"].x, look, out, between, feed, left)


def mask_of(model: GPT | LanguageModel, length: int) -> Tensor:
    """Of the attention on a text of so many tokens, (T, T): 0 or minus infinity."""
    if isinstance(model, GPT):
        return local_mask(0, 0, length, model.config.reach)
    return model.mask[:length, :length]


@torch.no_grad()
def open_translation(model: Translation, source: Tensor, target: Tensor) -> dict[str, Look]:
    """Every attention of an encoder–decoder, by its module's name: the encoder's, the decoder's, then the cross ones.

    ``source`` (S,) are ids with eos, ``target`` (T,) ids that begin with bos.
    """
    with _watched(model) as seen:
        memory = model.encode(source[None])
        model.decode(target[None], memory, [])
    num_read, num_written = len(source), len(target)
    none, causal = torch.zeros(num_read, num_read), causal_mask(num_written, num_written)
    across = torch.zeros(num_written, num_read)
    places = (
        ("encoder", "self", N_("layer {layer} of the encoder"), "both", none),
        ("decoder", "self", N_("layer {layer} of the decoder"), "past", causal),
        ("decoder", "cross", N_("layer {layer} of cross-attention"), "cross", across),
    )
    looks, num_heads = dict[str, Look](), model.config.num_heads
    for side, which, title, kind, mask in places:
        for layer in range(model.config.num_layers):
            name, is_cross = f"{side}.{layer}.{which}_attention", kind == "cross"
            out = seen[f"{name}.out"]
            q = seen[f"{name}.q"].made if is_cross else seen[f"{name}.qkv"].made.chunk(3, 2)[0]
            k, v = memory.keys_values[layer] if is_cross else seen[name].made[1]
            q, heads = norm(split_heads(q, num_heads))[0], split_heads(out.given, num_heads)[0]
            words = Message(title, {"layer": layer + 1})
            looks[name] = Look(words, kind, q, k[0], v[0], mask, heads, out.y)
    return looks


@dataclass(frozen=True)
class Read:
    """A sentence as a language model in evaluation mode reads it: what happens inside, and the same by hand."""

    run: Run
    model: GPT | LanguageModel
    sentence: Sentence
    opened: Opened
    hand: Hand

    @property
    def names(self) -> tuple[str, ...]:
        """The tokens as names of rows and columns."""
        return labels_of(self.sentence.tokens)


def read_language(asked: Asked, run: Run, model: GPT | LanguageModel, most: int) -> Read:
    """The user's sentence, or the run's own, cut to ``most`` tokens.

    Raises:
        LessonError: it is too short, or the model reads a single token.
    """
    if model.context < 2:
        raise refusal(run, ("language", "gpt"), "gpt-shakespeare")
    sentence = sentence_of(asked, run, most)
    ids = sentence.ids
    return Read(run, model, sentence, open_language(model, ids), language_by_hand(model, ids))


def windows_of(
    text: str, tokenizer: Tokenizer, count: int, length: int, unseen: Unseen = "error"
) -> Tensor:
    """Pieces of a text of so many tokens each, spread evenly over it: int64 (N, length), N ≤ count.

    Only what is needed is encoded. A text shorter than ``length`` tokens gives one piece of all that it has.
    """
    sample = text[: 20 * length]
    chars = len(sample) / max(1, len(tokenizer.encode(sample, unseen)))
    span = int(1.5 * chars * length) + 8
    count = max(1, min(count, len(text) // max(1, span)))
    starts = np.linspace(0, max(0, len(text) - span), count).astype(int)
    pieces = [tokenizer.encode(text[start : start + span], unseen)[:length] for start in starts]
    whole = [piece for piece in pieces if len(piece) == length]
    return torch.stack(whole) if whole else tokenizer.encode(text, unseen)[None, :length]
