"""Find the images that are strange to a run: scores, a threshold, and where the error sits in each image."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import MissingError, OlariaError, SourceError
from olaria.i18n import N_, Message, detect_language
from olaria.storage.endings import PICTURE, refuse_other_endings
from olaria.storage.files import refuse_overwriting
from olaria.vocabulary import SCORE, Score
from olaria.workflows.files import save_picture, word_of
from olaria.workflows.requests import AnyData, AnyRun, Checkpoint, Request, Result, setting
from olaria.workflows.requests.common import (
    check_overwrite,
    checkpoint_setting,
    gray_setting,
    images_setting,
    out_setting,
    overwrite_setting,
    place_setting,
    reading_of,
    resize_setting,
    run_setting,
    threads_setting,
)
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from olaria.data import ImageData
    from olaria.data.base import Progress
    from olaria.models.base import ImageModel
    from olaria.runs import Run
    from olaria.workflows.images import NamedImages

COLUMNS = 3
"""Of the picture: triples of image, reconstruction and heat side by side."""


@dataclass(frozen=True, kw_only=True)
class DetectRequest(Request):
    """What ``detect`` takes."""

    summary = N_("Find the images that are strange to a run.")

    run: AnyRun = run_setting()
    data: AnyData | None = images_setting()
    count: int = setting(N_("how many to show"), default=12, metavar="N", flag="-n", least=1)
    score: Score = setting(N_("how strangeness is measured"), default=SCORE)
    false_alarms: float = setting(
        N_("share of normal images that may be called strange"),
        default=0.05,
        metavar=N_("SHARE"),
        above=0,
        below=1,
    )
    resize: int | None = resize_setting()
    gray: bool = gray_setting()
    run_data: AnyData | None = place_setting()
    checkpoint: Checkpoint | None = checkpoint_setting()
    out: str | Path | None = out_setting(N_("where the picture goes"))
    overwrite: bool = overwrite_setting()
    threads: int | None = threads_setting()

    def check(self) -> None:
        """A file must be named to be replaced, and as a picture is."""
        check_overwrite(self)
        refuse_other_endings(self.out, PICTURE)


@dataclass(frozen=True, repr=False)
class Detection(Result):
    """Scores of images and what is called strange among them.

    Args:
        request: what was requested.
        names: of the images, (N) of them.
        score: by which.
        scores: (N,), higher is stranger.
        threshold: above which an image is called strange; None where the run's data is not at hand.
        num_calibrated: held-out normal images that the threshold comes from.
        x: the images, (N, C, H, W).
        rebuilt: their reconstructions.
        is_anomaly: the truth, (N,), where it is known.
        notes: for the reader, about the files.
        made_by: the run and its step.
        language: of what the sheet says of itself; the user's where None.
        picture: a sheet of the strangest, where it was written.
    """

    request: DetectRequest
    names: tuple[str, ...]
    score: Score
    scores: Tensor
    threshold: float | None
    num_calibrated: int
    x: Tensor
    rebuilt: Tensor
    is_anomaly: Tensor | None = None
    notes: tuple[Message, ...] = ()
    made_by: tuple[Message, ...] = ()
    language: str | None = None
    picture: Path | None = None

    def __repr__(self) -> str:
        if self.strange is None or self.threshold is None:
            return f"<detection: {len(self.scores)} images, no threshold>"
        found = int(self.strange.sum())
        return f"<detection: {found} of {len(self.scores)} images above {self.threshold:.4g}>"

    def sheet(self) -> Image:
        """The strangest images, each beside its reconstruction and where they differ."""
        import torch

        from olaria.evaluation import anomaly
        from olaria.storage.captions import captioned
        from olaria.storage.images import make_sheet, with_heat

        chosen = self.order[: self.request.count]
        x, rebuilt = self.x[chosen], self.rebuilt[chosen]
        heat = with_heat(x, anomaly.heat(x, rebuilt))
        rows = torch.stack((_coloured(x), _coloured(rebuilt), heat), 1).flatten(0, 1)
        columns = 3 * min(COLUMNS, len(chosen))
        grid = make_sheet(rows, columns)
        language = self.language or detect_language()
        return captioned(grid, (line.text(language) for line in self.caption))

    @property
    def caption(self) -> tuple[Message, ...]:
        """What the sheet shows."""
        fields = {
            "count": min(self.request.count, len(self.names)),
            "all": len(self.names),
            "score": self.score,
        }
        triples = Message(
            N_("triples: an image, its reconstruction, and in red where they differ"), fields
        )
        order = Message(
            N_(
                "the {count} strangest of {all} {all:image|images}, the strangest first, row "
                "by row; score: {score}"
            ),
            fields,
        )
        return triples, order, *self.made_by

    def _repr_png_(self) -> bytes:
        from olaria.storage.images import to_png

        return to_png(self.sheet())

    @property
    def order(self) -> list[int]:
        """The images from the strangest on."""
        return [int(i) for i in self.scores.argsort(descending=True, stable=True)]

    @property
    def strange(self) -> Tensor | None:
        """Whether each is above the threshold, bool (N,); None where there is no threshold."""
        return None if self.threshold is None else self.scores > self.threshold

    def quality(self) -> dict[str, float]:
        """How well the scores agree with the truth, where it is known and has both kinds; else nothing."""
        from olaria.evaluation import anomaly

        truth, strange = self.is_anomaly, self.strange
        if truth is None or strange is None or bool(truth.all()) or not bool(truth.any()):
            return {}
        return {
            "auroc": anomaly.auroc(self.scores, truth),
            "aupr": anomaly.aupr(self.scores, truth),
            "prevalence": truth.double().mean().item(),
            "found": strange[truth].double().mean().item(),
            "false_alarms": strange[~truth].double().mean().item(),
        }

    def saved(self) -> Detection:
        """The same with its picture: where the request says, else under a free name."""
        if self.picture is not None:
            return self
        return replace(self, picture=save_picture(self.sheet(), self.request, "detect"))

    def to_json(self) -> dict[str, Any]:
        """Every image from the strangest on, and how it was scored."""
        request, strange = self.request, self.strange
        images = [
            {
                "name": self.names[i],
                "score": self.scores[i].item(),
                "strange": None if strange is None else bool(strange[i]),
            }
            for i in self.order
        ]
        return {
            "format": 1,
            "run": word_of(request.run),
            "data": word_of(request.data),
            "score": self.score,
            "false_alarms": request.false_alarms,
            "num_calibrated": self.num_calibrated,
            "threshold": self.threshold,
            "quality": self.quality(),
            "picture": None if self.picture is None else str(self.picture),
            "images": images,
        }


@verb(DetectRequest)
def detect(
    request: DetectRequest,
    *,
    language: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Detection:
    """Score images by how strange they are to a run.

    The threshold comes from the run's validation images. The truth is known for the run's test images where the run
    left a class out, and for those of another data set by name: these are mixed with the run's. Where the run's data is
    not at hand, other images are scored by their error alone and there is no threshold, which a note says.

    Args:
        language: of what the picture says of itself; the user's own unless given.
        offline: open no connection.
        progress: gets what is downloaded.

    Returns:
        All scores; a picture of the strangest is written where ``out`` is given, and by :meth:`Detection.saved`.

    Raises:
        UsageError: the run has no encoder.
        DataError: the images are of another size or number of channels than the run's.
        StorageError: a file is in the way.
    """
    from olaria.kinds.base import drawn_by
    from olaria.models.base import ImageModel as AnyImageModel
    from olaria.workflows import given
    from olaria.workflows.images import is_array, is_part_of_own, refuse_other_kinds

    if request.out is not None:
        refuse_overwriting(Path(request.out), request.overwrite)
    run = given.opened(request.run, request.run_data, setting="run_data")
    refuse_other_kinds(run)
    model = run.model(request.checkpoint)
    assert isinstance(model, AnyImageModel)
    data = request.data
    is_other = data is not None and (is_array(data) or not is_part_of_own(run, os.fspath(data)))
    try:
        run_data = run.data(offline=offline, progress=progress)
    except (MissingError, SourceError) as error:
        if not is_other or request.score not in (SCORE, "error"):
            raise
        detection = _without_run_data(run, model, request, error, offline, progress)
    else:
        detection = _detected(run, model, request, run_data, offline, progress)
    made_by = (drawn_by(run, request.checkpoint),)
    detection = replace(detection, made_by=made_by, language=language)
    return detection if request.out is None else detection.saved()


def _detected(
    run: Run,
    model: ImageModel,
    request: DetectRequest,
    run_data: Any,
    offline: bool,
    progress: Progress | None,
) -> Detection:
    from olaria.evaluation import anomaly
    from olaria.kinds.image_metrics import detector_of

    detector = detector_of(model, run_data)
    normal = detector.look(run_data.validation.x.float() / 255).scores[request.score]
    limit = anomaly.threshold(normal, request.false_alarms)
    images, truth = _test_images(
        run, run_data, request.data, reading_of(request), offline, progress
    )
    x = images.x.float() / 255
    scored = detector.look(x)
    return Detection(
        request,
        images.names,
        request.score,
        scored.scores[request.score],
        limit,
        len(normal),
        x,
        scored.rebuilt,
        truth,
        images.notes,
    )


def _without_run_data(
    run: Run,
    model: ImageModel,
    request: DetectRequest,
    error: OlariaError,
    offline: bool,
    progress: Progress | None,
) -> Detection:
    """Other images by their error of reconstruction, which needs the model alone; in order, without a threshold."""
    from olaria.kinds.image_metrics import refuse_undetecting
    from olaria.objectives.reconstruction import squared_error
    from olaria.sampling import latent

    refuse_undetecting(model)
    images = _other(run, request.data, reading_of(request), offline, progress)
    x = images.x.float() / 255
    rebuilt = latent.reconstruct(model, x)
    note = N_("the score is error and there is no threshold: {reason}")
    notes = (*images.notes, Message(note, {"reason": error.message}))
    scores = squared_error(rebuilt, x)
    return Detection(request, images.names, "error", scores, None, 0, x, rebuilt, notes=notes)


def _other(
    run: Run, data: Any, options: dict[str, Any], offline: bool, progress: Progress | None
) -> NamedImages:
    from olaria.workflows.images import images_of_arrays, is_array, other_images

    if is_array(data):
        return images_of_arrays(run, data, options)
    return other_images(run, os.fspath(data), options, offline=offline, progress=progress)


def _test_images(
    run: Run,
    run_data: ImageData,
    data: Any,
    options: dict[str, Any],
    offline: bool,
    progress: Progress | None,
) -> tuple[NamedImages, Tensor | None]:
    """The images to score, and whether each is an anomaly where that is known."""
    import torch

    from olaria.data import DATASETS
    from olaria.data.split import take
    from olaria.workflows.images import (
        NamedImages,
        is_array,
        is_own,
        is_part_of_own,
        named,
        numbered,
    )

    left_out = run.recipe.data.leave_out
    if is_array(data):
        return _other(run, data, options, offline, progress), None
    data = None if data is None else os.fspath(data)
    if data is None or is_part_of_own(run, data):
        return named(run_data, run_data.test), _is_class(run_data.test.y, left_out)
    other = _other(run, data, options, offline, progress)
    if data not in DATASETS:
        return other, _is_class(other.y, left_out) if is_own(run, data) else None
    normal = run_data.test
    if left_out is not None and normal.y is not None:
        normal = take(normal, (normal.y != left_out).nonzero().flatten().tolist())
    x = torch.cat((normal.x, other.x))
    names = (
        *(f"{run_data.name}/{name}" for name in numbered(normal)),
        *(f"{data}/{name}" for name in other.names),
    )
    return NamedImages(names, x), torch.arange(len(x)) >= len(normal)


def _is_class(labels: Tensor | None, label: int | None) -> Tensor | None:
    return None if labels is None or label is None else labels.eq(label)


def _coloured(x: Tensor) -> Tensor:
    return x.expand(-1, 3, -1, -1)
