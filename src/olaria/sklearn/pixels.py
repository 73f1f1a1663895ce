"""Rows of numbers as the pixels that the families learn, and back.

The families model values in [0, 1], stored in 256 levels. A row of features becomes an image of one line, or a square
where it has as many features as one (the 64 features of a digit are 8×8), so that the run's pictures show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from olaria.data.arrays import square_side

Scaling = Literal["auto", "features", "all"]
Array = NDArray[Any]

MARGIN = 0.05
"""Of [0, 1], left free on both sides of a feature's range: new rows may go a little beyond it."""
CHANNELS = (1, 3)
LEVELS = 255


@dataclass(frozen=True)
class Pixels:
    """How values become pixels, :math:`u = (x - low) / span`.

    Args:
        low: what black stands for, a number or one of each feature, (D,).
        span: from black to white, likewise.
        shape: of a row, as it was given: (D,), (H, W) or (H, W, C).
        is_plain: whether they are images' own grey levels, as they were given.
    """

    low: Array
    span: Array
    shape: tuple[int, ...]
    is_plain: bool

    @classmethod
    def measured(cls, rows: Array, shape: tuple[int, ...], scaling: Scaling) -> Pixels:
        """The scaling of training data.

        Args:
            rows: (N, D).
            shape: of a row.
            scaling: ``features`` gives each feature its own range, ``all`` gives all of them one; ``auto`` is
                ``features`` for rows, and for images their bytes, their fractions in [0, 1], or else one range.
        """
        is_image = len(shape) > 1
        if scaling == "features" or (scaling == "auto" and not is_image):
            low, high = rows.min(0).astype(np.float64), rows.max(0).astype(np.float64)
            width = np.where(high > low, high - low, 1.0)
            span = width / (1 - 2 * MARGIN)
            return cls(low - MARGIN * span, span, shape, False)
        if scaling == "auto" and rows.dtype == np.uint8:
            return cls(np.zeros(()), np.full((), float(LEVELS)), shape, True)
        least, most = float(rows.min()), float(rows.max())
        if scaling == "auto" and least >= 0 and most <= 1:
            return cls(np.zeros(()), np.ones(()), shape, True)
        return cls(np.full((), least), np.full((), most - least or 1.0), shape, False)

    @property
    def image(self) -> tuple[int, int, int]:
        """(H, W, C) of the image that stands for a row."""
        if len(self.shape) == 3 and self.shape[-1] in CHANNELS:
            height, width, channels = self.shape
            return height, width, channels
        if len(self.shape) > 1:
            return self.shape[0], math.prod(self.shape[1:]), 1
        side = square_side(self.shape[0])
        return (side, side, 1) if side else (1, self.shape[0], 1)

    def fractions(self, rows: Array) -> Array:
        """Rows (N, D) to pixels (N, C, H, W); in [0, 1] within the range of the training data."""
        pixels: Array = (rows - self.low) / self.span
        return pixels.reshape(len(rows), *self.image).transpose(0, 3, 1, 2)

    def levels(self, rows: Array) -> NDArray[np.uint8]:
        """Rows (N, D) to the pixels of a file, uint8 (N, H, W, C)."""
        pixels = self.fractions(rows).transpose(0, 2, 3, 1)
        levels: NDArray[np.uint8] = np.rint(np.clip(pixels, 0, 1) * LEVELS).astype(np.uint8)
        return levels

    def values(self, pixels: Array) -> Array:
        """Pixels (N, C, H, W) to values in the units of the training data, in its shape, float64."""
        rows = pixels.transpose(0, 2, 3, 1).reshape(len(pixels), -1).astype(np.float64)
        return (rows * self.span + self.low).reshape(len(pixels), *self.shape)

    @property
    def log_volume(self) -> float:
        r""":math:`\sum_d \log \text{span}_d`: a log-density of pixels less this is one in the data's units."""
        size = math.prod(self.shape)
        return float(np.broadcast_to(np.log(self.span), (size,)).sum())
