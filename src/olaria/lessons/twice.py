r"""Steps that run twice: once with the model, and once with its twin.

A step is a function of a scene (what the lesson looks at: images, a sentence, draws) and of a *way* to compute. One way
is the model itself; the other is its twin, NumPy in float64 from the raw weights (:mod:`olaria.lessons.by_numpy`). The
same function runs with both, and every number that it returns is compared by its name: a formula of the step stands
once, and a page shows no number that only one way gives.

A step must not choose what it shows by numbers that both ways give up to rounding: choices belong to the scene, and
the right answer of a question is the model's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from torch import Tensor

from olaria.errors import MissingError, SourceError
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check, Paragraph, Step
from olaria.lessons.document import ANSWER, Texts
from olaria.lessons.parts import Values
from olaria.numbers import Number

S = TypeVar("S")
W = TypeVar("W")

Functions = tuple[Callable[..., Any], ...]
ARRAYS = (Tensor, np.ndarray)
CHECKS, NOTES = "checks", "notes"
"""Names of the values that are no part of the text: further checks, and what a reader should know first."""


@dataclass(frozen=True)
class Row(Generic[S, W]):
    """A step of a lesson.

    Args:
        step: computes its values; named as its section in the documents. None where the run has nothing to show.
        source: functions whose code the page shows.
        reads_data: whether it needs the run's data, and is told to be missing where they are not at hand.
        more: further functions, of the run's own model.
        of: the kind of scene that has such a step; those of other kinds are without it.
    """

    step: Callable[[S, W], Values | None]
    source: Functions = ()
    reads_data: bool = False
    more: Callable[[S], Functions] = lambda _: ()
    of: type = object

    @property
    def name(self) -> str:
        """Of the step."""
        return self.step.__name__


def run_twice(
    texts: Texts, rows: Sequence[Row[S, W]], scene: S, model: W, twin: W
) -> Iterator[Step]:
    """The steps of a lesson in the order of its documents, computed once with the model and once with its twin."""
    for row in rows:
        if not isinstance(scene, row.of):
            continue
        try:
            values = row.step(scene, model)
            again = None if values is None else row.step(scene, twin)
        except (MissingError, SourceError) as error:
            if not row.reads_data:
                raise
            text = N_("This step reads the run's own data, which is not at hand: {reason}.")
            missing = Paragraph(Message(text, {"reason": error.message}))
            yield Step(texts.titled(row.name), (missing,), name=row.name)
            continue
        if values is None or again is None:
            continue
        yield dataclasses.replace(
            texts.step(row.name, values),
            arrays={name: np.asarray(x) for name, x in values.items() if isinstance(x, ARRAYS)},
            source=row.source + row.more(scene),
            checks=(*compared(values, again), *values.get(CHECKS, ())),
            notes=values.get(NOTES, ()),
            name=row.name,
        )


def compared(values: Values, again: Values) -> Iterator[Check]:
    """A check of each value that has numbers of the model in it.

    Numbers that are equal bit by bit are of what is looked at, not of the model, and are not counted.
    """
    assert values.keys() == again.keys(), "a step returns the same names both ways"
    for name, value in values.items():
        if name in (CHECKS, NOTES, ANSWER):
            continue
        one, two = (np.concatenate([np.empty(0), *numbers_of(x)]) for x in (value, again[name]))
        if one.shape == two.shape:
            apart = ~((one == two) | (np.isnan(one) & np.isnan(two)))
            if not (isinstance(value, ARRAYS) and apart.any()):
                one, two = one[apart], two[apart]
        if one.size or two.size:
            yield Check(Message("{name}", {"name": name}), one, two, is_twin=True)


def numbers_of(value: Any) -> Iterator[Array]:
    """The numbers of a value, however deep: those of an array, a figure, a sentence."""
    match value:
        case bool() | str() | None:
            return
        case Number():
            yield np.array([value.value])
        case Tensor() | np.ndarray() | int() | float() | np.number():
            x = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
            if x.dtype.kind in "iuf":
                yield x.astype(np.float64).ravel()
        case Message():
            yield from numbers_of(value.fields)
        case Mapping():
            for one in value.values():
                yield from numbers_of(one)
        case tuple() | list():
            for one in value:
                yield from numbers_of(one)
        case _ if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                yield from numbers_of(getattr(value, field.name))
