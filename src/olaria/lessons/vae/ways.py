r"""The two ways to compute the VAE's lesson: the model with what Olaria measures it by, and NumPy in float64.

.. math:: -\log p(x) \le \mathbb E_{q(z|x)}[-\log p(x \mid z)] + D(q(z \mid x) \| p(z)), \qquad z = \mu + \sigma\epsilon

Images (N, C, H, W) in [0, 1]; means, deviations, noise and codes (N, latent), without a unit; terms in nats. Where one
image meets K rows of noise, it is drawn K times.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from olaria.evaluation.density import ACTIVE_VARIANCE, active_units
from olaria.evaluation.neighbours import nearest
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.by_numpy.networks import Posterior
from olaria.lessons.vae.scene import Scene
from olaria.models.autoencoder import AutoEncoder
from olaria.nn.ladder import LadderDecoder
from olaria.objectives.divergence import gaussian_kl
from olaria.objectives.likelihood import importance_weighted_bound
from olaria.objectives.reconstruction import squared_error
from olaria.sampling import latent

NUM_AGAIN = 8
"""Images that a convolution written out in NumPy is asked of; of more it takes what the model says."""


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


class ByTorch:
    """With the model, and the functions that the evaluation uses; all is float64 to the steps.

    Args:
        scene: whose model.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model = scene, scene.model

    def posterior(self, x: Array) -> tuple[Array, Array]:
        """Mean and deviation, (N, latent) each."""
        mean, log_var = self._model.posterior(_single(x))
        return numbers(mean), numbers((0.5 * log_var).exp())

    def draw(self, x: Array, eps: Array, y: Tensor | None) -> Draws:
        """With noise (K, latent)."""
        model, target = self._model, _single(x)
        found = model.draw(model.read(target), _single(eps).view(-1, len(x), model.latent), y)
        h = z = found.z.flatten(0, 1)
        log_p = Normal(0.0, 1.0).log_prob(z).sum(1)
        if model.flow is not None:
            told = None if y is None else y.expand(len(z))
            h = model.flow.inverse(z, told)
            log_p = log_p + model.flow(h, told)[1]
        log_q = log_p - found.log_ratio.flatten()
        kl, nll = found.kl_nats.flatten(0, 1), model.nll(found, target, y).flatten()
        return Draws(*map(numbers, (h, z, log_q, log_p, kl, nll)))

    @cached_property
    def drawn(self) -> Draws:
        """One draw of each test image."""
        return self.draw(*self._scene.every)

    def slopes(self, eps: Array) -> Array | None:
        """How the first image's draw moves with its mean and its deviation, (2, latent); None with several layers."""
        model, (x, _, told) = self._model, self._scene.first
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
        """The mean of each pixel."""
        return numbers(latent.decode(self._model, _single(z), y))

    def through(self, x: Array, y: Tensor | None) -> Array:
        """Images at the means of their codes and back, not drawn black or white before."""
        return numbers(latent.reconstruct(self._model, _single(x), y))

    def error(self, y: Array, x: Array) -> Array:
        """The mean squared error of each image."""
        return numbers(squared_error(_single(y), _single(x)))

    def pixel_nats(self, x: Array, z: Array, y: Tensor | None) -> Array:
        """-log p of each pixel value given z, (N, C, H, W)."""
        return -numbers(self._model.decode(_single(z), y).log_prob(_single(x)))

    def without_code(self, x: Array) -> Array:
        """-log p of each pixel value where every image gets the training images' mean, (N, C, H, W)."""
        logits = self._model.statistics.logit.expand(x.shape)
        return -numbers(self._model.pixels(logits).log_prob(_single(x)))

    def closed(self, mean: Array, std: Array) -> Array:
        """The divergence of each dimension from N(0, 1)."""
        return numbers(gaussian_kl(torch.from_numpy(mean), 2 * torch.from_numpy(std).log()))

    def weighed(self, log_weights: Array) -> float:
        """The bound of several draws."""
        return importance_weighted_bound(torch.from_numpy(log_weights)[:, None]).item()

    def active(self) -> int:
        """Dimensions of z whose mean differs among the test images."""
        return active_units(self._model, self._scene.target, y=self._scene.told())

    def of_all(self, h: Array) -> Array:
        """log q(h) of each draw under the codes of all images together, (N,)."""
        mean, log_var = (part.double() for part in self._scene.posterior)
        q = Normal(mean, (0.5 * log_var).exp())
        blocks = torch.from_numpy(h)[:, None].split(50)
        found = torch.cat([torch.logsumexp(q.log_prob(some).sum(2), 1) for some in blocks])
        return numbers(found - np.log(len(mean)))

    def median_distance(self, z: Array, points: Array, rank: int) -> float:
        """From a code to the point that is its nearest (1), second nearest (2), …: the lower median."""
        rank = min(rank, len(points))
        found = nearest(torch.from_numpy(z), torch.from_numpy(points), rank)[0][:, -1]
        return found.median().item()

    def code(self, model: AutoEncoder, x: Array) -> Array:
        """An autoencoder's codes."""
        return numbers(latent.encode(model, _single(x)))

    def rebuilt(self, model: AutoEncoder, z: Array) -> Array:
        """What an autoencoder decodes."""
        return numbers(latent.decode(model, _single(z)))


class ByNumPy:
    """The twin: from the raw weights, by what each thing means.

    Args:
        scene: whose weights.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._model = scene, scene.model

    def posterior(self, x: Array) -> tuple[Array, Array]:
        found = self._drawn(x, np.zeros((len(x), self._model.latent)))
        return found.mean, found.std

    def draw(self, x: Array, eps: Array, y: Tensor | None) -> Draws:
        model, found = self._model, self._drawn(x, eps)
        told = None if y is None else y.expand(len(eps))
        z, _ = networks.carried(model.flow, found.h, told)
        log_q, log_p = networks.log_q(found, eps), networks.log_p(model, found.h, told)
        kl = (log_q - log_p)[:, None] if model.flow else self.closed(found.mean, found.std)
        nats = self.pixel_nats(x, z, told).sum((1, 2, 3))
        return Draws(found.h, z, log_q, log_p, kl, nats)

    @cached_property
    def drawn(self) -> Draws:
        return self.draw(*self._scene.every)

    def slopes(self, eps: Array) -> Array | None:
        if isinstance(self._model.decoder, LadderDecoder):
            return None
        return np.stack((np.ones(eps.shape[1]), eps[0]))

    def image(self, z: Array, y: Tensor | None) -> Array:
        return networks.sigmoid(self._logits(z, y))

    def through(self, x: Array, y: Tensor | None) -> Array:
        z, _ = networks.carried(self._model.flow, self.posterior(x)[0], y)
        return self.image(z, y)

    def error(self, y: Array, x: Array) -> Array:
        return np.asarray(((y - x) ** 2).mean((1, 2, 3)))

    def pixel_nats(self, x: Array, z: Array, y: Tensor | None) -> Array:
        return networks.pixel_nats(self._model, self._logits(z, y), x)

    def without_code(self, x: Array) -> Array:
        logits = np.broadcast_to(numbers(self._model.statistics.logit), x.shape)
        return networks.pixel_nats(self._model, logits, x)

    def closed(self, mean: Array, std: Array) -> Array:
        return 0.5 * (mean**2 + std**2 - 1) - np.log(std)

    def weighed(self, log_weights: Array) -> float:
        most = log_weights.max()
        return float(most + np.log(np.exp(log_weights - most).mean()))

    def active(self) -> int:
        x, _, y = self._scene.every
        still, _ = networks.carried(self._model.flow, self.posterior(x)[0], y)
        return int((still.var(0, ddof=1) > ACTIVE_VARIANCE).sum())

    def of_all(self, h: Array) -> Array:
        mean, log_var = map(numbers, self._scene.posterior)
        fixed = log_var + np.log(2 * np.pi)
        logs = [-0.5 * ((one - mean) ** 2 / np.exp(log_var) + fixed).sum(1) for one in h]
        return np.array(list(map(self.weighed, logs)))

    def median_distance(self, z: Array, points: Array, rank: int) -> float:
        rank = min(rank, len(points))
        far = [np.sort(np.sqrt(((points - one) ** 2).sum(1)))[rank - 1] for one in z]
        return float(np.quantile(far, 0.5, method="lower"))

    def code(self, model: AutoEncoder, x: Array) -> Array:
        if model.config.network == "conv" and len(x) > NUM_AGAIN:
            return numbers(latent.encode(model, _single(x)))
        return networks.code(model, x)

    def rebuilt(self, model: AutoEncoder, z: Array) -> Array:
        return networks.image(model, z).clip(0, 1)

    def _drawn(self, x: Array, eps: Array) -> Posterior:
        """What the encoder says and a draw of it; one image is read once, however often it is drawn."""
        model = self._model
        if model.config.above:
            return networks.posterior(model, x.repeat(len(eps) // len(x), 0), eps)
        if model.config.network == "conv" and len(x) > NUM_AGAIN:
            mean, log_var = map(numbers, model.posterior(_single(x)))
        else:
            once = networks.posterior(model, x, eps[: len(x)])
            mean, log_var = once.mean, once.log_var
        mean, log_var = (np.broadcast_to(part, eps.shape) for part in (mean, log_var))
        return Posterior(mean, log_var, mean + np.sqrt(np.exp(log_var)) * eps)

    def _logits(self, z: Array, y: Tensor | None) -> Array:
        model = self._model
        if model.config.network == "conv" and len(z) > 2 * NUM_AGAIN:
            return numbers(model.logits(_single(z), y))
        return networks.logits(model, networks.carried_back(model.flow, z, y), y)


Way = ByTorch | ByNumPy
"""What the steps compute with."""


def _single(x: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).float()
