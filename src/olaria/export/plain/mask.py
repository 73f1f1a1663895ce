r"""Masked diffusion of binary pixels: a network says of each hidden pixel how probable it is, given the visible ones.

    logits = U(visible pixels as -1 and 1, hidden ones as 0; 1 where a pixel is visible) + logit m

with m the mean training image. An image is drawn from all pixels hidden: in each of n steps the next few pixels of a
random order, each given those that are visible by then. Trained on masks of every size, the network's mean loss over
all orders bounds -log p(x).

Sources: Sahoo et al. 2024, "Simple and Effective Masked Diffusion Language Models"; Hoogeboom et al. 2022,
"Autoregressive Diffusion Models"; Karras et al. 2018, section 4.2 (the norm of each pixel).

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    images, ranks = model.draw(16)  # binary, (16, C, H, W), and the order in which their pixels were drawn
    grey = model.means(images, ranks)  # the mean of each pixel given others
    hidden = torch.rand(16, *model.shape) < 0.5
    probabilities = model.logits(images, hidden).sigmoid()  # of the hidden pixels
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn


class MaskedDiffusion(nn.Module):
    """A U-Net of the visible pixels and of where they are."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.shape, self.steps = tuple(config["shape"]), config["steps"]
        self.network = UNet(self.shape, config["widths"], config["depths"], config["dense"])
        self.statistics = MeanImage(config["shape"])

    def logits(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Binary images and what is hidden of them, bool, both (B, C, H, W), to logits of the same shape."""
        visible = (~hidden).to(x.dtype)
        shown = torch.cat(((2 * x - 1) * visible, visible), 1)
        return self.network(shown) + self.statistics.logit

    @torch.no_grad()
    def draw(self, count: int, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """Binary images, drawn in so many steps, and the place of each pixel in the order, both (count, C, H, W)."""
        x = torch.zeros(count, *self.shape)
        ranks = torch.rand(count, x[0].numel()).argsort(1).argsort(1).view_as(x)
        size = x[0].numel()
        steps = min(steps or self.steps, size)
        for start, stop in pairwise(size * k // steps for k in range(steps + 1)):
            drawn = torch.bernoulli(self.logits(x, ranks >= start).sigmoid())
            x = torch.where((ranks >= start) & (ranks < stop), drawn, x)
        return x, ranks

    def means(self, x: Tensor, ranks: Tensor, parts: int = 4) -> Tensor:
        """The mean of each pixel of drawn images given those of the other parts: grey values, (B, C, H, W)."""
        grey = torch.zeros_like(x)
        for part in range(parts):
            hidden = ranks % parts == part
            grey = torch.where(hidden, self.logits(x, hidden).sigmoid(), grey)
        return grey

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """As ``logits``."""
        return self.logits(x, hidden)


class UNet(nn.Module):
    """Pixels of 2 x 2 become channels; then residual blocks at half the size, a quarter, ..., and back."""

    def __init__(
        self, shape: tuple[int, int, int], widths: list[int], depths: list[int], dense: int
    ) -> None:
        super().__init__()
        channels, height, width = shape
        self.stem = nn.Conv2d(8 * channels, widths[0], 3, padding=1)
        *upper, deepest = zip(widths, depths, strict=True)
        self.down = nn.ModuleList(Stage(*one) for one in upper)
        self.shrink = nn.ModuleList(
            nn.Conv2d(width, wider, 4, stride=2, padding=1) for width, wider in pairwise(widths)
        )
        stride = 2 ** len(widths)
        places = (height // stride) * (width // stride)
        self.dense = AllPlaces(widths[-1], places, dense) if dense else nn.Identity()
        self.middle = Stage(*deepest)
        self.grow = nn.ModuleList(UpConv(wider, width) for width, wider in pairwise(widths))
        self.up = nn.ModuleList(Stage(*one) for one in upper)
        self.head = nn.Conv2d(widths[0], 4 * channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2 C, H, W) to (B, C, H, W)."""
        x, kept = self.stem(F.pixel_unshuffle(x, 2)), []
        for stage, shrink in zip(self.down, self.shrink, strict=True):
            kept.append(stage(x))
            x = shrink(kept[-1])
        x = self.middle(self.dense(x))
        for stage, grow in zip(reversed(self.up), reversed(self.grow), strict=True):
            x = stage(kept.pop() + grow(x))
        return F.pixel_shuffle(self.head(normed_relu(x)), 2)


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
        by_place = normed_relu(x).permute(0, 2, 3, 1).flatten(1, 2)
        joined = F.relu(self.join(F.relu(self.narrow(by_place)).flatten(1)))
        more = self.widen(joined.unflatten(1, (-1, self.width))).mT
        return x + more.unflatten(2, x.shape[2:])


class Stage(nn.Module):
    """Blocks, one after the other."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(channels) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to the same shape."""
        return self.blocks(x)


class Block(nn.Module):
    """Two convolutions whose output is added to what they read."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to the same shape."""
        return x + self.second(normed_relu(self.first(normed_relu(x))))


class UpConv(nn.Conv2d):
    """Every pixel doubled both ways, then a convolution of 3 x 3."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) to (B, channels_out, 2 H, 2 W)."""
        return super().forward(F.interpolate(x, scale_factor=2.0))


class MeanImage(nn.Module):
    """The mean m of the training images, and its logit log(m / (1 - m))."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(*shape))
        self.register_buffer("logit", torch.zeros(*shape))


def normed_relu(x: Tensor) -> Tensor:
    """Each pixel's features divided by their root mean square; then what is negative becomes zero."""
    return F.relu(x * (x.square().mean(1, keepdim=True) + 1e-6).rsqrt())


def load(folder: str | Path) -> MaskedDiffusion:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = MaskedDiffusion(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
