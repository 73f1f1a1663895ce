"""Flow matching of images once more, in NumPy and float64 from the raw weights: the U-Net, and what it predicts."""

from __future__ import annotations

import numpy as np
from torch import nn

from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy.flows import beside, times_as_waves
from olaria.lessons.by_numpy.networks import answer, leaky, sigmoid, weight
from olaria.models.image_flow import MOST_SURE, ImageFlow
from olaria.models.modes import FittedModes
from olaria.nn.conv import UpConv
from olaria.nn.fused_images import NORM_EPSILON
from olaria.nn.unet import AllPlaces, Block, Stage, UNet
from olaria.nn.waves import TIME_WAVES
from olaria.objectives.flow_matching import LEAST_LEFT


def image_velocity(model: ImageFlow, x: Array, t: Array, label: int | None) -> Array:
    """The velocity of noisy images (N, C, H, W) at times (N,), of one class, or of none."""
    condition = answer(model.time, times_as_waves(t, TIME_WAVES))
    if model.classes:
        row = model.classes if label is None else label
        condition = condition + numbers(model.class_rows.weight)[row]
    mean, variance = numbers(model.mean), numbers(model.variance)
    time = beside(t, x)
    # What clusters of the training images say, or the mean and the variance of each pixel alone.
    size = np.maximum((1 - time) ** 2 + time**2 * variance, 1e-6)
    guess = mean + (time * variance - (1 - time)) * (x - time * mean) / size
    if model.config.modes:
        told = label if model.classes else None
        guess = clustered(model.modes, x.reshape(len(x), -1), t, told).reshape(x.shape)
    data = np.clip(x + (1 - time) * guess, -1, 1)
    seen = np.concatenate((x, data), 1) if model.config.modes else x
    said = unet(model.network, seen, condition * sigmoid(condition))
    if model.config.prediction == "noise":
        return np.asarray((x - said) / np.maximum(time, LEAST_LEFT))
    if model.config.prediction == "data":
        data = _mixed(model, said, data, time)
        return np.asarray((data - x) / np.maximum(1 - time, LEAST_LEFT))
    # The network's part in units of what the guess of each pixel leaves.
    return np.asarray(guess + np.sqrt(variance / size) * said)


def clustered(modes: FittedModes, x: Array, t: Array, label: int | None = None) -> Array:
    """The mean velocity of flat places (N, D) at times (N,), cluster by cluster: that of each by how probable it is in
    a class, or in all examples."""
    t = beside(t, x)
    axes, centres, inside = numbers(modes.axes), numbers(modes.centres), numbers(modes.inside)
    away = x - t * numbers(modes.mean)
    along = away @ axes
    size = (1 - t) ** 2 + t**2 * inside
    scores = np.stack([-0.5 * ((along - t * c) ** 2 / size).sum(1) for c in centres], 1)
    scores = scores + numbers(modes.weights)[-1 if label is None else label]
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares = shares / shares.sum(1, keepdims=True)
    inner = np.zeros_like(along)
    for share, centre in zip(shares.T, centres, strict=True):
        of_one = centre + (t * inside - (1 - t)) / size * (along - t * centre)
        inner += share[:, None] * of_one
    rest = numbers(modes.outside)
    outer = (t * rest - (1 - t)) / ((1 - t) ** 2 + t**2 * rest) * (away - along @ axes.T)
    return np.asarray(numbers(modes.mean) + outer + inner @ axes.T)


def _mixed(model: ImageFlow, said: Array, guess: Array, t: Array) -> Array:
    """The data that three outputs of each pixel stand for: black, white, or the guess."""
    known = numbers(model.get_buffer("logit")) / 2
    if model.config.modes:
        known = np.arctanh(np.clip(guess, -MOST_SURE, MOST_SURE))
    near = np.clip(t, 0.001, 0.999)
    parts = said.reshape(len(guess), 3, -1, *guess.shape[2:])
    black, white, same = (parts[:, k] for k in range(3))
    logits = np.stack((black - known, white + known, same + 2 * np.log(near / (1 - near)) - 2))
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
    x = _staged(network.middle, _joined(network.dense, x), c)
    for stage, grow in zip(reversed(network.up), reversed(network.grow), strict=True):
        x = _staged(stage, kept.pop() + convolved(x.repeat(2, 2).repeat(2, 3), grow), c)
    return _unpacked(convolved(leaky(_normed(x)), network.head), network.patch)


def _joined(layer: nn.Module, x: Array) -> Array:
    """What dense layers over all places add."""
    if not isinstance(layer, AllPlaces):
        return x
    by_place = leaky(_normed(x)).transpose(0, 2, 3, 1).reshape(len(x), -1, x.shape[1])
    narrow = leaky(answer(layer.narrow, by_place)).reshape(len(x), -1)
    joined = leaky(answer(layer.join, narrow)).reshape(len(x), -1, layer.width)
    more = answer(layer.widen, joined).transpose(0, 2, 1)
    return np.asarray(x + more.reshape(x.shape))


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
