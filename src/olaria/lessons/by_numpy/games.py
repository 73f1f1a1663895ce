r"""Both players of a GAN computed once more, in NumPy and float64 from the raw weights.

The layers are those of :mod:`olaria.lessons.by_numpy.networks`. Slopes are differences of two answers, not derivatives
by a chain rule.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy.networks import answer, sigmoid, weight
from olaria.models.gan import GAN
from olaria.models.plane import PlaneGAN

STEP = 1e-9
"""Half of the way between the two answers of a difference: the networks are straight but for their kinks, and so short
a way does not meet one."""


def points(model: PlaneGAN, z: Array) -> Array:
    """Noise (N, latent) to points (N, 2)."""
    generator = model.generator
    return numbers(generator.centre) + numbers(generator.spread) * answer(generator.network, z)


def point_logits(model: PlaneGAN, x: Array) -> Array:
    """Points (N, 2) to the discriminator's logits (N,)."""
    scaled = (x - numbers(model.generator.centre)) / numbers(model.generator.spread)
    return answer(model.discriminator, scaled)[:, 0]


def images(model: GAN, z: Array, y: Array | None = None) -> Array:
    """Noise (N, latent), and classes (N,) where there are some, to images (N, C, H, W) in [0, 1]."""
    inputs = z if y is None else np.concatenate((z, np.eye(model.classes)[y]), 1)
    return sigmoid(answer(model.generator.decoder, inputs))


def features(model: GAN, x: Array) -> Array:
    """Images in [0, 1], (N, C, H, W), to what the discriminator's last layer reads, (N, F)."""
    return answer(model.discriminator.features, 2 * x - 1).reshape(len(x), -1)


def logits(model: GAN, x: Array, y: Array | None = None) -> Array:
    """Images in [0, 1], and classes where the discriminator reads them, to its logits (N,)."""
    read = features(model, x)
    found = answer(model.discriminator.head, read)[:, 0]
    if y is not None and model.classes and model.config.conditioning == "projection":
        found = found + (weight(model.class_rows)[y] * read).sum(1)
    return found


def class_nats(model: GAN, x: Array, y: Array) -> Array:
    r""":math:`-\log p(y \mid x)` of an auxiliary classifier, (N,)."""
    scores = answer(model.class_rows, features(model, x))
    largest = scores.max(1)
    total = np.log(np.exp(scores - largest[:, None]).sum(1)) + largest
    nats: Array = total - scores[np.arange(len(y)), y]
    return nats


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
