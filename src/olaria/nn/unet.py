r"""A small U-Net of images, told of a time or a class: its input is rearranged, so that full size never occurs.

Pixels of 2 × 2 become channels, so that images of 28 × 28 are worked on at 14 × 14 and 7 × 7. Each block is a residual
of two convolutions, and a condition c scales and shifts each channel between them:

.. math:: x + W_2 * r\bigl((1 + s(c)) \odot \widehat{W_1 * r(x)} + b(c)\bigr), \qquad r(x) = \mathrm{relu}(\hat x)

where :math:`\hat x` divides a pixel's channels by their root mean square. Source: Ronneberger et al. 2015, *U-Net*; for
diffusion Ho et al. 2020, appendix B; the rearranged input from Shi et al. 2016, *Sub-Pixel Convolution*; scale and
shift from Dhariwal & Nichol 2021, section 4.3.
"""

from __future__ import annotations

from itertools import pairwise
from typing import final

import torch.nn.functional as F
from torch import Tensor, nn

from olaria.nn.conv import Conv, UpConv
from olaria.nn.fused_images import channels_last, conditioned_relu, normed_relu

Shape = tuple[int, int, int]


@final
class Block(nn.Module):
    """A residual of two convolutions that is told of the condition; see the module.

    Args:
        channels: of the image, before and after.
        condition: numbers of c; where 0, a channel is neither scaled nor shifted.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.first = Conv(channels, channels, 3, padding=1)
        self.second = Conv(channels, channels, 3, padding=1)
        assert self.second.bias is not None
        zeros = [self.second.weight, self.second.bias]
        if condition:
            self.told = nn.Linear(condition, 2 * channels)
            zeros += [self.told.weight, self.told.bias]
        for zero in zeros:
            nn.init.zeros_(zero)  # every block begins as the identity

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """(B, channels, H, W) and (B, condition) to the shape of the first."""
        if c is None:
            plain: Tensor = x + self.second(normed_relu(self.first(normed_relu(x))))
            return plain
        scale, shift = self.told(c).chunk(2, 1)
        out: Tensor = x + self.second(conditioned_relu(self.first(normed_relu(x)), scale, shift))
        return out


@final
class Stage(nn.Module):
    """Blocks, one after the other."""

    def __init__(self, channels: int, depth: int, condition: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(channels, condition) for _ in range(depth))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """(B, channels, H, W) and (B, condition) to the shape of the first."""
        for block in self.blocks:
            x = block(x, c)
        return x


@final
class UNet(nn.Module):
    """Images and a condition to images of the same shape.

    Args:
        shape: (C, H, W), H and W even.
        widths: channels at half the size, at a quarter, …
        depths: blocks on the way down at each of these sizes, and as many on the way up; of the last all together.
        condition: numbers of the condition; 0 for none.
        outputs: channels of the output; C where None.
        patch: side of the squares of pixels that become channels.
        inputs: channels of the input; C where None.
    """

    def __init__(
        self,
        shape: Shape,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
        condition: int,
        outputs: int | None = None,
        patch: int = 2,
        inputs: int | None = None,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.stem = Conv(patch * patch * (inputs or shape[0]), widths[0], 3, padding=1)
        *upper, deepest = zip(widths, depths, strict=True)
        self.down = nn.ModuleList(Stage(width, depth, condition) for width, depth in upper)
        self.shrink = nn.ModuleList(
            Conv(width, wider, 4, stride=2, padding=1) for width, wider in pairwise(widths)
        )
        self.middle = Stage(*deepest, condition)
        self.grow = nn.ModuleList(UpConv(wider, width) for width, wider in pairwise(widths))
        self.up = nn.ModuleList(Stage(width, depth, condition) for width, depth in upper)
        self.head = Conv(widths[0], patch * patch * (outputs or shape[0]), 3, padding=1)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """(B, inputs, H, W) and (B, condition) to (B, outputs, H, W); no condition where it was made without one."""
        x = self.stem(channels_last(F.pixel_unshuffle(x, self.patch)))
        kept = []
        for stage, shrink in zip(self.down, self.shrink, strict=True):
            kept.append(stage(x, c))
            x = shrink(kept[-1])
        x = self.middle(x, c)
        for stage, grow in zip(reversed(self.up), reversed(self.grow), strict=True):
            x = stage(kept.pop() + grow(x), c)
        out: Tensor = F.pixel_shuffle(self.head(normed_relu(x)), self.patch)
        return out
