r"""Where queries, keys and values come from: one sequence or two; and what a run does beyond the textbook.

.. math:: Q = X W_q, \quad K = Z W_k, \quad V = Z W_v

Arrays of the steps: ``weights`` (H, T, S) of the first attention; ``cross`` (layers, H, T, S), of T target positions on
S source positions; ``by_distance`` (T,), the score of two equal vectors by how far apart they stand.

Sources: Vaswani et al. 2017, section 3.2.3 (the three kinds); Bahdanau et al. 2015 (attention to a source); Su et al.
2021 (rotary positions); Henry et al. 2020 (normalised queries and keys); Roy et al. 2021 (local attention).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.attention.heads import weights_map
from olaria.lessons.attention.scene import CROSS_PRESET, MOST_MAPS, Scene, Subject
from olaria.lessons.attention.ways import Attended, Way
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Curve, Plot, Table
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation

Values = dict[str, Any]

DISTANCES = 64
"""Positions over which a score is followed."""


def kinds(scene: Scene, way: Way) -> Values:
    """Self-attention beside cross-attention."""
    pair, own = scene.pair, scene.own
    seen = list[tuple[Subject, int, Attended]]()
    if pair is not own:
        seen.append((own, 0, way.own[0]))
    shared: Values = {
        "two": pair is not None,
        "preset": CROSS_PRESET,
        "positions": len(own.ids[0]),
        "weights": way.own[0].weights,
    }
    if pair is None:
        names = ("ahead", "behind", "num_targets", "num_sources", "name")
        return {
            **shared,
            **dict.fromkeys(names, 0),
            "answer": None,
            "maps": None,
            "table": _table(seen),
        }
    both, past, cross = (pair.of_kind(kind) for kind in ("both", "past", "cross"))
    seen += [(pair, places[0], way.pair[places[0]]) for places in (both, past, cross)]
    first = way.pair[cross[0]]
    hidden = int((1 - first.allowed).sum())
    offer = pair.offer(MOST_MAPS, cross)
    return {
        **shared,
        "name": pair.run.name,
        "ahead": _share_ahead(way.pair[both[0]]),
        "behind": _share_ahead(way.pair[past[0]]),
        "num_targets": first.allowed.shape[0],
        "num_sources": first.allowed.shape[1],
        "answer": 0 if hidden == 0 else 1,
        "cross": np.stack([way.pair[place].weights for place in cross]),
        "table": _table(seen),
        "maps": offer.choice(lambda place, head: weights_map(pair, place, way.pair[place], head)),
    }


def _share_ahead(look: Attended) -> float:
    """Mean weight on positions after the query's own."""
    return float(np.triu(look.weights, 1).sum(-1).mean())


def _table(seen: Sequence[tuple[Subject, int, Attended]]) -> Table:
    """The first attention of each kind."""
    sides = {
        "both": (N_("the source"), N_("the source")),
        "past": (N_("the target"), N_("the target")),
        "cross": (N_("the target"), N_("the source")),
    }
    rows = []
    for subject, place, attended in seen:
        look = subject.each[place]
        one, other = sides[look.kind] if len(subject.ids) > 1 else 2 * (N_("the text"),)
        hidden = int((1 - attended.allowed).sum())
        names = (look.name, Message(one), Message(other))
        rows.append((*names, look.num_heads, *attended.allowed.shape, hidden))
    headings = (
        N_("attention"),
        N_("queries from"),
        N_("keys and values from"),
        N_("heads"),
        N_("query positions"),
        N_("key positions"),
        N_("hidden pairs"),
    )
    return Table("", tuple(map(Message, headings)), tuple(rows))


def beyond(scene: Scene, way: Way) -> Values | None:
    """What the run's attention does that the formula does not say."""
    model, looks = scene.own.model, way.own
    has_biases = isinstance(model, LanguageModel) and model.config.has("gpt")
    if isinstance(model, LanguageModel) and not has_biases:
        return None
    is_gpt = isinstance(model, GPT)
    root = np.sqrt(looks[0].q.shape[2])
    lengths = np.concatenate([np.sqrt((x**2).sum(-1)).ravel() for a in looks for x in (a.q, a.k)])
    context = model.context
    reach = context if isinstance(model, Translation) else way.reach(context)
    scores = _by_distance(way, looks[0].q.shape[2]) if is_gpt else np.zeros((1, 1))
    normed = is_gpt or isinstance(model, Translation)
    return {
        "normed": normed,
        "rotary": is_gpt,
        "local": reach < context,
        "biases": has_biases,
        "least": lengths.min(),
        "most": lengths.max(),
        "root": root,
        "reach": reach,
        "context": context,
        "answer": (0 if np.ptp(np.diag(scores, -1)) < 1e-3 else 1) if is_gpt else None,
        "by_distance": scores[:, 0],
        "plot": _plot(scores[:, 0]) if is_gpt else None,
        "checks": _equal_distances(scores) if is_gpt else (),
    }


def _by_distance(way: Way, size: int) -> Array:
    """Scores, divided by the root of D, of vectors of ones that are turned by their positions, (T, T)."""
    turned = way.turned(np.ones((DISTANCES, size)))
    return np.asarray(turned @ turned.T / np.sqrt(size))


def _equal_distances(scores: Array) -> tuple[Check, ...]:
    rows, columns = np.indices(scores.shape)
    text = Message(N_("the scores of pairs that stand equally far apart"))
    return (Check(text, scores, scores[np.abs(rows - columns), 0]),)


def _plot(scores: Array) -> Plot:
    curve = Curve(Message(N_("score")), np.arange(len(scores), dtype=float), scores)
    return Plot(
        "", (curve,), Message(N_("distance in positions")), Message(N_("score, divided by √D"))
    )
