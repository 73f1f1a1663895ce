"""What the run's doctor watches: signs of trouble in the stream of events, told in words."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from statistics import fmean

from olaria.i18n import N_, Message
from olaria.numbers import Number
from olaria.training.events import (
    Answer,
    Evaluated,
    Event,
    Finished,
    Restarted,
    Stepped,
    Warned,
)
from olaria.training.forecast import FEW_STEPS

_WINDOW = 100
WON_LOSS_NATS = 0.05
"""A discriminator whose loss stays below has won: chance is 2 log 2 ≈ 1.39 nats."""
DEAD_GRADIENT = 1e-3
"""A generator's gradient below this share of its largest running mean has died."""
DIVERGED_FACTOR = 3.0
OVERFIT_EVALUATIONS = 3
COLLAPSE_EVALUATIONS = 3
NARROW_SPREAD = 0.25
"""Generated images whose variance is below this share of the real ones' are all nearly the same."""
NARROW_COVERAGE = 0.1
"""Share of real neighbourhoods in feature space below which they are; see :mod:`olaria.evaluation.diversity`."""


class Health:
    """A listener that warns; each kind of trouble once, and once more after each time that the weights begin anew.

    Evaluations count from :data:`FEW_STEPS` steps on, and for a posterior from the end of the KL term's warm-up: a
    model that has barely begun draws the same image for any noise and uses no latent dimension, and is not ill. Where
    a run ends before, and shows such a sign, the warning is that it was trained too little.

    - ``diverged``: the loss has grown to :data:`DIVERGED_FACTOR` times its smallest running mean;
    - ``won``: a GAN's discriminator loss stays below :data:`WON_LOSS_NATS` for a hundred steps;
    - ``dead``: the generator's gradient has fallen below :data:`DEAD_GRADIENT` of its largest running mean;
    - ``narrow``: for :data:`COLLAPSE_EVALUATIONS` evaluations in a row its images vary too little, or miss most of the
      classes or of the real images' neighbourhoods: mode collapse;
    - ``overfit``: the validation loss has risen :data:`OVERFIT_EVALUATIONS` times in a row;
    - ``collapsed``: no latent dimension of a VAE is in use after :data:`COLLAPSE_EVALUATIONS` evaluations: posterior
      collapse.

    Args:
        monitor: name of the validation loss, None where there is none.
        can_win: whether the discriminator's loss has a smallest value, 0; a Wasserstein critic's has none.
        past: events from before a resume, of which was told then.
        warmup: fraction of the run over which the KL term's factor rises; 0 where there is none.
    """

    def __init__(
        self,
        monitor: str | None,
        can_win: bool = True,
        past: Iterable[Event] = (),
        warmup: float = 0.0,
    ) -> None:
        self._monitor = monitor
        self._can_win = can_win
        self._warmup = warmup
        self._fraction = 1.0
        self._begin()
        for event in past:
            self(event)

    def _begin(self, step: int = 0) -> None:
        """Nothing has been seen yet of these weights, which began at ``step``."""
        self._began = step
        self._has_sign = False
        self._losses: deque[float] = deque(maxlen=_WINDOW)
        self._gradients: deque[float] = deque(maxlen=_WINDOW)
        self._least = math.inf
        self._steepest = 0.0
        self._validation: list[float] = []
        self._num_collapsed = 0
        self._num_narrow = 0
        self._said: set[str] = set()

    def __call__(self, event: Event) -> Answer:
        """Read one event; answer with a warning where there is reason for one."""
        if isinstance(event, Restarted):
            self._begin(event.step)
        if isinstance(event, Stepped):
            self._fraction = event.fraction
            return self._game(event) if "generator_loss" in event.values else self._descent(event)
        if isinstance(event, Evaluated):
            self._has_sign = _is_narrow(event) or _is_collapsed(event)
            if self._is_early(event):
                return None
            return self._narrow(event) or self._collapsed(event) or self._turned(event)
        if isinstance(event, Finished):
            return self._untrained(event)
        return None

    def _is_early(self, event: Event) -> bool:
        return event.step - self._began < FEW_STEPS

    # -- at each step ------------------------------------------------------------------------------

    def _descent(self, event: Stepped) -> Answer:
        self._losses.append(event.values["loss"])
        if len(self._losses) < _WINDOW:
            return None
        mean = fmean(self._losses)
        self._least = min(self._least, mean)
        return self._once(
            event,
            "diverged",
            mean > DIVERGED_FACTOR * self._least > 0,
            lambda: Message(
                N_(
                    "the loss has grown to {loss}, from {least}; try a smaller training.learning_rate"
                ),
                {"loss": Number(round(mean, 4)), "least": Number(round(self._least, 4))},
            ),
        )

    def _game(self, event: Stepped) -> Answer:
        values = event.values
        self._losses.append(values["discriminator_loss"])
        self._gradients.append(values.get("generator_gradient", 1.0))
        if len(self._losses) < _WINDOW:
            return None
        mean, gradient = fmean(self._losses), fmean(self._gradients)
        self._steepest = max(self._steepest, gradient)
        return self._once(
            event,
            "won",
            self._can_win and mean < WON_LOSS_NATS,
            lambda: Message(
                N_(
                    "the discriminator tells every image apart (loss {loss}): the generator learns "
                    "little; try a smaller model.discriminator_rate or model.discriminator_width"
                ),
                {"loss": Number(round(mean, 4))},
            ),
        ) or self._once(
            event,
            "dead",
            gradient < DEAD_GRADIENT * self._steepest,
            lambda: Message(
                N_(
                    "the generator's gradient has died away ({share} of what it was): it no longer "
                    "learns; try model.loss=non-saturating or a smaller model.discriminator_rate"
                ),
                {"share": f"{gradient / self._steepest:.1g}"},
            ),
        )

    # -- at each evaluation ------------------------------------------------------------------------

    def _narrow(self, event: Evaluated) -> Answer:
        self._num_narrow = self._num_narrow + 1 if _is_narrow(event) else 0
        return self._once(
            event,
            "narrow",
            self._num_narrow >= COLLAPSE_EVALUATIONS,
            lambda: Message(
                N_(
                    "the generated images are all nearly the same (mode collapse): they cover little of "
                    "the data; try model.penalty=r1, a smaller training.learning_rate or another seed"
                )
            ),
        )

    def _collapsed(self, event: Evaluated) -> Answer:
        is_charged = self._fraction >= self._warmup
        collapsed = is_charged and _is_collapsed(event)
        self._num_collapsed = self._num_collapsed + 1 if collapsed else 0
        return self._once(
            event,
            "collapsed",
            self._num_collapsed >= COLLAPSE_EVALUATIONS,
            lambda: Message(
                N_(
                    "the latent vector carries nothing (posterior collapse): the decoder does without it; "
                    "try a smaller model.beta, a longer model.warmup or model.free_bits=0.1"
                )
            ),
        )

    def _turned(self, event: Evaluated) -> Answer:
        if self._monitor not in event.values:
            return None
        value = event.values[self._monitor]
        self._validation = [*self._validation[-OVERFIT_EVALUATIONS:], value]
        rising = len(self._validation) > OVERFIT_EVALUATIONS and all(
            later > earlier
            for earlier, later in zip(self._validation, self._validation[1:], strict=False)
        )
        return self._once(
            event,
            "overfit",
            rising,
            lambda: Message(
                N_(
                    "the validation loss rises while training goes on: the model is learning its data "
                    "by heart; the best checkpoint is kept"
                )
            ),
        )

    # -- at the end --------------------------------------------------------------------------------

    def _untrained(self, event: Finished) -> Answer:
        return self._once(
            event,
            "untrained",
            self._has_sign and event.step > self._began and self._is_early(event),
            lambda: Message(
                N_(
                    "trained too little to be judged: after {steps} {steps:step|steps} a "
                    "model has barely begun; train it longer, for {few} steps or more"
                ),
                {"steps": event.step - self._began, "few": FEW_STEPS},
            ),
        )

    def _once(self, event: Event, kind: str, is_so: bool, message: Callable[[], Message]) -> Answer:
        if not is_so or kind in self._said:
            return None
        self._said.add(kind)
        return Warned(step=event.step, elapsed_s=event.elapsed_s, message=message(), kind=kind)


def _is_narrow(event: Evaluated) -> bool:
    """Whether generated images vary too little, or miss most of the real ones' neighbourhoods."""
    values = event.values
    return (
        values.get("spread", 1.0) < NARROW_SPREAD or values.get("coverage", 1.0) < NARROW_COVERAGE
    )


def _is_collapsed(event: Evaluated) -> bool:
    """Whether no latent dimension is in use."""
    return event.values.get("active_units") == 0
