r"""The heads of a run beside each other: on the sentence, when one is removed, and over many texts.

Arrays of the steps: ``weights`` (H, T, S) of the attention shown first; ``apart`` (H, H), in [0, 1]; ``costs``
(attentions, H), nats per token; ``read`` (attentions, H, :data:`COLUMNS`) and ``uniform`` (attentions,
:data:`COLUMNS`), in the units of the columns.

Sources: Michel et al. 2019 (heads that can be removed); Clark et al. 2019, sections 3 and 4 (measures of heads).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.attention.scene import (
    MOST_MAPS,
    MOST_REMOVED,
    PIECE_TOKENS,
    Scene,
    Subject,
    later_queries,
)
from olaria.lessons.attention.ways import Attended, Way
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Heat, Table, Words

Values = dict[str, Any]

SHARES = (0.25, 0.5)
"""Between the answers to how far two heads are apart."""
LITTLE = 0.01
"""Share of the loss that a head may cost and still be called dispensable."""
COLUMNS = (
    N_("distance"),
    N_("previous"),
    N_("itself"),
    N_("next"),
    N_("first"),
    N_("entropy"),
)
"""Of :func:`reading`: positions, then shares of the weight, then nats."""
PLACES = ("previous", "itself", "next", "first")


def heads(scene: Scene, way: Way) -> Values:
    """The weights of every head on the sentence, and how far apart they are."""
    offer = scene.own.offer(MOST_MAPS)
    start = offer.places[offer.start[0]]
    apart = np.stack([heads_apart(way.own[place].weights) for place in offer.places])
    place, one, other = place_of_most(apart)
    names = tuple(str(head + 1) for head in range(scene.own.num_heads))
    many, most = scene.own.num_heads > 1, float(apart[place, one, other])
    title = Message(N_("head"))
    return {
        "count": scene.own.num_heads,
        "many": many,
        "one": one + 1,
        "other": other + 1,
        "layer": offer.names[place],
        "most": most,
        "answer": int(np.searchsorted(SHARES, most)) if many else None,
        "some": len(offer.places) < len(scene.own.looks),
        "shown": len(offer.places),
        "total": len(scene.own.looks),
        "weights": way.own[start].weights,
        "apart": apart[place],
        "maps": offer.choice(
            lambda place, head: weights_map(scene.own, place, way.own[place], head)
        ),
        "between": Heat("", apart[place], names, names, title, title) if many else None,
    }


def heads_apart(weights: Array) -> Array:
    """How much of their weight two heads place elsewhere, mean over the queries: (H, T, S) to (H, H).

    0 is the same, 1 nothing in common (total variation distance). The first query is left out.
    """
    rows = weights[:, later_queries(weights.shape[1])]
    return np.asarray(np.abs(rows[:, None] - rows).sum(-1).mean(-1) / 2)


def weights_map(subject: Subject, place: int, look: Attended, head: int) -> Heat:
    """Weights (T, S) as a map; what the mask hides is empty."""
    values = np.where(look.allowed > 0, look.weights[head], np.nan)
    titles = Message(N_("query position")), Message(N_("key position"))
    return Heat("", values, *subject.labels(place), *titles)


def place_of_most(values: Array) -> tuple[int, ...]:
    """Where the largest is; rounded, so that both ways choose the same."""
    found = np.unravel_index(np.round(values, 4).argmax(), values.shape)
    return tuple(int(index) for index in found)


def without_a_head(scene: Scene, way: Way) -> Values:
    """What the loss becomes when one head passes on nothing."""
    offer, modules = scene.own.offer(MOST_REMOVED), tuple(scene.own.looks)
    base = way.nats()
    costs = np.array(
        [
            [way.nats((modules[place], head)) - base for head in range(offer.num_heads)]
            for place in offer.places
        ]
    )
    place, head = place_of_most(costs)
    little = int((costs < LITTLE * base).sum())
    names = tuple(str(head + 1) for head in range(offer.num_heads))
    return {
        "pieces": len(scene.pieces),
        "base": base,
        "layer": offer.names[place],
        "head": head + 1,
        "most": costs[place, head],
        "percent": LITTLE,
        "little": little,
        "count": costs.size,
        "all": costs.size == len(modules) * scene.own.num_heads,
        "answer": (0 if little == 0 else 1 if 2 * little <= costs.size else 2)
        if costs.size > 3
        else None,
        "costs": costs,
        "map": Heat(
            "",
            costs,
            offer.names,
            names,
            Message(N_("layer")),
            Message(N_("head")),
            Message(N_("nats per token")),
            signed=True,
            digits=3,
        ),
    }


# -- over texts ------------------------------------------------------------------------------------


def reading(weights: Array, allowed: Array) -> Array:
    """What each query reads, on average, (H, T, S) to (H, :data:`COLUMNS`); the first query is left out.

    In cross-attention a place is a number from the beginning of each sequence.
    """
    length, num_keys = allowed.shape
    offsets = np.arange(num_keys) - np.arange(length)[:, None]
    before, own, after = ((weights * (offsets == offset)).sum(-1) for offset in (-1, 0, 1))
    logs = np.log(np.where(weights > 0, weights, 1))
    distance, entropy = (weights * np.abs(offsets)).sum(-1), -(weights * logs).sum(-1)
    measures = np.stack((distance, before, own, after, weights[..., 0], entropy), -1)
    return np.asarray(measures[:, later_queries(length)].sum(1))


def over_texts(scene: Scene, way: Way) -> Values:
    """What each head reads, measured on the validation text."""
    found, even, queries = [], [], []
    for piece in way.pieces:
        found.append(np.stack([reading(look.weights, look.allowed) for look in piece]))
        uniform = (look.allowed / look.allowed.sum(-1, keepdims=True) for look in piece)
        even.append(
            np.concatenate(
                [reading(w[None], look.allowed) for w, look in zip(uniform, piece, strict=True)]
            )
        )
        queries.append([max(1, len(look.allowed) - 1) for look in piece])
    counts = np.sum(queries, 0)[:, None]
    read, even_read = np.sum(found, 0) / counts[..., None], np.sum(even, 0) / counts
    place, head, column = place_of_most(read[..., 1:5])
    far_place, far_head = place_of_most(read[..., 0])
    names = [look.name for look in scene.own.each]
    nearer = read[..., 0] < even_read[:, None, 0]
    return {
        "pieces": len(scene.pieces),
        "tokens": min(PIECE_TOKENS, scene.own.model.context),
        **{name: PLACES[column] == name for name in PLACES},
        "layer": names[place],
        "head": head + 1,
        "most": read[place, head, column + 1],
        "uniform_most": even_read[place, column + 1],
        "far_layer": names[far_place],
        "far_head": far_head + 1,
        "distance": read[far_place, far_head, 0],
        "uniform_distance": even_read[far_place, 0],
        "nearer": int(nearer.sum()),
        "count": nearer.size,
        "answer": 0 if 2 * nearer.sum() > nearer.size else 1,
        "read": read,
        "uniform": even_read,
        "table": _measures(scene.own, read, even_read),
        "checks": _closed_forms(way.pieces, even_read),
    }


def _closed_forms(pieces: Sequence[Sequence[Attended]], uniform: Array) -> tuple[Check, ...]:
    """Uniform weights over all earlier positions: query t reads itself with 1/t, and half its position away."""
    allowed = [look.allowed for piece in pieces for look in piece]
    count = len(allowed[0])
    if count < 2 or any(not np.array_equal(each, np.tri(count)) for each in allowed):
        return ()
    t = np.arange(2, count + 1)
    expected = [((t - 1) / 2).mean(), (1 / t).mean(), np.log(t).mean()]
    text = Message(N_("equal weights: distance, itself and entropy, in closed form"))
    return (Check(text, uniform[0, [0, 2, 5]], expected),)


def _measures(subject: Subject, read: Array, uniform: Array) -> Table:
    """A row for each head, and below each kind one of uniform weights; no next position where none is read."""
    kinds: Sequence[str] = [look.kind for look in subject.each]
    columns = [c for c in range(len(COLUMNS)) if c != 3 or set(kinds) != {"past"}]
    rows: list[tuple[Words | float, ...]] = []
    for place, look in enumerate(subject.each):
        for head, measures in enumerate(read[place]):
            rows.append((look.name, str(head + 1), *(float(measures[c]) for c in columns)))
        if place + 1 == len(kinds) or kinds[place + 1] != kinds[place]:
            cells = (float(uniform[place, c]) for c in columns)
            rows.append((Message(N_("equal weights")), "", *cells))
    headings = (N_("layer"), N_("head"), *(COLUMNS[c] for c in columns))
    return Table("", tuple(map(Message, headings)), tuple(rows), digits=2)
