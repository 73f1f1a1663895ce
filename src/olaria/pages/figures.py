"""Figures of images: arrays in, a matplotlib figure out, nothing kept in between.

Images are (N, C, H, W), C = 1 or 3, uint8 or floating in [0, 1]. Their pixels are enlarged by a whole number, so that
nothing is smoothed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from olaria.cards.context import Images
from olaria.i18n import N_, Message, translate
from olaria.pages.labels import number
from olaria.pages.palette import INK
from olaria.pages.style import style

Pixels = NDArray[np.uint8]

_DPI = 100
_WIDTH = 900  # pixels of a full-width image figure
_GAP = 2  # pixels between images, before enlarging


def to_pixels(images: Images) -> Pixels:
    """Any accepted images as RGB bytes, (N, H, W, 3).

    Raises:
        ValueError: the array is not a batch of images, or a value lies outside [0, 1].
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not len(images):
        raise ValueError(f"images must be (N, 1 or 3, H, W), not {images.shape}")
    x: Any = images
    if x.dtype != np.uint8:
        if not (x.min() >= 0 and x.max() <= 1):
            raise ValueError("floating images must lie in [0, 1]")
        x = np.rint(x * 255).astype(np.uint8)
    x = np.broadcast_to(x, (len(x), 3, *x.shape[2:]))
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def tile(images: Images, columns: int, gap: int = _GAP) -> Pixels:
    """Images row by row on white, (height, width, 3); places left over stay white."""
    pixels = to_pixels(images)
    num, height, width, _ = pixels.shape
    columns = min(columns, num)
    rows = math.ceil(num / columns)
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    sheet: Pixels = np.full(size, 255, np.uint8)
    for i, image in enumerate(pixels):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


@dataclass(frozen=True)
class _Block:
    title: str
    sheet: Pixels


def _place(rows: Sequence[Sequence[_Block]], width: int = _WIDTH) -> Figure:
    """Sheets with their titles in rows, each image pixel enlarged to a whole number of pixels."""
    native = max(sum(b.sheet.shape[1] for b in row) for row in rows)
    scale = max(1, round(width / native))
    gutter = 30
    letters = max(
        1.0, native * scale / width
    )  # so that they are as large once the page has scaled it
    full = max(sum(b.sheet.shape[1] * scale + gutter for b in row) - gutter for row in rows)
    band = round(44 * letters) if any(b.title for row in rows for b in row) else 0
    height = sum(max(b.sheet.shape[0] for b in row) * scale + band + 14 for row in rows) - 14
    figure = Figure(figsize=(full / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    top = 0
    for row in rows:
        left = 0
        for block in row:
            h, w = block.sheet.shape[0] * scale, block.sheet.shape[1] * scale
            box = (left / full, 1 - (top + band + h) / height, w / full, h / height)
            axes = figure.add_axes(box)
            axes.imshow(block.sheet, interpolation="nearest", aspect="auto")
            axes.set_axis_off()
            figure.text(
                left / full, 1 - (top + band - 13 * letters) / height, block.title,
                fontsize=19.5 * letters, color=INK, ha="left", va="bottom",
            )  # fmt: skip
            left += w + gutter
        top += max(b.sheet.shape[0] for b in row) * scale + band + 14
    return figure


def image_grid(images: Images, columns: int = 10) -> Figure:
    """Images in a grid, row by row."""
    with style():
        return _place([[_Block("", tile(images, columns))]])


def reconstructions(
    originals: Images, rebuilt: Images, language: str = "en", longest: int = 10
) -> Figure:
    """Rows of at most ``longest`` originals, equal in length, and under each row its reconstructions."""
    if originals.shape != rebuilt.shape:
        raise ValueError(f"{originals.shape} originals but {rebuilt.shape} reconstructions")
    columns = math.ceil(len(originals) / math.ceil(len(originals) / longest))
    names = translate(N_("original"), language), translate(N_("reconstruction"), language)
    rows = []
    for start in range(0, len(originals), columns):
        for name, images in zip(names, (originals, rebuilt), strict=True):
            rows.append([_Block(name, tile(images[start : start + columns], columns))])
    with style():
        return _place(rows)


def interpolation(strips: Images) -> Figure:
    """Strips of images from one latent vector (left) to another (right): (N, C, H, W) or (rows, N, C, H, W)."""
    columns = strips.shape[-4]
    images = strips.reshape(-1, *strips.shape[-3:])
    return image_grid(images, columns)


def first_and_last(
    first: Images, last: Images, step: int, language: str = "en", columns: int = 6
) -> Figure:
    """Two grids side by side: the images of the same noise before the first update and at ``step``."""
    steps = number(step, language, 0)
    names = (
        translate(N_("before training"), language),
        Message(N_("after {steps} {steps:step|steps}"), {"steps": steps}).text(language),
    )
    blocks = [_Block(n, tile(x, columns)) for n, x in zip(names, (first, last), strict=True)]
    with style():
        return _place([blocks])
