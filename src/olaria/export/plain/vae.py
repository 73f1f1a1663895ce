r"""A variational autoencoder: images are made of random vectors z, and the model knows how to go both ways.

    z ~ N(0, I),    p(x | z) has the mean sigmoid(g(z) + logit m),    q(z | x) = N(mu, diag sigma^2)

The encoder f reads an image and gives mu and log sigma^2 of the z that may have made it. The decoder g is trained
together with it, so that the bound

    log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || N(0, I))

is as high as possible. New images: draw z from N(0, I) and decode it. m is the mean image of the training data. With
classes the decoder is also given the class, as a one-hot row behind z, so that z says what the class does not.

Source: Kingma & Welling 2014, "Auto-Encoding Variational Bayes".

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    y = torch.arange(16) % model.classes if model.classes else None
    images = model.decode(torch.randn(16, model.latent), y)  # new ones
    mean, log_variance = model.encode(images)
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


class VAE(nn.Module):
    """Encoder and decoder, dense or convolutional as ``config["network"]`` says."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        shape, self.latent, self.classes = config["shape"], config["latent"], config["classes"]
        num_inputs = self.latent + self.classes
        if config["network"] == "conv":
            self.encoder = ConvEncoder(shape, config["width"], 2 * self.latent)
            network: nn.Module = ConvDecoder(num_inputs, config["width"], shape)
        else:
            pixels, hidden = shape[0] * shape[1] * shape[2], config["hidden"]
            there, back = [pixels, *hidden, 2 * self.latent], [num_inputs, *hidden[::-1], pixels]
            self.encoder = nn.Sequential(nn.Flatten(), dense(there, config["activation"]))
            network = nn.Sequential(
                dense(back, config["activation"]), nn.Unflatten(1, tuple(shape))
            )
        self.decoder = nn.ModuleDict({"network": network})
        self.statistics = MeanImage(shape)
        if config["likelihood"] != "bernoulli" and config["scale"] is None:
            self.log_scale = nn.Parameter(torch.zeros(()))  # of the noise around each pixel's mean

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Images in [0, 1], (B, C, H, W), to the mean and the log-variance of q(z|x), (B, latent) each."""
        mean, log_variance = self.encoder(x - self.statistics.mean).chunk(2, 1)
        return mean, log_variance

    def draw(self, x: Tensor) -> Tensor:
        """A z drawn from q(z|x): mu + sigma * epsilon, with epsilon from N(0, I)."""
        mean, log_variance = self.encode(x)
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)

    def code(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The z that stands for an image: the mean of q(z|x), (B, latent)."""
        return self.encode(x)[0]

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Latent vectors (B, latent), and classes (B,) where there are some, to the pixels' means (B, C, H, W)."""
        if self.classes:
            z = torch.cat((z, F.one_hot(y, self.classes).to(z.dtype)), 1)
        return (self.decoder["network"](z) + self.statistics.logit).sigmoid()

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images to their reconstructions."""
        return self.decode(self.code(x), y)


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


def load(folder: str | Path) -> VAE:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = VAE(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
