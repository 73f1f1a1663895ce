r"""The heads of a run beside each other: on the sentence, between two sequences, over texts, and when one is removed.

.. math:: Q = X W_q, \quad K = Z W_k, \quad V = Z W_v

Arrays of the steps: ``weights`` (H, T, S) of the attention shown first; ``apart`` (H, H), in [0, 1]; ``costs``
(attentions, H), nats per token; ``cross`` (layers, H, T, S), of T target positions on S source positions; ``read``
(attentions, H, :data:`COLUMNS`) and ``uniform`` (attentions, :data:`COLUMNS`), in the units of the columns;
``by_distance`` (T,), the score of two equal vectors by how far apart they stand.

Sources: Michel et al. 2019 (heads that can be removed); Clark et al. 2019, sections 3 and 4 (measures of heads);
Vaswani et al. 2017, section 3.2.3 (the three kinds); Bahdanau et al. 2015 (attention to a source); Su et al. 2021
(rotary positions); Henry et al. 2020 (normalised queries and keys); Roy et al. 2021 (local attention).
"""

from __future__ import annotations

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.attention.scene import (
    CROSS_PRESET,
    MOST_MAPS,
    MOST_REMOVED,
    Scene,
    Subject,
    later_queries,
)
from olaria.lessons.attention.ways import Way
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Curve, Heat, Plot, Table
from olaria.lessons.parts import Values
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation

SHARES = (0.25, 0.5)
"""Between the answers to how far two heads are apart."""
LITTLE = 0.01
"""Share of the loss that a head may cost and still be called dispensable."""
COLUMNS = (N_("distance"), N_("previous"), N_("itself"), N_("first"))
"""Of :func:`reading`: positions, then shares of the weight."""
DISTANCES = 64
"""Positions over which a score is followed."""


def heads(scene: Scene, way: Way) -> Values:
    """The weights of every head on the sentence, and how far apart they are."""
    own, offer = scene.own, scene.own.offer(MOST_MAPS)
    apart = np.stack([heads_apart(way.own[place].weights) for place in offer.places])
    place, one, other = place_of_most(apart)
    names = tuple(str(head + 1) for head in range(own.num_heads))
    many, most = own.num_heads > 1, float(apart[place, one, other])
    title = Message(N_("head"))
    return {
        "count": own.num_heads,
        "many": many,
        "one": one + 1,
        "other": other + 1,
        "layer": offer.names[place],
        "most": most,
        "answer": int(np.searchsorted(SHARES, most)) if many else None,
        "some": len(offer.places) < len(own.looks),
        "shown": len(offer.places),
        "total": len(own.looks),
        "weights": way.own[offer.places[offer.start[0]]].weights,
        "apart": apart[place],
        "maps": scene.live_maps(
            offer.choice(lambda place, head: own.map(place, way.own[place].shown[head]))
        ),
        "between": Heat("", apart[place], names, names, title, title) if many else None,
    }


def heads_apart(weights: Array) -> Array:
    """How much of their weight two heads place elsewhere, mean over the queries: (H, T, S) to (H, H).

    0 is the same, 1 nothing in common (total variation distance). The first query is left out.
    """
    rows = weights[:, later_queries(weights.shape[1])]
    return np.asarray(np.abs(rows[:, None] - rows).sum(-1).mean(-1) / 2)


def place_of_most(values: Array) -> tuple[int, ...]:
    """Where the largest is; rounded, so that both ways choose the same."""
    found = np.unravel_index(np.round(values, 4).argmax(), values.shape)
    return tuple(int(index) for index in found)


def without_a_head(scene: Scene, way: Way) -> Values:
    """What the loss becomes when one head passes on nothing."""
    offer, modules = scene.own.offer(MOST_REMOVED), tuple(scene.own.looks)
    base, tried = way.nats(), range(offer.num_heads)
    costs = np.array(
        [[way.nats((modules[place], head)) - base for head in tried] for place in offer.places]
    )
    place, head = place_of_most(costs)
    little = int((costs < LITTLE * base).sum())
    titles = Message(N_("layer")), Message(N_("head")), Message(N_("nats per token"))
    names = tuple(str(number + 1) for number in tried)
    answer = 0 if little == 0 else 1 if 2 * little <= costs.size else 2
    return {
        "pieces": len(scene.pieces),
        "tokens": sum(len(ids[-1]) - 1 for ids in scene.pieces),
        "base": base,
        "layer": offer.names[place],
        "head": head + 1,
        "most": costs[place, head],
        "percent": LITTLE,
        "little": little,
        "count": costs.size,
        "all": costs.size == len(modules) * scene.own.num_heads,
        "answer": answer if costs.size > 3 else None,
        "costs": costs,
        "map": Heat("", costs, offer.names, names, *titles, signed=True, digits=3),
    }


# -- one sequence or two ---------------------------------------------------------------------------


def kinds(scene: Scene, way: Way) -> Values:
    """Self-attention beside cross-attention."""
    pair, own = scene.pair, scene.own
    values = {
        "two": pair is not None,
        "preset": CROSS_PRESET,
        "positions": len(own.ids[0]),
        "weights": way.own[0].weights,
        **dict.fromkeys(("ahead", "behind", "num_targets", "num_sources", "name"), 0),
        **dict.fromkeys(("answer", "maps")),
    }
    if pair is not None:
        both, past, cross = (
            [place for place, look in enumerate(pair.each) if look.kind == kind]
            for kind in ("both", "past", "cross")
        )
        # Mean weight on positions after the query's own.
        ahead, behind = (
            np.triu(way.pair[places[0]].weights, 1).sum(-1).mean() for places in (both, past)
        )
        allowed = way.pair[cross[0]].allowed
        values |= {
            "name": pair.run.name,
            "ahead": ahead,
            "behind": behind,
            "num_targets": allowed.shape[0],
            "num_sources": allowed.shape[1],
            "answer": 0 if allowed.all() else 1,
            "cross": np.stack([way.pair[place].weights for place in cross]),
            "maps": pair.offer(MOST_MAPS, cross).choice(
                lambda place, head: pair.map(place, way.pair[place].shown[head])
            ),
        }
    return values


# -- over texts ------------------------------------------------------------------------------------


def reading(weights: Array, allowed: Array) -> Array:
    """What each query reads, summed over the queries but the first, (H, T, S) to (H + 1, :data:`COLUMNS`).

    Equal weights are one head more. In cross-attention a place is a number from the beginning of each sequence.
    """
    length, num_keys = allowed.shape
    even = allowed / allowed.sum(-1, keepdims=True)
    weights = np.append(weights, even[None], 0)[:, later_queries(length)]
    offsets = (np.arange(num_keys) - np.arange(length)[:, None])[later_queries(length)]
    parts = (np.abs(offsets), offsets == -1, offsets == 0, np.arange(num_keys) == 0)
    return np.stack([(weights * part).sum((1, 2)) for part in parts], -1)


def over_texts(scene: Scene, way: Way) -> Values:
    """What each head reads, measured on the validation text."""
    sums = [[reading(look.weights, look.allowed) for look in piece] for piece in way.pieces]
    queries = [[max(1, len(look.allowed) - 1) for look in piece] for piece in way.pieces]
    means = np.sum(sums, 0) / np.sum(queries, 0)[:, None, None]
    read, uniform = means[:, :-1], means[:, -1]
    place, head, column = place_of_most(read[..., 1:])
    far_place, far_head = place_of_most(read[..., 0])
    names = [look.name for look in scene.own.each]
    nearer = read[..., 0] < uniform[:, None, 0]
    return {
        "pieces": len(scene.pieces),
        **{name: COLUMNS[column + 1] == name for name in COLUMNS[1:]},
        "layer": names[place],
        "head": head + 1,
        "most": read[place, head, column + 1],
        "uniform_most": uniform[place, column + 1],
        "far_layer": names[far_place],
        "far_head": far_head + 1,
        "distance": read[far_place, far_head, 0],
        "uniform_distance": uniform[far_place, 0],
        "nearer": int(nearer.sum()),
        "count": nearer.size,
        "answer": 0 if 2 * nearer.sum() > nearer.size else 1,
        "read": read,
        "uniform": uniform,
        "table": _measures(scene.own, means),
    }


def _measures(subject: Subject, means: Array) -> Table:
    """A row for each head, and one of equal weights in each layer."""
    names = (*(str(head + 1) for head in range(subject.num_heads)), Message(N_("equal weights")))
    rows = tuple(
        (look.name, name, *row)
        for look, some in zip(subject.each, means.tolist(), strict=True)
        for name, row in zip(names, some, strict=True)
    )
    headings = (N_("layer"), N_("head"), *COLUMNS)
    return Table("", tuple(map(Message, headings)), rows, digits=2)


# -- beyond the textbook ---------------------------------------------------------------------------


def beyond(scene: Scene, way: Way) -> Values | None:
    """What the run's attention does that the formula does not say."""
    model, size = scene.own.model, way.own[0].q.shape[2]
    is_gpt, is_pair = isinstance(model, GPT), isinstance(model, Translation)
    has_biases = isinstance(model, LanguageModel) and model.config.has("gpt")
    if not (is_gpt or is_pair or has_biases):
        return None
    lengths = [np.sqrt((x**2).sum(-1)) for look in way.own for x in (look.q, look.k)]
    least, most = min(x.min() for x in lengths), max(x.max() for x in lengths)
    is_normed, is_one = is_gpt or is_pair, f"{least:.2f}" == f"{most:.2f}"
    reach = model.context if is_pair else way.reach(model.context)
    values = {
        "normed": is_normed,
        "one_length": is_normed and is_one,
        "lengths": is_normed and not is_one,
        "rotary": is_gpt,
        "local": reach < model.context,
        "biases": has_biases,
        "least": least,
        "most": most,
        "root": np.sqrt(size),
        "reach": reach,
        "context": model.context,
        "answer": None,
        "plot": None,
    }
    if is_gpt:
        turned = way.turned(np.ones((DISTANCES, size)))  # one vector at each position
        scores = turned @ turned.T / np.sqrt(size)
        apart = np.abs(np.subtract.outer(*2 * [np.arange(DISTANCES)]))
        text = Message(N_("the scores of pairs that stand equally far apart"))
        curve = Curve(Message(N_("score")), np.arange(DISTANCES, dtype=float), scores[:, 0])
        axes = Message(N_("distance in positions")), Message(N_("score, divided by √D"))
        values |= {
            "answer": 0 if np.ptp(np.diag(scores, -1)) < 1e-3 else 1,
            "by_distance": scores[:, 0],
            "plot": Plot("", (curve,), *axes),
            "checks": (Check(text, scores, scores[apart, 0]),),
        }
    return values
