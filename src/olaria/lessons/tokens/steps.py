r"""The steps of the lesson of tokens from a text to ids; the prose is in ``text.en.md`` and ``text.pt.md``.

Arrays: ``ids`` of the sentence, (T,), and ``characters``, the code points of what they are decoded to; ``times`` that
the pair of each of the first merges came; ``tokens_per_char`` after each of ``num_merges`` merges; ``num_tokens`` of a
sentence and ``vocab_size``, a number for each tokenizer. The steps from the ids on are in
:mod:`olaria.lessons.tokens.vectors`.

Sources: Gage 1994; Sennrich, Haddow & Birch 2016, algorithm 1 (byte pairs); Radford et al. 2019, section 2.2 (bytes).
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from olaria.data.bpe import (
    NUM_BYTES,
    BPETokenizer,
    byte_letters,
    learn_merges,
    split_pieces,
    train_bpe,
)
from olaria.data.tokenizer import AnyTokenizer, ByteTokenizer, CharTokenizer, fit_tokenizer
from olaria.i18n import N_, Message
from olaria.lessons.base import Check
from olaria.lessons.figures import Choice, Control, Curve, Plot, Table, Tokens, Words
from olaria.lessons.texts import spelt, visible
from olaria.lessons.tokens.scene import Scene
from olaria.lessons.tokens.vectors import VECTORS
from olaria.lessons.tokens.ways import Way, replayed
from olaria.lessons.twice import Row

Values = dict[str, Any]

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
    parts = [way.utf8(character) for character in WORD]
    found = way.utf8(WORD)
    heads = (N_("character"), N_("Unicode"), N_("bytes (hexadecimal)"), N_("bytes (decimal)"))
    rows = tuple(
        (
            character,
            f"U+{ord(character):04X}",
            " ".join(f"{byte:02X}" for byte in part),
            " ".join(map(str, part)),
        )
        for character, part in zip(WORD, parts, strict=True)
    )
    return {
        "word": WORD,
        "characters": len(WORD),
        "bytes": len(found),
        "hexadecimal": " ".join(f"{byte:02X}" for byte in found),
        "answer": [3, 5, 6].index(len(found)),
        "table": Table("", tuple(map(Message, heads)), rows),
        "checks": (
            Check(
                Message(
                    N_("the bytes of the characters, one after the other, are those of the word")
                ),
                found,
                [byte for part in parts for byte in part],
            ),
            Check(
                Message(N_("Python decodes the bytes to the same characters")),
                [ord(character) for character in bytes(found).decode("utf-8", "replace")],
                [ord(character) for character in WORD],
            ),
        ),
    }


def your_sentence(scene: Scene, way: Way) -> Values:
    """The sentence as tokens with their ids, and back."""
    sentence, tokenizer = scene.sentence, scene.tokenizer
    ids = way.encode(tokenizer, sentence.text)
    decoded = tokenizer.decode(ids)
    times = Counter(ids)  # in the order of the sentence
    shown = list(times)[:SHOWN_TOKENS]
    texts = spelt(tokenizer, torch.tensor(shown))
    heads = (N_("id"), N_("bytes (hexadecimal)"), N_("token"), N_("times in the sentence"))
    rows = tuple(
        (i, tokenizer.bytes_of([i]).hex(" ").upper(), visible(token), times[i])
        for i, token in zip(shown, texts, strict=True)
    )
    points = np.array([ord(character) for character in decoded], np.int64)
    return {
        "vocab": tokenizer.vocab_size,
        **{kind: tokenizer.kind == kind for kind in KINDS},
        "reads_all": tokenizer.kind in ("byte", "bpe"),
        "chars": len(sentence.text),
        "count": len(ids),
        "answer": KINDS.index(tokenizer.kind),
        "shown": len(rows),
        "ids": np.array(ids),
        "characters": points,
        "tokens": Tokens(
            "",
            sentence.tokens,
            notes=tuple(Message(N_("id {id}"), {"id": i}) for i in ids),
        ),
        "table": Table("", tuple(map(Message, heads)), rows),
        "notes": sentence.notes,
        "checks": (
            Check(
                Message(
                    N_("the decoded characters are those of the sentence, by their code points")
                ),
                points,
                [ord(character) for character in sentence.text],
            ),
        ),
    }


def one_merge(_scene: Scene, way: Way) -> Values:
    """The first byte pair of a short text, found by counting."""
    ((left, right, times),) = way.merges(HAND, 1)
    plain = BPETokenizer({name: i for i, name in enumerate(sorted(byte_letters()))}, [])
    merged = train_bpe(HAND, NUM_BYTES + 1)
    before, after = (way.encode(tokenizer, HAND) for tokenizer in (plain, merged))
    pairs = Counter(pair for piece in split_pieces(HAND) for pair in pairwise(piece))
    heads = (N_("left part"), N_("right part"), N_("times side by side"))
    rows = tuple((visible(a), visible(b), n) for (a, b), n in pairs.most_common(6))
    return {
        "text": HAND,
        "left": left,
        "right": right,
        "times": times,
        "second": pairs.most_common(2)[1][1],
        "before": len(before),
        "after": len(after),
        "answer": [("h", "o"), ("o", "t"), ("t", "o")].index((left, right)),
        "pairs": Table("", tuple(map(Message, heads)), rows),
        "merged": Tokens("", spelt(merged, torch.tensor(after))),
        "checks": (
            Check(
                Message(N_("each merge saves one token")),
                len(before) - len(after),
                times,
            ),
        ),
    }


def byte_pairs(scene: Scene, way: Way) -> Values | None:
    """What is merged first in the training text, and how much shorter another text becomes."""
    learned, other = scene.learned, scene.validation
    if not learned.merges:
        return None
    merges = way.merges(scene.source, SHOWN_MERGES)
    steps = np.unique([*range(0, len(learned.merges), MERGE_STEP), len(learned.merges)])
    lengths = [len(way.encode(after(learned, k), other)) / len(other) for k in steps]
    states = list(replayed(scene.source, [merge[:2] for merge in merges]))[:-1]
    heads = (N_("left part"), N_("right part"), N_("new token"), N_("times side by side"))
    rows = list[tuple[Words | float | int, ...]]()
    for left, right, times in merges:
        names = (left, right, left + right)
        ids = torch.tensor([learned.vocabulary.index(name) for name in names])
        rows.append((*map(visible, spelt(learned, ids)), times))
    saved = 1 - lengths[-1] / lengths[0]
    return {
        "left": rows[0][0],
        "right": rows[0][1],
        "first": merges[0][2],
        "chars": len(scene.source),
        "merges": len(learned.merges),
        "shown": len(rows),
        "count": len(other),
        "before": lengths[0],
        "after": lengths[-1],
        "saved": saved,
        "answer": int(np.searchsorted((0.1, 0.5), saved)),
        "times": np.array([times for *_, times in merges]),
        "num_merges": steps,
        "tokens_per_char": np.array(lengths),
        "table": Table("", tuple(map(Message, heads)), tuple(rows)),
        "plot": Plot(
            "",
            (Curve(Message(N_("tokens per character")), steps, np.array(lengths)),),
            Message(N_("merges learned")),
            Message(N_("tokens per character")),
        ),
        "checks": (
            Check(
                Message(
                    N_("no other pair comes more often, all of them counted before each merge")
                ),
                [times for *_, times in merges],
                [max(_pairs_of(state).values()) for state, _ in states],
            ),
        ),
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
    text, source, own = (
        scene.sentence.text if is_own else EXAMPLE,
        "\n".join(scene.train),
        scene.tokenizer,
    )
    tokenizers: list[tuple[str, AnyTokenizer]] = [
        (N_("characters"), fit_tokenizer("char", source, other=text)),
        (N_("words"), fit_tokenizer("word", source, other=text)),
        (N_("bytes"), ByteTokenizer()),
        (N_("byte pairs, learned here"), scene.learned),
    ]
    if own.kind == "bpe":
        tokenizers.append((N_("byte pairs, of the run"), own))
    names = tuple(Message(name) for name, _ in tokenizers)
    encoded = [way.encode(tokenizer, text) for _, tokenizer in tokenizers]
    counts = np.array([len(ids) for ids in encoded])
    sizes = np.array([tokenizer.vocab_size for _, tokenizer in tokenizers])
    width = scene.table.weight.shape[1]
    weights = sizes * (sizes if scene.is_bigram else width)
    heads = (
        N_("tokenizer"),
        N_("tokens of the sentence"),
        N_("characters per token"),
        N_("tokens it knows"),
        N_("parameters of the table"),
    )
    rows = tuple(
        (name, int(n), len(text) / n, int(size), int(weight))
        for name, n, size, weight in zip(names, counts, sizes, weights, strict=True)
    )
    return {
        "is_own": is_own,
        "text": text,
        "chars": int(counts[0]),
        "words": int(counts[1]),
        "bytes": int(counts[2]),
        "pairs": int(counts[3]),
        "merges": len(scene.learned.merges),
        "width": width,
        "bigram": scene.is_bigram,
        "answer": int(counts[:4].argmin()),
        "num_tokens": counts,
        "vocab_size": sizes,
        "cuts": Choice(
            "",
            (Control(Message(N_("tokenizer")), names, "select", len(names) - 1),),
            tuple(
                Tokens(name, spelt(tokenizer, torch.tensor(ids)))
                for name, (_, tokenizer), ids in zip(names, tokenizers, encoded, strict=True)
            ),
            tuple(range(len(names))),
        ),
        "costs": Table("", tuple(map(Message, heads)), rows),
        "checks": (
            Check(
                Message(
                    N_("the tokens known, counted as the different texts that the ids stand for")
                ),
                sizes[:4],
                [
                    len({tokenizer.bytes_of([i]) for i in range(tokenizer.vocab_size)})
                    for _, tokenizer in tokenizers[:4]
                ],
            ),
        ),
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
