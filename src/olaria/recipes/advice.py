"""Which size of language model suits a text and the time there is."""

from __future__ import annotations

from dataclasses import dataclass

from olaria.families.base import Size
from olaria.i18n import N_, Message, Setting
from olaria.numbers import Number

WEIGHTS_PER_CHAR = 3.0
"""The largest model that a text feeds: numbers in its layers' matrices per character of training text. Beyond it the
validation loss turns within minutes while the training loss goes on falling: the text is learnt by heart."""
NUM_WEIGHTS: dict[Size, int] = {"tiny": 25_000, "small": 790_000, "base": 2_650_000}
"""Numbers in the matrices of the layers of the family ``gpt``, by size; tables that are looked up do not count."""
BUDGET_S: dict[Size, float] = {"tiny": 0.0, "small": 15.0, "base": 240.0}
"""Seconds on two cores from which a size ends better than the next smaller one on a text that feeds it."""


@dataclass(frozen=True)
class Advice:
    """A size and why.

    Args:
        size: ``tiny``, ``small`` or ``base``.
        reason: in words.
    """

    size: Size
    reason: Message


def advise(num_chars: int, budget_s: float | None = None) -> Advice:
    """The largest size of the family ``gpt`` that the text feeds and the time suffices for.

    Args:
        num_chars: of the training text.
        budget_s: seconds of training; None asks for the text alone.

    >>> advise(1_000_000).size, advise(1_000_000, budget_s=60).size, advise(30_000).size
    ('base', 'small', 'tiny')
    """
    sizes = list(NUM_WEIGHTS)
    fed = [size for size in sizes if NUM_WEIGHTS[size] <= WEIGHTS_PER_CHAR * num_chars]
    by_text = (fed or sizes)[-1 if fed else 0]
    in_time = [size for size in sizes if budget_s is None or BUDGET_S[size] <= budget_s]
    size = min(by_text, in_time[-1], key=sizes.index)
    fields: dict[str, object] = {"count": Number(num_chars, 0), "size": size}
    if size != by_text:
        assert budget_s is not None
        fields["seconds"] = Number(budget_s)
        message = N_("{seconds} {seconds:second is|seconds are} too short for a size above {size}")
    elif not fed:
        message = N_("{count} characters are few even for {size}: it will learn them by heart")
    elif size == sizes[-1]:
        message = N_("{count} characters are enough for {size}")
    else:
        message = N_("{count} characters feed {size}; a larger size would learn them by heart")
    return Advice(size, Message(message, fields))


def memorising(num_weights: int, num_chars: int, size: Size) -> Message | None:
    """A note where a model is too large for its text; None where it is not.

    Args:
        num_weights: in the matrices of the model's layers, whatever its settings.
        num_chars: of the training text.
        size: that the user chose.
    """
    if num_weights <= WEIGHTS_PER_CHAR * num_chars:
        return None
    advised = advise(num_chars).size
    fields = {
        "weights": Number(num_weights, 0),
        "count": Number(num_chars, 0),
        "size": Setting("size", advised),
    }
    sizes = list(NUM_WEIGHTS)
    if sizes.index(advised) < sizes.index(size):
        message = N_(
            "a model with {weights} weights in its layers will learn a text of {count} "
            "characters by heart: {size} suits it better"
        )
    else:
        message = N_(
            "a model with {weights} weights in its layers will learn a text of {count} characters by "
            "heart: more text, or a smaller model, suits better"
        )
    return Message(message, fields)
