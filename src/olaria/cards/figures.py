"""Figures that an author chose for a report: pictures of a folder, each with what is said of it and its numbers.

A figure is ``NAME.png``. Beside it may lie ``NAME.json``, ``{"format": 1, "caption": …, "command": …, "address": …}``
with what a reader is told, and ``NAME.csv`` with its numbers. The studio writes them so; anybody may.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from olaria.characters import encodable
from olaria.errors import DataError, StorageError
from olaria.i18n import N_, Setting
from olaria.storage.files import in_megabytes, read_document, storage_errors
from olaria.storage.paths import user_path

PICTURE, WORDS, NUMBERS = ".png", ".json", ".csv"
MOST_FIGURES = 60
"""Of one report."""
MOST_PICTURE_BYTES, MOST_PIXELS = 4_000_000, 8_000_000
MOST_TABLE_BYTES, MOST_COLUMNS = 1_000_000, 60
MOST_WORDS_BYTES = 100_000
MOST_CAPTION, MOST_ADDRESS, MOST_CELL = 2000, 1000, 200
"""Letters."""


@dataclass(frozen=True)
class Figure:
    """One of them.

    Args:
        picture: a PNG that was decoded and written anew: pixels, and nothing besides.
        size: its width and height in pixels.
        caption: in the author's words; the file's name where nobody wrote any.
        command: the command that shows it again; may be empty.
        address: where the studio shows it again, what stands after ``#``; may be empty.
        head: names of the columns of its numbers.
        rows: its numbers as they are written.
    """

    picture: bytes
    size: tuple[int, int]
    caption: str
    command: str = ""
    address: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def read_figures(places: Iterable[str | Path]) -> list[Figure]:
    """The figures of folders, and those that are named one by one, in this order.

    Args:
        places: folders, whose pictures are taken in the order of their names; or pictures.

    Raises:
        StorageError: one of them is not there, or cannot be read.
        DataError: there is no picture, one cannot be decoded, or there is too much.
    """
    paths = [path for place in places for path in _pictures(user_path(place))]
    if len(paths) > MOST_FIGURES:
        raise DataError(
            N_("{count} {count:figure|figures} are too many for a report: at most {most}"),
            count=len(paths),
            most=MOST_FIGURES,
        )
    return [read_figure(path) for path in paths]


def read_figure(path: Path) -> Figure:
    """The figure of a picture.

    Raises:
        StorageError: a file cannot be read.
        DataError: one is too large, or not what its ending says.
    """
    picture, size = sound_picture(_content(path, MOST_PICTURE_BYTES), path.name)
    words, numbers = path.with_suffix(WORDS), path.with_suffix(NUMBERS)
    said: Mapping[str, Any] = {}
    if words.is_file():
        _content(words, MOST_WORDS_BYTES)
        said = read_document(words)
    head, rows = (
        table_of(_content(numbers, MOST_TABLE_BYTES), numbers.name)
        if numbers.is_file()
        else ((), ())
    )
    return Figure(
        picture,
        size,
        plain(said.get("caption"), MOST_CAPTION) or plain(path.stem, MOST_CAPTION),
        plain(said.get("command"), MOST_ADDRESS),
        plain(said.get("address"), MOST_ADDRESS),
        head,
        rows,
    )


def sound_picture(content: bytes, name: str) -> tuple[bytes, tuple[int, int]]:
    """A picture decoded within limits and written anew, and its width and height.

    What else a file may hold (texts, profiles, what follows its end) is left behind.

    Raises:
        DataError: it is no PNG, damaged, or has too many pixels.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as found:
            size = found.size
            if not 0 < size[0] * size[1] <= MOST_PIXELS:
                raise DataError(
                    N_("{name} has {width} × {height} pixels, more than the {most} of a figure"),
                    name=name,
                    width=size[0],
                    height=size[1],
                    most=MOST_PIXELS,
                )
            pixels = found.convert("RGBA" if found.has_transparency_data else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            N_("{name} is no picture that can be read: save it as PNG"), name=name
        ) from error
    ground = Image.new("RGB", size, "white")  # paper is white
    ground.paste(pixels, mask=pixels if pixels.mode == "RGBA" else None)
    written = io.BytesIO()
    ground.save(written, "PNG", optimize=True)
    return written.getvalue(), size


def table_of(content: bytes, name: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The names of the columns of a CSV, and its rows; a cell is text.

    Raises:
        DataError: it is no text in UTF-8, or has too many columns.
    """
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        rows = [tuple(plain(cell, MOST_CELL) for cell in row) for row in lines if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(N_("{name} is no table of numbers (CSV)"), name=name) from error
    if not rows:
        return (), ()
    if len(rows[0]) > MOST_COLUMNS:
        raise DataError(
            N_("{name} has {count} columns, more than the {most} of a figure's numbers"),
            name=name,
            count=len(rows[0]),
            most=MOST_COLUMNS,
        )
    width = len(rows[0])
    return rows[0], tuple((*row, *[""] * (width - len(row)))[:width] for row in rows[1:])


def plain(text: Any, most: int) -> str:
    """Words as a page may show them: no signs that are not seen, and no more than ``most`` letters."""
    if not isinstance(text, str):
        return ""
    seen = "".join(one for one in text[: 2 * most] if one.isprintable() or one in "\n\t")
    return encodable(seen.strip())[:most]


def _pictures(place: Path) -> Iterator[Path]:
    """The pictures of a folder by their names, numbers by their size; or the one that is named."""
    with storage_errors(place):
        if place.is_file():
            yield place
            return
        if not place.is_dir():
            raise StorageError(N_("there is no folder {path}"), path=str(place))
        found = [one for one in place.iterdir() if one.suffix.lower() == PICTURE and one.is_file()]
    if not found:
        raise DataError(
            N_("there is no figure in {path}: {figures} takes a folder of pictures (PNG)"),
            path=str(place),
            figures=Setting("figures"),
        )
    yield from sorted(found, key=_order)


def _order(path: Path) -> list[tuple[bool, int, str]]:
    """``figure-2`` before ``figure-10``."""
    parts = re.findall(r"\d{1,18}|\D+", path.name)
    return [(not one[0].isdigit(), int(one) if one.isdigit() else 0, one) for one in parts]


def _content(path: Path, most: int) -> bytes:
    with storage_errors(path), path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DataError(
            N_("{name} has more than the {most} MB of a figure's file"),
            name=path.name,
            most=in_megabytes(most),
        )
    return content
