"""Digits: 1,797 real handwritten digits of 8×8 that scikit-learn carries; no network needed."""

from __future__ import annotations

from olaria.data.base import DataSet, ImageData, Images, Request, fingerprint
from olaria.i18n import N_

MAX_INK = 16


def load(request: Request) -> ImageData:
    """The digits in a fixed shuffled order, as 80 % train, 10 % validation, 10 % test (rounded).

    The bundled values 0…16 become ``round(255 · v / 16)``, so that they are pixels like any other.
    """
    import numpy as np
    import torch
    from sklearn.datasets import load_digits

    from olaria.data.split import cut_three

    data_set = request.data_set
    bundled = load_digits()
    pixels = np.rint(bundled.images * (255 / MAX_INK)).astype(np.uint8)
    labels = bundled.target.astype(np.int64)
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


DIGITS = DataSet(
    name="digits",
    title=N_("Digits: handwritten digits, 8×8 gray, 10 classes; no network needed"),
    kind="images",
    load=load,
    citation="E. Alpaydin, C. Kaynak. Optical recognition of handwritten digits, UCI, 1998.",
    licence="CC BY 4.0",
)
