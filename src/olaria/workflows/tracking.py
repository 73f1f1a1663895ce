"""Tell other programs of a run: while it trains, or when it has."""

from __future__ import annotations

from pathlib import Path

import torch

from olaria.data.base import AnyData, ImageData
from olaria.errors import RunError
from olaria.i18n import N_, Setting
from olaria.models import NETWORKS
from olaria.models.base import ImageModel
from olaria.runs import Run
from olaria.sampling import latent
from olaria.storage.folder import RunFolder
from olaria.trackers import open_tracker
from olaria.trackers.projector import MOST_POINTS, write_projector
from olaria.trackers.story import Story
from olaria.training.tracking import Tracking
from olaria.vocabulary import TrackerName


def tracked(name: TrackerName, folder: RunFolder, data: AnyData) -> Tracking:
    """The listener that tells a tracker of a run that is about to train.

    Args:
        name: of the tracker.
        folder: of the run.
        data: that it is trained on.
    """
    if name != "tensorboard":
        return Tracking(name, folder)
    return Tracking(name, folder, lambda: write_codes(Run(folder.path), data, folder.path))


def write_tensorboard(run: Run, folder: Path, checkpoint: str | int | None) -> None:
    """Fill a folder with what TensorBoard shows of a run that was trained.

    Raises:
        RunError: the run has no metrics.
        OlariaError: see :meth:`olaria.runs.Run.data`, of a model that has latent vectors.
    """
    story = Story(run.folder)
    if not story.has_metrics:
        raise RunError(
            N_("run {name} has no metrics yet: train it first, by {resume}"),
            name=run.name,
            resume=Setting("resume", run.shortest),
        )
    tracker = open_tracker("tensorboard", story.about, folder)
    story.tell(tracker)
    story.tell_evaluation(tracker)
    tracker.close(run.state == "done")
    has_codes = getattr(NETWORKS[run.family], "encodes", False)
    if has_codes and run.folder.checkpoint_steps():
        write_codes(run, run.data(offline=True), folder, checkpoint)


def write_codes(run: Run, data: AnyData, folder: Path, checkpoint: str | int | None = None) -> None:
    """Write the latent vectors of the validation images for the projector, where the model has an encoder.

    Args:
        run: with a checkpoint.
        data: of the run.
        folder: of the file of events.
        checkpoint: ``best``, ``last`` or a step; the best, else the last, where None.
    """
    if not isinstance(data, ImageData):
        return
    model = run.model(checkpoint)
    if not isinstance(model, ImageModel) or not model.encodes:
        return
    x, y = data.validation.x[:MOST_POINTS], data.validation.y
    y = None if y is None else y[:MOST_POINTS]
    with torch.no_grad():
        codes = latent.encode(model, x.float() / 255, y if model.classes else None)
    names = None if y is None else [data.class_names[label] for label in y.tolist()]
    write_projector(codes, x, names, folder)
