"""Where what a run was made from lies now: runs are copied to other computers, and folders are moved.

A recipe names the user's data, the run whose codes are learnt and the run that was tuned by absolute paths. Where such
a path is gone, the person says the new one; a run is also looked for beside the run that needs it, where runs that
are copied together lie. What is found counts only where its fingerprint is the one that the run has stored.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PureWindowsPath

from olaria.data import DATASETS
from olaria.data.config import DataConfig, coded_name
from olaria.errors import MissingError, OlariaError
from olaria.i18n import N_, Setting
from olaria.recipes import Recipe
from olaria.runs import Run
from olaria.storage.folder import is_run, runs_home
from olaria.storage.paths import user_path


def is_there(data: DataConfig) -> bool:
    """Whether data has a name of ours, or its path exists; codes are looked for by :func:`origin`."""
    if data.name in DATASETS or data.coded_run is not None:
        return True
    path = user_path(data.name)
    return path.is_file() or path.is_dir()  # and no device, whose reading need not end


def is_at_hand(run: Run) -> bool:
    """Whether a run's data is where it was."""
    coded = run.recipe.data.coded_run
    if coded is None:
        return is_there(run.recipe.data)
    return is_run(user_path(coded)) and is_at_hand(Run(coded))


def recipes_of(run: Run) -> list[Recipe]:
    """A run's recipe with each place where its data may lie.

    Raises:
        MissingError: the recorded place is gone and no other is given.
    """
    recipe = run.recipe
    # Of codes, a place that is no run's is that of the run's images; see :func:`origin_of_codes`.
    places = [place for place in run.places if recipe.kind != "codes" or _is_coded(place)]
    if places:
        return [recipe.updated("data.name", place) for place in places]
    if not is_there(recipe.data):
        raise MissingError(
            N_("the data of run {name} is not at {path} any more; say where it is now: {data}"),
            name=run.name,
            path=recipe.data.name,
            data=Setting(run.places_setting, "PATH"),
        )
    return [recipe]


def origin(run: Run, recorded: str, fits: Callable[[Run], bool]) -> Run | None:
    """A run that another was made from: where it was, else beside that run or among the user's runs.

    Args:
        run: that was made from it.
        recorded: its path then.
        fits: whether a run of the same name is the same run.
    """
    if recorded and is_run(user_path(recorded)):
        return Run(recorded)
    name = PureWindowsPath(recorded).name  # splits the paths of every system
    for path in (run.path.resolve().parent / name, runs_home() / name):
        try:
            if is_run(path) and fits(found := Run(path)):
                return found
        except OlariaError:  # damaged, or of another kind
            continue
    return None


def origin_of_codes(recipe: Recipe, run: Run | None, sha256_of: Callable[[Run], str]) -> Run:
    """The run whose images a recipe learns as codes.

    Args:
        recipe: which says where it is.
        run: of this recipe, where there is one already.
        sha256_of: fingerprint of a run's model.

    Raises:
        RunError: there is none (of a recipe that begins).
        MissingError: it is not where it was, or it is another one.
    """
    recorded = recipe.data.coded_run or ""
    if run is None:
        return Run(recorded)
    stored = run.provenance.get("painter_sha256")
    places = [place for place in run.places if not _is_coded(place)]
    found = origin(run, recorded, lambda other: stored is not None and sha256_of(other) == stored)
    if found is None:
        raise MissingError(
            N_(
                "run {name} learnt the codes of run {origin}, which is not at {path} any more; say where it is now: "
                "{data}"
            ),
            name=run.name,
            origin=PureWindowsPath(recorded).name,
            path=recorded,
            data=Setting(run.places_setting, coded_name("RUN")),
        )
    if stored not in (None, sha256_of(found)):
        raise MissingError(
            N_("run {origin} is not the one whose codes run {name} learnt: its weights differ"),
            origin=found.name,
            name=run.name,
        )
    return found.with_data_at(*places, setting=run.places_setting)


def _is_coded(place: str) -> bool:
    return DataConfig(name=place).coded_run is not None
