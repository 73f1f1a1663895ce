r"""The steps of the lesson of tokens from a text to ids; the prose is in ``text.en.md`` and ``text.pt.md``.

Arrays: ``ids`` of the sentence, (T,); ``times`` that the pair of each of the first merges came; ``tokens_per_char``
after each of ``num_merges`` merges; ``num_tokens`` of a sentence and ``vocab_size``, a number for each tokenizer. The
steps from the ids on are in :mod:`olaria.lessons.tokens.vectors`.

Sources: Gage 1994; Sennrich, Haddow & Birch 2016, algorithm 1 (byte pairs); Radford et al. 2019, section 2.2 (bytes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch

from olaria.data.bpe import (
    NUM_BYTES,
    BPETokenizer,
    learn_merges,
    split_pieces,
    train_bpe,
)
from olaria.data.tokenizer import AnyTokenizer, ByteTokenizer, CharTokenizer, fit_tokenizer
from olaria.i18n import N_, Message
from olaria.lessons.base import Check
from olaria.lessons.figures import Choice, Control, Curve, Plot, Table, Tokens, Words
from olaria.lessons.live import typed
from olaria.lessons.parts import Values
from olaria.lessons.texts import labels_of, spelt, visible
from olaria.lessons.tokens.scene import Scene
from olaria.lessons.tokens.vectors import VECTORS
from olaria.lessons.tokens.ways import Way, replayed
from olaria.lessons.twice import Row

WORD = "ção"
"""The end of many Portuguese words; two of its characters are no ASCII."""
HAND = "hotel total motor"
"""Words of both languages, in which one pair comes most often."""
EXAMPLE = "No coração da canção, in the heart of the song."
"""A line in both languages, for those who give no sentence of their own."""
SHOWN_TOKENS = 12
SHOWN_MERGES = 10
MERGE_STEP = 10
"""The text's length is measured whenever so many merges are learned."""
KINDS = ("char", "byte", "word", "bpe")
"""Of tokenizers, in the order of the answers."""


def bytes_of_a_word(_scene: Scene, way: Way) -> Values:
    """Characters and their bytes in UTF-8."""
    found = bytes(way.encode(ByteTokenizer(), WORD))
    parts = [bytes(way.encode(ByteTokenizer(), character)) for character in WORD]
    heads = (N_("character"), N_("Unicode"), N_("bytes (hexadecimal)"), N_("bytes (decimal)"))
    rows = (
        (character, f"U+{ord(character):04X}", _hexadecimal(part), " ".join(map(str, part)))
        for character, part in zip(WORD, parts, strict=True)
    )
    decoded = found.decode("utf-8", "replace")
    text = Message(N_("Python decodes the bytes to the same characters"))
    return {
        "word": WORD,
        "characters": len(WORD),
        "bytes": len(found),
        "hexadecimal": _hexadecimal(found),
        "answer": 1 if len(found) == 5 else 0,
        "table": _table(heads, rows),
        "checks": (Check(text, [*map(ord, decoded)], [*map(ord, WORD)]),),
    }


def _hexadecimal(some: bytes) -> str:
    return some.hex(" ").upper()


def _table(heads: Iterable[str], rows: Iterable[tuple[Words | float, ...]]) -> Table:
    return Table("", tuple(map(Message, heads)), tuple(rows))


def your_sentence(scene: Scene, way: Way) -> Values:
    """The sentence as tokens with their ids, and back."""
    sentence, tokenizer = scene.sentence, scene.tokenizer
    ids = way.encode(tokenizer, sentence.text)
    times = Counter(ids)  # in the order of the sentence
    shown = list(times)[:SHOWN_TOKENS]
    heads = (N_("id"), N_("bytes (hexadecimal)"), N_("token"), N_("times in the sentence"))
    rows = (
        (i, _hexadecimal(tokenizer.bytes_of([i])), token, times[i])
        for i, token in zip(shown, scene.names(torch.tensor(shown)), strict=True)
    )
    notes = tuple(Message(N_("id {id}"), {"id": i}) for i in ids)
    text = N_("the decoded characters are those of the sentence, by their code points")
    decoded, expected = ([*map(ord, x)] for x in (tokenizer.decode(ids), sentence.text))
    return {
        "vocab": tokenizer.vocab_size,
        **{kind: tokenizer.kind == kind for kind in KINDS},
        "reads_all": tokenizer.kind in ("byte", "bpe"),
        "chars": len(sentence.text),
        "count": len(ids),
        "answer": KINDS.index(tokenizer.kind),
        "shown": len(shown),
        "ids": np.array(ids),
        "tokens": typed(
            "tokens",
            (scene.asked.run,),
            sentence.text,
            Tokens("", sentence.tokens, notes=notes),
            among=scene.ids.tolist(),
            isCentred=scene.is_bigram,
            hasHead=len(scene.views) > 1,
        ),
        "table": _table(heads, rows),
        "notes": sentence.notes,
        "checks": (Check(Message(text), decoded, expected),),
    }


def one_merge(_scene: Scene, way: Way) -> Values:
    """The first byte pair of a short text, found by counting."""
    ((left, right, times),) = way.merges(HAND, 1)
    merged = train_bpe(HAND, NUM_BYTES + 1)
    old, new = (way.encode(tokenizer, HAND) for tokenizer in (after(merged, 0), merged))
    pairs = Counter(pair for piece in split_pieces(HAND) for pair in pairwise(piece))
    heads = (N_("left part"), N_("right part"), N_("times side by side"))
    rows = ((visible(a), visible(b), n) for (a, b), n in pairs.most_common(6))
    saved = Check(Message(N_("each merge saves one token")), len(old) - len(new), times)
    return {
        "text": HAND,
        "left": left,
        "right": right,
        "times": times,
        "second": pairs.most_common(2)[1][1],
        "before": len(old),
        "after": len(new),
        "answer": [("h", "o"), ("o", "t"), ("t", "o")].index((left, right)),
        "pairs": _table(heads, rows),
        "merged": Tokens("", spelt(merged, torch.tensor(new))),
        "checks": (saved,),
    }


def byte_pairs(scene: Scene, way: Way) -> Values | None:
    """What is merged first in the training text, and how much shorter another text becomes."""
    learned, other = scene.learned, scene.validation
    if not learned.merges:
        return None
    merges = way.merges(scene.source, SHOWN_MERGES)
    steps = np.unique([*range(0, len(learned.merges), MERGE_STEP), len(learned.merges)])
    lengths = np.array([len(way.encode(after(learned, k), other)) / len(other) for k in steps])
    saved = 1 - lengths[-1] / lengths[0]
    states = replayed(scene.source, [merge[:2] for merge in merges])
    times = [times for *_, times in merges]
    most = [max(_pairs_of(state).values()) for (state, _), _ in zip(states, merges, strict=False)]
    heads = (N_("left part"), N_("right part"), N_("new token"), N_("times side by side"))
    rows = list[tuple[Words | float, ...]]()
    for left, right, count in merges:
        ids = torch.tensor([learned.vocabulary.index(x) for x in (left, right, left + right)])
        rows.append((*labels_of(spelt(learned, ids)), count))
    unit = Message(N_("tokens per character"))
    text = N_("no other pair comes more often, all of them counted before each merge")
    return {
        "left": rows[0][0],
        "right": rows[0][1],
        "first": times[0],
        "chars": len(scene.source),
        "merges": len(learned.merges),
        "shown": len(rows),
        "count": len(other),
        "before": lengths[0],
        "after": lengths[-1],
        "saved": saved,
        "answer": int(np.searchsorted((0.1, 0.5), saved)),
        "times": np.array(times),
        "num_merges": steps,
        "tokens_per_char": lengths,
        "table": _table(heads, rows),
        "plot": Plot("", (Curve(unit, steps, lengths),), Message(N_("merges learned")), unit),
        "checks": (Check(Message(text), times, most),),
    }


def after(learned: BPETokenizer, count: int) -> BPETokenizer:
    """The tokenizer as it was after some of its merges."""
    vocabulary = learned.vocabulary[: NUM_BYTES + count]
    return BPETokenizer({name: i for i, name in enumerate(vocabulary)}, learned.merges[:count])


def _pairs_of(state: str) -> Counter[tuple[str, str]]:
    """How often each two signs are neighbours; across a break between pieces, they are not."""
    return Counter(pair for pair in pairwise(state) if "\n" not in pair)


def four_ways(scene: Scene, way: Way) -> Values:
    """One sentence as characters, words, bytes and byte pairs; and in the run's own way, where that is another."""
    is_own = scene.asked.prompt is not None
    text = scene.sentence.text if is_own else EXAMPLE
    source = "\n".join(scene.train)
    tokenizers: dict[str, AnyTokenizer] = {
        N_("characters"): fit_tokenizer("char", source, other=text),
        N_("words"): fit_tokenizer("word", source, other=text),
        N_("bytes"): ByteTokenizer(),
        N_("byte pairs, learned here"): scene.learned,
    }
    if scene.tokenizer.kind == "bpe":
        tokenizers[N_("byte pairs, of the run")] = scene.tokenizer
    names, every = tuple(map(Message, tokenizers)), [*tokenizers.values()]
    encoded = [way.encode(tokenizer, text) for tokenizer in every]
    counts = np.array([len(ids) for ids in encoded])
    sizes = np.array([tokenizer.vocab_size for tokenizer in every])
    width = scene.table.weight.shape[1]
    weights = sizes * (sizes if scene.is_bigram else width)
    heads = (
        N_("tokenizer"),
        N_("tokens of the sentence"),
        N_("characters per token"),
        N_("tokens it knows"),
        N_("parameters of the table"),
    )
    rows = (
        (name, int(n), len(text) / n, int(size), int(weight))
        for name, n, size, weight in zip(names, counts, sizes, weights, strict=True)
    )
    cuts = tuple(
        Tokens("", spelt(tokenizer, torch.tensor(ids)))
        for tokenizer, ids in zip(every, encoded, strict=True)
    )
    control = Control(Message(N_("tokenizer")), names, "select", len(names) - 1)
    known = N_("the tokens known, counted as the different texts that the ids stand for")
    different = [len({t.bytes_of([i]) for i in range(t.vocab_size)}) for t in every[:4]]
    return {
        "is_own": is_own,
        "text": text,
        "read": len(source),
        "learned": len(scene.source),
        "char": scene.tokenizer.kind == "char",
        "vocab": scene.tokenizer.vocab_size,
        **dict(zip(("chars", "words", "bytes", "pairs"), counts.tolist(), strict=False)),
        "merges": len(scene.learned.merges),
        "width": width,
        "bigram": scene.is_bigram,
        "answer": int(counts[:4].argmin()),
        "num_tokens": counts,
        "vocab_size": sizes,
        "cuts": Choice("", (control,), cuts, tuple(range(len(names)))),
        "costs": _table(heads, rows),
        "checks": (Check(Message(known), sizes[:4], different),),
    }


STEPS = (
    Row(bytes_of_a_word, (ByteTokenizer.encode,)),
    Row(your_sentence, (CharTokenizer.encode, CharTokenizer.decode)),
    Row(one_merge, (learn_merges,)),
    Row(byte_pairs, (train_bpe, BPETokenizer.encode)),
    Row(four_ways, (fit_tokenizer,)),
    *VECTORS,
)
"""In the order of the documents."""
