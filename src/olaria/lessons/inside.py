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
from typing import Any

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
        q: queries as they are compared, (H, T, D).
        k: keys as they are compared, (H, S, D).
        v: values, (H, S, D).
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
        return self.q.shape[0]

    @property
    def scale(self) -> float:
        """Of the scores: one over the root of D."""
        return float(self.q.shape[-1] ** -0.5)

    def scores(self) -> Tensor:
        """Every query times every key, before scaling and mask, (H, T, S)."""
        return self.q @ self.k.mT

    def weights(self, scale: float | None = None) -> Tensor:
        """How much each query position reads of each key position, (H, T, S); rows sum to 1.

        Args:
            scale: of the scores; the model's own where None.
        """
        units = torch.eye(self.k.shape[1]).expand(self.num_heads, -1, -1)
        scale = self.scale if scale is None else scale
        return attention(self.q[None], self.k[None], units[None], self.mask, scale)[0]


@dataclass(frozen=True)
class Feed:
    """A feed-forward half.

    Args:
        raw: hidden units before the activation, (T, F).
        hidden: after it.
        out: what it made, (T, C).
    """

    raw: Tensor
    hidden: Tensor
    out: Tensor


@dataclass(frozen=True)
class Layer:
    """A layer of a language model.

    Args:
        entered: the stream before it, (T, C).
        normed: what its first half read: ``entered`` through the norm, where there is one.
        look: its attention; None on the rung that averages.
        mixed: what its first half made, (T, C).
        between: the stream between the halves.
        feed: its second half, where there is one.
        left: the stream after it.
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
        first: Tensor = self.made[0] if isinstance(self.made, tuple) else self.made
        return first[0]


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
    layers = []
    for number, keys_values in enumerate(cache):
        layers.append(_layer(model, seen, number, x, keys_values))
        x = layers[-1].left
    return Opened(tuple(layers), logits[0].float())


def _layer(
    model: GPT | LanguageModel,
    seen: dict[str, _Passed],
    number: int,
    x: Tensor,
    keys_values: tuple[Tensor, Tensor],
) -> Layer:
    name = f"blocks.{number}"
    if f"{name}.qkv" not in seen:  # the rung that averages
        mean = seen[name].y
        return Layer(x, x, None, mean, mean, None, mean)
    look = _self_look(model, seen, number, keys_values)
    adds = isinstance(model, GPT) or model.config.has("residual")
    between = left = x + look.out if adds else look.out
    feed = None
    if f"{name}.feed_in" in seen:
        raw, out = seen[f"{name}.feed_in"].y, seen[f"{name}.feed_out"]
        feed = Feed(raw, out.x, out.y)
        left = between + feed.out if adds else feed.out
    return Layer(x, seen[f"{name}.qkv"].x, look, look.out, between, feed, left)


def mask_of(model: GPT | LanguageModel, length: int) -> Tensor:
    """Of the attention on a text of so many tokens, (T, T): 0 or minus infinity."""
    if isinstance(model, GPT):
        return local_mask(0, 0, length, model.config.reach)
    return model.mask[:length, :length]


def _self_look(
    model: GPT | LanguageModel,
    seen: dict[str, _Passed],
    number: int,
    keys_values: tuple[Tensor, Tensor],
) -> Look:
    name, num_heads = f"blocks.{number}", model.config.num_heads
    q = split_heads(seen[f"{name}.qkv"].made.chunk(3, 2)[0], num_heads)
    length = q.shape[2]
    if isinstance(model, GPT):
        q = rotate(norm(q), model.cos[:length], model.sin[:length])
    mask = mask_of(model, length)
    k, v = keys_values
    # On the rung of a single head nothing mixes heads: its sums are what the block makes.
    last = seen.get(f"{name}.attention_out")
    sums, out = (seen[name].y, seen[name].y) if last is None else (last.x, last.y)
    heads = split_heads(sums[None], num_heads)[0]
    return Look(
        Message(N_("layer {layer}"), {"layer": number + 1}),
        "past",
        q[0],
        k[0],
        v[0],
        mask,
        heads,
        out,
    )


@torch.no_grad()
def open_translation(model: Translation, source: Tensor, target: Tensor) -> dict[str, Look]:
    """Every attention of an encoder–decoder, by its module's name: the encoder's, the decoder's, then the cross ones.

    Args:
        model: in evaluation mode.
        source: ids with eos, (S,).
        target: ids that begin with bos, (T,).
    """
    with _watched(model) as seen:
        memory = model.encode(source[None])
        model.decode(target[None], memory, [])
    layers, num_heads = range(model.config.num_layers), model.config.num_heads
    none, causal = (
        torch.zeros(len(source), len(source)),
        causal_mask(len(target), len(target)),
    )

    def look(name: str, title: Message, kind: str, mask: Tensor) -> Look:
        is_cross = kind == "cross"
        raw = seen[f"{name}.q"].made if is_cross else seen[f"{name}.qkv"].made.chunk(3, 2)[0]
        number = int(name.split(".")[1])
        k, v = memory.keys_values[number] if is_cross else seen[name].made[1]
        out = seen[f"{name}.out"]
        q, heads = split_heads(raw, num_heads), split_heads(out.given, num_heads)
        return Look(title, kind, norm(q)[0], k[0], v[0], mask, heads[0], out.y)

    found: dict[str, Look] = {}
    for layer in layers:
        title = Message(N_("layer {layer} of the encoder"), {"layer": layer + 1})
        name = f"encoder.{layer}.self_attention"
        found[name] = look(name, title, "both", none)
    for layer in layers:
        title = Message(N_("layer {layer} of the decoder"), {"layer": layer + 1})
        name = f"decoder.{layer}.self_attention"
        found[name] = look(name, title, "past", causal)
    across = torch.zeros(len(target), len(source))
    for layer in layers:
        title = Message(N_("layer {layer} of cross-attention"), {"layer": layer + 1})
        name = f"decoder.{layer}.cross_attention"
        found[name] = look(name, title, "cross", across)
    return found


@dataclass(frozen=True)
class Read:
    """A sentence as a language model reads it.

    Args:
        run: whose model it is.
        model: in evaluation mode.
        sentence: the tokens.
        opened: what happens inside.
        hand: the same by hand.
    """

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


# -- texts and numbers -----------------------------------------------------------------------------


def windows_of(
    text: str, tokenizer: Tokenizer, count: int, length: int, unseen: Unseen = "error"
) -> Tensor:
    """Pieces of a text of so many tokens each, spread evenly over it: int64 (N, length), N ≤ count.

    Only what is needed is encoded. A text shorter than ``length`` tokens gives one piece of all that it has.

    Args:
        text: of the validation part.
        tokenizer: of the run.
        count: of pieces.
        length: tokens of each.
        unseen: see the tokenizer.
    """
    sample = text[: 20 * length]
    chars = len(sample) / max(1, len(tokenizer.encode(sample, unseen)))
    span = int(1.5 * chars * length) + 8
    count = max(1, min(count, len(text) // max(1, span)))
    starts = np.linspace(0, max(0, len(text) - span), count).astype(int)
    pieces = [tokenizer.encode(text[start : start + span], unseen)[:length] for start in starts]
    whole = [piece for piece in pieces if len(piece) == length]
    return torch.stack(whole) if whole else tokenizer.encode(text, unseen)[None, :length]
