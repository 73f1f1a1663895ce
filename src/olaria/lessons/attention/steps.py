r"""The steps of the lesson of attention; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

.. math:: w_{ts} = \frac{\exp\left(q_t \cdot k_s / \sqrt{D} + M_{ts}\right)}
          {\sum_r \exp\left(q_t \cdot k_r / \sqrt{D} + M_{tr}\right)}, \qquad y_t = \sum_s w_{ts} v_s

Arrays, of the head shown first, T query positions and S key positions: ``q`` (T, D), ``k`` and ``v`` (S, D),
``scores``, ``scaled`` and ``weights`` (T, S) or one row of each, ``head`` (T, D) the weighted sums; ``scaling``
(3, 3), see :func:`_scaling`. Those of the other steps are told in :mod:`olaria.lessons.attention.heads` and
:mod:`olaria.lessons.attention.kinds`.

Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olaria.i18n import N_, Message, Number
from olaria.lessons.attention.heads import heads, over_texts, without_a_head
from olaria.lessons.attention.kinds import beyond, kinds
from olaria.lessons.attention.scene import MOST_FOLLOWED, Scene, later_queries
from olaria.lessons.attention.ways import Attended, Way
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Choice, Control, Heat, Table, Words
from olaria.lessons.twice import Functions, Row
from olaria.models import gpt
from olaria.models.gpt import GPT
from olaria.models.language import Block
from olaria.models.translation import CrossAttention, SelfAttention, Translation
from olaria.nn.attention import attention, causal_mask, local_mask, rotate
from olaria.nn.norm import norm

Values = dict[str, Any]

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
    scores = (KEYS[0] @ QUERY[0, 0]).astype(float)
    masked = np.where(ALLOWED[0] > 0, scores / 2, -np.inf)
    parts = np.exp(masked)
    rows = zip(scores, masked, parts, weights[0], strict=True)
    return {
        "first": weights[0, 0],
        "second": weights[0, 1],
        "one": sums[0, 0],
        "two": sums[0, 1],
        "answer": 2 if weights[0, 2] == 0 else 0,
        "weights": weights[0],
        "head": sums[0],
        "table": _stages_table(
            (str(s + 1), _vector(KEYS[0, s]), *row) for s, row in enumerate(rows)
        ),
        "checks": (
            Check(Message(N_("the weights, by hand")), weights[0], parts / parts.sum()),
            Check(
                Message(N_("the sum: 10 times the first weight, 10 times the second")),
                sums[0],
                [10 / (1 + np.exp(-1)), 10 / (1 + np.exp(1))],
            ),
        ),
    }


def one_query(scene: Scene, way: Way) -> Values:
    """The same of one query of the run, number by number, and the sum that comes out."""
    place, head = scene.first
    offer, look = scene.own.offer(MOST_FOLLOWED), way.own[place]
    rows, columns = scene.own.labels(place)
    asking = scene.own.asking(place)
    best = int(scene.own.each[place].weights()[head, asking].argmax())
    weights, seen = look.weights[head, asking], int(look.allowed[asking].sum())

    def one_row(place: int, head: int) -> Table:
        look, (rows, columns) = way.own[place], scene.own.labels(place)
        asking = scene.own.asking(place)
        stages = [
            stage[head, asking]
            for stage in (look.scores, look.masked, np.exp(look.masked), look.weights)
        ]
        table = _stages_table(
            (str(s + 1), columns[s], *(float(stage[s]) for stage in stages))
            for s in range(len(columns))
        )
        caption = Message(N_("Query of “{token}”."), {"token": rows[asking]})
        return Table(caption, table.columns, table.rows, table.digits)

    return {
        "is_pair": len(scene.own.ids) > 1,
        "source_tokens": scene.own.tokens[0],
        "target_tokens": scene.own.tokens[1] if len(scene.own.tokens) > 1 else None,
        "notes": scene.own.notes,
        "layer": scene.own.each[place].name,
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
        "table": offer.choice(one_row),
        "sum": _values_and_sum(look, head, asking, (rows, columns)),
        "checks": (
            Check(
                Message(N_("the sum: each value times its weight, added up")),
                look.heads[head, asking],
                weights @ look.v[head],
            ),
        ),
    }


def _values_and_sum(look: Attended, head: int, asking: int, labels: Any) -> Heat:
    rows, columns = labels
    places = np.flatnonzero(look.allowed[asking])
    name = N_("{weight} × value of {token}")
    names: list[Words] = [
        Message(name, {"weight": Number(look.weights[head, asking, s], 3), "token": columns[s]})
        for s in places
    ]
    names.append(Message(N_("sum, for {token}"), {"token": rows[asking]}))
    return _columns(np.concatenate((look.v[head, places], look.heads[head, asking][None])), names)


def _columns(vectors: Array, names: list[Words]) -> Heat:
    """Vectors (N, D) as columns; numbers beyond :data:`MOST_FEATURES` are left out, and their names say so."""
    values, width = vectors[:, :MOST_FEATURES].T, vectors.shape[1]
    title = N_("component")
    if len(values) < width:
        title = N_("component, the first {count} of {width}")
    row_title = Message(title, {"count": len(values), "width": width})
    rows = tuple(str(number + 1) for number in range(len(values)))
    return Heat("", values, rows, tuple(names), row_title, "", signed=True, digits=1)


def _stages_table(rows: Any) -> Table:
    headings = (
        N_("key position"),
        N_("key"),
        N_("score"),
        N_("divided by √D, masked"),
        N_("exponential"),
        N_("weight"),
    )
    return Table("", tuple(map(Message, headings)), tuple(rows), digits=3)


def _vector(x: Array) -> str:
    return " ".join(str(int(number)) for number in x)


def views(scene: Scene, way: Way) -> Values:
    """Where queries, keys and values come from, and how many there are."""
    place, head = scene.first
    look, asking = way.own[place], scene.own.asking(place)
    rows, columns = scene.own.labels(place)
    width, num_heads, size = look.out.shape[1], len(look.q), look.q.shape[2]
    names: list[Words] = [Message(N_("query of {token}"), {"token": rows[asking]})]
    names += [Message(N_("key of {token}"), {"token": token}) for token in columns]
    vectors = np.concatenate((look.q[head, asking][None], look.k[head]))
    parts = ((N_("queries"), look.q), (N_("keys"), look.k), (N_("values"), look.v))
    turn = np.linalg.qr(np.random.default_rng(scene.asked.seed).standard_normal((size, size)))[0]
    return {
        "layer": scene.own.each[place].name,
        "width": width,
        "heads": num_heads,
        "size": size,
        "product": num_heads * width,
        "answer": (width, size, num_heads * width).index(look.q.shape[2])
        if num_heads > 1
        else None,
        "q": look.q[head],
        "k": look.k[head],
        "v": look.v[head],
        "sizes": Table(
            "",
            tuple(map(Message, (N_("what"), N_("heads"), N_("positions"), N_("numbers of each")))),
            tuple((Message(what), *vectors.shape) for what, vectors in parts),
        ),
        "vectors": _columns(vectors, names),
        "checks": (
            Check(
                Message(N_("the scores, with queries and keys in other coordinates")),
                (look.q[head] @ turn) @ (look.k[head] @ turn).T,
                look.scores[head],
            ),
        ),
    }


# -- all queries -----------------------------------------------------------------------------------


def all_queries(scene: Scene, way: Way) -> Values:
    """The whole map, before and after scaling, mask and softmax."""
    place, head = scene.first
    look, labels = way.own[place], scene.own.labels(place)
    num_heads = scene.own.offer(MOST_FOLLOWED).num_heads
    scaling = _scaling(look, head, way)
    ahead = np.triu(np.ones(look.allowed.shape), 1)
    hidden = 1 - look.allowed
    far = int((hidden * (1 - ahead)).sum())
    sharp, soft = scaling[0, 2], scaling[1, 2]
    names = (N_("scores"), N_("scaled and masked"), N_("weights"))

    def stage(head: int, name: str) -> Heat:
        stages = dict(zip(names, (look.scores, look.masked, look.weights), strict=True))
        values = stages[name][head]
        if name != names[0]:
            values = np.where(look.allowed > 0, values, np.nan)
        is_weight = name == names[2]
        titles = Message(N_("query position")), Message(N_("key position"))
        digits = 2 if is_weight else 1
        return Heat("", values, *labels, *titles, signed=not is_weight, digits=digits)

    controls = (
        Control(Message(N_("head")), tuple(str(h + 1) for h in range(num_heads)), "select", head),
        Control(Message(N_("stage")), tuple(map(Message, names)), "select", 2),
    )
    figures = tuple(stage(h, name) for h in range(num_heads) for name in names)
    printed = tuple(range(head * len(names), (head + 1) * len(names)))
    return {
        "layer": scene.own.each[place].name,
        "head": head + 1,
        "size": look.q.shape[2],
        "pairs": hidden.size,
        "ahead": int((hidden * ahead).sum()),
        "far": far,
        "open": not hidden.any(),
        "causal": bool(hidden.any()),
        "local": far > 0,
        "raw": scaling[0, 0],
        "scaled_deviation": scaling[1, 0],
        "sharp": sharp,
        "soft": soft,
        "answer": 0 if sharp > soft + 1e-3 else 1,
        "scores": look.scores[head],
        "scaled": look.masked[head],
        "weights": look.weights[head],
        "scaling": scaling,
        "maps": Choice("", controls, figures, printed),
        "table": _scaling_table(scaling),
        "checks": (
            Check(
                Message(N_("the sum of each query's weights")),
                look.weights.sum(-1),
                np.ones(look.weights.shape[:2]),
            ),
        ),
    }


def _scaling(look: Attended, head: int, way: Way) -> Array:
    """Without and with the division, and for uniform weights, (3, 3).

    The columns are the standard deviation of the scores that are not hidden, the mean entropy of a query's weights in
    nats, and the mean of its largest weight; the first query is left out.
    """
    rows, root = later_queries(len(look.allowed)), np.sqrt(look.q.shape[2])
    seen = look.allowed[rows] > 0
    found = []
    for factor in (
        root,
        1.0,
        0.0,
    ):  # of the queries: the division is undone, as it is, without scores
        q, k, v = (x[head][None] for x in (look.q, look.k, look.v))
        weights = way.attend(factor * q, k, v, look.allowed)[0][0, rows]
        entropy = -np.where(weights > 0, weights * np.log(np.maximum(weights, 1e-300)), 0).sum(-1)
        deviation = (factor * look.divided[head, rows])[seen].std()
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
    rows = zip(names, measured.tolist(), strict=True)
    return Table(
        "", tuple(map(Message, headings)), tuple((Message(name), *row) for name, row in rows), 3
    )


def _views(scene: Scene) -> Functions:
    match scene.own.model:
        case GPT():
            return (gpt.Block.extend,)
        case Translation():
            return SelfAttention.forward, CrossAttention.project
    return (Block.attend,)


def _mask(scene: Scene) -> Functions:
    return (local_mask,) if isinstance(scene.own.model, GPT) else (causal_mask,)


def _beyond(scene: Scene) -> Functions:
    match scene.own.model:
        case GPT():
            return norm, rotate, local_mask
        case Translation():
            return (norm,)
    return (Block.attend,)


def _across(scene: Scene) -> Functions:
    return () if scene.pair is None else (CrossAttention.weights,)


STEPS = (
    Row(by_hand, (attention,)),
    Row(one_query, (attention,), more=_mask),
    Row(views, more=_views),
    Row(all_queries, (attention,), more=_mask),
    Row(heads, (attention,)),
    Row(without_a_head, reads_data=True, more=_views),
    Row(kinds, (attention,), more=_across),
    Row(over_texts, (attention,), reads_data=True),
    Row(beyond, more=_beyond),
)
"""In the order of the documents."""
