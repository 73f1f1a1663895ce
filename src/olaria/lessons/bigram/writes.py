"""The steps of the bigram's lesson about what it writes: a walk, its words, and what it cannot know.

Arrays: ``ids`` drawn and their ``probabilities``, (S,); ``shares`` of words, drawn and real, by their length,
(lengths, 2); ``model`` and ``text``, what follows two contexts, (2, V).

Source: Shannon 1948, section 3 (text drawn from pairs of letters).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import torch

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check, numbers
from olaria.lessons.bigram.counts import Ids, following
from olaria.lessons.bigram.scene import SHOWN_NEXT, Scene, overlap
from olaria.lessons.bigram.ways import Way, words_of
from olaria.lessons.figures import Bars, NextToken, Table, Tokens, Words
from olaria.lessons.texts import spelt, visible
from olaria.lessons.twice import Row
from olaria.models.language import Bigram
from olaria.sampling.autoregressive import generate

Values = dict[str, Any]

LEAST_WORDS = 20
LONG = 5
LENGTHS = ((1, 2), (3, 4), (5, 6), (7, 99))
"""Letters of a word, from and to."""
KNOWN_SHARES = (0.1, 0.5)
"""Between the answers to how many long words are real."""
SHOWN_WORDS = 10


def walk(scene: Scene, way: Way) -> Values:
    """The sentence goes on, a token at a time, each with its probability."""
    ids, (greedy, cycle) = scene.drawn, scene.greedy
    read = np.append(scene.sentence.ids.numpy()[-1:], ids[:-1])
    p = way.learned(read)[np.arange(len(ids)), ids]
    mean = float(np.exp(np.log(p).mean()))
    tokenizer = scene.sentence.tokenizer
    everyone = spelt(tokenizer, torch.arange(scene.vocab_size))
    before = scene.names(read)
    return {
        "last": before[0],
        "count": len(ids),
        "mean": mean,
        "choices": 1 / mean,
        "greedy": visible(tokenizer.decode(greedy)),
        "cycle": cycle,
        "repeated": visible(tokenizer.decode(greedy[-cycle:])),
        "answer": 1,
        "ids": ids,
        "probabilities": p,
        "first": NextToken("", everyone, way.logits(read[:1])[0]),
        "drawn": Tokens(
            "",
            spelt(tokenizer, torch.from_numpy(ids)),
            p,
            tuple(Message(N_("after “{context}”"), {"context": name}) for name in before),
        ),
    }


def shares_known(words: Sequence[str], known: Collection[str]) -> Array:
    """Share of the words that are known: of all, those of each of :data:`LENGTHS`, and the long ones; NaN of none."""
    groups = [words, *([word for word in words if a <= len(word) <= b] for a, b in LENGTHS)]
    groups.append([word for word in words if len(word) >= LONG])
    return np.array(
        [sum(word in known for word in group) / (len(group) or math.nan) for group in groups]
    )


def real_words(scene: Scene, way: Way) -> Values | None:
    """How many drawn words are words of the training text, beside those of the validation text.

    Nothing where words are tokens, where the text is no text, or where there are too few of them.
    """
    if scene.asked.run.recipe.kind == "codes" or scene.sentence.tokenizer.kind == "word":
        return None
    known = set(way.words(scene.train))
    drawn = [word for text in scene.texts for word in way.words(text)]
    real = way.words(scene.validation)
    if min(len(drawn), len(real)) < LEAST_WORDS:
        return None
    shares = np.stack([shares_known(words, known) for words in (drawn, real)], 1)
    lengths = [i for i in range(len(LENGTHS)) if np.isfinite(shares[1 + i]).all()]
    shown = shares[[0, *(1 + i for i in lengths)]]
    has_long = bool(np.isfinite(shares[-1]).all())
    names = (N_("all words"), *(_LENGTH_WORDS[i] for i in lengths))
    sizes = [[sum(a <= len(w) <= b for w in some) for a, b in LENGTHS] for some in (drawn, real)]
    weighted = [
        float(np.nansum(np.array(n) * shares[1:-1, i]) / sum(n)) for i, n in enumerate(sizes)
    ]
    return {
        "count": len(drawn),
        "share": shares[0, 0],
        "real": shares[0, 1],
        "worse": bool(shares[0, 0] < shares[0, 1]),
        "has_long": has_long and bool(shares[0, 0] < shares[0, 1]),
        "letters": LONG,
        "long": shares[-1, 0],
        "long_real": shares[-1, 1],
        "answer": int(np.searchsorted(KNOWN_SHARES, shares[-1, 0])) if has_long else None,
        "shares": shown,
        "by_length": Bars(
            "",
            tuple(map(Message, names)),
            (
                (Message(N_("drawn")), 100 * shown[:, 0]),
                (Message(N_("of the validation text")), 100 * shown[:, 1]),
            ),
            "%",
        ),
        "examples": _examples(drawn, known),
        "checks": (
            Check(
                Message(N_("the shares of all lengths, weighted by their words, give that of all")),
                shares[0],
                weighted,
            ),
        ),
    }


_LENGTH_WORDS = (
    N_("1 or 2 letters"),
    N_("3 or 4 letters"),
    N_("5 or 6 letters"),
    N_("7 letters or more"),
)


def _examples(drawn: Sequence[str], known: Collection[str]) -> Table:
    different = list(dict.fromkeys(drawn))
    right, wrong = (
        [word for word in different if (word in known) is is_known][:SHOWN_WORDS]
        for is_known in (True, False)
    )
    heads = (N_("in the training text"), N_("not in the training text"))
    rows = tuple(zip_longest(right, wrong, fillvalue=""))
    return Table("", tuple(map(Message, heads)), rows)


def two_pasts(scene: Scene, way: Way) -> Values | None:
    """Two different pasts with the same last token give one prediction; None where there are no two."""
    contexts = scene.contexts
    if contexts is None:
        return None
    model = np.stack([way.learned(ids[-1:])[0] for ids in contexts])
    text = np.stack([way.following(ids) for ids in contexts])
    tokenizer = scene.sentence.tokenizer
    pasts = [visible(tokenizer.decode(ids)) for ids in contexts]
    ends = [visible(tokenizer.decode(ids[-2:])) for ids in contexts]
    after = [following(scene.counts.ids, ids, scene.vocab_size) for ids in contexts]
    order = np.argsort(-np.sum(after, 0), kind="stable")[:SHOWN_NEXT]
    names = scene.names(order)
    heads = (
        Message(N_("next token")),
        *(Message(N_("model, after “{context}”"), {"context": past}) for past in pasts),
        *(Message(N_("text, after “{context}”"), {"context": end}) for end in ends),
    )
    columns = np.concatenate((model, text))[:, order]
    rows = list[tuple[Words | float | int, ...]]()
    for name, row in zip(names, columns.T, strict=True):
        rows.append((name, *row.tolist()))
    series = tuple(
        (Message(N_("after “{context}”"), {"context": end}), row[order])
        for end, row in zip(ends, text, strict=True)
    )
    return {
        "one": pasts[0],
        "other": pasts[1],
        "vocab": scene.vocab_size,
        "apart": np.abs(model[0] - model[1]).max(),
        "first": ends[0],
        "second": ends[1],
        "common": overlap(*text),
        "answer": 0,
        "model": model,
        "text": text,
        "both": Table("", heads, tuple(rows), 3, (1, 2)),
        "further": Bars("", names, series, Message(N_("probability"))),
        "checks": (
            Check(
                Message(N_("the model's probabilities after one past are those after the other")),
                _after(scene, contexts[0]),
                _after(scene, contexts[1]),
            ),
        ),
    }


@torch.no_grad()
def _after(scene: Scene, context: Ids) -> Array:
    """What the model predicts after a whole context, (V,)."""
    return numbers(scene.model(torch.from_numpy(context)[None])[0, -1].softmax(-1))


WRITES = (
    Row(walk, (generate,)),
    Row(real_words, (words_of, shares_known)),
    Row(two_pasts, (Bigram.forward, following)),
)
"""In the order of the documents."""
