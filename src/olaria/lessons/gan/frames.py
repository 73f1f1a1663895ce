"""The pictures that a run drew of its game while it trained, taken apart into images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from olaria.errors import DamagedError
from olaria.i18n import N_
from olaria.lessons.base import evenly
from olaria.runs import Run
from olaria.storage.images import GAP, read_png
from olaria.training.recorder import SCALE

MOST_FRAMES = 24
LEAST_FRAMES = 6
MOST_NUMBERS = 300_000
"""Pixels, each colour counted, of all frames of an animation."""

Pixels = NDArray[np.uint8]


def pictures(run: Run, side: int, most: int) -> tuple[list[int], list[Pixels]]:
    """Whole pictures without their frame, each made smaller until its side is at most ``side``.

    Args:
        run: that drew them.
        side: in pixels.
        most: how many.

    Returns:
        The steps they were drawn after, and (3, H, W) of each.

    Raises:
        DamagedError: a file is no picture.
    """
    paths = [run.samples()[place] for place in evenly(len(run.samples()), most)]
    return [step_of(path) for path in paths], [_whole(path, side) for path in paths]


def tiles(run: Run, shape: tuple[int, int, int], count: int) -> tuple[list[int], list[Pixels]]:
    """The first images of each sheet, pixel for pixel as they were drawn; fewer sheets where images are large.

    Args:
        run: that drew them, of images.
        shape: (C, H, W) of one.
        count: images of a sheet.

    Returns:
        The steps they were drawn after, and (count, C, H, W) of each.

    Raises:
        DamagedError: a file is no picture, or not a sheet of such images.
    """
    size = count * shape[0] * shape[1] * shape[2]
    most = min(MOST_FRAMES, max(LEAST_FRAMES, MOST_NUMBERS // size))
    paths = [run.samples()[place] for place in evenly(len(run.samples()), most)]
    return [step_of(path) for path in paths], [_cut(path, shape, count) for path in paths]


def num_tiles(run: Run, shape: tuple[int, int, int]) -> int:
    """Places of a sheet, which are as many as the images that were drawn."""
    sheet = _read(run.samples()[-1], "RGB")
    rows, columns = (
        _places(side, own) for side, own in zip(sheet.shape[1:], shape[1:], strict=True)
    )
    return rows * columns


def step_of(path: Path) -> int:
    """The training step in a picture's name."""
    return int(path.stem.removeprefix("step-"))


def _places(side: int, own: int) -> int:
    return (side // SCALE - GAP) // (own + GAP)


def _read(path: Path, mode: str) -> Pixels:
    """(C, H, W)."""
    pixels = np.asarray(read_png(path, mode))
    found: Pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return found


def _whole(path: Path, side: int) -> Pixels:
    frame = GAP * SCALE
    pixels = _read(path, "RGB")[:, frame:-frame, frame:-frame]
    _, height, width = pixels.shape
    factor = max(1, -(-max(height, width) // side))
    height, width = height // factor, width // factor
    blocks = pixels[:, : height * factor, : width * factor].reshape(
        3, height, factor, width, factor
    )
    small: Pixels = blocks.mean((2, 4)).round().astype(np.uint8)
    return small


def _cut(path: Path, shape: tuple[int, int, int], count: int) -> Pixels:
    channels, height, width = shape
    sheet: NDArray[Any] = _read(path, "L" if channels == 1 else "RGB")[:, ::SCALE, ::SCALE]
    columns = _places(SCALE * sheet.shape[2], width)
    images = []
    for index in range(count):
        top = GAP + index // max(1, columns) * (height + GAP)
        left = GAP + index % max(1, columns) * (width + GAP)
        images.append(sheet[:, top : top + height, left : left + width])
    if any(image.shape != shape for image in images):
        raise DamagedError(
            N_("cannot use {path}: {reason}"), path=str(path), reason=f"{sheet.shape[1:]}"
        )
    return np.stack(images)
