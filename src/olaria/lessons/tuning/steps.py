r"""The steps of the lesson on fine-tuning; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

.. math:: W' = W + \Delta W, \qquad \Delta W = \frac{\alpha}{r} B A \quad\text{with adapters}

Arrays, of a sentence of T tokens and V tokens to choose from: ``nats_before`` and ``nats_after`` (T − 1,), negative
log-probabilities of each token but the first; ``steps`` and ``validation_nats`` of the run's evaluations; ``before``
and ``after`` (V,), two distributions, and ``distances`` (T − 1,) between them at each position; ``trained``, how many
parameters of each weight; ``moved``, the relative change of each matrix, in the order of the model;
``singular_values`` of the change of the one that moved most; ``nats_before_…`` and ``nats_after_…`` (N,), of the new
text and of the base's own (``new``, ``old``).

Sources: Howard & Ruder 2018 (fine-tuning of a language model); Hu et al. 2021, sections 4.1 and 7.2 (adapters);
Hewitt 2021 (new tokens); Eckart & Young 1936 (the best approximation of a rank); French 1999 (forgetting).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from olaria.evaluation.text import text_loss
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.evaluated import loss_beside
from olaria.lessons.figures import Bars, Curve, Plot, Table, Tokens, Words
from olaria.lessons.texts import visible
from olaria.lessons.tuning.matrices import directions, low_rank, moved, trained
from olaria.lessons.tuning.scene import WRITTEN_TOKENS, Curves, Scene
from olaria.lessons.tuning.ways import Way
from olaria.lessons.twice import Row
from olaria.models.base import Model
from olaria.nn.lora import LowRank, add_adapters, merge_adapters
from olaria.sampling.autoregressive import generate
from olaria.training.inheritance import grow

Values = dict[str, Any]

SHOWN_CHANGES = 8
SHOWN_CANDIDATES = 6
BEFORE, AFTER = Message(N_("before tuning")), Message(N_("after tuning"))


# -- the same prompt -------------------------------------------------------------------------------


def same_prompt(scene: Scene, way: Way) -> Values:
    """The sentence continued before and after, and what it costs both."""
    nats = [_nats(scene, way, which) for which in range(len(scene.models))]
    is_there, sums = len(nats) == 2, [float(each.sum()) for each in nats]
    names = (BEFORE, AFTER) if is_there else (AFTER,)
    likelier = [float(np.exp(-each[-1])) for each in nats]
    return {
        "base": scene.tuned.base_name,
        "sentence": scene.sentence.text,
        "seed": scene.asked.seed,
        "count": len(nats[0]),
        "written": WRITTEN_TOKENS,
        "there": is_there,
        "before": sums[0],
        "after": sums[-1],
        "last": visible(scene.spell(scene.ids[-1:])[0]),
        "p_before": likelier[0],
        "p_after": likelier[-1],
        "difference": sums[0] - sums[-1],
        "answer": int(not _first_is_less(scene)) if is_there else None,
        "notes": scene.sentence.notes,
        **({"nats_before": nats[0]} if is_there else {}),
        "nats_after": nats[-1],
        "texts": Table(
            "",
            (Message(N_("model")), Message(N_("text"))),
            tuple(zip(names, scene.written, strict=True)),
        ),
    }


def _nats(scene: Scene, way: Way, which: int) -> Array:
    p = way.probabilities(which, scene.ids[:-1])
    return np.asarray(-np.log(p[np.arange(len(p)), scene.ids[1:]]))


def _first_is_less(scene: Scene) -> bool:
    """Whether the sentence costs less before tuning."""
    places = np.arange(len(scene.ids) - 1)
    p = scene.read.numpy()[:, places, scene.ids[1:]]
    return bool(np.log(p[0]).sum() > np.log(p[1]).sum())


# -- how it went -----------------------------------------------------------------------------------


def curves(scene: Scene, _way: Way) -> Values | None:
    """The run's losses over its steps, beside those of a run from scratch where one is given."""
    if not scene.is_measured:
        return None
    (steps, losses), trained = scene.curves.validation, scene.curves.train
    best, scratch = int(losses.argmin()), scene.tuned.scratch
    drawn = [
        Curve(Message(N_("fine-tuned, training")), *trained),
        Curve(Message(N_("fine-tuned, validation")), *scene.curves.validation),
    ]
    other, common = None, np.empty(0)
    if scratch is not None:
        other = Curves.of(scratch)
        common = np.intersect1d(steps, other.validation[0])
        named = (
            (N_("from scratch, training"), other.train),
            (N_("from scratch, validation"), other.validation),
        )
        drawn += [Curve(Message(name), *curve) for name, curve in named if curve.size]
    is_beside = other is not None and bool(common.size)
    at = float(common.max()) if is_beside else 0.0
    pair = [_at(scene.curves.validation, at), 0.0]
    if other is not None and is_beside:
        pair[1] = _at(other.validation, at)
    base = scene.tuned.base
    return {
        "first": trained[1, 0],
        "best": losses[best],
        "best_step": int(steps[best]),
        "uniform": math.log(scene.tuned.tokenizer.vocab_size),
        "beside": is_beside,
        "alone": not is_beside,
        "at": int(at),
        "tuned": pair[0],
        "scratch": pair[1],
        "alike": is_beside and _works_alike(scene),
        "unlike": is_beside and not _works_alike(scene),
        "base_steps": base.checkpoint()[0] if base is not None else 0,
        "has_base": base is not None,
        "answer": (0 if pair[0] < pair[1] else 1) if is_beside else None,
        "steps": steps,
        "validation_nats": losses,
        "plot": Plot(
            "",
            tuple(drawn),
            Message(N_("step")),
            Message(N_("nats per token")),
        ),
    }


def _at(curve: Array, step: float) -> float:
    found = curve[1][curve[0] == step]
    return float(found[0]) if len(found) else 0.0


def _works_alike(scene: Scene) -> bool:
    """Whether a step is the same work in both runs."""
    scratch, run = scene.tuned.scratch, scene.tuned.run
    assert scratch is not None
    recipes = scratch.recipe, run.recipe
    batches = {recipe.training.batch_size for recipe in recipes}
    return len(batches) == 1 and recipes[0].model == recipes[1].model


# -- predictions -----------------------------------------------------------------------------------


def predictions(scene: Scene, way: Way) -> Values | None:
    """Each token of the sentence before and after, and both distributions where they are furthest apart."""
    if scene.tuned.start is None:
        return None
    both = np.stack([way.probabilities(which, scene.ids[:-1]) for which in (0, 1)])  # (2, T-1, V)
    places, seen = np.arange(len(scene.ids) - 1), scene.read
    p = both[:, places, scene.ids[1:]]
    likeliest = seen.argmax(-1).numpy()
    shown = np.sort(np.argsort(-np.abs(scene.gains), kind="stable")[:SHOWN_CHANGES])
    named = [scene.spell(row) for row in likeliest]
    rows = tuple(
        (
            int(t) + 2,
            scene.sentence.tokens[t + 1],
            *(float(each[t]) for each in p),
            *(names[t] for names in named),
        )
        for t in shown
    )
    distance, place = np.abs(both[1] - both[0]).sum(-1) / 2, scene.furthest
    seen_here = seen[:, place].numpy()
    best = [np.argsort(-x, kind="stable")[:SHOWN_CANDIDATES] for x in seen_here]
    tokens = np.unique(np.concatenate(best))
    tokens = tokens[np.argsort(-seen_here.sum(0)[tokens], kind="stable")]
    changed, count = int((likeliest[0] != likeliest[1]).sum()), len(places)
    columns = (N_("position"), N_("token"), N_("likeliest before"), N_("likeliest after"))
    heads = tuple(map(Message, columns))
    unit = Message(N_("probability"))
    return {
        "changed": changed,
        "count": count,
        "likelier": int((scene.gains > 0).sum()),
        "answer": 0 if changed > count / 2 else 1,
        "until": scene.sentence.tokenizer.decode(scene.sentence.ids[: place + 1]),
        "most": distance[place],
        "mean": distance.mean(),
        "before": both[0, place],
        "after": both[1, place],
        "distances": distance,
        "first": Tokens("", scene.sentence.tokens[1:], p[0]),
        "second": Tokens("", scene.sentence.tokens[1:], p[1]),
        "table": Table("", (*heads[:2], BEFORE, AFTER, *heads[2:]), rows, 3),
        "candidates": Bars(
            "",
            scene.spell(tokens),
            ((BEFORE, both[0, place, tokens]), (AFTER, both[1, place, tokens])),
            unit,
        ),
        "checks": (
            Check(
                Message(N_("their distance is also the sum of what was gained")),
                float(distance[place]),
                float(np.maximum(both[1, place] - both[0, place], 0).sum()),
            ),
        ),
    }


# -- forgetting ------------------------------------------------------------------------------------


def forgetting(scene: Scene, way: Way) -> Values | None:
    """The loss on the new text and on the base's own, before and after."""
    if scene.tuned.start is None:
        return None
    texts = scene.excerpts
    nats = {
        f"{when}_{name}": way.nats(which, text)
        for which, when in enumerate(("before", "after"))
        for name, text in texts.items()
    }
    gains = {name: nats[f"before_{name}"] - nats[f"after_{name}"] for name in texts}
    titles: dict[str, Words] = {
        "new": Message(N_("the new text")),
        "old": Message(N_("the base's own text")),
    }
    gain, error = float(gains["new"].mean()), standard_error(gains["new"])
    old = gains.get("old", np.zeros(1))
    change, old_error = -float(old.mean()), standard_error(old)
    is_old = "old" in gains
    rose, fell = change > 2 * old_error, change < -2 * old_error
    whole = [
        text_loss(
            model,
            text.ids,
            context=text.context,
            num_chars=len(text.ids),
            num_bytes=len(text.ids),
        ).loss_nats_per_token
        for model in scene.models
        for text in texts.values()
    ]
    return {
        "count": len(gains["new"]),
        "before": nats["before_new"].mean(),
        "after": nats["after_new"].mean(),
        "gain": gain,
        "error": error,
        "gained": gain > 2 * error,
        "old_before": nats["before_old"].mean() if is_old else 0.0,
        "old_after": nats["after_old"].mean() if is_old else 0.0,
        "change": abs(change),
        "old_error": old_error,
        "rose": is_old and rose,
        "fell": is_old and fell,
        "level": is_old and not (rose or fell),
        "unmeasured": not is_old,
        "evaluated": loss_beside(scene.tuned.run, len(gains["new"]), 3),
        "answer": (0 if rose else 1) if is_old else None,
        **{f"nats_{name}": values for name, values in nats.items()},
        "bars": Bars(
            "",
            tuple(titles[name] for name in texts),
            tuple(
                (title, np.array([nats[f"{when}_{name}"].mean() for name in texts]))
                for when, title in (("before", BEFORE), ("after", AFTER))
            ),
            Message(N_("nats per token")),
        ),
        "checks": (
            Check(
                Message(N_("the means are what an evaluation of the same tokens gives")),
                [float(values.mean()) for values in nats.values()],
                whole,
            ),
        ),
    }


def standard_error(values: Array) -> float:
    """Of the mean of values that are taken for independent."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


STEPS = (
    Row(same_prompt, (generate,)),
    Row(curves),
    Row(predictions),
    Row(trained, (Model.trained_phases, add_adapters)),
    Row(moved, (merge_adapters, grow)),
    Row(low_rank, (LowRank.forward,)),
    Row(directions),
    Row(forgetting, (text_loss,), reads_data=True),
)
"""In the order of the documents."""
