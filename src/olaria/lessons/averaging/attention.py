r"""The step from a mean to attention: weights that depend on the data, and what no version ever does.

.. math:: y_t = \sum_{s \le t} w_{ts} v_s, \qquad w_t = \operatorname{softmax}(q_t k_s / \sqrt D)_{s \le t}

Arrays of the steps: ``weights``, (T, T), or (factors, T, T); ``outputs``, (T, D); ``changes``, the largest of each
position when the last token is another, (4, T); ``seconds`` that each version took, (4,).

Source: Vaswani et al. 2017, equation 1, masked as in section 3.2.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from torch import Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons.averaging.scene import VERSIONS, Scene, equal_table, units, weights_heat
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy.transformers import attend, later
from olaria.lessons.figures import Bars, Choice, Control, Heat
from olaria.lessons.inside import open_language
from olaria.lessons.texts import labels_of, spelt
from olaria.models.gpt import GPT
from olaria.nn.attention import attention, causal_mask
from olaria.nn.averaging import (
    average_by_attention,
    average_by_loops,
    average_by_product,
    average_by_softmax,
)

REFERENCE = "Vaswani et al. 2017, equation 1"
FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
REPETITIONS = 9


def attention_weights(scene: Scene, factor: float = 1.0) -> Tensor:
    """Version 4's weights, (T, T): what :func:`olaria.nn.attention.attention` makes of the unit vectors.

    Args:
        scene: the sentence.
        factor: on the queries.
    """
    query = factor * scene.query
    q, k = scene.x[:, None] @ query, scene.x[:, None] @ scene.key
    mask = causal_mask(scene.length, scene.length)
    return attention(q, k, units(scene.length)[:, None], mask, query.shape[1] ** -0.5)[0, 0]


def attention_step(scene: Scene) -> Step:
    """Version 4: the scores are products of queries and keys."""
    weights = numbers(attention_weights(scene))
    outputs = numbers(scene.attend(scene.x)[0])
    x, query, key, value = scene.exact
    again, weights_again = attend(x @ query, x @ key, x @ value, later(scene.length))
    last, most = weights[-1], int(weights[-1].argmax())
    entropy = -float((last[last > 0] * np.log(last[last > 0])).sum())
    uniform = np.full(scene.length, 1 / scene.length)
    return Step(
        Message(N_("Version 4: self-attention")),
        Message(
            N_(
                "Instead of 0, the score of a pair is the product of a query and a key, both made of the vectors "
                "themselves, and what is averaged are values made of them too. The last position now takes {most} from "
                "“{token}”, where a plain mean takes {uniform} from each, and mixes as much as an equal mean of "
                "{effective} tokens would."
            ),
            {
                "most": Number(float(last[most]), 3),
                "token": scene.labels[most],
                "uniform": Number(1 / scene.length, 3),
                "effective": Number(float(np.exp(entropy)), 1),
            },
        ),
        r"Y = \operatorname{softmax}\left(\frac{Q K^\top}{\sqrt{D}} + M\right) V, \quad (Q, K, V) = X (W_q, W_k, W_v)",
        (
            weights_heat(scene, weights, _weights_caption(scene, weights)),
            Bars(
                _last_caption(scene, last),
                scene.labels,
                (
                    (Message(N_("version 3")), uniform),
                    (Message(N_("version 4")), last),
                ),
                Message(N_("weight")),
            ),
        ),
        {"weights": weights, "outputs": outputs},
        (average_by_attention, attention),
        (
            Check(
                Message(N_("the weights of version 4, in NumPy and float64")),
                weights,
                weights_again,
            ),
            Check(
                Message(N_("what version 4 gives, in NumPy and float64")),
                outputs,
                again,
            ),
        ),
        REFERENCE,
    )


def _weights_caption(scene: Scene, weights: Array) -> Message:
    """Whose matrices these are, and how far the weights are from those of the run's own first head."""
    if scene.own_weights is None:
        return Message(
            N_(
                "The weights of version 4. This rung of the ladder only averages, so its matrices are random here, "
                "drawn with seed {seed}: where they look means nothing."
            ),
            {"seed": scene.seed},
        )
    apart = {"apart": Number(float(np.abs(numbers(scene.own_weights) - weights).max()))}
    if isinstance(scene.model, GPT):
        text = N_(
            "The weights of version 4, with the matrices of head 1 in layer 1. That head also normalises queries and "
            "keys, turns them by their position and looks no further back than the chunk before its own, so that its "
            "weights, which the lesson on attention shows, differ by up to {apart}."
        )
    elif scene.model.config.has("gpt"):
        text = N_(
            "The weights of version 4, with the matrices of head 1 in layer 1. That head also adds a bias to queries "
            "and keys, so that its own weights differ by up to {apart}."
        )
    else:
        text = N_(
            "The weights of version 4, with the matrices of head 1 in layer 1. This is all that the head computes: its "
            "own weights differ by {apart} at most."
        )
    return Message(text, apart)


def _last_caption(scene: Scene, last: Array) -> Message:
    """What the last position takes; where nothing tells places apart, equal tokens give the same."""
    ids = scene.sentence.ids.numpy()
    parts = [last[ids == token] for token in np.unique(ids)]
    repeated = [part for part in parts if len(part) > 1]
    if not isinstance(scene.model, GPT) or not repeated:
        return Message(N_("What the last position takes from each."))
    return Message(
        N_(
            "What the last position takes from each. Equal tokens give the same (they differ by {apart} at most), "
            "since nothing in this version tells their places apart."
        ),
        {"apart": Number(float(max(np.ptp(part) for part in repeated)))},
    )


def between_step(scene: Scene) -> Step:
    """From version 3 to version 4, the queries growing from zero."""
    stages = [numbers(attention_weights(scene, factor)) for factor in FACTORS]
    values = scene.x @ scene.value
    averaged, attended = (
        numbers(average_by_softmax(values)[0]),
        numbers(scene.attend(scene.x, 0.0)[0]),
    )
    x, query, key, value = scene.exact
    again = [attend(factor * x @ query, x @ key, x, later(scene.length))[1] for factor in FACTORS]
    means = np.cumsum(x @ value, 0) / np.arange(1, scene.length + 1)[:, None]
    largest = [float(stage[-1].max()) for stage in stages]
    return Step(
        Message(N_("From version 3 to version 4")),
        Message(
            N_(
                "Make the queries of version 4 smaller and its weights become equal; with queries of zero it *is* "
                "version 3 of the values: the two differ by {apart} at most. Growing from there, the largest weight of "
                "the last position goes from {first} to {last}. Attention is the plain mean, with a choice."
            ),
            {
                "apart": Number(float(np.abs(averaged - attended).max())),
                "first": Number(largest[0], 3),
                "last": Number(largest[-1], 3),
            },
        ),
        r"Q = 0: \quad \operatorname{softmax}\left(Q K^\top / \sqrt{D} + M\right) V = \operatorname{softmax}(M) \, V",
        (
            Choice(
                Message(N_("Weights, as the queries grow from zero to their own size.")),
                (
                    Control(
                        Message(N_("size of the queries")),
                        tuple(
                            Message(N_("{percent} %"), {"percent": round(100 * f)}) for f in FACTORS
                        ),
                        start=len(FACTORS) - 1,
                        plays=True,
                    ),
                ),
                tuple(weights_heat(scene, stage, Message(N_("The weights."))) for stage in stages),
                (0, len(FACTORS) // 2, len(FACTORS) - 1),
            ),
            equal_table(
                Message(
                    N_(
                        "The last position, with queries of zero: both columns are the same numbers."
                    )
                ),
                [(N_("version 3 of V"), averaged), (N_("version 4, Q = 0"), attended)],
            ),
        ),
        {"weights": np.stack(stages), "outputs": attended},
        (average_by_softmax, average_by_attention),
        (
            Check(
                Message(N_("the weights at each size, in NumPy and float64")),
                np.stack(stages),
                again,
            ),
            Check(
                Message(N_("both columns, as running means of the values in float64")),
                np.stack([averaged, attended]),
                np.stack([means, means]),
            ),
        ),
    )


# -- no looking ahead, and what each costs -------------------------------------------------------------


def _versions(scene: Scene) -> dict[str, Callable[[Tensor], Tensor]]:
    uniform = (average_by_loops, average_by_product, average_by_softmax)
    return dict(zip(VERSIONS, (*uniform, scene.attend), strict=True))


def causal_step(scene: Scene) -> Step:
    """Another last token changes nothing before it, in any version."""
    ids = scene.sentence.ids.clone()
    others = ids[ids != ids[-1]]
    ids[-1] = others[0] if len(others) else (ids[-1] + 1) % scene.model.vocab_size
    other = open_language(scene.model, ids).layers[0].normed[None]
    versions = _versions(scene)
    changes = np.stack(
        [numbers((f(other) - f(scene.x))[0].abs().amax(1)) for f in versions.values()]
    )
    x, query, key, value = scene.exact
    y = other[0].double().numpy()
    means = np.abs(np.cumsum(y, 0) - np.cumsum(x, 0)).max(1) / np.arange(1, scene.length + 1)
    outputs = [attend(z @ query, z @ key, z @ value, later(scene.length))[0] for z in (x, y)]
    both = torch.stack((scene.sentence.ids[-1], ids[-1]))
    old, new = labels_of(spelt(scene.sentence.tokenizer, both))
    return Step(
        Message(N_("Nobody sees the future")),
        Message(
            N_(
                "The last token, “{old}”, is replaced by “{new}”. In all four versions the {count} positions before it "
                "stay as they were (largest change {before}), and only the last moves, by {moved} in version 4. That "
                "is why one pass over a text trains every position at once: none can copy what it is to predict."
            ),
            {
                "old": old,
                "new": new,
                "count": scene.length - 1,
                "before": Number(float(changes[:, :-1].max())),
                "moved": Number(float(changes[3, -1]), 3),
            },
        ),
        r"\frac{\partial y_t}{\partial x_s} = 0 \quad (s > t)",
        (
            Heat(
                Message(
                    N_(
                        "Largest change of a number at each position, when only the last token is another."
                    )
                ),
                changes,
                tuple(map(Message, versions)),
                scene.labels,
                Message(N_("version")),
                Message(N_("position")),
            ),
        ),
        {"changes": changes},
        (causal_mask,),
        (
            Check(
                Message(N_("the changes, from both sentences in float64")),
                changes,
                np.stack([means, means, means, np.abs(outputs[1] - outputs[0]).max(1)]),
            ),
        ),
    )


def time_step(scene: Scene) -> Step:
    """How long each version takes, here and now; no check can hold a clock."""
    seconds = np.array([_seconds(version, scene.x) for version in _versions(scene).values()])
    return Step(
        Message(N_("What each costs")),
        Message(
            N_(
                "On this machine, at this moment, the loops take {times} times as long as the matrix product for the "
                "same numbers ({loops} against {product} µs, medians of {count}). Version 4 makes queries, keys and "
                "values first and takes {attention} µs. Such times change from run to run; the numbers do not."
            ),
            {
                "times": Number(float(seconds[0] / seconds[1]), 1),
                "loops": Number(1e6 * float(seconds[0]), 0),
                "product": Number(1e6 * float(seconds[1]), 0),
                "attention": Number(1e6 * float(seconds[3]), 0),
                "count": REPETITIONS,
            },
        ),
        "",
        (
            Bars(
                Message(
                    N_("Time for {count} positions of {width} numbers."),
                    {"count": scene.length, "width": scene.x.shape[2]},
                ),
                tuple(map(Message, VERSIONS)),
                ((Message(N_("time")), 1e6 * seconds),),
                "µs",
            ),
        ),
        {"seconds": seconds},
        (average_by_loops, average_by_product, average_by_softmax, average_by_attention),
    )


def _seconds(version: Callable[[Tensor], Tensor], x: Tensor) -> float:
    version(x)  # the first call also makes room
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        version(x)
        times.append(time.perf_counter() - start)
    return median(times)
