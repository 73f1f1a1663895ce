r"""An autoencoder: an image becomes a short vector z, and z becomes the image again.

    z = f(x - m),    x' = sigmoid(g(z) + logit m)    or    x' = g(z) + m

m is the mean image of the training data: both networks only learn how an image differs from it. Nothing here says which
z are likely, so the model can rebuild images and not invent them.

Source: Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks".

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    images = torch.rand(16, *model.shape)  # or your own, in [0, 1]
    codes = model.encode(images)  # (16, latent)
    rebuilt = model.decode(codes)
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}
SMALLEST_SIDE = 4


class AutoEncoder(nn.Module):
    """Encoder and decoder, dense or convolutional as ``config["network"]`` says."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        shape, latent = config["shape"], config["latent"]
        self.shape = tuple(shape)
        self.output = config["output"]
        if config["network"] == "conv":
            self.encoder = ConvEncoder(shape, config["width"], latent)
            self.decoder = ConvDecoder(latent, config["width"], shape)
        else:
            pixels, hidden = shape[0] * shape[1] * shape[2], config["hidden"]
            there, back = [pixels, *hidden, latent], [latent, *reversed(hidden), pixels]
            self.encoder = nn.Sequential(nn.Flatten(), dense(there, config["activation"]))
            self.decoder = nn.Sequential(
                dense(back, config["activation"]), nn.Unflatten(1, tuple(shape))
            )
        self.statistics = MeanImage(shape)

    def encode(self, x: Tensor) -> Tensor:
        """Images in [0, 1], (B, C, H, W), to latent vectors (B, latent)."""
        return self.encoder(x - self.statistics.mean)

    def decode(self, z: Tensor) -> Tensor:
        """Latent vectors (B, latent) to images (B, C, H, W)."""
        if self.output == "sigmoid":
            return (self.decoder(z) + self.statistics.logit).sigmoid()
        return self.decoder(z) + self.statistics.mean

    def forward(self, x: Tensor) -> Tensor:
        """Images to their reconstructions."""
        return self.decode(self.encode(x))


class MeanImage(nn.Module):
    """The mean m of the training images, and its logit log(m / (1 - m))."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(*shape))
        self.register_buffer("logit", torch.zeros(*shape))


def dense(sizes: list[int], activation: str) -> nn.Sequential:
    """Linear layers of these sizes with an activation between them."""
    layers: list[nn.Module] = []
    for size_in, size_out in pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class ConvEncoder(nn.Module):
    """Convolutions that halve the image until a side is 4 or less, then one linear layer."""

    def __init__(self, shape: list[int], width: int, num_outputs: int) -> None:
        super().__init__()
        channels, *sides = shape
        layers: list[nn.Module] = []
        while min(sides) > SMALLEST_SIDE:
            kernel = tuple(3 if side % 2 else 4 for side in sides)
            layers += [nn.Conv2d(channels, width, kernel, stride=2, padding=1), nn.ReLU()]
            channels, width, sides = width, 2 * width, [(side + 1) // 2 for side in sides]
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels * sides[0] * sides[1], num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, num_outputs)."""
        return self.head(self.features(x).flatten(1))


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


def load(folder: str | Path) -> AutoEncoder:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = AutoEncoder(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
