r"""A generative adversarial network: a generator makes images of noise, a discriminator judges them.

    z ~ N(0, I),    image = G(z),    D(image) = logit of the image being real

Trained in turns: the discriminator D learns to tell real images from generated ones, the generator G learns to make
images that D takes for real. Drawing needs G alone. With classes, both are given one: G as a one-hot row behind z; D
by a row v_y of each class that is multiplied with the features (``projection``), or it names the class itself
(``auxiliary``). A spectral norm, where training had one, is already divided out of these weights.

Sources: Goodfellow et al. 2014, "Generative Adversarial Nets"; Miyato & Koyama 2018 (projection); Karras et al. 2018,
section 4.2 (the norm of each pixel).

Needs torch and safetensors:

    model = load(".")  # the folder of config.json and model.safetensors
    y = torch.arange(16) % model.classes if model.classes else None
    images = model.generate(torch.randn(16, model.latent), y)
    logits = model.discriminate(images, y)
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

SMALLEST_SIDE = 4


class GAN(nn.Module):
    """Convolutional generator and discriminator."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.latent, self.classes = config["latent"], config["classes"]
        self.generator = nn.ModuleDict({"decoder": Generator(config)})
        self.discriminator = Discriminator(config)
        self.conditioning = config["conditioning"]
        if self.classes:
            size = self.discriminator.head.in_features
            is_row = self.conditioning == "projection"
            self.class_rows: nn.Module = (
                nn.Embedding(self.classes, size) if is_row else nn.Linear(size, self.classes)
            )

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Noise (B, latent), and classes (B,) where there are some, to images (B, C, H, W) in [0, 1]."""
        if self.classes:
            z = torch.cat((z, F.one_hot(y, self.classes).to(z.dtype)), 1)
        return self.generator["decoder"](z).sigmoid()

    def discriminate(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Images in [0, 1], and classes where there are some, to logits of being real, (B,)."""
        features = self.discriminator(2 * x - 1)
        logits = self.discriminator.head(features).squeeze(1)
        if y is not None and self.classes and self.conditioning == "projection":
            logits = logits + (self.class_rows(y) * features).sum(1)
        return logits

    def classify(self, x: Tensor) -> Tensor:
        """Images in [0, 1] to logits of their classes, (B, classes), where the conditioning is ``auxiliary``."""
        return self.class_rows(self.discriminator(2 * x - 1))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Noise to images."""
        return self.generate(z, y)


class Generator(nn.Module):
    """One linear layer to a small image, which is doubled and convolved until it is large."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        channels, height, side = config["shape"]
        width, halvings = config["generator_width"], 0
        while height % 2 == side % 2 == 0 and min(height, side) // 2 >= SMALLEST_SIDE:
            height, side, halvings = height // 2, side // 2, halvings + 1
        deepest = width << halvings
        self.grid = (deepest, height, side)
        self.stem = nn.Linear(config["latent"] + config["classes"], deepest * height * side)
        self.residuals = nn.ModuleList(
            nn.Conv2d(deepest, deepest, 3, padding=1) for _ in range(config["generator_depth"])
        )
        self.blocks = nn.ModuleList(
            nn.Conv2d(width << (level + 1), width << level, 3, padding=1)
            for level in reversed(range(halvings))
        )
        self.head = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Noise to unbounded (B, C, H, W)."""
        x = normed_relu(self.stem(z).unflatten(1, self.grid))
        for convolution in self.residuals:
            x = x + normed_relu(convolution(x))
        for convolution in self.blocks:
            x = normed_relu(convolution(F.interpolate(x, scale_factor=2.0)))
        return self.head(x)


def normed_relu(x: Tensor) -> Tensor:
    """Each pixel's features divided by their root mean square; then what is negative becomes zero."""
    return F.relu(x * (x.square().mean(1, keepdim=True) + 1e-6).rsqrt())


class Discriminator(nn.Module):
    """Convolutions that halve the image until a side is 4 or less, then one linear layer."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        channels, *sides = config["shape"]
        width, slope = config["discriminator_width"], config["slope"]
        layers: list[nn.Module] = []
        while min(sides) > SMALLEST_SIDE:
            kernel = tuple(3 if side % 2 else 4 for side in sides)
            convolution = nn.Conv2d(channels, width, kernel, stride=2, padding=1)
            layers += [convolution, nn.LeakyReLU(slope)]
            channels, width, sides = width, 2 * width, [(side + 1) // 2 for side in sides]
            if SMALLEST_SIDE < min(sides) <= 2 * SMALLEST_SIDE:
                depth = config["discriminator_depth"]
                layers += [Residual(channels, slope) for _ in range(depth)]
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(slope)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels * sides[0] * sides[1], 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to what the last layer reads, (B, features)."""
        return self.features(x).flatten(1)


class Residual(nn.Module):
    """A convolution whose output is added to its input."""

    def __init__(self, channels: int, slope: float) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x + F.leaky_relu(self.convolution(x), self.slope)


def load(folder: str | Path) -> GAN:
    """The trained model of a folder, ready to use."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    model = GAN(config)
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    return model.eval().requires_grad_(False)
