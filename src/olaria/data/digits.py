"""Digits: 1,797 real handwritten digits of 8×8 that scikit-learn carries; no network needed."""

from __future__ import annotations

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.data.base import DataSet, ImageData, Images, Request, fingerprint
from olaria.i18n import N_

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_INK = 16
_FILE = "datasets/data/digits.csv.gz"
_SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
"""Of the file in scikit-learn, decoded: 1,797 lines of 64 pixels and the class."""


def load(request: Request) -> ImageData:
    """The digits in a fixed shuffled order, as 80% train, 10% validation, 10% test (rounded).

    The bundled values 0…16 become ``round(255 · v / 16)``, so that they are pixels like any other.
    """
    import numpy as np
    import torch

    from olaria.data.split import cut_three

    data_set = request.data_set
    ink, classes = _read()
    pixels = np.rint(ink * (255 / MAX_INK)).astype(np.uint8)
    labels = classes.astype(np.int64)
    everything = Images(torch.from_numpy(pixels).unsqueeze(1), torch.from_numpy(labels))
    train, validation, test = cut_three(everything)
    return ImageData(
        name=data_set.name,
        title=data_set.title,
        train=train,
        validation=validation,
        test=test,
        class_names=tuple("0123456789"),
        source="bundled",
        sha256=fingerprint([pixels.tobytes(), labels.astype("<i8").tobytes()]),
        citation=data_set.citation,
        licence=data_set.licence,
    )


def _read() -> tuple[NDArray[Any], NDArray[Any]]:
    """Images (N, 8, 8) of ink from 0 to 16, and classes (N,)."""
    import numpy as np

    content = _bundled()
    if content is None:  # another scikit-learn keeps them elsewhere; its own reader knows where
        from sklearn.datasets import load_digits

        digits = load_digits()
        return digits.images, digits.target
    # Numbers of one or two digits, each with a comma or the end of its line behind it: read in one go.
    signs = np.frombuffer(b"," + content, np.uint8)
    digits = signs.astype(np.int64) - ord("0")
    last = np.flatnonzero(digits < 0)[1:] - 1
    tens, ones = digits[last - 1], digits[last]
    rows = (ones + 10 * np.where(tens > 0, tens, 0)).reshape(-1, 65)
    return rows[:, :64].reshape(-1, 8, 8), rows[:, 64]


def _bundled() -> bytes | None:
    """The file that scikit-learn carries, read without importing it, which takes a second; None if it is another."""
    found = find_spec("sklearn")
    folders = (found.submodule_search_locations or []) if found is not None else []
    for folder in folders:
        try:
            content = gzip.decompress((Path(folder) / _FILE).read_bytes())
        except OSError:
            continue
        if hashlib.sha256(content).hexdigest() == _SHA256:
            return content
    return None


DIGITS = DataSet(
    name="digits",
    title=N_("Digits: handwritten digits, 8×8 gray, 10 classes; no network needed"),
    kind="images",
    load=load,
    citation="E. Alpaydin, C. Kaynak. Optical recognition of handwritten digits, UCI, 1998.",
    licence="CC BY 4.0",
)
