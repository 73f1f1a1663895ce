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

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.bigram.counts import PairCounts, entropy
from olaria.lessons.bigram.scene import SHOWN_NEXT, SHOWN_ROWS, Scene
from olaria.lessons.bigram.ways import Way
from olaria.lessons.bigram.writes import WRITES
from olaria.lessons.evaluated import loss_beside
from olaria.lessons.figures import Bars, Choice, Control, Heat, Table, Tokens, Words
from olaria.lessons.parts import Values
from olaria.lessons.twice import Row
from olaria.models.language import Bigram
from olaria.objectives.likelihood import cross_entropy

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
    names, text = tuple(letters), Message(N_("all counts together are the pairs"))
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
            ((Message(N_("input")), *WORD[:-1]), (Message(N_("target")), *WORD[1:])),
        ),
        "grid": Heat("", counts, names, names, *_TITLES, digits=0),
        "checks": (Check(text, counts.sum(), len(WORD) - 1),),
    }


def counting(scene: Scene, way: Way) -> Values:
    """How often each pair comes in the training text."""
    counts, shown = scene.counts, scene.frequent()
    table = way.count(counts.ids, shown)
    most = int(counts.times.argmax())
    left, right = scene.names(int(ids[most]) for ids in counts.pairs)
    found, possible = len(counts.codes), scene.vocab_size**2
    text = Message(N_("all counts together are the tokens of the text, less one"))
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
        "checks": (Check(text, counts.times.sum(), len(counts.ids) - 1),),
    }


_TITLES = (Message(N_("this token")), Message(N_("the next token")))


def _heat(scene: Scene, values: Array, digits: int = 2, signed: bool = False) -> Heat:
    names = scene.names(scene.frequent())
    return Heat("", values, names, names, *_TITLES, signed=signed, digits=digits)


def _bars(names: Sequence[Words], values: Array, unit: str, caption: Words = "") -> Bars:
    series = (Message(N_("counted")), Message(N_("learned by the model")))
    return Bars(caption, tuple(names), tuple(zip(series, values, strict=True)), Message(unit))


def surprise(scene: Scene, way: Way) -> Values:
    """What each token of the sentence costs: its surprise, whose mean is the loss."""
    ids, names = scene.sentence.ids.numpy(), scene.names(scene.sentence.ids)
    p = way.learned(ids[:-1])[np.arange(len(ids) - 1), ids[1:]]
    nats = -np.log(p)
    order = scene.surprising
    asked, answer = _three(order, [tuple(names[i : i + 2]) for i in range(len(p))])
    least, most = order[0], order[-1]
    notes = tuple(Message(N_("after “{context}”"), {"context": name}) for name in names[:-1])
    return {
        **{f"before_{number}": names[place] for number, place in enumerate(asked, 1)},
        **{f"token_{number}": names[place + 1] for number, place in enumerate(asked, 1)},
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
    }


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
    control = Control(Message(N_("table")), tuple(map(Message, views)), "select")
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
        "tables": Choice("", (control,), figures, (0, 1)),
    }


def gap(scene: Scene, way: Way) -> Values:
    """The loss of five tables: on the counted text none is below the counted one."""
    loss, divergence = way.losses(), way.divergence()
    unseen = int((scene.counts.of(*scene.validation_counts.pairs) == 0).sum())
    count = len(scene.validation_counts.ids)
    names = (
        Message(N_("all tokens equal")),
        Message(N_("how frequent a token is, whatever stands before")),
        Message(N_("counted pairs")),
        Message(N_("counted pairs, one added to each")),
        Message(N_("learned by the model")),
    )
    heads = (
        N_("table"),
        N_("training text (nats per token)"),
        N_("validation text (nats per token)"),
    )
    rows = tuple((name, *row) for name, row in zip(names, loss.tolist(), strict=True))
    text = Message(N_("learned minus counted is the mean KL divergence of the rows"))
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
        "losses": Table("", tuple(map(Message, heads)), rows, 4),
        "checks": (Check(text, loss[4, 0] - loss[2, 0], divergence),),
    }


def one_row(scene: Scene, way: Way) -> Values:
    """What follows a token of the sentence, counted and learned."""
    followed, tokens = scene.rows, scene.rows[:SHOWN_ROWS]
    counted, learned = way.counted(tokens), way.learned(tokens)
    order = np.argsort(-counted, 1, kind="stable")[:, :SHOWN_NEXT]  # counts are exact both ways
    rows = np.stack([np.take_along_axis(table, order, 1) for table in (counted, learned)], 2)
    labels, nexts = scene.names(tokens), [scene.names(row) for row in order]
    asked = sorted(order[0, :3])
    singles = np.bincount(scene.counts.ids, minlength=scene.vocab_size)
    captions = [Message(N_("What follows “{token}”."), {"token": label}) for label in labels]
    bars = tuple(
        _bars(names, values.T, N_("probability"), caption)
        for caption, names, values in zip(captions, nexts, rows, strict=True)
    )
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
        "next_tokens": Choice("", (Control(_TITLES[0], labels, "select"),), bars),
    }


def choices(scene: Scene, way: Way) -> Values:
    """The entropy of the rows: how open the next token is."""
    shown = scene.frequent()
    found = np.stack([entropy(way.counted(shown)), entropy(way.learned(shown))])
    order = found[0].argsort(kind="stable").tolist()  # counts are exact both ways
    names, (least, most) = scene.names(shown), (order[0], order[-1])
    asked, answer = _three(order, names)
    return {
        **{f"token_{i}": names[place] for i, place in enumerate(asked, 1)},
        "answer": answer,
        "least": names[least],
        "sure": found[0, least],
        "few": math.exp(found[0, least]),
        "most": names[most],
        "open": found[0, most],
        "many": math.exp(found[0, most]),
        "mean": way.losses()[2, 0],
        "shown": len(shown),
        "entropy_nats": found,
        "entropies": _bars(names, found, N_("nats")),
    }


STEPS = (
    Row(by_hand, (PairCounts.of_text,)),
    Row(counting, (PairCounts.of_text, PairCounts.of)),
    Row(surprise, (Bigram.forward, cross_entropy)),
    Row(learning, (PairCounts.probability, Bigram.forward)),
    Row(gap, (PairCounts.nats_per_token,)),
    Row(one_row, (PairCounts.probability, Bigram.forward)),
    Row(choices, (entropy,)),
    *WRITES,
)
"""In the order of the documents."""
