"""What a lesson is: an ordered list of steps, each computed from a real model and each able to check itself.

A lesson knows no page: it gives words (as messages), formulas, numbers and figures (:mod:`olaria.lessons.figures`), and
:mod:`olaria.pages` shows them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from olaria.errors import LessonError
from olaria.i18n import N_, Message, translate
from olaria.lessons.figures import FIGURES, Figure
from olaria.runs import Run

Array = NDArray[np.float64]


def numbers(x: Tensor) -> Array:
    """A tensor as an array, float64."""
    return np.asarray(x.detach().double().numpy())


def evenly(count: int, most: int) -> list[int]:
    """At most so many of 0 … count − 1, evenly, the first and the last among them.

    >>> evenly(4, 9), evenly(6, 2), evenly(5, 3)
    ([0, 1, 2, 3], [0, 5], [0, 2, 4])
    """
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / max(1, most - 1)) for i in range(most)]


def together(*sentences: Message) -> Message:
    """Several sentences as one text."""
    fields = {f"part_{i}": sentence for i, sentence in enumerate(sentences)}
    return Message(" ".join(f"{{{name}}}" for name in fields), fields)


TOLERANCE = 1e-4
"""Within which a shown number agrees with the same number obtained in another way; relative above 1."""


@dataclass(frozen=True)
class Check:
    """Numbers of the lesson beside the same numbers obtained in another way.

    Args:
        text: what is compared with what, half a sentence: "the weights, computed again with loops in float64".
        value: as the step shows them, of any shape.
        expected: as the other way gives them, of the same shape.
        tolerance: see :data:`TOLERANCE`.
        is_twin: whether the other way is the model's twin (:mod:`olaria.lessons.twice`); then ``text`` is a name.

    >>> Check(Message("two ways"), 0.5, 0.5000001).holds
    True
    >>> Check(Message("two ways"), [0.5, 1.0], [0.5, 1.1]).holds
    False
    """

    text: Message
    value: ArrayLike
    expected: ArrayLike
    tolerance: float = TOLERANCE
    is_twin: bool = False

    @property
    def count(self) -> int:
        """How many numbers are compared."""
        return int(np.size(self.value))

    @property
    def difference(self) -> float:
        """The largest, relative where the expected number is above 1; infinite where shapes or what is finite differ.

        Numbers that are infinite, and missing ones (NaN), agree with themselves: a mask's.
        """
        value, expected = (np.asarray(x, np.float64) for x in (self.value, self.expected))
        if value.shape != expected.shape or not value.size:
            return math.inf
        same = (value == expected) | (np.isnan(value) & np.isnan(expected))
        with np.errstate(invalid="ignore"):
            apart = np.abs(value - expected) / np.maximum(1.0, np.abs(expected))
        largest = float(np.where(same, 0.0, apart).max())
        return largest if math.isfinite(largest) else math.inf

    @property
    def holds(self) -> bool:
        """Whether both agree."""
        return self.difference <= self.tolerance


@dataclass(frozen=True)
class Paragraph:
    """A few sentences; a claim about the model is followed by its number."""

    text: Message


@dataclass(frozen=True)
class Formula:
    """A formula in LaTeX, in a line of its own."""

    latex: str


@dataclass(frozen=True)
class Question:
    """What a reader answers before reading on: two answers or more, of which the one at place ``right`` is."""

    text: Message
    answers: tuple[Message, ...]
    right: int


@dataclass(frozen=True)
class Mistake:
    """What is often believed, and why it is wrong."""

    text: Message


Block = Paragraph | Formula | Question | Mistake | Figure


@dataclass(frozen=True)
class Step:
    """One thing to understand.

    Args:
        title: a few words.
        blocks: what a page shows, in order.
        arrays: the numbers by name, for a notebook; the lesson's docstring states shapes and units.
        source: the functions that made the numbers; their code is shown.
        checks: what proves the numbers.
        reference: where the formula comes from (paper, equation), in English; see :meth:`cited`.
        notes: what a reader should know before reading the numbers, half sentences; where they are of a sentence that
            the user gave, shells show them too.
        name: of its section in the lesson's documents.
    """

    title: Message
    blocks: tuple[Block, ...]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    source: tuple[Callable[..., Any], ...] = ()
    checks: tuple[Check, ...] = ()
    reference: str = ""
    notes: tuple[Message, ...] = ()
    name: str = ""

    @property
    def text(self) -> Message:
        """The sentences of all paragraphs."""
        return together(*(block.text for block in self.blocks if isinstance(block, Paragraph)))

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What is seen."""
        return tuple(block for block in self.blocks if isinstance(block, FIGURES))

    def cited(self, language: str = "en") -> str:
        """The reference, its places in the paper named as the reader names them; titles of papers stay as they are.

        >>> Step(Message("a"), (), reference="Hu et al. 2021, sections 3 and 4").cited("pt")
        'Hu et al. 2021, seções 3 e 4'
        """
        return _PLACE.sub(lambda word: translate(word[0], language), self.reference)


PLACES = (
    N_("section"),
    N_("sections"),
    N_("equation"),
    N_("appendix"),
    N_("theorem"),
    N_("proposition"),
    N_("algorithm"),
)
"""In a paper."""
_ANY, _AND = "|".join(PLACES), N_("and")
_PLACE = re.compile(rf"\b(?:{_ANY})\b(?= [A-Z\d])|(?<=\d ){_AND}(?= (?:\d|{_ANY}))")


@dataclass(frozen=True)
class Asked:
    """What a lesson is asked for.

    Args:
        runs: the run that it opens up, then those that it is set beside; none for a lesson that needs none.
        prompt: the user's sentence; the lesson's own choice where None.
        seed: of all that is drawn.
        offline: whether no connection is opened.
        language: of the page; where a text has lines of several, the lesson's own choice is one of this.
        leaves_out: whether a further run that cannot stand beside the first is left out, and not refused: a report
            gives all of its runs.
    """

    runs: tuple[Run, ...] = ()
    prompt: str | None = None
    seed: int = 0
    offline: bool = False
    language: str = "en"
    leaves_out: bool = False

    @property
    def run(self) -> Run:
        """The run that is opened up."""
        return self.runs[0]

    def other(self, *families: str) -> Run | None:
        """The first further run of one of these families."""
        return next((run for run in self.runs[1:] if run.family in families), None)


def refusal(run: Run, families: Sequence[str], preset: str) -> LessonError:
    """What is told who asks a lesson of a run that cannot carry it: ``families`` can, of which ``preset`` is one."""
    text = N_(
        "run {name} is of a {family} and cannot carry this lesson: give it a run of {families}, "
        "for instance of olaria train {preset}"
    )
    names = ", ".join(families)
    return LessonError(text, name=run.name, family=run.family, families=names, preset=preset)
