r"""Why a bigram learns what one would count, and how open the next token is.

.. math:: L = -\frac{1}{N} \sum_{a,b} n_{ab} \log p(b \mid a) \ge \sum_a \frac{n_a}{N} H(a)

with equality for :math:`p(b \mid a) = n_{ab} / n_a`: what is above it is a mean of divergences, none of them negative.

Arrays of the steps: ``loss_nats``, of five tables on two texts, (5, 2); ``entropy_nats``, counted and learned, of F
frequent tokens, (2, F), and their mean over the text, ``mean_nats``.

Sources: Shannon 1948, section 6, and 1951; Cover & Thomas 2006, theorem 2.6.3 (the divergence is never negative).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch

from olaria.evaluation.text import text_loss
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step, together
from olaria.lessons.bigram.counts import Ids, LogProbability, Opened, PairCounts, shares
from olaria.lessons.evaluated import loss_beside
from olaria.lessons.figures import Bars, Table, Words
from olaria.lessons.texts import labels_of, spelt

SMOOTHING = 1.0
SHOWN_TOKENS = 24


def _tables(run: Opened) -> dict[str, LogProbability]:
    """Five tables by their names, from the one that knows nothing."""
    counts, size = run.counts, run.vocab_size
    singles = np.log((np.bincount(counts.ids, minlength=size) + 1) / (len(counts.ids) + size))

    def counted(this: Ids, following: Ids, smoothing: float = 0.0) -> Array:
        with np.errstate(divide="ignore"):
            found: Array = np.log(counts.probability(this, following, smoothing))
        return found

    return {
        N_("all tokens equal"): lambda this, _following: np.full(len(this), -math.log(size)),
        N_("how frequent a token is, whatever stands before"): lambda _this, following: singles[
            following
        ],
        N_("counted pairs"): counted,
        N_("counted pairs, one added to each"): partial(counted, smoothing=SMOOTHING),
        N_("learned by the run"): run.learned,
    }


def loss_step(run: Opened) -> Step:
    """The loss of each table on both texts: on the counted text none is below the counted table."""
    tables = _tables(run)
    texts = (run.counts, run.validation_counts)
    loss = np.array([[text.nats_per_token(table) for text in texts] for table in tables.values()])
    unseen = int((run.counts.of(*run.validation_counts.pairs) == 0).sum())
    text = (
        N_(
            "Among all tables the counted one has the least loss on the text it was counted in, {counted} nats per "
            "token; the run's table has {learned}, which is {gap} more. On the validation text counting alone fails: "
            "{unseen} of its pairs were never counted, their probability is zero and the loss infinite, until one is "
            "added to each count."
        )
        if unseen
        else N_(
            "Among all tables the counted one has the least loss on the text it was counted in, {counted} nats per "
            "token; the run's table has {learned}, which is {gap} more. The validation text has no pair that was never "
            "counted; with one, counting alone would give it probability zero and an infinite loss."
        )
    )
    gap = max(0.0, float(loss[4, 0] - loss[2, 0]))
    heads = (
        N_("table"),
        N_("training text (nats per token)"),
        N_("validation text (nats per token)"),
    )
    rows: list[tuple[Words | float | int, ...]] = [
        (Message(name), float(train), float(validation))
        for name, (train, validation) in zip(tables, loss, strict=True)
    ]
    return Step(
        Message(N_("Where training leads")),
        together(
            Message(
                text,
                {
                    "counted": Number(float(loss[2, 0]), 4),
                    "learned": Number(float(loss[4, 0]), 4),
                    "gap": Number(gap, 4),
                    "unseen": unseen,
                },
            ),
            loss_beside(run.origin, len(run.validation_counts.ids) - 1, 4),
        ),
        r"L = -\frac{1}{N} \sum_{a,b} n_{ab} \log p(b|a) \geq -\frac{1}{N} \sum_{a,b} n_{ab} \log \frac{n_{ab}}{n_a}",
        (
            Table(
                Message(
                    N_("Losses of five tables; the validation text is its first {count} tokens."),
                    {"count": len(run.validation_counts.ids)},
                ),
                tuple(map(Message, heads)),
                tuple(rows),
                4,
            ),
        ),
        {"loss_nats": loss},
        (PairCounts.nats_per_token, text_loss),
        _loss_checks(run, loss),
        "Shannon 1951",
    )


def _loss_checks(run: Opened, loss: Array) -> tuple[Check, ...]:
    ids = torch.from_numpy(run.validation_counts.ids)
    measured = text_loss(run.model, ids, context=run.model.context, num_chars=1, num_bytes=1)
    return (
        Check(
            Message(N_("all losses, summed pair by pair in plain Python")),
            loss,
            _losses_again(run),
        ),
        Check(
            Message(N_("the run's loss on the validation text, as an evaluation measures it")),
            loss[4, 1],
            measured.loss_nats_per_token,
        ),
    )


def _losses_again(run: Opened) -> list[list[float]]:
    """The losses of :func:`loss_step` by dictionaries and loops."""
    size, length = run.vocab_size, len(run.counts.ids)
    pairs = zip(*(ids.tolist() for ids in run.counts.pairs), strict=True)
    times = dict(zip(pairs, run.counts.times.tolist(), strict=True))
    firsts, singles = Counter[int](), Counter([int(run.counts.ids[0])])
    for (a, b), count in times.items():
        firsts[a] += count
        singles[b] += count

    @cache
    def row(a: int) -> Array:
        logits: Array = run.table[a].double().numpy()
        logits = logits - logits.max()
        return np.asarray(logits - np.log(np.exp(logits).sum()))

    def log(numerator: float, denominator: float) -> float:
        return math.log(numerator / denominator) if numerator else -math.inf

    tables: tuple[Callable[[int, int], float], ...] = (
        lambda _a, _b: -math.log(size),
        lambda _a, b: log(singles[b] + 1, length + size),
        lambda a, b: log(times.get((a, b), 0), firsts[a]),
        lambda a, b: log(times.get((a, b), 0) + SMOOTHING, firsts[a] + SMOOTHING * size),
        lambda a, b: float(row(a)[b]),
    )
    texts = [
        list(zip(*(x.tolist() for x in (*text.pairs, text.times)), strict=True))
        for text in (run.counts, run.validation_counts)
    ]
    return [
        [
            -sum(count * table(a, b) for a, b, count in text) / sum(count for _, _, count in text)
            for text in texts
        ]
        for table in tables
    ]


# -- how open the next token is ------------------------------------------------------------------------


def entropy(p: Array) -> Array:
    r"""How open a choice is, in nats.

    .. math:: H = -\sum_b p_b \log p_b, \qquad 0 \log 0 = 0

    Args:
        p: probabilities, (..., V).

    Returns:
        (...).

    Source: Shannon 1948, section 6.

    >>> entropy(np.array([0.5, 0.5, 0.0])).round(4).tolist()
    0.6931
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = -np.where(p > 0, p * np.log(p), 0.0).sum(-1)
    return found


def entropy_step(run: Opened) -> Step:
    """How open the next token is after each of the frequent ones."""
    shown = run.frequent(SHOWN_TOKENS)
    this, following = shown[:, None], np.arange(run.vocab_size)[None]
    counted = run.counts.probability(this, following)
    learned = np.exp(run.learned(this, following))
    found = np.stack([entropy(counted), entropy(learned)])
    mean = run.counts.nats_per_token(_tables(run)["counted pairs"])
    names = labels_of(spelt(run.tokenizer, torch.from_numpy(shown)))
    least, most = int(found[0].argmin()), int(found[0].argmax())
    raw = torch.distributions.Categorical(logits=run.table[torch.from_numpy(shown)].double())
    parts = [shares(run, a, following[0]) for a in shown]
    singles = [times / times.sum() for times in (run.counts.times, run.counts.firsts)]
    return Step(
        Message(N_("Where there is a choice")),
        Message(
            N_(
                "The entropy of a row says how open the next token is. After “{least}” it is {sure} nats, as open as a "
                "choice among {few} equal tokens; after “{most}” {open} nats, as among {many}. The mean over the text, "
                "{mean} nats, is the loss that no bigram can go below there."
            ),
            {
                "least": names[least],
                "sure": Number(float(found[0, least]), 2),
                "few": Number(math.exp(found[0, least]), 1),
                "most": names[most],
                "open": Number(float(found[0, most]), 2),
                "many": Number(math.exp(found[0, most]), 1),
                "mean": Number(mean, 3),
            },
        ),
        r"H(a) = -\sum_b p(b|a) \log p(b|a), \qquad \min L = \sum_a \frac{n_a}{N} H(a)",
        (
            Bars(
                Message(N_("Entropy of what follows each of the most frequent tokens.")),
                names,
                (
                    (Message(N_("counted")), found[0]),
                    (Message(N_("learned by the run")), found[1]),
                ),
                Message(N_("nats")),
            ),
        ),
        {"entropy_nats": found, "mean_nats": np.array(mean)},
        (entropy,),
        (
            Check(
                Message(
                    N_(
                        "the counted entropies, term by term from a list of all that follows each token"
                    )
                ),
                found[0],
                [-math.fsum(p * math.log(p) for p in row.tolist() if p) for row in parts],
            ),
            Check(
                Message(N_("the learned entropies, as torch.distributions has them, in float64")),
                found[1],
                raw.entropy().numpy(),
            ),
            Check(
                Message(N_("the mean is the entropy of pairs less that of single tokens")),
                mean,
                float(entropy(singles[0]) - entropy(singles[1])),
            ),
        ),
        "Shannon 1951",
    )
