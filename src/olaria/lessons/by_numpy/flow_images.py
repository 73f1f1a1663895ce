"""Flow matching of images once more, in NumPy and float64 from the raw weights: the U-Net, and what it predicts."""

from __future__ import annotations

import numpy as np
from torch import nn

from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy.flows import beside, times_as_waves
from olaria.lessons.by_numpy.networks import answer, leaky, sigmoid, weight
from olaria.models.image_flow import TIME_WAVES, ImageFlow
from olaria.nn.conv import UpConv
from olaria.nn.fused_images import NORM_EPSILON
from olaria.nn.unet import Block, Stage, UNet
from olaria.objectives.flow_matching import LEAST_LEFT


def image_velocity(model: ImageFlow, x: Array, t: Array, label: int | None) -> Array:
    """The velocity of noisy images (N, C, H, W) at times (N,), of one class, or of none."""
    condition = answer(model.time, times_as_waves(t, TIME_WAVES))
    if model.classes:
        row = model.classes if label is None else label
        condition = condition + numbers(model.class_rows.weight)[row]
    said = unet(model.network, x, condition * sigmoid(condition))
    t = beside(t, x)
    mean, variance = numbers(model.mean), numbers(model.variance)
    if model.config.prediction == "noise":
        return np.asarray((x - said) / np.maximum(t, LEAST_LEFT))
    if model.config.prediction == "data":
        data = _data(model, said, x, t)
        return np.asarray((data - x) / np.maximum(1 - t, LEAST_LEFT))
    # What the mean and the variance of each pixel alone say, and the network's part in units of what is left.
    size = np.maximum((1 - t) ** 2 + t**2 * variance, 1e-6)
    guess = mean + (t * variance - (1 - t)) * (x - t * mean) / size
    return np.asarray(guess + np.sqrt(variance / size) * said)


def _data(model: ImageFlow, said: Array, x: Array, t: Array) -> Array:
    """The data that three outputs of each pixel stand for: black, white, or what a normal pixel would be."""
    mean, variance, logit = (
        numbers(x) for x in (model.mean, model.variance, model.get_buffer("logit"))
    )
    size = np.maximum((1 - t) ** 2 + t**2 * variance, 1e-6)
    guess = np.clip(mean + t * variance / size * (x - t * mean), -1, 1)
    near = np.clip(t, 0.001, 0.999)
    parts = said.reshape(len(x), 3, -1, *x.shape[2:])
    black, white, same = (parts[:, k] for k in range(3))
    logits = np.stack(
        (black - logit / 2, white + logit / 2, same + 2 * np.log(near / (1 - near)) - 2)
    )
    shares = np.exp(logits - logits.max(0))
    shares = shares / shares.sum(0)
    return np.asarray(shares[1] - shares[0] + shares[2] * guess)


def unet(network: UNet, x: Array, c: Array) -> Array:
    """Images (N, C, H, W) and conditions (N, F) to images."""
    x = convolved(_packed(x, network.patch), network.stem)
    kept = list[Array]()
    for stage, shrink in zip(network.down, network.shrink, strict=True):
        kept.append(_staged(stage, x, c))
        x = convolved(kept[-1], shrink)
    x = _staged(network.middle, x, c)
    for stage, grow in zip(reversed(network.up), reversed(network.grow), strict=True):
        x = _staged(stage, kept.pop() + convolved(x.repeat(2, 2).repeat(2, 3), grow), c)
    return _unpacked(convolved(leaky(_normed(x)), network.head), network.patch)


def _staged(stage: nn.Module, x: Array, c: Array) -> Array:
    assert isinstance(stage, Stage)
    for block in stage.blocks:
        assert isinstance(block, Block)
        scale, shift = np.split(answer(block.told, c)[:, :, None, None], 2, 1)
        inner = _normed(convolved(leaky(_normed(x)), block.first))
        x = x + convolved(leaky((1 + scale) * inner + shift), block.second)
    return x


def _normed(x: Array) -> Array:
    """Each pixel's features divided by their root mean square."""
    return np.asarray(x / np.sqrt((x**2).mean(1, keepdims=True) + NORM_EPSILON))


def _packed(x: Array, side: int) -> Array:
    """Squares of pixels as channels: (N, C, H, W) to (N, C · side², H / side, W / side)."""
    count, channels, height, width = x.shape
    cells = x.reshape(count, channels, height // side, side, width // side, side)
    return cells.transpose(0, 1, 3, 5, 2, 4).reshape(count, -1, height // side, width // side)


def _unpacked(x: Array, side: int) -> Array:
    """The inverse of :func:`_packed`."""
    count, channels, height, width = x.shape
    cells = x.reshape(count, channels // side**2, side, side, height, width)
    return cells.transpose(0, 1, 4, 2, 5, 3).reshape(count, -1, height * side, width * side)


def convolved(x: Array, layer: nn.Module) -> Array:
    """A convolution as a sum over the places of its kernels: each times the image moved by it."""
    assert isinstance(layer, nn.Conv2d)
    kernels, stride = weight(layer), 1 if isinstance(layer, UpConv) else layer.stride[0]
    around = layer.padding[0]
    assert isinstance(around, int)
    rows, columns = (
        (side + 2 * around - k) // stride + 1
        for side, k in zip(x.shape[2:], kernels.shape[2:], strict=True)
    )
    padded = np.pad(x.transpose(0, 2, 3, 1), [(0, 0), (around, around), (around, around), (0, 0)])
    total = np.zeros((len(x), rows, columns, len(kernels)))
    for i in range(kernels.shape[2]):
        for j in range(kernels.shape[3]):
            moved = padded[:, i : i + stride * rows : stride, j : j + stride * columns : stride]
            total += moved @ kernels[:, :, i, j].T
    bias = 0.0 if layer.bias is None else numbers(layer.bias)
    return np.asarray(total + bias).transpose(0, 3, 1, 2)
