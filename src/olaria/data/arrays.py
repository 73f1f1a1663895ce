"""The user's own arrays, checked: those of files, and arrays handed over in Python.

Images are (N, H, W), (N, H, W, C) with C = 1 or 3, or (N, H·W) where they are square, of whole numbers 0…255
(``uint8``) or of fractions in [0, 1]; points are (N, 2) of floating type. No pickle is read: a header that speaks of
Python objects is an error, and it is compared with the length of its file before there is room made for anything.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from olaria.data.parts import Part
from olaria.errors import DataError
from olaria.i18n import N_, Message
from olaria.numbers import Number

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
    Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    Labels = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

MAX_HEADER_BYTES = 10_000
MAX_DIMENSIONS = 16
MAX_TOTAL_BYTES = 1 << 32
"""Of images in memory, a byte a value."""
LEAST_SIDE = 7
"""Of images whose pixels are given as one row of numbers."""
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
    """Images or points as arrays, as they are in the user's files.

    Attributes:
        values: of all of them.
        labels: one for each, where there are some.
        notes: what was left out, and how they were understood.
        parts: of each; empty where there are none.
        words: what the labels 0, 1, … stand for; empty where they stand for themselves.
    """

    values: Array
    labels: Array | None
    notes: tuple[Message, ...] = ()
    parts: tuple[Part | None, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def is_points(self) -> bool:
        """(N, 2) cannot be images."""
        return self.values.ndim == 2 and self.values.shape[1] == 2


def read_npy(content: bytes, name: str) -> Array:
    """The array of an ``.npy`` (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

    Raises:
        DataError: it is damaged, too large, or holds objects.
    """
    import numpy as np

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
        values: (N, H, W), (N, H, W, C), or (N, H²) with H of 7 at least.
        labels: (N,) or (N, 1) whole numbers; the different ones, in order, become classes 0, 1, …
        name: of what holds them, for the errors.
        least: images that there must be.

    Raises:
        DataError: a wrong shape, type or range; what is not a number; too few or too many images.
    """
    side = square_side(values.shape[1]) if values.ndim == 2 else 0
    if side and len(values):
        values = values.reshape(-1, side, side)
    _check_image_shape(values, name)
    if len(values) < least:
        raise DataError(
            N_("{path} has {count} {count:image|images}, fewer than {least}; add some"),
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


def square_side(num_pixels: int) -> int:
    """Of the square image that has so many pixels; 0 where there is none, or a row of so few may be something else.

    >>> square_side(784), square_side(785), square_side(36)
    (28, 0, 0)
    """
    side = math.isqrt(max(0, num_pixels))
    return side if side * side == num_pixels and side >= LEAST_SIDE else 0


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
                "use x.astype('uint8') where they are 0 to 255, else divide by the largest that there can be"
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

    labels = one_each(labels, count, name)
    if labels.dtype.kind not in "iu" or int(labels.max()) > LARGEST_LABEL:
        raise DataError(
            N_("{name} has labels of {dtype}; give whole numbers, such as int64"),
            name=name,
            dtype=_dtype_name(labels.dtype),
        )
    different, y = np.unique(labels, return_inverse=True)
    return y.reshape(-1).astype(np.int64), tuple(str(label) for label in different.tolist())


def one_each(labels: Array, count: int, name: str) -> Array:
    """Labels as (N,), of (N,) or (N, 1).

    Raises:
        DataError: there are more or fewer than ``count``.
    """
    if labels.shape == (count, 1):
        return labels[:, 0]
    if labels.shape != (count,):
        raise DataError(
            N_(
                "{name} has labels of the shape {shape}, and {count} {count:image|images}: "
                "give one for each"
            ),
            name=name,
            shape=_shape(labels.shape),
            count=count,
        )
    return labels


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
            N_(
                "{name} has {count} {count:value that is|values that are} NaN or infinite; "
                "mend or leave out {count:its row|their rows}"
            ),
            name=name,
            count=wrong,
        )


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return "object" if dtype.hasobject else str(dtype)[:40]
