r"""A small U-Net of images, told of a time or a class: its input is rearranged, so that full size never occurs.

Pixels of 2 × 2 become channels, so that images of 28 × 28 are worked on at 14 × 14 and 7 × 7. Each block is a residual
of two convolutions, and a condition c scales and shifts each channel between them:

.. math:: x + W_2 * r\bigl((1 + s(c)) \odot \widehat{W_1 * r(x)} + b(c)\bigr), \qquad r(x) = \mathrm{relu}(\hat x)

where :math:`\hat x` divides a pixel's channels by their root mean square. At the smallest size, dense layers may join
all places, so that one layer sees the whole image. Source: Ronneberger et al. 2015, *U-Net*; for diffusion Ho et al.
2020, appendix B; the rearranged input from Shi et al. 2016, *Sub-Pixel Convolution*; scale and shift from Dhariwal &
Nichol 2021, section 4.3.
"""

from __future__ import annotations

import math
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
class AllPlaces(nn.Module):
    r"""A residual of dense layers that join all places of an image: its weights belong to one size of the image.

    .. math:: x_p + W_3\, r\bigl(W_2\, r(W_1 \hat x)\bigr)_p

    with r the ReLU, :math:`W_1` from a place's channels to a few numbers, :math:`W_2` between those of all places, and
    :math:`W_3` back.

    Args:
        channels: of the image, before and after.
        places: of the image.
        width: numbers of each place.
    """

    def __init__(self, channels: int, places: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.narrow = nn.Linear(channels, width)
        self.join = nn.Linear(places * width, places * width)
        self.widen = nn.Linear(width, channels)
        for zero in (self.widen.weight, self.widen.bias):
            nn.init.zeros_(zero)  # it begins as the identity

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to the same shape."""
        by_place = normed_relu(x).permute(0, 2, 3, 1).flatten(1, 2)  # (B, places, channels)
        joined = F.relu(self.join(F.relu(self.narrow(by_place)).flatten(1)))
        more = self.widen(joined.unflatten(1, (-1, self.width))).mT
        out: Tensor = x + more.unflatten(2, x.shape[2:])
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
        dense: numbers of each place of the smallest size that :class:`AllPlaces` joins; 0 for none.
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
        dense: int = 0,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.stem = Conv(patch * patch * (inputs or shape[0]), widths[0], 3, padding=1)
        *upper, deepest = zip(widths, depths, strict=True)
        self.down = nn.ModuleList(Stage(width, depth, condition) for width, depth in upper)
        self.shrink = nn.ModuleList(
            Conv(width, wider, 4, stride=2, padding=1) for width, wider in pairwise(widths)
        )
        places = math.prod(side // patch // 2 ** len(upper) for side in shape[1:])
        self.dense = AllPlaces(widths[-1], places, dense) if dense else nn.Identity()
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
        x = self.middle(self.dense(x), c)
        for stage, grow in zip(reversed(self.up), reversed(self.grow), strict=True):
            x = stage(kept.pop() + grow(x), c)
        out: Tensor = F.pixel_shuffle(self.head(normed_relu(x)), self.patch)
        return out
