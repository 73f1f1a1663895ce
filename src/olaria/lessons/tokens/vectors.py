r"""The steps of the lesson of tokens from the ids on: rows of a table, and what is alike among them.

Arrays: ``vectors`` of the first tokens, (T, D); of each table ``cosines`` of neighbours, (tables, tokens, neighbours),
and ``neighbours``, their ids; ``inside`` and ``level``, mean cosines within a kind and what random sets stay below,
(tables, kinds), and ``mean``, that of all pairs; of the last table ``points``, (N, 2), of the tokens ``ids``,
(N,), and ``shares`` of the variance, (2,).

Sources: Mikolov et al. 2013 (vectors compared by their cosine); Pearson 1901 (the map).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from olaria.evaluation.projection import PrincipalComponents
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check
from olaria.lessons.figures import Bars, Choice, Cloud, Control, Figure, Heat, Scatter
from olaria.lessons.texts import labels_of
from olaria.lessons.tokens.kinds import KINDS, kind_of
from olaria.lessons.tokens.scene import (
    LEAST_TOKENS,
    NUM_NEIGHBOURS,
    NUM_SETS,
    SHOWN_TOKENS,
    Scene,
    cosines,
    table_of,
)
from olaria.lessons.tokens.ways import Way, mean_cosine
from olaria.lessons.twice import Row

Values = dict[str, Any]

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
        "table": Heat(
            "",
            vectors[:, :shown],
            labels_of(scene.sentence.tokens[: len(ids)]),
            tuple(str(j) for j in range(shown)),
            Message(N_("token")),
            Message(N_("component")),
            signed=True,
        ),
        "checks": (
            Check(
                Message(N_("the rows, as one-hot vectors times the table, in float64")),
                vectors,
                one_hot @ weights,
            ),
        ),
    }


def neighbours(scene: Scene, way: Way) -> Values | None:
    """The nearest vectors of the sentence's tokens, and how near they would be in a table of chance."""
    if len(scene.ids) < LEAST_TOKENS:
        return None
    ids, queries, closest = scene.ids, scene.queries, scene.closest
    most = min(NUM_NEIGHBOURS, len(ids) - 1)
    places = scene.nearest[:, :, :most].numpy()
    own = (queries[:, None] == ids).numpy()
    found, best, means = list[Array](), list[Array](), list[float]()
    for view, near in zip(scene.views, places, strict=True):
        rows = way.vectors(view, ids)
        alike = way.cosines(way.vectors(view, queries), rows)
        found.append(np.take_along_axis(alike, near, 1))
        best.append(way.largest(np.where(own, -np.inf, alike), most))
        means.append(_mean_nearest(way, rows))
    shown, names, labels = np.stack(found), scene.names(ids), scene.names(queries)
    order = scene.nearest[-1, closest]
    asked = sorted({int(order[0]), int(order[len(order) // 2]), int(order[-1])})
    figures = tuple(
        Bars(
            Message(N_("Nearest to “{token}”."), {"token": label}),
            tuple(names[place] for place in row),
            ((Message(N_("cosine")), values),),
        )
        for rows, values_of in zip(places, shown, strict=True)
        for label, row, values in zip(labels, rows, values_of, strict=True)
    )
    token = Control(Message(N_("token")), labels, "select", closest)
    return {
        "token": labels[closest],
        "other": names[order[0]],
        "cosine": shown[-1, closest, 0],
        "count": len(ids),
        "nearest": means[-1],
        "chance": _mean_nearest(way, scene.chance.double().numpy()),
        "head": len(scene.views) > 1,
        **{f"token_{i}": names[place] for i, place in enumerate(asked, 1)},
        "answer": asked.index(int(order[0])),
        "cosines": shown,
        "neighbours": ids.numpy()[places],
        "bars": Choice("", (*_view_controls(scene), token), figures),
        "checks": (
            Check(
                Message(N_("no other token is nearer, all cosines sorted")), shown, np.stack(best)
            ),
        ),
    }


def _mean_nearest(way: Way, rows: Array) -> float:
    """Mean over some vectors of each one's largest cosine with another."""
    alike = way.cosines(rows, rows)
    np.fill_diagonal(alike, -np.inf)
    return float(way.largest(alike, 1).mean())


def _view_controls(scene: Scene) -> tuple[Control, ...]:
    """Chooses between the tables, the head first seen; nothing where there is one table."""
    titles = tuple(view.title for view in scene.views)
    control = Control(Message(N_("table")), titles, "select", len(titles) - 1)
    return (control,) if len(titles) > 1 else ()


def alike_tokens(scene: Scene, way: Way) -> Values | None:
    """Whether tokens of a kind are more alike than tokens picked at random."""
    if len(scene.ids) < LEAST_TOKENS or not scene.kinds:
        return None
    everyone = torch.arange(len(scene.ids))[None]
    inside, level, mean = list[Array](), list[Array](), list[float]()
    for view in scene.views:
        rows = way.vectors(view, scene.ids)
        alike = way.cosines(rows, rows)
        inside.append(np.array([way.within(alike, own[None])[0] for own in scene.kinds.values()]))
        drawn = [way.within(alike, some) for some in scene.sets]
        level.append(np.array([np.quantile(values, LEVEL) for values in drawn]))
        mean.append(way.within(alike, everyone)[0])
    names: list[Message] = [Message(KINDS[kind][1]) for kind in scene.kinds]
    titles = tuple(
        Message(N_("{kind} ({count})"), {"kind": name, "count": len(own)})
        for name, own in zip(names, scene.kinds.values(), strict=True)
    )
    bars = tuple(
        Bars("", titles, ((Message(N_("within the kind")), some),), Message(N_("mean cosine")))
        for some in inside
    )
    apart = inside[-1] - level[-1]
    clearest, above = int(apart.argmax()), int((apart > 0).sum())
    figure: Figure = bars[0]
    if len(bars) > 1:
        figure = Choice("", _view_controls(scene), bars, (0, 1))
    return {
        "count": len(names),
        "above": above,
        "sets": NUM_SETS,
        "percent": round(100 * LEVEL),
        "kind": names[clearest],
        "closest": inside[-1][clearest],
        "all": mean[-1],
        "head": len(scene.views) > 1,
        "found": above > 0,
        "answer": 0 if above else 1,
        "inside": np.stack(inside),
        "level": np.stack(level),
        "mean": np.array(mean),
        "bars": figure,
    }


def map_of_rows(scene: Scene, way: Way) -> Values | None:
    """The rows of the last table seen from where they spread the most."""
    if len(scene.ids) < LEAST_TOKENS or not 1 < scene.table.weight.shape[1] <= MOST_WIDTH:
        return None
    points, shares = way.plane(way.vectors(scene.views[-1], scene.ids))
    labels = np.full(len(points), len(scene.kinds))
    for label, places in enumerate(scene.kinds.values()):
        labels[places.numpy()] = label
    class_names = (*(KINDS[kind][0] for kind in scene.kinds), "…")
    first, second = (Number(100 * float(share), 1) for share in shares)
    return {
        "count": len(points),
        "head": len(scene.views) > 1,
        "share": shares.sum(),
        "rest": 1 - shares.sum(),
        "knows": bool(scene.kinds),
        "answer": int(np.searchsorted(MAPPED, shares.sum())),
        "points": points,
        "shares": shares,
        "ids": scene.ids.numpy(),
        "map": Scatter(
            "",
            (Cloud("", points, labels if scene.kinds else None, scene.names(scene.ids)),),
            class_names if scene.kinds else (),
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
