"""Find the images that are strange to a run: scores, a threshold, and where the error sits in each image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from olaria.data import DATASETS, ImageData
from olaria.data.base import Progress
from olaria.data.split import take
from olaria.errors import UsageError
from olaria.evaluation import anomaly
from olaria.evaluation.anomaly import Score
from olaria.i18n import N_, Message
from olaria.kinds.images import detector_of
from olaria.models.base import ImageModel
from olaria.runs import Run
from olaria.storage.files import refuse_overwriting
from olaria.storage.images import make_grid, save_png, with_heat
from olaria.workflows import shown
from olaria.workflows.shown import Shown

FALSE_ALARMS = 0.05
COLUMNS = 3
"""Of the picture: triples of image, reconstruction and heat side by side."""


@dataclass(frozen=True)
class Detection:
    """What was found in images.

    Args:
        names: of the images, (N) of them.
        scores: (N,), by the chosen score; higher is stranger.
        threshold: above which an image is called strange.
        false_alarms: share of normal images that is expected above it at most.
        score: which one.
        num_calibrated: held-out normal images that the threshold comes from.
        x: the images, (N, C, H, W).
        rebuilt: what the model made of them.
        is_anomaly: the truth, (N,), where it is known.
        notes: what was met while the files were read.
    """

    names: tuple[str, ...]
    scores: Tensor
    threshold: float
    false_alarms: float
    score: Score
    num_calibrated: int
    x: Tensor
    rebuilt: Tensor
    is_anomaly: Tensor | None = None
    notes: tuple[Message, ...] = ()

    @property
    def order(self) -> list[int]:
        """The images from the strangest on."""
        return [int(i) for i in self.scores.argsort(descending=True, stable=True)]

    @property
    def strange(self) -> Tensor:
        """Whether each is above the threshold, bool (N,)."""
        return self.scores > self.threshold

    def quality(self) -> dict[str, float]:
        """How well the truth is found, where it is known and has both kinds; else nothing."""
        truth = self.is_anomaly
        if truth is None or bool(truth.all()) or not bool(truth.any()):
            return {}
        return {
            "auroc": anomaly.auroc(self.scores, truth),
            "aupr": anomaly.aupr(self.scores, truth),
            "prevalence": truth.double().mean().item(),
            "found": self.strange[truth].double().mean().item(),
            "false_alarms": self.strange[~truth].double().mean().item(),
        }


def detect(
    run: str | Path | Run,
    data: str | None = None,
    *,
    score: Score = anomaly.DEFAULT_SCORE,
    false_alarms: float = FALSE_ALARMS,
    options: dict[str, Any] | None = None,
    checkpoint: str | int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Detection:
    """Score images by how strange they are to a run.

    The threshold is that of the run's own validation images. The truth is known where the run left a class out and its
    own test images are looked at, and where those of another data set by name are: these are then mixed with its own.

    Args:
        run: of an autoencoder or a VAE.
        data: a data set's name, or the user's image, folder or zip; the run's own test images where None.
        score: a name in :data:`olaria.evaluation.anomaly.SCORES`.
        false_alarms: share of normal images that may be called strange, in (0, 1).
        options: ``resize`` and ``gray`` for ``data``; those of the run where not given.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.
        progress: told of downloads.

    Raises:
        UsageError: the run has no encoder, or an option is out of range.
        DataError: the images are of another size or number of channels than the run's.
    """
    if not 0 < false_alarms < 1:
        raise UsageError(
            N_("--false-alarms must be between 0 and 1, not {value}"), value=false_alarms
        )
    run = run if isinstance(run, Run) else Run(run)
    shown.refuse_other_kinds(run)
    model = run.model(checkpoint)
    assert isinstance(model, ImageModel)
    own = run.data(offline=offline, progress=progress)
    assert isinstance(own, ImageData)
    detector = detector_of(model, own)
    normal = detector.look(own.validation.x.float() / 255).scores[score]
    limit = anomaly.threshold(normal, false_alarms)
    seen, truth = _seen(run, own, data, options or {}, offline, progress)
    x = seen.x.float() / 255
    found = detector.look(x)
    return Detection(
        seen.names,
        found.scores[score],
        limit,
        false_alarms,
        score,
        len(normal),
        x,
        found.rebuilt,
        truth,
        seen.notes,
    )


def _seen(
    run: Run,
    own: ImageData,
    data: str | None,
    options: dict[str, Any],
    offline: bool,
    progress: Progress | None,
) -> tuple[Shown, Tensor | None]:
    """The images to look at, and the truth about them where it is known."""
    left_out = run.recipe.data.leave_out
    if data is None or data == run.recipe.data.name:
        labels = own.test.y
        truth = labels.eq(left_out) if labels is not None and left_out is not None else None
        return shown.own(own, own.test), truth
    other = shown.other(run, data, own.shape, options, offline=offline, progress=progress)
    if data not in DATASETS:
        return other, None
    normal = own.test
    if left_out is not None and normal.y is not None:
        normal = take(normal, (normal.y != left_out).nonzero().flatten().tolist())
    x = torch.cat((normal.x, other.x))
    names = (
        *(f"{own.name}/{name}" for name in shown.numbered(normal)),
        *(f"{data}/{name}" for name in other.names),
    )
    return Shown(names, x), torch.arange(len(x)) >= len(normal)


def save_picture(found: Detection, path: Path, count: int, *, overwrite: bool = False) -> None:
    """A sheet of the ``count`` strangest images: each beside its reconstruction and where they differ."""
    refuse_overwriting(path, overwrite)
    chosen = found.order[:count]
    x, rebuilt = found.x[chosen], found.rebuilt[chosen]
    error = anomaly.heat(x, rebuilt)
    rows = torch.stack((_coloured(x), _coloured(rebuilt), with_heat(x, error)), 1).flatten(0, 1)
    scale = max(1, 84 // x.shape[-1])
    save_png(path, make_grid(rows, 3 * min(COLUMNS, len(chosen)), scale))


def _coloured(x: Tensor) -> Tensor:
    return x.expand(-1, 3, -1, -1)
