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
from olaria.i18n import N_, Message
from olaria.runs import Run


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
                "the images of {data} are {found} and those of run {name} {wanted}; "
                "use --resize and --gray"
            ),
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
