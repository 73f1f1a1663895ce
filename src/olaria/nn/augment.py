r"""Changes of images that a discriminator looks through, with a gradient: shifts, light, and a hole.

A discriminator that sees few images learns them by heart. If it only ever sees changed ones, real and generated alike,
it cannot, and a generator whose changed images are distributed like the changed real ones is right about the unchanged
too, as long as a change leaves enough images alone.

Sources: Zhao et al. 2020, *Differentiable Augmentation for Data-Efficient GAN Training* (the three kinds); Karras et
al. 2020, *Training Generative Adversarial Networks with Limited Data*, sections 2.2 and 3 (a probability that adapts).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from olaria import draws

LARGEST_SHIFT = 1 / 8
"""Of a side, each way."""
LIGHT = 0.2
"""Added to, or taken from, all pixels at most; in units of their range."""
HOLE = 1 / 4
"""Side of the square that is covered, of the image's."""


def augmented(x: Tensor, probability: Tensor, generator: Generator) -> Tensor:
    """Images in [0, 1], (B, C, H, W), each changed in each of the three ways with a probability.

    Args:
        x: the images; what is drawn depends on their shape and the generator only.
        probability: scalar in [0, 1].
        generator: draws which and how.

    Returns:
        The same shape; what is shifted in from outside, and the hole, is 0.
    """
    for change in (_shifted, _lit, _covered):
        chosen = draws.uniform((len(x),), generator) < probability
        # Drawn for all, so that the draws that follow do not depend on the probability.
        changed = change(x, generator)
        x = torch.where(chosen[:, None, None, None], changed, x)
    return x


def _shifted(x: Tensor, generator: Generator) -> Tensor:
    batch, _, height, width = x.shape
    most = [max(1, round(LARGEST_SHIFT * side)) for side in (height, width)]
    down, right = (draws.integers(-m, m + 1, (batch, 1), generator) for m in most)
    padded = F.pad(x, (most[1], most[1], most[0], most[0]))
    rows = torch.arange(height, device=x.device) + most[0] - down  # (B, H)
    columns = torch.arange(width, device=x.device) + most[1] - right
    image = torch.arange(batch, device=x.device)[:, None, None]
    # Indices of all three beside each other put the channels last.
    moved = padded[image, :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _lit(x: Tensor, generator: Generator) -> Tensor:
    more = LIGHT * (2 * draws.uniform((len(x), 1, 1, 1), generator) - 1)
    return x + more


def _covered(x: Tensor, generator: Generator) -> Tensor:
    rows, columns = (_span(len(x), side, generator) for side in x.shape[2:])
    return x.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def _span(batch: int, side: int, generator: Generator) -> Tensor:
    """Where the hole is along a side, bool (B, side)."""
    size = max(1, round(HOLE * side))
    start = draws.integers(0, side - size + 1, (batch, 1), generator)
    place = torch.arange(side, device=start.device)
    return (place >= start) & (place < start + size)
