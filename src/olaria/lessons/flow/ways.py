r"""The two ways to compute the lesson on flow matching: the model with Olaria's own functions, and NumPy in float64.

The model's weights are taken in float64, since a path of many steps between two clusters multiplies what is rounded.
The twin computes the network from the raw weights, its divergence by carrying a tangent of each coordinate through the
layers, mixtures by their densities, and steps of solvers as they are written in a book. Sources: those of
:mod:`olaria.objectives.flow_matching`, :mod:`olaria.objectives.mixture` and :mod:`olaria.nn.ode`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from olaria.evaluation import plane as clustering
from olaria.lessons.base import Array, numbers
from olaria.lessons.by_numpy import flow_images, flows
from olaria.lessons.flow.image_scene import Pictures
from olaria.lessons.flow.scene import Scene
from olaria.models.image_flow import ImageFlow
from olaria.models.point_flow import PointFlow
from olaria.nn import ode
from olaria.objectives import flow_matching
from olaria.objectives.mixture import Mixture
from olaria.vocabulary import Solver

Field = Callable[[Array, float], Array]
"""A velocity of places (N, ...) at one time."""
Path = list[tuple[float, Array]]
"""Times, and the places then."""


class ByTorch:
    """With the model, and the functions that training, sampling and evaluation use."""

    def __init__(self, scene: Scene | Pictures) -> None:
        self._scene, self._model = scene, copy.deepcopy(scene.model).double()

    def between(self, noise: Array, x: Array, t: Array) -> Array:
        """Places on the lines from noise to data, (N, ...), at times (N,)."""
        return numbers(flow_matching.between(*map(torch.from_numpy, (noise, x, t))))

    def velocity(self, x: Array, t: Array) -> Array:
        """The network's, of places (N, D) at times (N,), of the scene's class where it is given one."""
        return self._of_class(x, t, self._scene.label)

    def free(self, x: Array, t: Array) -> Array:
        """The network's where it is given no class."""
        return self._of_class(x, t, None)

    @torch.no_grad()
    def _of_class(self, x: Array, t: Array, label: int | None) -> Array:
        places, times, model = torch.from_numpy(x), torch.from_numpy(t), self._model
        if not isinstance(model, ImageFlow):
            return numbers(model.velocity(places, times))
        y = None if label is None else torch.full((len(x),), label)
        return numbers(model.velocity(places.view(-1, *model.shape), times, y).flatten(1))

    def exact(self, mixture: Mixture, x: Array, t: Array) -> Array:
        """The mean velocity of all lines through places (N, D) at times (N,)."""
        return numbers(mixture.velocity(torch.from_numpy(x), torch.from_numpy(t)))

    def shares(self, mixture: Mixture, x: Array, t: Array) -> Array:
        """The probability that a place (N, D) at a time (N,) leads to each cluster, (N, K)."""
        return numbers(mixture.shares(torch.from_numpy(x), torch.from_numpy(t)))

    def leads_to(self, v: Array, x: Array, t: Array) -> Array:
        """The data that velocities (N, ...) lead to from places at times (N,)."""
        return numbers(flow_matching.data_of(*map(torch.from_numpy, (v, x, t))))

    def guided(self, given: Array, free: Array, weight: float) -> Array:
        """The velocity of a class, driven away from that of none."""
        both = torch.from_numpy(given), torch.from_numpy(free)
        return numbers(flow_matching.guided(*both, weight))

    def path(self, field: Field, z: Array, steps: int, solver: Solver, power: float = 1.0) -> Path:
        """Where places (N, ...) at time 0 go, at the ends of steps that a power makes shorter towards time 1."""

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            return torch.from_numpy(field(numbers(x), float(t[0])))

        found = ode.path(velocity, torch.from_numpy(z), ode.times(steps, power), solver)
        return [(t, numbers(x)) for t, x in found]

    def log_density(self, x: Array, steps: int, power: float) -> tuple[Array, Array]:
        """Of places (N, D) at time 1, following the network back, in nats, (N,), and the noise that they come from."""
        way, field, places = ode.times(steps, power), self._model.followed(), torch.from_numpy(x)
        nats = ode.log_density(field, places, way, "heun")
        with torch.no_grad():
            return numbers(nats), numbers(ode.follow(field, places, way[::-1], "heun"))

    def exact_log_density(self, mixture: Mixture, x: Array) -> Array:
        """Of places (N, D) at time 1, in nats, (N,)."""
        places = torch.from_numpy(x)
        return numbers(mixture.log_density(places, places.new_ones(len(x))))

    def near(self, x: Array, mixture: Mixture) -> tuple[float, Array]:
        """Share of points near a cluster, and each cluster's share of these, (K,)."""
        found = clustering.clusters(torch.from_numpy(x), mixture.modes, mixture.std)
        return found.high_quality_share, numbers(found.shares)

    def nearest(self, x: Array, train: Array) -> tuple[Array, Array]:
        """Distance of each of (N, D) to the nearest of (K, D), and its place, (N,) each."""
        both = torch.from_numpy(x), torch.from_numpy(train)
        distance, place = torch.cdist(*both, compute_mode="donot_use_mm_for_euclid_dist").min(1)
        return numbers(distance), place.numpy()


class ByNumPy:
    """The twin: from the raw weights, by what each thing means."""

    def __init__(self, scene: Scene | Pictures) -> None:
        self._scene, self._model = scene, scene.model

    def between(self, noise: Array, x: Array, t: Array) -> Array:
        t = flows.beside(t, x)
        return (1 - t) * noise + t * x

    def velocity(self, x: Array, t: Array) -> Array:
        return self._of_class(x, t, self._scene.label)

    def free(self, x: Array, t: Array) -> Array:
        return self._of_class(x, t, None)

    def _of_class(self, x: Array, t: Array, label: int | None) -> Array:
        model = self._model
        if isinstance(model, PointFlow):
            return flows.point_velocity(model, x, t)[0]
        images = x.reshape(-1, *model.shape)
        return flow_images.image_velocity(model, images, t, label).reshape(len(x), -1)

    def exact(self, mixture: Mixture, x: Array, t: Array) -> Array:
        # The mean over clusters of what each of them is expected to become, less the noise that it is of.
        mean = self.shares(mixture, x, t) @ numbers(mixture.modes)
        t = flows.beside(t, x)
        variance = (1 - t) ** 2 + (t * mixture.std) ** 2
        away = x - t * mean
        data = mean + t * mixture.std**2 / variance * away
        noise = (1 - t) / variance * away
        return np.asarray(data - noise)

    def shares(self, mixture: Mixture, x: Array, t: Array) -> Array:
        logs = self._logs(mixture, x, t)
        weights = np.exp(logs - logs.max(1, keepdims=True))
        return np.asarray(weights / weights.sum(1, keepdims=True))

    def leads_to(self, v: Array, x: Array, t: Array) -> Array:
        return x + v - flows.beside(t, x) * v

    def guided(self, given: Array, free: Array, weight: float) -> Array:
        return weight * given + (1 - weight) * free

    def path(self, field: Field, z: Array, steps: int, solver: Solver, power: float = 1.0) -> Path:
        found: Path = [(0.0, z)]
        for k in range(steps):
            now, then = (1 - ((steps - j) / steps) ** power for j in (k, k + 1))
            x = found[-1][1]
            h, slope = then - now, field(x, now)
            if solver == "heun":
                slope = (slope + field(x + h * slope, then)) / 2
            elif solver == "midpoint":
                slope = field(x + h / 2 * slope, now + h / 2)
            found.append((then, x + h * slope))
        return found

    def log_density(self, x: Array, steps: int, power: float) -> tuple[Array, Array]:
        spent, model = np.zeros(len(x)), self._model
        assert isinstance(model, PointFlow)
        way = [1 - (1 - k / steps) ** power for k in range(steps, -1, -1)]
        for now, then in pairwise(way):
            h, ends = then - now, (np.full(len(x), now), np.full(len(x), then))
            first, at_first = flows.point_velocity(model, x, ends[0], tangents=True)
            second, at_second = flows.point_velocity(model, x + h * first, ends[1], tangents=True)
            x = x + h / 2 * (first + second)
            spent = spent + h / 2 * (at_first + at_second)
        # Going back, the divergences count with the sign of the step.
        return spent - 0.5 * (x**2 + np.log(2 * np.pi)).sum(1), x

    def exact_log_density(self, mixture: Mixture, x: Array) -> Array:
        logs = self._logs(mixture, x, np.ones(len(x)))
        most = logs.max(1)
        total = np.exp(logs - most[:, None]).mean(1)
        return np.asarray(most + np.log(total) - np.log(2 * np.pi * mixture.std**2))

    def near(self, x: Array, mixture: Mixture) -> tuple[float, Array]:
        distances = flows.distances(x, numbers(mixture.modes))
        inside = distances.min(1) < clustering.NEAR * mixture.std
        counts = np.bincount(distances.argmin(1)[inside], minlength=distances.shape[1])
        return float(inside.mean()), counts / max(1, counts.sum())

    def nearest(self, x: Array, train: Array) -> tuple[Array, Array]:
        distances = flows.distances(x, train)
        return distances.min(1), distances.argmin(1)

    def _logs(self, mixture: Mixture, x: Array, t: Array) -> Array:
        """Logarithm of the density of each cluster at places, (N, K), but for what is common to all."""
        t, modes = flows.beside(t, x), numbers(mixture.modes)
        variance = (1 - t) ** 2 + (t * mixture.std) ** 2
        lengths = (x**2).sum(1)[:, None] + t**2 * (modes**2).sum(1)
        squared = lengths - 2 * t * (x @ modes.T)
        return np.asarray(-0.5 * squared / variance)


Way = ByTorch | ByNumPy
