"""What a lesson is: an ordered list of steps, each computed and each able to check itself.

A lesson knows no page: it gives words (as messages), formulas, arrays and numbers, and the report, the
command line and the studio show them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from olaria.i18n import Message

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """A number of the lesson beside the same number obtained in another way.

    Args:
        text: what is compared with what.
        value: as the step computes it.
        expected: as the other way gives it.
        tolerance: largest absolute difference that still counts as agreement.

    >>> Check(Message("two ways"), 0.5, 0.5000001, 1e-4).holds
    True
    """

    text: Message
    value: float
    expected: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether both agree; never true for a number that is not finite."""
        difference = abs(self.value - self.expected)
        return math.isfinite(difference) and difference <= self.tolerance


@dataclass(frozen=True)
class Step:
    """One thing to understand.

    Args:
        title: a few words.
        text: the explanation, a short paragraph.
        formula: in Unicode, readable in a terminal; empty where words suffice.
        arrays: what is drawn, by name; the lesson's docstring states shapes and units.
        source: where the formula comes from (paper, equation), in no language.
        check: the number that proves the step, where there is one.
    """

    title: Message
    text: Message
    formula: str = ""
    arrays: Mapping[str, Array] = field(default_factory=dict)
    source: str = ""
    check: Check | None = None


@dataclass(frozen=True)
class Lesson:
    """An entry of :data:`olaria.lessons.LESSONS`.

    Args:
        title: shown in lists.
        families: whose runs it opens up; empty where it needs none.
        steps: makes the steps, from an opened run where it needs one.
    """

    title: Message
    steps: Callable[..., tuple[Step, ...]]
    families: tuple[str, ...] = ()

    def __call__(self, *arguments: Any, **options: Any) -> tuple[Step, ...]:
        """The steps, in order."""
        return self.steps(*arguments, **options)
