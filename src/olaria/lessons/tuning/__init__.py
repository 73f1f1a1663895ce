r"""Pre-training and fine-tuning: what a run kept of the model that it began from, what it changed, and by how much.

.. math:: W' = W + \Delta W, \qquad \Delta W = \frac{\alpha}{r} B A \quad\text{with adapters}

Arrays of the steps: ``steps`` and ``validation_nats`` of the run's evaluations;
``nats_before_…`` and ``nats_after_…``, negative log-probabilities of N tokens, (N,), of the new text and of the base's
own (``new``, ``old``). Others are in :mod:`olaria.lessons.tuning.changed` and :mod:`olaria.lessons.tuning.weights`.

Sources: Howard & Ruder 2018 (fine-tuning of a language model); Hu et al. 2021, section 4.1 (adapters); Hewitt 2021 (new
tokens); French 1999 (forgetting).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator

from olaria.data import TextData
from olaria.errors import LessonError
from olaria.evaluation.text import text_loss
from olaria.i18n import N_, Message, Number, command
from olaria.lessons.base import Array, Asked, Check, Lesson, Step, together
from olaria.lessons.by_numpy.transformers import AGAIN
from olaria.lessons.evaluated import loss_beside
from olaria.lessons.figures import Bars, Curve, Plot, Table
from olaria.lessons.texts import Sentence, sentence_of
from olaria.lessons.tuning.base import Excerpt, Tuned, open_tuned
from olaria.lessons.tuning.changed import AFTER, BEFORE, candidates, predictions
from olaria.lessons.tuning.weights import kept, moved, rank_of_change
from olaria.models.base import Model
from olaria.sampling.autoregressive import SamplingConfig, generate

WRITTEN_TOKENS = 80


# -- how it went -----------------------------------------------------------------------------------


def _losses(
    rows: Sequence[dict[str, Any]], split: str, most: float = math.inf
) -> tuple[Array, Array]:
    """Steps and losses of a split in metrics.jsonl, as far as they are finite."""
    found = [
        (row["step"], row["values"]["loss"])
        for row in rows
        if row["split"] == split and row["step"] <= most and row["values"].get("loss") is not None
    ]
    steps, losses = np.array(found, float).reshape(-1, 2).T
    return steps, losses


def _curve(tuned: Tuned) -> Step | None:
    """The run's losses over its steps, and the base's over as many."""
    rows = tuned.run.metrics()
    trained, validated = _losses(rows, "train"), _losses(rows, "validation")
    if not len(trained[0]) or not len(validated[0]):
        return None
    base = [] if tuned.base is None else tuned.base.metrics()
    before = _losses(base, "train", trained[0][-1])
    curves = [
        Curve(Message(N_("this run, training")), *trained),
        Curve(Message(N_("this run, validation")), *validated),
    ]
    if len(before[0]):
        curves.append(Curve(Message(N_("the base, training")), *before))
    text = (
        N_(
            "The loss of the first batch is computed before anything is updated: {first} nats per token is what the "
            "base makes of the new text, where the base itself had begun at {base} on its own. The other losses of the "
            "base are of another text and do not compare. The best validation loss of this run is {best}, at step "
            "{step}."
        )
        if len(before[0])
        else N_(
            "The loss of the first batch is computed before anything is updated: {first} nats per token is what the "
            "base makes of the new text. The best validation loss of this run is {best}, at step {step}."
        )
    )
    best = int(validated[1].argmin())
    return Step(
        Message(N_("The losses, step by step")),
        Message(
            text,
            {
                "first": Number(float(trained[1][0]), 3),
                "base": Number(float(before[1][0]), 3) if len(before[0]) else None,
                "best": Number(float(validated[1][best]), 3),
                "step": int(validated[0][best]),
            },
        ),
        "",
        (
            Plot(
                Message(
                    N_("Losses over the steps; a training loss is the mean since the point before.")
                ),
                tuple(curves),
                Message(N_("step")),
                Message(N_("nats per token")),
            ),
        ),
        {"steps": validated[0], "validation_nats": validated[1]},
    )


# -- before and after ------------------------------------------------------------------------------


def _measured(tuned: Tuned, start: Model, texts: dict[str, Excerpt]) -> Step:
    """The loss on the new text and on the base's own, before and after."""
    models = {"before": start, "after": tuned.model}
    nats = {
        f"{when}_{name}": text.nats(model)
        for when, model in models.items()
        for name, text in texts.items()
    }
    again = [text.nats_again(model) for model in models.values() for text in texts.values()]
    means = {name: float(values.mean()) for name, values in nats.items()}
    losses = [text.loss(model) for model in models.values() for text in texts.values()]
    titles = {"new": Message(N_("the new text")), "old": Message(N_("the base's own text"))}
    gains = {name: nats[f"before_{name}"] - nats[f"after_{name}"] for name in texts}
    gain = gains["new"]
    error = _standard_error(gain)
    text = (
        N_(
            "On the first {count} tokens of the new validation text the loss fell from {before} to {after} nats per "
            "token: {gain} less, with a standard error of {error}. {forgotten}"
        )
        if gain.mean() > 2 * error
        else N_(
            "On the first {count} tokens of the new validation text the loss did not clearly fall: {before} nats per "
            "token before, {after} after, a difference of {gain} with a standard error of {error}. {forgotten}"
        )
    )
    return Step(
        Message(N_("What it gained, what it forgot")),
        together(
            Message(
                text,
                {
                    "count": len(gain),
                    "before": Number(means["before_new"], 3),
                    "after": Number(means["after_new"], 3),
                    "gain": Number(float(gain.mean()), 3),
                    "error": Number(error, 3),
                    "forgotten": _forgotten(gains.get("old")),
                },
            ),
            loss_beside(tuned.run, len(gain), 3),
        ),
        r"\mathrm{loss}=-\frac{1}{N}\sum_{t}\log p(x_t|x_{<t})",
        (
            Bars(
                Message(N_("Nats per token; the same tokens before and after.")),
                tuple(titles[name] for name in texts),
                tuple(
                    (title, np.array([means[f"{when}_{name}"] for name in texts]))
                    for when, title in (("before", BEFORE), ("after", AFTER))
                ),
                Message(N_("nats per token")),
            ),
        ),
        {f"nats_{name}": values for name, values in nats.items()},
        (text_loss,),
        (
            Check(AGAIN, np.concatenate(list(nats.values())), np.concatenate(again)),
            Check(
                Message(N_("the means are what an evaluation of the same tokens gives")),
                list(means.values()),
                losses,
            ),
        ),
        "French 1999, Catastrophic forgetting in connectionist networks",
    )


def _standard_error(values: Array) -> float:
    """Of the mean of values that are taken for independent."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def _forgotten(gain: Array | None) -> Message:
    """What became of the base's own text, where it could be measured."""
    if gain is None:
        return Message(N_("What it forgot was not measured: there is no other text of the base's."))
    mean, error = float(gain.mean()), _standard_error(gain)
    fields = {"change": Number(abs(mean), 3), "error": Number(error, 3)}
    if mean < -2 * error:
        text = N_(
            "On the base's own text it rose by {change} (± {error}): so much was forgotten for it."
        )
    elif mean > 2 * error:
        text = N_("On the base's own text it fell by {change} (± {error}): nothing was forgotten.")
    else:
        text = N_(
            "On the base's own text it changed by {change}, within two standard errors ({error})."
        )
    return Message(text, fields)


# -- what they write -------------------------------------------------------------------------------


def _continued(asked: Asked, sentence: Sentence, models: Sequence[tuple[Message, Model]]) -> Step:
    """The same beginning continued by each, with the same draws."""
    config = SamplingConfig(max_tokens=WRITTEN_TOKENS)
    rows = []
    for name, model in models:
        draws = Generator().manual_seed(asked.seed)
        ids = torch.cat(list(generate(model, sentence.ids[None], config, draws)))
        rows.append((name, sentence.tokenizer.decode(ids)))
    text = (
        N_(
            "Both go on from “{sentence}”, with the same random numbers (seed {seed}) at temperature 1. One text of "
            "each is a taste, not a measurement: the losses above are."
        )
        if len(rows) > 1
        else N_("The run goes on from “{sentence}”, with seed {seed} at temperature 1.")
    )
    return Step(
        Message(N_("What they write")),
        Message(text, {"sentence": sentence.text, "seed": asked.seed}),
        "",
        (
            Table(
                Message(N_("{count} tokens each."), {"count": WRITTEN_TOKENS}),
                (Message(N_("model")), Message(N_("text"))),
                tuple(rows),
            ),
        ),
        {},
        (generate,),
        notes=sentence.notes if len(models) == 1 else (),  # else a step before it has them
    )


def steps(asked: Asked) -> tuple[Step, ...]:
    """What was trained and how it went; and, where the model at the start is known, what changed.

    Raises:
        LessonError: the run began from random weights, or nothing of its beginning is left.
    """
    tuned = open_tuned(asked)
    sentence, curve = sentence_of(asked), _curve(tuned)
    after = (AFTER, tuned.model)
    if tuned.start is None:
        if curve is None:
            raise LessonError(
                N_(
                    "run {name} has not been measured yet and its base {base} is not here: nothing can be compared; go "
                    "on with {command}"
                ),
                command=command("train", options=["--resume", tuned.run.shortest]),
                name=tuned.run.name,
                base=tuned.base_name,
            )
        return kept(tuned), curve, _continued(asked, sentence, [after])
    data = tuned.run.data(offline=asked.offline)
    assert isinstance(data, TextData)
    texts = {"new": tuned.excerpt(data.validation)}
    own = tuned.base_text(asked.offline)
    if own is not None:
        texts["old"] = tuned.excerpt(own)
    start = tuned.start
    found = (
        kept(tuned),
        curve,
        _measured(tuned, start, texts),
        predictions(sentence, start, tuned.model),
        candidates(sentence, start, tuned.model),
        moved(tuned, start),
        rank_of_change(tuned, start),
        _continued(asked, sentence, [(BEFORE, start), after]),
    )
    return tuple(step for step in found if step is not None)


LESSON = Lesson(
    title=Message(N_("Pre-training and fine-tuning: what a second training changes")),
    introduction=Message(
        N_(
            "A run that began from another one is set beside what it began from: its losses, its predictions and its "
            "weights, before and after."
        )
    ),
    steps=steps,
    families=("gpt", "language", "bigram"),
    preset="gpt-shakespeare --from RUN",
    takes_prompt=True,
)
