r"""The two ways to compute the divergence's lesson: Olaria's functions with torch.distributions, and NumPy.

.. math:: D(p \| q) = \sum_i p_i \log\frac{p_i}{q_i} \quad\text{or}\quad \int p(x) \log\frac{p(x)}{q(x)}\, dx

All numbers are in nats; densities are per unit of x.
"""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily, Normal, kl_divergence

from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.kl.scene import Mixture, Scene
from olaria.objectives.divergence import Gaussian, integrand, normal_kl

ROUNDS, SIDE = 20, 7
"""Of the search by halving: how often, and candidates on a side."""
NEWTON = 12
"""Steps of the search by derivatives."""


class ByTorch:
    """With what Olaria measures and trains by.

    Args:
        scene: with the image and its model.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._x = scene, torch.from_numpy(scene.wide)

    def cross_entropy(self, p: Array, q: Array) -> float:
        """H(p, q) of two times (V,); H(p, p) is the entropy H(p)."""
        log_q = Categorical(torch.from_numpy(q)).logits
        return -(torch.from_numpy(p) * log_q).sum().item()

    def lost(self, p: Array, q: Array) -> float:
        """D(p‖q) of two times (V,)."""
        one, two = (Categorical(torch.from_numpy(x)) for x in (p, q))
        return kl_divergence(one, two).item()

    def density(self, p: Gaussian | Mixture, x: Array) -> Array:
        """At points (N,)."""
        return p.density(x)

    def integrand(self, p: Gaussian, q: Gaussian, x: Array) -> Array:
        """What is integrated to D(p‖q), at points (N,)."""
        return integrand(p, q, x)

    def area(self, y: Array, x: Array) -> float:
        """Under values at points."""
        return torch.trapezoid(torch.from_numpy(y), torch.from_numpy(x)).item()

    def closed(self, p: Gaussian, q: Gaussian) -> float:
        """D(p‖q) by its formula."""
        return normal_kl(p.mean, p.std, q.mean, q.std)

    def moments(self, p: Mixture) -> Gaussian:
        """The normal distribution with its mean and deviation, whose D(p‖q) is the least."""
        found = _distribution(p)
        return Gaussian(found.mean.item(), found.stddev.item())

    def both(self, p: Mixture, q: Gaussian) -> tuple[float, float]:
        """D(p‖q) and D(q‖p)."""
        log_p, log_q = (_distribution(each).log_prob(self._x) for each in (p, q))
        forward, backward = log_p.exp() * (log_p - log_q), log_q.exp() * (log_q - log_p)
        return torch.trapezoid(forward, self._x).item(), torch.trapezoid(backward, self._x).item()

    @torch.enable_grad()
    def searched(self, p: Mixture, start: Gaussian) -> Gaussian:
        """The q whose D(q‖p) is the least near a start close to it.

        Newton's steps in the mean and the logarithm of the deviation.
        """
        log_p = _distribution(p).log_prob(self._x)

        def nats(at: Tensor) -> Tensor:
            log_q = Normal(at[0], at[1].exp()).log_prob(self._x)
            return torch.trapezoid(log_q.exp() * (log_q - log_p), self._x)

        at = torch.tensor([start.mean, np.log(start.std)], dtype=torch.float64)
        for _ in range(NEWTON):
            slope = torch.autograd.functional.jacobian(nats, at)
            curvature = torch.autograd.functional.hessian(nats, at)
            at = at - torch.linalg.solve(curvature, slope)
        return Gaussian(at[0].item(), at[1].exp().item())

    def posterior(self) -> tuple[Array, Array]:
        """Mean and deviation of each dimension for the image, (latent,)."""
        mean, log_var = self._scene.model.posterior(self._scene.image[0])
        return numbers(mean[0]), numbers((0.5 * log_var[0]).exp())

    def terms(self) -> Array:
        """The KL term of the model's bound for the image, by each draw, (K,)."""
        model, (x, y) = self._scene.model, self._scene.image
        return numbers(model.draw(model.read(x), self._scene.noise, y).kl_nats[:, 0].sum(1))


class ByNumPy:
    """The twin: by what each thing means, in float64.

    Args:
        scene: with the image and the raw weights.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def cross_entropy(self, p: Array, q: Array) -> float:
        return -math.fsum(a * math.log(b) for a, b in zip(p.tolist(), q, strict=True))

    def lost(self, p: Array, q: Array) -> float:
        return math.fsum(a * math.log(a / b) for a, b in zip(p.tolist(), q, strict=True))

    def density(self, p: Gaussian | Mixture, x: Array) -> Array:
        return np.exp(_log_density(p, x))

    def integrand(self, p: Gaussian | Mixture, q: Gaussian | Mixture, x: Array) -> Array:
        return self.density(p, x) * (_log_density(p, x) - _log_density(q, x))

    def area(self, y: Array, x: Array) -> Any:
        return ((y[..., 1:] + y[..., :-1]) / 2 * np.diff(x)).sum(-1)

    def closed(self, p: Gaussian, q: Gaussian) -> float:
        apart = (p.std**2 + (p.mean - q.mean) ** 2) / (2 * q.std**2)
        return float(np.log(q.std / p.std) + apart - 0.5)

    def moments(self, p: Mixture) -> Gaussian:
        parts = list(zip(p.weights, p.parts, strict=True))
        mean = sum(weight * part.mean for weight, part in parts)
        square = sum(weight * (part.std**2 + part.mean**2) for weight, part in parts)
        return Gaussian(mean, float(np.sqrt(square - mean**2)))

    def both(self, p: Mixture, q: Gaussian) -> tuple[float, float]:
        x = self._scene.wide
        return self.area(self.integrand(p, q, x), x), self.area(self.integrand(q, p, x), x)

    def searched(self, p: Mixture, start: Gaussian) -> Gaussian:
        """The best of a square of candidates, then of a square half as large around it, and so on."""
        x, log_p = self._scene.wide, _log_density(p, self._scene.wide)
        best, reach = np.array([start.mean, np.log(start.std)]), np.array([2.0, 1.5])
        steps = np.linspace(-1, 1, SIDE)
        square = np.array([(mean, log) for mean in steps for log in steps])
        for _ in range(ROUNDS):
            tried = best + reach * square
            log_q = np.stack([_log_density(Gaussian(m, np.exp(log)), x) for m, log in tried])
            nats = self.area(np.exp(log_q) * (log_q - log_p), x)
            best, reach = tried[nats.argmin()], reach / 2
        return Gaussian(float(best[0]), float(np.exp(best[1])))

    def posterior(self) -> tuple[Array, Array]:
        model, x = self._scene.model, numbers(self._scene.image[0])
        found = networks.posterior(model, x, np.zeros((1, model.latent)))
        return found.mean[0], found.std[0]

    def terms(self) -> Array:
        model, (x, y), noise = (
            self._scene.model,
            self._scene.image,
            numbers(self._scene.noise[:, 0]),
        )
        found = networks.posterior(model, numbers(x).repeat(len(noise), 0), noise)
        return networks.kl_term(model, found, noise, None if y is None else y.expand(len(noise)))


Way = ByTorch | ByNumPy
"""What the steps compute with."""


def _distribution(p: Gaussian | Mixture) -> Distribution:
    if isinstance(p, Gaussian):
        return Normal(torch.tensor(p.mean, dtype=torch.float64), p.std)
    means, stds = torch.tensor([astuple(part) for part in p.parts], dtype=torch.float64).T
    weights = Categorical(torch.tensor(p.weights, dtype=torch.float64))
    return MixtureSameFamily(weights, Normal(means, stds))


def _log_density(p: Gaussian | Mixture, x: Array) -> Array:
    if isinstance(p, Gaussian):
        scaled = (x - p.mean) / p.std
        return np.asarray(-0.5 * scaled**2 - np.log(p.std * np.sqrt(2 * np.pi)))
    parts = zip(p.weights, p.parts, strict=True)
    logs = [np.log(weight) + _log_density(part, x) for weight, part in parts]
    return np.asarray(np.logaddexp.reduce(logs))
