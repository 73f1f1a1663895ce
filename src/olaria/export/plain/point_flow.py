r"""Flow matching of points: a network learns the velocity that carries noise to data, and a point follows it.

    z ~ N(0, I),    dx/dt = v(x, t) from x = z at t = 0,    point = c + s x at t = 1

c is the mean of the training points and s their scale, so that the network works with numbers of about 1. It reads a
place, waves of it and the time. The network may predict the velocity, the data or the noise: each gives the velocity.

Source: Lipman et al. 2023, "Flow Matching for Generative Modeling", equation 23.

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    points = model.generate(torch.randn(1000, model.latent))
    velocity = model.velocity(torch.zeros(1, model.latent), torch.tensor([0.5]))
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

TIME_WAVES, LONGEST, SHORTEST = 16, 2.0, 1 / 16
LEAST_LEFT = 0.05  # of the time that a prediction is divided by


class PointFlow(nn.Module):
    """A dense network of the place and the time."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.latent = size = config["size"]
        self.prediction = config["prediction"]
        self.steps, self.solver, self.power = (
            config["steps"],
            config["solver"],
            config["step_power"],
        )
        self.waves = Waves(config["waves"], size)
        inputs = size + 2 * config["waves"] + 2 * TIME_WAVES
        self.network = dense([inputs, *config["hidden"], size])
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(()))

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """Places (B, size), in units of the spread around the centre, and times (B,) to velocities (B, size)."""
        out = self.network(torch.cat((x, self.waves(x), time_waves(t)), 1))
        t = t[:, None]
        if self.prediction == "data":
            return (out - x) / (1 - t).clamp_min(LEAST_LEFT)
        if self.prediction == "noise":
            return (x - out) / t.clamp_min(LEAST_LEFT)
        return out

    def generate(self, z: Tensor) -> Tensor:
        """Noise (B, size) to points (B, size), in the units of the data."""
        times = [1 - (1 - k / self.steps) ** self.power for k in range(self.steps + 1)]
        for now, then in pairwise(times):
            z = self.step(z, now, then)
        return self.centre + self.spread * z

    def step(self, x: Tensor, now: float, then: float) -> Tensor:
        """One step of Euler, of the midpoint rule or of Heun."""

        def v(place: Tensor, time: float) -> Tensor:
            return self.velocity(place, torch.full_like(place[:, 0], time))

        length, first = then - now, v(x, now)
        if self.solver == "euler":
            return x + length * first
        if self.solver == "midpoint":
            return x + length * v(x + length / 2 * first, now + length / 2)
        return x + length / 2 * (first + v(x + length * first, then))

    def forward(self, z: Tensor) -> Tensor:
        """Noise to points."""
        return self.generate(z)


class Waves(nn.Module):
    """Cosines and sines of random projections of a place."""

    def __init__(self, count: int, size: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.zeros(count, size))

    def forward(self, x: Tensor) -> Tensor:
        """(B, size) to (B, 2 count)."""
        angles = 2 * math.pi * (x @ self.directions.T)
        return torch.cat((angles.cos(), angles.sin()), 1)


def time_waves(t: Tensor) -> Tensor:
    """Cosines and sines of times (B,), with periods from the longest to the shortest."""
    share = torch.linspace(0, 1, TIME_WAVES)
    angles = 2 * math.pi * t[:, None] / (LONGEST * (SHORTEST / LONGEST) ** share)
    return torch.cat((angles.cos(), angles.sin()), 1)


def dense(sizes: list[int]) -> nn.Sequential:
    """Linear layers of these sizes with x sigmoid(x) between them."""
    layers: list[nn.Module] = []
    for size_in, size_out in pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def load(folder: str | Path) -> PointFlow:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = PointFlow(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
