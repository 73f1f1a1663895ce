r"""The four versions on three vectors of two numbers, and the figures that all steps share.

Arrays: sequences and means (3, 2); ``weights`` (3, 3), a row for each query position, or (factors, 3, 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from olaria.i18n import N_, Message, Number
from olaria.lessons.averaging.scene import TOY, Scene
from olaria.lessons.averaging.ways import Way
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Choice, Control, Heat, Table, Words

Values = dict[str, Any]

VERSIONS = (
    N_("1: loops"),
    N_("2: matrix product"),
    N_("3: softmax"),
    N_("4: self-attention"),
)
FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Sizes of the queries, beside their own."""
_UNIT = np.eye(2)
_POSITIONS = tuple(str(t + 1) for t in range(len(TOY)))


def by_hand(_scene: Scene, way: Way) -> Values:
    """Version 1 on three vectors of two numbers."""
    means, sums = way.loops(TOY), np.cumsum(TOY, 0)
    second = means[1]
    guesses = np.stack((sums[1], second, TOY.mean(0)))
    rows = zip(_POSITIONS, map(_pair, TOY), map(_pair, sums), map(_pair, means), strict=True)
    return {
        "a": float(guesses[0, 0]),
        "b": float(guesses[0, 1]),
        "c": float(second[0]),
        "d": float(second[1]),
        "e": float(guesses[2, 0]),
        "f": float(guesses[2, 1]),
        "answer": _nearest(guesses, way.loops(TOY[:2])[-1]),
        "x": TOY,
        "means": means,
        "table": Table(
            "",
            (
                Message(N_("position")),
                Message(N_("vector x")),
                Message(N_("sum so far")),
                Message(N_("mean so far, y")),
            ),
            tuple(rows),
        ),
        "checks": (
            Check(Message(N_("the means, by hand")), means, [[1.0, 0.0], [0.5, 1.0], [1.0, 1.0]]),
        ),
    }


def product(_scene: Scene, way: Way) -> Values:
    """Version 2: the weights of the means, in a matrix."""
    means, weights = way.product(TOY), way.product(np.eye(len(TOY)))
    return {
        "answer": _nearest(np.array([[0, 1, 0], [1 / 2, 1 / 2, 0], [1 / 3] * 3]), weights[1]),
        "means": means,
        "weights": weights,
        "matrix": weights_map(weights, _POSITIONS),
        "table": _equal([(VERSIONS[0], way.loops(TOY)), (VERSIONS[1], means)]),
        "checks": (
            Check(
                Message(N_("the weights: one over the number of positions so far")),
                weights,
                [[(s <= t) / (t + 1) for s in range(len(TOY))] for t in range(len(TOY))],
            ),
        ),
    }


def softmax(_scene: Scene, way: Way) -> Values:
    """Version 3: the same weights, made of scores."""
    means, weights = way.softmax(TOY), way.softmax(np.eye(len(TOY)))
    scores = np.where(np.tri(len(TOY)) > 0, 0.0, -np.inf)
    shown = (Message(N_("scores")), Message(N_("weights")))
    versions = (way.loops(TOY), way.product(TOY), means)
    return {
        "answer": 0 if weights[0, -1] == 0 else 1,
        "means": means,
        "weights": weights,
        "matrices": Choice(
            "",
            (Control(Message(N_("shown")), shown, "select", start=1),),
            (weights_map(scores, _POSITIONS), weights_map(weights, _POSITIONS)),
            (0, 1),
        ),
        "table": _equal(list(zip(VERSIONS, versions, strict=False))),
        "checks": (
            Check(
                Message(N_("the weights: exponentials of the scores, divided by their sum")),
                weights,
                np.exp(scores) / np.exp(scores).sum(1, keepdims=True),
            ),
        ),
    }


def chosen_weights(_scene: Scene, way: Way) -> Values:
    """Version 4, with queries, keys and values that are the vectors themselves; then with queries of zero."""
    still, means = way.attend(TOY, 0 * _UNIT, _UNIT, _UNIT), way.loops(TOY)
    stages = np.stack([way.weights(TOY, factor * _UNIT, _UNIT) for factor in FACTORS])
    versions = (means, way.product(TOY), way.softmax(TOY), still)
    names = (*VERSIONS[:3], N_("4, with Q = 0"))
    outputs = way.attend(TOY, _UNIT, _UNIT, _UNIT)
    return {
        "score": TOY[2] @ TOY[2],
        "other": TOY[2] @ TOY[0],
        "most": stages[-1, 2, 2],
        "answer": _nearest(np.stack((np.zeros_like(TOY), means, TOY)), still),
        "weights": stages,
        "outputs": outputs,
        "maps": growing(stages, _POSITIONS),
        "table": _equal([*zip(names, versions, strict=True)]),
        "own": _equal([(VERSIONS[3], outputs)], marked=False),
    }


# -- figures ---------------------------------------------------------------------------------------


def _pair(vector: Array) -> Message:
    """A vector of two numbers."""
    fields = {"first": Number(float(vector[0])), "second": Number(float(vector[1]))}
    return Message(N_("({first}, {second})"), fields)


def _equal(columns: Sequence[tuple[str, Array]], *, marked: bool = True) -> Table:
    """The vectors of each position, (T, 2), for versions that say they are equal."""
    rows = list[tuple[Words, ...]]()
    for t, position in enumerate(_POSITIONS):
        rows.append((position, *(_pair(y[t]) for _, y in columns)))
    heads: tuple[Words, ...] = tuple(Message(name) for name, _ in columns)
    equal = tuple(range(1, len(heads) + 1)) if marked else ()
    return Table("", (Message(N_("position")), *heads), tuple(rows), equal=equal)


def weights_map(weights: Array, labels: tuple[str, ...]) -> Heat:
    """Weights, or scores, of each query position on each key position."""
    titles = Message(N_("query position")), Message(N_("key position"))
    return Heat("", weights, labels, labels, *titles)


def growing(stages: Array, labels: tuple[str, ...]) -> Choice:
    """Weights as the queries grow from zero to their own size."""
    percent = (Message(N_("{percent}%"), {"percent": round(100 * f)}) for f in FACTORS)
    control = Control(
        Message(N_("size of the queries")), tuple(percent), start=len(FACTORS) - 1, plays=True
    )
    figures = tuple(weights_map(stage, labels) for stage in stages)
    return Choice("", (control,), figures, (0, len(FACTORS) // 2, len(FACTORS) - 1))


def _nearest(guesses: Array, value: Array) -> int:
    """Which of some guesses is the value."""
    return int(np.abs(guesses - value).reshape(len(guesses), -1).sum(1).argmin())
