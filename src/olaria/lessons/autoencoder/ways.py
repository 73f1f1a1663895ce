r"""The two ways to compute the autoencoder's lesson: the model with what Olaria measures it by, and NumPy in float64.

.. math:: z = f(x), \qquad \hat x = g(z), \qquad e = \frac1P \sum_i (\hat x_i - x_i)^2

Images (N, C, H, W) in [0, 1], codes (N, latent) without a unit, errors (N,) in squared units of the pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation import anomaly
from olaria.evaluation.neighbours import nearest
from olaria.evaluation.projection import PrincipalComponents
from olaria.evaluation.reconstruction import knn_accuracy
from olaria.lessons.autoencoder.scene import Scene
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import networks
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent


class ByTorch:
    """With the model, and the functions that the evaluation uses; all is float64 to the steps.

    Args:
        scene: whose model.
    """

    def __init__(self, scene: Scene) -> None:
        self._model, self._components = scene.model, scene.components

    def code(self, x: Array) -> Array:
        """f: images to codes."""
        return numbers(latent.encode(self._model, _single(x)))

    def image(self, z: Array, *, cut: bool = True) -> Array:
        """g: codes to images, cut to [0, 1] or as they are."""
        made = latent.decode(self._model, _single(z)) if cut else self._model.decode(_single(z))
        return numbers(made)

    def error(self, y: Array, x: Array) -> Array:
        """The mean squared error of each image."""
        return numbers(squared_error(_single(y), _single(x)))

    def projected(self, x: Array, size: int) -> Array:
        """Images through ``size`` principal components of the training images and back."""
        found = self._components
        some = PrincipalComponents(found.mean, found.axes[:size], found.shares[:size])
        return numbers(some.decode(some.encode(_single(x)))).reshape(x.shape)

    def plane(self, z: Array) -> tuple[Array, float]:
        """Codes to their own two principal components, (N, 2), and the share of the variance that those hold."""
        found = PrincipalComponents.fitted(_single(z), 2)
        return numbers(found.encode(_single(z))), float(found.shares.sum())

    def accuracy(self, voters: Array, voters_y: Tensor, z: Array, y: Tensor, k: int) -> float:
        """The share of codes whose class the majority of the k nearest voters has."""
        return knn_accuracy(torch.from_numpy(voters), voters_y, torch.from_numpy(z), y, k)

    def nearest(self, z: Array, points: Array) -> Array:
        """The distance of each code from the nearest of some points, (N,)."""
        return numbers(nearest(torch.from_numpy(z), torch.from_numpy(points), 1)[0][:, 0])

    def threshold(self, scores: Array, rate: float) -> float:
        """The score that a share ``rate`` of normal images may lie above."""
        return anomaly.threshold(torch.from_numpy(scores), rate)

    def spread(self, z: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of each dimension of codes."""
        codes = torch.from_numpy(z)
        return numbers(codes.mean(0)), numbers(codes.std(0, correction=0))


class ByNumPy:
    """The twin: from the raw weights, by what each thing means.

    Args:
        scene: whose weights.
    """

    def __init__(self, scene: Scene) -> None:
        self._model = scene.model
        self._mean, self._axes = numbers(scene.components.mean), numbers(scene.components.axes)

    def code(self, x: Array) -> Array:
        return networks.code(self._model, x)

    def image(self, z: Array, *, cut: bool = True) -> Array:
        made = networks.image(self._model, z)
        return made.clip(0, 1) if cut else made

    def error(self, y: Array, x: Array) -> Array:
        return np.asarray(((y - x) ** 2).mean((1, 2, 3)))

    def projected(self, x: Array, size: int) -> Array:
        axes = self._axes[:size]
        flat = self._mean + (x.reshape(len(x), -1) - self._mean) @ axes.T @ axes
        return flat.reshape(x.shape)

    def plane(self, z: Array) -> tuple[Array, float]:
        centred = z - z.mean(0)
        _, scales, rows = np.linalg.svd(centred, full_matrices=False)
        axes = rows[:2]
        signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])
        shares = scales**2 / max(1e-300, (scales**2).sum())
        return centred @ (axes * signs[:, None]).T, float(shares[:2].sum())

    def accuracy(self, voters: Array, voters_y: Tensor, z: Array, y: Tensor, k: int) -> float:
        distances = (z**2).sum(1)[:, None] - 2 * z @ voters.T + (voters**2).sum(1)
        nearest_k = np.argpartition(distances, k - 1, 1)[:, :k]
        commonest = [np.bincount(votes).argmax() for votes in voters_y.numpy()[nearest_k]]
        return float((np.array(commonest) == y.numpy()).mean())

    def nearest(self, z: Array, points: Array) -> Array:
        return np.array([np.sqrt(((points - one) ** 2).sum(1).min()) for one in z])

    def threshold(self, scores: Array, rate: float) -> float:
        may = int(np.floor(rate * (len(scores) + 1) + 1e-9))
        return float(np.sort(scores)[len(scores) - may])

    def spread(self, z: Array) -> tuple[Array, Array]:
        moments = (z**2).mean(0) - z.mean(0) ** 2
        return z.mean(0), np.sqrt(np.maximum(moments, 0))


Way = ByTorch | ByNumPy
"""What the steps compute with."""


def _single(x: Array) -> Tensor:
    return torch.from_numpy(x).float()
