"""What images become: codes in a file, their quality beside principal components, and a map of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from olaria.data.base import Progress
from olaria.evaluation.projection import LEAST_POINTS, Map, PrincipalComponents, plane
from olaria.evaluation.reconstruction import code_metrics
from olaria.i18n import N_, Message
from olaria.pages import planes
from olaria.pages.style import png
from olaria.runs import Run
from olaria.sampling import latent
from olaria.storage.files import refuse_overwriting, write_atomic, write_bytes, write_text
from olaria.workflows import shown
from olaria.workflows.shown import Looked, Shown, Split

SEED = 1
NUM_VOTERS = 20_000
"""Training images that the components are fitted to and whose codes vote."""
MAP_POINTS = 2_000
"""Images on a map at most: more of them hide each other, and t-SNE takes its time."""


@dataclass(frozen=True)
class Encoded:
    """Images and their codes.

    Args:
        shown: the images.
        codes: float32 (N, d).
        quality: of the codes, by metric key; None where the images have no classes or are too few.
    """

    shown: Shown
    codes: Tensor
    quality: dict[str, float | None]

    @property
    def classes(self) -> list[str] | None:
        """Name of each image's class, where it is known."""
        y, names = self.shown.y, self.shown.class_names
        return None if y is None else [names[label] for label in y.tolist()]


def encode(
    run: str | Path | Run,
    data: str | None = None,
    *,
    split: Split | None = None,
    options: dict[str, Any] | None = None,
    checkpoint: str | int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Encoded:
    """Codes of images: of an autoencoder what its encoder says, of a VAE the posterior's mean.

    Args:
        run: of an autoencoder or a VAE.
        data: a data set's name, or the user's image, folder or zip; the run's own data where None.
        split: which part of the run's own data; ``test`` where None.
        options: ``resize`` and ``gray`` for ``data``; those of the run where not given.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.
        progress: told of downloads.

    Raises:
        UsageError: the run is of a language model, or ``split`` is asked of other data.
        SamplingError: the model has no encoder.
        DataError: the images are of another size or number of channels than the run's.
    """
    looked = shown.look(
        run,
        data,
        split=split,
        options=options or {},
        checkpoint=checkpoint,
        offline=offline,
        progress=progress,
    )
    images, of_model = looked.shown, partial(latent.encode, looked.model)
    found = Encoded(images, of_model(images.x.float() / 255, looked.told), {})
    return replace(found, quality=_quality(of_model, looked, found.codes))


def _quality(
    of_model: Callable[[Tensor, Tensor | None], Tensor], looked: Looked, codes: Tensor
) -> dict[str, float | None]:
    """The codes and those of equally many principal components; classes of other data vote for nothing here."""
    own, x, y = looked.own, looked.shown.x.float() / 255, looked.shown.y
    if len(x) < LEAST_POINTS + 1:  # neighbourhoods of five are less than half of the points
        return {}
    train = own.train.x[:NUM_VOTERS].float() / 255
    votes = own.train.y[:NUM_VOTERS] if looked.is_own and own.train.y is not None else None
    components = PrincipalComponents.fitted(train, codes.shape[1])
    return code_metrics(of_model, (train, votes), (x, y), codes, components, SEED)


# -- files -----------------------------------------------------------------------------------------


def save(found: Encoded, path: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the codes: ``.npy`` as float32 with a table of names and classes beside it, else one table.

    A table is tab-separated with one line of headings.

    Returns:
        The files, the codes first.
    """
    beside = [path.with_suffix(".tsv")] if path.suffix.lower() == ".npy" else []
    for file in (path, *beside):
        refuse_overwriting(file, overwrite)
    if beside:
        write_atomic(path, partial(_write_array, found.codes.numpy()))
        write_text(beside[0], _table(found, []))
    else:
        write_text(path, _table(found, _columns("z", found.codes)))
    return [path, *beside]


def _write_array(array: np.ndarray[Any, Any], path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _columns(letter: str, values: Tensor) -> list[tuple[str, list[str]]]:
    return [
        (f"{letter}{i + 1}", [f"{value:.6g}" for value in column])
        for i, column in enumerate(values.T.tolist())
    ]


def _table(found: Encoded, columns: list[tuple[str, list[str]]]) -> str:
    classes = found.classes
    known = [("class", classes)] if classes is not None else []
    every = [("name", list(found.shown.names)), *known, *columns]
    lines = [[name for name, _ in every], *zip(*(cells for _, cells in every), strict=True)]
    return "".join("\t".join(map(_cell, line)) + "\n" for line in lines)


def _cell(text: str) -> str:
    """A cell without what would end it."""
    return text.replace("\t", " ").replace("\n", " ").replace("\r", " ")


# -- maps ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mapped:
    """A part of the images on a plane.

    Args:
        found: that part.
        points: (N, 2).
        how: the map.
        notes: of how many they are.
    """

    found: Encoded
    points: Tensor
    how: Map
    notes: tuple[Message, ...] = ()


def on_plane(found: Encoded, how: Map) -> Mapped:
    """At most :data:`MAP_POINTS` of the images, drawn with a fixed seed, on a plane.

    Raises:
        EvaluationError: see :func:`olaria.evaluation.projection.plane`.
    """
    count = len(found.codes)
    if count <= MAP_POINTS:
        return Mapped(found, plane(found.codes, how, SEED), how)
    chosen = torch.randperm(count, generator=Generator().manual_seed(SEED))[:MAP_POINTS]
    part = _part(found, chosen.sort().values)
    fields = {"count": MAP_POINTS, "all": count}
    note = Message(N_("the map shows {count} of {all} images, drawn at random"), fields)
    return Mapped(part, plane(part.codes, how, SEED), how, (note,))


def _part(found: Encoded, chosen: Tensor) -> Encoded:
    own = found.shown
    names = tuple(own.names[i] for i in chosen.tolist())
    y = None if own.y is None else own.y[chosen]
    return replace(
        found, shown=replace(own, names=names, x=own.x[chosen], y=y), codes=found.codes[chosen]
    )


def save_map(mapped: Mapped, path: Path, title: str, *, overwrite: bool = False) -> list[Path]:
    """Write the map as a picture, and its coordinates as a table beside it."""
    table = path.with_suffix(".tsv")
    for file in (path, table):
        refuse_overwriting(file, overwrite)
    y = mapped.found.shown.y
    picture = planes.map_of_codes(
        mapped.points.numpy(),
        None if y is None else y.numpy(),
        mapped.found.shown.class_names,
        title,
    )
    write_bytes(path, png(picture))
    write_text(table, _table(mapped.found, _columns("map", mapped.points)))
    return [path, table]


def files_of(path: Path, how: Map | None) -> Sequence[Path]:
    """Every file that is written for codes at ``path``, for asking before anything is computed."""
    written: Iterable[Path] = [path]
    if path.suffix.lower() == ".npy":
        written = [path, path.with_suffix(".tsv")]
    if how is None:
        return [*written]
    picture = map_path(path, how)
    return [*written, picture, picture.with_suffix(".tsv")]


def map_path(path: Path, how: Map) -> Path:
    """Where the map of codes at ``path`` goes."""
    return path.with_name(f"{path.stem}-{how}.png")
