r"""The two ways to compute the lesson of the GPT: the model with Olaria's own functions, and NumPy in float64.

Shapes: T positions, C numbers in a vector, F hidden units, V tokens, L layers. Losses are in nats.

A layer is a part (see :mod:`olaria.lessons.by_numpy.transformers`): ``entered``, ``between`` and ``left`` (T, C), the
stream before it, between its sublayers and after it; ``read`` and ``out`` (T, C), what the first sublayer reads and
makes; where there is a second one, ``read_2`` and ``fed`` (T, C), the same of it, and ``raw`` and ``hidden`` (T, F),
its units before and after the activation; and where there is attention ``score``, its largest scaled score that is not
masked.
"""

from __future__ import annotations

from functools import cached_property

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


class ByTorch:
    """With the model of a scene, on its sentence."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model, self._opened = scene, scene.model, scene.read.opened

    @property
    def rows(self) -> list[Array]:
        """What the first vectors are made of, (T, C) each: rows of the tokens, and of the positions if learned."""
        rows = [self._model.embedding(self._scene.read.sentence.ids)]
        if not isinstance(self._model, GPT):
            rows.append(self._model.positions.weight[: len(self._scene.ids)])
        return [*map(numbers, rows)]

    @cached_property
    def layers(self) -> list[hand.Part]:
        """On the sentence."""
        return [*map(_part, self._opened.layers, self._model.blocks)]

    @torch.no_grad()
    def logits(self, ids: Ids) -> Array:
        """After each token: (..., T) to (..., T, V)."""
        rows = torch.from_numpy(ids)
        return numbers(self._model(rows) if rows.ndim > 1 else self._model(rows[None])[0])

    def read_off(self, layer: int) -> Array:
        """Logits (T, V) that the last norm and the head make of the stream after so many layers."""
        return numbers(lens(self._model, self._opened.streams[layer]))

    def probabilities(self, logits: Array) -> Array:
        """The softmax over the last dimension."""
        return numbers(_single(logits).softmax(-1))

    def nats(self, logits: Array, targets: Ids) -> Array:
        """Minus the logarithm of each target's probability: (..., V) and (...) to (...)."""
        rows, ids = _single(logits).flatten(0, -2), torch.from_numpy(targets).flatten()
        return numbers(F.cross_entropy(rows, ids, reduction="none")).reshape(targets.shape)

    def left_over(self, logits: Array, config: SamplingConfig) -> tuple[int, float]:
        """Of logits (V,), after temperature and top-p: tokens kept, and their entropy in nats."""
        kept = filter_logits(_single(logits)[None], config)[0]
        return int(kept.isfinite().sum()), float(torch.special.entr(kept.softmax(-1)).sum())

    def parameters(self) -> dict[str, int]:
        """How many there are in each kind of layer, by its place in a block."""
        counts: dict[str, int] = {}
        for name, weight in self._model.named_parameters():
            kind = kind_of(name)
            counts[kind] = counts.get(kind, 0) + weight.numel()
        return counts

    def allowed(self, count: int) -> Mask:
        """Which position may attend to which in one layer, (count, count)."""
        if isinstance(self._model, GPT):
            return local_mask(0, 0, count, self._model.config.reach).isfinite().numpy()
        return self._model.mask[:count, :count].isfinite().numpy()


@torch.no_grad()
def _part(layer: Layer, block: torch.nn.Module) -> hand.Part:
    found = {"entered": layer.entered, "read": layer.normed, "out": layer.mixed}
    found |= {"between": layer.between, "left": layer.left}
    if layer.feed is not None:
        read = block.norm_2(layer.between) if isinstance(block, Block) else norm(layer.between)
        found |= {"read_2": read, "fed": layer.feed.out}
        found |= {"raw": layer.feed.raw, "hidden": layer.feed.hidden}
    if layer.look is not None:
        found["score"] = (layer.look.scores() * layer.look.scale + layer.look.mask).max()
    return {name: numbers(x) for name, x in found.items()}


class ByNumPy:
    """The twin: from the raw weights, by what each thing means."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model, self._hand = scene, scene.model, scene.read.hand
        self._w, self._config = hand.weights_of(scene.model), scene.model.config

    @property
    def rows(self) -> list[Array]:
        rows, positions = self._w["embedding.weight"], self._w.get("positions.weight")
        ids = self._scene.ids
        return [rows[ids]] if positions is None else [rows[ids], positions[: len(ids)]]

    @cached_property
    def layers(self) -> list[hand.Part]:
        return [*map(self._part, range(len(self._hand.parts)))]

    def logits(self, ids: Ids) -> Array:
        return hand.language_logits(self._w, self._config, ids)

    def read_off(self, layer: int) -> Array:
        return hand.leave_by_hand(self._model, self._hand.streams[layer])

    def probabilities(self, logits: Array) -> Array:
        return np.asarray(np.exp(hand.log_softmax(logits)))

    def nats(self, logits: Array, targets: Ids) -> Array:
        return -np.take_along_axis(hand.log_softmax(logits), targets[..., None], -1)[..., 0]

    def left_over(self, logits: Array, config: SamplingConfig) -> tuple[int, float]:
        """Tokens are taken from the likeliest on, until they reach top-p together."""
        p = self.probabilities(np.sort(logits)[::-1] / config.temperature)
        if config.top_p is not None:
            p = p[: 1 + int((p.cumsum() < config.top_p).sum())]
        left = p[p > 0] / p.sum()
        return len(p), float(-(left * np.log(left)).sum())

    def parameters(self) -> dict[str, int]:
        """By the shapes that the settings ask for: V C for a table, 4 C² for attention, 8 C² for feed-forward."""
        config, has, is_fast = self._config, self._scene.has, isinstance(self._model, GPT)
        size, width, layers = self._model.vocab_size, config.width, config.num_layers
        is_gpt2 = not is_fast and has("gpt")
        counts = {"embedding": size * width}
        if not is_fast:
            counts["positions"] = config.context * width
        if not is_gpt2:
            counts["head"] = size * width + (0 if is_fast else size)
        if has("head"):
            out = width**2 if has("multi-head") else 0
            counts["attention"] = layers * (3 * width**2 + out + is_gpt2 * 4 * width)
        if has("feed-forward"):
            counts["feed"] = layers * (8 * width**2 + is_gpt2 * 5 * width)
        if has("norm") and not is_fast:
            counts["norm"] = (2 * layers + 1) * 2 * width
        return counts

    def allowed(self, count: int) -> Mask:
        return ~hand.later(count, getattr(self._config, "chunk", None))

    def _part(self, number: int) -> hand.Part:
        def normed(name: str, x: Array) -> Array:
            return hand._normed(self._w, self._config, f"blocks.{number}.{name}", x)

        entered, part = self._hand.streams[number], dict(self._hand.parts[number])
        part |= {"entered": entered, "read": normed("norm_1", entered)}
        if "fed" in part:
            part["read_2"] = normed("norm_2", part["between"])
        if "scores" in part:
            scaled = part["scores"] / np.sqrt(part["q"].shape[-1])
            part["score"] = np.where(part["allowed"] > 0, scaled, -np.inf).max()
        return part


Way = ByTorch | ByNumPy
"""What the steps compute with; all is float64 to them."""


def kind_of(name: str) -> str:
    """Of a parameter, by the name of its layer.

    >>> kind_of("blocks.0.attention_out.weight"), kind_of("norm.bias")
    ('attention', 'norm')
    """
    kind = name.split(".")[-2].partition("_")[0]
    return "attention" if kind == "qkv" else kind


def _single(x: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).float()
