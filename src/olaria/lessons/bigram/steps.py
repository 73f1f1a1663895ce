r"""The steps of the bigram's lesson; the prose stands beside them, in ``text.en.md`` and ``text.pt.md``.

Arrays, with F frequent tokens: ``counts`` of pairs and ``counted`` and ``learned`` probabilities, (F, F); ``surprise``
of a sentence's targets, nats, (T - 1,); ``loss_nats`` of five tables on two texts, (5, 2); ``rows``, probabilities of
what follows a token, counted and learned, (tokens, shown, 2); ``entropy_nats``, counted and learned, (2, F). What the
model writes is in :mod:`olaria.lessons.bigram.writes`.

Sources: Shannon 1948, section 6, and 1951; Cover & Thomas 2006, theorem 2.6.3 (a divergence is never negative).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from olaria.evaluation.text import text_loss
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.bigram.counts import PairCounts, entropy
from olaria.lessons.bigram.scene import SHOWN_NEXT, SHOWN_ROWS, Scene
from olaria.lessons.bigram.ways import Way
from olaria.lessons.bigram.writes import WRITES
from olaria.lessons.evaluated import loss_beside
from olaria.lessons.figures import Bars, Choice, Control, Heat, Table, Tokens, Words
from olaria.lessons.twice import Row
from olaria.models.language import Bigram
from olaria.objectives.likelihood import cross_entropy

Values = dict[str, Any]

WORD = "abracadabra"
"""Small enough to be counted by hand, and a word of both languages."""
SHARES = (0.1, 0.5, 0.9)
"""Between the answers to how many of the possible pairs come."""


def by_hand(_scene: Scene, way: Way) -> Values:
    """The pairs of one word: inputs, and targets that are the inputs shifted by one."""
    letters = sorted(set(WORD))
    ids = np.array([letters.index(letter) for letter in WORD])
    counts = way.count(ids, np.arange(len(letters)))
    a, b = letters.index("a"), letters.index("b")
    p = counts[a, b] / counts[a].sum()
    guesses = (2 / WORD.count("a"), 2 / (WORD.count("a") - 1), 2 / (len(WORD) - 1))
    names = tuple(letters)
    return {
        "word": WORD,
        "length": len(WORD),
        "count": len(WORD) - 1,
        "times": int(counts[a].sum()),
        "both": int(counts[a, b]),
        "p": p,
        "answer": int(np.abs(np.array(guesses) - p).argmin()),
        "shifted": Table(
            "",
            (Message(N_("position")), *(str(t) for t in range(1, len(WORD)))),
            (
                (Message(N_("input")), *WORD[:-1]),
                (Message(N_("target")), *WORD[1:]),
            ),
        ),
        "grid": Heat("", counts, names, names, *_TITLES, digits=0),
        "checks": (
            Check(Message(N_("all counts together are the pairs")), counts.sum(), len(WORD) - 1),
        ),
    }


def counting(scene: Scene, way: Way) -> Values:
    """How often each pair comes in the training text."""
    counts, shown = scene.counts, scene.frequent()
    table = way.count(counts.ids, shown)
    most = int(counts.times.argmax())
    left, right = scene.names(int(ids[most]) for ids in counts.pairs)
    found, possible = len(counts.codes), scene.vocab_size**2
    return {
        "count": len(counts.ids) - 1,
        "left": left,
        "right": right,
        "times": int(counts.times[most]),
        "possible": possible,
        "found": found,
        "share": found / possible,
        "answer": int(np.searchsorted(SHARES, found / possible)),
        "shown": len(shown),
        "counts": table,
        "pairs": _heat(scene, table, digits=0),
        "checks": (
            Check(
                Message(N_("all counts together are the tokens of the text, less one")),
                int(counts.times.sum()),
                len(counts.ids) - 1,
            ),
        ),
    }


_TITLES = (Message(N_("this token")), Message(N_("the next token")))


def _heat(scene: Scene, values: Array, digits: int = 2, signed: bool = False) -> Heat:
    names = scene.names(scene.frequent())
    return Heat("", values, names, names, *_TITLES, signed=signed, digits=digits)


def _bars(names: Sequence[Words], values: Array, unit: str, caption: Words = "") -> Bars:
    series = (Message(N_("counted")), Message(N_("learned by the model")))
    return Bars(caption, tuple(names), tuple(zip(series, values, strict=True)), Message(unit))


_FOLLOWS = N_("What follows “{token}”.")


def surprise(scene: Scene, way: Way) -> Values:
    """What each token of the sentence costs: its surprise, whose mean is the loss."""
    ids, names = scene.sentence.ids.numpy(), scene.names(scene.sentence.ids)
    p = way.learned(ids[:-1])[np.arange(len(ids) - 1), ids[1:]]
    nats = -np.log(p)
    order = scene.surprising
    asked, answer = _three(order, [tuple(names[i : i + 2]) for i in range(len(p))])
    least, most = order[0], order[-1]
    fields = dict[str, str]()
    for number, place in enumerate(asked, 1):
        fields |= {f"before_{number}": names[place], f"token_{number}": names[place + 1]}
    notes = tuple(Message(N_("after “{context}”"), {"context": name}) for name in names[:-1])
    return {
        **fields,
        "answer": answer,
        "count": len(p),
        "before": names[most],
        "token": names[most + 1],
        "p": p[most],
        "most": nats[most],
        "sure_before": names[least],
        "sure_token": names[least + 1],
        "sure_p": p[least],
        "least": nats[least],
        "mean": nats.mean(),
        "vocab": scene.vocab_size,
        "uniform": math.log(scene.vocab_size),
        "surprise": nats,
        "sentence": Tokens("", scene.sentence.tokens[1:], nats, notes, Message(N_("nats"))),
        "notes": scene.sentence.notes,
        "checks": (
            Check(
                Message(N_("the mean surprise is the loss that training lowers")),
                nats.mean(),
                _loss(scene),
            ),
        ),
    }


@torch.no_grad()
def _loss(scene: Scene) -> float:
    ids = scene.sentence.ids[None]
    return float(cross_entropy(scene.model(ids[:, :-1]), ids[:, 1:]))


def _three(order: Sequence[int], names: Sequence[Any]) -> tuple[list[int], int | None]:
    """The first, the middle and the last of an order, as they stand in the text; which of them is the last.

    Where fewer than three differ in their names there is nothing to ask.
    """
    first, middle, last = order[0], order[len(order) // 2], order[-1]
    asked = sorted((first, middle, last))
    differ = len({names[i] for i in asked}) == 3
    return asked, asked.index(last) if differ else None


def learning(scene: Scene, way: Way) -> Values:
    """The counted table and the learned one, side by side."""
    shown = scene.frequent()
    counted, learned = way.counted(shown)[:, shown], way.learned(shown)[:, shown]
    apart = learned - counted
    half, rows = len(shown) // 2, np.abs(apart).mean(1)
    frequent, rare = rows[: max(1, half)].mean(), rows[half:].mean()
    views = (N_("counted"), N_("learned by the model"), N_("learned minus counted"))
    figures = _heat(scene, counted), _heat(scene, learned), _heat(scene, apart, 3, signed=True)
    return {
        "mean": np.abs(apart).mean(),
        "most": np.abs(apart).max(),
        "shown": len(shown),
        "frequent": frequent,
        "rare": rare,
        "answer": int(rare > frequent) if half else None,
        "counted": counted,
        "learned": learned,
        "tables": Choice(
            "",
            (Control(Message(N_("table")), tuple(map(Message, views)), "select"),),
            figures,
            (0, 1),
        ),
    }


def gap(scene: Scene, way: Way) -> Values:
    """The loss of five tables: on the counted text none is below the counted one."""
    loss = way.losses()
    divergence = way.divergence()
    unseen = int((scene.counts.of(*scene.validation_counts.pairs) == 0).sum())
    count = len(scene.validation_counts.ids)
    names = (
        N_("all tokens equal"),
        N_("how frequent a token is, whatever stands before"),
        N_("counted pairs"),
        N_("counted pairs, one added to each"),
        N_("learned by the model"),
    )
    heads = (
        N_("table"),
        N_("training text (nats per token)"),
        N_("validation text (nats per token)"),
    )
    return {
        "counted": loss[2, 0],
        "learned": loss[4, 0],
        "gap": divergence,
        "unseen": unseen,
        "smoothed": loss[3, 1],
        "validation": loss[4, 1],
        "evaluated": loss_beside(scene.asked.run, count - 1, 4),
        "answer": 1,
        "count": count,
        "loss_nats": loss,
        "losses": Table(
            "",
            tuple(map(Message, heads)),
            tuple((Message(name), *map(float, row)) for name, row in zip(names, loss, strict=True)),
            4,
        ),
        "checks": (
            Check(
                Message(N_("learned minus counted is the mean KL divergence of the rows")),
                loss[4, 0] - loss[2, 0],
                divergence,
            ),
            Check(
                Message(
                    N_("the model's loss on the validation text, as an evaluation measures it")
                ),
                loss[4, 1],
                _evaluated(scene),
            ),
        ),
    }


def _evaluated(scene: Scene) -> float:
    ids = torch.from_numpy(scene.validation_counts.ids)
    context = scene.model.context
    found = text_loss(scene.model, ids, context=context, num_chars=1, num_bytes=1)
    return found.loss_nats_per_token


def one_row(scene: Scene, way: Way) -> Values:
    """What follows a token of the sentence, counted and learned."""
    followed, tokens = scene.rows, scene.rows[:SHOWN_ROWS]
    counted, learned = way.counted(tokens), way.learned(tokens)
    order = scene.likeliest[:, :SHOWN_NEXT]
    rows = np.stack([np.take_along_axis(table, order, 1) for table in (counted, learned)], 2)
    labels, nexts = scene.names(tokens), [scene.names(row) for row in order]
    asked = sorted(order[0, :3])
    singles = np.bincount(scene.counts.ids, minlength=scene.vocab_size)
    return {
        "token": labels[0],
        "times": int(scene.counts.firsts[tokens[0]]),
        "next": nexts[0][0],
        "counted": rows[0, 0, 0],
        "learned": rows[0, 0, 1],
        "usual": scene.names([int(singles.argmax())])[0],
        "usual_after": counted[0, singles.argmax()],
        "usual_share": singles.max() / singles.sum(),
        **{f"token_{i}": name for i, name in enumerate(scene.names(asked), 1)},
        **{f"token_{i}": "" for i in range(len(asked) + 1, 4)},
        "answer": asked.index(order[0, 0]) if len(asked) == 3 else None,
        "offered": len(tokens),
        "different": len(followed),
        "all": len(tokens) == len(followed),
        "rows": rows,
        "next_tokens": Choice(
            "",
            (Control(_TITLES[0], labels, "select"),),
            tuple(
                _bars(names, values.T, N_("probability"), Message(_FOLLOWS, {"token": label}))
                for label, names, values in zip(labels, nexts, rows, strict=True)
            ),
        ),
    }


def choices(scene: Scene, way: Way) -> Values:
    """The entropy of the rows: how open the next token is."""
    shown, order = scene.frequent(), scene.by_entropy
    found = np.stack([way.entropy(way.counted(shown)), way.entropy(way.learned(shown))])
    names, (least, most) = scene.names(shown), (order[0], order[-1])
    asked, answer = _three(order, names)
    mean, singles = way.losses()[2, 0], (scene.counts.times, scene.counts.firsts)
    apart = [float(way.entropy(x[None] / x.sum())[0]) for x in singles]
    return {
        **{f"token_{i}": names[place] for i, place in enumerate(asked, 1)},
        "answer": answer,
        "least": names[least],
        "sure": found[0, least],
        "few": math.exp(found[0, least]),
        "most": names[most],
        "open": found[0, most],
        "many": math.exp(found[0, most]),
        "mean": mean,
        "shown": len(shown),
        "entropy_nats": found,
        "entropies": _bars(names, found, N_("nats")),
        "checks": (
            Check(
                Message(N_("the mean is the entropy of pairs less that of single tokens")),
                mean,
                apart[0] - apart[1],
            ),
        ),
    }


STEPS = (
    Row(by_hand, (PairCounts.of_text,)),
    Row(counting, (PairCounts.of_text, PairCounts.of)),
    Row(surprise, (Bigram.forward, cross_entropy)),
    Row(learning, (PairCounts.probability, Bigram.forward)),
    Row(gap, (PairCounts.nats_per_token, text_loss)),
    Row(one_row, (PairCounts.probability, Bigram.forward)),
    Row(choices, (entropy,)),
    *WRITES,
)
"""In the order of the documents."""
