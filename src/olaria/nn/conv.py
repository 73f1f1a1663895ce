"""Convolutional encoder and decoder whose depth follows from the image's size.

The side is halved while it is even and larger than :data:`SMALLEST_SIDE`: 28 → 14 → 7, 32 → 16 → 8 → 4, 8 → 4.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SMALLEST_SIDE = 4
Shape = tuple[int, int, int]


def num_halvings(height: int, width: int) -> int:
    """How often both sides can be halved exactly and stay at least :data:`SMALLEST_SIDE`.

    >>> [num_halvings(side, side) for side in (8, 28, 32)]
    [1, 2, 3]
    """
    count = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) // 2 >= SMALLEST_SIDE:
        height, width, count = height // 2, width // 2, count + 1
    return count


class PixelNorm(nn.Module):
    r"""Each pixel's feature vector is divided by its root mean square.

    .. math:: y_c = x_c \Big/ \sqrt{\tfrac1C \sum_j x_j^2 + \epsilon}

    It has no statistics over the batch, so training and evaluation are the same function, and a sample does
    not depend on its neighbours. Source: Karras et al. 2018, *Progressive Growing of GANs*, section 4.2.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x * (x.square().mean(1, keepdim=True) + 1e-6).rsqrt()


class ConvEncoder(nn.Module):
    """Image to vector: strided convolutions, then one linear layer.

    Args:
        shape: (C, H, W) of the image.
        width: channels after the first convolution; doubled at each halving.
        num_outputs: size of the vector.
        slope: of LeakyReLU for negative inputs; 0 is ReLU.
        spectral: constrain every layer's largest singular value to 1 (Miyato et al. 2018, section 2.1).
    """

    def __init__(
        self, shape: Shape, width: int, num_outputs: int, slope: float = 0.0, spectral: bool = False
    ) -> None:
        super().__init__()
        channels, height, side = shape
        halvings = num_halvings(height, side)
        constrain = spectral_norm if spectral else _unconstrained
        layers: list[nn.Module] = []
        for level in range(halvings):
            layers += [
                constrain(nn.Conv2d(channels, width << level, 4, stride=2, padding=1)),
                nn.LeakyReLU(slope),
            ]
            channels = width << level
        layers += [constrain(nn.Conv2d(channels, channels, 3, padding=1)), nn.LeakyReLU(slope)]
        self.features = nn.Sequential(*layers)
        area = (height >> halvings) * (side >> halvings)
        self.num_features = channels * area
        self.head = constrain(nn.Linear(self.num_features, num_outputs))

    def describe(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to what the last layer reads, (B, num_features)."""
        features: Tensor = self.features(x).flatten(1)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, num_outputs)."""
        out: Tensor = self.head(self.describe(x))
        return out


class ConvDecoder(nn.Module):
    """Vector to image: one linear layer, then upsampling by two with convolutions.

    Args:
        num_inputs: size of the vector.
        width: channels at full size; doubled at each halving below it.
        shape: (C, H, W) of the image.
        normalise: :class:`PixelNorm` after each convolution.
    """

    def __init__(self, num_inputs: int, width: int, shape: Shape, normalise: bool = False) -> None:
        super().__init__()
        channels, height, side = shape
        halvings = num_halvings(height, side)
        deepest = width << halvings
        self.grid = (deepest, height >> halvings, side >> halvings)
        self.stem = nn.Linear(num_inputs, self.grid[0] * self.grid[1] * self.grid[2])
        self.blocks = nn.ModuleList(
            nn.Conv2d(width << (level + 1), width << level, 3, padding=1)
            for level in reversed(range(halvings))
        )
        self.norm = PixelNorm() if normalise else nn.Identity()
        self.head = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(B, num_inputs) to unbounded (B, C, H, W)."""
        x = F.relu(self.norm(self.stem(z).unflatten(1, self.grid)))
        for convolution in self.blocks:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = F.relu(self.norm(convolution(x)))
        out: Tensor = self.head(x)
        return out


def _unconstrained(layer: nn.Module) -> nn.Module:
    return layer
