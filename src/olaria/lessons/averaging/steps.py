r"""The steps of the lesson of averaging; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

Arrays: sequences and means (T, C), without a unit; ``weights`` (T, T), a row for each query position, or
(factors, T, T); ``lengths`` (T,), root mean squares; ``changes`` (4, T), the largest of each position;
``seconds`` (lengths, 4).

Sources: Vaswani et al. 2017, equation 1 and table 1; Elman 1990 (recurrent networks); Bahdanau et al. 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.averaging.scene import LENGTHS, REPETITIONS, Scene
from olaria.lessons.averaging.toy import (
    FACTORS,
    VERSIONS,
    by_hand,
    chosen_weights,
    growing,
    product,
    softmax,
    weights_map,
)
from olaria.lessons.averaging.ways import Way
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Bars, Choice, Control, Curve, Heat, Plot, Table, Words
from olaria.lessons.twice import Row
from olaria.models.gpt import GPT
from olaria.nn.attention import attention, causal_mask
from olaria.nn.averaging import (
    average_by_attention,
    average_by_loops,
    average_by_product,
    average_by_softmax,
)

Values = dict[str, Any]

KEPT = 0.5
"""Share of itself that the recurrent state of the example keeps."""
UPDATES = 10
SHARES = (0.01, 0.2)
"""Between the answers to how much is left after so many updates."""


# -- on the run's own vectors ----------------------------------------------------------------------


def own_vectors(scene: Scene, way: Way) -> Values:
    """All versions on what the first layer of the run reads of the sentence."""
    x, (query, key, value) = way.read(scene.sentence.ids), scene.head
    versions = [way.loops(x), way.product(x), way.softmax(x)]
    averaged, still = way.loops(x @ value), way.attend(x, 0 * query, key, value)
    lengths = np.sqrt((versions[0] ** 2).mean(1))
    stages = np.stack([way.weights(x, factor * query, key) for factor in FACTORS])
    last = stages[-1, -1]
    positive = last[last > 1e-12]
    entropy = -(positive * np.log(positive)).sum()
    apart = [_apart(versions[0], version) for version in versions[1:]] + [_apart(averaged, still)]
    own = 0.0 if scene.is_drawn else _apart(way.own_weights(scene.sentence.ids), stages[-1])
    return {
        "notes": scene.sentence.notes,
        "count": scene.length,
        "width": x.shape[1],
        "size": x.size,
        "equal": max(apart) < 1e-5,
        "first": lengths[0],
        "last": lengths[-1],
        "answer": 1
        if abs(lengths[-1] - lengths[0]) < 0.05 * lengths[0]
        else 2 * int(lengths[-1] > lengths[0]),
        "most": last[scene.favourite],
        "token": scene.labels[scene.favourite],
        "uniform": 1 / scene.length,
        "effective": np.exp(entropy),
        "drawn": scene.is_drawn,
        "seed": scene.seed,
        "whole": not scene.is_drawn and own < 1e-5,
        "x": x,
        "means": versions[0],
        "outputs": still,
        "lengths": lengths,
        "weights": stages,
        "table": Table(
            "",
            (Message(N_("compared")), Message(N_("numbers")), Message(N_("largest difference"))),
            (
                (Message(N_("version 2 with version 1")), x.size, apart[0]),
                (Message(N_("version 3 with version 1")), x.size, apart[1]),
                (Message(N_("version 4 with Q = 0, and version 1 of V")), still.size, apart[2]),
            ),
            digits=6,
        ),
        "maps": growing(stages, scene.labels),
        "bars": Bars(
            "",
            scene.labels,
            (
                (Message(N_("mean")), np.full(scene.length, 1 / scene.length)),
                (Message(N_("attention")), last),
            ),
            Message(N_("weight")),
        ),
    }


def no_future(scene: Scene, way: Way) -> Values:
    """Another last token changes nothing before it, in any version."""
    x, y = (way.read(ids) for ids in (scene.sentence.ids, scene.changed))
    versions: list[Callable[[Array], Array]] = [
        way.loops,
        way.product,
        way.softmax,
        lambda x: way.attend(x, *scene.head),
    ]
    changes = np.stack([np.abs(version(y) - version(x)).max(1) for version in versions])
    old, new = scene.replaced
    return {
        "old": old,
        "new": new,
        "count": scene.length - 1,
        "before": changes[:, :-1].max(),
        "moved": changes[3, -1],
        "answer": (0, 1, 2, 2, 2)[int((changes[:, :-1].max(1) > 1e-6).sum())],
        "changes": changes,
        "map": Heat(
            "",
            changes,
            tuple(map(Message, VERSIONS)),
            scene.labels,
            Message(N_("version")),
            Message(N_("position")),
        ),
    }


# -- where it comes from, and what it costs --------------------------------------------------------


def from_recurrence(scene: Scene, way: Way) -> Values:
    """The weight of the first vector: through a state that is updated at each step, in a mean, and in attention."""
    count, x = max(scene.length, UPDATES + 1), way.read(scene.sentence.ids)
    query, key, value = scene.head
    state = way.carried(np.eye(count), KEPT)[:, 0]
    mean = way.loops(np.eye(count))[:, 0]
    read = way.weights(x, query, key)[:, 0]
    left = float(state[UPDATES])
    order = np.roll(np.arange(scene.length - 1), 1)
    shuffled = way.attend(np.concatenate((x[:-1][order], x[-1:])), query, key, value)
    places = np.arange(1, count + 1, dtype=float)
    return {
        "updates": UPDATES,
        "left": left,
        "answer": int(np.searchsorted(SHARES, left)),
        "count": scene.length,
        "steps": scene.length - 1,
        "state": state,
        "read": read,
        "table": Table(
            "",
            (
                Message(N_("how the last position learns of the first")),
                Message(N_("recurrent network")),
                Message(N_("attention")),
            ),
            (
                (Message(N_("steps from the first position to the last")), scene.length - 1, 1),
                (
                    Message(N_("numbers kept of the past")),
                    x.shape[1],
                    scene.length * (key.shape[1] + value.shape[1]),
                ),
                (
                    Message(N_("steps one after the other to read the sentence in training")),
                    scene.length,
                    1,
                ),
            ),
        ),
        "plot": Plot(
            "",
            (
                Curve(Message(N_("recurrent state that keeps a half")), places, state),
                Curve(Message(N_("mean")), places, mean),
                Curve(
                    Message(N_("attention, on the sentence")),
                    places[: scene.length],
                    read,
                    "points",
                ),
            ),
            Message(N_("query position")),
            Message(N_("weight of the first vector")),
        ),
        "checks": (
            Check(
                Message(
                    N_(
                        "the last output of attention, with the positions before it in another order"
                    )
                ),
                shuffled[-1],
                way.attend(x, query, key, value)[-1],
            ),
        ),
    }


def cost(scene: Scene, way: Way) -> Values:
    """How long each version takes at growing length; no twin can hold a clock, but operations can be counted."""
    seconds = scene.seconds  # measured once: a clock never gives the same twice
    length, width = LENGTHS[len(LENGTHS) // 2], scene.model.config.width
    used = int((way.product(np.eye(length)) > 0).sum())
    scores = np.array([way.weights(np.zeros((n, 1)), *2 * [np.ones((1, 1))]).size for n in LENGTHS])
    rows = list[tuple[Words | float, ...]]()
    for count, row in zip(LENGTHS, 1e6 * seconds, strict=True):
        rows.append((str(count), *map(float, row)))
    return {
        "length": length,
        "width": width,
        "loops": 1e6 * seconds[len(LENGTHS) // 2, 0],
        "product": 1e6 * seconds[len(LENGTHS) // 2, 1],
        "attention": 1e6 * seconds[len(LENGTHS) // 2, 3],
        "repetitions": REPETITIONS,
        "used": used,
        "multiplied": length**2,
        "answer": (2, 4, 8).index(int(scores[1] // scores[0])),
        "shortest": LENGTHS[0],
        "longest": LENGTHS[-1],
        "seconds": seconds,
        "table": Table(
            "", (Message(N_("positions")), *map(Message, VERSIONS)), tuple(rows), digits=0
        ),
        "bars": Bars(
            "",
            tuple(map(Message, VERSIONS)),
            tuple(
                (Message(N_("{count} positions"), {"count": LENGTHS[place]}), 1e6 * seconds[place])
                for place in (0, -1)
            ),
            "µs",
            by_factors=True,
        ),
        "checks": (
            Check(
                Message(N_("weights that are not zero: the sum of 1, 2, … up to the length")),
                used,
                length * (length + 1) / 2,
            ),
        ),
    }


def beyond(scene: Scene, way: Way) -> Values | None:
    """What the run's own head does that version 4 does not."""
    if scene.is_drawn or not (isinstance(scene.model, GPT) or scene.has_biases):
        return None
    ids, (query, key, _) = scene.sentence.ids, scene.head
    version, own = way.weights(way.read(ids), query, key), way.own_weights(ids)
    shown = (VERSIONS[3], N_("head 1 of layer 1"))
    return {
        "gpt": isinstance(scene.model, GPT),
        "biases": scene.has_biases,
        "local": scene.is_local,
        "apart": _apart(version, own),
        "root": np.sqrt(query.shape[1]),
        "weights": own,
        "maps": Choice(
            "",
            (Control(Message(N_("weights of")), tuple(map(Message, shown)), "select", start=1),),
            (weights_map(version, scene.labels), weights_map(own, scene.labels)),
            (0, 1),
        ),
    }


def _apart(one: Array, other: Array) -> float:
    return float(np.round(np.abs(one - other).max(), 7))


STEPS = (
    Row(by_hand, (average_by_loops,)),
    Row(product, (average_by_product,)),
    Row(softmax, (causal_mask, average_by_softmax)),
    Row(chosen_weights, (average_by_attention, attention)),
    Row(own_vectors, (average_by_softmax, average_by_attention)),
    Row(no_future, (causal_mask,)),
    Row(from_recurrence, (average_by_attention,)),
    Row(cost, (average_by_loops, average_by_product, average_by_softmax, average_by_attention)),
    Row(beyond, (attention,)),
)
"""In the order of the documents."""
