r"""Nearest neighbours in a run's tables: which tokens have become alike, and how near chance alone would bring them.

.. math:: \cos(a, b) = \frac{a \cdot b}{\lVert a \rVert \, \lVert b \rVert}

Arrays of the step, of each table: ``cosines``, (tables, tokens, neighbours), ``neighbours``, their ids, and ``means``,
(tables, 2): mean cosine of all pairs and of nearest neighbours.

Source: Mikolov et al. 2013.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step
from olaria.lessons.figures import Bars, Choice, Control
from olaria.lessons.texts import Sentence, labels_of, spelt
from olaria.lessons.tokens.embeddings import (
    SHOWN_TOKENS,
    Embedding,
    Rows,
    cosines,
    mean_cosine,
    mean_nearest,
    of_length_one,
    view_control,
)

NUM_NEIGHBOURS = 8


def neighbour_step(embedding: Embedding, sentence: Sentence, seed: int) -> Step:
    """The nearest vectors of the sentence's tokens, and how near they would be in a table of chance.

    Args:
        embedding: with :data:`LEAST_TOKENS` tokens or more to compare.
        sentence: whose tokens are asked about.
        seed: of the table of chance.
    """
    ids, known = embedding.ids, set(embedding.ids.tolist())
    asked = [i for i in dict.fromkeys(sentence.ids.tolist()) if i in known][:SHOWN_TOKENS]
    queries = torch.tensor(asked or ids[:SHOWN_TOKENS].tolist())
    found = [nearest(view, queries, ids) for view in embedding.views]
    shown, places = (np.stack([pair[i].numpy() for pair in found]) for i in (0, 1))
    chance = torch.randn(len(ids), embedding.width, generator=Generator().manual_seed(seed))
    means = [_means(view.vectors(ids)) for view in embedding.views]
    of_chance = _means(chance)[1]
    labels = labels_of(spelt(sentence.tokenizer, queries))
    return Step(
        Message(N_("Nearest neighbours")),
        _neighbour_words(embedding, labels, shown[-1], places[-1], np.array(means), of_chance),
        r"\cos(a, b) = \frac{a \cdot b}{\|a\| \, \|b\|}",
        (_neighbour_choice(embedding, labels, shown, places),),
        {"cosines": shown, "neighbours": ids.numpy()[places], "means": np.array(means)},
        (nearest, cosines, mean_cosine, mean_nearest),
        (
            *_neighbour_checks(embedding, queries.numpy(), shown, places),
            Check(
                Message(N_("the means, from the matrix of all cosines in float64")),
                [*np.ravel(means), of_chance],
                [
                    *(x for view in embedding.views for x in _means_again(view.exact(ids))),
                    _means_again(chance.double().numpy())[1],
                ],
            ),
        ),
        "Mikolov et al. 2013",
    )


def nearest(rows: Rows, queries: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest of some tokens to each query, itself left out.

    Args:
        rows: of all tokens.
        queries: tokens, (n,).
        ids: tokens that are compared, (N,).

    Returns:
        Cosines, the largest first, and places among ``ids``, (n, :data:`NUM_NEIGHBOURS`) or fewer.
    """
    alike = cosines(rows.vectors(queries), rows.vectors(ids))
    alike[queries[:, None] == ids] = -torch.inf
    values, places = alike.topk(min(NUM_NEIGHBOURS, len(ids) - 1), 1)
    return values, places


def _means(vectors: Tensor) -> tuple[float, float]:
    """Mean cosine of all pairs, and of each vector with its nearest."""
    alike = cosines(vectors, vectors)
    return float(mean_cosine(alike, torch.ones(len(alike)))), float(mean_nearest(alike))


def _neighbour_words(
    embedding: Embedding,
    labels: Sequence[str],
    shown: Array,
    places: Array,
    means: Array,
    chance: float,
) -> Message:
    closest = int(shown[:, 0].argmax())
    fields = {
        "token": labels[closest],
        "other": embedding.names[places[closest, 0]],
        "cosine": Number(float(shown[closest, 0]), 2),
        "count": len(embedding.ids),
        "mean": Number(float(means[0, 0]), 3),
        "nearest": Number(float(means[0, 1]), 2),
        "head": Number(float(means[-1, 1]), 2),
        "chance": Number(chance, 2),
    }
    if embedding.has_head:
        text = N_(
            "Rows are compared by the cosine of the angle between them; the head has a row for each token too, which "
            "gives its logit. Something is always nearest: in a table of random numbers the nearest neighbour is at "
            "{chance} in the mean, in this run's embedding at {nearest}, in its head at {head}, and only what goes "
            "beyond chance was learned. In the head “{token}” of this sentence has the nearest, “{other}”, at {cosine}."
        )
    else:
        text = N_(
            "Rows are compared by the cosine of the angle between them. Of these tokens “{token}” has the nearest "
            "neighbour: “{other}”, at {cosine}, where all pairs of {count} tokens have {mean} in the mean. But "
            "something is always nearest: the mean over the tokens is {nearest} in this run and {chance} in a table "
            "of random numbers, and only what goes beyond chance was learned."
        )
    return Message(text, fields)


def _neighbour_choice(
    embedding: Embedding, labels: Sequence[str], shown: Array, places: Array
) -> Choice:
    figures = tuple(
        Bars(
            Message(N_("Nearest to “{token}”."), {"token": label}),
            tuple(embedding.names[place] for place in row),
            ((Message(N_("cosine")), values),),
        )
        for rows, cosines_of in zip(places, shown, strict=True)
        for label, row, values in zip(labels, rows, cosines_of, strict=True)
    )
    start = int(shown[-1, :, 0].argmax())
    token = Control(Message(N_("token")), tuple(labels), "select", start)
    return Choice(
        Message(N_("The nearest tokens of each token of the sentence.")),
        (view_control(embedding), token) if embedding.has_head else (token,),
        figures,
    )


# -- the same in float64, for the checks ---------------------------------------------------------------


def _neighbour_checks(
    embedding: Embedding, queries: Array, shown: Array, places: Array
) -> tuple[Check, ...]:
    ids = embedding.ids
    again, ranked = [], []
    for view, rows in zip(embedding.views, places, strict=True):
        exact = of_length_one(view.exact(ids))
        for query, row in zip(queries, rows, strict=True):
            own = int(np.flatnonzero(ids.numpy() == query)[0])
            again.append([_dot(exact[own], exact[place]) for place in row])
            ranked.append(np.sort(np.delete(exact @ exact[own], own))[::-1][: len(row)])
    return (
        Check(
            Message(N_("the cosines of the neighbours shown, number by number in float64")),
            shown,
            np.reshape(again, shown.shape),
        ),
        Check(
            Message(N_("no other token is nearer, all cosines sorted")),
            shown,
            np.reshape(ranked, shown.shape),
        ),
    )


def _means_again(rows: Array) -> tuple[float, float]:
    """Mean cosine of all pairs, and of each vector with its nearest."""
    exact = of_length_one(rows)
    gram = exact @ exact.T
    others = gram[~np.eye(len(gram), dtype=bool)].reshape(len(gram), -1)
    return float(others.mean()), float(others.max(1).mean())


def _dot(a: Array, b: Array) -> float:
    return float(sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True)))
