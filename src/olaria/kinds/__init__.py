"""All that depends on the kind of data and not on the verb, as one table."""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from olaria.data.base import Progress
from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting
from olaria.kinds.base import Kind, Sample
from olaria.recipes import Recipe
from olaria.runs import Run, opened_run
from olaria.runs.opening import load_data
from olaria.runs.tuning import Start
from olaria.training.prepared import Prepared
from olaria.training.sizing import refuse_absurd

__all__ = ["KINDS", "Kind", "Sample", "draw", "kind_named", "prepare"]

KINDS = ("images", "text", "codes", "latents", "pairs", "points")
"""Names of the kinds, each that of its file; see :attr:`olaria.recipes.Recipe.kind`."""


def kind_named(name: str) -> Kind:
    """A kind by its name. Only its file is loaded: each stands on much that the others do not need."""
    kind: Kind = import_module(f"olaria.kinds.{name}").KIND
    return kind


def draw(run: str | Path | Run, **options: Any) -> Sample:
    """Draw from a run what its kind draws.

    Args:
        run: a run, its name or its path.
        **options: those of the kind's ``draw``; None stands for what is not given.

    Raises:
        UsageError: one would have no effect on this run.
        SamplingError: the model cannot do it.
    """
    run = opened_run(run)
    kind = kind_named(run.recipe.kind)
    given = {name: value for name, value in options.items() if value is not None}
    vain = [name for name in given if name not in signature(kind.draw).parameters]
    if vain:
        raise UsageError(
            N_("run {name} draws {what}: leave out {settings}"),
            name=run.name,
            what=Message(kind.draws),
            settings=tuple(map(Setting, vain)),
        )
    return kind.draw(run, **given)


def prepare(
    recipe: Recipe,
    run: Run | None = None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
    start: Start | None = None,
) -> Prepared:
    """Load the data and build everything that the loop needs.

    Args:
        recipe: what to train.
        run: of this recipe, where there is one already.
        offline: open no connection.
        progress: called with how far downloads are.
        start: of a tuned run that goes on; what the recipe's tuning says unless given.

    Raises:
        ResourceError: the machine has not enough memory for it; raised before any is taken.
    """
    refuse_absurd(recipe)
    data = load_data(recipe, run, offline=offline, progress=progress)
    return kind_named(recipe.kind).prepare(recipe, data, start)
