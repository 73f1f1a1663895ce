r"""One sentence read by a model before and after it was tuned.

.. math:: d(p, p') = \tfrac12 \sum_v |p(v) - p'(v)|

Arrays of the steps, of a sentence of T tokens: ``nats_before`` and ``nats_after``, negative log-probabilities of each
token but the first, (T - 1,); ``before`` and ``after``, two distributions over the vocabulary, (V,); ``distances``
between them at each place, (T - 1,).
"""

from __future__ import annotations

import numpy as np
import torch

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Check, Step
from olaria.lessons.by_numpy.transformers import (
    AGAIN,
    language_logits,
    log_softmax,
    next_token_nats,
    weights_of,
)
from olaria.lessons.figures import Bars, Table, Tokens
from olaria.lessons.texts import Sentence, spelt
from olaria.lessons.tuning.base import token_nats
from olaria.models.base import Model

SHOWN_CHANGES = 8
SHOWN_CANDIDATES = 6
BEFORE, AFTER = Message(N_("before tuning")), Message(N_("after tuning"))
PROBABILITY = Message(N_("probability"))


def predictions(sentence: Sentence, start: Model, after: Model) -> Step:
    """Each token of the sentence, before and after."""
    ids = sentence.ids[None]
    models = (start, after)
    with torch.no_grad():
        nats = [token_nats(model, ids)[0].numpy() for model in models]
        likeliest = [model(ids[:, :-1])[0].argmax(-1) for model in models]
    again = [next_token_nats(weights_of(m), m.config, ids[0].numpy()) for m in models]
    probabilities = [np.exp(-values) for values in nats]
    change = probabilities[1] - probabilities[0]
    shown = np.sort(np.argsort(-np.abs(change))[:SHOWN_CHANGES])
    named = [spelt(sentence.tokenizer, places) for places in likeliest]
    rows = tuple(
        (
            int(t) + 2,
            sentence.tokens[t + 1],
            *(float(values[t]) for values in probabilities),
            *(names[t] for names in named),
        )
        for t in shown
    )
    changed = int((likeliest[0] != likeliest[1]).sum())
    return Step(
        Message(N_("Which predictions changed")),
        Message(
            N_(
                "Both models read this sentence. The likeliest next token is another at {changed} of {count} places, "
                "and the sentence's own token became likelier at {likelier}. The whole sentence costs {before} nats "
                "before and {after} after; on other sentences it may be otherwise."
            ),
            {
                "changed": changed,
                "count": len(change),
                "likelier": int((change > 0).sum()),
                "before": Number(float(nats[0].sum()), 2),
                "after": Number(float(nats[1].sum()), 2),
            },
        ),
        r"p(x_t|x_1,\ldots,x_{t-1})",
        (
            *(
                Tokens(caption, sentence.tokens[1:], values)
                for caption, values in zip(
                    (
                        Message(N_("Before: the probability of each token but the first.")),
                        Message(N_("After: the same.")),
                    ),
                    probabilities,
                    strict=True,
                )
            ),
            Table(
                Message(N_("Where the token's probability changed most.")),
                (
                    Message(N_("place")),
                    Message(N_("token")),
                    BEFORE,
                    AFTER,
                    Message(N_("likeliest before")),
                    Message(N_("likeliest after")),
                ),
                rows,
                3,
            ),
        ),
        {"nats_before": nats[0], "nats_after": nats[1]},
        (type(after).forward,),
        (Check(AGAIN, np.stack(probabilities), np.exp(-np.stack(again))),),
        notes=sentence.notes,
    )


def candidates(sentence: Sentence, start: Model, after: Model) -> Step:
    """The two distributions where they are furthest apart."""
    ids = sentence.ids[None, :-1]
    models = (start, after)
    with torch.no_grad():
        both = torch.stack([model(ids)[0].double().softmax(-1) for model in models])  # (2, T, V)
    distance = (both[1] - both[0]).abs().sum(-1) / 2
    place = int(distance.argmax())
    before, after_it = (part[place].numpy() for part in both)
    again = [
        np.exp(log_softmax(language_logits(weights_of(m), m.config, ids[0].numpy()))[place])
        for m in models
    ]
    best = [np.argsort(-part, kind="stable")[:SHOWN_CANDIDATES] for part in (before, after_it)]
    shown = np.unique(np.concatenate(best))
    shown = shown[np.argsort(-(before + after_it)[shown], kind="stable")]
    text = sentence.tokenizer.decode(sentence.ids[: place + 1])
    return Step(
        Message(N_("Where they disagree most")),
        Message(
            N_(
                "After “{sentence}” the two distributions of the next token are furthest apart, {most} of at most 1; "
                "the mean over the sentence is {mean}. That much probability moved from some tokens to others."
            ),
            {
                "sentence": text,
                "most": Number(float(distance[place]), 2),
                "mean": Number(float(distance.mean()), 2),
            },
        ),
        r"d(p,p')=\frac{1}{2}\sum_{v}|p(v)-p'(v)|",
        (
            Bars(
                Message(N_("The likeliest tokens of both.")),
                spelt(sentence.tokenizer, torch.from_numpy(shown)),
                ((BEFORE, before[shown]), (AFTER, after_it[shown])),
                PROBABILITY,
            ),
        ),
        {"before": before, "after": after_it, "distances": distance.numpy()},
        (type(after).forward,),
        (
            Check(AGAIN, np.stack((before, after_it)), np.stack(again)),
            Check(
                Message(N_("their distance is also the sum of what was gained")),
                float(distance[place]),
                np.maximum(again[1] - again[0], 0).sum(),
            ),
        ),
    )
