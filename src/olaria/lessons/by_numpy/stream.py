r"""What a model computes inside, once more from its raw weights and the ids alone, in NumPy and float64: for checks.

Where :mod:`~olaria.lessons.by_numpy.float64` gives what comes out of a model, this keeps all that is made on the way.
Masks are a rule asked for each pair of positions, rotations are products of complex numbers.

Shapes: T tokens that look, S that are looked at, H heads of D features, C = H · D, F hidden units, V tokens to choose
from. A *part* is what one attention computes: ``q`` (H, T, D), ``k`` and ``v`` (H, S, D) as they are compared and
summed, ``allowed`` (T, S), ``scores`` (H, T, S) before scaling, ``weights`` (H, T, S), ``heads`` (H, T, D) and
``out`` (T, C). That of a layer of a language model has also ``between`` and ``left`` (T, C), the stream after its first
half and after it, and where there is a feed-forward half ``raw`` and ``hidden`` (T, F), before and after the
activation, and ``fed`` (T, C).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.by_numpy.float64 import (
    LAYER_NORM_EPSILON,
    angles,
    attend,
    gelu,
    in_heads,
    layer_norm,
    linear,
    rms,
    side_by_side,
    weights_of,
)
from olaria.models.gpt import GPT, LOGIT_CAP
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation

Weights = dict[str, Array]
Part = dict[str, Array]
Allowed = NDArray[np.bool_]
View = Callable[[Array], Array]


@dataclass(frozen=True)
class Hand:
    """A language model on a sentence.

    Args:
        embedded: the stream before the first layer, (T, C).
        parts: of each layer, see the module.
        logits: (T, V).
    """

    embedded: Array
    parts: tuple[Part, ...]
    logits: Array

    @property
    def streams(self) -> list[Array]:
        """The stream before the first layer and after each."""
        return [self.embedded, *(part["left"] for part in self.parts)]


def checked(what: str, value: Iterable[Any], expected: Iterable[Any]) -> Check:
    """Numbers of the lesson beside the same by hand.

    Args:
        what: they are, a source string.
        value: arrays of any shapes.
        expected: as many, of the same shapes.
    """
    text = Message(
        N_("{what}: computed again from the raw weights in float64"), {"what": Message(what)}
    )
    return Check(text, _flat(value), _flat(expected))


def language_by_hand(model: GPT | LanguageModel, ids: Tensor) -> Hand:
    """Read the tokens ``ids`` (T,)."""
    w, tokens = weights_of(model), ids.numpy()
    x = w["embedding.weight"][tokens]
    x = rms(x) if isinstance(model, GPT) else x + w["positions.weight"][: len(tokens)]
    chunk = model.config.chunk if isinstance(model, GPT) else None
    allowed = allowed_pairs(len(x), len(x), chunk)
    embedded, parts = x, list[Part]()
    for layer in range(len(model.blocks)):
        parts.append(_layer(model, w, f"blocks.{layer}", x, allowed))
        x = parts[-1]["left"]
    return Hand(embedded, tuple(parts), leave_by_hand(model, x, w))


def leave_by_hand(model: GPT | LanguageModel, x: Array, w: Weights | None = None) -> Array:
    """Logits (T, V) that the last norm and the head make of any stream (T, C)."""
    w = w or weights_of(model)
    if isinstance(model, GPT):
        return LOGIT_CAP * np.tanh(linear(w, "head", rms(x)) / LOGIT_CAP)
    x = _normed(model, w, "norm", x)
    return linear(w, "head", x) if "head.weight" in w else x @ w["embedding.weight"].T


def translation_by_hand(model: Translation, source: Tensor, target: Tensor) -> dict[str, Part]:
    """Every attention by its name, for a source (S,) and a target (T,) without padding."""
    w, num_layers = weights_of(model), model.config.num_layers
    parts: dict[str, Part] = {}

    def looked(name: str, x: Array, y: Array | None = None, causal: bool = False) -> Array:
        if y is None:
            q, k, v = np.split(linear(w, f"{name}.qkv", rms(x)), 3, 1)
        else:
            q = linear(w, f"{name}.q", rms(x))
            k, v = np.split(linear(w, f"{name}.kv", y), 2, 1)
        allowed = allowed_pairs(len(q), len(k)) if causal else np.ones((len(q), len(k)), bool)
        part = parts[name] = attended(q, k, v, model.config.num_heads, allowed, rms)
        out = part["out"] = linear(w, f"{name}.out", side_by_side(part["heads"]))
        return out

    def fed(name: str, x: Array) -> Array:
        hidden: Array = np.maximum(linear(w, f"{name}.feed_in", rms(x)), 0) ** 2
        return linear(w, f"{name}.feed_out", hidden)

    def embedded(ids: Tensor) -> Array:
        turns = angles(len(ids), model.config.width)
        waves: Array = np.concatenate((np.sin(turns), np.cos(turns)), 1)
        return rms(w["embedding.weight"][ids.numpy()]) + waves

    x = embedded(source)
    for layer in range(num_layers):
        x = x + looked(f"encoder.{layer}.self_attention", x)
        x = x + fed(f"encoder.{layer}.feed_forward", x)
    memory, x = rms(x), embedded(target)
    for layer in range(num_layers):
        x = x + looked(f"decoder.{layer}.self_attention", x, causal=True)
        x = x + looked(f"decoder.{layer}.cross_attention", x, memory)
        x = x + fed(f"decoder.{layer}.feed_forward", x)
    return parts


def attended(
    q: Array, k: Array, v: Array, num_heads: int, allowed: Allowed, view: View | None = None
) -> Part:
    """Queries (T, C), keys and values (S, C) to a part, without ``out``.

    Args:
        q: queries of all heads side by side.
        k: keys.
        v: values.
        num_heads: H.
        allowed: who may look at whom.
        view: how queries and keys (H, T, D) are compared; as they are where None.
    """
    q, k, v = (in_heads(x, num_heads) for x in (q, k, v))
    if view is not None:
        q, k = view(q), view(k)
    heads, weights = attend(q, k, v, ~allowed)
    scores = np.einsum("htd,hsd->hts", q, k)
    part = {"q": q, "k": k, "v": v, "scores": scores, "weights": weights, "heads": heads}
    return {**part, "allowed": allowed.astype(float)}


def allowed_pairs(num_queries: int, num_keys: int, chunk: int | None = None) -> Allowed:
    """Who may look at whom: back only, and where there are chunks only into the own one and the one before.

    >>> allowed_pairs(3, 3, 1).astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    """
    allowed = np.zeros((num_queries, num_keys), bool)
    for t in range(num_queries):
        for s in range(num_keys):
            allowed[t, s] = s <= t and (chunk is None or t // chunk - s // chunk <= 1)
    return allowed


def standardised(x: Array) -> Array:
    """Vectors of mean 0 and variance 1."""
    apart = x - x.mean(-1, keepdims=True)
    scaled: Array = apart / np.sqrt((apart**2).mean(-1, keepdims=True) + LAYER_NORM_EPSILON)
    return scaled


def turned(x: Array) -> Array:
    """Rotary positions: features j and j + D/2 are a complex number, turned by the position's angle; (H, T, D)."""
    half = x.shape[-1] // 2
    turns = np.exp(1j * angles(x.shape[1], x.shape[-1]))
    pairs = (x[..., :half] + 1j * x[..., half:]) * turns
    return np.concatenate((pairs.real, pairs.imag), -1)


def _layer(model: GPT | LanguageModel, w: Weights, name: str, x: Array, allowed: Allowed) -> Part:
    """Both halves of a layer, as far as it has them, on a stream (T, C)."""
    if f"{name}.qkv.weight" not in w:  # the rung that averages
        mean = np.cumsum(x, 0) / np.arange(1, len(x) + 1)[:, None]
        return {"out": mean, "between": mean, "left": mean}
    q, k, v = np.split(linear(w, f"{name}.qkv", _normed(model, w, f"{name}.norm_1", x)), 3, 1)
    view = (lambda x: turned(rms(x))) if isinstance(model, GPT) else None
    part = attended(q, k, v, model.config.num_heads, allowed, view)
    out = side_by_side(part["heads"])
    if f"{name}.attention_out.weight" in w:
        out = linear(w, f"{name}.attention_out", out)
    kept = 1.0 if isinstance(model, GPT) or model.config.has("residual") else 0.0
    between = kept * x + out
    part |= {"out": out, "between": between, "left": between}
    if f"{name}.feed_in.weight" in w:
        raw = linear(w, f"{name}.feed_in", _normed(model, w, f"{name}.norm_2", between))
        hidden = _activated(model, raw)
        fed = linear(w, f"{name}.feed_out", hidden)
        part |= {"raw": raw, "hidden": hidden, "fed": fed, "left": kept * between + fed}
    return part


def _normed(model: GPT | LanguageModel, w: Weights, name: str, x: Array) -> Array:
    if isinstance(model, GPT):
        return rms(x)
    if f"{name}.weight" not in w:  # a rung without norms
        return x
    return layer_norm(w, name, x)


def _activated(model: GPT | LanguageModel, raw: Array) -> Array:
    if isinstance(model, GPT):
        return np.maximum(raw, 0) ** 2
    if not model.config.has("gpt"):
        return np.maximum(raw, 0)
    return gelu(raw)


def _flat(arrays: Iterable[Any]) -> Array:
    """All numbers of some arrays or tensors in one row."""
    return np.concatenate([np.asarray(array, np.float64).reshape(-1) for array in arrays])
