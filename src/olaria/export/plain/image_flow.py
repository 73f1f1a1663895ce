r"""Flow matching of images: a U-Net learns the velocity that carries noise to images, and an image follows it.

    z ~ N(0, I),    dx/dt = v(x, t) from x = z at t = 0,    image = (x + 1) / 2 at t = 1

After each step but the last a share of the noise that x holds, e = x - t v, may be drawn anew.

What clusters of the training images say of the velocity is known in closed form, or where there are none, what the mean
and the variance of each pixel say; the network is shown that and adds what is left. With classes it has a velocity of
each, v_y, and one of no class, v; a weight w drives an image away from the latter: v + w (v_y - v). 1 is the class
alone; other weights need a model that learned with some classes dropped.

Sources: Lipman et al. 2023, "Flow Matching for Generative Modeling", equation 23; Ho & Salimans 2022, "Classifier-Free
Diffusion Guidance", equation 6 (1 + w there); Song et al. 2021, "Denoising Diffusion Implicit Models", equation 12.

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    y = torch.arange(16) % model.classes if model.classes else None
    images = model.generate(torch.randn(16, model.latent), y)
    velocity = model.velocity(torch.randn(16, *model.shape), torch.rand(16), y)
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

TIME_WAVES, LONGEST, SHORTEST = 16, 2.0, 1 / 16
MOST_AXES = 128  # along which the clusters of the training images differ
LEAST_LEFT = 0.05  # of the time that a prediction is divided by
MOST_SURE = 0.95  # of a guess, as a pixel in [-1, 1], that is added to the network's logits


class ImageFlow(nn.Module):
    """A U-Net of the noisy image, the time and the class."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.shape, self.classes = tuple(config["shape"]), config["classes"]
        self.prediction, self.steps = config["prediction"], config["steps"]
        self.solver, self.power = config["solver"], config["step_power"]
        self.share, condition = config["step_noise"], config["condition"]
        self.latent = math.prod(self.shape) * (self.steps if self.share else 1)
        self.modes = Modes(config) if config["modes"] else None
        self.network = UNet(config)
        self.time = nn.Sequential(
            nn.Linear(2 * TIME_WAVES, condition), nn.SiLU(), nn.Linear(condition, condition)
        )
        if self.classes:  # and one row for no class
            self.class_rows = nn.Embedding(self.classes + 1, condition)
        for name in ("mean", "variance", "logit"):
            self.register_buffer(name, torch.zeros(self.shape))

    def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Noisy images (B, C, H, W) around [-1, 1] at times (B,) to velocities of that shape.

        Classes (B,) are 0, 1, ...; their number, or None, is no class.
        """
        y = y if self.classes and y is not None else torch.full_like(t, self.classes).long()
        c = self.time(time_waves(t)) + (self.class_rows(y) if self.classes else 0)
        time = t.view(-1, 1, 1, 1)
        size = ((1 - time).square() + time.square() * self.variance).clamp_min(1e-6)
        if self.modes is None:
            share = (time * self.variance - (1 - time)) / size
            guess = self.mean + share * (x - time * self.mean)
        else:
            guess = self.modes(x.flatten(1), t, y).view_as(x)
        data = (x + (1 - time) * guess).clamp(-1, 1)  # where it leads
        out = self.network(x if self.modes is None else torch.cat((x, data), 1), F.silu(c))
        if self.prediction == "data":
            return (self.mixed(out, data, time) - x) / (1 - time).clamp_min(LEAST_LEFT)
        if self.prediction == "noise":
            return (x - out) / time.clamp_min(LEAST_LEFT)
        return guess + (self.variance / size).sqrt() * out

    def mixed(self, out: Tensor, guess: Tensor, t: Tensor) -> Tensor:
        """The data, where the network predicts it: black, white and the guess, each with a probability."""
        black, white, same = out.unflatten(1, (3, -1)).unbind(1)
        sure = guess.clamp(-MOST_SURE, MOST_SURE)
        known = self.logit / 2 if self.modes is None else ((1 + sure) / (1 - sure)).log() / 2
        same = same + 2 * t.clamp(0.001, 0.999).logit() - 2
        p = torch.stack((black - known, white + known, same), 1).softmax(1)
        return p[:, 1] - p[:, 0] + p[:, 2] * guess

    def generate(
        self,
        z: Tensor,
        y: Tensor | None = None,
        steps: int | None = None,
        solver: str | None = None,
        guidance: float = 1.0,
    ) -> Tensor:
        """Noise (B, size), or (B, size * steps) with a share, and classes (B,), to images (B, C, H, W) in [0, 1]."""
        steps, solver = steps or self.steps, solver or self.solver

        def v(x: Tensor, time: float) -> Tensor:
            t = torch.full_like(x[:, 0, 0, 0], time)
            if guidance == 1 or not self.classes:
                return self.velocity(x, t, y)
            free = self.velocity(x, t)
            return free + guidance * (self.velocity(x, t, y) - free)

        x, *fresh = z.view(len(z), -1, *self.shape).unbind(1)
        times = [1 - (1 - k / steps) ** self.power for k in range(steps + 1)]
        for now, then in pairwise(times):
            length, mean = then - now, v(x, now)
            if solver == "midpoint":
                mean = v(x + length / 2 * mean, now + length / 2)
            elif solver == "heun":
                mean = (mean + v(x + length * mean, then)) / 2
            noise, x = x - now * mean, x + length * mean
            if fresh:
                lost = 1 - math.sqrt(1 - self.share**2)
                x = x + (1 - then) * (self.share * fresh.pop(0) - lost * noise)
        return ((x + 1) / 2).clamp(0, 1)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Noise to images."""
        return self.generate(z, y)


class Modes(nn.Module):
    """Normal clusters of the training images, of one shape; each class has weights of its own, no class the last."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        size, count = math.prod(config["shape"]), config["modes"]
        num_axes = min(size, MOST_AXES)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("axes", torch.zeros(size, num_axes))
        self.register_buffer("centres", torch.zeros(count, num_axes))
        self.register_buffer("weights", torch.zeros(config["classes"] + 1, count))  # logarithms
        self.register_buffer("inside", torch.ones(num_axes))
        self.register_buffer("outside", torch.ones(()))

    def forward(self, x: Tensor, t: Tensor, row: Tensor) -> Tensor:
        """The mean velocity of flat images (B, size) at times (B,), with the weights of rows (B,)."""
        t = t[:, None]
        u = x - t * self.mean
        y = u @ self.axes
        size = ((1 - t).square() + t.square() * self.inside).clamp_min(1e-6)
        terms = torch.cat((t * y / size, -0.5 * t.square() / size), 1)
        scores = terms @ torch.cat((self.centres, self.centres.square()), 1).T
        m = (self.weights[row] + scores).softmax(1) @ self.centres
        share = (t * self.inside - (1 - t)) / size
        around = ((1 - t).square() + t.square() * self.outside).clamp_min(1e-6)
        rest = (t * self.outside - (1 - t)) / around
        return self.mean + rest * u + (m + share * (y - t * m) - rest * y) @ self.axes.T


class UNet(nn.Module):
    """Squares of pixels become channels; smaller images, blocks, and back, adding what each size had before."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        channels, height, width = config["shape"]
        widths, depths = config["widths"], config["depths"]
        self.patch, condition = config["patch"], config["condition"]
        packed = self.patch**2 * channels
        self.stem = nn.Conv2d((2 if config["modes"] else 1) * packed, widths[0], 3, padding=1)
        *upper, deepest = zip(widths, depths, strict=True)
        self.down = nn.ModuleList(Stage(width, depth, condition) for width, depth in upper)
        self.shrink = nn.ModuleList(
            nn.Conv2d(width, wider, 4, stride=2, padding=1) for width, wider in pairwise(widths)
        )
        dense, side = config["dense"], self.patch * 2 ** len(upper)
        places = (height // side) * (width // side)
        self.dense = AllPlaces(widths[-1], places, dense) if dense else nn.Identity()
        self.middle = Stage(*deepest, condition)
        self.grow = nn.ModuleList(
            nn.Conv2d(wider, width, 3, padding=1) for width, wider in pairwise(widths)
        )
        self.up = nn.ModuleList(Stage(width, depth, condition) for width, depth in upper)
        outputs = 3 * packed if config["prediction"] == "data" else packed
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """(B, inputs, H, W) and the condition (B, condition) to (B, outputs, H, W)."""
        x, kept = self.stem(F.pixel_unshuffle(x, self.patch)), []
        for stage, shrink in zip(self.down, self.shrink, strict=True):
            kept.append(stage(x, c))
            x = shrink(kept[-1])
        x = self.middle(self.dense(x), c)
        for stage, grow in zip(reversed(self.up), reversed(self.grow), strict=True):
            x = stage(kept.pop() + grow(F.interpolate(x, scale_factor=2.0)), c)
        return F.pixel_shuffle(self.head(F.relu(normed(x))), self.patch)


class AllPlaces(nn.Module):
    """Dense layers that join all places; what they give is added to what they read."""

    def __init__(self, channels: int, places: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.narrow = nn.Linear(channels, width)
        self.join = nn.Linear(places * width, places * width)
        self.widen = nn.Linear(width, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to the same shape."""
        by_place = F.relu(normed(x)).permute(0, 2, 3, 1).flatten(1, 2)
        joined = F.relu(self.join(F.relu(self.narrow(by_place)).flatten(1)))
        more = self.widen(joined.unflatten(1, (-1, self.width))).mT
        return x + more.unflatten(2, x.shape[2:])


class Stage(nn.Module):
    """Blocks, one after the other."""

    def __init__(self, channels: int, depth: int, condition: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(channels, condition) for _ in range(depth))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """(B, channels, H, W) and (B, condition) to the shape of the first."""
        for block in self.blocks:
            x = block(x, c)
        return x


class Block(nn.Module):
    """A residual of two convolutions; the condition scales and shifts each channel between them."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.told = nn.Linear(condition, 2 * channels)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """(B, channels, H, W) and (B, condition) to the shape of the first."""
        scale, shift = self.told(c)[:, :, None, None].chunk(2, 1)
        between = normed(self.first(F.relu(normed(x))))
        return x + self.second(F.relu((1 + scale) * between + shift))


def normed(x: Tensor) -> Tensor:
    """Each pixel's channels divided by their root mean square."""
    return x * (x.square().mean(1, keepdim=True) + 1e-6).rsqrt()


def time_waves(t: Tensor) -> Tensor:
    """Cosines and sines of times (B,), with periods from the longest to the shortest."""
    share = torch.linspace(0, 1, TIME_WAVES)
    angles = 2 * math.pi * t[:, None] / (LONGEST * (SHORTEST / LONGEST) ** share)
    return torch.cat((angles.cos(), angles.sin()), 1)


def load(folder: str | Path) -> ImageFlow:
    """The trained model of a folder, ready to use."""
    model = ImageFlow(json.loads((Path(folder) / "config.json").read_text("utf-8")))
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
