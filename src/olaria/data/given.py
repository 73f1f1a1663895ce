"""Arrays and texts handed over in Python, kept as files so that a recipe can name them.

A file is named after the SHA-256 of what it holds: the same data are kept once, and a run that was made of them opens,
resumes and replays later as one of any other file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.data.arrays import image_arrays, point_array
from olaria.data.base import Images, fingerprint
from olaria.data.decoding import decode
from olaria.data.images import MIN_IMAGES
from olaria.data.places import home
from olaria.data.plane import check_points
from olaria.data.sources import write_kept
from olaria.data.text import check_length
from olaria.errors import DataError
from olaria.i18n import N_

if TYPE_CHECKING:
    import numpy as np

    from olaria.data.arrays import Pixels

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

NAME_LETTERS = 32
KEPT = ARRAYS, TEXTS = "arrays", "texts"
"""Folders of the cache."""
CHANNELS = (1, 3)
"""Of images, grey and colour."""


def keep_data(data: object) -> Path:
    """Keep images, points or a text, and return the file that stands for them.

    Args:
        data: images as :func:`keep_images` takes them, alone or as a pair ``(images, labels)``; a part of a loaded data
            set; points (N, 2); or a string, which is taken for the text itself.

    Raises:
        DataError: it is none of these, or cannot be used; nothing was written.
        StorageError: there is no room.
    """
    if isinstance(data, str):
        return keep_text(data)
    data, labels = with_labels(data)
    if labels is not None:
        return keep_images(data, labels)
    values = plain_array(data, "data")
    if values.ndim == 2 and values.shape[1] == 2:
        return keep_points(values)
    return keep_images(values)


def with_labels(data: object) -> tuple[object, object | None]:
    """Images, and their labels where they come with some: a pair, or a part of a loaded data set."""
    if isinstance(data, Images):
        return data.x.permute(0, 2, 3, 1), data.y
    if isinstance(data, tuple) and len(data) == 2:
        return data
    return data, None


def keep_images(images: object, labels: object | None = None) -> Path:
    """Keep images, and their labels where there are some.

    Args:
        images: a NumPy array or a tensor, (N, H, W) or (N, H, W, C) with C = 1 or 3, uint8, floating in [0, 1] or
            bool; (N, C, H, W) where it can be nothing else.
        labels: (N,) whole numbers.

    Raises:
        DataError: a wrong shape, type or range; nothing was written.
        StorageError: there is no room.
    """
    values = _channels_last(pixel_array(images, "images"))
    y = None if labels is None else plain_array(labels, "labels")
    checked = image_arrays(values, y, "data", MIN_IMAGES)
    arrays = {"x": checked.x.transpose(0, 2, 3, 1)}
    if y is not None:
        arrays["y"] = y  # as they were: the names of the classes
    return _keep_arrays(arrays)


def keep_parts(parts: Mapping[str, Pixels]) -> Path:
    """Keep images whose parts are chosen already.

    Args:
        parts: uint8 (N, H, W) or (N, H, W, C) of ``train``, ``validation`` and ``test``.

    Raises:
        StorageError: there is no room.
    """
    return _keep_arrays({f"x_{part}": values for part, values in parts.items()})


def keep_points(points: object) -> Path:
    """Keep points in the plane: a NumPy array or a tensor of floating type, (N, 2).

    Raises:
        DataError: a wrong shape or type, or too few; nothing was written.
        StorageError: there is no room.
    """
    values = point_array(plain_array(points, "points"), "data")
    check_points(values, "data")
    return _keep_arrays({"x": values})


def keep_text(text: str) -> Path:
    """Keep a text, in UTF-8.

    Raises:
        DataError: it holds no text, or what no text file may hold; nothing was written.
        StorageError: there is no room.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            N_("the text has an unpaired surrogate at character {offset}; decode its file again"),
            offset=error.start,
        ) from None
    check_length([decode(content, "utf-8", "data")], "data")
    path = home() / TEXTS / f"{fingerprint([content])[:NAME_LETTERS]}.txt"
    return _keep(path, content)


def plain_array(data: object, name: str) -> Array:
    """A NumPy array, a tensor or what NumPy makes an array of, as a plain array; ``name`` is what an error calls it.

    Raises:
        DataError: it is none of these.
    """
    import numpy as np

    data = getattr(data, "tensor", data)  # what serves as the tensor that it holds
    torch = sys.modules.get("torch")  # where there is a tensor, it is loaded
    if torch is not None and isinstance(data, torch.Tensor):
        values = data.detach().cpu().resolve_conj().resolve_neg()
        # NumPy has no bfloat16.
        data = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    is_like_one = hasattr(data, "__array__") or hasattr(data, "__array_interface__")
    if not is_like_one or isinstance(data, np.ma.MaskedArray):
        raise DataError(
            N_("{name} cannot be a {type}; give a NumPy array or a tensor"),
            name=name,
            type=type(data).__name__,
        )
    return np.asarray(data)


def pixel_array(data: object, name: str) -> Array:
    """See :func:`plain_array`; of images in black and white, which hold only true and false, true is white."""
    values = plain_array(data, name)
    return values.astype("uint8") * 255 if values.dtype.kind == "b" else values


def _channels_last(values: Array) -> Array:
    """Images as (N, H, W, C), of (N, C, H, W) where it can be nothing else."""
    is_first = values.ndim == 4 and values.shape[1] in CHANNELS
    return values.transpose(0, 2, 3, 1) if is_first and values.shape[3] not in CHANNELS else values


def is_kept(name: str) -> bool:
    """Whether a recipe's data is one of these files, whose name tells a reader nothing.

    >>> is_kept("/home/ana/.cache/olaria/texts/0123456789abcdef0123456789abcdef.txt"), is_kept("texts/book.txt")
    (True, False)
    """
    path = Path(name)
    return path.parent.name in KEPT and bool(re.fullmatch(f"[0-9a-f]{{{NAME_LETTERS}}}", path.stem))


def _keep_arrays(arrays: dict[str, Array]) -> Path:
    import numpy as np

    plain = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    parts: list[bytes | memoryview] = []
    for name, values in plain.items():
        parts += [f"{name} {values.dtype.str} {values.shape}\n".encode(), values.data.cast("B")]
    stream = BytesIO()
    np.savez(stream, allow_pickle=False, **plain)
    name = f"{fingerprint(parts)[:NAME_LETTERS]}.npz"
    return _keep(home() / ARRAYS / name, stream.getvalue())


def _keep(path: Path, content: bytes) -> Path:
    path = path.absolute()
    try:
        if path.read_bytes() == content:
            return path
    except OSError:
        pass  # not there yet, or not to be read: writing it says why
    write_kept(path, content)
    return path
