r"""Both players of a GAN computed once more, in NumPy and float64, from their weights as they are stored.

Written apart from :mod:`olaria.nn`, so that a lesson can hold one against the other: a convolution is the sum of
each window times the kernel, an upsampling doubles every pixel before it is convolved, and a weight under spectral
normalisation is divided by its norm here,

.. math:: W / \sigma, \qquad \sigma = u^\top W v

with the vectors u and v that were stored beside it (Miyato et al. 2018, algorithm 1). Slopes are differences of two
answers, not derivatives by a chain rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn

from olaria.lessons.base import Array
from olaria.lessons.by_numpy.networks import sigmoid
from olaria.models.gan import GAN
from olaria.models.plane import PlaneGAN

Weights = Mapping[str, Array]
STEP = 1e-9
"""Half of the way between the two answers of a difference: the networks are straight but for their kinks, and so short
a way does not meet one."""


def weights_of(module: nn.Module) -> dict[str, Array]:
    """Weights and buffers by name, float64."""
    return {name: value.numpy().astype(np.float64) for name, value in module.state_dict().items()}


def weight(weights: Weights, name: str) -> Array:
    """The weight of a layer as it is used: divided by its spectral norm where it is kept apart from it."""
    if f"{name}.weight" in weights:
        return weights[f"{name}.weight"]
    kept = f"{name}.parametrizations.weight"
    raw = weights[f"{kept}.original"]
    sigma = weights[f"{kept}.0._u"] @ raw.reshape(len(raw), -1) @ weights[f"{kept}.0._v"]
    return raw / sigma


def convolve(x: Array, kernels: Array, bias: Array, stride: int = 1) -> Array:
    """(B, C, H, W) with one row of zeros around, by kernels (O, C, h, w), to (B, O, H', W')."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(padded, kernels.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    sums = np.tensordot(kernels, windows, ((1, 2, 3), (1, 4, 5)))  # (O, B, H', W')
    moved: Array = sums.transpose(1, 0, 2, 3) + bias[:, None, None]
    return moved


def leaky(x: Array, slope: float = 0.0) -> Array:
    """x where it is positive, else ``slope`` times x."""
    return np.where(x > 0, x, slope * x)


def dense(x: Array, weights: Weights, name: str, slope: float) -> Array:
    """A chain of linear layers with a kink between, none after the last; (B, D) to (B, D')."""
    layers = _numbered(weights, rf"{re.escape(name)}\.(\d+)\.bias")
    for layer in layers:
        x = x @ weight(weights, f"{name}.{layer}").T + weights[f"{name}.{layer}.bias"]
        x = x if layer == layers[-1] else leaky(x, slope)
    return x


def points(model: PlaneGAN, z: Array) -> Array:
    """Noise (N, latent) to points (N, 2)."""
    weights = weights_of(model)
    made = dense(z, weights, "generator.network", 0.0)
    return weights["generator.centre"] + weights["generator.spread"] * made


def point_logits(model: PlaneGAN, x: Array) -> Array:
    """Points (N, 2) to the discriminator's logits (N,)."""
    weights = weights_of(model)
    scaled = (x - weights["generator.centre"]) / weights["generator.spread"]
    return dense(scaled, weights, "discriminator", model.config.slope)[:, 0]


def images(model: GAN, z: Array, y: Array | None = None) -> Array:
    """Noise (N, latent), and classes (N,) where the model is told them, to images (N, C, H, W) in [0, 1]."""
    weights = weights_of(model.generator.decoder)
    told = z if y is None else np.concatenate((z, np.eye(model.classes)[y]), 1)
    x = told @ weights["stem.weight"].T + weights["stem.bias"]
    x = leaky(_normalised(x.reshape(len(x), *model.generator.decoder.grid)))
    for number in _numbered(weights, r"residuals\.(\d+)\.bias"):
        x = x + leaky(_normalised(_convolved(x, weights, f"residuals.{number}")))
    for number in _numbered(weights, r"blocks\.(\d+)\.bias"):
        doubled = x.repeat(2, 2).repeat(2, 3)
        x = leaky(_normalised(_convolved(doubled, weights, f"blocks.{number}")))
    return sigmoid(_convolved(x, weights, "head"))


def features(model: GAN, x: Array) -> Array:
    """Images in [0, 1], (N, C, H, W), to what the discriminator's last layer reads, (N, F)."""
    weights = weights_of(model.discriminator.features)
    slope = model.config.slope
    x = 2 * x - 1
    layers = _numbered(weights, r"(\d+)\..*bias")
    for layer in layers:
        if f"{layer}.convolution.bias" in weights:
            x = x + leaky(_convolved(x, weights, f"{layer}.convolution"), slope)
        else:
            stride = 1 if layer == layers[-1] else 2
            x = leaky(_convolved(x, weights, str(layer), stride), slope)
    return x.reshape(len(x), -1)


def logits(model: GAN, x: Array, y: Array | None = None) -> Array:
    """Images in [0, 1], and classes where the discriminator is told them, to its logits (N,)."""
    weights = weights_of(model)
    seen = features(model, x)
    answers: Array = (
        seen @ weight(weights, "discriminator.head")[0] + weights["discriminator.head.bias"]
    )
    if y is not None and model.classes and model.config.conditioning == "projection":
        answers = answers + (weight(weights, "class_rows")[y] * seen).sum(1)
    return answers


def class_nats(model: GAN, x: Array, y: Array) -> Array:
    r""":math:`-\log p(y \mid x)` of an auxiliary classifier, (N,)."""
    weights = weights_of(model)
    scores = features(model, x) @ weight(weights, "class_rows").T + weights["class_rows.bias"]
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


def _convolved(x: Array, weights: Weights, name: str, stride: int = 1) -> Array:
    return convolve(x, weight(weights, name), weights[f"{name}.bias"], stride)


def _normalised(x: Array) -> Array:
    """Each pixel's features divided by their root mean square (Karras et al. 2018, section 4.2)."""
    normalised: Array = x / np.sqrt((x**2).mean(1, keepdims=True) + 1e-6)
    return normalised


def _numbered(weights: Weights, pattern: str) -> list[int]:
    """The numbers of the layers whose names match, ascending."""
    found = (re.fullmatch(pattern, name) for name in weights)
    return sorted({int(match[1]) for match in found if match})
