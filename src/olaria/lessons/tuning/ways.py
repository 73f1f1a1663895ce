r"""The two ways to compute the lesson on fine-tuning: the models with Olaria's own functions, and NumPy in float64.

.. math:: W' = W + \Delta W, \qquad \Delta W = \frac{\alpha}{r} B A \quad\text{with adapters}

``which`` is 0 before tuning and 1 after. Losses are in nats.
"""

from __future__ import annotations

import numpy as np
import torch

from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import transformers as hand
from olaria.lessons.tuning.base import Excerpt, token_nats
from olaria.lessons.tuning.scene import Ids, Scene


class ByTorch:
    """With the models of a scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._models = scene, scene.models

    @torch.no_grad()
    def probabilities(self, which: int, ids: Ids) -> Array:
        """Of the token after each: (T,) to (T, V)."""
        return numbers(self._models[which](torch.from_numpy(ids)[None])[0].double().softmax(-1))

    @torch.no_grad()
    def nats(self, which: int, text: Excerpt) -> Array:
        """Minus the logarithm of the probability of each token but the first, (N,)."""
        rows = [token_nats(self._models[which], rows).flatten() for rows in text]
        return numbers(torch.cat(rows))

    def change(self, name: str) -> Array:
        """By how much a matrix changed, (n, m)."""
        return numbers(self._scene.changes[name][1])

    def weight(self, name: str) -> Array:
        """The matrix before, (n, m)."""
        return numbers(self._scene.changes[name][0])

    def singular_values(self, change: Array) -> Array:
        """Descending."""
        return numbers(torch.linalg.svdvals(torch.from_numpy(change)))

    def parts(self, change: Array, row: int, column: int) -> Array:
        """What each singular direction adds to one number of the change, the strongest first."""
        u, s, v = torch.linalg.svd(torch.from_numpy(change), full_matrices=False)
        return numbers(u[row] * s * v[:, column])


class ByNumPy:
    """The twin: from the numbers in the checkpoints."""

    def __init__(self, scene: Scene) -> None:
        self._tuned = scene.tuned
        self._weights = [hand.weights_of(model) for model in scene.models]
        self._config = scene.tuned.model.config

    def probabilities(self, which: int, ids: Ids) -> Array:
        logits = hand.language_logits(self._weights[which], self._config, ids)
        return np.asarray(np.exp(hand.log_softmax(logits)))

    def nats(self, which: int, text: Excerpt) -> Array:
        w, config = self._weights[which], self._config
        rows = [hand.next_token_nats(w, config, rows.numpy()) for rows in text]
        return np.concatenate([each.reshape(-1) for each in rows])

    def change(self, name: str) -> Array:
        """The adapter's product, or the difference to what the checkpoint holds."""
        if name in self._tuned.adapters:
            a, b = map(numbers, self._tuned.adapters[name])
            product: Array = np.einsum("nr,rm->nm", b, a)
            return self._tuned.tuning.alpha / len(a) * product
        return numbers(self._tuned.stored[name]) - self.weight(name)

    def weight(self, name: str) -> Array:
        return self._weights[0][name]

    def singular_values(self, change: Array) -> Array:
        """The roots of the eigenvalues of the change times itself."""
        is_tall = change.shape[0] > change.shape[1]
        gram = change.T @ change if is_tall else change @ change.T
        return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0)))

    def parts(self, change: Array, row: int, column: int) -> Array:
        """The change projected onto each of its own right directions."""
        _, v = np.linalg.eigh(change.T @ change)
        parts: Array = (change[row] @ v * v[column])[::-1]
        return parts[: min(change.shape)]


Way = ByTorch | ByNumPy
"""What the steps compute with; all is float64 to them."""
