r"""The two ways to compute the lesson of the GPT: the model with Olaria's own functions, and NumPy in float64.

Shapes: T positions, C numbers in a vector, F hidden units, V tokens, L layers. Losses are in nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import transformers as hand
from olaria.lessons.gpt.scene import Ids, Scene, lens
from olaria.lessons.inside import Layer
from olaria.models.gpt import GPT
from olaria.models.language import Block
from olaria.nn.attention import local_mask
from olaria.nn.norm import norm
from olaria.sampling.autoregressive import SamplingConfig, filter_logits

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Feed:
    """The second sublayer: what it reads (T, C), hidden units before and after the activation (T, F), what it makes."""

    read: Array
    raw: Array
    hidden: Array
    made: Array


@dataclass(frozen=True)
class Pass:
    """A layer at every position: the stream before it, between its sublayers and after it; what each reads and makes.

    All (T, C). ``score`` is the largest scaled score that is not masked, 0 where nothing is scored.
    """

    entered: Array
    read: Array
    made: Array
    between: Array
    feed: Feed | None
    left: Array
    score: float


class Way(Protocol):
    """What the steps compute with; all is float64 to them."""

    @property
    def rows(self) -> Array:
        """Of the embedding, one for each token of the sentence, (T, C)."""

    @property
    def positions(self) -> Array | None:
        """Learned vectors of the positions, (T, C); None where nothing is added for a position."""

    @property
    def layers(self) -> tuple[Pass, ...]:
        """On the sentence."""

    def logits(self, ids: Ids) -> Array:
        """After each token: (..., T) to (..., T, V)."""

    def read_off(self, layer: int) -> Array:
        """Logits (T, V) that the last norm and the head make of the stream after so many layers."""

    def probabilities(self, logits: Array) -> Array:
        """The softmax over the last dimension."""

    def nats(self, logits: Array, targets: Ids) -> Array:
        """Minus the logarithm of each target's probability: (..., V) and (...) to (...)."""

    def left_over(self, logits: Array, config: SamplingConfig) -> tuple[int, float, float]:
        """Of filtered logits (V,): tokens kept, largest probability, entropy in nats."""

    def parameters(self) -> dict[str, int]:
        """How many there are in each kind of layer, by its place in a block."""

    def allowed(self, count: int) -> Mask:
        """Which position may attend to which in one layer, (count, count)."""


class ByTorch:
    """With the model.

    Args:
        scene: whose model and sentence.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model, self._opened = scene, scene.model, scene.read.opened

    @property
    def rows(self) -> Array:
        return numbers(self._model.embedding(self._scene.read.sentence.ids))

    @property
    def positions(self) -> Array | None:
        if isinstance(self._model, GPT):
            return None
        return numbers(self._model.positions.weight[: len(self._scene.ids)])

    @cached_property
    def layers(self) -> tuple[Pass, ...]:
        blocks = zip(self._opened.layers, self._model.blocks, strict=True)
        return tuple(self._pass(layer, block) for layer, block in blocks)

    @torch.no_grad()
    def logits(self, ids: Ids) -> Array:
        rows = torch.from_numpy(ids)
        return numbers(self._model(rows) if rows.ndim > 1 else self._model(rows[None])[0])

    def read_off(self, layer: int) -> Array:
        return numbers(lens(self._model, self._opened.streams[layer]))

    def probabilities(self, logits: Array) -> Array:
        return numbers(_single(logits).softmax(-1))

    def nats(self, logits: Array, targets: Ids) -> Array:
        rows, ids = _single(logits).flatten(0, -2), torch.from_numpy(targets).flatten()
        return numbers(F.cross_entropy(rows, ids, reduction="none")).reshape(targets.shape)

    def left_over(self, logits: Array, config: SamplingConfig) -> tuple[int, float, float]:
        kept = filter_logits(_single(logits)[None], config)[0]
        p = kept.softmax(-1)
        return int(kept.isfinite().sum()), float(p.max()), float(torch.special.entr(p).sum())

    def parameters(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for name, weight in self._model.named_parameters():
            kind = kind_of(name)
            counts[kind] = counts.get(kind, 0) + weight.numel()
        return counts

    def allowed(self, count: int) -> Mask:
        if isinstance(self._model, GPT):
            return local_mask(0, 0, count, self._model.config.reach).isfinite().numpy()
        return self._model.mask[:count, :count].isfinite().numpy()

    @torch.no_grad()
    def _pass(self, layer: Layer, block: torch.nn.Module) -> Pass:
        feed, score = None, 0.0
        if layer.feed is not None:
            read = block.norm_2(layer.between) if isinstance(block, Block) else norm(layer.between)
            feed = Feed(*map(numbers, (read, layer.feed.raw, layer.feed.hidden, layer.feed.out)))
        if layer.look is not None:
            score = float((layer.look.scores() * layer.look.scale + layer.look.mask).max())
        return Pass(
            numbers(layer.entered),
            numbers(layer.normed),
            numbers(layer.mixed),
            numbers(layer.between),
            feed,
            numbers(layer.left),
            score,
        )


class ByNumPy:
    """The twin: from the raw weights, by what each thing means.

    Args:
        scene: whose weights and sentence.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model, self._hand = scene, scene.model, scene.read.hand
        self._w = hand.weights_of(scene.model)

    @property
    def rows(self) -> Array:
        return self._w["embedding.weight"][self._scene.ids]

    @property
    def positions(self) -> Array | None:
        found = self._w.get("positions.weight")
        return None if found is None else found[: len(self._scene.ids)]

    @cached_property
    def layers(self) -> tuple[Pass, ...]:
        return tuple(
            self._pass(f"blocks.{number}", entered, part)
            for number, (entered, part) in enumerate(
                zip(self._hand.streams, self._hand.parts, strict=False)
            )
        )

    def logits(self, ids: Ids) -> Array:
        return hand.language_logits(self._w, self._model.config, ids)

    def read_off(self, layer: int) -> Array:
        return hand.leave_by_hand(self._model, self._hand.streams[layer])

    def probabilities(self, logits: Array) -> Array:
        e: Array = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(e / e.sum(-1, keepdims=True))

    def nats(self, logits: Array, targets: Ids) -> Array:
        return -np.take_along_axis(hand.log_softmax(logits), targets[..., None], -1)[..., 0]

    def left_over(self, logits: Array, config: SamplingConfig) -> tuple[int, float, float]:
        """Tokens are taken from the likeliest on, until the setting says that it is enough."""
        p = self.probabilities(np.sort(logits)[::-1] / config.temperature)
        kept = 0
        while kept < len(p):
            if config.top_k is not None and kept == config.top_k:
                break
            if config.top_p is not None and p[:kept].sum() >= config.top_p:
                break
            if config.min_p is not None and p[kept] < config.min_p * p[0]:
                break
            kept += 1
        left = p[:kept] / p[:kept].sum()
        some = left[left > 0]
        return kept, float(left[0]), float(-(some * np.log(some)).sum())

    def parameters(self) -> dict[str, int]:
        """By the shapes that the settings ask for: V C for a table, 4 C² for attention, 8 C² for feed-forward."""
        config, scene = self._model.config, self._scene
        size, width, layers = scene.vocab_size, config.width, config.num_layers
        is_gpt2 = not isinstance(self._model, GPT) and scene.has("gpt")
        counts = {"embedding": size * width}
        if not isinstance(self._model, GPT):
            counts["positions"] = config.context * width
        if not is_gpt2:
            counts["head"] = size * width + (0 if isinstance(self._model, GPT) else size)
        if scene.has("head"):
            out = width**2 if scene.has("multi-head") else 0
            counts["attention"] = layers * (3 * width**2 + out + is_gpt2 * 4 * width)
        if scene.has("feed-forward"):
            counts["feed_forward"] = layers * (8 * width**2 + is_gpt2 * 5 * width)
        if scene.has("norm") and not isinstance(self._model, GPT):
            counts["norm"] = (2 * layers + 1) * 2 * width
        return counts

    def allowed(self, count: int) -> Mask:
        config = self._model.config
        return ~hand.later(count, getattr(config, "chunk", None))

    def _pass(self, name: str, entered: Array, part: hand.Part) -> Pass:
        def normed(number: int, x: Array) -> Array:
            if isinstance(self._model, GPT):
                return hand.rms(x)
            norm_name = f"{name}.norm_{number}"
            has_norm = f"{norm_name}.weight" in self._w
            return hand.layer_norm(self._w, norm_name, x) if has_norm else x

        feed, score = None, 0.0
        if "fed" in part:
            read = normed(2, part["between"])
            feed = Feed(read, part["raw"], part["hidden"], part["fed"])
        if "scores" in part:
            scaled = part["scores"] / np.sqrt(part["q"].shape[-1])
            score = float(np.where(part["allowed"] > 0, scaled, -np.inf).max())
        streams = (entered, normed(1, entered), part["out"], part["between"])
        return Pass(*streams, feed, part["left"], score)


KINDS = {
    "embedding": "embedding",
    "positions": "positions",
    "head": "head",
    "qkv": "attention",
    "attention_out": "attention",
    "feed_in": "feed_forward",
    "feed_out": "feed_forward",
}


def kind_of(name: str) -> str:
    """Of a parameter, by the name of its layer.

    >>> kind_of("blocks.0.attention_out.weight"), kind_of("norm.bias")
    ('attention', 'norm')
    """
    return KINDS.get(name.split(".")[-2], "norm")


def _single(x: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).float()
