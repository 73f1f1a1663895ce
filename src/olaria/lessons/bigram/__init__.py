r"""The bigram: a learned table of pairs beside the counted one, and what it cannot know.

.. math:: p(x_t \mid x_{<t}) = p(x_t \mid x_{t-1}), \qquad p(b \mid a) = \operatorname{softmax}(E_a)_b
          \approx \frac{n_{ab}}{n_a}

Of all tables the counted one has the least loss on the text that was counted, so that is where training leads. The
losses are in :mod:`olaria.lessons.bigram.loss`, the steps that draw text in :mod:`olaria.lessons.bigram.text`.

Arrays of the steps, with F frequent tokens: ``counts``, (F, F); ``counted`` and ``learned``, probabilities, (F, F);
``rows``, probabilities of what follows a token, counted and learned, (tokens, shown, 2); and those of the modules named
above.

Source: Shannon 1948, section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Asked, Check, Lesson, Step
from olaria.lessons.bigram.counts import (
    Ids,
    Opened,
    PairCounts,
    followers,
    opened,
    shares,
    softmax_rows,
)
from olaria.lessons.bigram.loss import SHOWN_TOKENS, entropy_step, loss_step
from olaria.lessons.bigram.text import draw_step, memory_step, spelling_step
from olaria.lessons.figures import Bars, Choice, Control, Heat
from olaria.lessons.texts import labels_of, spelt

SHOWN_ROWS = 12
SHOWN_NEXT = 10


def counts_step(run: Opened) -> Step:
    """How often each pair comes in the training text."""
    counts, shown = run.counts, run.frequent(SHOWN_TOKENS)
    numbers = counts.of(shown[:, None], shown[None])
    most = int(counts.times.argmax())
    pair = [int(ids[most]) for ids in counts.pairs]
    left, right = labels_of(spelt(run.tokenizer, torch.tensor(pair)))
    return Step(
        Message(N_("Counting pairs")),
        Message(
            N_(
                "In {count} pairs of neighbouring tokens of the training text, “{left}” followed by “{right}” comes "
                "most often, {times} times. Of the {possible} pairs that could be, {found} come at all. A bigram knows "
                "nothing else of the text: for each token, what follows it."
            ),
            {
                "count": len(counts.ids) - 1,
                "left": left,
                "right": right,
                "times": int(counts.times[most]),
                "possible": run.vocab_size**2,
                "found": len(counts.codes),
            },
        ),
        r"n_{ab} = \sum_{t} [x_t = a, \; x_{t+1} = b]",
        (
            _heat(
                run,
                shown,
                numbers,
                Message(N_("Pairs of the {count} most frequent tokens."), {"count": len(shown)}),
                digits=0,
            ),
        ),
        {"counts": numbers},
        (PairCounts.of_text,),
        (
            Check(
                Message(N_("the counts shown, from a list of all that follows each token")),
                numbers,
                [followers(run, a, shown) for a in shown],
            ),
            Check(
                Message(N_("all counts together are the tokens of the text, less one")),
                int(counts.times.sum()),
                len(counts.ids) - 1,
            ),
        ),
        "Shannon 1948, section 3",
    )


def _heat(
    run: Opened,
    shown: Ids,
    values: NDArray[Any],
    caption: Message,
    digits: int = 2,
    signed: bool = False,
) -> Heat:
    names = labels_of(spelt(run.tokenizer, torch.from_numpy(shown)))
    this, following = Message(N_("this token")), Message(N_("the next token"))
    return Heat(caption, values, names, names, this, following, signed=signed, digits=digits)


def probabilities_step(run: Opened) -> Step:
    """The counted table and the learned one, side by side."""
    shown = run.frequent(SHOWN_TOKENS)
    this, following = shown[:, None], shown[None]
    counted = run.counts.probability(this, following)
    learned = np.exp(run.learned(this, following))
    apart = learned - counted
    counted_again = np.array([shares(run, a, shown) for a in shown])
    learned_again = softmax_rows(run, shown)[:, shown]
    names = labels_of(spelt(run.tokenizer, torch.from_numpy(shown)))
    a, b = np.unravel_index(np.abs(apart).argmax(), apart.shape)
    views = (N_("counted"), N_("learned by the run"), N_("learned less counted"))
    figures = (
        _heat(run, shown, counted, Message(N_("Probabilities by counting."))),
        _heat(run, shown, learned, Message(N_("The softmax of the run's rows."))),
        _heat(run, shown, apart, Message(N_("What the run says too much or too little.")), 3, True),
    )
    return Step(
        Message(N_("The learned table beside it")),
        Message(
            N_(
                "A count divided by its row's sum is a probability. The run never counted: it began with equal logits "
                "and followed the gradient of its loss. The two tables differ by {mean} in the mean, and at most "
                "by {most}, where “{right}” follows “{left}” (a token that comes {times} times)."
            ),
            {
                "mean": Number(float(np.abs(apart).mean())),
                "most": Number(float(np.abs(apart).max())),
                "left": names[a],
                "right": names[b],
                "times": int(run.counts.firsts[shown[a]]),
            },
        ),
        r"\frac{n_{ab}}{\sum_c n_{ac}} \approx \operatorname{softmax}(E_a)_b",
        (
            Choice(
                Message(N_("Rows need not sum to one: less frequent tokens are left out.")),
                (Control(Message(N_("table")), tuple(map(Message, views)), "select"),),
                figures,
                (0, 1),
            ),
        ),
        {"counted": counted, "learned": learned},
        (PairCounts.probability, type(run.model).forward),
        (
            Check(
                Message(
                    N_("the counted probabilities, from a list of all that follows each token")
                ),
                counted,
                counted_again,
            ),
            Check(
                Message(N_("the learned probabilities, from the raw logits in float64")),
                learned,
                learned_again,
            ),
            Check(
                Message(N_("the differences, from the same two")),
                apart,
                learned_again - counted_again,
            ),
        ),
    )


# -- one row, and how open each is ---------------------------------------------------------------------


def row_step(run: Opened) -> Step:
    """What follows a token of the sentence, counted and learned."""
    firsts = run.counts.firsts
    asked = dict.fromkeys([int(run.sentence.ids[-1]), *run.sentence.ids.tolist()])
    followed = [token for token in asked if firsts[token]]
    chosen = followed[:SHOWN_ROWS]
    tokens = np.array(chosen or run.frequent(SHOWN_ROWS))
    everyone = np.arange(run.vocab_size)
    counted = run.counts.probability(tokens[:, None], everyone[None])
    learned = np.exp(run.learned(tokens[:, None], everyone[None]))
    order = np.argsort(-counted, 1, kind="stable")[:, :SHOWN_NEXT]
    shown = np.stack([np.take_along_axis(table, order, 1) for table in (counted, learned)], 2)
    labels = labels_of(spelt(run.tokenizer, torch.from_numpy(tokens)))
    names = [labels_of(spelt(run.tokenizer, torch.from_numpy(row))) for row in order]
    rows = softmax_rows(run, tokens)
    return Step(
        Message(N_("One row, all that it knows")),
        Message(
            N_(
                "After “{token}” the training text goes on {times} times, most often with “{next}”: a share of "
                "{counted}, and the run says {learned}. That row is everything the model knows when it stands at "
                "“{token}”, whatever came before."
            ),
            {
                "token": labels[0],
                "times": int(firsts[tokens[0]]),
                "next": names[0][0],
                "counted": Number(float(shown[0, 0, 0]), 3),
                "learned": Number(float(shown[0, 0, 1]), 3),
            },
        ),
        r"p(b|a) = \frac{\exp E_{ab}}{\sum_c \exp E_{ac}}",
        (
            Choice(
                _row_caption(len(chosen), len(followed)),
                (Control(Message(N_("this token")), labels, "select"),),
                tuple(
                    Bars(
                        Message(N_("What follows “{token}”."), {"token": label}),
                        row_names,
                        (
                            (Message(N_("counted")), values[:, 0]),
                            (Message(N_("learned by the run")), values[:, 1]),
                        ),
                        Message(N_("probability")),
                    )
                    for label, row_names, values in zip(labels, names, shown, strict=True)
                ),
            ),
        ),
        {"rows": shown},
        (PairCounts.probability, type(run.model).forward),
        (
            Check(
                Message(N_("the counted shares, from a list of all that follows each token")),
                shown[:, :, 0],
                [shares(run, a, b) for a, b in zip(tokens, order, strict=True)],
            ),
            Check(
                Message(N_("the learned probabilities, from the raw logits in float64")),
                shown[:, :, 1],
                np.take_along_axis(rows, order, 1),
            ),
        ),
        notes=run.sentence.notes,
    )


def _row_caption(shown: int, count: int) -> Message:
    caption = N_("What most often follows each token of the sentence, its last token first.")
    if shown == count:
        return Message(caption)
    text = N_("{caption} Of its {count} different tokens {shown} are offered.")
    return Message(text, {"caption": Message(caption), "count": count, "shown": shown})


def steps(asked: Asked) -> tuple[Step, ...]:
    """Counting and learning side by side, then what is drawn from the table and what it forgets."""
    run = opened(asked)
    found = [
        counts_step(run),
        probabilities_step(run),
        loss_step(run),
        row_step(run),
        entropy_step(run),
        draw_step(run, asked.seed),
    ]
    if run.has_words:
        found += spelling_step(run, asked.seed)
    return (*found, *memory_step(run))


LESSON = Lesson(
    title=Message(N_("The bigram: a table of pairs")),
    introduction=Message(
        N_(
            "The smallest language model looks back at one token. Its table can be counted as well as learned, which "
            "shows what training does; and it shows what is missing, and why larger models look further back."
        )
    ),
    steps=steps,
    families=("bigram",),
    preset="bigram-shakespeare",
    takes_prompt=True,
)
