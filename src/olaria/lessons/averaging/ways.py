r"""The two ways to compute the lesson of averaging: :mod:`olaria.nn.averaging`, and NumPy in float64.

.. math:: y_t = \frac{1}{t} \sum_{s \le t} x_s, \qquad
          y_t = \sum_{s \le t} w_{ts} v_s, \quad w_t = \operatorname{softmax}\left(q_t K^\top / \sqrt D\right)_{s \le t}

Shapes: sequences (T, C), the matrices of a head (C, D), weights (T, T); all is float64 to the steps.

Source: Vaswani et al. 2017, equation 1, masked as in section 3.2.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from olaria.lessons.averaging.scene import Scene
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy.transformers import attend, language_by_hand, later, read_first
from olaria.lessons.inside import open_language
from olaria.nn import averaging
from olaria.nn.attention import attention, causal_mask


@dataclass(frozen=True)
class ByTorch:
    """With the functions of the models."""

    scene: Scene

    def read(self, ids: Tensor) -> Array:
        """What the first layer reads of tokens (T,): vectors (T, C)."""
        return numbers(open_language(self.scene.model, ids).layers[0].normed)

    def loops(self, x: Array) -> Array:
        """Version 1."""
        return numbers(averaging.average_by_loops(_single(x))[0])

    def product(self, x: Array) -> Array:
        """Version 2."""
        return numbers(averaging.average_by_product(_single(x))[0])

    def softmax(self, x: Array) -> Array:
        """Version 3."""
        return numbers(averaging.average_by_softmax(_single(x))[0])

    def attend(self, x: Array, query: Array, key: Array, value: Array) -> Array:
        """Version 4, with the matrices of a head."""
        matrices = (_single(part)[0] for part in (query, key, value))
        return numbers(averaging.average_by_attention(_single(x), *matrices)[0])

    def weights(self, x: Array, query: Array, key: Array) -> Array:
        """Of version 4, (T, T)."""
        # The weighted means of the unit vectors are the weights.
        q, k, units = (_single(part)[None] for part in (x @ query, x @ key, np.eye(len(x))))
        mask = causal_mask(len(x), len(x))
        return numbers(attention(q, k, units, mask, query.shape[1] ** -0.5)[0, 0])

    def own_weights(self, ids: Tensor) -> Array:
        """Of the run's own first head, (T, T)."""
        return numbers(open_language(self.scene.model, ids).looks[0].weights()[0])

    def carried(self, x: Array, kept: float) -> Array:
        """States of a recurrence that keeps a share of itself: h_1 = x_1, h_t = kept · h_{t−1} + (1 − kept) · x_t."""
        states = [_single(x)[0, 0]]
        for vector in _single(x)[0, 1:]:
            states.append(kept * states[-1] + (1 - kept) * vector)
        return numbers(torch.stack(states))


@dataclass(frozen=True)
class ByNumPy:
    """The twin: means as running sums, attention from the raw weights, a recurrence as the sum that it stands for."""

    scene: Scene

    def read(self, ids: Tensor) -> Array:
        return read_first(self.scene.model, ids)

    def loops(self, x: Array) -> Array:
        return np.asarray(np.cumsum(x, 0) / np.arange(1, len(x) + 1)[:, None])

    product = softmax = loops

    def attend(self, x: Array, query: Array, key: Array, value: Array) -> Array:
        return attend(x @ query, x @ key, x @ value, later(len(x)))[0]

    def weights(self, x: Array, query: Array, key: Array) -> Array:
        return attend(x @ query, x @ key, x, later(len(x)))[1]

    def own_weights(self, ids: Tensor) -> Array:
        own: Array = language_by_hand(self.scene.model, ids).parts[0]["weights"][0]
        return own

    def carried(self, x: Array, kept: float) -> Array:
        t, s = np.indices((len(x), len(x)))
        powers = kept ** np.maximum(t - s, 0) * np.where(s == 0, 1, 1 - kept)
        return np.asarray(np.tril(powers) @ x)


Way = ByTorch | ByNumPy
"""What the steps compute with."""


def _single(x: Array) -> Tensor:
    return torch.from_numpy(x).float()[None]
