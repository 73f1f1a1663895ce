"""The images that a run is applied to: a part of its data, another data set, or the user's files."""

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
class NamedImages:
    """Images with their names.

    Args:
        names: N of them.
        x: uint8 (N, C, H, W).
        y: classes, (N,), where they are known.
        class_names: name of class 0, 1, …
        notes: for the reader, about the files.
    """

    names: tuple[str, ...]
    x: Tensor
    y: Tensor | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True)
class RunImages:
    """A run's model and data, and the images that it is applied to.

    Args:
        model: of the run, in evaluation mode.
        data: that the run was trained on.
        images: that the model is applied to.
        is_run_data: whether they are part of ``data``.
    """

    model: ImageModel
    data: ImageData
    images: NamedImages
    is_run_data: bool

    @property
    def classes(self) -> Tensor | None:
        """The images' classes, (N,), where the model is conditioned on them."""
        return self.images.y if self.model.classes else None


def open_images(
    run: str | Path | Run,
    data: str | None,
    *,
    split: Split | None = None,
    options: dict[str, Any],
    checkpoint: str | int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> RunImages:
    """Open a run of images, and the images to apply it to.

    Args:
        run: of an autoencoder or a VAE.
        data: a data set's name, or the user's image, folder or zip; the run's data where None.
        split: which part of the run's data; ``test`` where None.
        options: ``resize`` and ``gray`` for ``data``; those of the run where not given.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.
        progress: reports downloads.

    Raises:
        UsageError: the run is of another kind, ``split`` is given with other data, or the model needs classes, which
            other data does not have.
        DataError: the images are of another size or number of channels than the run's.
    """
    run = run if isinstance(run, Run) else Run(run)
    refuse_other_kinds(run)
    run_data = run.data(offline=offline, progress=progress)
    assert isinstance(run_data, ImageData)
    model = run.model(checkpoint)
    assert isinstance(model, ImageModel)
    if data is None or data == run.recipe.data.name:
        images = named(run_data, getattr(run_data, split or "test"))
        return RunImages(model, run_data, images, True)
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
    images = other_images(run, data, run_data.shape, options, offline=offline, progress=progress)
    return RunImages(model, run_data, images, False)


def refuse_other_kinds(run: Run) -> None:
    """Refuse a run that is not of images.

    Raises:
        UsageError: the run is of another kind.
    """
    if MODELS[run.family].data != "images":
        raise UsageError(
            N_("run {name} is of a {family}, and this needs an autoencoder or a VAE"),
            name=run.name,
            family=run.family,
        )


def named(data: ImageData, part: Images) -> NamedImages:
    """One split of a data set, numbered."""
    return NamedImages(numbered(part), part.x, part.y, data.class_names)


def other_images(
    run: Run,
    data: str,
    shape: tuple[int, int, int],
    options: dict[str, Any],
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> NamedImages:
    """The test images of another data set, or the user's image, folder or zip.

    Args:
        run: that takes them.
        data: a name or a path.
        shape: (C, H, W) that the run takes.
        options: ``resize`` and ``gray``; those of the run where not given.
        offline: open no connection.
        progress: reports downloads.

    Raises:
        UsageError: there is no such data, or it holds no images.
        DataError: the images are of another size or number of channels than the run's.
    """
    settings = run.recipe.data
    reading = {"resize": settings.resize, "gray": settings.gray, **options}
    config = DataConfig(name=data, **reading)
    if data in DATASETS:
        loaded = load(data, config, offline=offline, progress=progress)
        if not isinstance(loaded, ImageData):
            raise UsageError(N_("{data} holds no images; give it images"), data=data)
        images = named(loaded, loaded.test)
    else:
        path = Path(data).expanduser()
        if not path.exists():
            raise UsageError(
                N_("there is no data set, file or folder named {name}: {hint}"),
                name=data,
                hint=suggestion(data, DATASETS),
            )
        pictures = load_pictures(path, config)
        images = NamedImages(pictures.names, pictures.x, notes=pictures.notes)
    if tuple(images.x.shape[1:]) != shape:
        raise DataError(
            N_(
                "the images of {data} are {found} and those of run {name} {wanted}; use {resize} and "
                "{gray}"
            ),
            resize=Setting("resize"),
            gray=Setting("gray"),
            data=data,
            found="×".join(map(str, images.x.shape[1:])),
            name=run.name,
            wanted="×".join(map(str, shape)),
        )
    return images


def numbered(images: Images) -> tuple[str, ...]:
    """Names for images without any: their index, after the class where it is known."""
    if images.y is None:
        return tuple(f"{i}" for i in range(len(images)))
    return tuple(f"{label}/{i}" for i, label in enumerate(images.y.tolist()))
