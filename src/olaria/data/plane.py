r"""Points in the plane: sets whose density is known and can be seen, and the user's own.

``ring`` and ``grid`` are mixtures of equal normal distributions, :math:`\tfrac1K \sum_k N(\mu_k, \sigma^2 I)`, the
usual trial of whether a generator finds all modes (Metz et al. 2017, *Unrolled GANs*; Srivastava et al. 2017, *VEEGAN*,
section 4.1; their clusters are of other sizes); ``spiral`` is a curve with normal noise around it.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.data.arrays import point_array
from olaria.data.base import DataSet, PointData, Request, fingerprint
from olaria.data.decoding import lines_of_text, marked_encoding
from olaria.data.entries import read_file
from olaria.data.split import num_test, num_validation, shuffled
from olaria.data.tables import declared_delimiter
from olaria.errors import DataError
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    from torch import Tensor

    from olaria.data.arrays import Array, Stored

NUM_POINTS = 20_000
RING_MODES, RING_RADIUS, RING_STD = 8, 2.0, 0.1
GRID_SIDE, GRID_GAP, GRID_STD = 5, 1.0, 0.05
SPIRAL_TURNS, SPIRAL_STD = 2.0, 0.05
LEAST_POINTS = 50
MAX_BYTES = 1 << 28


def ring_modes() -> Tensor:
    r"""Centres :math:`2 (\cos \tfrac{2\pi k}{8}, \sin \tfrac{2\pi k}{8})`, (8, 2)."""
    import torch

    angle = torch.arange(RING_MODES) * (2 * math.pi / RING_MODES)
    return RING_RADIUS * torch.stack((angle.cos(), angle.sin()), 1)


def grid_modes() -> Tensor:
    """Centres with coordinates −2, −1, 0, 1, 2, (25, 2)."""
    import torch

    line = GRID_GAP * (torch.arange(GRID_SIDE) - (GRID_SIDE - 1) / 2)
    return torch.cartesian_prod(line, line)


def _ring(request: Request) -> PointData:
    return _mixture(request.data_set, ring_modes(), RING_STD)


def _grid(request: Request) -> PointData:
    return _mixture(request.data_set, grid_modes(), GRID_STD)


def _mixture(data_set: DataSet, modes: Tensor, std: float) -> PointData:
    import torch

    draws = torch.Generator().manual_seed(0)
    which = torch.randint(len(modes), (NUM_POINTS,), generator=draws)
    points = modes[which] + std * torch.randn(NUM_POINTS, 2, generator=draws)
    return _generated(data_set, points, modes, std)


def _spiral(request: Request) -> PointData:
    r"""Archimedes' spiral, :math:`r = 2 \sqrt{u},\ \phi = 4 \pi \sqrt{u}` with u uniform in [0, 1], and noise."""
    import torch

    draws = torch.Generator().manual_seed(0)
    way = torch.rand(NUM_POINTS, generator=draws).sqrt()
    angle = 2 * math.pi * SPIRAL_TURNS * way
    curve = 2 * way[:, None] * torch.stack((angle.cos(), angle.sin()), 1)
    points = curve + SPIRAL_STD * torch.randn(NUM_POINTS, 2, generator=draws)
    return _generated(request.data_set, points)


def _generated(
    data_set: DataSet, points: Tensor, modes: Tensor | None = None, std: float | None = None
) -> PointData:
    train, validation, test = _cut(points)
    return PointData(
        name=data_set.name,
        title=data_set.title,
        train=train,
        validation=validation,
        test=test,
        source="generated",
        sha256=fingerprint([points.numpy().tobytes()]),
        citation=data_set.citation,
        licence=data_set.licence,
        modes=modes,
        mode_std=std,
    )


def _cut(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Train, validation and test, by the rules of :mod:`olaria.data.split`; the points are in no order already."""
    cut = len(points) - num_test(len(points))
    middle = cut - num_validation(cut)
    return points[:middle], points[middle:cut], points[cut:]


def load_csv(path: Path) -> PointData:
    """The user's points: two numbers a line, with or without a line of names above them.

    Numbers are separated by a comma, a semicolon, a tab or spaces; between semicolons or tabs a decimal comma is read
    too. Lines that are no two numbers are left out and counted.

    Raises:
        DataError: it is too large, or there are too few points, or they are all the same.
        StorageError: it cannot be read.
    """
    import torch

    if path.stat().st_size > MAX_BYTES:
        raise _too_large(path)
    content = read_file(path)
    lines = lines_of_text(content.decode(marked_encoding(content) or "utf-8-sig", "replace"))
    declared = bool(lines) and declared_delimiter(lines[0])[0] is not None
    found = [(number, _point(line)) for number, line in enumerate(lines, 1) if line.strip()]
    found = found[declared:]
    kept = [point for _, point in found if point is not None]
    points = torch.tensor(kept, dtype=torch.float32).reshape(-1, 2)
    check_points(points.numpy(), str(path))
    # The first line may name the columns, after one that names the delimiter.
    strange = [number for number, point in found if point is None and number > found[0][0]]
    notes: tuple[Message, ...] = ()
    if strange:
        what = N_(
            "{count} {count:line is not two finite numbers and was|lines are not two finite "
            "numbers and were} left out; the first is line {line}"
        )
        notes = (Message(what, {"count": len(strange), "line": strange[0]}),)
    return _of_user(path, points, notes)


def load_point_array(path: Path, stored: Stored) -> PointData:
    """The user's points, (N, 2) of floating type.

    Raises:
        DataError: it is too large, there are too few points, or they are all the same.
    """
    import torch

    if stored.values.nbytes > MAX_BYTES:
        raise _too_large(path)
    if stored.labels is not None:
        raise DataError(N_("{path} has labels, and points have none; save x alone"), path=str(path))
    values = point_array(stored.values, str(path))
    check_points(values, str(path))
    return _of_user(path, torch.from_numpy(values), stored.notes)


def check_points(points: Array, path: str) -> None:
    """Refuse points of which nothing can be learnt; float32 (N, 2), finite.

    Raises:
        DataError: there are too few, or they are all the same.
    """
    if len(points) < LEAST_POINTS:
        raise DataError(
            N_(
                "{path} has {count} {count:point|points}, two numbers a line, and {least} are "
                "needed at least"
            ),
            path=path,
            count=len(points),
            least=LEAST_POINTS,
        )
    if bool((points == points[0]).all()):
        raise DataError(N_("the points of {path} are all the same"), path=path)


def _too_large(path: Path) -> DataError:
    return DataError(
        N_("{path} is larger than {limit} bytes; take a part of it"),
        path=str(path),
        limit=MAX_BYTES,
    )


def _of_user(path: Path, points: Tensor, notes: tuple[Message, ...]) -> PointData:
    train, validation, test = _cut(points[shuffled(len(points))])
    return PointData(
        name=path.stem,
        title=path.name,
        train=train,
        validation=validation,
        test=test,
        source="user file",
        sha256=fingerprint([points.numpy().tobytes()]),
        citation="",
        licence="",
        notes=notes,
    )


def _point(line: str) -> tuple[float, float] | None:
    try:
        if ";" in line or "\t" in line:
            cells = line.replace(",", ".").replace(";", "\t").split("\t")
        else:
            cells = next(csv.reader([line])) if "," in line else line.split()
        while cells and not cells[-1].strip():  # a delimiter too many at the end
            cells.pop()
        x, y = map(float, cells)
    except (ValueError, csv.Error):
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


RING = DataSet(
    name="ring",
    title=N_("Ring: eight clusters of points on a circle; generated, no network needed"),
    kind="points",
    load=_ring,
    citation="L. Metz, B. Poole, D. Pfau, J. Sohl-Dickstein. Unrolled Generative Adversarial Networks, 2017.",
    licence="CC0 1.0",
)
GRID = DataSet(
    name="grid",
    title=N_("Grid: 25 clusters of points; generated, no network needed"),
    kind="points",
    load=_grid,
    citation="A. Srivastava et al. VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning, 2017.",
    licence="CC0 1.0",
)
SPIRAL = DataSet(
    name="spiral",
    title=N_("Spiral: points along a curve; generated, no network needed"),
    kind="points",
    load=_spiral,
    citation="",
    licence="CC0 1.0",
)
