"""Maps of attention between two texts, shown by tokens or by words.

By words, the weights of a word's tokens are summed over the source and averaged over the target, so that rows still
sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from olaria.errors import LessonError
from olaria.i18n import N_, Message, Setting
from olaria.lessons.base import Array
from olaria.lessons.figures import Choice, Control, Heat, Words
from olaria.lessons.texts import MAX_TOKENS

EOS, BOS, PAD = "<eos>", "<bos>", "<pad>"
Ids = NDArray[np.int64]
ACROSS = (Message(N_("written")), Message(N_("source")))
"""Titles of rows and columns of a map between what is written and the source."""
WITHIN = (Message(N_("query")), Message(N_("key")))
"""The same of a map of self-attention."""
LEAST_WORDS = 3  # the end counted as one, from which a sentence is shown word by word
MOST_MAPS, MOST_SELF_MAPS = 40, 16
"""Maps of cross- and of self-attention that one figure lets choose from; of more heads only means are shown."""


@dataclass(frozen=True)
class Cut:
    """A sequence in as many pieces as can be shown: its tokens, or its words.

    Args:
        starts: the first token of each piece, ascending from 0, (P,).
        names: of the pieces.
        length: tokens of the sequence.
    """

    starts: Ids
    names: tuple[str, ...]
    length: int

    def sums(self, x: Array, axis: int = -1) -> Array:
        """Of each piece's tokens along an axis."""
        return np.asarray(np.add.reduceat(x, self.starts, axis))

    def means(self, x: Array, axis: int = -1) -> Array:
        """The same, divided by the number of tokens."""
        return self.sums(x, axis) / self.sizes.reshape(-1, *[1] * (-1 - axis))

    @property
    def sizes(self) -> Ids:
        """How many tokens each piece has."""
        return np.diff([*self.starts, self.length])


def cut(tokens: Sequence[str], by_words: bool = False) -> Cut:
    """Tokens as pieces of their own where they are few; else a word and the space before it are a piece.

    Args:
        tokens: as text, the special ones by their signs.
        by_words: take words also where the tokens are few, if there are several and the tokens are smaller.

    Raises:
        LessonError: there are too many words to be shown.

    >>> cut([*"o gato dorme", "<eos>"]).names[:4]
    ('o', ' ', 'g', 'a')
    >>> cut([*"o gato dorme", "<eos>"], by_words=True).names
    ('o', 'gato', 'dorme', '<eos>')
    """
    starts = list(range(len(tokens)))
    words = [i for i in starts if not i or tokens[i][:1].isspace() or tokens[i] in (EOS, BOS)]
    is_finer = len(words) >= LEAST_WORDS and len(tokens) >= 2 * len(words)
    if len(tokens) > MAX_TOKENS or (by_words and is_finer):
        starts = words
    if len(starts) > MAX_TOKENS:
        raise LessonError(
            N_("the sentence has {count} words and {most} can be shown: give a shorter {prompt}"),
            prompt=Setting("prompt"),
            count=len(starts),
            most=MAX_TOKENS,
        )
    ends = [*starts[1:], len(tokens)]
    pieces = ("".join(tokens[i:j]) for i, j in zip(starts, ends, strict=True))
    # A token is shown as it is, a word without the space before it.
    names = (piece.strip() or piece if starts is words else piece for piece in pieces)
    return Cut(np.array(starts), tuple(names), len(tokens))


def pooled(weights: Array, rows: Cut, columns: Cut) -> Array:
    """Weights (..., T, S) by pieces: summed over the source, averaged over the target."""
    return rows.means(columns.sums(weights), -2)


def head_name(layer: int, head: int) -> Message:
    """Of a head, counted from 1."""
    return Message(
        N_("layer {layer}, head {head}"), {"layer": int(layer) + 1, "head": int(head) + 1}
    )


def map_choice(
    weights: Array,
    rows: Cut,
    columns: Cut,
    titles: tuple[Words, Words] = WITHIN,
    most: int = MOST_SELF_MAPS,
) -> Choice:
    """Heat maps of which a reader sees one at a time: the mean of all heads, of each layer's, each head.

    Args:
        weights: of all heads by pieces, (L, H, R, C).
        rows: of each map.
        columns: the same.
        titles: what rows and columns are.
        most: maps beyond which only means are shown.
    """
    places = [*np.ndindex(weights.shape[:2])]
    names, maps = [Message(N_("mean of all heads"))], [weights.mean((0, 1))]
    if len(weights) > 1:
        text = N_("layer {layer}, mean of its heads")
        names += [Message(text, {"layer": layer + 1}) for layer in range(len(weights))]
        maps += [*weights.mean(1)]
    if len(names) + len(places) <= most:
        names += [head_name(*place) for place in places]
        maps += [weights[place] for place in places]
    heats = tuple(Heat("", values, rows.names, columns.names, *titles) for values in maps)
    return Choice("", (Control(Message(N_("attention")), tuple(names), "select"),), heats)
