"""Find the images that are strange to a run: scores, a threshold, and where the error sits in each image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from olaria.data import DATASETS, DataConfig, ImageData, Images, load
from olaria.data.base import Progress
from olaria.data.images import load_pictures
from olaria.data.split import take
from olaria.errors import DataError, UsageError, suggestion
from olaria.evaluation import anomaly
from olaria.evaluation.anomaly import Detector, Score
from olaria.i18n import N_, Message
from olaria.models import MODELS
from olaria.models.autoencoder import AutoEncoder
from olaria.models.base import Model
from olaria.models.vae import VAE
from olaria.runs import Run
from olaria.sampling import latent
from olaria.storage.images import make_grid, save_png, with_heat
from olaria.workflows.generate import refuse_overwriting

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
    if MODELS[run.family].data != "images":
        raise UsageError(
            N_("run {name} is of a {family}, and this needs an autoencoder or a VAE"),
            name=run.name,
            family=run.family,
        )
    model = run.model(checkpoint)
    own = run.data(offline=offline, progress=progress)
    assert isinstance(own, ImageData)
    detector = detector_of(model, own)
    normal = detector.look(own.validation.x.float() / 255).scores[score]
    limit = anomaly.threshold(normal, false_alarms)
    read = {"resize": run.recipe.data.resize, "gray": run.recipe.data.gray, **(options or {})}
    seen = _seen(run, own, data, read, offline, progress)
    if tuple(seen.x.shape[1:]) != own.shape:
        raise DataError(
            N_(
                "the images of {data} are {found} and those of run {name} {wanted}; "
                "use --resize and --gray"
            ),
            data=data or own.name,
            found="×".join(map(str, seen.x.shape[1:])),
            name=run.name,
            wanted="×".join(map(str, own.shape)),
        )
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
        seen.is_anomaly,
        seen.notes,
    )


def detector_of(model: Model, data: ImageData) -> Detector:
    """A detector of what is strange to a model and the first training images.

    Raises:
        UsageError: the model has no encoder, or is told classes, which strange images have not.
    """
    if not isinstance(model, AutoEncoder | VAE) or latent.classes_of(model):
        raise UsageError(
            N_(
                "only an autoencoder or a VAE without classes can tell what is strange to it; train ae-mnist"
            )
        )
    x = data.train.x[: anomaly.NUM_NEIGHBOURS].float() / 255
    return Detector.fitted(partial(latent.encode, model), partial(latent.decode, model), x)


@dataclass(frozen=True)
class _Seen:
    names: tuple[str, ...]
    x: Tensor
    is_anomaly: Tensor | None
    notes: tuple[Message, ...] = ()


def _seen(
    run: Run,
    own: ImageData,
    data: str | None,
    read: dict[str, Any],
    offline: bool,
    progress: Progress | None,
) -> _Seen:
    """The images to look at, and the truth about them where it is known."""
    left_out = run.recipe.data.leave_out
    is_own = data is None or data == run.recipe.data.name
    if is_own:
        truth = None
        if own.test.y is not None and left_out is not None:
            truth = own.test.y.eq(left_out)
        return _Seen(_numbered(own.test), own.test.x, truth)
    assert data is not None
    if data not in DATASETS:
        path = Path(data).expanduser()
        if not path.exists():
            raise UsageError(
                N_("there is no data set, file or folder named {name}: {hint}"),
                name=data,
                hint=suggestion(data, DATASETS),
            )
        pictures = load_pictures(path, DataConfig(name=data, **read))
        return _Seen(pictures.names, pictures.x, None, pictures.notes)
    other = load(data, DataConfig(name=data, **read), offline=offline, progress=progress)
    if not isinstance(other, ImageData):
        raise UsageError(N_("{data} holds no images; give it images"), data=data)
    if other.shape != own.shape:
        return _Seen((), other.test.x, None)
    normal = own.test
    if left_out is not None and normal.y is not None:
        normal = take(normal, (normal.y != left_out).nonzero().flatten().tolist())
    x = torch.cat((normal.x, other.test.x))
    truth = torch.arange(len(x)) >= len(normal)
    names = (
        *(f"{own.name}/{name}" for name in _numbered(normal)),
        *(f"{data}/{name}" for name in _numbered(other.test)),
    )
    return _Seen(names, x, truth)


def _numbered(images: Images) -> tuple[str, ...]:
    """Names of images that have none: the class, where there is one, and the place."""
    if images.y is None:
        return tuple(f"{i}" for i in range(len(images)))
    return tuple(f"{label}/{i}" for i, label in enumerate(images.y.tolist()))


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
