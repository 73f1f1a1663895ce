r"""What a language model's predictions cost: each token of a sentence, and the tokens of many texts by their position.

.. math:: L_t = -\frac1N \sum_n \log p(x^n_{t+1} \mid x^n_1, \dots, x^n_t)

Arrays of the steps, in nats: ``nats`` (T − 1,), loss of each token of the sentence but the first; ``by_position`` (P,),
mean loss of the token that follows 1, 2, … others; ``summary`` (2, groups + 1), see :func:`_summary`.

Sources: Shannon 1951, *Prediction and Entropy of Printed English* (entropy by the length of what is known).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from olaria.data.base import TextData
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Asked, Check, Step, together
from olaria.lessons.by_numpy.transformers import checked, language_by_hand, log_softmax
from olaria.lessons.evaluated import loss_beside
from olaria.lessons.figures import Curve, Plot, Table, Tokens
from olaria.lessons.inside import Read, windows_of
from olaria.objectives.likelihood import cross_entropy

MOST_POSITIONS = 64
"""Tokens after which the loss is measured."""
MOST_WINDOWS, LEAST_WINDOWS = 128, 8
MOST_LOGITS = 2**22
"""Of all windows together: a large vocabulary is measured on fewer of them."""
WINDOWS_BY_HAND = 2

BY_POSITION = N_("The loss by position: what context is worth")
"""Title of a step."""


def nats_of(logits: Tensor, following: Tensor) -> Array:
    """Mean loss at each position in nats: logits (B, T, V) and the tokens that follow (B, T) to (T,)."""
    columns = zip(logits.split(1, 1), following.split(1, 1), strict=True)
    return np.array([cross_entropy(*column).item() for column in columns])


def sentence_loss_step(read: Read) -> Step:
    """What each token of the sentence cost the model."""
    following = read.sentence.ids[1:]
    nats = nats_of(read.opened.logits[None, :-1], following[None])
    log_probs = log_softmax(read.hand.logits[:-1])
    by_hand = np.array([-log_probs[place, token] for place, token in enumerate(following.tolist())])
    worst = int(nats.argmax())
    vocab = read.opened.logits.shape[1]
    text = Message(
        N_(
            "The loss of a token is minus the logarithm of the probability that the model gave it. On this sentence "
            "the mean is {mean} nats, as if it chose among {perplexity} equally likely tokens each time; guessing "
            "among all {vocab} would cost {uniform}. The costliest is token {place}, “{token}”: {worst} nats."
        ),
        {
            "mean": Number(float(nats.mean()), 2),
            "perplexity": Number(math.exp(nats.mean()), 1),
            "vocab": vocab,
            "uniform": Number(math.log(vocab), 2),
            "place": worst + 2,
            "token": read.names[1 + worst],
            "worst": Number(float(nats[worst]), 2),
        },
    )
    caption = Message(N_("Loss of each token, given those before it; the first is not predicted."))
    return Step(
        Message(N_("The loss, token by token")),
        text,
        r"-\log p(x_t \mid x_1, \dots, x_{t-1})",
        (Tokens(caption, read.sentence.tokens, np.append(np.nan, nats), unit=Message(N_("nats"))),),
        {"nats": nats},
        (cross_entropy, nats_of),
        (checked(N_("losses"), [nats], [by_hand]),),
        "Shannon 1951",
    )


def by_position_step(read: Read, asked: Asked) -> Step:
    """How much the tokens before help: loss after 1, 2, … of them, on windows of the validation text."""
    windows = _windows(read, asked)
    x, y = windows[:, :-1], windows[:, 1:]
    with torch.no_grad():
        logits = read.model(x).float()
    nats = nats_of(logits, y)
    bins = octaves(len(nats))
    summary = _summary(_binned(logits, y, bins))
    hand = [language_by_hand(read.model, row).logits for row in x[:WINDOWS_BY_HAND]]
    caption = Message(
        N_(
            "Mean loss of the token that follows so many others: {count} windows of the validation text, none with "
            "anything before its first token. Points are single positions, the line means over groups that double."
        ),
        {"count": len(x)},
    )
    centres = np.array([(first + last) / 2 for first, last in bins])
    curves = [Curve(Message(N_("each position")), np.arange(1.0, len(nats) + 1), nats, "points")]
    if len(bins) > 1:
        curves.append(Curve(Message(N_("positions together")), centres, summary[0, :-1]))
    plot = Plot(
        caption,
        tuple(curves),
        Message(N_("tokens read")),
        Message(N_("loss, nats per token")),
    )
    headings = (
        N_("tokens read"),
        N_("mean loss, nats per token"),
        N_("standard error, nats per token"),
    )
    names = [str(a) if a == b else f"{a}–{b}" for a, b in bins]
    rows = tuple(zip(names, *summary[:, :-1].tolist(), strict=True))
    table = Table(
        Message(N_("The line in numbers.")), tuple(map(Message, headings)), rows, digits=3
    )
    return Step(
        Message(BY_POSITION),
        together(
            _position_text(bins[-1], summary, len(x)),
            loss_beside(read.run, y.numel(), 2),
        ),
        r"L_t = -\frac{1}{N} \sum_n \log p(x^n_{t+1} \mid x^n_1, \dots, x^n_t)",
        (plot, table),
        {"by_position": nats, "summary": summary},
        (nats_of, cross_entropy),
        _position_checks((logits, y), hand, nats, bins, summary),
    )


def octaves(count: int) -> list[tuple[int, int]]:
    """Positions 1 … count in groups that double: first and last of each.

    >>> octaves(12)
    [(1, 1), (2, 2), (3, 4), (5, 8), (9, 12)]
    """
    ends = [2**k for k in range((count - 1).bit_length())] + [count]
    return [(before + 1, end) for before, end in zip([0, *ends], ends, strict=False)]


def _windows(read: Read, asked: Asked) -> Tensor:
    """Pieces of the validation text, one token longer than the positions that are measured."""
    data = read.run.data(offline=asked.offline)
    assert isinstance(data, TextData)
    length = min(MOST_POSITIONS, read.model.context)
    vocab = read.opened.logits.shape[1]
    count = min(MOST_WINDOWS, max(LEAST_WINDOWS, MOST_LOGITS // (length * vocab)))
    tokenizer = read.sentence.tokenizer
    return windows_of(data.validation, tokenizer, count, length + 1, read.run.recipe.data.unseen)


def _binned(logits: Tensor, y: Tensor, bins: list[tuple[int, int]]) -> Array:
    """Mean loss of each window in each group of positions, (N, groups), in nats per token."""
    parts = [(logits[:, first - 1 : last], y[:, first - 1 : last]) for first, last in bins]
    return np.array(
        [
            [cross_entropy(part[n : n + 1], ids[n : n + 1]).item() for part, ids in parts]
            for n in range(len(y))
        ]
    )


def _summary(each: Array) -> Array:
    """Means over the windows, then standard errors, (2, groups + 1): of each group, and of the first less the last."""
    each = np.column_stack((each, each[:, 0] - each[:, -1]))
    deviations = each.std(0, ddof=1) if len(each) > 1 else np.full(each.shape[1], np.nan)
    return np.stack((each.mean(0), deviations / math.sqrt(len(each))))


def _position_text(last: tuple[int, int], summary: Array, count: int) -> Message:
    """What the first group of positions loses against the last.

    Args:
        last: positions of the last group.
        summary: see :func:`_summary`.
        count: of windows.
    """
    means, errors = summary
    fields = {
        "first": Number(float(means[0]), 2),
        "last": Number(float(means[-2]), 2),
        "gain": Number(float(means[-1]), 2),
        "error": Number(float(errors[-1]), 2),
        "from": last[0],
        "to": last[1],
        "count": count,
    }
    if means[-1] > 2 * errors[-1]:
        text = N_(
            "With a single token to go on, the next one costs {first} nats on average over {count} windows of the "
            "validation text; after {from} to {to} tokens it costs {last}. What lies further back is worth {gain} nats "
            "here, with a standard error of {error}."
        )
    elif means[-1] < -2 * errors[-1]:
        text = N_(
            "With a single token to go on, the next one costs {first} nats on average over {count} windows of the "
            "validation text; after {from} to {to} tokens it costs {last}. Reading more makes this model worse: the "
            "difference is {gain}, with a standard error of {error}."
        )
    else:
        text = N_(
            "With a single token to go on, the next one costs {first} nats on average over {count} windows of the "
            "validation text; after {from} to {to} tokens it costs {last}. The difference, {gain}, is within two "
            "standard errors of {error}: this sample does not show what lies further back to be of use."
        )
    return Message(text, fields)


def _position_checks(
    measured: tuple[Tensor, Tensor],
    hand: list[Array],
    nats: Array,
    bins: list[tuple[int, int]],
    summary: Array,
) -> tuple[Check, ...]:
    logits, y = (x.numpy() for x in measured)
    log_probs = log_softmax(logits.astype(np.float64))
    each = -np.take_along_axis(log_probs, y[..., None], -1)[..., 0]  # (N, T)
    groups = [each[:, first - 1 : last].mean(1) for first, last in bins]
    groups.append(groups[0] - groups[-1])
    expected = [[x.mean() for x in groups], [_standard_error(x) for x in groups]]
    return (
        checked(N_("logits of the first windows"), list(logits[: len(hand)]), hand),
        Check(Message(N_("losses by position: computed again in float64")), nats, each.mean(0)),
        Check(
            Message(N_("means and standard errors: computed again in float64")), summary, expected
        ),
    )


def _standard_error(x: Array) -> float:
    if len(x) < 2:
        return math.nan
    return math.sqrt(((x - x.mean()) ** 2).sum() / (len(x) - 1) / len(x))
