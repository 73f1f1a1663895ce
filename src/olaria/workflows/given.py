"""Data given in Python, where the command line takes a name or a path: arrays, tensors and texts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from olaria.errors import RunError
from olaria.i18n import N_, Message, Setting

if TYPE_CHECKING:
    from olaria.recipes import Recipe

LEAST_TEXT = 200
"""Characters of a string that is a text: names of files and data sets are shorter, or have no space in them."""
STAND_IN = "data"
"""Stands for given data in a recipe that is checked before they are kept."""


def is_data(data: Any) -> bool:
    """Whether these are data themselves, and no name or path.

    >>> is_data("mnist"), is_data("my photos.zip"), is_data("a novel " * 100), is_data(None)
    (False, False, True, False)
    """
    if data is None or isinstance(data, os.PathLike):
        return False
    return not isinstance(data, str) or _is_text(data)


def _is_text(data: str) -> bool:
    from olaria.data import DATASETS
    from olaria.data.config import coded_name

    is_long = len(data) > LEAST_TEXT and any(letter.isspace() for letter in data)
    is_name = data in DATASETS or data.startswith(coded_name("")) or os.path.exists(data)
    return is_long and not is_name


def keep(data: Any, recipe: Recipe) -> str:
    """Keep data as a file in the cache, and return its path.

    Args:
        data: see :func:`olaria.data.given.keep_data`.
        recipe: that is to learn from them.

    Raises:
        RunError: the recipe's family learns from another kind of data.
        DataError: they cannot be used. In both cases nothing was written.
    """
    from olaria.data.given import keep_data
    from olaria.families import MODELS
    from olaria.runs.opening import OTHER_KIND

    wanted = MODELS[recipe.model.family].data
    if wanted != _kind_of(data):
        fields = {"family": recipe.model.family, "data": name_of(data)}
        raise RunError(OTHER_KIND[wanted], **fields, setting=Setting("data"))
    return str(keep_data(data))


def _kind_of(data: Any) -> str:
    if isinstance(data, str):
        return "text"
    shape: tuple[int, ...] = tuple(getattr(data, "shape", ()))
    return "points" if len(shape) == 2 and shape[1] == 2 else "images"


def name_of(data: Any) -> str | Message:
    """What data are called in a sentence."""
    if is_data(data):
        return Message(N_("the text") if isinstance(data, str) else N_("the array"))
    return str(os.fspath(data))
