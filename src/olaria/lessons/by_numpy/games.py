r"""Both networks of a GAN computed once more, in NumPy and float64 from the raw weights, and the losses between them.

The layers are those of :mod:`olaria.lessons.by_numpy.networks`. Slopes are differences of two losses, not derivatives
by a chain rule.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from olaria.families.gan import AdversarialLoss
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy.networks import answer, sigmoid, weight
from olaria.models.game import Game
from olaria.models.gan import GAN
from olaria.models.plane import PlaneGAN

Labels = NDArray[np.int64] | None

STEP = 1e-9
"""Half of the way between the two losses of a difference: the networks are straight but for their kinks, and so short
a way does not meet one."""


def generated(model: Game, z: Array, y: Labels = None) -> Array:
    """Noise (N, latent), and classes (N,) where there are some, to points (N, 2), or images (N, C, H, W) in [0, 1]."""
    if isinstance(model, PlaneGAN):
        generator = model.generator
        return numbers(generator.centre) + numbers(generator.spread) * answer(generator.network, z)
    assert isinstance(model, GAN)
    inputs = z if y is None else np.concatenate((z, np.eye(model.classes)[y]), 1)
    return sigmoid(answer(model.generator.decoder, inputs))


def features(model: GAN, x: Array) -> Array:
    """Images in [0, 1], (N, C, H, W), to what the discriminator's last layer reads, (N, F)."""
    return answer(model.discriminator.features, 2 * x - 1).reshape(len(x), -1)


def logits(model: Game, x: Array, y: Labels = None) -> Array:
    """Points or images, and classes where the discriminator reads them, to its logits (N,)."""
    if isinstance(model, PlaneGAN):
        scaled = (x - numbers(model.generator.centre)) / numbers(model.generator.spread)
        return answer(model.discriminator, scaled)[:, 0]
    assert isinstance(model, GAN)
    read = features(model, x)
    found = answer(model.discriminator.head, read)[:, 0]
    if y is not None and model.classes and model.config.conditioning == "projection":
        found = found + (weight(model.class_rows)[y] * read).sum(1)
    return found


def class_nats(model: GAN, x: Array, y: NDArray[np.int64]) -> Array:
    r""":math:`-\log p(y \mid x)` of an auxiliary classifier, (N,)."""
    scores = answer(model.class_rows, features(model, x))
    largest = scores.max(1)
    total = np.log(np.exp(scores - largest[:, None]).sum(1)) + largest
    nats: Array = total - scores[np.arange(len(y)), y]
    return nats


def terms(l: Array, loss: AdversarialLoss) -> tuple[Array, Array, Array]:
    """The discriminator's loss on a real example, on a generated one, and the generator's, of each output l."""
    if loss in ("minimax", "non-saturating"):
        real, fake = np.logaddexp(0, -l), np.logaddexp(0, l)  # -log D and -log(1 - D)
        return real, fake, -fake if loss == "minimax" else real
    if loss == "least-squares":
        return (l - 1) ** 2 / 2, l**2 / 2, (l - 1) ** 2 / 2
    if loss == "hinge":
        return np.maximum(0, 1 - l), np.maximum(0, 1 + l), -l
    return -l, l, -l


def lowest(f: Callable[[float], float], low: float = -8.0, high: float = 8.0) -> float:
    """Where a convex function is lowest: the sign of its slope halves the way to it."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if f(middle + 1e-6) > f(middle - 1e-6) else (middle, high)
    return (low + high) / 2


def slopes(f: Callable[[Array], Array], x: Array, directions: Array) -> Array:
    r"""How fast f grows along each direction, :math:`(f(x + h d) - f(x - h d)) / 2h`.

    Args:
        f: of rows like x, (K, ...) to (K,).
        x: one place, (...), or one for each direction, (K, ...).
        directions: (K, ...).

    Returns:
        (K,).

    >>> slopes(lambda x: x[:, 0] * 3, np.zeros(2), np.eye(2)).round(6).tolist()
    [3.0, 0.0]
    """
    slope: Array = (f(x + STEP * directions) - f(x - STEP * directions)) / (2 * STEP)
    return slope
