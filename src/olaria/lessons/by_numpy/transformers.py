r"""Language models and encoder–decoders once more, in NumPy and float64 from the raw weights: for lessons' checks.

Nothing of the models' own code is used, only their weights and settings, so that an error in either shows: masks are a
rule for each pair of positions, rotations are products of complex numbers. In every formula :math:`\hat x` is the
root-mean-square norm of x, and attention is

.. math:: A = \mathrm{softmax}(q k^\top / \sqrt D + M), \qquad \text{out} = A v

Shapes: T query positions, S key positions, H heads of D features, C = H · D, F hidden units, V tokens to choose
from; of a language model there may be further dimensions before. A *part* is what one attention computes: ``q``
(H, T, D), ``k`` and ``v`` (H, S, D) as they are compared and summed, ``allowed`` (T, S), ``scores`` (H, T, S) before
scaling, ``weights`` (H, T, S), ``heads`` (H, T, D) and ``out`` (T, C). That of a layer of a language model has also
``between`` and ``left`` (T, C), the stream after its first half and after it, and where there is a feed-forward half
``raw`` and ``hidden`` (T, F), before and after the activation, and ``fed`` (T, C).

Sources: as in :mod:`olaria.models.translation`, :mod:`olaria.models.gpt` and :mod:`olaria.models.language`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from olaria.families.gpt import GPTConfig
from olaria.families.language import BigramConfig, LanguageConfig
from olaria.families.translation import TranslationConfig
from olaria.lessons.base import Array, numbers
from olaria.models.gpt import GPT, LOGIT_CAP
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation

Weights = Mapping[str, Array]
Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]
"""True where a query may not look."""
Part = dict[str, Array]
LayeredConfig = GPTConfig | LanguageConfig
EPSILON = 2.0**-23  # of the root-mean-square norm: float32's own
LAYER_NORM_EPSILON = 1e-5


def weights_of(model: nn.Module) -> dict[str, Array]:
    """Every stored tensor by name, as float64."""
    return {name: numbers(value) for name, value in model.state_dict().items()}


def rms(x: Array) -> Array:
    r""":math:`x / \sqrt{\overline{x^2} + \varepsilon}` over the last dimension."""
    return np.asarray(x / np.sqrt((x**2).mean(-1, keepdims=True) + EPSILON))


def layer_norm(w: Weights, name: str, x: Array) -> Array:
    """A layer norm over the last dimension (Ba et al. 2016)."""
    apart = x - x.mean(-1, keepdims=True)
    scaled = apart / np.sqrt((apart**2).mean(-1, keepdims=True) + LAYER_NORM_EPSILON)
    return np.asarray(scaled * w[f"{name}.weight"] + w[f"{name}.bias"])


def linear(w: Weights, name: str, x: Array) -> Array:
    """A linear layer; without a bias where it has none."""
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", np.zeros(1))


def squared_relu(x: Array) -> Array:
    """The square of what is positive."""
    return np.asarray(np.maximum(x, 0) ** 2)


def gelu(x: Array) -> Array:
    """GELU by its approximation with a hyperbolic tangent (Hendrycks & Gimpel 2016, section 2)."""
    return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))


def log_softmax(x: Array) -> Array:
    """Over the last dimension."""
    x = x - x.max(-1, keepdims=True)
    return np.asarray(x - np.log(np.exp(x).sum(-1, keepdims=True)))


def angles(count: int, size: int) -> Array:
    r""":math:`t \cdot 10000^{-2j/D}`, (T, D/2)."""
    return np.arange(count)[:, None] * 10_000.0 ** (-np.arange(0, size, 2) / size)


def turned(x: Array) -> Array:
    """Rotary positions (..., T, D): features j and j + D/2 are a complex number, turned by the position's angle."""
    half = x.shape[-1] // 2
    turns = np.exp(1j * angles(*x.shape[-2:]))
    pairs = (x[..., :half] + 1j * x[..., half:]) * turns
    return np.concatenate((pairs.real, pairs.imag), -1)


def later(count: int, chunk: int | None = None) -> Mask:
    """(T, T): the keys in a query's future, and where there are chunks those before its own chunk's neighbour.

    >>> (~later(3, chunk=1)).astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    """
    key = np.arange(count)
    query = key[:, None]
    hidden: Mask = key > query
    return hidden if chunk is None else hidden | (query // chunk - key // chunk > 1)


def attend(q: Array, k: Array, v: Array, hidden: Mask | None) -> tuple[Array, Array]:
    """What attention makes of queries (..., T, D), keys and values (..., S, D), and its weights (..., T, S)."""
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    if hidden is not None:
        scores = np.where(hidden, -np.inf, scores)
    weights = np.exp(log_softmax(scores))
    return weights @ v, weights


def attended(
    qkv: Iterable[Array], num_heads: int, hidden: Mask | None, view: Callable[[Array], Array]
) -> tuple[Part, Array]:
    """Queries (..., T, C), keys and values (..., S, C) to a part without ``out``, and its heads side by side.

    ``hidden`` says who may not look at whom, (T, S) or (S,), and ``view`` how queries and keys are compared.
    """
    q, k, v = (x.reshape(*x.shape[:-1], num_heads, -1).swapaxes(-2, -3) for x in qkv)
    q, k = view(q), view(k)
    heads, weights = attend(q, k, v, hidden)
    scores = q @ k.swapaxes(-1, -2)
    allowed = np.ones(scores.shape[-2:]) * (1.0 if hidden is None else 1.0 - hidden)
    part = {"q": q, "k": k, "v": v, "scores": scores, "weights": weights, "heads": heads}
    joined = heads.swapaxes(-2, -3)
    return {**part, "allowed": allowed}, joined.reshape(*joined.shape[:-2], -1)


@dataclass(frozen=True)
class Hand:
    """A language model on a sentence: the stream before the first layer, (T, C), each layer, and logits (T, V)."""

    embedded: Array
    parts: tuple[Part, ...]
    logits: Array

    @property
    def streams(self) -> list[Array]:
        """The stream before the first layer and after each."""
        return [self.embedded, *(part["left"] for part in self.parts)]


def language_by_hand(model: GPT | LanguageModel, ids: Tensor) -> Hand:
    """Read the tokens ``ids`` (T,), and keep all that is made on the way."""
    w, config = weights_of(model), model.config
    embedded = _embedded(w, config, ids.numpy())
    parts = tuple(_layers(w, config, embedded))
    return Hand(embedded, parts, _left(w, config, parts[-1]["left"]))


def read_first(model: GPT | LanguageModel, ids: Tensor) -> Array:
    """What the first layer reads of the tokens ``ids`` (T,): the stream through its norm, (T, C)."""
    w, config = weights_of(model), model.config
    return _normed(w, config, "blocks.0.norm_1", _embedded(w, config, ids.numpy()))


def leave_by_hand(model: GPT | LanguageModel, x: Array) -> Array:
    """Logits (T, V) that the last norm and the head make of any stream (T, C)."""
    return _left(weights_of(model), model.config, x)


def language_logits(w: Weights, config: Any, ids: Ids) -> Array:
    """Logits of the next token, (..., T, V), after ids (..., T), of a language model of any family's settings."""
    if isinstance(config, BigramConfig):
        return w["table.weight"][ids]
    x = _embedded(w, config, ids)
    for part in _layers(w, config, x):  # one after the other: of many texts all parts would not fit
        x = part["left"]
    return _left(w, config, x)


def next_token_nats(w: Weights, config: Any, ids: Ids) -> Array:
    """Negative log-probability of each token but the first, given those before it: (..., T) to (..., T - 1)."""
    return _nats(log_softmax(language_logits(w, config, ids[..., :-1])), ids)


def without_head(w: Weights, name: str, head: int, num_heads: int) -> Weights:
    """Weights of the same model without what one head (from 0) of the attention ``name`` passes on: no values."""
    changed = dict(w)
    layer = f"{name}.kv" if f"{name}.kv.weight" in w else f"{name}.qkv"
    for part in {f"{layer}.weight", f"{layer}.bias"} & w.keys():
        changed[part] = w[part].copy()
        values = np.array_split(changed[part], len(w[part]) // w[f"{layer}.weight"].shape[1])[-1]
        np.array_split(values, num_heads)[head][:] = 0  # views: of the copy itself
    return changed


def _nats(log_probs: Array, ids: Ids) -> Array:
    """Of each token but the first."""
    return -np.take_along_axis(log_probs, ids[..., 1:, None], -1)[..., 0]


def _embedded(w: Weights, config: LayeredConfig, ids: Ids) -> Array:
    x: Array = w["embedding.weight"][ids]
    return rms(x) if isinstance(config, GPTConfig) else x + w["positions.weight"][: ids.shape[-1]]


def _layers(w: Weights, config: LayeredConfig, x: Array) -> Iterator[Part]:
    """Both halves of each layer, as far as it has them, on a stream (..., T, C)."""
    if isinstance(config, LanguageConfig) and not config.has("head"):  # the rung that averages
        mean = np.cumsum(x, -2) / np.arange(1, x.shape[-2] + 1)[:, None]
        yield {"out": mean, "between": mean, "left": mean}
        return
    hidden = later(x.shape[-2], config.reach if isinstance(config, GPTConfig) else None)
    for layer in range(config.num_layers):
        part = _layer(w, config, f"blocks.{layer}", x, hidden)
        yield part
        x = part["left"]


def _layer(w: Weights, config: LayeredConfig, name: str, x: Array, hidden: Mask) -> Part:
    is_gpt = isinstance(config, GPTConfig)
    qkv = np.split(linear(w, f"{name}.qkv", _normed(w, config, f"{name}.norm_1", x)), 3, -1)
    view = (lambda x: turned(rms(x))) if is_gpt else (lambda x: x)
    part, out = attended(qkv, config.num_heads, hidden, view)
    if f"{name}.attention_out.weight" in w:
        out = linear(w, f"{name}.attention_out", out)
    kept = 1.0 if isinstance(config, GPTConfig) or config.has("residual") else 0.0
    between = kept * x + out
    part |= {"out": out, "between": between, "left": between}
    if f"{name}.feed_in.weight" in w:
        raw = linear(w, f"{name}.feed_in", _normed(w, config, f"{name}.norm_2", between))
        active = _activated(config, raw)
        fed = linear(w, f"{name}.feed_out", active)
        part |= {"raw": raw, "hidden": active, "fed": fed, "left": kept * between + fed}
    return part


def _left(w: Weights, config: LayeredConfig, x: Array) -> Array:
    x = _normed(w, config, "norm", x)
    logits = linear(w, "head", x) if "head.weight" in w else x @ w["embedding.weight"].T
    return LOGIT_CAP * np.tanh(logits / LOGIT_CAP) if isinstance(config, GPTConfig) else logits


def _normed(w: Weights, config: LayeredConfig, name: str, x: Array) -> Array:
    if isinstance(config, GPTConfig):
        return rms(x)
    return layer_norm(w, name, x) if f"{name}.weight" in w else x  # a rung without norms


def _activated(config: LayeredConfig, x: Array) -> Array:
    if isinstance(config, GPTConfig):
        return squared_relu(x)
    return gelu(x) if config.has("gpt") else np.maximum(x, 0)


def translation_by_hand(model: Translation, source: Tensor, target: Tensor) -> dict[str, Part]:
    """Every attention by its name, for a source (S,) and a target (T,) without padding."""
    w, config = weights_of(model), model.config
    states, parts = encode(w, config, source.numpy())
    return parts | decode(w, config, target.numpy(), states)[1]


def target_nats(w: Weights, config: TranslationConfig, source: Ids, target: Ids) -> Array:
    """Negative log-probability of each token of a target but the first, given the source: (T,) to (T - 1,)."""
    states, _ = encode(w, config, source)
    return _nats(decode(w, config, target[:-1], states)[0], target)


def encode(w: Weights, config: TranslationConfig, source: Ids) -> tuple[Array, dict[str, Part]]:
    """The encoder's vectors of a source, (S, C), and its attentions by name."""
    x, parts = _placed(w, config, source), dict[str, Part]()
    for layer in range(config.num_layers):
        name = f"encoder.{layer}.self_attention"
        parts[name] = _attention(w, config, name, x)
        x = _fed(w, f"encoder.{layer}.feed_forward", x + parts[name]["out"])
    return rms(x), parts


def decode(
    w: Weights,
    config: TranslationConfig,
    target: Ids,
    states: Array | None,
    hidden: Mask | None = None,
) -> tuple[Array, dict[str, Part]]:
    """Log-probabilities after each token of a target, (T, V + 1), and the decoder's attentions by name.

    Args:
        w: weights.
        config: settings.
        target: ids, the first being bos, (T,).
        states: the encoder's vectors, (S, C); with None nothing is read, and cross-attention adds nothing.
        hidden: the source's places that no query may look at, (S,).
    """
    x, parts = _placed(w, config, target), dict[str, Part]()
    for layer in range(config.num_layers):
        name = f"decoder.{layer}.self_attention"
        parts[name] = _attention(w, config, name, x, hidden=later(len(target)))
        x = x + parts[name]["out"]
        if states is not None:
            name = f"decoder.{layer}.cross_attention"
            parts[name] = _attention(w, config, name, x, states, hidden)
            x = x + parts[name]["out"]
        x = _fed(w, f"decoder.{layer}.feed_forward", x)
    return log_softmax(linear(w, "head", rms(x))), parts


def _placed(w: Weights, config: TranslationConfig, ids: Ids) -> Array:
    turns = angles(len(ids), config.width)
    waves: Array = np.concatenate((np.sin(turns), np.cos(turns)), 1)
    return rms(w["embedding.weight"][ids]) + waves


def _attention(
    w: Weights,
    config: TranslationConfig,
    name: str,
    x: Array,
    states: Array | None = None,
    hidden: Mask | None = None,
) -> Part:
    """Of a stream (T, C) on itself, or on the encoder's vectors (S, C)."""
    if states is None:
        qkv = np.split(linear(w, f"{name}.qkv", rms(x)), 3, -1)
    else:
        qkv = [linear(w, f"{name}.q", rms(x)), *np.split(linear(w, f"{name}.kv", states), 2, -1)]
    part, heads = attended(qkv, config.num_heads, hidden, rms)
    return {**part, "out": linear(w, f"{name}.out", heads)}


def _fed(w: Weights, name: str, x: Array) -> Array:
    """x plus the feed-forward branch."""
    inside = squared_relu(linear(w, f"{name}.feed_in", rms(x)))
    return x + linear(w, f"{name}.feed_out", inside)
