"""What a run wrote down of its game while it trained: measurements, warnings, and pictures, taken apart into images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from olaria.errors import DamagedError
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, evenly
from olaria.lessons.figures import Choice, Control, Curve, Figure, Plot, Table, Words
from olaria.lessons.gan.scene import Scene
from olaria.runs import Run
from olaria.storage.images import GAP, read_png
from olaria.training.recorder import SCALE

MOST_FRAMES = 24
LEAST_FRAMES = 6
MOST_NUMBERS = 300_000  # pixels, each colour counted, of all frames of an animation
MOST_CURVE = 200

Pixels = NDArray[np.uint8]


def recorded(run: Run, *names: str, split: str = "train") -> tuple[Array, ...]:
    """Steps, and the values of these names at them; rows without one of them are left out."""
    rows = [
        (row["step"], *(row["values"][name] for name in names))
        for row in run.metrics()
        if row["split"] == split and all(row["values"].get(name) is not None for name in names)
    ]
    table = np.array(rows, np.float64).reshape(len(rows), 1 + len(names))
    return tuple(table[:: max(1, math.ceil(len(table) / MOST_CURVE))].T)


def measured(run: Run, names: Mapping[str, str], modes: int = 1) -> Plot | None:
    """What the run measured of its own examples at each evaluation, clusters as shares of all ``modes``."""
    curves = []
    for key, name in names.items():
        steps, values = recorded(run, key, split="validation")
        if len(steps):
            shares = values / modes if key == "modes_covered" else values
            curves.append(Curve(Message(name), steps, shares))
    axes = Message(N_("training step")), Message(N_("share"))
    return Plot("", tuple(curves), *axes) if curves else None


def warned(scene: Scene) -> Table:
    """What the monitor of the run's health warned of while it trained, or that it did not."""
    rows: list[tuple[Words | float | int, ...]] = [
        (event["step"], Message.from_json(event["message"]))
        for event in scene.events
        if event["event"] == "warned" and event.get("kind")
    ]
    nothing = N_("nothing: no dead gradient, no side that has won, no examples all alike")
    if not scene.run.recipe.training.health:
        nothing = N_("health monitoring was off")
    columns = Message(N_("step")), Message(N_("warning"))
    return Table("", columns, tuple(rows) or (("—", Message(nothing)),))


def played(steps: Sequence[int], figures: Sequence[Figure]) -> Choice | None:
    """Figures of some steps as an animation; None where there are fewer than two."""
    if len(figures) < 2:
        return None
    control = Control(Message(N_("step")), tuple(map(str, steps)), start=len(steps) - 1, plays=True)
    return Choice("", (control,), tuple(figures), (0, len(figures) - 1))


def pictures(run: Run, side: int, most: int) -> tuple[list[int], list[Pixels]]:
    """Steps of ``most`` whole pictures, and (3, H, W) of each without its frame, its sides at most ``side``.

    Raises:
        DamagedError: a file is no picture.
    """
    paths, frame, found = _kept(run, most), GAP * SCALE, list[Pixels]()
    for path in paths:
        pixels = _read(path, 3)[frame:-frame, frame:-frame]
        factor = max(1, -(-max(pixels.shape[:2]) // side))
        height, width = (length // factor for length in pixels.shape[:2])
        cells = pixels[: height * factor, : width * factor]
        means = cells.reshape(height, factor, width, factor, 3).mean((1, 3))
        found.append(means.round().astype(np.uint8).transpose(2, 0, 1))
    return _steps(paths), found


def tiles(run: Run, shape: tuple[int, int, int], count: int) -> tuple[list[int], list[Pixels]]:
    """Steps of the sheets, and the first images of each, (count, *shape), pixel for pixel as they were drawn.

    Where images are large, there are fewer sheets.

    Raises:
        DamagedError: a file is no picture, or not a sheet of such images.
    """
    fit = MOST_NUMBERS // (count * math.prod(shape))
    paths = _kept(run, min(MOST_FRAMES, max(LEAST_FRAMES, fit)))
    return _steps(paths), [_cells(path, shape)[:count] for path in paths]


def num_tiles(run: Run, shape: tuple[int, int, int]) -> int:
    """Places of a sheet, which are as many as the images that were drawn."""
    return len(_cells(run.samples()[-1], shape))


def _cells(path: Path, shape: tuple[int, int, int]) -> Pixels:
    """The images of a sheet, (N, *shape), row by row; each has a gap below it and on its right."""
    channels, height, width = shape[0], shape[1] + GAP, shape[2] + GAP
    sheet = _read(path, channels)[::SCALE, ::SCALE][GAP:, GAP:]
    if sheet.shape[0] % height or sheet.shape[1] % width:
        reason = f"{sheet.shape[:2]}"
        raise DamagedError(N_("cannot use {path}: {reason}"), path=str(path), reason=reason)
    cells = sheet.reshape(-1, height, sheet.shape[1] // width, width, channels)
    return cells[:, :-GAP, :, :-GAP].transpose(0, 2, 4, 1, 3).reshape(-1, *shape)


def _kept(run: Run, most: int) -> list[Path]:
    paths = run.samples()
    return [paths[place] for place in evenly(len(paths), most)]


def _steps(paths: Sequence[Path]) -> list[int]:
    return [int(path.stem.removeprefix("step-")) for path in paths]


def _read(path: Path, channels: int) -> Pixels:
    """(H, W, C)."""
    pixels = np.asarray(read_png(path, "L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)
