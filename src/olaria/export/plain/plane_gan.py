r"""A generative adversarial network of points: the smallest one in which everything can be seen.

    z ~ N(0, I),    point = c + s G(z),    D((point - c) / s) = logit of the point being real

c is the mean of the training points and s their scale, so that both networks work with numbers of about 1. Where the
densities p of the data and q of the generator are known, the best discriminator is p / (p + q). A spectral norm, where
training had one, is already divided out of these weights.

Source: Goodfellow et al. 2014, "Generative Adversarial Nets", proposition 1.

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    points = model.generate(torch.randn(1000, model.latent))
    logits = model.discriminate(points)
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn


class PlaneGAN(nn.Module):
    """Dense generator and discriminator."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.latent, size, hidden = config["latent"], config["size"], config["hidden"]
        self.generator = Generator([self.latent, *hidden, size])
        self.discriminator = dense([size, *hidden, 1], nn.LeakyReLU(config["slope"]))

    def generate(self, z: Tensor) -> Tensor:
        """Noise (B, latent) to points (B, size)."""
        return self.generator(z)

    def discriminate(self, x: Tensor) -> Tensor:
        """Points (B, size) to logits of being real, (B,)."""
        scaled = (x - self.generator.centre) / self.generator.spread
        return self.discriminator(scaled).squeeze(1)

    def forward(self, z: Tensor) -> Tensor:
        """Noise to points."""
        return self.generate(z)


class Generator(nn.Module):
    """A dense network, scaled and moved to where the data lie."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.network = dense(sizes, nn.ReLU())
        self.register_buffer("centre", torch.zeros(sizes[-1]))
        self.register_buffer("spread", torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        """Noise to points."""
        return self.centre + self.spread * self.network(z)


def dense(sizes: list[int], activation: nn.Module) -> nn.Sequential:
    """Linear layers of these sizes with an activation between them."""
    layers: list[nn.Module] = []
    for size_in, size_out in pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), activation]
    return nn.Sequential(*layers[:-1])


def load(folder: str | Path) -> PlaneGAN:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = PlaneGAN(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
