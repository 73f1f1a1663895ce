r"""Flow matching of latent vectors: noise follows a learned velocity to a latent vector, which is decoded.

    z ~ N(0, I),    dx/dt = v(x, t) from x = z at t = 0,    image = g(c + s x) at t = 1

c and s are the mean and the standard deviation of each coordinate of the training images' latent vectors, so that the
network works with numbers of about 1. It learns what is left of the velocity once that of normal coordinates is known:

    v(x, t) = (2 t - 1) / q x + network(x, t) / sqrt(q),    q = (1 - t)^2 + t^2

The network may predict the data or the noise instead: each gives the velocity.

Source: Lipman et al. 2023, "Flow Matching for Generative Modeling", equation 23; Rombach et al. 2022, "High-Resolution
Image Synthesis with Latent Diffusion Models".

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    images = model.generate(torch.randn(16, model.latent))
    velocity = model.velocity(torch.zeros(1, model.latent), torch.tensor([0.5]))
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}
SMALLEST_SIDE = 4
TIME_WAVES, LONGEST, SHORTEST = 16, 2.0, 1 / 16
LEAST_LEFT = 0.05  # of the time that a prediction is divided by


class LatentFlow(nn.Module):
    """The network of the velocity and the decoder."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.autoencoder = Decoder(config["autoencoder"], config["shape"])
        self.latent = size = config["autoencoder"]["latent"]
        self.prediction = config["prediction"]
        self.steps, self.solver, self.power = (
            config["steps"],
            config["solver"],
            config["step_power"],
        )
        width, condition = config["width"], config["condition"]
        self.network = Network(size, width, config["depth"], condition)
        self.time = dense([2 * TIME_WAVES, condition, condition], "silu")
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """Places (B, latent), in units of the spread around the centre, and times (B,) to velocities (B, latent)."""
        waves = time_waves(t)
        out = self.network(torch.cat((x, waves), 1), F.silu(self.time(waves)))
        t = t[:, None]
        if self.prediction == "data":
            return (out - x) / (1 - t).clamp_min(LEAST_LEFT)
        if self.prediction == "noise":
            return (x - out) / t.clamp_min(LEAST_LEFT)
        q = (1 - t).square() + t.square()
        return (2 * t - 1) / q * x + out / q.sqrt()

    def generate(self, z: Tensor) -> Tensor:
        """Noise (B, latent) to images (B, C, H, W) in [0, 1]."""
        times = [1 - (1 - k / self.steps) ** self.power for k in range(self.steps + 1)]
        for now, then in pairwise(times):
            z = self.step(z, now, then)
        return self.decode(self.centre + self.spread * z)

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

    def decode(self, h: Tensor) -> Tensor:
        """Latent vectors (B, latent) to images (B, C, H, W) in [0, 1]."""
        return self.autoencoder(h)

    def forward(self, z: Tensor) -> Tensor:
        """Noise to images."""
        return self.generate(z)


class Network(nn.Module):
    """Residual blocks that the time scales and shifts."""

    def __init__(self, size: int, width: int, depth: int, condition: int) -> None:
        super().__init__()
        self.stem = nn.Linear(size + 2 * TIME_WAVES, width)
        self.blocks = nn.ModuleList(Block(width, condition) for _ in range(depth))
        self.head = nn.Linear(width, size)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """(B, size + waves) and (B, condition) to (B, size)."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x, c)
        return self.head(normed(x))


class Block(nn.Module):
    """x + W silu(V ((1 + s) normed(x) + b)), with s and b of the time."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(condition, 2 * width)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """(B, width) and (B, condition) to (B, width)."""
        scale, shift = self.modulation(c).chunk(2, 1)
        return x + self.second(F.silu(self.first(normed(x) * (1 + scale) + shift)))


class Decoder(nn.Module):
    """The decoder of an autoencoder or a VAE, dense or convolutional as ``config["network"]`` says."""

    def __init__(self, config: dict, shape: list[int]) -> None:
        super().__init__()
        latent, is_vae = config["latent"], config["family"] == "vae"
        self.is_sigmoid = is_vae or config["output"] == "sigmoid"
        if config["network"] == "conv":
            network: nn.Module = ConvDecoder(latent, config["width"], shape)
        else:
            sizes = [latent, *reversed(config["hidden"]), shape[0] * shape[1] * shape[2]]
            network = nn.Sequential(
                dense(sizes, config["activation"]), nn.Unflatten(1, tuple(shape))
            )
        self.is_vae = is_vae
        self.decoder = nn.ModuleDict({"network": network}) if is_vae else network
        self.statistics = nn.Module()  # the mean of the training images, and its logit
        self.statistics.register_buffer("mean", torch.zeros(*shape))
        self.statistics.register_buffer("logit", torch.zeros(*shape))

    def forward(self, h: Tensor) -> Tensor:
        """(B, latent) to (B, C, H, W)."""
        x = self.decoder["network"](h) if self.is_vae else self.decoder(h)
        if self.is_sigmoid:
            return (x + self.statistics.logit).sigmoid()
        return (x + self.statistics.mean).clamp(0, 1)


class ConvDecoder(nn.Module):
    """One linear layer to a small image, which is doubled and convolved until it is large."""

    def __init__(self, num_inputs: int, width: int, shape: list[int]) -> None:
        super().__init__()
        channels, height, side = shape
        halvings = 0
        while height % 2 == side % 2 == 0 and min(height, side) // 2 >= SMALLEST_SIDE:
            height, side, halvings = height // 2, side // 2, halvings + 1
        self.grid = (width << halvings, height, side)
        self.stem = nn.Linear(num_inputs, self.grid[0] * height * side)
        self.blocks = nn.ModuleList(
            nn.Conv2d(width << (level + 1), width << level, 3, padding=1)
            for level in reversed(range(halvings))
        )
        self.head = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(B, num_inputs) to unbounded (B, C, H, W)."""
        x = F.relu(self.stem(z).unflatten(1, self.grid))
        for convolution in self.blocks:
            x = F.relu(convolution(F.interpolate(x, scale_factor=2.0)))  # every pixel four times
        return self.head(x)


def normed(x: Tensor) -> Tensor:
    """Rows (B, width) divided by their root mean square."""
    return x * (x.square().mean(1, keepdim=True) + torch.finfo(torch.float32).eps).rsqrt()


def time_waves(t: Tensor) -> Tensor:
    """Cosines and sines of times (B,), with periods from the longest to the shortest."""
    share = torch.linspace(0, 1, TIME_WAVES)
    angles = 2 * math.pi * t[:, None] / (LONGEST * (SHORTEST / LONGEST) ** share)
    return torch.cat((angles.cos(), angles.sin()), 1)


def dense(sizes: list[int], activation: str) -> nn.Sequential:
    """Linear layers of these sizes with an activation between them."""
    layers: list[nn.Module] = []
    for size_in, size_out in pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def load(folder: str | Path) -> LatentFlow:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = LatentFlow(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
