r"""Kinds of tokens: whether a run has found what nobody told it, vowels and capitals, in its table of vectors.

.. math:: \overline{\cos} = \frac{1}{N (N - 1)} \sum_{i \ne j} \cos(e_i, e_j)

A kind is set beside random sets of as many tokens: what these seldom reach is no chance.

Arrays of the steps: of each table ``inside`` and ``level``, mean cosines, (tables, kinds), and ``mean``, that of all
pairs; of the last table ``points``, (N, 2), of the tokens ``ids``, (N,), and ``shares`` of the variance, (2,).

Source: Pearson 1901 (the map).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from olaria.data.tokens import Tokenizer
from olaria.evaluation.projection import PrincipalComponents
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step
from olaria.lessons.figures import Bars, Choice, Cloud, Scatter, Table
from olaria.lessons.texts import spelt
from olaria.lessons.tokens.embeddings import (
    Embedding,
    cosines,
    mean_cosine,
    of_length_one,
    view_control,
)

NUM_SETS = 200
"""Random sets of tokens that a kind of token is set beside."""
LEVEL = 0.95
LEAST_OF_KIND = 3
NUM_EDGE = 6
"""Tokens named at each edge of the map."""

_KINDS = (
    ("aeiou", N_("lower-case vowels")),
    ("bcdfg…", N_("lower-case consonants")),
    ("ABC…", N_("capital letters")),
    ("012…", N_("digits")),
    (".,;!…", N_("punctuation")),
    ("␣the…", N_("several letters after a space")),
    ("ing…", N_("several letters without a space")),
)
"""Of tokens: a name for a legend, and in words."""


def kind_of(token: str) -> int:
    """Which entry of the table of kinds a token is of; -1 for another.

    >>> [kind_of(token) for token in ("é", "t", "T", "7", "!", " the", "ing", " ")]
    [0, 1, 2, 3, 4, 5, 6, -1]
    """
    if len(token) == 1:
        base = unicodedata.normalize("NFD", token)[0]
        if base.isascii() and base.islower():
            return 0 if base in "aeiou" else 1
        if token.isupper():
            return 2
        return 3 if token.isdigit() else 4 if unicodedata.category(token)[0] == "P" else -1
    if token.startswith(" ") and token[1:].isalpha():
        return 5
    return 6 if token.isalpha() else -1


# -- kinds of tokens -----------------------------------------------------------------------------------

Members = dict[int, Tensor]
"""Of each kind of token that has enough of them: their places among the ids that are compared."""


def members(embedding: Embedding, tokenizer: Tokenizer) -> Members:
    """The kinds of which the run has read :data:`LEAST_OF_KIND` tokens or more; none where tokens are no text."""
    if not embedding.has_letters:
        return {}
    kinds = torch.tensor([kind_of(token) for token in spelt(tokenizer, embedding.ids)])
    found = {kind: (kinds == kind).nonzero().flatten() for kind in range(len(_KINDS))}
    most = len(kinds) - 1
    return {kind: places for kind, places in found.items() if LEAST_OF_KIND <= len(places) <= most}


def kind_step(embedding: Embedding, kinds: Members, seed: int) -> Step:
    """Whether tokens of a kind are more alike than tokens picked at random.

    Args:
        embedding: of the run.
        kinds: one or more.
        seed: of the random sets.
    """
    ids, places = embedding.ids, list(kinds.values())
    generator = Generator().manual_seed(seed)
    orders = [torch.rand(NUM_SETS, len(ids), generator=generator).argsort(1) for _ in kinds]
    sets = [order[:, : len(own)] for order, own in zip(orders, places, strict=True)]
    found = [measured(view.vectors(ids), places, sets) for view in embedding.views]
    inside, level, mean = (np.stack(parts) for parts in zip(*found, strict=True))
    exact = [_measured_again(view.exact(ids), places, sets) for view in embedding.views]
    titles = tuple(
        Message(N_("{kind} ({count})"), {"kind": Message(_KINDS[kind][1]), "count": len(own)})
        for kind, own in kinds.items()
    )
    figures = tuple(_kind_bars(titles, *pair) for pair in zip(inside, level, strict=True))
    return Step(
        Message(N_("Did it find letters of a kind?")),
        _kind_words(embedding, list(kinds), inside, level, mean),
        r"\overline{\cos} = \frac{1}{N(N-1)} \sum_{i \neq j} \cos(e_i, e_j)",
        (
            Choice(
                Message(N_("In each of the two tables.")),
                (view_control(embedding),),
                figures,
                (0, 1),
            ),
        )
        if embedding.has_head
        else figures,
        {"inside": inside, "level": level, "mean": mean},
        (kind_of, mean_cosine, measured),
        (
            Check(
                Message(N_("the means within each kind, pair by pair in float64")),
                inside,
                [pair[0] for pair in exact],
            ),
            Check(
                Message(N_("what random sets stay below, pair by pair in float64")),
                level,
                [pair[1] for pair in exact],
            ),
        ),
    )


def measured(
    vectors: Tensor, places: Sequence[Tensor], sets: Sequence[Tensor]
) -> tuple[Array, Array, Array]:
    """Mean cosine within each kind of token, what random sets of its size stay below, and that of all pairs.

    Args:
        vectors: (N, D).
        places: of each kind's tokens.
        sets: of each kind, places of random sets of as many tokens, (:data:`NUM_SETS`, n).
    """
    alike, none = cosines(vectors, vectors), torch.zeros(len(vectors))
    inside = torch.stack([mean_cosine(alike, none.index_fill(0, own, 1.0)) for own in places])
    members = [none.expand(len(drawn), -1).scatter(1, drawn, 1.0) for drawn in sets]
    level = torch.stack([mean_cosine(alike, rows).quantile(LEVEL) for rows in members])
    return inside.numpy(), level.numpy(), mean_cosine(alike, none + 1).numpy()


def _measured_again(
    rows: Array, places: Sequence[Tensor], sets: Sequence[Tensor]
) -> tuple[list[float], list[float]]:
    exact = of_length_one(rows)
    gram = exact @ exact.T
    inside, level = [], []
    for own, drawn in zip(places, sets, strict=True):
        a, b = np.triu_indices(len(own), 1)
        inside.append(float(gram[own[a], own[b]].mean()))
        level.append(float(np.quantile(gram[drawn[:, a], drawn[:, b]].mean(1), LEVEL)))
    return inside, level


def _kind_bars(titles: tuple[Message, ...], inside: Array, level: Array) -> Bars:
    caption = Message(
        N_(
            "Mean cosine of the pairs within a kind of token, and what {percent} of 100 random sets of as many tokens "
            "stay below."
        ),
        {"percent": round(100 * LEVEL)},
    )
    series = (
        (Message(N_("within the kind")), inside),
        (Message(N_("random sets stay below")), level),
    )
    return Bars(caption, titles, series, Message(N_("mean cosine")))


def _kind_words(
    embedding: Embedding, kinds: Sequence[int], inside: Array, level: Array, mean: Array
) -> Message:
    """Of the last table, which is the head where there is one, and how many kinds stand out in each."""
    apart = inside[-1] - level[-1]
    clearest = int(apart.argmax())
    fields = {
        "first": int((inside[0] > level[0]).sum()),
        "above": int((apart > 0).sum()),
        "count": len(kinds),
        "kind": Message(_KINDS[kinds[clearest]][1]),
        "inside": Number(float(inside[-1, clearest]), 3),
        "level": Number(float(level[-1, clearest]), 3),
        "mean": Number(float(mean[-1]), 3),
        "percent": round(100 * LEVEL),
    }
    return Message(_KIND_TEXTS[embedding.has_head, bool(apart[clearest] > 0)], fields)


_KIND_TEXTS = {
    (False, True): N_(
        "Nobody told the model which tokens are of a kind. Of {count} kinds {above} turned out more alike than "
        "{percent} of 100 random sets of as many tokens; the clearest are {kind}, with a mean cosine of {inside}, "
        "where all pairs have {mean}. By chance, one kind in twenty would be above that level."
    ),
    (False, False): N_(
        "Nobody told the model which tokens are of a kind, and in this run none of {count} kinds is more alike than "
        "{percent} of 100 random sets of as many tokens. The nearest to it are {kind}: a mean cosine of {inside}, the "
        "level is {level}. Training for longer, or on more text, may bring such order."
    ),
    (True, True): N_(
        "Nobody told the model which tokens are of a kind. Of {count} kinds, {first} in the embedding and {above} in "
        "the head turned out more alike than {percent} of 100 random sets of as many tokens; the clearest in the head "
        "are {kind}, with a mean cosine of {inside}, where all pairs have {mean}. By chance, one kind in twenty would "
        "be above that level."
    ),
    (True, False): N_(
        "Nobody told the model which tokens are of a kind, and in this run's head none of {count} kinds is more alike "
        "than {percent} of 100 random sets of as many tokens ({first} in the embedding). The nearest to it are {kind}: "
        "a mean cosine of {inside}, the level is {level}. Training for longer, or on more text, may bring such order."
    ),
}
"""By whether there is a head of its own, and whether a kind stands out in the last table."""


# -- a map ---------------------------------------------------------------------------------------------


def map_step(embedding: Embedding, kinds: Members) -> Step:
    """The rows of the last table seen from where they spread the most."""
    view, ids = embedding.views[-1], embedding.ids
    vectors = view.vectors(ids)
    found = PrincipalComponents.fitted(vectors, 2)
    points = found.encode(vectors).numpy()
    again, shares = _by_singular_values(view.exact(ids), found.axes.numpy())
    labels = np.full(len(points), len(kinds))
    for label, places in enumerate(kinds.values()):
        labels[places.numpy()] = label
    class_names = (*(_KINDS[kind][0] for kind in kinds), "…")
    both = float(found.shares.sum())
    return Step(
        Message(N_("A map of the table")),
        Message(
            _MAP_TEXTS[embedding.has_head],
            {
                "count": len(points),
                "share": Number(100 * both, 1),
                "rest": Number(100 * (1 - both), 1),
            },
        ),
        r"c = A \, (e - \overline{e}), \qquad A A^\top = I",
        (
            Scatter(
                Message(
                    N_(
                        "Each point is the row of a token, which stands beside it where there is room; the table below "
                        "names those at the edges."
                    )
                ),
                (Cloud("", points, labels if kinds else None, embedding.names),),
                class_names if kinds else (),
                Message(N_("first direction, {share} %"), {"share": _percent(found.shares[0])}),
                Message(N_("second direction, {share} %"), {"share": _percent(found.shares[1])}),
            ),
            _edges(embedding, points),
        ),
        {"points": points, "shares": found.shares.numpy(), "ids": embedding.ids.numpy()},
        (PrincipalComponents.fitted,),
        (
            Check(
                Message(N_("the points, from a singular value decomposition in float64")),
                points,
                again,
            ),
            Check(
                Message(N_("the shares of the variance, from the singular values")),
                found.shares.numpy(),
                shares,
            ),
        ),
        "Pearson 1901",
    )


_MAP_TEXTS = {
    False: N_(
        "The two directions in which the {count} rows spread the most hold {share} % of their variance; the other "
        "{rest} % are not on this map. Tokens that are far apart here are far apart in the table, but neighbours on "
        "the map need not be neighbours there."
    ),
    True: N_(
        "The two directions in which the {count} rows of the head spread the most hold {share} % of their variance; "
        "the other {rest} % are not on this map. Tokens that are far apart here are far apart in the head, but "
        "neighbours on the map need not be neighbours there."
    ),
}
"""By whether the map is of a head of its own."""


def _percent(share: Tensor) -> Number:
    return Number(100 * float(share), 1)


def _by_singular_values(rows: Array, axes: Array) -> tuple[Array, Array]:
    """Points and shares by another decomposition; the sign of a direction, which is free, as in ``axes``."""
    centred = rows - rows.mean(0)
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign((right[:2] * axes).sum(1))
    return left[:, :2] * values[:2] * signs, values[:2] ** 2 / (values**2).sum()


def _edges(embedding: Embedding, points: Array) -> Table:
    """The tokens at the left and right, top and bottom of the map."""
    count = min(NUM_EDGE, len(points) // 2)
    across, up = points[:, 0].argsort(), points[:, 1].argsort()
    ends = (across[:count], across[::-1][:count], up[:count], up[::-1][:count])
    heads = (N_("at the left"), N_("at the right"), N_("at the bottom"), N_("at the top"))
    return Table(
        Message(N_("The tokens at the edges of the map, the outermost first.")),
        tuple(map(Message, heads)),
        tuple(tuple(embedding.names[i] for i in row) for row in zip(*ends, strict=True)),
    )
