"""Points of the plane: what a small model learns of them, and the picture of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from PIL.Image import Image
from torch import Generator, Tensor

from olaria.data.base import PointData
from olaria.data.config import DataConfig
from olaria.errors import MissingError, SourceError, UsageError
from olaria.evaluation import diversity
from olaria.evaluation.gathered import Gathered, alike, unmeasured
from olaria.evaluation.plane import density_metrics, evaluate_points
from olaria.i18n import N_, Message, Setting, detect_language
from olaria.kinds.base import (
    SEED,
    Effort,
    Kind,
    Measured,
    Sample,
    counted,
    drawn_by,
    first_model,
    fitting,
    sampler_of,
    set_sampler,
)
from olaria.models.base import Batch, PointModel
from olaria.recipes import Recipe
from olaria.runs import Run, opened_run
from olaria.runs.tuning import Start
from olaria.sampling import modes, plane
from olaria.sampling.arraylike import ArrayLike
from olaria.storage.captions import captioned
from olaria.storage.endings import PICTURE, refuse_other_endings
from olaria.storage.files import refuse_overwriting, write_text
from olaria.storage.images import make_grid, save_png, to_png
from olaria.training.feed import ExampleFeed
from olaria.training.prepared import Prepared
from olaria.training.randomness import generator
from olaria.training.sizing import size_up
from olaria.training.watch import Watch
from olaria.vocabulary import MODE, NUM_POINTS, WALK, Mode, Solver, Walk

WATCHED = 1000
"""Points that are drawn to be measured while training."""
SHOWN = 2000
"""Points of a picture."""
PICTURE_SCALE = 3
"""Enlargement of a picture of the plane."""
_MADE = N_("black: the points that the model makes of draws of z ~ N(0, I)")
_BOTH = N_(
    "black: the points that the model makes of draws of z ~ N(0, I); dark blue: points of the test data"
)
_WALK = N_("black: the points on the way from one draw of z to another, along {path}")
_WALK_AND_DATA = N_(
    "black: the points on the way from one draw of z to another, along {path}; dark blue: points of the test data"
)


def prepare(recipe: Recipe, data: PointData, start: Start | None = None) -> Prepared:
    """See :class:`olaria.kinds.base.Kind`; the units of a base stay with its weights."""
    recipe, notes = fitting(recipe, len(data.train))
    size = data.train.shape[1]
    feed = ExampleFeed(data.train, None, recipe.training.batch_size, recipe.seed)
    sized = size_up(recipe, size, feed, data, WATCHED)
    model, base = first_model(recipe, size, sized, Batch(data.train), start)
    watching, notes = watch(data, recipe.seed), (*data.notes, *notes)
    return Prepared(recipe, data, size, feed, watching, model, sized, notes=notes, base=base)


def watch(data: PointData, seed: int) -> Watch:
    """What the loop looks at: the points that a fixed noise becomes, and the picture of them."""
    real, shown = data.validation, data.train[:SHOWN]
    is_varied = alike(real) is None

    def evaluate(model: Any) -> Mapping[str, float]:
        points = plane.draw(model, WATCHED, generator(seed, "coverage"))
        values = {"spread": diversity.spread(points, real)} if is_varied else {}
        metrics, _, reasons = evaluate_points(points, replace(data, test=real))
        found = Gathered(metrics, reasons).numbers()
        names = ("modes_covered", "high_quality_share", "coverage")
        return values | {name: float(found[name]) for name in names if name in found}

    def sample(model: Any) -> Tensor:
        points = plane.draw(model, SHOWN, generator(seed, "watching"))
        return plane.picture(model, shown, points)

    return Watch(evaluate, sample, None, notes=unmeasured("spread", real))


def measure(
    _run: Run, model: PointModel, data: PointData, effort: Effort, _offline: bool = False
) -> Measured:
    """Metrics of as many points as the test split has."""
    count = min(len(data.test), effort.num_samples)
    points = plane.draw(model, count, Generator().manual_seed(SEED))
    metrics, protocol, reasons = evaluate_points(points, data)
    if model.has_density:
        density = density_metrics(model.log_density, data)
        metrics, reasons = density.metrics | metrics, density.reasons | reasons
    return Measured(dict(metrics), {**protocol, **sampler_of(model)}, reasons)


TABLE = ".csv"
ENDINGS = (*PICTURE, TABLE)


@dataclass(frozen=True, repr=False)
class PointSample(ArrayLike, Sample):
    """Points (N, 2), and the picture of the model that made them.

    Args:
        points: in the units of the data.
        picture: (1, 3, H, W).
        caption: written below it.
        language: of the caption; the user's where None.
    """

    points: Tensor
    picture: Tensor
    caption: tuple[Message, ...] = ()
    language: str | None = None
    suffix: ClassVar[str] = ".png"

    def __repr__(self) -> str:
        return f"<points {self.shape}>"

    @property
    def tensor(self) -> Tensor:
        """The points."""
        return self.points

    @property
    def value(self) -> Tensor:
        """The points."""
        return self.points

    def spoken(self, language: str) -> PointSample:
        """Itself with the caption in a language."""
        return replace(self, language=language)

    def sheet(self) -> Image:
        """The picture over its caption."""
        language = self.language or detect_language()
        grid = make_grid(self.picture, scale=PICTURE_SCALE)
        return captioned(grid, (line.text(language) for line in self.caption))

    def _repr_png_(self) -> bytes:
        return to_png(self.sheet())

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the picture, or the points as a table where the path ends in ``.csv``."""
        refuse_other_endings(path, ENDINGS)
        refuse_overwriting(path, overwrite)
        if path.suffix.lower() != TABLE:
            save_png(path, self.sheet())
            return
        rows = [f"{x:.6g},{y:.6g}\n" for x, y in self.points.tolist()]
        write_text(path, "".join(["x,y\n", *rows]))

    def to_json(self, path: Path | None) -> dict[str, Any]:
        """Where they were written, and their shape."""
        return {"path": None if path is None else str(path), "shape": [*self.points.shape]}


def draw(
    run: str | Path | Run,
    *,
    count: int | None = None,
    mode: Mode = MODE,
    path: Walk = WALK,
    steps: int | None = None,
    solver: Solver | None = None,
    guidance: float | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
    offline: bool = False,
) -> PointSample:
    """Points of a run in the plane.

    Args:
        run: a run, its name or its path.
        count: how many; 2,000 where None.
        mode: ``prior`` draws z ~ N(0, I); ``interpolate`` walks from one draw to another.
        path: of ``interpolate``.
        steps, solver, guidance: of a model that draws in steps; see :func:`olaria.kinds.base.set_sampler`.
        seed: of the noise.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        UsageError: none are asked for, the mode is one of images, or the model does not draw in steps.
    """
    run = opened_run(run)
    count = counted(count, NUM_POINTS)
    if mode not in ("prior", "interpolate"):
        raise UsageError(
            N_("run {name} draws points of a plane: use {prior} or {interpolate}"),
            name=run.name,
            prior=Setting("mode", "prior"),
            interpolate=Setting("mode", "interpolate"),
        )
    model, noise = run.model(checkpoint), Generator().manual_seed(seed)
    assert isinstance(model, PointModel)
    set_sampler(model, run.name, steps, solver, guidance)
    walks = mode == "interpolate"
    points = plane.walk(model, count, noise, path) if walks else plane.draw(model, count, noise)
    try:
        data = run.data(offline=offline)
    except (MissingError, SourceError):  # the points need the model alone
        real, text = points[:0], _WALK if walks else _MADE
    else:
        assert isinstance(data, PointData)
        shown = NUM_POINTS if walks else count
        real, text = data.test[:shown], _WALK_AND_DATA if walks else _BOTH
    way = {"path": Message(modes.PATHS[path])} if walks else {}
    made_by = drawn_by(run, checkpoint, seed, model)
    caption = (Message(text, way), Message(model.ground), made_by)
    return PointSample(points, plane.picture(model, real, points), caption)


def describe(data: PointData, _config: DataConfig) -> dict[str, Any]:
    """Counts and place of points."""
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    return {
        "num_points": {name: len(points) for name, points in parts.items()},
        "num_modes": None if data.modes is None else len(data.modes),
        "mean": data.train.mean(0).tolist(),
        "std": data.train.std(0, correction=0).tolist(),
    }


KIND = Kind(prepare, measure, draw, describe, N_("points"), "test", ENDINGS)
