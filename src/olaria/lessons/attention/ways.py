r"""The two ways to compute the lesson of attention: the model's own modules, and NumPy in float64 from the raw weights.

.. math:: Y = \mathrm{softmax}\left(\frac{Q K^\top}{\sqrt D} + M\right) V

Shapes: T query positions, S key positions, H heads of D features.

Source: Vaswani et al. 2017, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olaria.lessons.attention.scene import Ids, Net, Scene, looks_of
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import transformers
from olaria.lessons.by_numpy.transformers import Part, language_by_hand, translation_by_hand
from olaria.lessons.inside import Look, mask_of
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
        out: what is made of all heads together, (T, C).
    """

    q: Array
    k: Array
    v: Array
    allowed: Array
    scores: Array
    weights: Array
    heads: Array
    out: Array

    @property
    def divided(self) -> Array:
        """Scores divided by the root of D."""
        return np.asarray(self.scores / np.sqrt(self.q.shape[-1]))

    @property
    def masked(self) -> Array:
        """The same, minus infinity where a query may not read."""
        return np.where(self.allowed > 0, self.divided, -np.inf)


class Way(Protocol):
    """What the steps compute with."""

    @property
    def own(self) -> tuple[Attended, ...]:
        """Every attention of the run on the sentence."""

    @property
    def pair(self) -> tuple[Attended, ...]:
        """Of the encoder–decoder, where there is one."""

    @property
    def pieces(self) -> list[tuple[Attended, ...]]:
        """Of the run on each piece of the validation text."""

    def attend(self, q: Array, k: Array, v: Array, allowed: Array) -> tuple[Array, Array]:
        """Weights and weighted sums of queries (H, T, D), keys and values (H, S, D)."""

    def nats(self, removed: Head | None = None) -> float:
        """The loss per token on the pieces, without one of the heads."""

    def reach(self, length: int) -> int:
        """The most keys that a query of a text of so many tokens reads."""

    def turned(self, x: Array) -> Array:
        """Vectors (T, D) with rotary positions."""


class ByTorch:
    """With the model, watched as it runs.

    Args:
        scene: whose model.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model = scene, scene.own.model

    @cached_property
    def own(self) -> tuple[Attended, ...]:
        return tuple(map(_seen, self._scene.own.each))

    @cached_property
    def pair(self) -> tuple[Attended, ...]:
        pair = self._scene.pair
        return () if pair is None else tuple(map(_seen, pair.each))

    @cached_property
    def pieces(self) -> list[tuple[Attended, ...]]:
        return [
            tuple(map(_seen, looks_of(self._model, _read(ids)).values()))
            for ids in self._scene.pieces
        ]

    def attend(self, q: Array, k: Array, v: Array, allowed: Array) -> tuple[Array, Array]:
        queries, keys, values = (torch.from_numpy(x).float()[None] for x in (q, k, v))
        units = torch.eye(k.shape[1]).expand(1, len(k), -1, -1)
        mask = torch.zeros(allowed.shape).masked_fill(torch.from_numpy(allowed) == 0, -torch.inf)
        weights, sums = (
            attention(queries, keys, x, mask, q.shape[-1] ** -0.5)[0] for x in (units, values)
        )
        return numbers(weights), numbers(sums)

    @torch.no_grad()
    def nats(self, removed: Head | None = None) -> float:
        model, pieces = self._model, self._scene.pieces
        with _without(model, removed):
            if isinstance(model, Translation):
                logits = torch.cat([model(s[None], t[None, :-1])[0] for s, t in pieces])
                return float(F.cross_entropy(logits, torch.cat([t[1:] for _, t in pieces])))
            texts = torch.stack([ids for (ids,) in pieces])
            # It calls the layers one by one, so that they can be watched; training does not.
            logits = model.continue_from(texts[:, :-1], [])[0]
        return float(F.cross_entropy(logits.flatten(0, 1).float(), texts[:, 1:].flatten()))

    def reach(self, length: int) -> int:
        assert isinstance(self._model, GPT | LanguageModel)
        return int((mask_of(self._model, length) == 0).sum(1).max())

    def turned(self, x: Array) -> Array:
        return numbers(
            rotate(torch.from_numpy(x).float()[None, None], *rotary_angles(*x.shape))[0, 0]
        )


def _read(ids: Ids) -> Ids:
    """A text, or a source and the target without its end: what the model is given."""
    return ids if len(ids) == 1 else (ids[0], ids[1][:-1])


def _seen(look: Look) -> Attended:
    found = (look.q, look.k, look.v, look.mask == 0, look.scores(), look.weights())
    return Attended(*map(numbers, (*found, look.heads, look.out)))


@contextmanager
def _without(model: nn.Module, removed: Head | None) -> Iterator[None]:
    """Run a model without the values of one head: what the head passes on is zero."""
    if removed is None:
        yield
        return
    name, head = removed
    modules = dict(model.named_modules())
    layer = modules.get(f"{name}.kv") or modules[f"{name}.qkv"]
    width, num_heads = layer.in_features, model.config.num_heads  # type: ignore[union-attr]
    size = int(width) // int(num_heads)  # type: ignore[arg-type]

    def silence(_layer: nn.Module, _given: Any, made: Tensor) -> Tensor:
        made = made.clone()
        made.unflatten(-1, (-1, size))[..., head - num_heads, :] = 0  # type: ignore[operator]
        return made

    hook = layer.register_forward_hook(silence)
    try:
        yield
    finally:
        hook.remove()


class ByNumPy:
    """The twin: every layer again from the raw weights, in float64.

    Args:
        scene: whose weights.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model = scene, scene.own.model
        self._weights = transformers.weights_of(self._model)

    @cached_property
    def own(self) -> tuple[Attended, ...]:
        return _parts(self._model, self._scene.own.ids)

    @cached_property
    def pair(self) -> tuple[Attended, ...]:
        pair = self._scene.pair
        return () if pair is None else _parts(pair.model, pair.ids)

    @cached_property
    def pieces(self) -> list[tuple[Attended, ...]]:
        return [_parts(self._model, _read(ids)) for ids in self._scene.pieces]

    def attend(self, q: Array, k: Array, v: Array, allowed: Array) -> tuple[Array, Array]:
        sums, weights = transformers.attend(q, k, v, allowed == 0)
        return weights, sums

    def nats(self, removed: Head | None = None) -> float:
        weights: transformers.Weights = self._weights
        config = self._model.config
        if removed is not None:
            weights = transformers.without_head(weights, *removed, config.num_heads)
        pieces = self._scene.pieces
        if isinstance(self._model, Translation):
            found = [
                transformers.target_nats(weights, self._model.config, s.numpy(), t.numpy())
                for s, t in pieces
            ]
        else:
            texts = np.stack([ids.numpy() for (ids,) in pieces])
            found = [transformers.next_token_nats(weights, config, texts).ravel()]
        return float(np.concatenate(found).mean())

    def reach(self, length: int) -> int:
        chunk = self._model.config.chunk if isinstance(self._model, GPT) else None
        return int((~transformers.later(length, chunk)).sum(1).max())

    def turned(self, x: Array) -> Array:
        return transformers.turned(x)


def _parts(model: Net, ids: Ids) -> tuple[Attended, ...]:
    if not isinstance(model, Translation):
        return tuple(map(_told, language_by_hand(model, *ids).parts))
    parts = translation_by_hand(model, *ids)
    # The decoder's two kinds take turns in the model; they are shown one kind after the other.
    kinds = (
        ("encoder", ".self_attention"),
        ("decoder", ".self_attention"),
        ("decoder", ".cross_attention"),
    )
    return tuple(
        _told(part)
        for side, kind in kinds
        for name, part in parts.items()
        if name.startswith(side) and name.endswith(kind)
    )


def _told(part: Part) -> Attended:
    names = ("q", "k", "v", "allowed", "scores", "weights", "heads", "out")
    return Attended(*(np.asarray(part[name], np.float64) for name in names))
