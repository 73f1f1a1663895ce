"""Codes of images in files: a table that a spreadsheet opens, or an array with such a table beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.characters import legible
from olaria.storage.files import refuse_overwriting
from olaria.vocabulary import Map

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from olaria.workflows.encode import Encoded

TABLE, ARRAY = ".tsv", ".npy"
"""Endings of codes."""
FORMULA = ("=", "+", "-", "@")
"""What begins a formula in a spreadsheet."""


def save(encoded: Encoded, path: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the codes: ``.npy`` as float32 with a table of names and classes beside it, else one table.

    A table is tab-separated with one line of headings.

    Returns:
        The files, the codes first.
    """
    from olaria.storage.files import write_atomic, write_text

    beside = [path.with_suffix(TABLE)] if path.suffix.lower() == ARRAY else []
    for file in (path, *beside):
        refuse_overwriting(file, overwrite)
    if beside:
        write_atomic(path, partial(_write_array, encoded.codes.numpy()))
        write_text(beside[0], table(encoded, []))
    else:
        write_text(path, table(encoded, columns("z", encoded.codes)))
    return [path, *beside]


def _write_array(array: np.ndarray[Any, Any], path: Path) -> None:
    import numpy as np

    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def columns(letter: str, values: Tensor) -> list[tuple[str, list[str]]]:
    """Headings and cells of numbers (N, d)."""
    return [
        (f"{letter}{i + 1}", [f"{value:z.6g}" for value in column])
        for i, column in enumerate(values.T.tolist())
    ]


def table(encoded: Encoded, numbers: list[tuple[str, list[str]]]) -> str:
    """Name and class of each image beside columns of numbers, tab-separated, with one line of headings."""
    classes = encoded.classes
    texts = [("name", encoded.inputs.names)] + ([("class", classes)] if classes is not None else [])
    every = [*((name, [*map(_cell, cells)]) for name, cells in texts), *numbers]
    lines = [[name for name, _ in every], *zip(*(cells for _, cells in every), strict=True)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cell(text: str) -> str:
    """A text without what would end its cell; no formula, to a spreadsheet, which would compute it."""
    text = legible(text.replace("\t", " ").replace("\n", " ").replace("\r", " "))
    if not text.startswith(FORMULA) or _is_number(text):
        return text
    return f"'{text}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def files_of(path: Path, how: Map | None) -> Sequence[Path]:
    """Every file that is written for codes at ``path``, to be checked before anything is computed."""
    written: Iterable[Path] = [path]
    if path.suffix.lower() == ARRAY:
        written = [path, path.with_suffix(TABLE)]
    if how is None:
        return [*written]
    picture = map_path(path, how)
    return [*written, picture, picture.with_suffix(TABLE)]


def map_path(path: Path, how: Map) -> Path:
    """Where the map of codes at ``path`` goes."""
    return path.with_name(f"{path.stem}-{how}.png")
