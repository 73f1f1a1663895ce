"""Loaded images as PyTorch's own tools know a data set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from torch.utils.data import Dataset

from olaria.data.base import ImageData, Images


@final
class Examples(Images, Dataset[Any]):
    """One split as a ``torch.utils.data.Dataset``; see :class:`olaria.data.base.Images`.

    It stands here so that listing the data sets loads no torch.
    """


def with_examples(data: ImageData) -> ImageData:
    """The same data set, whose parts go into a ``torch.utils.data.DataLoader``."""
    train, validation, test = (
        Examples(part.x, part.y) for part in (data.train, data.validation, data.test)
    )
    return replace(data, train=train, validation=validation, test=test)
