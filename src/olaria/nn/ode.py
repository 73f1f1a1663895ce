r"""Ordinary differential equations: following a velocity :math:`dx/dt = v(x, t)`, and what that does to a density.

A solver goes from one time to the next by a few evaluations of the velocity. Steps of half the length divide Euler's
error by 2, and that of Heun's rule and of the midpoint rule by 4. Source: Hairer, Nørsett & Wanner 1993, *Solving
Ordinary Differential Equations I*, section II.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from olaria.vocabulary import Solver

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Of places (B, ...) and their times (B,), a velocity of the places' shape."""


@dataclass(frozen=True)
class Sampler:
    """How a model draws that follows a velocity from noise to data.

    Args:
        steps: from time 0 to time 1.
        solver: what a step does.
        power: above 1 the steps become shorter towards time 1; see :func:`times`.
        guidance: weight of the class; see :func:`olaria.objectives.flow_matching.guided`.
    """

    steps: int
    solver: Solver
    power: float = 1.0
    guidance: float = 1.0

    @property
    def evaluations(self) -> int:
        """Of the network, for one sample; a guided velocity counts as two."""
        return self.steps * EVALUATIONS[self.solver] * (1 if self.guidance == 1 else 2)

    def follow(self, velocity: Velocity, x: Tensor) -> Tensor:
        """Places (B, ...) at time 0 to where they are at time 1."""
        return follow(velocity, x, times(self.steps, self.power), self.solver)

    def path(self, velocity: Velocity, x: Tensor) -> Iterator[tuple[float, Tensor]]:
        """The times of all steps and the places (B, ...) then, the start included."""
        return path(velocity, x, times(self.steps, self.power), self.solver)


def times(steps: int, power: float = 1.0) -> list[float]:
    r"""Times from 0 to 1, both included.

    .. math:: t_k = 1 - (1 - k / n)^p

    Args:
        steps: n.
        power: p; 1 makes all steps equally long.

    >>> times(2), times(2, power=2)
    ([0.0, 0.5, 1.0], [0.0, 0.75, 1.0])
    """
    return [1 - (1 - k / steps) ** power for k in range(steps + 1)]


def path(
    velocity: Velocity, x: Tensor, at: list[float], solver: Solver
) -> Iterator[tuple[float, Tensor]]:
    """Times and the places (B, ...) then, beginning with the first time and ``x``.

    Args:
        velocity: v.
        x: the places at the first time.
        at: times, which may rise or fall.
        solver: a key of :data:`SOLVERS`.
    """
    yield at[0], x
    for now, then in pairwise(at):
        x = SOLVERS[solver](velocity, x, now, then)
        yield then, x


def follow(velocity: Velocity, x: Tensor, at: list[float], solver: Solver) -> Tensor:
    """Places (B, ...) at the first time to where they are at the last; see :func:`path`."""
    for now, then in pairwise(at):
        x = SOLVERS[solver](velocity, x, now, then)
    return x


def log_density(
    velocity: Velocity, x: Tensor, at: list[float], solver: Solver, probes: Tensor | None = None
) -> Tensor:
    r"""Log-density of places at time 1, where those at time 0 are N(0, I), in nats, (B,).

    .. math:: \log p_1(x) = \log N(x_0; 0, I) - \int_0^1 \nabla \cdot v(x_t, t)\, dt

    following x back in time; the divergence is integrated beside the place by the same solver.

    Args:
        velocity: v, differentiable.
        x: (B, ...).
        at: times from 0 to 1.
        solver: a key of :data:`SOLVERS`.
        probes: (K, B, ...), random signs: the divergence is estimated by the mean of :math:`u^\top (\partial v /
            \partial x)\, u`; exact, by a gradient for each coordinate, where None.

    Source: Chen et al. 2018, *Neural Ordinary Differential Equations*, equation 8; the estimate from Grathwohl et al.
    2019, *FFJORD*, equation 8 (Hutchinson 1989).
    """
    shape, size = x.shape, x[0].numel()

    def both(state: Tensor, t: Tensor) -> Tensor:
        v, divergence = diverging(velocity, state[:, :size].view(shape), t, probes)
        return torch.cat((v.flatten(1), -divergence[:, None]), 1)

    state = torch.cat((x.flatten(1), x.new_zeros(len(x), 1)), 1)
    state = follow(both, state, at[::-1], solver)
    start, spent = state[:, :size], state[:, size]
    return -0.5 * (start.square().sum(1) + size * math.log(2 * math.pi)) - spent


def diverging(
    velocity: Velocity, x: Tensor, t: Tensor, probes: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The velocity (B, ...) and its divergence (B,); see :func:`log_density`."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        v = velocity(x, t)
        if probes is None:
            unit = torch.eye(x[0].numel(), dtype=x.dtype, device=x.device)
            directions = [row.view(1, *x.shape[1:]).expand_as(x) for row in unit]
        else:
            directions = list(probes)
        total = x.new_zeros(len(x))
        for place, u in enumerate(directions):
            last = place == len(directions) - 1
            (gradient,) = torch.autograd.grad(v, x, u, retain_graph=not last)
            total = total + (gradient * u).flatten(1).sum(1)
    return v.detach(), total if probes is None else total / len(directions)


def _at(x: Tensor, t: float) -> Tensor:
    return torch.full((len(x),), t, dtype=x.dtype, device=x.device)


def _euler(velocity: Velocity, x: Tensor, now: float, then: float) -> Tensor:
    return x + (then - now) * velocity(x, _at(x, now))


def _midpoint(velocity: Velocity, x: Tensor, now: float, then: float) -> Tensor:
    middle = (now + then) / 2
    half = _euler(velocity, x, now, middle)
    return x + (then - now) * velocity(half, _at(x, middle))


def _heun(velocity: Velocity, x: Tensor, now: float, then: float) -> Tensor:
    first = velocity(x, _at(x, now))
    second = velocity(x + (then - now) * first, _at(x, then))
    return x + (then - now) / 2 * (first + second)


SOLVERS: dict[Solver, Callable[[Velocity, Tensor, float, float], Tensor]] = {
    "euler": _euler,
    "midpoint": _midpoint,
    "heun": _heun,
}
"""Velocity, places, time and next time to the places then."""
EVALUATIONS: dict[Solver, int] = {"euler": 1, "midpoint": 2, "heun": 2}
"""Of the velocity, in a step."""
