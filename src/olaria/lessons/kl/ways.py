r"""The two ways to compute the divergence's lesson: Olaria's functions with torch.distributions, and NumPy.

.. math:: D(p \| q) = \sum_i p_i \log\frac{p_i}{q_i} \quad\text{or}\quad \int p(x) \log\frac{p(x)}{q(x)}\, dx

All numbers are in nats; densities are per unit of x.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal, kl_divergence

from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import networks
from olaria.lessons.kl.scene import Mixture, Scene
from olaria.objectives.divergence import Gaussian, divergence, gaussian_kl, grid

ROUNDS, SIDE = 20, 7
"""Of the search by halving: how often, and candidates on a side."""
NEWTON = 12
"""Steps of the search by derivatives."""


class Way(Protocol):
    """What the steps compute with."""

    def entropy(self, p: Array) -> float:
        """H(p) of probabilities (V,)."""

    def cross_entropy(self, p: Array, q: Array) -> float:
        """H(p, q) of two times (V,)."""

    def lost(self, p: Array, q: Array) -> float:
        """D(p‖q) of two times (V,)."""

    def density(self, p: Gaussian, x: Array) -> Array:
        """At points (N,)."""

    def integrand(self, p: Gaussian, q: Gaussian) -> tuple[Array, Array]:
        """Points (N,), and what is integrated to D(p‖q) there."""

    def area(self, y: Array, x: Array) -> float:
        """Under values at points."""

    def closed(self, p: Gaussian, q: Gaussian) -> float:
        """D(p‖q) by its formula."""

    def peaks(self, p: Mixture, x: Array) -> Array:
        """The density of a mixture."""

    def moments(self, p: Mixture) -> Gaussian:
        """The normal distribution with its mean and deviation, whose D(p‖q) is the least."""

    def both(self, p: Mixture, q: Gaussian) -> tuple[float, float]:
        """D(p‖q) and D(q‖p)."""

    def searched(self, p: Mixture, start: Gaussian) -> Gaussian:
        """The q whose D(q‖p) is the least near where the search starts."""

    def posterior(self) -> tuple[Array, Array]:
        """Mean and deviation of each dimension for the image, (latent,)."""

    def from_prior(self, mean: Array, std: Array) -> Array:
        """The divergence of each dimension from N(0, 1)."""

    def terms(self) -> Array:
        """The KL term of the model's bound for the image, by each draw, (K,)."""


class ByTorch:
    """With what Olaria measures and trains by.

    Args:
        scene: with the image and its model.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._x = scene, torch.from_numpy(scene.wide)

    def entropy(self, p: Array) -> float:
        return float(Categorical(torch.from_numpy(p)).entropy())

    def cross_entropy(self, p: Array, q: Array) -> float:
        log_q = Categorical(torch.from_numpy(q)).logits
        return -(torch.from_numpy(p) * log_q).sum().item()

    def lost(self, p: Array, q: Array) -> float:
        one, two = (Categorical(torch.from_numpy(x)) for x in (p, q))
        return kl_divergence(one, two).item()

    def density(self, p: Gaussian, x: Array) -> Array:
        return p.density(x)

    def integrand(self, p: Gaussian, q: Gaussian) -> tuple[Array, Array]:
        found = divergence(p, q)
        return found.x, found.integrand

    def area(self, y: Array, x: Array) -> float:
        return torch.trapezoid(torch.from_numpy(y), torch.from_numpy(x)).item()

    def closed(self, p: Gaussian, q: Gaussian) -> float:
        return divergence(p, q).closed_form_nats

    def peaks(self, p: Mixture, x: Array) -> Array:
        return numbers(_mixture(p).log_prob(torch.from_numpy(x)).exp())

    def moments(self, p: Mixture) -> Gaussian:
        found = _mixture(p)
        return Gaussian(found.mean.item(), found.stddev.item())

    def both(self, p: Mixture, q: Gaussian) -> tuple[float, float]:
        log_p, log_q = _mixture(p).log_prob(self._x), _normal(q).log_prob(self._x)
        forward, backward = (
            torch.trapezoid(one.exp() * (one - two), self._x).item()
            for one, two in ((log_p, log_q), (log_q, log_p))
        )
        return forward, backward

    @torch.enable_grad()
    def searched(self, p: Mixture, start: Gaussian) -> Gaussian:
        """Newton's steps downhill in the mean and the logarithm of the deviation, halved where they go up."""
        log_p = _mixture(p).log_prob(self._x)

        def nats(at: Tensor) -> Tensor:
            log_q = Normal(at[0], at[1].exp()).log_prob(self._x)
            return torch.trapezoid(log_q.exp() * (log_q - log_p), self._x)

        at = torch.tensor([start.mean, np.log(start.std)], dtype=torch.float64)
        for _ in range(NEWTON):
            slope = torch.autograd.functional.jacobian(nats, at)
            curvature, axes = torch.linalg.eigh(torch.autograd.functional.hessian(nats, at))
            step = axes @ (axes.T @ slope / curvature.abs())  # downhill on a ridge too
            while nats(at - step) > nats(at):
                step = step / 2
            at = at - step
        return Gaussian(at[0].item(), at[1].exp().item())

    @torch.no_grad()
    def posterior(self) -> tuple[Array, Array]:
        mean, log_var = self._scene.model.posterior(self._scene.image[0])
        return numbers(mean[0]), numbers((0.5 * log_var[0]).exp())

    def from_prior(self, mean: Array, std: Array) -> Array:
        return numbers(gaussian_kl(torch.from_numpy(mean), 2 * torch.from_numpy(std).log()))

    @torch.no_grad()
    def terms(self) -> Array:
        model, (x, y) = self._scene.model, self._scene.image
        return numbers(model.draw(model.read(x), self._scene.noise, y).kl_nats[:, 0].sum(1))


class ByNumPy:
    """The twin: by what each thing means, in float64.

    Args:
        scene: with the image and the raw weights.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def entropy(self, p: Array) -> float:
        return -math.fsum(one * math.log(one) for one in p.tolist())

    def cross_entropy(self, p: Array, q: Array) -> float:
        return -math.fsum(a * math.log(b) for a, b in zip(p.tolist(), q, strict=True))

    def lost(self, p: Array, q: Array) -> float:
        return math.fsum(a * math.log(a / b) for a, b in zip(p.tolist(), q, strict=True))

    def density(self, p: Gaussian, x: Array) -> Array:
        height = 1 / (p.std * np.sqrt(2 * np.pi))
        return np.asarray(height * np.exp(-((x - p.mean) ** 2) / (2 * p.std**2)))

    def integrand(self, p: Gaussian, q: Gaussian) -> tuple[Array, Array]:
        x = grid(p, q)
        log_ratio = ((x - q.mean) / q.std) ** 2 / 2 - ((x - p.mean) / p.std) ** 2 / 2
        return x, self.density(p, x) * (log_ratio + np.log(q.std / p.std))

    def area(self, y: Array, x: Array) -> float:
        return float(_areas(y, x))

    def closed(self, p: Gaussian, q: Gaussian) -> float:
        apart = (p.std**2 + (p.mean - q.mean) ** 2) / (2 * q.std**2)
        return float(np.log(q.std / p.std) + apart - 0.5)

    def peaks(self, p: Mixture, x: Array) -> Array:
        parts = zip(p.weights, p.parts, strict=True)
        return np.asarray(sum(weight * self.density(part, x) for weight, part in parts))

    def moments(self, p: Mixture) -> Gaussian:
        parts = list(zip(p.weights, p.parts, strict=True))
        mean = sum(weight * part.mean for weight, part in parts)
        square = sum(weight * (part.std**2 + part.mean**2) for weight, part in parts)
        return Gaussian(mean, float(np.sqrt(square - mean**2)))

    def both(self, p: Mixture, q: Gaussian) -> tuple[float, float]:
        log_p, log_q = self._log_peaks(p), self._log_normal(q.mean, q.std)
        x = self._scene.wide
        forward = self.area(np.exp(log_p) * (log_p - log_q), x)
        return forward, self.area(np.exp(log_q) * (log_q - log_p), x)

    def searched(self, p: Mixture, start: Gaussian) -> Gaussian:
        """The best of a square of candidates, then of a square half as large around it, and so on."""
        log_p, x, reach = self._log_peaks(p), self._scene.wide, np.array([2.0, 1.5])
        best = np.array([start.mean, np.log(start.std)])
        steps = np.linspace(-1, 1, SIDE)
        for _ in range(ROUNDS):
            means, logs = best[0] + reach[0] * steps, best[1] + reach[1] * steps
            tried = np.array([(mean, log) for mean in means for log in logs])
            log_q = np.stack([self._log_normal(mean, np.exp(log)) for mean, log in tried])
            nats = _areas(np.exp(log_q) * (log_q - log_p), x)
            best, reach = tried[nats.argmin()], reach / 2
        return Gaussian(float(best[0]), float(np.exp(best[1])))

    def posterior(self) -> tuple[Array, Array]:
        found = networks.posterior(
            self._scene.model,
            numbers(self._scene.image[0]),
            np.zeros((1, self._scene.model.latent)),
        )
        return found.mean[0], found.std[0]

    def from_prior(self, mean: Array, std: Array) -> Array:
        return 0.5 * (mean**2 + std**2 - 1) - np.log(std)

    def terms(self) -> Array:
        model, (x, y), noise = self._scene.model, self._scene.image, self._scene.noise[:, 0]
        told = None if y is None else y.expand(len(noise))
        found = networks.posterior(model, numbers(x).repeat(len(noise), 0), numbers(noise))
        return networks.kl_term(model, found, numbers(noise), told)

    def _log_normal(self, mean: float, std: float) -> Array:
        x = self._scene.wide
        return np.asarray(-0.5 * ((x - mean) / std) ** 2 - np.log(std * np.sqrt(2 * np.pi)))

    def _log_peaks(self, p: Mixture) -> Array:
        parts = zip(p.weights, p.parts, strict=True)
        logs = [np.log(weight) + self._log_normal(part.mean, part.std) for weight, part in parts]
        return np.asarray(np.logaddexp.reduce(logs))


def _areas(y: Array, x: Array) -> Array:
    """Under each row of values, by trapezoids."""
    return np.asarray(((y[..., 1:] + y[..., :-1]) / 2 * (x[1:] - x[:-1])).sum(-1))


def _normal(q: Gaussian) -> Normal:
    return Normal(torch.tensor(q.mean).double(), torch.tensor(q.std).double())


def _mixture(p: Mixture) -> MixtureSameFamily:
    means, stds = (
        torch.tensor([getattr(part, name) for part in p.parts], dtype=torch.float64)
        for name in ("mean", "std")
    )
    weights = torch.tensor(p.weights, dtype=torch.float64)
    return MixtureSameFamily(Categorical(weights), Normal(means, stds))
