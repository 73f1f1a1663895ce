"""Networks of images once more, in NumPy and float64 from the raw weights: what a lesson's checks compare with.

Nothing here calls a layer of PyTorch, and a convolution is written as what it means (double every pixel, then
convolve), not as it is computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from olaria.lessons.base import Array, numbers
from olaria.models.autoencoder import AutoEncoder
from olaria.models.vae import VAE
from olaria.nn import fused_images
from olaria.nn.conv import ConvDecoder, ConvEncoder, Residual, UpConv
from olaria.nn.flow import Coupling, Flow
from olaria.nn.ladder import LadderDecoder, LadderEncoder


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), from the side on which the exponential is small."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def leaky(x: Array, slope: float = 0.0) -> Array:
    """x where it is positive, else ``slope`` times x."""
    return np.where(x > 0, x, slope * x)


def normed_relu(x: Array) -> Array:
    """Each pixel's features (B, C, H, W) divided by their root mean square, then none negative.

    Source: Karras et al. 2018, section 4.2.
    """
    return leaky(x / np.sqrt((x**2).mean(1, keepdims=True) + 1e-6))


def weight(layer: nn.Module) -> Array:
    r"""The weight of a layer as it is used: under spectral normalisation divided by its norm.

    .. math:: W / \sigma, \qquad \sigma = u^\top W v

    with the vectors u and v that are stored beside it. Source: Miyato et al. 2018, algorithm 1.
    """
    if not is_parametrized(layer, "weight"):
        return numbers(layer.get_parameter("weight"))
    kept = "parametrizations.weight"
    raw = numbers(layer.get_parameter(f"{kept}.original"))
    u, v = (numbers(layer.get_buffer(f"{kept}.0.{name}")) for name in ("_u", "_v"))
    return np.asarray(raw / (u @ raw.reshape(len(raw), -1) @ v))


def answer(module: nn.Module, x: Array) -> Array:
    """What a network says to x: (B, ...) to (B, ...)."""
    match module:
        case nn.Sequential():
            for layer in module:
                x = answer(layer, x)
            return x
        case nn.Linear():
            return x @ weight(module).T + numbers(module.bias)
        case UpConv():
            return convolved(x.repeat(2, 2).repeat(2, 3), module)
        case nn.Conv2d():
            return convolved(x, module)
        case nn.LeakyReLU():
            return leaky(x, module.negative_slope)
        case nn.ReLU():
            return leaky(x)
        case nn.SiLU():
            return x * sigmoid(x)
        case nn.GELU():
            return x * 0.5 * (1 + numbers(torch.special.erf(torch.from_numpy(x / 2**0.5))))
        case nn.Flatten():
            return x.reshape(len(x), -1)
        case nn.Unflatten():
            return x.reshape(len(x), *module.unflattened_size)
        case ConvEncoder():
            return answer(module.head, answer(module.features, x).reshape(len(x), -1))
        case Residual():
            return x + leaky(answer(module.convolution, x), module.slope)
        case ConvDecoder():
            bent = normed_relu if module.bent is fused_images.normed_relu else leaky
            x = bent(answer(module.stem, x).reshape(len(x), *module.grid))
            for layer in module.residuals:
                x = x + bent(answer(layer, x))
            for layer in module.blocks:
                x = bent(answer(layer, x))
            return answer(module.head, x)
    raise AssertionError(f"no such layer in a network of images: {type(module).__name__}")


def convolved(x: Array, layer: nn.Conv2d) -> Array:
    """Every window of the padded image times the weights, (B, C, H, W) to (B, C', H', W')."""
    kernels, (down, right) = weight(layer), layer.stride
    around = [(side, side) for side in layer.padding if isinstance(side, int)]
    bias = numbers(layer.bias)[:, None, None] if layer.bias is not None else 0.0
    rows = []
    for image in x:  # one at a time: its windows are many times as large as it is
        padded = np.pad(image, [(0, 0), *around])
        windows = sliding_window_view(padded, kernels.shape[2:], (1, 2))[:, ::down, ::right]
        rows.append(np.tensordot(kernels, windows, ((1, 2, 3), (0, 3, 4))) + bias)
    return np.stack(rows)


def code(model: AutoEncoder, x: Array) -> Array:
    """Images (B, C, H, W) to codes (B, latent)."""
    return answer(model.encoder, x - numbers(model.statistics.mean))


def image(model: AutoEncoder, z: Array) -> Array:
    """Codes (B, latent) to images (B, C, H, W)."""
    x = answer(model.decoder, z)
    if model.config.output == "sigmoid":
        return sigmoid(x + numbers(model.statistics.logit))
    return x + numbers(model.statistics.mean)


@dataclass(frozen=True)
class Posterior:
    r"""q(h | x) at one draw, each (B, latent), the topmost layer first.

    Args:
        mean: of each layer given what was drawn above it.
        log_var: the logarithm of its variance.
        h: :math:`\mu + \sigma \epsilon`; z itself, where there is no flow.
    """

    mean: Array
    log_var: Array
    h: Array

    @property
    def std(self) -> Array:
        r""":math:`\sigma = \sqrt{\sigma^2}`."""
        return np.sqrt(np.exp(self.log_var))


def posterior(model: VAE, x: Array, noise: Array) -> Posterior:
    """Images (B, C, H, W) and noise (B, latent) to what is drawn."""
    x, decoder = x - numbers(model.statistics.mean), model.decoder
    if isinstance(model.encoder, LadderEncoder):
        found = list[Array]()
        for network in model.encoder.networks:
            found.insert(0, answer(network, found[0] if found else x))
    else:
        found = [answer(model.encoder, x)]
    rows, state = list[tuple[Array, Array, Array]](), np.zeros((len(x), 0))
    for level, (seen, part) in enumerate(zip(found, _parts(noise, decoder.sizes), strict=True)):
        if isinstance(decoder, LadderDecoder):
            seen = answer(decoder.posteriors[level], np.concatenate((seen, state), 1))
        mean, log_var = np.split(seen, 2, 1)
        h = mean + np.sqrt(np.exp(log_var)) * part
        state = _below(model, level, h, state)
        rows.append((mean, log_var, h))
    return Posterior(*(np.concatenate(column, 1) for column in zip(*rows, strict=True)))


def logits(model: VAE, h: Array, y: Tensor | None) -> Array:
    """What the decoder says to h (B, latent) and the classes (B,), (B, C, H, W)."""
    state = np.zeros((len(h), 0))
    for level, part in enumerate(_parts(h, model.decoder.sizes)):
        state = _below(model, level, part, state)
    told = np.concatenate((state, _one_hot(y, model.classes, len(h))), 1)
    return answer(model.decoder.network, told) + numbers(model.statistics.logit)


def carried(flow: Flow | None, h: Array, y: Tensor | None) -> tuple[Array, Array]:
    """z = T(h), (B, latent), and the logarithm of how T changes volumes, (B,)."""
    growth = np.zeros(len(h))
    for layer in [] if flow is None else flow.layers:
        assert isinstance(layer, Coupling)
        kept, moved = _parts(h, layer.sizes)
        log_scale, shift = _terms(layer, kept, y)
        h = np.concatenate((moved * np.exp(log_scale) + shift, kept), 1)
        growth = growth + log_scale.sum(1)
    return h, growth


def carried_back(flow: Flow | None, z: Array, y: Tensor | None) -> Array:
    """The h with T(h) = z, (B, latent)."""
    for layer in [] if flow is None else reversed(flow.layers):
        assert isinstance(layer, Coupling)
        moved, kept = _parts(z, layer.sizes[::-1])
        log_scale, shift = _terms(layer, kept, y)
        z = np.concatenate((kept, (moved - shift) / np.exp(log_scale)), 1)
    return z


def log_q(found: Posterior, noise: Array) -> Array:
    """The log-density of draws under the posteriors that they are of, nats, (B,)."""
    return -np.asarray((0.5 * noise**2 + 0.5 * found.log_var + 0.5 * np.log(2 * np.pi)).sum(1))


def log_p(model: VAE, h: Array, y: Tensor | None) -> Array:
    """The log-density of h (B, latent) under the prior, nats, (B,)."""
    z, growth = carried(model.flow, h, y)
    return np.asarray(growth - (0.5 * z**2 + 0.5 * np.log(2 * np.pi)).sum(1))


def kl_term(model: VAE, found: Posterior, noise: Array, y: Tensor | None) -> Array:
    r"""The KL term of draws (B, latent): in closed form, or :math:`\log q(h|x) - \log p(h)` with a flow; nats, (B,)."""
    if model.flow is None:
        return np.asarray((0.5 * (found.mean**2 + found.std**2 - 1) - np.log(found.std)).sum(1))
    return log_q(found, noise) - log_p(model, found.h, y)


def pixel_nats(model: VAE, logits: Array, x: Array) -> Array:
    """-log p of each pixel value, as the formula of its likelihood has it, (B, C, H, W)."""
    mean, config = sigmoid(logits), model.config
    if config.likelihood == "bernoulli":
        return -np.asarray(np.log(np.where(x > 0.5, mean, sigmoid(-logits))))
    scale = float(model.scale)
    if config.likelihood == "gaussian":
        return np.asarray(0.5 * ((x - mean) / scale) ** 2 + np.log(scale * np.sqrt(2 * np.pi)))
    above = np.where(x >= 1, np.inf, (x + 0.5 / 255 - mean) / scale)
    below = np.where(x <= 0, -np.inf, (x - 0.5 / 255 - mean) / scale)
    # On the side of the smaller tail, where the difference keeps its digits.
    turned = below > 0
    area = sigmoid(np.where(turned, -below, above)) - sigmoid(np.where(turned, -above, below))
    return -np.asarray(np.log(area))


def _below(model: VAE, level: int, h: Array, state: Array) -> Array:
    """The state under a layer: h itself where there is one layer."""
    if not isinstance(model.decoder, LadderDecoder):
        return h
    return answer(model.decoder.networks[level], np.concatenate((h, state), 1))


def _terms(layer: Coupling, kept: Array, y: Tensor | None) -> tuple[Array, Array]:
    told = np.concatenate((kept, _one_hot(y, layer.classes, len(kept))), 1)
    raw, shift = np.split(answer(layer.network, told), 2, 1)
    return 2 * np.tanh(raw / 2), shift


def _one_hot(y: Tensor | None, num_classes: int, count: int) -> Array:
    if y is None or not num_classes:
        return np.zeros((count, 0))
    return np.asarray(np.eye(num_classes)[y.numpy()])


def _parts(x: Array, sizes: tuple[int, ...]) -> list[Array]:
    return np.split(x, np.cumsum(sizes)[:-1], 1)
