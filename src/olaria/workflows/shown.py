"""Images that a run is shown: its own, another data set's, or the user's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from olaria.data import DATASETS, DataConfig, ImageData, Images, load
from olaria.data.base import Progress
from olaria.data.images import load_pictures
from olaria.errors import DataError, UsageError, suggestion
from olaria.families import MODELS
from olaria.i18n import N_, Message, Setting
from olaria.models.base import ImageModel
from olaria.runs import Run
from olaria.vocabulary import Split


@dataclass(frozen=True)
class Shown:
    """Images under their names.

    Args:
        names: (N) of them.
        x: uint8 (N, C, H, W).
        y: classes, (N,), where they are known.
        class_names: name of class 0, 1, …
        notes: what was met while the files were read.
    """

    names: tuple[str, ...]
    x: Tensor
    y: Tensor | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Looked:
    """A run and the images that it is shown.

    Args:
        model: of the run, in evaluation mode.
        own: the data that the run was made with.
        shown: the images.
        is_own: whether they are of that data.
    """

    model: ImageModel
    own: ImageData
    shown: Shown
    is_own: bool

    @property
    def told(self) -> Tensor | None:
        """The images' classes, where the model is told them."""
        return self.shown.y if self.model.classes else None


def look(
    run: str | Path | Run,
    data: str | None,
    *,
    split: Split | None = None,
    options: dict[str, Any],
    checkpoint: str | int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Looked:
    """Open a run of images and those that it is shown.

    Args:
        run: of an autoencoder or a VAE.
        data: a data set's name, or the user's image, folder or zip; the run's own data where None.
        split: which part of the run's own data; ``test`` where None.
        options: ``resize`` and ``gray`` for ``data``; those of the run where not given.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.
        progress: told of downloads.

    Raises:
        UsageError: the run is of another kind, ``split`` is asked of other data, or the model is told classes, which
            other data cannot say.
        DataError: the images are of another size or number of channels than the run's.
    """
    run = run if isinstance(run, Run) else Run(run)
    refuse_other_kinds(run)
    known = run.data(offline=offline, progress=progress)
    assert isinstance(known, ImageData)
    model = run.model(checkpoint)
    assert isinstance(model, ImageModel)
    if data is None or data == run.recipe.data.name:
        return Looked(model, known, own(known, getattr(known, split or "test")), True)
    if split is not None:
        raise UsageError(
            N_("{split} is of the run's own data; leave it out for {data}"),
            split=Setting("split"),
            data=data,
        )
    if model.classes:
        raise UsageError(
            N_("run {name} is told the class of each image, which {data} cannot say"),
            name=run.name,
            data=data,
        )
    images = other(run, data, known.shape, options, offline=offline, progress=progress)
    return Looked(model, known, images, False)


def refuse_other_kinds(run: Run) -> None:
    """Only images can be shown to a run of images.

    Raises:
        UsageError: the run is of another kind.
    """
    if MODELS[run.family].data != "images":
        raise UsageError(
            N_("run {name} is of a {family}, and this needs an autoencoder or a VAE"),
            name=run.name,
            family=run.family,
        )


def own(data: ImageData, part: Images) -> Shown:
    """A part of the data that the run was made with."""
    return Shown(numbered(part), part.x, part.y, data.class_names)


def other(
    run: Run,
    data: str,
    shape: tuple[int, int, int],
    options: dict[str, Any],
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> Shown:
    """The test images of another data set, or the user's image, folder or zip.

    Args:
        run: looks at them.
        data: a name or a path.
        shape: (C, H, W) that the run takes.
        options: ``resize`` and ``gray``; those of the run where not given.
        offline: open no connection.
        progress: told of downloads.

    Raises:
        UsageError: there is no such data, or it holds no images.
        DataError: the images are of another size or number of channels than the run's.
    """
    settings = run.recipe.data
    reading = {"resize": settings.resize, "gray": settings.gray, **options}
    config = DataConfig(name=data, **reading)
    if data in DATASETS:
        found = load(data, config, offline=offline, progress=progress)
        if not isinstance(found, ImageData):
            raise UsageError(N_("{data} holds no images; give it images"), data=data)
        shown = own(found, found.test)
    else:
        path = Path(data).expanduser()
        if not path.exists():
            raise UsageError(
                N_("there is no data set, file or folder named {name}: {hint}"),
                name=data,
                hint=suggestion(data, DATASETS),
            )
        pictures = load_pictures(path, config)
        shown = Shown(pictures.names, pictures.x, notes=pictures.notes)
    if tuple(shown.x.shape[1:]) != shape:
        raise DataError(
            N_(
                "the images of {data} are {found} and those of run {name} {wanted}; use {resize} and "
                "{gray}"
            ),
            resize=Setting("resize"),
            gray=Setting("gray"),
            data=data,
            found="×".join(map(str, shown.x.shape[1:])),
            name=run.name,
            wanted="×".join(map(str, shape)),
        )
    return shown


def numbered(images: Images) -> tuple[str, ...]:
    """Names of images that have none: the class, where there is one, and the place."""
    if images.y is None:
        return tuple(f"{i}" for i in range(len(images)))
    return tuple(f"{label}/{i}" for i, label in enumerate(images.y.tolist()))
