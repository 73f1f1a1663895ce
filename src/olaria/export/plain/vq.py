r"""A vector-quantized autoencoder: an image becomes a small grid of whole numbers, its codes.

    v = f(x - m),    k = argmax_j  v . e_j,    mean of p(x | k) = sigmoid(g(e_k) + logit m)

The encoder f gives one vector for each 4 x 4 pixels. The codebook has K entries e_j of length 1; the nearest one, which
for vectors of length 1 is the one with the largest product, stands in the vector's place. The decoder g paints from
entries. So an image is a text over an alphabet of K letters, and a language model can learn to write it.

Source: van den Oord et al. 2017, "Neural Discrete Representation Learning"; entries of length 1 as in Yu et al. 2022.

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    images = torch.rand(16, *model.shape)  # or your own, in [0, 1]
    codes = model.encode(images)  # int64 (16, H / 4, W / 4)
    rebuilt = model.decode(codes)
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn


class VQ(nn.Module):
    """Convolutional encoder and decoder around a codebook."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        shape, dim = config["shape"], config["latent"]
        self.shape = tuple(shape)
        first, second = config["width"], 2 * config["width"]
        self.encoder = nn.Sequential(
            nn.Conv2d(shape[0], first, 4, stride=2, padding=1),  # halves the sides
            nn.ReLU(),
            nn.Conv2d(first, second, 4, stride=2, padding=1),  # and again
            nn.ReLU(),
            nn.Conv2d(second, second, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(second, dim, 1),
        )
        self.codebook = Codebook(config["codes"], dim)
        self.decoder = nn.Sequential(
            nn.Conv2d(dim, second, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(second, second, 3, padding=1),
            nn.ReLU(),
            UpConv(second, first),
            nn.ReLU(),
            UpConv(first, first),
            nn.ReLU(),
            nn.Conv2d(first, shape[0], 3, padding=1),
        )
        self.statistics = MeanImage(shape)
        if config["likelihood"] == "logistic":
            self.log_scale = nn.Parameter(torch.zeros(()))  # of the noise around each pixel's mean

    def encode(self, x: Tensor) -> Tensor:
        """Images in [0, 1], (B, C, H, W), to codes, int64 (B, H / 4, W / 4)."""
        vectors = self.encoder(x - self.statistics.mean).permute(0, 2, 3, 1)
        return self.codebook.nearest(vectors)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes to the means of the pixels, (B, C, H, W)."""
        vectors = self.codebook.unit[codes].permute(0, 3, 1, 2)
        return (self.decoder(vectors) + self.statistics.logit).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Images to their reconstructions."""
        return self.decode(self.encode(x))


class Codebook(nn.Module):
    """K vectors on the unit sphere."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.entries = nn.Parameter(torch.zeros(size, dim))

    @property
    def unit(self) -> Tensor:
        """The entries with length 1, (K, D)."""
        return F.normalize(self.entries, dim=1)

    def nearest(self, vectors: Tensor) -> Tensor:
        """Vectors (..., D), of any length, to the numbers of the nearest entries, int64 (...)."""
        return (F.normalize(vectors, dim=-1) @ self.unit.T).argmax(-1)


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


def load(folder: str | Path) -> VQ:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = VQ(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
