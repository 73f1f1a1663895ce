r"""The two ways to compute the lesson of attention: the model's own modules, and NumPy in float64 from the raw weights.

.. math:: Y = \mathrm{softmax}\left(\frac{Q K^\top}{\sqrt D} + M\right) V

Shapes: T query positions, S key positions, H heads of D features.

Source: Vaswani et al. 2017, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from olaria.lessons.attention.scene import Ids, Net, Scene, looks_of
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import transformers
from olaria.lessons.inside import mask_of
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation
from olaria.nn.attention import attention, rotary_angles, rotate

Head = tuple[str, int]
"""Name of an attention's module, and which of its heads."""


@dataclass(frozen=True)
class Attended:
    """What one attention computes, all of its heads; float64.

    Args:
        q: queries as they are compared, (H, T, D).
        k: keys as they are compared, (H, S, D).
        v: values, (H, S, D).
        allowed: whether a query may read a key, (T, S).
        scores: (H, T, S), before scaling and mask.
        weights: (H, T, S); rows sum to 1.
        heads: the weighted sums, (H, T, D).
    """

    q: Array
    k: Array
    v: Array
    allowed: Array
    scores: Array
    weights: Array
    heads: Array

    @property
    def divided(self) -> Array:
        """Scores divided by the root of D."""
        return np.asarray(self.scores / np.sqrt(self.q.shape[-1]))

    @property
    def masked(self) -> Array:
        """The same, minus infinity where a query may not read."""
        return np.where(self.allowed > 0, self.divided, -np.inf)

    @property
    def shown(self) -> Array:
        """Weights, empty where a query may not read."""
        return np.where(self.allowed > 0, self.weights, np.nan)


@dataclass(frozen=True)
class _Opens:
    """Every attention that the steps look at.

    Args:
        scene: whose run and texts.
    """

    scene: Scene

    @cached_property
    def own(self) -> tuple[Attended, ...]:
        """Of the run on the sentence."""
        return self._opened(self.scene.own.model, self.scene.own.ids)

    @cached_property
    def pair(self) -> tuple[Attended, ...]:
        """Of the encoder–decoder, where there is one."""
        pair = self.scene.pair
        return () if pair is None else self._opened(pair.model, pair.ids)

    @cached_property
    def pieces(self) -> list[tuple[Attended, ...]]:
        """Of the run on each piece of the validation text; the end of a target is only predicted."""
        pieces = ((*ids[:-1], ids[-1][:-1]) if len(ids) > 1 else ids for ids in self.scene.pieces)
        return [self._opened(self.scene.own.model, ids) for ids in pieces]

    def _opened(self, model: Net, ids: Ids) -> tuple[Attended, ...]:
        raise NotImplementedError


class ByTorch(_Opens):
    """With the model, watched as it runs."""

    def _opened(self, model: Net, ids: Ids) -> tuple[Attended, ...]:
        return tuple(
            Attended(*map(numbers, (x.q, x.k, x.v, x.mask == 0, x.scores(), x.weights(), x.heads)))
            for x in looks_of(model, ids).values()
        )

    def attend(self, q: Array, k: Array, v: Array, allowed: Array) -> tuple[Array, Array]:
        """Weights and weighted sums of queries (H, T, D), keys and values (H, S, D)."""
        queries, keys, values = (torch.from_numpy(x).float()[None] for x in (q, k, v))
        units = torch.eye(k.shape[1]).expand(1, len(k), -1, -1)
        mask = torch.zeros(allowed.shape).masked_fill(torch.from_numpy(allowed) == 0, -torch.inf)
        weights, sums = (
            attention(queries, keys, x, mask, q.shape[-1] ** -0.5)[0] for x in (units, values)
        )
        return numbers(weights), numbers(sums)

    @torch.no_grad()
    def nats(self, removed: Head | None = None) -> float:
        """The loss per token on the pieces, without one of the heads."""
        model, pieces = self.scene.own.model, self.scene.pieces
        with _without(model, removed):
            if isinstance(model, Translation):
                logits = torch.cat([model(s[None], t[None, :-1])[0] for s, t in pieces])
                return float(F.cross_entropy(logits, torch.cat([t[1:] for _, t in pieces])))
            texts = torch.stack([ids for (ids,) in pieces])
            # It calls the layers one by one, so that they can be watched; training does not.
            logits = model.continue_from(texts[:, :-1], [])[0]
        return float(F.cross_entropy(logits.flatten(0, 1).float(), texts[:, 1:].flatten()))

    def reach(self, length: int) -> int:
        """The most keys that a query of a text of so many tokens reads."""
        model = self.scene.own.model
        assert isinstance(model, GPT | LanguageModel)
        return int((mask_of(model, length) == 0).sum(1).max())

    def turned(self, x: Array) -> Array:
        """Vectors (T, D) with rotary positions."""
        vectors = torch.from_numpy(x).float()[None, None]
        return numbers(rotate(vectors, *rotary_angles(*x.shape))[0, 0])


@contextmanager
def _without(model: Net, removed: Head | None) -> Iterator[None]:
    """Run a model without the values of one head: what the head passes on is zero."""
    if removed is None:
        yield
        return
    name, head = removed
    modules, num_heads = dict(model.named_modules()), model.config.num_heads
    layer = modules.get(f"{name}.kv") or modules[f"{name}.qkv"]
    size = model.config.width // num_heads

    def silence(_layer: Any, _given: Any, made: Tensor) -> Tensor:
        made = made.clone()
        made.unflatten(-1, (-1, size))[..., head - num_heads, :] = 0
        return made

    hook = layer.register_forward_hook(silence)
    try:
        yield
    finally:
        hook.remove()


class ByNumPy(_Opens):
    """The twin: every layer again from the raw weights, in float64."""

    def _opened(self, model: Net, ids: Ids) -> tuple[Attended, ...]:
        if isinstance(model, Translation):
            found = transformers.translation_by_hand(model, *ids)
            # The decoder's two kinds take turns in the model; they are shown one kind after the other.
            order = sorted(found, key=lambda name: (name.startswith("decoder"), "cross" in name))
            parts = tuple(found[name] for name in order)
        else:
            parts = transformers.language_by_hand(model, *ids).parts
        names = [field.name for field in fields(Attended)]
        return tuple(Attended(*(np.asarray(part[n], np.float64) for n in names)) for part in parts)

    def attend(self, q: Array, k: Array, v: Array, allowed: Array) -> tuple[Array, Array]:
        sums, weights = transformers.attend(q, k, v, allowed == 0)
        return weights, sums

    def nats(self, removed: Head | None = None) -> float:
        model, pieces, weights = self.scene.own.model, self.scene.pieces, self._weights
        if removed is not None:
            weights = transformers.without_head(weights, *removed, model.config.num_heads)
        if isinstance(model, Translation):
            pairs = ((s.numpy(), t.numpy()) for s, t in pieces)
            found = [transformers.target_nats(weights, model.config, *pair) for pair in pairs]
            return float(np.concatenate(found).mean())
        texts = np.stack([ids.numpy() for (ids,) in pieces])
        return float(transformers.next_token_nats(weights, model.config, texts).mean())

    def reach(self, length: int) -> int:
        model = self.scene.own.model
        chunk = model.config.chunk if isinstance(model, GPT) else None
        return int((~transformers.later(length, chunk)).sum(1).max())

    def turned(self, x: Array) -> Array:
        return transformers.turned(x)

    @cached_property
    def _weights(self) -> transformers.Weights:
        return transformers.weights_of(self.scene.own.model)


Way = ByTorch | ByNumPy
"""What the steps compute with."""
