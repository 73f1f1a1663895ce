r"""Byte pairs: how they are learned, merge by merge, from a text of the run.

.. math:: (a, b) = \arg\max_{(a, b)} \sum_w n_w \#_w(a, b)

Arrays of the step: ``times`` that the pair of each of the first merges came; ``tokens_per_char`` after each of
``num_merges`` merges.

Source: Sennrich, Haddow & Birch 2016, algorithm 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch

from olaria.data.bpe import NUM_BYTES, BPETokenizer, byte_letters, learn_merges, split_pieces
from olaria.data.tokens import utf8
from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Check, Step
from olaria.lessons.figures import Curve, Plot, Table, Words
from olaria.lessons.texts import spelt, visible

REFERENCE = "Sennrich, Haddow & Birch 2016, algorithm 1"
SHOWN_MERGES = 10
MERGE_STEP = 10
"""The text's length is measured whenever so many merges are learned."""
_PRIVATE = 0xE000  # code points that no text uses: a sign for each merged token


def replayed(text: str, merges: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """A text before each merge and after the last, and the two signs that are merged next; none after the last.

    A sign stands for each token, a newline between pieces, so that a merge is a plain replacement in a string.
    """
    letters = byte_letters()
    state = "\n".join(
        "".join(letters[byte] for byte in utf8(piece)) for piece in split_pieces(text)
    )
    signs = {letter: letter for letter in letters}
    for rank, (left, right) in enumerate(merges):
        pair = signs[left] + signs[right]
        yield state, pair
        state = state.replace(pair, signs.setdefault(left + right, chr(_PRIVATE + rank)))
    yield state, ""


def merges_step(learned: BPETokenizer, source: str, other: str) -> Step:
    """How byte pairs are learned: what is merged first, and how much shorter a text becomes.

    Args:
        learned: a tokenizer with one merge or more.
        source: the text that it was learned from.
        other: a text that it was not learned from.
    """
    shown = learned.merges[:SHOWN_MERGES]
    before = list(replayed(source, shown))[:-1]
    times = [len(re.findall(f"(?={re.escape(pair)})", state)) for state, pair in before]
    most = [max(_pairs_of(state).values()) for state, _ in before]
    steps = np.unique([*range(0, len(learned.merges), MERGE_STEP), len(learned.merges)])
    count = len(other)
    lengths = np.array([len(_after(learned, k).encode(other)) / count for k in steps])
    states = [state for state, _ in replayed(other, learned.merges)]
    again = [len(states[k].replace("\n", "")) / count for k in steps]
    left, right = (_named(learned, name) for name in shown[0])
    return Step(
        Message(N_("What byte pairs learn")),
        Message(
            N_(
                "Byte pairs begin with the 256 bytes. Again and again the two neighbours that come most often become "
                "one token: here first “{left}” and “{right}”, {times} times side by side in {chars} characters of the "
                "training text. After {merges} merges a text that was not used for it takes {after} tokens per "
                "character instead of {before}."
            ),
            {
                "left": left,
                "right": right,
                "times": times[0],
                "chars": len(source),
                "merges": len(learned.merges),
                "after": Number(float(lengths[-1]), 2),
                "before": Number(float(lengths[0]), 2),
            },
        ),
        r"(a, b) = \operatorname{argmax} \sum_{w} n_w \, \operatorname{count}_w(a, b)",
        (
            _merge_table(learned, times),
            Plot(
                Message(
                    N_("Tokens per character of {count} characters of the validation text."),
                    {"count": count},
                ),
                (Curve(Message(N_("tokens per character")), steps, lengths),),
                Message(N_("merges learned")),
                Message(N_("tokens per character")),
            ),
        ),
        {"times": np.array(times), "num_merges": steps, "tokens_per_char": lengths},
        (learn_merges,),
        (
            Check(
                Message(
                    N_("no other pair comes more often, all of them counted anew before each merge")
                ),
                times,
                most,
            ),
            Check(
                Message(N_("the lengths, with each merge as a replacement in a string")),
                lengths,
                again,
            ),
        ),
        REFERENCE,
    )


def _merge_table(learned: BPETokenizer, times: Sequence[int]) -> Table:
    rows = list[tuple[Words | float | int, ...]]()
    for (left, right), count in zip(learned.merges, times, strict=False):
        names = (_named(learned, name) for name in (left, right, left + right))
        rows.append((len(rows) + 1, *names, count))
    heads = (
        N_("merge"),
        N_("left part"),
        N_("right part"),
        N_("new token"),
        N_("times side by side"),
    )
    caption = Message(N_("The first {count} merges."), {"count": len(rows)})
    return Table(caption, tuple(map(Message, heads)), tuple(rows))


def _pairs_of(state: str) -> Counter[tuple[str, str]]:
    """How often each two signs are neighbours; across a break between pieces, they are not."""
    return Counter(pair for pair in pairwise(state) if "\n" not in pair)


def _after(learned: BPETokenizer, count: int) -> BPETokenizer:
    """The tokenizer as it was after some of its merges."""
    vocabulary = learned.vocabulary[: NUM_BYTES + count]
    return BPETokenizer({name: i for i, name in enumerate(vocabulary)}, learned.merges[:count])


def _named(learned: BPETokenizer, name: str) -> str:
    return visible(spelt(learned, torch.tensor([learned.vocabulary.index(name)]))[0])
