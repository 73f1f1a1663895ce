"""Convolutional encoder and decoder whose depth follows from the image's size.

The decoder doubles, so it begins where halving without a rest ends: 28 ← 14 ← 7, 32 ← 16 ← 8 ← 4, 8 ← 4. The encoder
rounds up and goes on while a side is larger than :data:`SMALLEST_SIDE`: 28 → 14 → 7 → 4.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from olaria.nn.fused import as_it_is
from olaria.nn.fused_images import convolve, convolve_transposed, keep_layout, normed_relu

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


class Conv(nn.Conv2d):
    """A convolution computed by :func:`olaria.nn.fused_images.convolve`; stride and padding are one number each."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) to (B, channels_out, H', W')."""
        padding = self.padding[0]
        assert isinstance(padding, int)
        return convolve(x, self.weight, self.bias, self.stride[0], padding)


class UpConv(nn.Conv2d):
    r"""Every pixel doubled both ways, then a convolution of 3 × 3, as one transposed convolution.

    .. math:: \mathrm{conv}_W(\mathrm{double}(x)) = \mathrm{conv}^\top_K(x), \qquad
              K = W * \begin{pmatrix} 1 & 1 \\ 1 & 1 \end{pmatrix} = S^\top W S

    with a stride of 2 and K of 4 × 4, turned round as transposition asks: S is :data:`_SUMS`. Doubled pixels meet the
    same weights several times: summed beforehand, 16 products stand for 36, and the doubled image is never written.
    Padding is by zeros, on both sides the same.

    Args:
        channels_in: of the small image.
        channels_out: of the large one.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) to (B, channels_out, 2 H, 2 W)."""
        sums = self.weight.new_tensor(_SUMS)
        with as_it_is(x.device.type):  # weights are summed before any is rounded
            kernels = self.weight.flatten(2) @ torch.kron(sums, sums)  # (out, in, 16)
        return convolve_transposed(x, kernels.unflatten(2, (4, 4)).transpose(0, 1), self.bias)


_SUMS = [[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
"""Which weights of a row of three a doubled row meets, from its last place to its first."""


class Residual(nn.Module):
    """A convolution of 3 × 3 whose answer is added to what it reads: :math:`x + a(W * x + b)`.

    Args:
        channels: of the image, before and after.
        slope: of LeakyReLU, a, for negative inputs.
        constrain: what is done to the layer.
    """

    def __init__(
        self, channels: int, slope: float, constrain: Callable[[nn.Module], nn.Module]
    ) -> None:
        super().__init__()
        self.convolution = constrain(Conv(channels, channels, 3, padding=1))
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x + F.leaky_relu(self.convolution(x), self.slope)


class ConvEncoder(nn.Module):
    """Image to vector: strided convolutions, then one linear layer.

    Args:
        shape: (C, H, W) of the image.
        width: channels after the first convolution; doubled at each halving.
        num_outputs: size of the vector.
        slope: of LeakyReLU for negative inputs; 0 is ReLU.
        spectral: constrain every layer's largest singular value to 1 (Miyato et al. 2018, section 2.1).
        depth: residual convolutions before the last halving, where one sees strokes and still costs little.
    """

    def __init__(
        self,
        shape: Shape,
        width: int,
        num_outputs: int,
        slope: float = 0.0,
        spectral: bool = False,
        depth: int = 0,
    ) -> None:
        super().__init__()
        channels, *sides = shape
        constrain = spectral_norm if spectral else _unconstrained
        layers: list[nn.Module] = []
        while min(sides) > SMALLEST_SIDE:
            tall, wide = (3 if side % 2 else 4 for side in sides)  # centred on what it halves
            layers += [
                constrain(Conv(channels, width, (tall, wide), stride=2, padding=1)),
                nn.LeakyReLU(slope),
            ]
            channels, width = width, 2 * width
            sides = [(side + 1) // 2 for side in sides]
            if SMALLEST_SIDE < min(sides) <= 2 * SMALLEST_SIDE:
                layers += [Residual(channels, slope, constrain) for _ in range(depth)]
        layers += [constrain(Conv(channels, channels, 3, padding=1)), nn.LeakyReLU(slope)]
        self.features = nn.Sequential(*layers)
        self.num_features = channels * sides[0] * sides[1]
        self.head = constrain(nn.Linear(self.num_features, num_outputs))

    def describe(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to what the last layer reads, (B, num_features)."""
        features: Tensor = keep_layout(self.features(x)).flatten(1)
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
        normalise: divide each pixel by its root mean square after each convolution.
        depth: residual convolutions where the image is smallest and one costs least.
    """

    def __init__(
        self, num_inputs: int, width: int, shape: Shape, normalise: bool = False, depth: int = 0
    ) -> None:
        super().__init__()
        channels, height, side = shape
        halvings = num_halvings(height, side)
        deepest = width << halvings
        self.grid = (deepest, height >> halvings, side >> halvings)
        self.stem = nn.Linear(num_inputs, self.grid[0] * self.grid[1] * self.grid[2])
        self.residuals = nn.ModuleList(Conv(deepest, deepest, 3, padding=1) for _ in range(depth))
        self.blocks = nn.ModuleList(
            UpConv(width << (level + 1), width << level) for level in reversed(range(halvings))
        )
        self.bent = normed_relu if normalise else F.relu
        self.head = Conv(width, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(B, num_inputs) to unbounded (B, C, H, W)."""
        x = self.bent(self.stem(z).unflatten(1, self.grid))
        for convolution in self.residuals:
            x = x + self.bent(convolution(x))
        for convolution in self.blocks:
            x = self.bent(convolution(x))
        out: Tensor = self.head(x)
        return out


def _unconstrained(layer: nn.Module) -> nn.Module:
    return layer
