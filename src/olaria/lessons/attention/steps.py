r"""The steps of the lesson of attention; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

.. math:: w_{ts} = \frac{\exp\left(q_t \cdot k_s / \sqrt{D} + M_{ts}\right)}
          {\sum_r \exp\left(q_t \cdot k_r / \sqrt{D} + M_{tr}\right)}, \qquad y_t = \sum_s w_{ts} v_s

Arrays, of the head shown first, T query positions and S key positions: ``q`` (T, D), ``k`` and ``v`` (S, D),
``scores``, ``scaled`` and ``weights`` (T, S) or one row of each, ``head`` (T, D) the weighted sums; ``scaling``
(3, 3), see :func:`_scaling`. Those of the other steps are told in :mod:`olaria.lessons.attention.heads`.

Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.attention.heads import beyond, heads, kinds, over_texts, without_a_head
from olaria.lessons.attention.scene import MOST_FOLLOWED, Scene, later_queries
from olaria.lessons.attention.ways import Attended, Way
from olaria.lessons.base import Array
from olaria.lessons.figures import Choice, Control, Heat, Table, Words
from olaria.lessons.parts import Values
from olaria.lessons.twice import Functions, Row
from olaria.models import gpt
from olaria.models.gpt import GPT
from olaria.models.language import Block, LanguageModel
from olaria.models.translation import CrossAttention, SelfAttention, Translation
from olaria.nn.attention import attention, causal_mask, local_mask, rotate
from olaria.nn.norm import norm
from olaria.numbers import Number

QUERY = np.ones((1, 1, 4))
KEYS = np.array([[[1.0, 1, 1, 1], [1, 1, 0, 0], [2, 2, 1, 1]]])
VALUES = np.array([[[10.0, 0], [0, 10], [5, 5]]])
ALLOWED = np.array([[1.0, 1, 0]])
"""A text of three positions whose second asks; D is 4, so that its root is 2."""
TIMES = (2.0, 5.0)
"""Between the answers to how far a largest weight is from a uniform one."""
MOST_FEATURES = 32
"""Numbers of a query, key or value that are drawn."""


# -- one query -------------------------------------------------------------------------------------


def by_hand(_scene: Scene, way: Way) -> Values:
    """One query's weighted sum, with numbers that can be checked by hand."""
    (weights,), (sums,) = way.attend(QUERY, KEYS, VALUES, ALLOWED)
    scores = KEYS[0] @ QUERY[0, 0]
    masked = np.where(ALLOWED[0] > 0, scores / 2, -np.inf)
    # Spaces that a narrow cell does not break at.
    keys = [Message("\N{NO-BREAK SPACE}".join(f"{x:.0f}" for x in key)) for key in KEYS[0]]
    return {
        "first": weights[0, 0],
        "second": weights[0, 1],
        "one": sums[0, 0],
        "two": sums[0, 1],
        "answer": 2 if weights[0, 2] == 0 else 0,
        "weights": weights[0],
        "head": sums[0],
        "table": _stages("", keys, scores, masked, weights[0]),
    }


def _stages(
    caption: Words, keys: Sequence[Words], scores: Array, masked: Array, weights: Array
) -> Table:
    """From the scores of a query to its weights, (S,) each."""
    headings = (
        N_("key position"),
        N_("key"),
        N_("score"),
        N_("divided by √D, masked"),
        N_("exponential"),
        N_("weight"),
    )
    numbers = np.stack((scores, masked, np.exp(masked), weights), 1).tolist()
    rows = ((str(s), key, *row) for s, (key, row) in enumerate(zip(keys, numbers, strict=True), 1))
    return Table(caption, tuple(map(Message, headings)), tuple(rows), digits=3)


def one_query(scene: Scene, way: Way) -> Values:
    """The same of one query of the run, number by number, and the sum that comes out."""
    own, (place, head) = scene.own, scene.first
    look, (rows, columns), asking = way.own[place], own.labels(place), own.asking(place)
    best = int(own.each[place].weights()[head, asking].argmax())
    weights, seen = look.weights[head, asking], int(look.allowed[asking].sum())

    def one_row(place: int, head: int) -> Table:
        look, (rows, columns), asking = way.own[place], own.labels(place), own.asking(place)
        caption = Message(N_("Query of “{token}”."), {"token": rows[asking]})
        stages = (x[head, asking] for x in (look.scores, look.masked, look.weights))
        return _stages(caption, columns, *stages)

    return {
        "is_pair": len(own.ids) > 1,
        "source_tokens": own.tokens[0],
        "target_tokens": own.tokens[1] if len(own.tokens) > 1 else None,
        "notes": own.notes,
        "layer": own.each[place].name,
        "head_number": head + 1,
        "position": asking + 1,
        "token": rows[asking],
        "seen": seen,
        "uniform": 1 / seen,
        "most": weights[best],
        "key": columns[best],
        "key_position": best + 1,
        "answer": int(np.searchsorted(TIMES, weights[best] * seen)) if seen > 5 else None,
        "scores": look.scores[head, asking],
        "scaled": look.masked[head, asking],
        "weights": weights,
        "head": look.heads[head],
        "v": look.v[head],
        "table": own.offer(MOST_FOLLOWED).choice(one_row),
        "sum": _values_and_sum(look, head, asking, rows[asking], columns),
    }


def _values_and_sum(
    look: Attended, head: int, asking: int, token: Words, columns: Sequence[Words]
) -> Heat:
    places = np.flatnonzero(look.allowed[asking])
    names = []
    for s in places.tolist():
        fields = {"weight": Number(look.weights[head, asking, s], 3), "token": columns[s]}
        names.append(Message(N_("{weight} × value of {token}"), fields))
    names.append(Message(N_("sum, for {token}"), {"token": token}))
    return _columns(np.append(look.v[head, places], look.heads[head, [asking]], 0), names)


def _columns(vectors: Array, names: Iterable[Words]) -> Heat:
    """Vectors (N, D) as columns; numbers beyond :data:`MOST_FEATURES` are left out, and their names say so."""
    values, width = vectors[:, :MOST_FEATURES].T, vectors.shape[1]
    title = N_("component")
    if len(values) < width:
        title = N_("component, the first {count} of {width}")
    row_title = Message(title, {"count": len(values), "width": width})
    rows = tuple(str(number + 1) for number in range(len(values)))
    return Heat("", values, rows, tuple(names), row_title, "", signed=True, digits=1)


def views(scene: Scene, way: Way) -> Values:
    """Where queries, keys and values come from, and how many there are."""
    place, head = scene.first
    look, asking, (rows, columns) = way.own[place], scene.own.asking(place), scene.own.labels(place)
    num_heads, _, size = look.q.shape
    width = num_heads * size
    names = [Message(N_("query of {token}"), {"token": rows[asking]})]
    names += [Message(N_("key of {token}"), {"token": token}) for token in columns]
    parts = ((N_("queries"), look.q), (N_("keys"), look.k), (N_("values"), look.v))
    headings = (N_("what"), N_("heads"), N_("positions"), N_("numbers of each"))
    sizes = tuple((Message(what), *vectors.shape) for what, vectors in parts)
    return {
        "layer": scene.own.each[place].name,
        "width": width,
        "heads": num_heads,
        "size": size,
        "product": num_heads * width,
        "answer": 1 if num_heads > 1 else None,
        "q": look.q[head],
        "k": look.k[head],
        "v": look.v[head],
        "sizes": Table("", tuple(map(Message, headings)), sizes),
        "vectors": _columns(np.append(look.q[head, [asking]], look.k[head], 0), names),
    }


# -- all queries -----------------------------------------------------------------------------------


def all_queries(scene: Scene, way: Way) -> Values:
    """The whole map, before and after scaling, mask and softmax."""
    own, (place, head) = scene.own, scene.first
    look = way.own[place]
    scaling = _scaling(look, head, way)
    hidden = look.allowed == 0
    ahead = np.triu(hidden, 1)
    masked = np.where(hidden, np.nan, look.divided[head])
    maps = (
        own.map(place, look.scores[head], signed=True, digits=1),
        own.map(place, masked, signed=True, digits=1),
        own.map(place, look.shown[head]),
    )
    names = tuple(map(Message, (N_("scores"), N_("scaled and masked"), N_("weights"))))
    control = Control(Message(N_("stage")), names, "select", 2)
    return {
        "layer": own.each[place].name,
        "head": head + 1,
        "size": look.q.shape[2],
        "pairs": hidden.size,
        "ahead": int(ahead.sum()),
        "far": int((hidden & ~ahead).sum()),
        "open": not hidden.any(),
        "causal": bool(hidden.any()),
        "local": bool((hidden & ~ahead).any()),
        "raw": scaling[0, 0],
        "scaled_deviation": scaling[1, 0],
        "sharp": scaling[0, 2],
        "soft": scaling[1, 2],
        "answer": 0 if scaling[0, 2] > scaling[1, 2] + 1e-3 else 1,
        "scores": look.scores[head],
        "scaled": look.masked[head],
        "weights": look.weights[head],
        "scaling": scaling,
        "maps": Choice("", (control,), maps, (0, 1, 2)),
        "table": _scaling_table(scaling),
    }


def _scaling(look: Attended, head: int, way: Way) -> Array:
    """Without and with the division, and for uniform weights, (3, 3).

    The columns are the standard deviation of the scores that are not hidden, the mean entropy of a query's weights in
    nats, and the mean of its largest weight; the first query is left out.
    """
    rows = later_queries(len(look.allowed))
    q, k, v = (x[[head]] for x in (look.q, look.k, look.v))
    found = []
    # Factors of the queries: the division is undone, as it is, without scores.
    for factor in (np.sqrt(q.shape[2]), 1.0, 0.0):
        weights = way.attend(factor * q, k, v, look.allowed)[0][0, rows]
        entropy = -np.where(weights > 0, weights * np.log(np.maximum(weights, 1e-300)), 0).sum(-1)
        deviation = (factor * look.divided[head, rows])[look.allowed[rows] > 0].std()
        found.append((deviation, entropy.mean(), weights.max(-1).mean()))
    return np.array(found)


def _scaling_table(measured: Array) -> Table:
    headings = (
        N_("scores"),
        N_("standard deviation"),
        N_("mean entropy, nats"),
        N_("mean largest weight"),
    )
    names = (N_("as they are"), N_("divided by √D"), N_("all equal"))
    rows = ((Message(name), *row) for name, row in zip(names, measured.tolist(), strict=True))
    return Table("", tuple(map(Message, headings)), tuple(rows), 3)


def _own(gpts: Functions, ladder: Functions, pairs: Functions) -> Callable[[Scene], Functions]:
    """Functions of the run's own model: of a GPT, of a rung of the ladder, of an encoder–decoder."""
    functions: dict[type, Functions] = {GPT: gpts, LanguageModel: ladder, Translation: pairs}
    return lambda scene: functions[type(scene.own.model)]


_VIEWS = _own((gpt.Block.extend,), (Block.attend,), (SelfAttention.forward, CrossAttention.project))
_MASK = _own((local_mask,), (causal_mask,), (causal_mask,))

STEPS = (
    Row(by_hand, (attention,)),
    Row(one_query, (attention,), more=_MASK),
    Row(views, more=_VIEWS),
    Row(all_queries, (attention,), more=_MASK),
    Row(heads, (attention,)),
    Row(without_a_head, reads_data=True, more=_VIEWS),
    Row(kinds, (attention,), more=lambda s: (CrossAttention.weights,) if s.pair else ()),
    Row(over_texts, (attention,), reads_data=True),
    Row(beyond, more=_own((norm, rotate, local_mask), (Block.attend,), (norm,))),
)
"""In the order of the documents."""
