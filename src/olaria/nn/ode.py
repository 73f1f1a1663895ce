r"""Ordinary differential equations: following a velocity :math:`dx/dt = v(x, t)`, and what that does to a density.

A solver goes from one time to the next by a few evaluations of the velocity. Steps of half the length divide Euler's
error by 2, and that of Heun's rule and of the midpoint rule by 4. Source: Hairer, Nørsett & Wanner 1993, *Solving
Ordinary Differential Equations I*, section II.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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
        noise: share of the noise that is drawn anew after each step; see :func:`renewed`.
    """

    steps: int
    solver: Solver
    power: float = 1.0
    guidance: float = 1.0
    noise: float = 0.0

    @property
    def evaluations(self) -> int:
        """Of the network, for one sample; a guided velocity counts as two."""
        return self.steps * EVALUATIONS[self.solver] * (1 if self.guidance == 1 else 2)

    @property
    def draws(self) -> int:
        """Normal numbers of a coordinate that a sample is made of: the start, and one after each step but the last."""
        return self.steps if self.noise else 1

    def follow(self, velocity: Velocity, x: Tensor, *fresh: Tensor) -> Tensor:
        """Noise (B, ...) at time 0, and as often anew as :attr:`draws` says, to where it is at time 1."""
        return follow(velocity, x, times(self.steps, self.power), self.solver, fresh, self.noise)

    def path(self, velocity: Velocity, x: Tensor, *fresh: Tensor) -> Iterator[tuple[float, Tensor]]:
        """The times of all steps and the places (B, ...) then, the start included; see :meth:`follow`."""
        return path(velocity, x, times(self.steps, self.power), self.solver, fresh, self.noise)


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
    velocity: Velocity,
    x: Tensor,
    at: list[float],
    solver: Solver,
    fresh: Sequence[Tensor] = (),
    share: float = 0.0,
) -> Iterator[tuple[float, Tensor]]:
    """Times and the places (B, ...) then, beginning with the first time and ``x``.

    Args:
        velocity: v.
        x: the places at the first time.
        at: times, which may rise or fall.
        solver: a key of :data:`SOLVERS`.
        fresh: noise of the places' shape for each step but the last, where ``share`` is above 0.
        share: of the noise, drawn anew after each step but the last; see :func:`renewed`.
    """
    yield at[0], x
    new_noise = [*fresh, None] if share else [None] * (len(at) - 1)
    for (now, then), new in zip(pairwise(at), new_noise, strict=True):
        moved = SOLVERS[solver](velocity, x, now, then)
        x = moved if new is None else renewed(x, moved, now, then, new, share)
        yield then, x


def follow(
    velocity: Velocity,
    x: Tensor,
    at: list[float],
    solver: Solver,
    fresh: Sequence[Tensor] = (),
    share: float = 0.0,
) -> Tensor:
    """Places (B, ...) at the first time to where they are at the last; see :func:`path`."""
    for _, place in path(velocity, x, at, solver, fresh, share):
        x = place
    return x


def renewed(x: Tensor, moved: Tensor, now: float, then: float, new: Tensor, share: float) -> Tensor:
    r"""Where a step led, on the line from noise at time 0 to data at time 1, with some of the noise drawn anew.

    A step from x at time t to x' at time t' has the mean velocity :math:`v = (x' - x) / (t' - t)`, and points back to
    the noise :math:`\hat\epsilon = x - t v`. With the share :math:`\eta` new noise :math:`\epsilon'` takes its place
    in :math:`x' = t' \hat x + (1 - t')\, \hat\epsilon`:

    .. math:: x' + (1 - t') \bigl(\sqrt{1 - \eta^2}\,\hat\epsilon + \eta\,\epsilon' - \hat\epsilon\bigr)

    Of exact velocities in short steps the distribution stays the same. The errors of a network's velocity are forgotten
    as the noise is.

    Args:
        x: (B, ...).
        moved: x', the same shape.
        now, then: t and t'.
        new: :math:`\epsilon'`, of N(0, I), the same shape.
        share: :math:`\eta`, from 0 to 1.

    Source: Song, Meng & Ermon 2021, *Denoising Diffusion Implicit Models*, equation 12, with
    :math:`\sigma_t = (1 - t')\,\eta`.
    """
    old = x - now / (then - now) * (moved - x)
    return moved + (1 - then) * ((math.sqrt(1 - share**2) - 1) * old + share * new)


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
