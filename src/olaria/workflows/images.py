"""The images that a run is applied to: a part of its data, another data set, or the user's files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from olaria.data import DATASETS, DataConfig, ImageData, Images, load
from olaria.data.base import Pictures, Progress
from olaria.data.given import pixel_array, plain_array, with_labels
from olaria.data.images import images_of, load_pictures
from olaria.errors import DataError, UsageError, suggestion
from olaria.families import MODELS
from olaria.i18n import N_, Message, Setting
from olaria.models.base import ImageModel
from olaria.runs import Run, opened_run
from olaria.storage.paths import user_path
from olaria.vocabulary import Split
from olaria.workflows.given import is_data, name_of, recorded_name

MOST_CLASSES = 100_000
"""Of images whose classes nobody has named."""


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
    """A run's model, and the images that it is applied to.

    Args:
        run: whose model it is.
        model: in evaluation mode.
        images: that the model is applied to.
        data: that the run was trained on, where the images are part of it.
    """

    run: Run
    model: ImageModel
    images: NamedImages
    data: ImageData | None = None

    @property
    def classes(self) -> Tensor | None:
        """The images' classes, (N,), where the model is conditioned on them."""
        return self.images.y if self.model.classes else None


def open_images(
    run: str | Path | Run,
    data: Any,
    *,
    split: Split | None = None,
    options: dict[str, Any],
    checkpoint: str | int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> RunImages:
    """Open a run of images, and the images to apply it to: a part of the run's own data, or all that is named.

    Args:
        run: of an autoencoder or a VAE.
        data: a data set's name, or the user's image, folder or zip, which means all of it, the run's own too; the run's
            test images where None; or images themselves, see :func:`images_of_arrays`.
        split: which part of the run's data; ``test`` where neither this nor a path is given.
        options: ``resize`` and ``gray`` for ``data``; those of the run where not given.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.
        progress: reports downloads.

    Raises:
        UsageError: the run is of another kind, ``split`` is given with other data, or the model needs classes, which
            other data does not have.
        DataError: the images are of another size or number of channels than the run's.
    """
    run = opened_run(run)
    refuse_other_kinds(run)
    model = run.model(checkpoint)
    assert isinstance(model, ImageModel)
    are_arrays = is_array(data)
    if is_data(data) and not are_arrays:
        raise UsageError(N_("{data} holds no images; give it images"), data=name_of(data))
    if data is None or (not are_arrays and is_part_of_own(run, os.fspath(data), split)):
        run_data = run.data(offline=offline, progress=progress)
        assert isinstance(run_data, ImageData)
        images = named(run_data, getattr(run_data, split or "test"))
        return RunImages(run, model, images, run_data)
    if split is not None:
        raise UsageError(
            N_("{split} is of the run's own data; leave it out for {data}"),
            split=Setting("split"),
            data=name_of(data),
        )
    untold = UsageError(
        N_("run {name} needs the class of each image, and {data} has no classes"),
        name=run.name,
        data=name_of(data),
    )
    if are_arrays:
        images = images_of_arrays(run, data, options)
    elif model.classes and os.fspath(data) in DATASETS:  # its classes are others
        raise untold
    else:
        images = other_images(run, os.fspath(data), options, offline=offline, progress=progress)
    if model.classes and images.y is None:
        raise untold
    return RunImages(run, model, images)


def is_part_of_own(run: Run, data: str, split: Split | None = None) -> bool:
    """Whether named data mean a part of the run's own: its data set's name, or its path and which part."""
    return is_own(run, data) and (data in DATASETS or split is not None)


def is_own(run: Run, data: str) -> bool:
    """Whether a name or a path is that of the run's own data, however the path is written."""
    return recorded_name(data) in (run.recipe.data.name, *run.places)


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
    options: dict[str, Any],
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> NamedImages:
    """The test images of another data set, or the user's image, folder or zip.

    Args:
        run: that takes them.
        data: a name or a path.
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
        path = user_path(data)
        if not os.path.exists(path):
            raise UsageError(
                N_("there is no data set, file or folder named {name}: {hint}"),
                name=data,
                hint=suggestion(data, DATASETS),
            )
        images = _named_pictures(run, data, load_pictures(path, config))
    shape = shape_of(run)
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


def _named_pictures(run: Run, data: str, pictures: Pictures) -> NamedImages:
    """The user's images; their classes count where all of them are classes of the run's."""
    names, notes, y = run.class_names, pictures.notes, None
    if pictures.y is not None and set(pictures.class_names) <= set(names):
        y = torch.tensor([names.index(one) for one in pictures.class_names])[pictures.y]
    if is_own(run, data):
        text = N_(
            "{count:the one image|all images} of {data} {count:is|are} taken ({count}), "
            "those that run {name} learned from too; without a path it is its test images "
            "alone"
        )
        fields = {"count": len(pictures.x), "data": data, "name": run.name}
        notes = (*notes, Message(text, fields))
    return NamedImages(pictures.names, pictures.x, y, () if y is None else names, notes)


def is_array(data: Any) -> bool:
    """Whether these are images themselves, and no name or path."""
    return data is not None and not isinstance(data, str | os.PathLike)


def shape_of(run: Run) -> tuple[int, int, int]:
    """(C, H, W) of the images that a run takes; its data need not be at hand."""
    shape = run.dimensions()
    assert isinstance(shape, tuple)
    return shape


def images_of_arrays(run: Run, data: Any, options: dict[str, Any]) -> NamedImages:
    """Images given in Python, numbered.

    Args:
        run: that is applied to them.
        data: a NumPy array or a tensor, (N, H, W) or (N, H, W, C), uint8, floating in [0, 1] or bool; (N, C, H, W)
            where it can be nothing else for this run; rows of grey pixels (N, H·W); a pair ``(images, labels)`` with
            the classes, (N,), from 0; or a part of a loaded data set.
        options: ``resize`` and ``gray``; those of the run where not given.

    Raises:
        DataError: a wrong shape, type or range, or images of another size or number of channels than the run's.
    """
    images, labels = with_labels(data)
    values = pixel_array(images, "data")
    settings = run.recipe.data
    reading = {"resize": settings.resize, "gray": settings.gray, **options}
    config = DataConfig(name="data", **reading)
    shape = channels, height, width = shape_of(run)
    if values.ndim == 4 and values.shape[1:] == shape != (height, width, channels):
        values = values.transpose(0, 2, 3, 1)
    if values.ndim == 2 and channels == 1 and values.shape[1] == height * width:
        values = values.reshape(-1, height, width)
    sides = (height, width)
    fitting = (*([sides] if channels == 1 else []), (*sides, channels))
    is_adapted = config.gray or config.resize is not None
    if not is_adapted and values.shape[1:] not in fitting:
        raise _misfit(run, values.shape, fitting[0])
    x = images_of(values, "data", config).x
    if tuple(x.shape[1:]) != shape:
        raise _misfit(run, values.shape, fitting[0])
    names = run.class_names
    y = None if labels is None else classes_of(labels, "labels", len(x), len(names) or None)
    if y is not None and not names:
        names = tuple(map(str, range(int(y.max()) + 1)))
    return NamedImages(tuple(map(str, range(len(x)))), x, y, names)


def _misfit(run: Run, found: Sequence[int], wanted: Sequence[int]) -> DataError:
    return DataError(
        N_("{data} has the shape {shape}; run {name} takes images of {wanted}"),
        data="data",
        shape=f"({', '.join(map(str, found))})",
        name=run.name,
        wanted=f"({', '.join(['N', *map(str, wanted)])})",
    )


def classes_of(labels: Any, name: str, count: int, num_classes: int | None) -> Tensor:
    """Classes given in Python, int64 (count,).

    Args:
        labels: a NumPy array or a tensor, (count,).
        name: of it, for the error.
        count: how many there must be.
        num_classes: above each of them; unknown where None.

    Raises:
        DataError: another number of them or another type, or a class that there is not.
    """
    values = plain_array(labels, name)
    is_whole = values.dtype.kind in "iu" and values.shape == (count,)
    num_classes = MOST_CLASSES if num_classes is None else num_classes
    if not is_whole or values.min() < 0 or values.max() >= num_classes:
        raise DataError(
            N_("{name} must be {count} whole {count:number|numbers} from 0 to {last}"),
            name=name,
            count=count,
            last=num_classes - 1,
        )
    return torch.from_numpy(values.astype("int64"))


def numbered(images: Images) -> tuple[str, ...]:
    """Names for images without any: their index, after the class where it is run_data."""
    if images.y is None:
        return tuple(f"{i}" for i in range(len(images)))
    return tuple(f"{label}/{i}" for i, label in enumerate(images.y.tolist()))
