r"""The two ways to compute the lesson: the model with what decodes by it, and NumPy in float64 from the raw weights.

Attention is a part (see :mod:`olaria.lessons.by_numpy.transformers`): queries ``q`` (H, T, D), keys ``k`` and values
``v`` (H, S, D), ``scores`` (H, T, S) before scaling, ``weights`` (H, T, S) and ``heads`` (H, T, D).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import transformers
from olaria.lessons.inside import Look
from olaria.lessons.translation.scene import Scene, of_kind, picked

Mask = NDArray[np.bool_]


class ByTorch:
    """With the model of a scene, and the functions that sampling uses."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def parts(self, kind: str) -> list[transformers.Part]:
        """The attention of each layer, ``encoder``, ``decoder`` or ``cross``, on the sentence and what was written."""
        return [_part(look) for look in of_kind(kind, self._scene.inside)]

    def log_probs(self, target: Tensor, source: Tensor | None, hidden: Mask | None = None) -> Array:
        """See :meth:`Scene.log_probs`."""
        return self._scene.log_probs(target, source, hidden)


class ByNumPy:
    """The twin: from the raw weights, masks as a rule for each pair of positions."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._config = scene, scene.model.config
        self._weights = transformers.weights_of(scene.model)

    def parts(self, kind: str) -> list[transformers.Part]:
        return of_kind(kind, self._parts)

    def log_probs(self, target: Tensor, source: Tensor | None, hidden: Mask | None = None) -> Array:
        states = None
        if source is not None:
            states = transformers.encode(self._weights, self._config, source.numpy())[0]
        ids = target[:-1].numpy()
        return transformers.decode(self._weights, self._config, ids, states, hidden)[0]

    @cached_property
    def _parts(self) -> dict[str, transformers.Part]:
        scene = self._scene
        return transformers.translation_by_hand(scene.model, scene.source, scene.target[:-1])


Way = ByTorch | ByNumPy
"""What the steps compute with; all is float64 to them."""


def _part(look: Look) -> transformers.Part:
    every = {"q": look.q, "k": look.k, "v": look.v, "heads": look.heads}
    every |= {"scores": look.scores(), "weights": look.weights()}
    return {name: numbers(x) for name, x in every.items()}


def weights_of(way: Way, kind: str) -> Array:
    """The weights of every layer and head, (L, H, T, S)."""
    return np.stack([part["weights"] for part in way.parts(kind)])


def nats_of(way: Way, target: Tensor, source: Tensor | None, hidden: Mask | None = None) -> Array:
    """Negative log-probability of each token of a target but bos, (T,)."""
    return -picked(way.log_probs(target, source, hidden), target)
