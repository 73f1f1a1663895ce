r"""From scores to weights: scaled, masked, and through the softmax; one query, then all.

.. math:: W = \mathrm{softmax}\left(\frac{Q K^\top}{\sqrt D} + M\right)

Arrays of the steps, of the head shown first, T tokens that look and S that are looked at: ``scores`` and ``scaled``
(T, S), before and after scaling and mask; ``weights`` (T, S), rows sum to 1 (one row of each in the first step);
``scaling`` (3, 3), see :func:`_scaling`.

Source: Vaswani et al. 2017, section 3.2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from olaria.i18n import N_, Message, Number
from olaria.lessons.attention.subject import MOST_FOLLOWED, Reading, Subject, later_queries
from olaria.lessons.base import Array, Check, Step, numbers
from olaria.lessons.by_numpy.transformers import Part, checked
from olaria.lessons.figures import Choice, Control, Heat, Table
from olaria.lessons.inside import Look
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.models.translation import Translation, padding_mask
from olaria.nn.attention import attention, causal_mask, local_mask

PAPER = "Vaswani et al. 2017, "

Maker = Callable[..., Any]


def one_query_step(subject: Subject) -> Step:
    """A row of the map of weights, number by number."""
    offer = subject.offered(MOST_FOLLOWED)
    reading, head = offer.start
    look, asking = reading.look, reading.asking
    weights = look.weights()[head, asking]
    best = int(weights.argmax())
    text = Message(
        N_(
            "Query times key is a *score*. It is divided by the root of their size, the mask adds −∞ where the query "
            "may not look, and the *softmax* makes weights that sum to 1. In head {head} of {layer}, token {place}, "
            "“{token}”, gives its largest weight, {weight}, to token {key_place}, “{key}”; a uniform one would be "
            "{uniform}."
        ),
        {
            "head": head + 1,
            "layer": look.name,
            "place": asking + 1,
            "token": reading.rows[asking],
            "weight": Number(float(weights[best]), 3),
            "key_place": best + 1,
            "key": reading.columns[best],
            "uniform": Number(1 / int((look.mask[asking] == 0).sum()), 3),
        },
    )
    caption = Message(
        N_(
            "From score to weight, for one query. The layer and head shown first are those whose weights on this "
            "sentence are furthest from uniform."
        )
    )
    return Step(
        Message(N_("One query, from scores to weights")),
        text,
        r"w_{ts} = \frac{\exp\left(q_t \cdot k_s / \sqrt{D} + M_{ts}\right)}"
        r"{\sum_r \exp\left(q_t \cdot k_r / \sqrt{D} + M_{tr}\right)}",
        (offer.choice(caption, _one_row),),
        {name: x[asking] for name, x in _stages(look, head).items()},
        (attention, *_mask_makers(subject.model)),
        _stage_checks(offer.readings),
        PAPER + "equation 1",
    )


def _one_row(reading: Reading, head: int) -> Table:
    look, asking = reading.look, reading.asking
    stages = _stages(look, head)
    unmasked = stages["scores"] * look.scale
    rows = [stages["scores"], unmasked, stages["scaled"], stages["weights"]]
    numbers_of = zip(*(row[asking].tolist() for row in rows), strict=True)
    headings = (
        N_("place"),
        N_("key of"),
        N_("score"),
        N_("divided by √D"),
        N_("with the mask"),
        N_("weight"),
    )
    cells = zip(reading.columns, numbers_of, strict=True)
    return Table(
        Message(N_("Query of “{token}”."), {"token": reading.rows[asking]}),
        tuple(map(Message, headings)),
        tuple((s + 1, token, *row) for s, (token, row) in enumerate(cells)),
        digits=3,
    )


def _stages(look: Look, head: int) -> dict[str, Array]:
    """Scores, scores after scaling and mask, weights: (T, S) each."""
    scores = look.scores()
    stages = {
        "scores": scores,
        "scaled": scores * look.scale + look.mask,
        "weights": look.weights(),
    }
    return {name: numbers(stage[head]) for name, stage in stages.items()}


def _scaled_by_hand(part: Part) -> Array:
    return np.where(part["allowed"] > 0, part["scores"] / np.sqrt(part["q"].shape[-1]), -np.inf)


def _stage_checks(readings: Sequence[Reading]) -> tuple[Check, ...]:
    looks, parts = [r.look for r in readings], [r.part for r in readings]
    return (
        checked(N_("scores"), (x.scores() for x in looks), (p["scores"] for p in parts)),
        checked(
            N_("scores after scaling and mask"),
            (x.scores() * x.scale + x.mask for x in looks),
            map(_scaled_by_hand, parts),
        ),
        checked(N_("weights"), (x.weights() for x in looks), (p["weights"] for p in parts)),
    )


def all_queries_step(subject: Subject) -> Step:
    """The whole map, before and after scaling, mask and softmax."""
    offer = subject.offered(MOST_FOLLOWED)
    reading, head = offer.start
    look = reading.look
    measured, by_hand = _scaling(look, head), _scaling_by_hand(reading.part, head)
    text = Message(
        N_(
            "One product makes all scores at once. In head {head} of {layer} they deviate by {raw} from their mean, "
            "divided by √{size} by {scaled}. The larger the differences, the more a softmax gives to one key: without "
            "the division the largest weight of a query would be {sharp} on average instead of {soft}."
        ),
        {
            "head": head + 1,
            "layer": look.name,
            "size": look.q.shape[-1],
            "raw": Number(measured[0, 0], 2),
            "scaled": Number(measured[1, 0], 2),
            "sharp": Number(measured[0, 2], 3),
            "soft": Number(measured[1, 2], 3),
        },
    )
    return Step(
        Message(N_("All queries at once: scale, mask, softmax")),
        text,
        r"W = \operatorname{softmax}\left(\frac{Q K^\top}{\sqrt{D}} + M\right)",
        (_maps(offer.num_heads, reading, head), _scaling_table(measured)),
        {**_stages(look, head), "scaling": measured},
        (attention, *_mask_makers(subject.model)),
        (
            *_stage_checks([reading]),
            checked(N_("measures of the scaling"), [measured], [by_hand]),
        ),
        PAPER + "section 3.2.1",
    )


def _maps(num_heads: int, reading: Reading, head: int) -> Choice:
    """Scores, scaled scores and weights of each head of one layer; what the mask hides is empty."""
    names = {
        "scores": N_("scores"),
        "scaled": N_("scaled and masked"),
        "weights": N_("weights"),
    }
    hidden = numbers(reading.look.mask) < 0

    def figure(head: int, name: str) -> Heat:
        values = _stages(reading.look, head)[name]
        if name != "scores":
            values = np.where(hidden, np.nan, values)
        titles = Message(N_("query")), Message(N_("key"))
        signed, digits = name != "weights", 2 if name == "weights" else 1
        return Heat(
            "", values, reading.rows, reading.columns, *titles, signed=signed, digits=digits
        )

    controls = (
        Control(Message(N_("head")), tuple(str(h + 1) for h in range(num_heads)), "select", head),
        Control(Message(N_("stage")), tuple(map(Message, names.values())), "select"),
    )
    figures = tuple(figure(h, name) for h in range(num_heads) for name in names)
    printed = tuple(range(head * len(names), (head + 1) * len(names)))
    return Choice(_mask_caption(reading), controls, figures, printed)


def _mask_caption(reading: Reading) -> Message:
    hidden = numbers(reading.look.mask) < 0
    ahead = np.triu(np.ones(hidden.shape, bool), 1)
    fields = {
        "layer": reading.look.name,
        "pairs": hidden.size,
        "ahead": int((hidden & ahead).sum()),
        "far": int((hidden & ~ahead).sum()),
    }
    if not hidden.any():
        text = N_("In {layer} nothing is hidden: each of the {pairs} pairs has a weight.")
    elif fields["far"]:
        text = N_(
            "Empty cells of {layer} are hidden by the mask: of {pairs} pairs {ahead} have their key ahead of the "
            "query, and {far} have it too far back for this model's local attention."
        )
    else:
        text = N_(
            "Empty cells of {layer} are hidden by the mask: of {pairs} pairs {ahead} have their key ahead of the "
            "query, in the future that is to be predicted."
        )
    return Message(text, fields)


def _scaling(look: Look, head: int) -> Array:
    """Without and with the division, and for uniform weights, (3, 3).

    The columns are the standard deviation of the scores that are not hidden, the mean entropy of a query's weights in
    nats, and the mean of its largest weight; the first query is left out.
    """
    rows = later_queries(look.mask.shape[0])
    seen, scores = look.mask[rows] == 0, look.scores()[head, rows]
    found = []
    for scale, weights in (
        (1.0, look.weights(1.0)[head]),
        (look.scale, look.weights()[head]),
        (0.0, look.weights(0.0)[head]),
    ):
        entropy = torch.special.entr(weights[rows]).sum(-1).mean()
        deviation = (scores * scale)[seen].std(correction=0)
        found.append([deviation.item(), entropy.item(), weights[rows].amax(-1).mean().item()])
    return np.array(found)


def _scaling_by_hand(part: Part, head: int) -> Array:
    scores, allowed = part["scores"][head], part["allowed"] > 0
    found = []
    for scale in (1.0, part["q"].shape[-1] ** -0.5, 0.0):
        used, entropies, largest = [], [], []
        for t in range(min(1, len(scores) - 1), len(scores)):
            row = scores[t][allowed[t]] * scale
            p = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
            used.append(row)
            entropies.append(-(p[p > 0] * np.log(p[p > 0])).sum())
            largest.append(p.max())
        found.append([np.concatenate(used).std(), np.mean(entropies), np.mean(largest)])
    return np.array(found)


def _scaling_table(measured: Array) -> Table:
    headings = (
        N_("scores"),
        N_("standard deviation"),
        N_("mean entropy, nats"),
        N_("mean largest weight"),
    )
    names = (N_("as they are"), N_("divided by √D"), N_("all equal"))
    return Table(
        Message(
            N_(
                "What the division does in the head of the map: scores that are not hidden, and the weights that a "
                "softmax makes of them. The first query is left out."
            )
        ),
        tuple(map(Message, headings)),
        tuple((Message(name), *row.tolist()) for name, row in zip(names, measured, strict=True)),
        digits=3,
    )


def _mask_makers(model: GPT | LanguageModel | Translation) -> tuple[Maker, ...]:
    if isinstance(model, GPT):
        return (local_mask,)
    return (causal_mask, padding_mask) if isinstance(model, Translation) else (causal_mask,)
