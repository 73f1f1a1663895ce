"""Images on disk: grids, and animations of grids."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor

from olaria.errors import DamagedError
from olaria.i18n import N_
from olaria.storage.files import write_atomic

T = TypeVar("T")
MOST_PIXELS = 1 << 25
"""Of a sheet that is read: 64 images of 700 × 700."""
GAP = 2
"""Pixels between the images of a grid, and around them, before they are enlarged."""


SHOWN_SIDE = 56
"""Pixels that the smaller side of an image has at least in a sheet that is looked at."""
LONE_SIDE = 224
"""The same where there is one image alone, or so few that they leave the sheet narrow."""
SHEET_WIDTH = 480


def _bytes(images: Tensor) -> Tensor:
    """Values as a file has them: uint8, those outside [0, 1] as the nearest end."""
    if images.dtype == torch.uint8:
        return images
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


def make_picture(image: Tensor) -> Image.Image:
    """One image (C, H, W), uint8, or float in [0, 1], pixel for pixel; C is 1 or 3."""
    image = _bytes(image)
    return Image.fromarray((image[0] if len(image) == 1 else image.permute(1, 2, 0)).numpy())


def make_grid(images: Tensor, columns: int | None = None, scale: int = 1) -> Image.Image:
    """Lay images out in rows.

    Args:
        images: (N, C, H, W), uint8, or float in [0, 1]; C is 1 or 3. Values outside are shown as the nearest end.
        columns: per row; about the square root of N unless given, so that rows are full where they can be.
        scale: each pixel becomes ``scale`` × ``scale``.

    Returns:
        A grey or colour picture on a light ground.
    """
    images = _bytes(images)
    count, channels, height, width = images.shape
    columns = columns or _columns(count)
    rows = math.ceil(count / columns)
    sheet = torch.full(
        (channels, rows * (height + GAP) + GAP, columns * (width + GAP) + GAP),
        230,
        dtype=torch.uint8,
    )
    for index, image in enumerate(images):
        top = GAP + (index // columns) * (height + GAP)
        left = GAP + (index % columns) * (width + GAP)
        sheet[:, top : top + height, left : left + width] = image
    picture = make_picture(sheet)
    if scale > 1:
        picture = picture.resize(
            (picture.width * scale, picture.height * scale), Image.Resampling.NEAREST
        )
    return picture


def _columns(count: int) -> int:
    """Of a grid that is about square, with full rows where a grid at most four times as wide as high has them.

    >>> [_columns(count) for count in (64, 32, 10, 7)]
    [8, 8, 5, 3]
    """
    least = math.ceil(math.sqrt(count))
    full = (columns for columns in range(least, 2 * least) if count % columns == 0)
    return next((columns for columns in full if columns * columns <= 4 * count), least)


def make_sheet(images: Tensor, columns: int | None = None) -> Image.Image:
    """A grid to look at: small images are enlarged; see :func:`enlargement`."""
    return make_grid(images, columns, enlargement(images, columns))


def enlargement(images: Tensor, columns: int | None = None) -> int:
    """By which whole factor images are enlarged to be looked at: pixels stay squares, and large images as they are.

    Args:
        images: (N, C, H, W), one or more.
        columns: per row; see :func:`make_grid`.

    >>> [enlargement(torch.zeros(64, 1, side, side)) for side in (8, 28, 32, 64)]
    [7, 2, 2, 1]
    >>> enlargement(torch.zeros(1, 1, 8, 8)), enlargement(torch.zeros(4, 1, 28, 28))
    (28, 7)
    """
    count, _, height, width = images.shape
    columns = min(count, columns or _columns(count))
    smaller = min(height, width)
    few = min(SHEET_WIDTH // (columns * (width + GAP) + GAP), LONE_SIDE // smaller)
    return max(1, -(-SHOWN_SIDE // smaller), few)


def with_heat(images: Tensor, heat: Tensor) -> Tensor:
    """Images in pale grey under red that grows with the heat of a pixel.

    Args:
        images: (N, C, H, W) in [0, 1]; C is 1 or 3.
        heat: (N, 1, H, W), not negative; each image's own largest value is full red.

    Returns:
        (N, 3, H, W) in [0, 1].
    """
    share = heat / heat.amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    ground = 1 - 0.5 * images.mean(1, keepdim=True)
    red = torch.tensor([0.8, 0.0, 0.1]).view(1, 3, 1, 1)
    return ground * (1 - share) + red * share


def read_png(path: Path, mode: str | None = None) -> Image.Image:
    """A PNG of a run folder, which may be a stranger's, in a mode of Pillow's; gray or colour as stored where None.

    Raises:
        DamagedError: it is no PNG, or has more pixels than a sheet of ours.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG",)) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise ValueError(f"{picture.width} × {picture.height}")
                return picture.convert(mode or ("L" if picture.mode == "L" else "RGB"))
    except (
        OSError,
        SyntaxError,  # Pillow's word for a broken PNG
        ValueError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise DamagedError(
            N_("cannot use {path}: {reason}"), path=str(path), reason=str(error)
        ) from None


def save_png(path: Path, picture: Image.Image) -> None:
    """Write a PNG atomically."""
    write_atomic(path, lambda temporary: picture.save(temporary, "PNG"))


def to_png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG, for a notebook."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def animate(frames: Sequence[Image.Image], frame_ms: int = 180, last_ms: int = 2500) -> bytes:
    """An endless GIF of equal-sized frames; the last one stays longer.

    Args:
        frames: in order.
        frame_ms: milliseconds per frame.
        last_ms: milliseconds of the last one.
    """
    durations = [frame_ms] * (len(frames) - 1) + [last_ms]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=list(frames[1:]),
        duration=durations,
        loop=0,
        optimize=True,
    )
    return buffer.getvalue()


def spread(frames: Sequence[T], most: int) -> Sequence[T]:
    """At most ``most`` of the frames, 2 or more, evenly spread, the first and the last among them.

    >>> spread(range(9), 3)
    [0, 4, 8]
    """
    if len(frames) <= most:
        return frames
    return [frames[round(i * (len(frames) - 1) / (most - 1))] for i in range(most)]


def at_most(picture: Image.Image, side: int) -> Image.Image:
    """Shrunk by a whole factor until its longer side is at most ``side``, where pixels are blocks of equal ones."""
    factor = -(-max(picture.size) // side)
    size = (max(1, picture.width // factor), max(1, picture.height // factor))
    return picture.resize(size, Image.Resampling.NEAREST) if factor > 1 else picture
