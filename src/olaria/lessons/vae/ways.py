r"""The two ways to compute the VAE's lesson: the model with what Olaria measures it by, and NumPy in float64.

.. math:: -\log p(x) \le \mathbb E_{q(z|x)}[-\log p(x \mid z)] + D(q(z \mid x) \| p(z)), \qquad z = \mu + \sigma\epsilon

Images (N, C, H, W) in [0, 1]; means, deviations, noise and codes (N, latent), without a unit; terms in nats. Where one
image meets K rows of noise, it is drawn K times.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from olaria.evaluation.density import ACTIVE_VARIANCE, active_units, elbo
from olaria.evaluation.neighbours import nearest
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.by_numpy.networks import Posterior
from olaria.lessons.vae.scene import Scene
from olaria.models.autoencoder import AutoEncoder
from olaria.models.vae import VAE
from olaria.nn.ladder import LadderDecoder
from olaria.objectives.divergence import gaussian_kl
from olaria.objectives.likelihood import importance_weighted_bound
from olaria.sampling import latent

NUM_AGAIN = 8
"""Images that a convolution written out in NumPy is asked of; of more it takes what the model's encoder says."""


@dataclass(frozen=True)
class Draws:
    r"""Draws of q, and what they cost.

    Args:
        h: :math:`\mu + \sigma\epsilon`, (K, latent).
        z: the code, T(h), or h itself where there is no flow, (K, latent).
        log_q: log q(h|x), (K,).
        log_p: log p(h), (K,).
        kl: the KL term of each dimension in closed form, (K, latent); with a flow, the whole by each draw, (K, 1).
        nll: -log p(x|z), (K,).
    """

    h: Array
    z: Array
    log_q: Array
    log_p: Array
    kl: Array
    nll: Array


class Way(Protocol):
    """What the steps compute with; all is float64 to them."""

    def posterior(self, x: Array) -> tuple[Array, Array]:
        """Mean and deviation, (N, latent) each."""

    def draw(self, x: Array, eps: Array, y: Tensor | None) -> Draws:
        """With noise (K, latent)."""

    @property
    def drawn(self) -> Draws:
        """One draw of each test image."""

    def slopes(self, eps: Array) -> Array | None:
        """How the first image's draw moves with its mean and its deviation, (2, latent); None with several layers."""

    def image(self, z: Array, y: Tensor | None) -> Array:
        """The mean of each pixel."""

    def pixel_nats(self, x: Array, z: Array, y: Tensor | None) -> Array:
        """-log p of each pixel value given z, (N, C, H, W)."""

    def without_code(self, x: Array) -> Array:
        """-log p of each pixel value where every image gets the training images' mean, (N, C, H, W)."""

    def closed(self, mean: Array, std: Array) -> Array:
        """The divergence of each dimension from N(0, 1)."""

    def weighed(self, log_weights: Array) -> float:
        """The bound of several draws."""

    def means(self, model: VAE) -> tuple[float, float, int]:
        """Both terms of a model's bound over all images, one draw each, and its active dimensions."""

    def of_all(self, h: Array) -> Array:
        """log q(h) of each draw under the codes of all images together, (N,)."""

    def median_distance(self, z: Array, points: Array, rank: int) -> float:
        """From a code to the point that is its nearest (1), second nearest (2), …: the lower median."""

    def code(self, model: AutoEncoder, x: Array) -> Array:
        """An autoencoder's codes."""

    def rebuilt(self, model: AutoEncoder, z: Array) -> Array:
        """What an autoencoder decodes."""


class ByTorch:
    """With the model, and the functions that the evaluation uses.

    Args:
        scene: whose model.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model = scene, scene.vae

    @torch.no_grad()
    def posterior(self, x: Array) -> tuple[Array, Array]:
        mean, log_var = self._model.posterior(_single(x))
        return numbers(mean), numbers((0.5 * log_var).exp())

    @torch.no_grad()
    def draw(self, x: Array, eps: Array, y: Tensor | None) -> Draws:
        model, noise, target = self._model, _single(eps), _single(x)
        noise = noise[:, None] if len(x) == 1 else noise[None]
        found = model.draw(model.read(target), noise, y)
        z = found.z.flatten(0, 1)
        told = y if y is None or len(y) == len(z) else y.expand(len(z))
        h = z if model.flow is None else model.flow.inverse(z, told)
        log_p = Normal(0.0, 1.0).log_prob(z).sum(1)
        if model.flow is not None:
            log_p = log_p + model.flow(h, told)[1]
        log_q = log_p - found.log_ratio.flatten()
        kl, nll = found.kl_nats.flatten(0, 1), model.nll(found, target, y).flatten()
        return Draws(*map(numbers, (h, z, log_q, log_p, kl, nll)))

    @cached_property
    def drawn(self) -> Draws:
        scene = self._scene
        return self.draw(numbers(scene.target), numbers(scene.noise), scene.told())

    def slopes(self, eps: Array) -> Array | None:
        model, (x, told) = self._model, self._scene.first
        if isinstance(model.decoder, LadderDecoder):
            return None
        with torch.enable_grad():
            (found,) = (part.detach().requires_grad_() for part in model.read(_single(x)))
            z = model.draw([found], _single(eps)[None], told).z[0]
            h = z if model.flow is None else model.flow.inverse(z, told)
            (slope,) = torch.autograd.grad(h.sum(), found)
        by_mean, by_log_var = slope[0].chunk(2)
        std = (0.5 * found.detach()[0].chunk(2)[1]).exp()
        # The log-variance moves by 2/σ of what σ moves by.
        return numbers(torch.stack((by_mean, by_log_var * 2 / std)))

    def image(self, z: Array, y: Tensor | None) -> Array:
        return numbers(latent.decode(self._model, _single(z), y))

    @torch.no_grad()
    def pixel_nats(self, x: Array, z: Array, y: Tensor | None) -> Array:
        return -numbers(self._model.decode(_single(z), y).log_prob(_single(x)))

    @torch.no_grad()
    def without_code(self, x: Array) -> Array:
        logits = self._model.statistics.logit.expand(x.shape)
        return -numbers(self._model.pixels(logits).log_prob(_single(x)))

    def closed(self, mean: Array, std: Array) -> Array:
        return numbers(gaussian_kl(torch.from_numpy(mean), 2 * torch.from_numpy(std).log()))

    def weighed(self, log_weights: Array) -> float:
        return importance_weighted_bound(torch.from_numpy(log_weights)[:, None]).item()

    @torch.no_grad()
    def means(self, model: VAE) -> tuple[float, float, int]:
        y = self._scene.y if model.classes else None
        target = self._scene.target
        found = elbo(model, target, self._scene.generator("noise"), y=y)
        return found.reconstruction_nats, found.kl_nats, active_units(model, target, y=y)

    def of_all(self, h: Array) -> Array:
        mean, log_var = (part.double() for part in self._scene.posterior)
        q = Normal(mean, (0.5 * log_var).exp())
        each = [torch.logsumexp(q.log_prob(one).sum(1), 0) for one in torch.from_numpy(h)]
        return numbers(torch.stack(each) - np.log(len(mean)))

    def median_distance(self, z: Array, points: Array, rank: int) -> float:
        rank = min(rank, len(points))
        found = nearest(torch.from_numpy(z), torch.from_numpy(points), rank)[0][:, -1]
        return found.median().item()

    def code(self, model: AutoEncoder, x: Array) -> Array:
        return numbers(latent.encode(model, _single(x)))

    def rebuilt(self, model: AutoEncoder, z: Array) -> Array:
        return numbers(latent.decode(model, _single(z)))


class ByNumPy:
    """The twin: from the raw weights, by what each thing means.

    Args:
        scene: whose weights.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model = scene, scene.vae

    def posterior(self, x: Array) -> tuple[Array, Array]:
        found = _found(self._model, x, np.zeros((len(x), self._model.latent)))
        return found.mean, found.std

    def draw(self, x: Array, eps: Array, y: Tensor | None) -> Draws:
        model = self._model
        found = _found(model, x, eps)
        told = y if y is None or len(y) == len(eps) else y.expand(len(eps))
        z, _ = networks.carried(model.flow, found.h, told)
        log_q, log_p = networks.log_q(found, eps), networks.log_p(model, found.h, told)
        kl = (log_q - log_p)[:, None] if model.flow else self.closed(found.mean, found.std)
        x = x if len(x) == len(eps) else x.repeat(len(eps), 0)
        nats = networks.pixel_nats(model, _logits(model, found.h, told), x)
        return Draws(found.h, z, log_q, log_p, kl, nats.sum((1, 2, 3)))

    @cached_property
    def drawn(self) -> Draws:
        scene = self._scene
        return self.draw(numbers(scene.target), numbers(scene.noise), scene.told())

    def slopes(self, eps: Array) -> Array | None:
        if isinstance(self._model.decoder, LadderDecoder):
            return None
        return np.stack((np.ones(eps.shape[1]), eps[0]))

    def image(self, z: Array, y: Tensor | None) -> Array:
        return networks.sigmoid(self._logits_of(z, y))

    def pixel_nats(self, x: Array, z: Array, y: Tensor | None) -> Array:
        return networks.pixel_nats(self._model, self._logits_of(z, y), x)

    def without_code(self, x: Array) -> Array:
        logits = np.broadcast_to(numbers(self._model.statistics.logit), x.shape)
        return networks.pixel_nats(self._model, logits, x)

    def closed(self, mean: Array, std: Array) -> Array:
        return 0.5 * (mean**2 + std**2 - 1) - np.log(std)

    def weighed(self, log_weights: Array) -> float:
        most = log_weights.max()
        return float(most + np.log(np.exp(log_weights - most).mean()))

    def means(self, model: VAE) -> tuple[float, float, int]:
        scene, x = self._scene, numbers(self._scene.target)
        y = scene.y if model.classes else None
        eps = torch.randn(1, len(x), model.latent, generator=scene.generator("noise"))
        found = _found(model, x, numbers(eps[0]))
        nats = networks.pixel_nats(model, _logits(model, found.h, y), x).sum((1, 2, 3))
        kl = networks.kl_term(model, found, numbers(eps[0]), y)
        still = _found(model, x, np.zeros_like(found.h)).h
        spread = networks.carried(model.flow, still, y)[0].var(0, ddof=1)
        return nats.mean(), kl.mean(), int((spread > ACTIVE_VARIANCE).sum())

    def of_all(self, h: Array) -> Array:
        mean, log_var = map(numbers, self._scene.posterior)
        found = []
        for one in h:
            logs = -0.5 * ((one - mean) ** 2 / np.exp(log_var) + log_var + np.log(2 * np.pi))
            each = logs.sum(1)
            found.append(each.max() + np.log(np.exp(each - each.max()).mean()))
        return np.array(found)

    def median_distance(self, z: Array, points: Array, rank: int) -> float:
        rank = min(rank, len(points))
        far = [np.sort(np.sqrt(((points - one) ** 2).sum(1)))[rank - 1] for one in z]
        return float(np.sort(far)[(len(far) - 1) // 2])

    def code(self, model: AutoEncoder, x: Array) -> Array:
        if model.config.network == "conv" and len(x) > NUM_AGAIN:
            return numbers(latent.encode(model, _single(x)))
        return networks.code(model, x)

    def rebuilt(self, model: AutoEncoder, z: Array) -> Array:
        return networks.image(model, z).clip(0, 1)

    def _logits_of(self, z: Array, y: Tensor | None) -> Array:
        return networks.logits(self._model, networks.carried_back(self._model.flow, z, y), y)


@torch.no_grad()
def _found(model: VAE, x: Array, eps: Array) -> Posterior:
    """What the encoder says and a draw of it; one image is read once, however often it is drawn."""
    if model.config.above:
        return networks.posterior(model, x if len(x) > 1 else x.repeat(len(eps), 0), eps)
    if model.config.network == "conv" and len(x) > NUM_AGAIN:
        mean, log_var = map(numbers, model.posterior(_single(x)))
    else:
        once = networks.posterior(model, x, eps[: len(x)])
        mean, log_var = once.mean, once.log_var
    mean, log_var = (np.broadcast_to(part, eps.shape) for part in (mean, log_var))
    return Posterior(mean, log_var, mean + np.sqrt(np.exp(log_var)) * eps)


@torch.no_grad()
def _logits(model: VAE, h: Array, y: Tensor | None) -> Array:
    if model.config.network == "conv" and len(h) > 2 * NUM_AGAIN:
        z = torch.from_numpy(networks.carried(model.flow, h, y)[0]).float()
        return numbers(model.logits(z, y))
    return networks.logits(model, h, y)


def _single(x: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).float()
