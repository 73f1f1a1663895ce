r"""The steps of the lesson of tokens from the ids on: rows of a table, and what is alike among them.

Arrays: ``vectors`` of the first tokens, (T, D); of each table ``cosines`` of neighbours, (tables, tokens, neighbours),
and ``neighbours``, their ids; ``inside`` and ``level``, mean cosines within a kind and what random sets stay below,
(tables, kinds); of the last table ``points``, (N, 2), of the tokens ``ids``, (N,), and ``shares`` of the variance.

Sources: Mikolov et al. 2013 (vectors compared by their cosine); Pearson 1901 (the map).
"""

from __future__ import annotations

import numpy as np

from olaria.evaluation.projection import PrincipalComponents
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Bars, Choice, Cloud, Control, Heat, Scatter
from olaria.lessons.parts import Values
from olaria.lessons.texts import labels_of
from olaria.lessons.tokens.scene import (
    KINDS,
    LEAST_TOKENS,
    NUM_NEIGHBOURS,
    NUM_SETS,
    SHOWN_TOKENS,
    Ids,
    Scene,
    cosines,
    kind_of,
    table_of,
)
from olaria.lessons.tokens.ways import Way
from olaria.lessons.twice import Row
from olaria.numbers import Number

SHOWN_DIMENSIONS = 16
SHARES = (0.05, 0.25, 0.75)
"""Between the answers to how much of a model its table is."""
LEVEL = 0.95
MOST_WIDTH = 1024
"""Of the rows that are mapped: wider ones would take seconds."""
MAPPED = (0.25, 0.5)
"""Between the answers to how much of the variance a map holds."""


def one_row(scene: Scene, way: Way) -> Values:
    """The rows of the sentence's tokens, which are products of the table with one-hot vectors."""
    ids = scene.sentence.ids[:SHOWN_TOKENS]
    vectors = way.rows(ids)
    weights = scene.table.weight.detach().double().numpy()
    one_hot = np.eye(len(weights))[ids.numpy()]
    shown = min(SHOWN_DIMENSIONS, vectors.shape[1])
    total = sum(parameter.numel() for parameter in scene.model.parameters())
    share = weights.size / total
    names = labels_of(scene.sentence.tokens[: len(ids)]), tuple(map(str, range(shown)))
    titles = Message(N_("token")), Message(N_("component"))
    text = Message(N_("the rows, as one-hot vectors times the table, in float64"))
    return {
        "rows": len(weights),
        "width": vectors.shape[1],
        "total": total,
        "share": share,
        "special": len(weights) - scene.tokenizer.vocab_size,
        "bigram": scene.is_bigram,
        "answer": int(np.searchsorted(SHARES, share)),
        "count": len(ids),
        "shown": shown,
        "vectors": vectors,
        "table": Heat("", vectors[:, :shown], *names, *titles, signed=True),
        "checks": (Check(text, vectors, one_hot @ weights),),
    }


def neighbours(scene: Scene, way: Way) -> Values | None:
    """The nearest vectors of the sentence's tokens, and how near they would be in a table of chance."""
    if len(scene.ids) < LEAST_TOKENS:
        return None
    ids, queries, closest = scene.ids, scene.queries, scene.closest
    places = scene.nearest[:, :, :NUM_NEIGHBOURS].numpy()
    own = (queries[:, None] == ids).numpy()
    found, best, nearest = list[Array](), list[Array](), list[float]()
    for weight, near in zip(scene.views.values(), places, strict=True):
        rows = way.vectors(weight, ids)
        alike = way.cosines(way.vectors(weight, queries), rows)
        found.append(np.take_along_axis(alike, near, 1))
        alike[own] = -np.inf
        best.append(np.sort(alike, 1)[:, ::-1][:, : near.shape[1]])
        nearest.append(_mean_nearest(way, rows))
    shown, names, labels = np.stack(found), scene.names(ids), scene.names(queries)
    order = scene.nearest[-1, closest].tolist()
    asked = sorted({order[0], order[len(order) // 2], order[-1]})
    series = Message(N_("cosine"))
    bars = tuple(
        Bars(
            Message(N_("Nearest to “{token}”."), {"token": label}),
            tuple(names[place] for place in row),
            ((series, values),),
        )
        for rows, values_of in zip(places, shown, strict=True)
        for label, row, values in zip(labels, rows, values_of, strict=True)
    )
    token = Control(Message(N_("token")), labels, "select", closest)
    text = Message(N_("no other token is nearer, all cosines sorted"))
    return {
        "token": labels[closest],
        "other": names[order[0]],
        "cosine": shown[-1, closest, 0],
        "count": len(ids),
        "nearest": nearest[-1],
        "chance": _mean_nearest(way, scene.chance.double().numpy()),
        "head": len(scene.views) > 1,
        **{f"token_{i}": names[place] for i, place in enumerate(asked, 1)},
        "answer": asked.index(order[0]),
        "cosines": shown,
        "neighbours": ids.numpy()[places],
        "bars": Choice("", (*_tables(scene), token), bars),
        "checks": (Check(text, shown, np.stack(best)),),
    }


def _mean_nearest(way: Way, rows: Array) -> float:
    """Mean over some vectors of each one's largest cosine with another."""
    alike = way.cosines(rows, rows)
    np.fill_diagonal(alike, -np.inf)
    return float(alike.max(1).mean())


def _tables(scene: Scene) -> tuple[Control, ...]:
    """Chooses between the tables, the head first seen; nothing where there is one table."""
    titles = tuple(map(Message, scene.views))
    control = Control(Message(N_("table")), titles, "select", len(titles) - 1)
    return (control,) if len(titles) > 1 else ()


def mean_cosine(alike: Array, sets: Ids) -> Array:
    r"""Mean cosine of all pairs of different vectors within sets.

    .. math:: \frac{2}{n (n - 1)} \sum_{i < j} \cos(e_i, e_j)

    Args:
        alike: cosines of all vectors, (N, N).
        sets: places of n vectors, (K, n).

    Returns:
        (K,).
    """
    i, j = np.triu_indices(sets.shape[1], 1)
    return np.asarray(alike[sets[:, i], sets[:, j]].mean(1))


def alike_tokens(scene: Scene, way: Way) -> Values | None:
    """Whether tokens of a kind are more alike than tokens picked at random."""
    if len(scene.ids) < LEAST_TOKENS or not scene.kinds:
        return None
    kinds, inside, level, mean = scene.kinds.values(), list[Array](), list[Array](), 0.0
    for weight in scene.views.values():
        rows = way.vectors(weight, scene.ids)
        alike = way.cosines(rows, rows)
        inside.append(np.array([mean_cosine(alike, own[None])[0] for own in kinds]))
        drawn = (mean_cosine(alike, some) for some in scene.sets)
        level.append(np.array([np.quantile(values, LEVEL) for values in drawn]))
        mean = mean_cosine(alike, np.arange(len(scene.ids))[None])[0]
    names = [Message(KINDS[kind][1]) for kind in scene.kinds]
    titles = tuple(
        Message(N_("{kind} ({count})"), {"kind": name, "count": len(own)})
        for name, own in zip(names, kinds, strict=True)
    )
    series, unit = Message(N_("within the kind")), Message(N_("mean cosine"))
    bars = tuple(Bars("", titles, ((series, some),), unit) for some in inside)
    apart = inside[-1] - level[-1]
    clearest, above = int(apart.argmax()), int((apart > 0).sum())
    return {
        "count": len(names),
        "above": above,
        "sets": NUM_SETS,
        "percent": round(100 * LEVEL),
        "kind": names[clearest],
        "closest": inside[-1][clearest],
        "all": mean,
        "found": above > 0,
        "answer": 0 if above else 1,
        "inside": np.stack(inside),
        "level": np.stack(level),
        "bars": Choice("", _tables(scene), bars, (0, 1)) if len(bars) > 1 else bars[0],
    }


def map_of_rows(scene: Scene, way: Way) -> Values | None:
    """The rows of the last table seen from where they spread the most."""
    if len(scene.ids) < LEAST_TOKENS or not 1 < scene.table.weight.shape[1] <= MOST_WIDTH:
        return None
    points, shares = way.plane(way.vectors([*scene.views.values()][-1], scene.ids))
    kinds = scene.kinds
    labels = np.full(len(points), len(kinds))
    for label, places in enumerate(kinds.values()):
        labels[places] = label
    legend = (*(KINDS[kind][0] for kind in kinds), "…") if kinds else ()
    first, second = (Number(100 * float(share), 1) for share in shares)
    return {
        "count": len(points),
        "head": len(scene.views) > 1,
        "share": shares.sum(),
        "rest": 1 - shares.sum(),
        "knows": bool(kinds),
        "answer": int(np.searchsorted(MAPPED, shares.sum())),
        "points": points,
        "shares": shares,
        "ids": scene.ids.numpy(),
        "map": Scatter(
            "",
            (Cloud("", points, labels if kinds else None, scene.names(scene.ids)),),
            legend,
            Message(N_("first direction, {share}%"), {"share": first}),
            Message(N_("second direction, {share}%"), {"share": second}),
        ),
    }


VECTORS = (
    Row(one_row, (table_of,)),
    Row(neighbours, (cosines,)),
    Row(alike_tokens, (kind_of, mean_cosine)),
    Row(map_of_rows, (PrincipalComponents.fitted,)),
)
"""In the order of the documents."""
