r"""The steps of the lesson on fine-tuning; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

.. math:: W' = W + \Delta W, \qquad \Delta W = \sum_k \sigma_k u_k v_k^\top, \qquad
          \Delta W = \frac{\alpha}{r} B A \quad\text{with adapters}

Arrays, of a sentence of T tokens and V tokens to choose from: ``nats_before`` and ``nats_after`` (T − 1,), negative
log-probabilities of each token but the first; ``steps`` and ``validation_nats`` of the run's evaluations; ``before``
and ``after`` (V,), two distributions, and ``distances`` (T − 1,) between them at each position; ``trained``, how many
parameters of each weight; ``moved``, the relative change of each matrix, in the order of the model;
``singular_values`` of the change of the one that moved most, and ``parts``, what each direction adds to one number of
it; ``nats_before_…`` and ``nats_after_…`` (N,), of the new text and of the base's own (``new``, ``old``).

Sources: Howard & Ruder 2018 (fine-tuning of a language model); Hu et al. 2021, sections 4.1 and 7.2 (adapters);
Hewitt 2021 (new tokens); Eckart & Young 1936 (the best approximation of a rank); French 1999 (forgetting).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check, numbers
from olaria.lessons.evaluated import loss_beside
from olaria.lessons.figures import Bars, Curve, Plot, Table, Tokens, Words
from olaria.lessons.texts import visible
from olaria.lessons.tuning.base import token_nats
from olaria.lessons.tuning.scene import USUAL_RANK, WRITTEN_TOKENS, Scene, losses_of
from olaria.lessons.tuning.ways import Way
from olaria.lessons.twice import Row
from olaria.models.base import Model
from olaria.nn.lora import LowRank, add_adapters, merge_adapters
from olaria.sampling.autoregressive import generate
from olaria.training.inheritance import grow

Values = dict[str, Any]

SHOWN_CANDIDATES = 6  # likeliest tokens of each model
MOST_MATRICES = 26
MOST_PARTS = 16  # directions in a table
MOST_HELD = 0.9  # share of the squared length that the first singular values are counted up to
SHARES = (0.02, 0.1, 0.5)
"""Between the answers to how much was trained."""
TABLES = ("embedding.weight", "positions.weight", "head.weight", "table.weight")
BEFORE, AFTER = Message(N_("before tuning")), Message(N_("after tuning"))
UNIT = Message(N_("nats per token"))


def same_prompt(scene: Scene, way: Way) -> Values:
    """The sentence continued before and after, and what it costs both."""
    places, following = np.arange(len(scene.ids) - 1), scene.ids[1:]
    read = [way.probabilities(which, scene.ids[:-1]) for which in range(len(scene.models))]
    nats = [-np.log(p[places, following]) for p in read]
    is_there, sums = len(nats) == 2, [float(each.sum()) for each in nats]
    likelier = [float(np.exp(-each[-1])) for each in nats]
    names = (BEFORE, AFTER) if is_there else (AFTER,)
    headings = Message(N_("model")), Message(N_("text"))
    return {
        "base": scene.tuned.base_name,
        "sentence": scene.sentence.text,
        "seed": scene.asked.seed,
        "count": len(places),
        "written": WRITTEN_TOKENS,
        "there": is_there,
        "added": scene.tuned.num_added,
        "grown": is_there and bool(scene.tuned.num_added),
        "before": sums[0],
        "after": sums[-1],
        "last": visible(scene.spell(scene.ids[-1:])[0]),
        "p_before": likelier[0],
        "p_after": likelier[-1],
        "answer": int(sums[0] >= sums[1]) if is_there else None,
        "notes": scene.sentence.notes,
        **({"nats_before": nats[0]} if is_there else {}),
        "nats_after": nats[-1],
        "texts": scene.live(Table("", headings, tuple(zip(names, scene.written, strict=True)))),
    }


def curves(scene: Scene, _way: Way) -> Values | None:
    """The run's losses over its steps, beside those of a run from scratch where one is given."""
    if not scene.is_measured:
        return None
    (train, validation), scratch, base = scene.losses, scene.tuned.scratch, scene.tuned.base
    drawn = {N_("fine-tuned, training"): train, N_("fine-tuned, validation"): validation}
    common, other = np.empty(0), np.empty((2, 0))
    if scratch is not None:
        other_train, other = losses_of(scratch)
        drawn |= {N_("from scratch, training"): other_train, N_("from scratch, validation"): other}
        common = np.intersect1d(validation[0], other[0])
    is_beside, best = bool(common.size), int(validation[1].argmin())
    at = common.max() if is_beside else 0.0
    pair = [float(losses[steps == at].sum()) for steps, losses in (validation, other)]
    recipes = [run.recipe for run in (scene.tuned.run, scratch) if run is not None]
    works = [(recipe.model, recipe.training.batch_size) for recipe in recipes]  # of a step
    lines = tuple(Curve(Message(name), *curve) for name, curve in drawn.items() if curve.size)
    return {
        "first": train[1, 0],
        "best": validation[1, best],
        "best_step": int(validation[0, best]),
        "uniform": math.log(scene.tuned.tokenizer.vocab_size),
        "beside": is_beside,
        "at": int(at),
        "tuned": pair[0],
        "scratch": pair[1],
        "alike": is_beside and works[0] == works[-1],
        "unlike": is_beside and works[0] != works[-1],
        "base_steps": base.checkpoint()[0] if base is not None else 0,
        "has_base": base is not None and is_beside,
        "answer": int(pair[0] >= pair[1]) if is_beside else None,
        "steps": validation[0],
        "validation_nats": validation[1],
        "plot": Plot("", lines, Message(N_("step")), UNIT),
    }


def predictions(scene: Scene, way: Way) -> Values | None:
    """Each token of the sentence before and after, and both distributions where they are furthest apart."""
    if scene.tuned.start is None:
        return None
    tokens, places = scene.sentence.tokens, np.arange(len(scene.ids) - 1)
    place = int(np.abs(scene.read[1] - scene.read[0]).sum(-1).argmax())
    both = np.stack([way.probabilities(which, scene.ids[:-1]) for which in (0, 1)])  # (2, T-1, V)
    p = both[:, places, scene.ids[1:]]
    before, after = scene.read[:, places, scene.ids[1:]]
    likeliest = scene.read.argmax(-1)
    named = [tuple(map(visible, scene.spell(row))) for row in likeliest]
    seen = scene.read[:, place]
    best = np.argsort(-seen, axis=-1, kind="stable")[:, :SHOWN_CANDIDATES]
    candidates = np.unique(best)
    candidates = candidates[np.argsort(-seen.sum(0)[candidates], kind="stable")]
    distance = np.abs(both[1] - both[0]).sum(-1) / 2
    gained = np.maximum(both[1, place] - both[0, place], 0).sum()
    text = Message(N_("their distance is also the sum of what was gained"))
    changed = int((likeliest[0] != likeliest[1]).sum())
    bars = tuple(
        (when, x[place, candidates]) for when, x in zip((BEFORE, AFTER), both, strict=True)
    )
    return {
        "changed": changed,
        "count": len(places),
        "likelier": int((after > before).sum()),
        "answer": 0 if changed > len(places) / 2 else 1,
        "until": scene.sentence.tokenizer.decode(scene.sentence.ids[: place + 1]),
        "most": distance[place],
        "mean": distance.mean(),
        "before": both[0, place],
        "after": both[1, place],
        "distances": distance,
        "first": Tokens("", tokens[1:], p[0], notes=named[0]),
        "second": Tokens("", tokens[1:], p[1], notes=named[1]),
        "candidates": Bars("", scene.spell(candidates), bars, Message(N_("probability"))),
        "checks": (Check(text, distance[place], gained),),
    }


def trained(scene: Scene, way: Way) -> Values:
    """What was carried over, what was trained."""
    tuned, is_there = scene.tuned, scene.tuned.start is not None
    counts, added, rank = tuned.trained, tuned.num_added, tuned.tuning.rank
    total, count = sum(w.numel() for w in tuned.model.parameters()), sum(counts.values())
    own = sum(counts[name] for name in tuned.adapters) if tuned.adapters else count
    vocab = tuned.tokenizer.vocab_size
    known = vocab - added
    p = way.probabilities(0, scene.ids)[-1] if is_there else np.zeros(vocab)
    rows = (
        (Message(N_("parameters of the model")), total),
        (Message(N_("parameters that were trained")), count),
        (Message(N_("tokens that the base knew")), known),
        (Message(N_("new tokens")), added),
    )
    text = Message(N_("as many parameters were trained as the training counted"))
    counted = tuned.run.result.get("num_parameters")
    return {
        "base": tuned.base_name,
        "count": own,
        "share": own / total,
        "every": count,
        "part": count / total,
        "with_tables": rank is not None and count > own,
        "adapters": rank is not None,
        "layers": len(tuned.adapters),
        "rank": rank or 0,
        "alpha": tuned.tuning.alpha,
        "added": added,
        "grown": bool(added),
        "knows": bool(added) and is_there,
        "p_new": p[known:].mean() if added else 0.0,
        "p_old": p[:known].mean(),
        "gone": not is_there,
        "carried": is_there and tuned.base is None,
        "here": is_there and tuned.base is not None,
        "answer": int(np.searchsorted(SHARES, count / total)),
        "trained": np.array(list(counts.values())),
        "table": Table("", (Message(N_("what")), Message(N_("how many"))), rows),
        "checks": () if counted is None else (Check(text, count, counted),),
    }


def moved(scene: Scene, way: Way) -> Values | None:
    """How far each matrix moved, relative to its length."""
    if scene.tuned.start is None:
        return None
    names, seen = list(scene.changes), np.array([*scene.shares.values()])
    shares = np.array([_length(way.change(name)) / _length(way.weight(name)) for name in names])
    most, least = int(seen.argmax()), int(np.where(seen > 0, seen, np.inf).argmin())
    shown = np.sort(np.argsort(-seen, kind="stable")[:MOST_MATRICES])
    moving, layers = int((seen > 0).sum()), [name.removesuffix(".weight") for name in names]
    labels = tuple(layers[i] for i in shown)
    is_asked = moving > 0 and not set(names) <= set(TABLES)
    return {
        "count": len(names),
        "any": moving > 0,
        "all_moved": len(names) == moving > 1,
        "some_moved": len(names) > moving > 1,
        "one_moved": len(names) > moving == 1,
        "alone": len(names) == moving == 1,
        "moving": moving,
        "most": layers[most],
        "far": shares[most],
        "least": layers[least],
        "near": shares[least],
        "answer": _place(names[most]) if is_asked else None,
        "moved": shares,
        "bars": Bars("", labels, ((Message(N_("relative change")), shares[shown]),)),
        "checks": (Check(Message(N_("the same from the matrices of both models")), shares, seen),),
    }


def _place(name: str) -> int:
    """Attention, feed-forward, or the tables at both ends."""
    return 2 if name in TABLES else 0 if "qkv" in name or "attention" in name else 1


def low_rank(scene: Scene, way: Way) -> Values | None:
    """One number of the change as a sum, of the adapter's products or of its own directions; and how long those are."""
    if scene.tuned.start is None or scene.most_moved is None:
        return None
    name, (row, column) = scene.most_moved, scene.entry
    change, adapter = way.change(name), scene.tuned.adapters.get(name)
    values, rank, (n, m) = way.singular_values(change), USUAL_RANK, change.shape
    if adapter is None:
        parts = way.parts(change, row, column)
    else:
        a, b = map(numbers, adapter)
        rank = len(a)
        parts = scene.tuned.tuning.alpha / rank * b[row] * a[:, column]
        values[rank:] = 0  # all is rounding, and no two computations agree in it
    sums, shown = parts.cumsum(), min(USUAL_RANK if adapter is None else MOST_PARTS, len(parts))
    rows = [(str(k + 1), float(parts[k]), float(sums[k])) for k in range(shown)]
    headings = Message(N_("direction")), Message(N_("what it adds")), Message(N_("sum so far"))
    held, few = (values**2).cumsum() / (values**2).sum(), min(rank, len(values))
    marks: tuple[tuple[Words, float], ...] = ((Message(N_("rank")), float(rank)),)
    curve = Curve(
        Message(N_("singular value")), np.arange(1.0, len(values) + 1), values / values[0]
    )
    titles = Message(N_("number")), Message(N_("relative to the first"))
    texts = (
        Message(N_("all directions together give the number of the change")),
        Message(N_("their squares add up to the squared length of the change")),
    )
    return {
        "name": name.removesuffix(".weight"),
        "rows": n,
        "columns": m,
        "row": row + 1,
        "column": column + 1,
        "entry": change[row, column],
        "adapted": adapter is not None,
        "rank": rank,
        "whole": n * m,
        "thin": rank * (n + m),
        "thick": rank * n * m,
        "shown": shown,
        "sum": sums[shown - 1],
        "answer": 1,
        "parts": parts,
        "table": Table("", headings, tuple(rows), digits=5),
        "count": len(values),
        "needed": int((held < MOST_HELD).sum()) + 1,
        "percent": round(100 * MOST_HELD),
        "few": few,
        "held": held[few - 1],
        "singular_values": values,
        "plot": Plot("", (curve,), *titles, marks=() if adapter is None else marks),
        "checks": (
            Check(texts[0], sums[-1], change[row, column]),
            Check(texts[1], (values**2).sum(), (change**2).sum()),
        ),
    }


def _length(x: Array) -> float:
    return float(np.sqrt((x**2).sum()))


def forgetting(scene: Scene, way: Way) -> Values | None:
    """The loss on the new text and on the base's own, before and after."""
    if scene.tuned.start is None:
        return None
    texts, titles = scene.excerpts, (N_("the new text"), N_("the base's own text"))
    nats = {
        f"{when}_{name}": way.nats(which, text)
        for which, when in enumerate(("before", "after"))
        for name, text in texts.items()
    }
    means = {name: float(each.mean()) for name, each in nats.items()}
    gain, error = _mean_and_error(nats["before_new"] - nats["after_new"])
    is_old, change, old_error = "old" in texts, 0.0, 0.0
    if is_old:
        change, old_error = _mean_and_error(nats["after_old"] - nats["before_old"])
    is_clear, count = abs(change) > 2 * old_error, len(nats["before_new"])
    bars = tuple(
        (title, np.array([means[f"{when}_{name}"] for name in texts]))
        for when, title in (("before", BEFORE), ("after", AFTER))
    )
    return {
        "count": count,
        "before": means["before_new"],
        "after": means["after_new"],
        "gain": gain,
        "error": error,
        "gained": gain > 2 * error,
        "old_before": means.get("before_old", 0.0),
        "old_after": means.get("after_old", 0.0),
        "change": abs(change),
        "old_error": old_error,
        "rose": is_clear and change > 0,
        "fell": is_clear and change < 0,
        "level": is_old and not is_clear,
        "unmeasured": not is_old,
        "evaluated": loss_beside(scene.tuned.run, count, 3),
        "answer": int(not (is_clear and change > 0)) if is_old else None,
        **{f"nats_{name}": values for name, values in nats.items()},
        "bars": Bars("", tuple(map(Message, titles))[: len(texts)], bars, UNIT),
    }


def _mean_and_error(values: Array) -> tuple[float, float]:
    """The mean, and its standard error where the values are taken for independent."""
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return float(values.mean()), float(error)


STEPS = (
    Row(same_prompt, (generate,)),
    Row(curves),
    Row(predictions),
    Row(trained, (Model.trained_phases, add_adapters)),
    Row(moved, (merge_adapters, grow)),
    Row(low_rank, (LowRank.forward,)),
    Row(forgetting, (token_nats,), reads_data=True),
)
"""In the order of the documents."""
