"""The user's own arrays, checked: ``.npy`` and ``.npz`` files, and arrays handed over in Python.

Images are (N, H, W) or (N, H, W, C) with C = 1 or 3, of whole numbers 0…255 (``uint8``) or of fractions in [0, 1];
points are (N, 2) of floating type. No pickle is read: a header that speaks of Python objects is an error, and it is
compared with the length of its file before there is room made for anything.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.data.entries import ARCHIVED_ARRAYS, ARRAY_SUFFIXES, Entry, find_entries
from olaria.errors import DataError
from olaria.i18n import N_, Message, Number

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
    Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    Labels = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

MAX_HEADER_BYTES = 10_000
MAX_DIMENSIONS = 16
MAX_TOTAL_BYTES = 1 << 32
"""Of images in memory, a byte a value."""
VALUES, LABELS = ("x", "images"), ("y", "labels")
"""Names of the arrays in a ``.npz``."""
NUM_NAMED = 3
LARGEST_LABEL = 2**63 - 1


@dataclass(frozen=True)
class ImageArrays:
    """Images and, where there are some, their classes.

    Attributes:
        x: uint8 (N, C, H, W).
        y: int64 (N,), from 0.
        class_names: the label that stood for class 0, 1, …
    """

    x: Pixels
    y: Labels | None
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Stored:
    """The arrays of one file, as they are in it."""

    values: Array
    labels: Array | None
    notes: tuple[Message, ...] = ()

    @property
    def is_points(self) -> bool:
        """(N, 2) cannot be images."""
        return self.values.ndim == 2 and self.values.shape[1] == 2


def is_array_file(path: Path) -> bool:
    """Whether it is a file that :func:`read_stored` reads, by its name."""
    return path.suffix.lower() in ARRAY_SUFFIXES and path.is_file()


def read_stored(path: Path) -> Stored:
    """The arrays of a ``.npy`` file, or of the members of a ``.npz`` that are named as here.

    Raises:
        DataError: it is damaged, too large, holds objects, or no array of a known name.
        StorageError: it cannot be read.
    """
    entries = find_entries(path)
    if path.suffix.lower() not in ARCHIVED_ARRAYS:
        return Stored(_parsed(entries[0], path.name), None)
    found = [_only(path, entries, names) for names in (VALUES, LABELS)]
    if found[0] is None:
        raise DataError(
            N_("{path} has no array named x or images; it has: {names}"),
            path=str(path),
            names=_listed([entry.name.removesuffix(".npy") for entry in entries]),
        )
    rest = [entry.name.removesuffix(".npy") for entry in entries if entry not in found]
    notes: tuple[Message, ...] = ()
    if rest:
        fields = {"count": len(rest), "names": _listed(rest)}
        notes = (Message(N_("{count} arrays of other names were left out: {names}"), fields),)
    values, labels = (
        None if entry is None else _parsed(entry, f"{path.name}/{entry.name}") for entry in found
    )
    assert values is not None
    return Stored(values, labels, notes)


def _only(path: Path, entries: Sequence[Entry], names: Sequence[str]) -> Entry | None:
    found = [entry for entry in entries if entry.name.removesuffix(".npy") in names]
    if len(found) > 1:
        raise DataError(
            N_("{path} has several arrays named {names}; keep one"),
            path=str(path),
            names=" / ".join(names),
        )
    return found[0] if found else None


def _listed(names: Sequence[str]) -> str:
    more = ["…"] * (len(names) > NUM_NAMED)
    return ", ".join([*names[:NUM_NAMED], *more]) or "—"


def _parsed(entry: Entry, name: str) -> Array:
    """The array of an ``.npy`` (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)."""
    import numpy as np

    content = entry.read()
    shape, by_columns, dtype, start = _header(content, name)
    if dtype.kind not in "buif":
        raise DataError(
            N_(
                "{name} holds {dtype}; save an array of whole or floating numbers, never of objects"
            ),
            name=name,
            dtype=_dtype_name(dtype),
        )
    announced, found = math.prod(shape) * dtype.itemsize, len(content) - start
    if announced != found:
        raise DataError(
            N_(
                "{name} announces {expected} bytes of values and holds {found}; save it again with "
                "numpy.save"
            ),
            name=name,
            expected=announced,
            found=found,
        )
    if not announced:
        # An empty array of huge sides would be too big for NumPy.
        raise DataError(
            N_("{name} is empty: its shape is {shape}; save an array with values"),
            name=name,
            shape=_shape(shape),
        )
    values: Array = np.frombuffer(content, dtype, offset=start)
    return values.reshape(shape, order="F" if by_columns else "C")


def _header(content: bytes, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether columns come first, type, and where the values begin."""
    import numpy as np

    stream = BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"format {version[0]}.{version[1]}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            shape, by_columns, dtype = read(stream, max_header_size=MAX_HEADER_BYTES)
        if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0:
            raise ValueError(f"shape {shape}"[:80])
    # The header is a Python literal, and a strange one makes NumPy's reader raise almost anything.
    except Exception as error:
        raise DataError(
            N_("{name} is not a whole .npy array ({reason}); save it again with numpy.save"),
            name=name,
            reason=(str(error).splitlines() or [type(error).__name__])[0][:120],
        ) from None
    return shape, by_columns, dtype, stream.tell()


def image_arrays(values: Array, labels: Array | None, name: str, least: int) -> ImageArrays:
    """Images and their classes as the rest of the house has them.

    Args:
        values: (N, H, W) or (N, H, W, C).
        labels: (N,) whole numbers; the different ones, in order, become classes 0, 1, …
        name: of what holds them, for the errors.
        least: images that there must be.

    Raises:
        DataError: a wrong shape, type or range; what is not a number; too few or too many images.
    """
    _check_image_shape(values, name)
    if len(values) < least:
        raise DataError(
            N_("{path} has {count} images, fewer than {least}; add some"),
            path=name,
            count=len(values),
            least=least,
        )
    if values.size > MAX_TOTAL_BYTES:
        raise DataError(
            N_("the images of {path} need {size} bytes of memory; take a part of them"),
            path=name,
            size=values.size,
        )
    y, class_names = (None, ()) if labels is None else _classes(labels, len(values), name)
    pixels = _bytes(values, name)
    shaped = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
    return ImageArrays(shaped, y, class_names)


def _check_image_shape(values: Array, name: str) -> None:
    is_grey, is_colour = values.ndim == 3, values.ndim == 4 and values.shape[-1] in (1, 3)
    if (is_grey or is_colour) and values.size:
        return
    if values.ndim == 4 and values.shape[1] in (1, 3) and values.size:
        message = N_(
            "{name} has the shape {shape}, with the channels first; images are (N, H, W, C): "
            "use x.transpose(0, 2, 3, 1)"
        )
    else:
        message = N_(
            "{name} has the shape {shape}; images are (N, H, W), or (N, H, W, C) with C = 1 or 3, "
            "and there is at least one"
        )
    raise DataError(message, name=name, shape=_shape(values.shape))


def _bytes(values: Array, name: str) -> Pixels:
    """uint8; of fractions :math:`v` the nearest to :math:`255 v`."""
    import numpy as np

    if values.dtype == np.uint8:
        return values
    if values.dtype.kind != "f":
        raise DataError(
            N_(
                "{name} holds {dtype}; images are of uint8, 0 to 255, or of floating type, 0 to 1: "
                "use x.astype('uint8') where they are 0 to 255"
            ),
            name=name,
            dtype=_dtype_name(values.dtype),
        )
    _check_finite(values, name)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise DataError(
            N_(
                "{name} has values from {low} to {high}; fractions are 0 to 1: divide by the "
                "largest that there can be, or use uint8"
            ),
            name=name,
            low=Number(low),
            high=Number(high),
        )
    # In single precision at least: 255 times a half-precision number is not exact.
    scaled = np.multiply(values, 255, dtype=np.promote_types(values.dtype, np.float32))
    pixels: Pixels = np.rint(scaled, out=scaled).astype(np.uint8)
    return pixels


def _classes(labels: Array, count: int, name: str) -> tuple[Labels, tuple[str, ...]]:
    import numpy as np

    if labels.shape != (count,):
        raise DataError(
            N_("{name} has labels of the shape {shape}, and {count} images: give one for each"),
            name=name,
            shape=_shape(labels.shape),
            count=count,
        )
    if labels.dtype.kind not in "iu" or int(labels.max()) > LARGEST_LABEL:
        raise DataError(
            N_("{name} has labels of {dtype}; give whole numbers, such as int64"),
            name=name,
            dtype=_dtype_name(labels.dtype),
        )
    different, y = np.unique(labels, return_inverse=True)
    return y.reshape(-1).astype(np.int64), tuple(str(label) for label in different.tolist())


def point_array(values: Array, name: str) -> Array:
    """Points as float32 (N, 2).

    Raises:
        DataError: another shape or type, or what is not a number.
    """
    import numpy as np

    if values.ndim != 2 or values.shape[1] != 2 or values.dtype.kind != "f":
        raise DataError(
            N_("{name} holds {dtype} of the shape {shape}; points are (N, 2) of floating type"),
            name=name,
            dtype=_dtype_name(values.dtype),
            shape=_shape(values.shape),
        )
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is an error here
        points = values.astype(np.float32)
    _check_finite(points, name)
    return points


def _check_finite(values: Array, name: str) -> None:
    import numpy as np

    wrong = int(values.size - np.count_nonzero(np.isfinite(values)))
    if wrong:
        raise DataError(
            N_("{name} has {count} values that are NaN or infinite; mend or leave out their rows"),
            name=name,
            count=wrong,
        )


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return "object" if dtype.hasobject else str(dtype)[:40]
