"""Data given in Python, where the command line takes a name or a path: arrays, tensors and texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import RunError, UsageError, suggestion
from olaria.i18n import N_, Message, Setting

if TYPE_CHECKING:
    from olaria.recipes import Recipe
    from olaria.runs import Run

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
    from olaria.data.config import CODES, LATENTS

    is_long = len(data) > LEAST_TEXT and any(letter.isspace() for letter in data)
    is_name = data in DATASETS or data.startswith((CODES, LATENTS)) or os.path.exists(data)
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
    from olaria.data.given import plain_array, with_labels

    shape = plain_array(with_labels(data)[0], "data").shape
    return "points" if len(shape) == 2 and shape[1] == 2 else "images"


def name_of(data: Any) -> str | Message:
    """What data are called in a sentence."""
    if is_data(data):
        return Message(N_("the text") if isinstance(data, str) else N_("the array"))
    return str(os.fspath(data))


def recorded_name(data: str) -> str:
    """Data as a recipe names it: a path in its absolute form, so that the run opens from any folder."""
    from olaria.data import DATASETS
    from olaria.data.config import DataConfig, coded_name
    from olaria.storage.folder import find_run
    from olaria.storage.paths import user_path

    named = DataConfig(name=data)
    if named.coded_run is not None:
        return coded_name(str(find_run(named.coded_run).resolve()), named.code_prefix)
    if data in DATASETS:
        return data
    path = user_path(data)
    return str(path.resolve()) if os.path.exists(path) else data


def opened(run: str | os.PathLike[str] | Run, *data: Any, setting: str = "data") -> Run:
    """A run, and where its data lie now.

    Args:
        run: a run, its name or its path.
        data: places, or the data themselves; None says nothing.
        setting: by which a person said so.

    Raises:
        RunError: there is no such run.
        UsageError: there is no such place.
    """
    from olaria.data import DATASETS
    from olaria.data.config import DataConfig
    from olaria.runs import Run, opened_run
    from olaria.storage.paths import user_path

    found = opened_run(run if isinstance(run, Run) else Path(run))
    places = list[str]()
    for one in data:
        if one is None:
            continue
        place = keep(one, found.recipe) if is_data(one) else recorded_name(os.fspath(one))
        is_named = place in DATASETS or DataConfig(name=place).coded_run is not None
        if not is_named and not os.path.exists(user_path(place)):
            raise UsageError(
                N_("there is no data set, file or folder named {name}: {hint}"),
                name=place,
                hint=suggestion(place, DATASETS),
            )
        places.append(place)
    return found.with_data_at(*places, setting=setting)


def opened_beside(runs: Sequence[Any], data: Sequence[Any]) -> list[Run]:
    """Runs that are shown together, and where the data of some of them lie now.

    Of one run the places alone count. Of several, each also reads its data where it was.
    """
    from olaria.runs.places import is_at_hand

    found, beside = [opened(run, *data) for run in runs], []
    if len(found) < 2 or not data:
        return found
    for run in found:
        if is_at_hand(run):
            is_coded = run.recipe.data.coded_run is not None
            run = (
                opened(run.path)
                if is_coded
                else run.with_data_at(*run.places, run.recipe.data.name)
            )
        beside.append(run)
    return beside
