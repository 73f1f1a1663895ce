r"""Forward passes once more, in NumPy and float64 from a model's raw weights: what lessons check their numbers with.

Nothing of the models' own code is used, only their weights and settings, so that an error in either shows. Sequences
are single, token ids (T,), or several of one length, (..., T). In every formula :math:`\hat x` is the root-mean-square
norm of x, and attention is

.. math:: A = \mathrm{softmax}(q k^\top / \sqrt D + M), \qquad \text{out} = A v

Sources: as in :mod:`olaria.models.translation`, :mod:`olaria.models.gpt` and :mod:`olaria.models.language`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from olaria.families.gpt import GPTConfig
from olaria.families.language import LanguageConfig
from olaria.families.translation import TranslationConfig
from olaria.i18n import N_, Message
from olaria.lessons.base import Array
from olaria.models.gpt import LOGIT_CAP

Weights = Mapping[str, Array]
Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]
"""True where a query may not look."""
AGAIN = Message(N_("the same from the raw weights, written out in NumPy and float64"))
"""What a check says that compares with this module."""
EPSILON = 2.0**-23  # of the root-mean-square norm: float32's own
LAYER_NORM_EPSILON = 1e-5


def weights_of(model: nn.Module) -> dict[str, Array]:
    """Every stored tensor by name, as float64."""
    return {name: value.detach().double().numpy() for name, value in model.state_dict().items()}


def rms(x: Array) -> Array:
    r""":math:`x / \sqrt{\overline{x^2} + \varepsilon}` over the last dimension."""
    normed: Array = x / np.sqrt((x**2).mean(-1, keepdims=True) + EPSILON)
    return normed


def log_softmax(x: Array) -> Array:
    """Over the last dimension."""
    x = x - x.max(-1, keepdims=True)
    log_probs: Array = x - np.log(np.exp(x).sum(-1, keepdims=True))
    return log_probs


def later(count: int) -> Mask:
    """(T, T): the keys that lie in a query's future."""
    places = np.arange(count)
    return places > places[:, None]


def angles(count: int, size: int) -> Array:
    r""":math:`t \cdot 10000^{-2j/D}`, (T, D/2)."""
    return np.arange(count)[:, None] * 10_000.0 ** (-np.arange(0, size, 2) / size)


def attend(q: Array, k: Array, v: Array, hidden: Mask | None) -> tuple[Array, Array]:
    """What attention makes of queries (..., T, D), keys and values (..., S, D), and its weights (..., T, S)."""
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    if hidden is not None:
        scores = np.where(hidden, -np.inf, scores)
    weights = np.exp(log_softmax(scores))
    return weights @ v, weights


def in_heads(x: Array, num_heads: int) -> Array:
    """(..., T, C) to (..., H, T, D)."""
    return x.reshape(*x.shape[:-1], num_heads, -1).swapaxes(-2, -3)


def side_by_side(heads: Array) -> Array:
    """(..., H, T, D) to (..., T, C)."""
    joined = heads.swapaxes(-2, -3)
    return joined.reshape(*joined.shape[:-2], -1)


def _parts(x: Array, count: int, num_heads: int) -> list[Array]:
    """Queries, keys and values that stand side by side, each in heads."""
    return [in_heads(part, num_heads) for part in np.split(x, count, -1)]


# -- encoder–decoder -------------------------------------------------------------------------------


def encode(w: Weights, config: TranslationConfig, source: Ids) -> tuple[Array, Array]:
    """The encoder's vectors of a source, (S, C), and its self-attention, (L, H, S, S)."""
    x, found = _embedded(w, config, source), []
    for layer in range(config.num_layers):
        added, weights = _self_attention(w, config, f"encoder.{layer}", x, None)
        found.append(weights)
        x = _fed(w, f"encoder.{layer}.feed_forward.", x + added)
    return rms(x), np.stack(found)


def decode(
    w: Weights,
    config: TranslationConfig,
    target: Ids,
    states: Array | None,
    hidden: Mask | None = None,
) -> tuple[Array, Array, Array]:
    """Log-probabilities after each token of a target.

    Args:
        w: weights.
        config: settings.
        target: ids, the first being bos, (T,).
        states: the encoder's vectors, (S, C); with None nothing is read, and cross-attention adds nothing.
        hidden: the source's places that no query may look at, (S,).

    Returns:
        Log-probabilities (T, V + 1), self-attention (L, H, T, T), and cross-attention (L, H, T, S) or nothing of it.
    """
    x, looked_back, looked_across = _embedded(w, config, target), [], []
    for layer in range(config.num_layers):
        name = f"decoder.{layer}"
        added, weights = _self_attention(w, config, name, x, later(len(target)))
        x = x + added
        looked_back.append(weights)
        if states is not None:
            q = in_heads(rms(x) @ w[f"{name}.cross_attention.q.weight"].T, config.num_heads)
            seen = states @ w[f"{name}.cross_attention.kv.weight"].T
            k, v = _parts(seen, 2, config.num_heads)
            mixed, weights = attend(rms(q), rms(k), v, hidden)
            x = x + side_by_side(mixed) @ w[f"{name}.cross_attention.out.weight"].T
            looked_across.append(weights)
        x = _fed(w, f"{name}.feed_forward.", x)
    log_probs = log_softmax(rms(x) @ w["head.weight"].T)
    return log_probs, np.stack(looked_back), np.array(looked_across)


def _embedded(w: Weights, config: TranslationConfig, ids: Ids) -> Array:
    turned = angles(len(ids), config.width)
    places: Array = np.concatenate((np.sin(turned), np.cos(turned)), 1)
    return rms(w["embedding.weight"][ids]) + places


def _self_attention(
    w: Weights, config: TranslationConfig, name: str, x: Array, hidden: Mask | None
) -> tuple[Array, Array]:
    q, k, v = _parts(rms(x) @ w[f"{name}.self_attention.qkv.weight"].T, 3, config.num_heads)
    mixed, weights = attend(rms(q), rms(k), v, hidden)
    return side_by_side(mixed) @ w[f"{name}.self_attention.out.weight"].T, weights


def _fed(w: Weights, name: str, x: Array) -> Array:
    """x plus the feed-forward branch with a squared ReLU."""
    inside = np.maximum(rms(x) @ w[f"{name}feed_in.weight"].T, 0) ** 2
    return x + inside @ w[f"{name}feed_out.weight"].T


# -- language models -------------------------------------------------------------------------------


def language_logits(w: Weights, config: Any, ids: Ids) -> Array:
    """Logits of the next token, (..., T, V), of a language model of any family.

    Args:
        w: weights.
        config: settings of the family.
        ids: (..., T).
    """
    if isinstance(config, GPTConfig):
        return _gpt_logits(w, config, ids)
    if isinstance(config, LanguageConfig):
        return _ladder_logits(w, config, ids)
    return w["table.weight"][ids]


def next_token_nats(w: Weights, config: Any, ids: Ids) -> Array:
    """Negative log-probability of each token but the first, given those before it: (..., T) to (..., T - 1)."""
    log_probs = log_softmax(language_logits(w, config, ids[..., :-1]))
    return -np.take_along_axis(log_probs, ids[..., 1:, None], -1)[..., 0]


def _gpt_logits(w: Weights, config: GPTConfig, ids: Ids) -> Array:
    count, num_heads = ids.shape[-1], config.num_heads
    turned = angles(count, config.width // num_heads)
    chunks = np.arange(count) // config.chunk
    hidden = later(count) | (chunks < chunks[:, None] - 1)
    x = rms(w["embedding.weight"][ids])
    for layer in range(config.num_layers):
        name = f"blocks.{layer}."
        q, k, v = _parts(rms(x) @ w[f"{name}qkv.weight"].T, 3, num_heads)
        mixed, _ = attend(rotated(rms(q), turned), rotated(rms(k), turned), v, hidden)
        x = x + side_by_side(mixed) @ w[f"{name}attention_out.weight"].T
        x = _fed(w, name, x)
    return LOGIT_CAP * np.tanh(rms(x) @ w["head.weight"].T / LOGIT_CAP)


def rotated(x: Array, turned: Array) -> Array:
    """Feature j and feature j + D/2 as the two coordinates of a point that is turned."""
    a, b = np.split(x, 2, -1)
    cos, sin = np.cos(turned), np.sin(turned)
    return np.concatenate((a * cos - b * sin, a * sin + b * cos), -1)


def _ladder_logits(w: Weights, config: LanguageConfig, ids: Ids) -> Array:
    count = ids.shape[-1]
    x = w["embedding.weight"][ids] + w["positions.weight"][:count]
    if not config.has("head"):
        x = x.cumsum(-2) / np.arange(1, count + 1)[:, None]
    else:
        for layer in range(config.num_layers):
            x = _ladder_block(w, config, f"blocks.{layer}.", x)
    if config.has("norm"):
        x = layer_norm(w, "norm", x)
    if config.has("gpt"):
        return x @ w["embedding.weight"].T
    return linear(w, "head", x)


def _ladder_block(w: Weights, config: LanguageConfig, name: str, x: Array) -> Array:
    is_normed, is_added = config.has("norm"), config.has("residual")
    inside = layer_norm(w, f"{name}norm_1", x) if is_normed else x
    q, k, v = _parts(linear(w, f"{name}qkv", inside), 3, config.num_heads)
    mixed = side_by_side(attend(q, k, v, later(x.shape[-2]))[0])
    if config.has("multi-head"):
        mixed = linear(w, f"{name}attention_out", mixed)
    x = x + mixed if is_added else mixed
    if not config.has("feed-forward"):
        return x
    inside = linear(w, f"{name}feed_in", layer_norm(w, f"{name}norm_2", x) if is_normed else x)
    inside = gelu(inside) if config.has("gpt") else np.maximum(inside, 0)
    fed = linear(w, f"{name}feed_out", inside)
    return x + fed if is_added else fed


def linear(w: Weights, name: str, x: Array) -> Array:
    """A linear layer; without a bias where it has none."""
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", np.zeros(1))


def layer_norm(w: Weights, name: str, x: Array) -> Array:
    """A layer norm over the last dimension (Ba et al. 2016)."""
    spread = np.sqrt(x.var(-1, keepdims=True) + LAYER_NORM_EPSILON)
    normed: Array = (x - x.mean(-1, keepdims=True)) / spread
    return normed * w[f"{name}.weight"] + w[f"{name}.bias"]


def gelu(x: Array) -> Array:
    """GELU by its approximation with a hyperbolic tangent (Hendrycks & Gimpel 2016, section 2)."""
    y: Array = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return y
