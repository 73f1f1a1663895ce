r"""The steps of the lesson of averaging; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

Arrays: sequences and means (T, C), without a unit; ``weights`` (T, T), a row for each query position, or
(factors, T, T); ``lengths`` (T,), root mean squares; ``changes`` (4, T), the largest of each position;
``seconds`` (lengths, 4).

Sources: Vaswani et al. 2017, equation 1 and table 1; Elman 1990 (recurrent networks); Bahdanau et al. 2015.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.averaging.scene import LENGTHS, REPETITIONS, TOY, Scene
from olaria.lessons.averaging.ways import Way
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Bars, Choice, Control, Curve, Heat, Plot, Table, Words
from olaria.lessons.parts import Values
from olaria.lessons.twice import Row
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.nn import averaging
from olaria.nn.attention import attention, causal_mask
from olaria.numbers import Number

VERSIONS = (N_("1: loops"), N_("2: matrix product"), N_("3: softmax"), N_("4: self-attention"))
FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Sizes of the queries, beside their own."""
KEPT = 0.5
"""Share of itself that the recurrent state of the example keeps."""
UPDATES = 10
SHARES = (0.01, 0.2)
"""Between the answers to how much is left after so many updates."""
_UNIT = np.eye(2)
_POSITIONS = tuple(str(t + 1) for t in range(len(TOY)))


# -- on three vectors of two numbers ---------------------------------------------------------------


def by_hand(_scene: Scene, way: Way) -> Values:
    """Version 1 on three vectors of two numbers."""
    means, sums = way.loops(TOY), np.cumsum(TOY, 0)
    guesses = np.stack((sums[1], means[1], TOY.mean(0)))
    heads = (N_("position"), N_("vector x"), N_("sum so far"), N_("mean so far, y"))
    rows = zip(_POSITIONS, map(_pair, TOY), map(_pair, sums), map(_pair, means), strict=True)
    text = Message(N_("the means, by hand"))
    return {
        **dict(zip("abcdef", guesses.ravel().tolist(), strict=True)),
        "answer": _nearest(guesses, way.loops(TOY[:2])[-1]),
        "x": TOY,
        "means": means,
        "table": _table(heads, rows),
        "checks": (Check(text, means, [[1.0, 0.0], [0.5, 1.0], [1.0, 1.0]]),),
    }


def product(_scene: Scene, way: Way) -> Values:
    """Version 2: the weights of the means, in a matrix."""
    means, weights = way.product(TOY), way.product(np.eye(len(TOY)))
    return {
        "answer": _nearest(np.array([[0, 1, 0], [1 / 2, 1 / 2, 0], [1 / 3] * 3]), weights[1]),
        "means": means,
        "weights": weights,
        "matrix": _map(weights, _POSITIONS),
        "table": _equal(VERSIONS, [way.loops(TOY), means]),
    }


def softmax(_scene: Scene, way: Way) -> Values:
    """Version 3: the same weights, made of scores."""
    means, weights = way.softmax(TOY), way.softmax(np.eye(len(TOY)))
    scores = np.where(np.tri(len(TOY)) > 0, 0.0, -np.inf)
    names = Message(N_("scores")), Message(N_("weights"))
    shown = Control(Message(N_("shown")), names, "select", start=1)
    return {
        "answer": 0 if weights[0, -1] == 0 else 1,
        "means": means,
        "weights": weights,
        "matrices": _maps(shown, (scores, weights), _POSITIONS),
        "table": _equal(VERSIONS, [way.loops(TOY), way.product(TOY), means]),
    }


def chosen_weights(_scene: Scene, way: Way) -> Values:
    """Version 4, with queries, keys and values that are the vectors themselves; then with queries of zero."""
    still, means = way.attend(TOY, 0 * _UNIT, _UNIT, _UNIT), way.loops(TOY)
    stages = np.stack([way.weights(TOY, factor * _UNIT, _UNIT) for factor in FACTORS])
    names = (*VERSIONS[:3], N_("4, with Q = 0"))
    outputs = way.attend(TOY, _UNIT, _UNIT, _UNIT)
    return {
        "score": TOY[2] @ TOY[2],
        "other": TOY[2] @ TOY[0],
        "most": stages[-1, 2, 2],
        "answer": _nearest(np.stack((np.zeros_like(TOY), means, TOY)), still),
        "weights": stages,
        "outputs": outputs,
        "maps": _growing(stages, _POSITIONS),
        "table": _equal(names, [means, way.product(TOY), way.softmax(TOY), still]),
        "own": _equal(VERSIONS[3:], [outputs], marked=False),
    }


# -- on the run's own vectors ----------------------------------------------------------------------


def own_vectors(scene: Scene, way: Way) -> Values:
    """All versions on what the first layer of the run reads of the sentence."""
    x, (query, key, value) = way.read(scene.sentence.ids), scene.head
    means, still = way.loops(x), way.attend(x, 0 * query, key, value)
    pairs = (means, way.product(x)), (means, way.softmax(x)), (way.loops(x @ value), still)
    apart = max(_apart(*pair) for pair in pairs)
    lengths = np.sqrt((means**2).mean(1))
    first, last = lengths[[0, -1]]
    stages = np.stack([way.weights(x, factor * query, key) for factor in FACTORS])
    read, even = stages[-1, -1], np.full(scene.length, 1 / scene.length)
    positive = read[read > 1e-12]
    is_own = not scene.is_drawn and _apart(way.own_weights(scene.sentence.ids), stages[-1]) < 1e-5
    series = (Message(N_("mean")), even), (Message(N_("attention")), read)
    return {
        "notes": scene.sentence.notes,
        "count": scene.length,
        "width": x.shape[1],
        "equal": apart < 1e-5,
        "apart": apart,
        "first": first,
        "last": last,
        "answer": 1 if abs(last - first) < 0.05 * first else 2 * int(last > first),
        "most": read[scene.favourite],
        "token": scene.labels[scene.favourite],
        "uniform": 1 / scene.length,
        "effective": np.exp(-(positive * np.log(positive)).sum()),
        "drawn": scene.is_drawn,
        "seed": scene.seed,
        "whole": is_own,
        "x": x,
        "means": means,
        "outputs": still,
        "lengths": lengths,
        "weights": stages,
        "maps": scene.live(_growing(stages, scene.labels)),
        "bars": Bars("", scene.labels, series, Message(N_("weight"))),
    }


def no_future(scene: Scene, way: Way) -> Values:
    """Another last token changes nothing before it, in any version."""
    x, y = (way.read(ids) for ids in (scene.sentence.ids, scene.changed))
    versions = (way.loops, way.product, way.softmax, lambda x: way.attend(x, *scene.head))
    changes = np.stack([np.abs(version(y) - version(x)).max(1) for version in versions])
    old, new = scene.replaced
    titles = Message(N_("version")), Message(N_("position"))
    return {
        "old": old,
        "new": new,
        "count": scene.length - 1,
        "before": changes[:, :-1].max(),
        "moved": changes[3, -1],
        "answer": min(2, int((changes[:, :-1].max(1) > 1e-6).sum())),
        "changes": changes,
        "map": Heat("", changes, tuple(map(Message, VERSIONS)), scene.labels, *titles),
    }


# -- where it comes from, and what it costs --------------------------------------------------------


def from_recurrence(scene: Scene, way: Way) -> Values:
    """The weight of the first vector: through a state that is updated at each step, in a mean, and in attention."""
    count, x = max(scene.length, UPDATES + 1), way.read(scene.sentence.ids)
    query, key, _ = scene.head
    state, mean = way.carried(np.eye(count), KEPT)[:, 0], way.loops(np.eye(count))[:, 0]
    read = way.weights(x, query, key)[:, 0]
    places = np.arange(1, count + 1, dtype=float)
    curves = (
        Curve(Message(N_("recurrent state that keeps a half")), places, state),
        Curve(Message(N_("mean")), places, mean),
        Curve(Message(N_("attention, on the sentence")), places[: scene.length], read, "points"),
    )
    axes = Message(N_("query position")), Message(N_("weight of the first vector"))
    order = [*np.roll(np.arange(scene.length - 1), 1), -1]
    text = N_("the last output of attention, with the positions before it in another order")
    shuffled, straight = (way.attend(some, *scene.head)[-1] for some in (x[order], x))
    return {
        "updates": UPDATES,
        "left": state[UPDATES],
        "answer": int(np.searchsorted(SHARES, state[UPDATES])),
        "steps": scene.length - 1,
        "state": state,
        "read": read,
        "plot": Plot("", curves, *axes),
        "checks": (Check(Message(text), shuffled, straight),),
    }


def cost(scene: Scene, way: Way) -> Values:
    """How long each version takes at growing length; no twin can hold a clock, but operations can be counted."""
    microseconds = 1e6 * scene.seconds  # measured once: a clock never gives the same twice
    middle = len(LENGTHS) // 2
    length = LENGTHS[middle]
    used = int((way.product(np.eye(length)) > 0).sum())
    one = np.ones((1, 1))
    scores = [way.weights(np.zeros((n, 1)), one, one).size for n in LENGTHS[:2]]
    text = Message(N_("weights that are not zero: the sum of 1, 2, … up to the length"))
    rows = zip(map(str, LENGTHS), *microseconds.T.tolist(), strict=True)
    return {
        "length": length,
        "width": scene.model.config.width,
        "loops": microseconds[middle, 0],
        "product": microseconds[middle, 1],
        "attention": microseconds[middle, 3],
        "repetitions": REPETITIONS,
        "used": used,
        "multiplied": length**2,
        "answer": (2, 4, 8).index(scores[1] // scores[0]),
        "seconds": scene.seconds,
        "table": _table((N_("positions"), *VERSIONS), rows, digits=0),
        "checks": (Check(text, used, length * (length + 1) / 2),),
    }


def beyond(scene: Scene, way: Way) -> Values | None:
    """What the run's own head does that version 4 does not."""
    model = scene.model
    has_biases = isinstance(model, LanguageModel) and model.config.has("gpt")
    if not (isinstance(model, GPT) or has_biases):
        return None
    ids, (query, key, _) = scene.sentence.ids, scene.head
    both = way.weights(way.read(ids), query, key), way.own_weights(ids)
    shown = Message(N_("version 4")), Message(N_("head 1 of layer 1"))
    control = Control(Message(N_("weights of")), shown, "select", start=1)
    return {
        "gpt": isinstance(model, GPT),
        "biases": has_biases,
        "local": isinstance(model, GPT) and model.is_local,
        "apart": _apart(*both),
        "root": np.sqrt(query.shape[1]),
        "weights": both[1],
        "maps": _maps(control, both, scene.labels),
    }


# -- figures ---------------------------------------------------------------------------------------


def _pair(vector: Array) -> Message:
    """A vector of two numbers."""
    first, second = map(Number, vector.tolist())
    return Message(N_("({first}, {second})"), {"first": first, "second": second})


def _table(
    heads: Iterable[str], rows: Iterable[tuple[Words | float, ...]], digits: int | None = None
) -> Table:
    return Table("", tuple(map(Message, heads)), tuple(rows), digits)


def _equal(names: Sequence[str], columns: Sequence[Array], *, marked: bool = True) -> Table:
    """The vectors of each position, (T, 2), for versions that say they are equal."""
    heads = (N_("position"), *names[: len(columns)])
    rows = zip(_POSITIONS, *(map(_pair, column) for column in columns), strict=True)
    equal = tuple(range(1, len(heads))) if marked else ()
    return Table("", tuple(map(Message, heads)), tuple(rows), equal=equal)


def _map(weights: Array, labels: tuple[str, ...]) -> Heat:
    """Weights, or scores, of each query position on each key position."""
    titles = Message(N_("query position")), Message(N_("key position"))
    return Heat("", weights, labels, labels, *titles)


def _maps(
    control: Control,
    maps: Iterable[Array],
    labels: tuple[str, ...],
    printed: tuple[int, ...] = (0, 1),
) -> Choice:
    return Choice("", (control,), tuple(_map(some, labels) for some in maps), printed)


def _growing(stages: Array, labels: tuple[str, ...]) -> Choice:
    """Weights as the queries grow from zero to their own size."""
    percent = tuple(Message(N_("{percent}%"), {"percent": round(100 * f)}) for f in FACTORS)
    last = len(FACTORS) - 1
    control = Control(Message(N_("size of the queries")), percent, start=last, plays=True)
    return _maps(control, stages, labels, (0, len(FACTORS) // 2, last))


def _nearest(guesses: Array, value: Array) -> int:
    """Which of some guesses is the value."""
    return int(np.abs(guesses - value).reshape(len(guesses), -1).sum(1).argmin())


def _apart(one: Array, other: Array) -> float:
    return float(np.round(np.abs(one - other).max(), 7))


STEPS = (
    Row(by_hand, (averaging.average_by_loops,)),
    Row(product, (averaging.average_by_product,)),
    Row(softmax, (causal_mask, averaging.average_by_softmax)),
    Row(chosen_weights, (averaging.average_by_attention, attention)),
    Row(own_vectors, (averaging.average_by_softmax, averaging.average_by_attention)),
    Row(no_future, (causal_mask,)),
    Row(from_recurrence, (averaging.average_by_attention,)),
    Row(cost, (averaging.average_by_loops, averaging.average_by_attention)),
    Row(beyond, (attention,)),
)
"""In the order of the documents."""
