"""What the run's doctor watches: signs of trouble in the stream of events, told once, in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

from olaria.i18n import N_, Message
from olaria.training.events import Answer, Evaluated, Event, Stepped, Warned

_WINDOW = 100
WON_LOSS_NATS = 0.05
"""A discriminator whose loss stays below has won: chance is 2 log 2 ≈ 1.39 nats."""
DIVERGED_FACTOR = 3.0
OVERFIT_EVALUATIONS = 3
COLLAPSE_EVALUATIONS = 3


class Health:
    """A listener that warns; each kind of trouble once per run.

    - the loss has grown to :data:`DIVERGED_FACTOR` times its smallest running mean;
    - a GAN's discriminator loss stays below :data:`WON_LOSS_NATS` for a hundred steps;
    - the validation loss has risen :data:`OVERFIT_EVALUATIONS` times in a row;
    - no latent dimension of a VAE is in use after :data:`COLLAPSE_EVALUATIONS` evaluations: posterior collapse.
    """

    def __init__(self, monitor: str | None) -> None:
        self._monitor = monitor
        self._losses: list[float] = []
        self._least = math.inf
        self._validation: list[float] = []
        self._num_collapsed = 0
        self._said: set[str] = set()

    def __call__(self, event: Event) -> Answer:
        """Read one event; answer with a warning where there is reason for one."""
        if isinstance(event, Stepped):
            return self._stepped(event)
        if isinstance(event, Evaluated) and self._monitor in event.values:
            return self._evaluated(event, event.values[self._monitor])
        return None

    def _stepped(self, event: Stepped) -> Answer:
        name = "loss" if "loss" in event.values else "discriminator_loss"
        self._losses = [*self._losses[1 - _WINDOW :], event.values[name]]
        if len(self._losses) < _WINDOW:
            return None
        mean = fmean(self._losses)
        self._least = min(self._least, mean)
        if name == "discriminator_loss":
            return self._once(
                event,
                "won",
                mean < WON_LOSS_NATS,
                lambda: Message(
                    N_(
                        "the discriminator tells every image apart (loss {loss}): the generator learns "
                        "little; try a smaller model.discriminator_width or training.learning_rate"
                    ),
                    {"loss": round(mean, 4)},
                ),
            )
        return self._once(
            event,
            "diverged",
            mean > DIVERGED_FACTOR * self._least > 0,
            lambda: Message(
                N_(
                    "the loss has grown to {loss}, from {least}; try a smaller training.learning_rate"
                ),
                {"loss": round(mean, 4), "least": round(self._least, 4)},
            ),
        )

    def _evaluated(self, event: Evaluated, value: float) -> Answer:
        # Before the first update no dimension is in use either.
        collapsed = event.step > 0 and event.values.get("active_units") == 0
        self._num_collapsed = self._num_collapsed + 1 if collapsed else 0
        warning = self._once(
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
        return warning or self._turned(event, value)

    def _turned(self, event: Evaluated, value: float) -> Answer:
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

    def _once(self, event: Event, kind: str, is_so: bool, message: Callable[[], Message]) -> Answer:
        if not is_so or kind in self._said:
            return None
        self._said.add(kind)
        return Warned(step=event.step, elapsed_s=event.elapsed_s, message=message())
