r"""Attention's heads beside each other: on one sentence, and measured over many texts.

Arrays of the steps: ``weights`` (H, T, S) of the attention shown first; ``apart`` (H, H), how far apart the heads of a
layer are, in [0, 1]; ``looked_at`` (heads of all attentions, :data:`COLUMNS`), in the units of the columns, and
``uniform`` (attentions, :data:`COLUMNS`), the same of uniform weights.

.. math:: \mathrm{apart}(a, b) = \frac1T \sum_t \frac12 \sum_s |w^a_{ts} - w^b_{ts}|

Source: Clark et al. 2019, *What Does BERT Look At?*, sections 3 and 4 (measures of heads).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from olaria.data.base import PairData, TextData
from olaria.i18n import N_, Message, Number
from olaria.lessons.attention.subject import (
    MOST_MAPS,
    Reading,
    Subject,
    later_queries,
    weights_map,
)
from olaria.lessons.base import Array, Asked, Step, numbers
from olaria.lessons.by_numpy.transformers import (
    Part,
    checked,
    language_by_hand,
    translation_by_hand,
)
from olaria.lessons.figures import Figure, Heat, Table, Words
from olaria.lessons.inside import Look, open_language, open_translation, windows_of
from olaria.models.translation import Translation
from olaria.nn.attention import attention

OVER_TEXTS = N_("What each head looks at, over texts")
"""Title of a step."""
NUM_PIECES, PIECE_TOKENS = 8, 64
"""Of the validation text, for the measures of the heads."""

COLUMNS = (
    N_("distance"),
    N_("previous"),
    N_("itself"),
    N_("next"),
    N_("first"),
    N_("entropy"),
    N_("uniform"),
)
"""Of :func:`looked_at`: tokens, then shares of the weight, then nats."""
_PREFERENCES = {
    1: N_(
        "The strongest preference for one place: head {head} of {layer} gives {weight} of its weight to the place just "
        "before its own (uniform weights: {uniform})."
    ),
    2: N_(
        "The strongest preference for one place: head {head} of {layer} gives {weight} of its weight to its own place "
        "(uniform weights: {uniform})."
    ),
    3: N_(
        "The strongest preference for one place: head {head} of {layer} gives {weight} of its weight to the place just "
        "after its own (uniform weights: {uniform})."
    ),
    4: N_(
        "The strongest preference for one place: head {head} of {layer} gives {weight} of its weight to the first "
        "token (uniform weights: {uniform})."
    ),
}


# -- on the sentence -------------------------------------------------------------------------------


def heads_apart(weights: Tensor) -> Tensor:
    """How much of their weight two heads place elsewhere, mean over the queries: (H, T, S) to (H, H).

    0 is the same, 1 nothing in common (total variation distance). The first query is left out.
    """
    rows = weights[:, later_queries(weights.shape[1])]
    return (rows[:, None] - rows).abs().sum(-1).mean(-1) / 2


def many_heads_step(subject: Subject) -> Step:
    """The weights of every head on the sentence, and how far apart they are."""
    offer = subject.offered(MOST_MAPS)
    start, _ = offer.start
    caption = Message(
        N_("The weights of every head. Rows are queries and sum to 1; empty cells are hidden.")
    )
    figures: list[Figure] = [offer.choice(caption, _map)]
    arrays = {"weights": numbers(start.look.weights())}
    checks = [offer.check(N_("weights"), Look.weights, "weights")]
    num_heads = start.look.num_heads
    if num_heads == 1:
        text = Message(
            N_(
                "A head has one set of weights for each query, so it mixes in one way at a time. This run has a single "
                "head; olaria train {preset} trains a model with several."
            ),
            {"preset": "multi-head-shakespeare"},
        )
    else:
        furthest = max(offer.readings, key=lambda r: float(heads_apart(r.look.weights()).max()))
        apart = numbers(heads_apart(furthest.look.weights()))
        a, b = divmod(int(apart.argmax()), num_heads)
        text = Message(
            N_(
                "A head has one set of weights for each query, so it mixes in one way at a time; {count} heads mix in "
                "{count} ways. On this sentence heads {a} and {b} of {layer} are furthest apart: {apart} of their "
                "weight lies elsewhere (0 would be the same, 1 nothing in common)."
            ),
            {
                "count": num_heads,
                "a": a + 1,
                "b": b + 1,
                "layer": furthest.look.name,
                "apart": Number(float(apart.max()), 2),
            },
        )
        names = tuple(str(h + 1) for h in range(num_heads))
        between = Message(
            N_("How far apart the heads of {layer} are, the layer where two differ most."),
            {"layer": furthest.look.name},
        )
        head = Message(N_("head"))
        figures.append(Heat(between, apart, names, names, head, head))
        arrays["apart"] = apart
        by_hand = _apart_by_hand(furthest.part["weights"])
        checks.append(checked(N_("distances of the heads"), [apart], [by_hand]))
    return Step(
        Message(N_("One head against many")),
        text,
        r"\operatorname{MultiHead}(X) = \left[Y_1, \dots, Y_H\right] W_o"
        if num_heads > 1
        else r"Y = W V",
        tuple(figures),
        arrays,
        (attention, heads_apart),
        tuple(checks),
        "Vaswani et al. 2017, section 3.2.2",
    )


def _map(reading: Reading, head: int) -> Heat:
    return weights_map(reading, reading.look.weights()[head])


def _apart_by_hand(weights: Array) -> Array:
    num_heads, length, _ = weights.shape
    first = min(1, length - 1)
    apart = np.zeros((num_heads, num_heads))
    for a in range(num_heads):
        for b in range(num_heads):
            # What both place alike is the smaller of two weights; the rest lies elsewhere.
            alike = [np.minimum(weights[a, t], weights[b, t]).sum() for t in range(first, length)]
            apart[a, b] = 1 - np.mean(alike)
    return apart


# -- over texts ------------------------------------------------------------------------------------


def looked_at(weights: Tensor, mask: Tensor) -> Tensor:
    """Measures of each query's weights, (H, T, S) to (H, T − 1, :data:`COLUMNS`).

    The first query is left out: it may look at itself alone. In cross-attention a place is a number from the beginning
    of each sequence.

    Args:
        weights: rows sum to 1.
        mask: (T, S), 0 or minus infinity.
    """
    length, num_keys = mask.shape
    offsets = torch.arange(num_keys) - torch.arange(length)[:, None]
    before, own, after = ((weights * (offsets == offset)).sum(-1) for offset in (-1, 0, 1))
    uniform = (mask == 0).sum(-1).log().expand(weights.shape[:2])
    measures = (
        (weights * offsets.abs()).sum(-1),
        before,
        own,
        after,
        weights[..., 0],
        torch.special.entr(weights).sum(-1),
        uniform,
    )
    return torch.stack(measures, -1)[:, later_queries(length)]


def looked_at_by_hand(weights: Array, allowed: Array) -> Array:
    """:func:`looked_at`, query by query."""
    num_heads, length, num_keys = weights.shape
    padded = np.pad(weights, ((0, 0), (0, 0), (0, length + 1)))  # no key, no weight
    rows = []
    for t in range(min(1, length - 1), length):
        row = weights[:, t]  # (H, S)
        logs = np.log(row, where=row > 0, out=np.zeros_like(row))
        distance = row @ np.abs(t - np.arange(num_keys))
        places = [padded[:, t, s] for s in (t - 1, t, t + 1, 0)]
        uniform = np.full(num_heads, np.log(allowed[t].sum()))
        rows.append([distance, *places, -(row * logs).sum(1), uniform])
    return np.array(rows).transpose(2, 0, 1)


def over_texts_step(subject: Subject, asked: Asked) -> Step:
    """What each head looks at, measured on the validation text."""
    pieces = list(_pieces(subject, asked))
    num_pieces, num_looks = len(pieces), len(subject.readings)
    names = [reading.look.name for reading in subject.readings]
    num_heads = subject.readings[0].look.num_heads
    measured, uniform, by_hand = [], [], []
    for number in range(num_looks):
        found, even, hand = [], [], []
        for looks, parts in pieces:
            look, part = looks[number], parts[number]
            found.append(looked_at(look.weights(), look.mask))
            even.append(looked_at(look.mask.softmax(-1)[None], look.mask))
            hand.append(looked_at_by_hand(part["weights"], part["allowed"]))
        measured.append(torch.cat(found, 1).mean(1))
        uniform.append(torch.cat(even, 1).mean(1))
        by_hand.append(np.concatenate(hand, 1).mean(1))
    table, even_table = numbers(torch.stack(measured)), numbers(torch.cat(uniform))
    return Step(
        Message(OVER_TEXTS),
        _preferences(table, even_table, names, num_pieces),
        r"H(w_t) = -\sum_s w_{ts} \log w_{ts}",
        (_measures_table(table, even_table, subject, num_pieces),),
        {"looked_at": table.reshape(num_looks * num_heads, -1), "uniform": even_table},
        (looked_at, attention),
        (
            checked(N_("measures of the heads"), [table], [np.stack(by_hand)]),
            checked(N_("measures of uniform weights"), [even_table], [_uniform_by_hand(pieces)]),
        ),
        "Clark et al. 2019, sections 3 and 4",
    )


Piece = tuple[Sequence[Look], Sequence[Part]]


def _pieces(subject: Subject, asked: Asked) -> Iterator[Piece]:
    """Attentions on pieces of the validation text, as the model computes them and by hand."""
    run, model = subject.run, subject.model
    tokenizer, unseen = run.tokenizer(), run.recipe.data.unseen
    data = run.data(offline=asked.offline)
    if isinstance(model, Translation):
        assert isinstance(data, PairData)
        longest = min(PIECE_TOKENS, model.context)
        for pair in data.validation[:NUM_PIECES]:
            ids = [tokenizer.encode(text, unseen)[:longest] for text in pair]
            source = model.specials.sources(ids[:1])[0]
            target = model.specials.targets(ids[1:])[0, :-1]
            looks = open_translation(model, source, target)
            parts = translation_by_hand(model, source, target)
            yield list(looks.values()), [parts[name] for name in looks]
        return
    assert isinstance(data, TextData)
    length = min(PIECE_TOKENS, model.context)
    for ids in windows_of(data.validation, tokenizer, NUM_PIECES, length, unseen):
        yield open_language(model, ids).looks, language_by_hand(model, ids).parts


def _uniform_by_hand(pieces: Sequence[Piece]) -> Array:
    rows = []
    for number in range(len(pieces[0][0])):
        found = []
        for _, parts in pieces:
            allowed = parts[number]["allowed"]
            even = allowed / allowed.sum(1, keepdims=True)
            found.append(looked_at_by_hand(even[None], allowed))
        rows.append(np.concatenate(found, 1).mean(1))
    return np.concatenate(rows)


def _preferences(
    table: Array, uniform: Array, names: Sequence[Message], num_pieces: int
) -> Message:
    """The head that prefers one place most, and the one that looks furthest.

    Args:
        table: measures, (attentions, H, columns).
        uniform: of uniform weights, (attentions, columns).
        names: of the attentions.
        num_pieces: texts that they are of.
    """
    places = table[:, :, 1:5]
    look, head, column = map(int, np.unravel_index(places.argmax(), places.shape))
    far_look, far_head = divmod(int(table[:, :, 0].argmax()), table.shape[1])
    preference = {
        "head": head + 1,
        "layer": names[look],
        "weight": Number(float(places[look, head, column]), 2),
        "uniform": Number(float(uniform[look, column + 1]), 2),
    }
    return Message(
        N_(
            "{preference} Furthest looks head {head} of {layer}: {distance} tokens on average (uniform weights: "
            "{uniform}). Measured on {count} pieces of the validation text; on other texts a head may do otherwise."
        ),
        {
            "preference": Message(_PREFERENCES[column + 1], preference),
            "head": far_head + 1,
            "layer": names[far_look],
            "distance": Number(float(table[far_look, far_head, 0]), 1),
            "uniform": Number(float(uniform[far_look, 0]), 1),
            "count": num_pieces,
        },
    )


def _measures_table(table: Array, uniform: Array, subject: Subject, num_pieces: int) -> Table:
    """A row for each head, and below those of one kind a row of uniform weights; no place after where none is seen."""
    kinds = [reading.look.kind for reading in subject.readings]
    columns = [c for c in range(len(COLUMNS)) if c != 3 or set(kinds) != {"past"}]
    rows: list[tuple[Words | float, ...]] = []
    for number, reading in enumerate(subject.readings):
        for head, measures in enumerate(table[number]):
            cells = (float(measures[c]) for c in columns)
            rows.append((reading.look.name, str(head + 1), *cells))
        if number + 1 == len(kinds) or kinds[number + 1] != kinds[number]:
            cells = (float(uniform[number, c]) for c in columns)
            rows.append((Message(N_("uniform weights")), "", *cells))
    headings = (N_("layer"), N_("head"), *(COLUMNS[c] for c in columns))
    caption = Message(
        N_(
            "Means over the queries of {count} pieces of the validation text, of {length} tokens at most, but for the "
            "first of each: distance in tokens; shares of the weight on the previous place, itself, …; entropy in "
            "nats. A large weight is no proof that the model needs it."
        ),
        {"count": num_pieces, "length": min(PIECE_TOKENS, subject.model.context)},
    )
    return Table(caption, tuple(map(Message, headings)), tuple(rows), digits=2)
