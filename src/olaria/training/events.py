"""What the loop tells, and what a listener may answer.

Events are plain data: a console, a log file, a stream and a doctor all read the same ones. Numbers that are not finite
become null when stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from olaria.i18n import N_, Message


def _finite_or_none(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


Values = Annotated[dict[str, float], PlainSerializer(_finite_or_none)]
StoredMessage = Annotated[Message, PlainSerializer(lambda message: message.to_json())]


class Event(BaseModel):
    """Base of all events.

    Args:
        step: completed steps.
        elapsed_s: seconds that count towards the budget.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    step: int
    elapsed_s: float


@dataclass(frozen=True)
class Forecast:
    """What a run will take, as predicted; None where it is not known.

    Args:
        memory_bytes: peak of the process.
        train_s: seconds inside steps, of a run of given steps.
        steps: of a run of a given budget.
        epochs: how many times as many examples or tokens as the training data has.
    """

    memory_bytes: int | None = None
    train_s: float | None = None
    steps: int | None = None
    epochs: float | None = None


class Began(Event):
    """The loop is ready to make its first step, or to go on after ``step``."""

    event: Literal["began"] = "began"
    precision: str
    compiled: bool
    num_parameters: int
    device: str = "cpu"
    """Where it trains."""
    forecast: Forecast = Forecast()
    """Of what is to come."""


class Stepped(Event):
    """One turn through all phases is done."""

    event: Literal["step"] = "step"
    fraction: float
    """Of the run, as the schedule saw it at the beginning of the step."""
    learning_rate: float
    values: Values
    rate: float
    """Examples or tokens per second of training, lately."""
    eta_s: float
    """Seconds of training left."""


class Evaluated(Event):
    """The validation split was measured."""

    event: Literal["evaluated"] = "evaluated"
    split: Literal["validation"] = "validation"
    values: Values


class Sampled(Event):
    """A watching sample was drawn: images (N, C, H, W) in [0, 1], or text."""

    event: Literal["sampled"] = "sampled"
    artifact: Any = Field(exclude=True)


class Saving(Event):
    """A checkpoint should be written; the tensors are those of this moment."""

    event: Literal["saved"] = "saved"
    best: bool
    tensors: Any = Field(exclude=True)
    state: Any = Field(exclude=True)


class Warned(Event):
    """Something a person should know."""

    event: Literal["warned"] = "warned"
    message: StoredMessage
    is_note: bool = False
    """Whether it is worth knowing and no reason to worry."""
    kind: str = ""
    """Which trouble it is, where there is a remedy for it; see :mod:`olaria.training.rescue`."""


class Changed(Event):
    """A listener changed a setting."""

    event: Literal["changed"] = "changed"
    path: str
    value: Any


class Restarted(Event):
    """The weights and what the optimizers remember went back to where the run began; its steps go on being counted."""

    event: Literal["restarted"] = "restarted"


NO_TIME = N_("the budget was used up before the first step")
"""The reason of an end at step 0 where seconds were given."""


class Finished(Event):
    """The loop ended."""

    event: Literal["finished"] = "finished"
    reason: StoredMessage
    train_s: float
    """Seconds inside steps."""
    rate: float
    """Examples or tokens per second over all steps."""
    final: Values


@dataclass(frozen=True)
class Stop:
    """Answer: end the run after this step, for this reason."""

    reason: Message


@dataclass(frozen=True)
class Change:
    """Answer: set some settings before the next step.

    Args:
        settings: dotted path of the recipe to new value; see :data:`olaria.training.engine.CHANGEABLE`.
        restart: whether to begin again from the first weights; of runs with ``rescue``, which keep them.
    """

    settings: Mapping[str, Any]
    restart: bool = False


def answer_to_json(answer: Stop | Change | Warned) -> dict[str, Any]:
    """As JSON values, for the other processes of a run."""
    if isinstance(answer, Stop):
        return {"stop": answer.reason.to_json()}
    if isinstance(answer, Change):
        return {"change": dict(answer.settings), "restart": answer.restart}
    return {"warned": None}


def answer_from_json(stored: Mapping[str, Any]) -> Stop | Change | None:
    """The inverse of :func:`answer_to_json`; what only tells something becomes None."""
    if "stop" in stored:
        return Stop(Message.from_json(stored["stop"]))
    if "change" in stored:
        return Change(stored["change"], stored["restart"])
    return None


Answer = Stop | Change | Warned | None
Listener = Callable[[Event], Answer]
