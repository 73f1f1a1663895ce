"""Draw what is neither an image of one model nor a text: points of the plane, and images that a language writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Generator, Tensor

from olaria.data import PointData
from olaria.errors import UsageError
from olaria.families import MODELS
from olaria.i18n import N_
from olaria.kinds.generate import ImageSample
from olaria.models.plane import PlaneGAN
from olaria.runs import Run, painter_of
from olaria.sampling import codes, plane
from olaria.storage.files import refuse_overwriting, write_text
from olaria.storage.images import make_grid, save_png

PICTURE_SCALE = 3
"""Enlargement of a picture of the plane."""


def sample_coded(
    run: str | Path | Run,
    *,
    count: int = 64,
    temperature: float = 1.0,
    seed: int = 0,
    checkpoint: str | int | None = None,
) -> ImageSample:
    """Images that a language model of codes writes, painted by the run that the codes are of.

    Args:
        run: a run on ``codes:RUN``, its name or its path.
        count: how many.
        temperature: of each code.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.

    Raises:
        SamplingError: too many of its lines are no image.
    """
    run = run if isinstance(run, Run) else Run(run)
    painter, draws = painter_of(run.recipe.data.name)[1], Generator().manual_seed(seed)
    drawn = codes.draw(run.model(checkpoint), run.tokenizer(), painter, count, draws, temperature)
    return ImageSample(drawn)


@dataclass(frozen=True)
class PointSample:
    """Points (N, 2), and the picture (1, 3, H, W) of the game that made them."""

    points: Tensor
    picture: Tensor


def sample_points(
    run: str | Path | Run,
    *,
    count: int = 2000,
    seed: int = 0,
    checkpoint: str | int | None = None,
    offline: bool = False,
) -> PointSample:
    """Points of a run in the plane.

    Args:
        run: a run, its name or its path.
        count: how many.
        seed: of the noise.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        UsageError: the run is of another kind.
    """
    run = run if isinstance(run, Run) else Run(run)
    if MODELS[run.family].data != "points":
        raise UsageError(N_("run {name} does not draw points; train gan-ring"), name=run.name)
    if count < 1:
        raise UsageError(N_("-n must be at least 1, not {count}"), count=count)
    model, data = run.model(checkpoint), run.data(offline=offline)
    assert isinstance(model, PlaneGAN) and isinstance(data, PointData)
    points = plane.draw(model, count, Generator().manual_seed(seed))
    return PointSample(points, plane.picture(model, data.test[:count], points))


def save_points(drawn: PointSample, path: Path, *, overwrite: bool = False) -> None:
    """Write the picture, or the points as a table where the path ends in ``.csv``."""
    refuse_overwriting(path, overwrite)
    if path.suffix.lower() != ".csv":
        save_png(path, make_grid(drawn.picture, scale=PICTURE_SCALE))
        return
    rows = [f"{x:.6g},{y:.6g}\n" for x, y in drawn.points.tolist()]
    write_text(path, "".join(["x,y\n", *rows]))
