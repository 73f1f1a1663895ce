r"""The steps of the bigram's lesson about what it writes: a walk, its words, and what it cannot know.

Arrays: ``ids`` drawn and their ``probabilities``, (S,); ``shares`` of words, drawn and real, by their length,
(lengths, 2); ``model`` and ``text``, what follows two contexts, (2, V).

Source: Shannon 1948, section 3 (text drawn from pairs of letters).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import zip_longest

import numpy as np
import torch

from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Check
from olaria.lessons.bigram.counts import following
from olaria.lessons.bigram.scene import SHOWN_NEXT, Scene, overlap
from olaria.lessons.bigram.ways import Way
from olaria.lessons.figures import Bars, NextToken, Table, Tokens
from olaria.lessons.live import typed
from olaria.lessons.parts import Values
from olaria.lessons.texts import spelt, visible
from olaria.lessons.twice import Row
from olaria.models.language import Bigram
from olaria.sampling.autoregressive import generate

LEAST_WORDS = 20
LENGTHS = (
    (1, 2, N_("1 or 2 letters")),
    (3, 4, N_("3 or 4 letters")),
    (5, 6, N_("5 or 6 letters")),
    (7, math.inf, N_("7 letters or more")),
)
"""Letters of a word, from and to."""
LONG = 2
"""Place of the first length that is called long."""
KNOWN_SHARES = (0.1, 0.5)
"""Between the answers to how many long words are real."""
SHOWN_WORDS = 10
_AFTER = N_("after “{context}”")


def walk(scene: Scene, way: Way) -> Values:
    """The sentence goes on, a token at a time, each with its probability."""
    ids, (greedy, cycle) = scene.drawn, scene.greedy
    read = np.append(scene.sentence.ids.numpy()[-1:], ids[:-1])
    p = way.learned(read)[np.arange(len(ids)), ids]
    mean = float(np.exp(np.log(p).mean()))
    tokenizer, before = scene.sentence.tokenizer, scene.names(read)
    notes = tuple(Message(_AFTER, {"context": name}) for name in before)
    everyone = spelt(tokenizer, torch.arange(scene.vocab_size))
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
        "drawn": typed(
            "bigram",
            (scene.asked.run,),
            scene.sentence.text,
            Tokens("", spelt(tokenizer, torch.from_numpy(ids)), p, notes),
        ),
    }


def words_of(text: str) -> list[str]:
    """Runs of letters, without the first and the last, which may be cut.

    >>> words_of("ab, cd e-f")
    ['cd', 'e']
    """
    apart = {ord(character): " " for character in set(text) if not character.isalpha()}
    return text.translate(apart).split()[1:-1]


def tally(words: Sequence[str], known: Collection[str]) -> Array:
    """How many words there are of each of :data:`LENGTHS`, and how many of them are known, (lengths, 2)."""
    groups = [[word for word in words if a <= len(word) <= b] for a, b, _ in LENGTHS]
    return np.array([[len(group), sum(word in known for word in group)] for group in groups])


def real_words(scene: Scene, _way: Way) -> Values | None:
    """How many drawn words are words of the training text, beside those of the validation text.

    Nothing where words are tokens, where the text is no text, or where there are too few of them.
    """
    if scene.asked.run.recipe.kind == "codes" or scene.sentence.tokenizer.kind == "word":
        return None
    known = set(words_of(scene.train))
    drawn = [word for text in scene.texts for word in words_of(text)]
    both = (drawn, words_of(scene.validation))
    if min(map(len, both)) < LEAST_WORDS:
        return None
    tallies = np.stack([tally(words, known) for words in both], 1)  # (lengths, texts, 2)
    rows = np.stack((tallies.sum(0), *tallies, tallies[LONG:].sum(0)))
    shares = rows[..., 1] / np.where(rows[..., 0] > 0, rows[..., 0], np.nan)
    (share, real), (long, long_real) = shares[[0, -1]]
    is_seen = [bool(np.isfinite(pair).all()) for pair in shares]
    shown = shares[:-1][is_seen[:-1]]
    names = [Message(N_("all words")), *(Message(name) for *_, name in LENGTHS)]
    labels = tuple(name for name, seen in zip(names, is_seen, strict=False) if seen)
    text = Message(N_("the shares of all lengths, weighted by their words, give that of all"))
    whole = [sum(word in known for word in words) / len(words) for words in both]
    return {
        "count": len(drawn),
        "share": share,
        "real": real,
        "worse": bool(share < real),
        "has_long": is_seen[-1] and bool(share < real),
        "letters": LENGTHS[LONG][0],
        "long": long,
        "long_real": long_real,
        "answer": int(np.searchsorted(KNOWN_SHARES, long)) if is_seen[-1] else None,
        "shares": shown,
        "by_length": Bars(
            "",
            labels,
            (
                (Message(N_("drawn")), 100 * shown[:, 0]),
                (Message(N_("of the validation text")), 100 * shown[:, 1]),
            ),
            "%",
        ),
        "examples": _examples(drawn, known),
        "checks": (Check(text, shares[0], whole),),
    }


def _examples(drawn: Sequence[str], known: Collection[str]) -> Table:
    different = list(dict.fromkeys(drawn))
    right, wrong = (
        [word for word in different if (word in known) is is_known][:SHOWN_WORDS]
        for is_known in (True, False)
    )
    heads = (N_("in the training text"), N_("not in the training text"))
    return Table("", tuple(map(Message, heads)), tuple(zip_longest(right, wrong, fillvalue="")))


def two_pasts(scene: Scene, way: Way) -> Values | None:
    """Two different pasts with the same last token give one prediction; None where there are no two."""
    contexts = scene.contexts
    if contexts is None:
        return None
    model = np.stack([way.learned(ids)[-1] for ids in contexts])
    text = np.stack([way.following(ids) for ids in contexts])
    decode = scene.sentence.tokenizer.decode
    pasts = [visible(decode(ids)) for ids in contexts]
    ends = [visible(decode(ids[-2:])) for ids in contexts]
    order = np.argsort(-text.sum(0), kind="stable")[:SHOWN_NEXT]
    names = scene.names(order)
    heads = (
        Message(N_("next token")),
        *(Message(N_("model, after “{context}”"), {"context": past}) for past in pasts),
        *(Message(N_("text, after “{context}”"), {"context": end}) for end in ends),
    )
    rows = zip(names, *model[:, order].tolist(), *text[:, order].tolist(), strict=True)
    series = tuple(
        (Message(_AFTER, {"context": end}), row[order]) for end, row in zip(ends, text, strict=True)
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
    }


WRITES = (
    Row(walk, (generate,)),
    Row(real_words, (words_of, tally)),
    Row(two_pasts, (Bigram.forward, following)),
)
"""In the order of the documents."""
