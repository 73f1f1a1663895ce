"""A finished run that is to be trained longer begins a new one.

Its schedule has come to its end, and what it is must not change under those who have read it. The new run begins from
the last weights (see :mod:`olaria.runs.tuning`) and counts on from their steps.
"""

from __future__ import annotations

import math

from olaria.errors import UsageError
from olaria.i18n import N_, Setting
from olaria.numbers import Number
from olaria.recipes import Recipe
from olaria.runs import Run


def trained_in_all(run: Run) -> dict[str, float]:
    """Steps and seconds of a run, and of those that it trained on from."""
    own, tuning = run.result, run.recipe.tuning
    before = run.provenance["base"] if tuning is not None and tuning.checkpoint is not None else {}
    names = ("steps", "elapsed_s")
    return {name: own.get(name, 0) + before.get(name, 0) for name in names}


def longer_recipe(run: Run, steps: int | None, budget: float | None) -> Recipe:
    """The recipe of the run that trains a finished one on.

    Args:
        run: finished.
        steps: that it is to have made in all.
        budget: seconds that it is to have had in all; one of both.

    Raises:
        UsageError: it has made as many, or has had as long, already.
    """
    done = trained_in_all(run)
    if steps is not None and steps <= done["steps"]:
        raise UsageError(
            N_(
                "run {name} has made {done} {done:step|steps}, and {steps} counts all: "
                "{more} trains it for {wanted} more"
            ),
            name=run.name,
            done=int(done["steps"]),
            steps=Setting("steps"),
            more=Setting("steps", str(int(done["steps"]) + steps)),
            wanted=steps,
        )
    if budget is not None and budget <= done["elapsed_s"]:
        raise UsageError(
            N_(
                "run {name} has trained for {done} s, and {budget} counts all: {more} trains it for {wanted} s more"
            ),
            name=run.name,
            done=Number(done["elapsed_s"], 0),
            budget=Setting("budget"),
            more=Setting("budget", f"{math.ceil(done['elapsed_s'] + budget)}s"),
            wanted=Number(budget, 0),
        )
    left_steps = None if steps is None else steps - int(done["steps"])
    left_s = None if budget is None else budget - done["elapsed_s"]
    recipe, tuning = run.recipe.ending(left_steps, left_s), run.recipe.tuning
    fields = {} if tuning is None else tuning.model_dump(mode="json")
    fields |= {"start": str(run.path.resolve()), "checkpoint": "last"}
    return recipe.updated("tuning", fields)
