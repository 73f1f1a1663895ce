r"""How long a run will take, or how far its budget will carry it, told before it begins.

.. math:: t = n\, \tau \qquad\text{or}\qquad n = (B - t_0) / \tau

for n steps of :math:`\tau` seconds, a budget of B seconds of which :math:`t_0` are used. :math:`\tau` is measured on a
few real steps of a copy of the model, so that the run itself is the same whether or not anyone asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from olaria.i18n import N_, Message, Setting
from olaria.models.base import Batch, Model
from olaria.recipes.training import TrainingConfig
from olaria.training.events import NO_TIME, Answer, Began, Event, Finished, Forecast, Warned
from olaria.training.precision import PROBE_STEPS, Choice, step_seconds

PROBE_SHARE = 20
"""A run of given steps is timed beforehand only where that is less than one part in so many of it."""
COMPILED = 0.8
"""Time of a compiled step over that of an eager one (measured: a GPT of 0.8 million parameters, 97 and 122 ms)."""
COMPILING_S = 25.0
"""Time of a cold compilation on two cores (measured: 15 to 40 s)."""


FEW_STEPS = 100
"""A budget that buys fewer steps teaches a model little."""


@dataclass(frozen=True)
class Remaining:
    """What of a run is still to come.

    Args:
        steps: to go; None where the budget decides.
        used_s: seconds of the budget that are used.
        batches_per_epoch: updates that see as much as the training data has.
    """

    steps: int | None
    used_s: float
    batches_per_epoch: float


def predict(
    model: Model,
    batch: Batch,
    config: TrainingConfig,
    choice: Choice,
    remaining: Remaining,
    known: Forecast,
) -> Forecast:
    """Predict a run.

    Args:
        model: is not changed.
        batch: one of the run.
        config: how it is trained.
        choice: precision and compilation; its own measurement is used where it made one.
        remaining: what is to come.
        known: what was predicted before, the memory; the rest is filled in.

    Returns:
        ``train_s`` for a run of given steps, unless it is too short to be worth timing; ``steps`` for one of a
        given budget.
    """
    left, updates = remaining.steps, model.phases()[0].updates
    step_s = choice.step_s
    if step_s is None and (left is None or left >= PROBE_SHARE * (1 + PROBE_STEPS)):
        step_s = step_seconds(model, batch, config, choice.precision)
    compiling_s = COMPILING_S if choice.compiled else 0.0
    if step_s is not None and choice.compiled:
        step_s *= COMPILED
    if left is None:
        assert config.budget is not None and step_s is not None
        left = max(1, round((config.budget - remaining.used_s - compiling_s) / step_s))
        known = replace(known, steps=left)
    elif step_s is not None:
        known = replace(known, train_s=compiling_s + left * step_s)
    return replace(known, epochs=left * updates / remaining.batches_per_epoch)


class FewSteps:
    """A listener that warns where a budget is over before a model can have learnt much, or anything.

    Args:
        budget: seconds of the run; None where it is trained for given steps.
    """

    def __init__(self, budget: float | None) -> None:
        self._budget = budget

    def __call__(self, event: Event) -> Answer:
        """Judge the prediction of a run that begins, and the end of one that made no step."""
        if isinstance(event, Finished) and event.reason.id == NO_TIME:
            return self._none(event)
        if self._budget is None or not isinstance(event, Began) or event.step:
            return None
        steps = event.forecast.steps
        if steps is None or steps >= FEW_STEPS:
            return None
        enough = 10 * math.ceil(self._budget * FEW_STEPS / steps / 10)
        message = Message(
            N_(
                "{budget} is enough for about {steps} {steps:step|steps}, in which a model "
                "learns little: give it more time, such as {more}, or take a smaller model "
                "({size})"
            ),
            {
                "budget": Setting("budget", f"{self._budget:g}s"),
                "steps": steps,
                "more": Setting("budget", f"{enough}s"),
                "size": Setting("size"),
            },
        )
        return Warned(step=event.step, elapsed_s=event.elapsed_s, message=message)

    def _none(self, event: Finished) -> Warned:
        """No step was made: what was used came before the first."""
        message = Message(
            N_(
                "{budget} was used up before the first step, while data and model were made ready: "
                "nothing was learned; give it more time, such as {more}"
            ),
            {
                "budget": Setting("budget", f"{self._budget:g}s"),
                "more": Setting("budget", f"{10 * math.ceil(event.elapsed_s / 10) + 10}s"),
            },
        )
        return Warned(step=event.step, elapsed_s=event.elapsed_s, message=message)
