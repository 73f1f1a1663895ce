r"""An encoder–decoder, tried out: given other tokens, searched for longer, given another source or a part of it.

Arrays of the steps, of T written tokens: ``nats_…``, negative log-probabilities of each, (T,); ``log_probs`` and
``scores`` of the searches; ``lost_nats``, what hiding a piece of the source (column) costs a written piece (row).

Sources: Wu et al. 2016, equation 14 (the score); Jain & Wallace 2019, *Attention is not Explanation*.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Check, Step
from olaria.lessons.by_numpy.transformers import AGAIN
from olaria.lessons.figures import Bars, Heat, Table, Tokens, Words
from olaria.lessons.texts import visible
from olaria.lessons.translation.pair import ACROSS, Reading, pooled
from olaria.models.translation import KeysValues, Memory, Translation, padding_mask
from olaria.objectives.likelihood import cross_entropy
from olaria.sampling.translation import DecodingConfig, beam_search, greedy, length_factor

BEAMS = (2, 4)
READS = 0.1
"""Nats per token that its source must be worth before a model is said to read it."""
NATS = Message(N_("nats"))
TOKENS = Message(N_("tokens"))
TEXT = Message(N_("text"))


# -- other tokens before it ------------------------------------------------------------------------


@torch.no_grad()
def after_mistake(reading: Reading) -> tuple[int, Tensor]:
    """What is written after a mistake: the least decided token is replaced by its runner-up.

    Returns:
        Its place, from 1, and ids, bos first, (1, T' + 1).
    """
    model = reading.model
    logits, _ = model.decode(reading.target[:, :-1], reading.memory, [])
    values, places = logits[0].softmax(-1).topk(2)
    least = int(values[:, 1].argmax())
    written = torch.cat((reading.target[:, : least + 1], places[None, least, 1:]), 1)
    cache, token = list[KeysValues](), written
    most = min(reading.target.shape[1] + reading.source.shape[1], model.context)
    while written.shape[1] <= most and int(written[0, -1]) != model.specials.eos:
        logits, cache = model.decode(token, reading.memory, cache)
        token = logits[:, -1:].argmax(-1)
        written = torch.cat((written, token), 1)
    return least + 1, written


def forced(reading: Reading) -> Step:
    """The right tokens given, its own, and one of its own that is another."""
    place, mistaken = after_mistake(reading)
    expected = reading.expected
    targets: list[tuple[Words, Tensor]] = [
        (Message(N_("written by itself")), reading.target),
        (Message(N_("after one other token")), mistaken),
    ]
    is_other = expected is not None and not torch.equal(expected, reading.target)
    if expected is not None and is_other:
        targets.insert(0, (Message(N_("expected, the right tokens given")), expected))
    nats = [reading.nats(target)[0] for _, target in targets]
    again = [reading.nats_again(target, reading.states) for _, target in targets]
    logits = reading.model(reading.source, reading.target[:, :-1])
    return Step(
        Message(N_("The right tokens, or its own")),
        Message(
            N_(
                "In training the decoder was given the right tokens so far (*teacher forcing*); now it is given its "
                "own. {found} Put “{token}” in place {place} and it goes on to “{mistaken}”, {cost} nats: training "
                "never showed it a mistake of its own."
            ),
            {
                "found": _found(reading, float(nats[0].sum()) if is_other else None),
                "place": place,
                "token": visible(reading.spelt(mistaken[0, place : place + 1])[0]),
                "mistaken": reading.text_of(mistaken[0]),
                "cost": Number(float(nats[-1].sum()), 2),
            },
        ),
        r"\mathrm{loss}=-\frac{1}{T}\sum_{t}\log p(y_t|y_{<t},x)",
        (
            Table(
                Message(N_("Negative log-probabilities; the end counts as a token.")),
                (Message(N_("target")), TEXT, TOKENS, NATS, Message(N_("nats per token"))),
                tuple(
                    (name, reading.text_of(ids[0]), len(own), float(own.sum()), float(own.mean()))
                    for (name, ids), own in zip(targets, nats, strict=True)
                ),
                3,
            ),
            *(
                Tokens(
                    Message(N_("{target}: the nats of each token."), {"target": name}),
                    reading.spelt(ids[0, 1:]),
                    own,
                )
                for (name, ids), own in zip(targets, nats, strict=True)
            ),
        ),
        {"nats_written": reading.own_nats, "nats_after_mistake": nats[-1]},
        (Translation.loss, cross_entropy),
        (
            Check(AGAIN, np.concatenate(nats), np.concatenate(again)),
            Check(
                Message(N_("the mean over the written tokens is the training loss's")),
                reading.own_nats.mean(),
                float(cross_entropy(logits, reading.target[:, 1:])),
            ),
        ),
        "Williams & Zipser 1989 (teacher forcing)",
    )


def _found(reading: Reading, expected: float | None) -> Message:
    """What it wrote beside what the data expects.

    Args:
        reading: the sentence.
        expected: nats of the data's target where that is another.
    """
    written = float(reading.own_nats.sum())
    if not reading.targets:
        text = N_("That costs {written} nats; the data has no target for this sentence.")
    elif expected is None:
        text = N_("Here both are the same, {written} nats: it wrote what the data expects.")
    elif expected < written:
        text = N_(
            "The expected target, its right tokens given, costs {expected} nats. It wrote another, which is less "
            "likely, {written} nats: the likeliest token each time need not make the likeliest text."
        )
    else:
        text = N_(
            "The expected target, its right tokens given, costs {expected} nats. It wrote another, which it holds to "
            "be likelier, {written} nats."
        )
    return Message(text, {"expected": Number(expected or 0.0, 2), "written": Number(written, 2)})


# -- a longer search -------------------------------------------------------------------------------


def _searched(reading: Reading) -> list[tuple[int, Tensor, float]]:
    """Width of the beam, what it found as ids, bos first, and its score; greedy search first."""
    model, alpha = reading.model, DecodingConfig().length_penalty
    most = min(model.context, reading.target.shape[1] + reading.source.shape[1])
    factor = length_factor(len(reading.own_nats), alpha)
    found = [(1, reading.target, -float(reading.own_nats.sum()) / factor)]
    for width in BEAMS:
        (best,) = beam_search(model, reading.source, DecodingConfig(beam=width), most)
        end = [model.specials.eos] if len(best.ids) < most else []
        ids = torch.tensor([[model.specials.bos, *best.ids.tolist(), *end]])
        found.append((width, ids, best.score))
    return found


def beams(reading: Reading) -> Step:
    """What greedy search and beams find."""
    found, alpha = _searched(reading), DecodingConfig().length_penalty
    log_probs = -np.array([reading.nats(ids).sum() for _, ids, _ in found])
    again = -np.array([reading.nats_again(ids, reading.states).sum() for _, ids, _ in found])
    lengths = np.array([ids.shape[1] - 1 for _, ids, _ in found])
    scores = np.array([score for _, _, score in found])
    is_same = all(torch.equal(ids, reading.target) for _, ids, _ in found)
    text = (
        N_(
            "*Greedy* search takes the likeliest token each time; a *beam* follows several texts at once and keeps the "
            "one with the best score. Here beams of {widths} find the very text of the greedy search, score {greedy}."
        )
        if is_same
        else N_(
            "*Greedy* search takes the likeliest token each time; a *beam* follows several texts at once and keeps the "
            "one with the best score. Here greedy search scores {greedy} and the best of the beams {best}. A better "
            "score is what the model prefers, which need not be the better translation."
        )
    )
    return Step(
        Message(N_("Greedy search and beams")),
        Message(
            text,
            {
                "widths": ", ".join(map(str, BEAMS)),
                "greedy": Number(float(scores[0]), 3),
                "best": Number(float(scores[1:].max()), 3),
            },
        ),
        r"s(y)=\frac{\log p(y|x)}{\mathrm{lp}(y)},\quad\mathrm{lp}(y)=\left(\frac{5+|y|}{6}\right)^{\alpha}",
        (
            Table(
                Message(
                    N_("What each search found, with $α$ = {alpha}; a beam of 1 is greedy."),
                    {"alpha": Number(alpha)},
                ),
                (
                    Message(N_("beam")),
                    TEXT,
                    TOKENS,
                    Message(N_("log-probability (nats)")),
                    Message(N_("score")),
                ),
                tuple(
                    (width, reading.text_of(ids[0]), ids.shape[1] - 1, float(log_prob), score)
                    for (width, ids, score), log_prob in zip(found, log_probs, strict=True)
                ),
                3,
            ),
        ),
        {"log_probs": log_probs, "scores": scores},
        (greedy, beam_search, length_factor),
        (
            Check(AGAIN, log_probs, again),
            Check(
                Message(N_("the scores from those log-probabilities and the formula")),
                scores,
                again / ((5 + lengths) / 6) ** alpha,
            ),
        ),
        "Wu et al. 2016, Google's Neural Machine Translation System, equation 14",
    )


# -- another source, or a part of it ---------------------------------------------------------------


def exchanged(reading: Reading) -> Step:
    """The same target where another sentence was read, and where nothing was."""
    model, memory = reading.model, reading.memory
    source = reading.source_of(reading.other)
    with torch.no_grad():
        other = model.encode(source)
    # Its layers have no biases: of values that are zero cross-attention makes zero, and adds nothing.
    nothing = Memory([(k, torch.zeros_like(v)) for k, v in memory.keys_values], memory.padding)
    nats = {
        "own": reading.own_nats,
        "other": reading.nats(reading.target, other)[0],
        "none": reading.nats(reading.target, nothing)[0],
    }
    states = (reading.states, reading.encoded(source)[0], None)
    again = [reading.nats_again(reading.target, given) for given in states]
    lost, lost_again = (
        [reading.rows.sums(part - parts[0]) for part in parts[1:]]
        for parts in (list(nats.values()), again)
    )
    totals = {name: float(values.sum()) for name, values in nats.items()}
    text = (
        N_(
            "A map of attention shows where a model looks, not that it matters. So exchange what the decoder reads: "
            "what it wrote costs {own} nats with its own sentence, {other} with “{sentence}” and {none} with nothing "
            "to read. Nothing else was changed, so the source is the *cause* of the difference."
        )
        if min(totals["other"], totals["none"]) - totals["own"] > READS * len(reading.own_nats)
        else N_(
            "A map of attention shows where a model looks, not that it matters. So exchange what the decoder reads: "
            "what it wrote costs {own} nats with its own sentence, {other} with “{sentence}” and {none} with nothing "
            "to read. Its own sentence makes the text hardly any likelier: this model has hardly learnt to read it."
        )
    )
    return Step(
        Message(N_("Take the source away")),
        Message(
            text,
            {
                **{name: Number(total, 2) for name, total in totals.items()},
                "sentence": reading.other,
            },
        ),
        r"\Delta_t=\log p(y_t|y_{<t},x)-\log p(y_t|y_{<t},x')",
        (
            Bars(
                Message(N_("What each written piece loses; below zero it became likelier.")),
                reading.rows.names,
                (
                    (Message(N_("another sentence is read")), lost[0]),
                    (Message(N_("nothing is read")), lost[1]),
                ),
                NATS,
            ),
        ),
        {f"nats_{name}": values for name, values in nats.items()},
        (Translation.encode, Translation.decode),
        (Check(AGAIN, np.stack(lost), np.stack(lost_again)),),
    )


def hidden(reading: Reading) -> Step:
    """Each piece of the source hidden from the cross-attention: what does each written piece lose?"""
    rows, columns = reading.rows, reading.columns
    masks = np.repeat(np.eye(len(columns.names), dtype=bool), columns.sizes, 1)  # (pieces, S)
    copies = reading.memory.rows(torch.zeros(len(masks), dtype=torch.int64))
    padding = copies.padding.masked_fill(torch.from_numpy(masks)[:, None, None], -torch.inf)
    without = reading.nats(reading.target, Memory(copies.keys_values, padding))
    lost = rows.sums(without - reading.own_nats).T
    own_again = reading.nats_again(reading.target, reading.states)
    again = [
        rows.sums(reading.nats_again(reading.target, reading.states, hidden=mask) - own_again)
        for mask in masks
    ]
    mean = pooled(reading.cross, rows, columns).mean((0, 1))
    agreed = int((mean.argmax(1) == lost.argmax(1)).sum())
    row, column = np.unravel_index(lost.argmax(), lost.shape)
    text = (
        N_(
            "Now hide one piece of the source at a time from the cross-attention. Most is lost by “{row}” where "
            "“{column}” is hidden, {most} nats. Here the piece whose hiding costs most is always the one with the "
            "largest mean weight, for all {count} written pieces: on this sentence the map tells the cause."
        )
        if agreed == len(lost)
        else N_(
            "Now hide one piece of the source at a time from the cross-attention. Most is lost by “{row}” where "
            "“{column}” is hidden, {most} nats. The piece whose hiding costs most is the one with the largest mean "
            "weight for {agreed} of the {count} written pieces; where they differ, looking is not causing."
        )
    )
    return Step(
        Message(N_("Hide a part of the source")),
        Message(
            text,
            {
                "row": visible(rows.names[row]),
                "column": visible(columns.names[column]),
                "most": Number(float(lost.max())),
                "agreed": agreed,
                "count": len(lost),
            },
        ),
        r"\Delta_{ts}=\log p(y_t|y_{<t},x)-\log p(y_t|y_{<t},x\;\mathrm{without}\;x_s)",
        (
            Heat(
                Message(
                    N_(
                        "Nats that a written piece (row) loses where a piece of the source (column) is hidden. The "
                        "encoder has read it before, so its neighbours still tell a part of it."
                    )
                ),
                lost,
                rows.names,
                columns.names,
                *ACROSS,
                unit=NATS,
                signed=True,
            ),
        ),
        {"lost_nats": lost},
        (padding_mask, Translation.decode),
        (Check(AGAIN, lost, np.stack(again, 1)),),
        "Jain & Wallace 2019, Attention is not Explanation",
    )
