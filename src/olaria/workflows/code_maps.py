"""Codes of images on a plane: a picture, and its coordinates in a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.i18n import N_, Message, detect_language
from olaria.storage.files import refuse_overwriting
from olaria.vocabulary import Map
from olaria.workflows.code_files import TABLE, columns, table

if TYPE_CHECKING:
    from torch import Tensor

    from olaria.workflows.encode import Encoded

SEED = 1
MAP_POINTS = 2_000
"""Images on a map at most: more of them hide each other, and t-SNE takes its time."""


@dataclass(frozen=True)
class Mapped:
    """A part of the images on a plane.

    Args:
        encoded: that part.
        points: (N, 2).
        how: the map.
        notes: of how many they are.
    """

    encoded: Encoded
    points: Tensor
    how: Map
    notes: tuple[Message, ...] = ()

    @property
    def caption(self) -> tuple[Message, ...]:
        """What the map shows."""
        from olaria.evaluation.projection import MAP_NAMES

        fields = {"count": len(self.points), "how": MAP_NAMES[self.how]}
        text = (
            N_("each point is the code of one of {count} images, brought to a plane by {how}")
            if self.encoded.inputs.y is None
            else N_(
                "each point is the code of one of {count} images, brought to a plane by {how}; colours: the classes"
            )
        )
        axes = (
            N_("the axes are the two directions in which the codes vary most")
            if self.how == "pca"
            else N_(
                "neighbours here are mostly neighbours among the codes; the axes mean nothing by themselves"
            )
        )
        return Message(text, fields), Message(axes), *self.encoded.made_by


def on_plane(encoded: Encoded, how: Map) -> Mapped:
    """At most :data:`MAP_POINTS` of the images, drawn with a fixed seed, on a plane.

    Raises:
        EvaluationError: see :func:`olaria.evaluation.projection.plane`.
    """
    import torch

    from olaria.evaluation.projection import plane

    count = len(encoded.codes)
    if count <= MAP_POINTS:
        return Mapped(encoded, plane(encoded.codes, how, SEED), how)
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(SEED))[:MAP_POINTS]
    part = _part(encoded, chosen.sort().values)
    fields = {"count": MAP_POINTS, "all": count}
    note = Message(N_("the map shows {count} of {all} images, drawn at random"), fields)
    return Mapped(part, plane(part.codes, how, SEED), how, (note,))


def _part(encoded: Encoded, chosen: Tensor) -> Encoded:
    inputs = encoded.inputs
    names = tuple(inputs.names[i] for i in chosen.tolist())
    y = None if inputs.y is None else inputs.y[chosen]
    return replace(
        encoded,
        inputs=replace(inputs, names=names, x=inputs.x[chosen], y=y),
        codes=encoded.codes[chosen],
    )


def save_map(mapped: Mapped, path: Path, title: str, *, overwrite: bool = False) -> list[Path]:
    """Write the map as a picture, and its coordinates as a table beside it."""
    from io import BytesIO

    from PIL import Image

    from olaria.pages import planes
    from olaria.pages.style import png
    from olaria.storage.captions import captioned
    from olaria.storage.files import write_text
    from olaria.storage.images import save_png

    coordinates = path.with_suffix(TABLE)
    for file in (path, coordinates):
        refuse_overwriting(file, overwrite)
    y = mapped.encoded.inputs.y
    figure = planes.map_of_codes(
        mapped.points.numpy(),
        None if y is None else y.numpy(),
        mapped.encoded.inputs.class_names,
        title,
    )
    picture = Image.open(BytesIO(png(figure)))
    language = mapped.encoded.language or detect_language()
    save_png(path, captioned(picture, (line.text(language) for line in mapped.caption)))
    write_text(coordinates, table(mapped.encoded, columns("map", mapped.points)))
    return [path, coordinates]
