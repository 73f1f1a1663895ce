r"""The weights before and after: which were trained, how far each matrix moved, and in how many directions.

.. math:: \Delta W = \sum_k \sigma_k u_k v_k^\top, \qquad \|\Delta W\|^2 = \sum_k \sigma_k^2

Arrays are told in :mod:`olaria.lessons.tuning.steps`; ``parts`` are what each direction adds to one number of the
change. Sources: Hu et al. 2021, sections 4.1 and 7.2; Hewitt 2021; Eckart & Young 1936.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.base import Check, numbers
from olaria.lessons.figures import Bars, Curve, Plot, Table, Words
from olaria.lessons.tuning.scene import USUAL_RANK, Scene
from olaria.lessons.tuning.ways import Way

Values = dict[str, Any]

MOST_MATRICES = 26
MOST_PARTS = 16
"""Directions in a table."""
MOST_HELD = 0.9
"""Share of the squared length that the first singular values are counted up to."""
SHARES = (0.02, 0.1, 0.5)
"""Between the answers to how much was trained."""


def trained(scene: Scene, way: Way) -> Values:
    """What was carried over, what was trained."""
    tuned = scene.tuned
    counts, added = tuned.trained, tuned.num_added
    total, count = sum(w.numel() for w in tuned.model.parameters()), sum(counts.values())
    own = sum(counts[name] for name in tuned.adapters) if tuned.adapters else count
    rank = tuned.tuning.rank
    vocab = tuned.tokenizer.vocab_size
    p = way.probabilities(0, scene.ids)[-1] if tuned.start is not None else np.zeros(vocab)
    known = vocab - added
    rows = (
        (Message(N_("parameters of the model")), total),
        (Message(N_("parameters that were trained")), count),
        (Message(N_("tokens that the base knew")), known),
        (Message(N_("new tokens")), added),
    )
    return {
        "base": tuned.base_name,
        "total": total,
        "count": own,
        "share": own / total,
        "every": count,
        "part": count / total,
        "with_tables": rank is not None and count > own,
        "all_weights": rank is None,
        "adapters": rank is not None,
        "layers": len(tuned.adapters),
        "rank": rank or 0,
        "alpha": tuned.tuning.alpha,
        "added": added,
        "grown": bool(added),
        "kept": not added,
        "knows": bool(added) and tuned.start is not None,
        "p_new": p[known:].mean() if added else 0.0,
        "p_old": p[:known].mean(),
        "gone": tuned.start is None,
        "carried": tuned.start is not None and tuned.base is None,
        "here": tuned.start is not None and tuned.base is not None,
        "answer": int(np.searchsorted(SHARES, count / total)),
        "trained": np.array(list(counts.values())),
        "table": Table("", (Message(N_("what")), Message(N_("how many"))), rows),
        "checks": _trained_checks(scene, count),
    }


def _trained_checks(scene: Scene, count: int) -> tuple[Check, ...]:
    tuned, checks = scene.tuned, list[Check]()
    if "num_parameters" in tuned.run.result:
        text = N_("as many parameters were trained as the training counted")
        checks.append(Check(Message(text), count, tuned.run.result["num_parameters"]))
    if tuned.base is not None and tuned.start is not None and tuned.adapters:
        text = N_("the weights beside the adapters are identical to the base's: their distance")
        state = tuned.start.state_dict()
        apart = [float((tuned.frozen[name] - state[name]).norm()) for name in tuned.adapters]
        checks.append(Check(Message(text), apart, np.zeros(len(apart))))
    if tuned.start is not None and tuned.num_added:
        text = N_("the rows of new tokens began as the mean of the old ones")
        state, new = tuned.start.state_dict(), -tuned.num_added
        tables = [numbers(state[name]) for name in tuned.run.provenance["base"]["grown"]]
        tables = [table for table in tables if len(table) == tuned.tokenizer.vocab_size]
        pairs = [(t[new:], np.repeat(t[:new].mean(0, keepdims=True), -new, 0)) for t in tables]
        one, other = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
        checks.append(Check(Message(text), one, other))
    return tuple(checks)


def moved(scene: Scene, way: Way) -> Values | None:
    """How far each matrix moved, relative to its length."""
    if scene.tuned.start is None:
        return None
    names = list(scene.changes)
    shares = np.array([_length(way.change(name)) / _length(way.weight(name)) for name in names])
    seen = np.array([float(c.norm() / w.norm()) for w, c in scene.changes.values()])
    most, least = int(seen.argmax()), int(seen.argmin())
    shown = np.sort(np.argsort(-seen, kind="stable")[:MOST_MATRICES])
    tables = sum(name in TABLES for name in names)
    return {
        "count": len(names),
        "any": bool(seen[most]),
        "identical": not seen[most],
        "most": short(names[most]),
        "far": shares[most],
        "least": short(names[least]),
        "near": shares[least],
        "still": int((seen == 0).sum()),
        "answer": _place(names[most]) if seen[most] and tables < len(names) else None,
        "moved": shares,
        "bars": Bars(
            "",
            tuple(short(names[i]) for i in shown),
            ((Message(N_("relative change")), shares[shown]),),
        ),
        "checks": (Check(Message(N_("the same from the matrices of both models")), shares, seen),),
    }


TABLES = ("embedding.weight", "positions.weight", "head.weight", "table.weight")


def _place(name: str) -> int:
    """Attention, feed-forward, or the tables at both ends."""
    return 2 if name in TABLES else 0 if "qkv" in name or "attention" in name else 1


def low_rank(scene: Scene, way: Way) -> Values | None:
    """One number of the change as a sum: of the adapter's products, or of the change's own directions."""
    if scene.tuned.start is None or scene.most_moved is None:
        return None
    name, (row, column) = scene.most_moved, scene.entry
    change, adapter = way.change(name), scene.tuned.adapters.get(name)
    if adapter is None:
        parts = way.parts(change, row, column)
    else:
        a, b = (numbers(x) for x in adapter)
        parts = scene.tuned.tuning.alpha / len(a) * b[row] * a[:, column]
    rank = len(parts) if adapter is not None else USUAL_RANK
    n, m = change.shape
    sums, shown = parts.cumsum(), min(MOST_PARTS if adapter is not None else USUAL_RANK, len(parts))
    rows = [(str(k + 1), float(parts[k]), float(sums[k])) for k in range(shown)]
    headings = (N_("direction"), N_("what it adds"), N_("sum so far"))
    return {
        "name": short(name),
        "rows": n,
        "columns": m,
        "row": row + 1,
        "column": column + 1,
        "entry": change[row, column],
        "adapted": adapter is not None,
        "free": adapter is None,
        "rank": rank,
        "whole": n * m,
        "thin": rank * (n + m),
        "thick": rank * n * m,
        "first": parts[0],
        "shown": shown,
        "sum": sums[shown - 1],
        "answer": 1,
        "parts": parts,
        "table": Table("", tuple(map(Message, headings)), tuple(rows), digits=5),
        "checks": (
            Check(
                Message(N_("all directions together give the number of the change")),
                sums[-1],
                change[row, column],
            ),
        ),
    }


def directions(scene: Scene, way: Way) -> Values | None:
    """The singular values of the change of the matrix that moved most."""
    if scene.tuned.start is None or scene.most_moved is None:
        return None
    name = scene.most_moved
    values = way.singular_values(way.change(name))
    held = (values**2).cumsum() / (values**2).sum()
    adapter = scene.tuned.adapters.get(name)
    rank = None if adapter is None else len(adapter[0])
    most, seen = min(rank or USUAL_RANK, len(values)), _seen_values(scene)
    needed = int(((seen**2).cumsum() < MOST_HELD * (seen**2).sum()).sum()) + 1
    is_thin = rank is not None and rank < len(values)
    marks: tuple[tuple[Words, float], ...] = ()
    if rank is not None:
        marks = ((Message(N_("rank")), float(rank)),)
    # Beyond an adapter's rank all is rounding, and no two computations agree in it.
    kept = values[:most] if is_thin else values
    return {
        "name": short(name),
        "count": len(values),
        "needed": needed,
        "percent": round(100 * MOST_HELD),
        "rank": most,
        "held": held[most - 1],
        "thin": is_thin,
        "free": not is_thin,
        "next": _bound(float(seen[most] / seen[0])) if is_thin else 0.0,
        "answer": 0 if needed <= most else 1,
        "singular_values": kept,
        "plot": Plot(
            "",
            (
                Curve(
                    Message(N_("singular value")),
                    np.arange(1.0, len(seen) + 1),
                    np.concatenate((kept / kept[0], seen[len(kept) :] / seen[0])),
                ),
            ),
            Message(N_("number")),
            Message(N_("relative to the first")),
            marks=marks,
        ),
        "checks": (
            Check(
                Message(N_("their squares add up to the squared length of the change")),
                (values**2).sum(),
                (way.change(name) ** 2).sum(),
            ),
        ),
    }


def _seen_values(scene: Scene) -> Any:
    """The model's own singular values, for choices."""
    assert scene.most_moved is not None
    return np.linalg.svd(numbers(scene.changes[scene.most_moved][1]), compute_uv=False)


def _length(x: Any) -> float:
    return float(np.sqrt((x**2).sum()))


def short(name: str) -> str:
    """Of a layer, by the name of its weight."""
    return name.removesuffix(".weight")


def _bound(value: float) -> float:
    """A power of ten above ``value``, and no less than a ten-thousandth: of rounding no digits matter."""
    return max(1e-4, 10.0 ** math.ceil(math.log10(max(value, 1e-12))))
