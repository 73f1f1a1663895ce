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
Maps = tuple[tuple[Message, ...], Array]
"""Names, and as many maps, (N, R, C)."""
Ids = NDArray[np.int64]
ACROSS = (Message(N_("written")), Message(N_("source")))
"""Titles of rows and columns of a map between what is written and the source."""
WITHIN = (Message(N_("query")), Message(N_("key")))
"""The same of a map of self-attention."""
LEAST_WORDS = 3
"""Words, the end counted as one, from which a sentence is shown word by word."""
MOST_MAPS = 40
"""Maps that one figure lets choose from; with more heads only their means are shown."""


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
        summed: Array = np.add.reduceat(x, self.starts, axis)
        return summed

    def means(self, x: Array, axis: int = -1) -> Array:
        """The same, divided by the number of tokens."""
        return self.sums(x, axis) / self.sizes.reshape(-1, *[1] * (-1 - axis))

    @property
    def sizes(self) -> Ids:
        """How many tokens each piece has."""
        sizes: Ids = np.diff([*self.starts, self.length])
        return sizes


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


def chosen_maps(weights: Array, most: int = MOST_MAPS) -> Maps:
    """What a figure of (L, H, R, C) weights lets choose from: the mean of all heads, of each layer's, each head.

    Args:
        weights: of all heads.
        most: heads beyond which only means are shown.

    Returns:
        Names and maps (N, R, C).
    """
    num_layers, num_heads = weights.shape[:2]
    names = [Message(N_("mean of all heads"))]
    maps = [weights.mean((0, 1))]
    if num_layers > 1:
        names += [
            Message(N_("layer {layer}, mean of its heads"), {"layer": layer + 1})
            for layer in range(num_layers)
        ]
        maps += [*weights.mean(1)]
    if len(names) + num_layers * num_heads <= most:
        names += [head_name(*place) for place in np.ndindex(num_layers, num_heads)]
        maps += [*weights.reshape(-1, *weights.shape[2:])]
    return tuple(names), np.stack(maps)


def map_choice(shown: Maps, rows: Cut, columns: Cut, titles: tuple[Words, Words]) -> Choice:
    """Heat maps of which a reader sees one at a time.

    Args:
        shown: see :func:`chosen_maps`.
        rows: of each map.
        columns: the same.
        titles: what rows and columns are.
    """
    names, maps = shown
    heats = tuple(Heat("", values, rows.names, columns.names, *titles) for values in maps)
    return Choice("", (Control(Message(N_("attention")), names, "select"),), heats)


def walk_of(places: Ids, source: Sequence[str], written: Sequence[str]) -> Array:
    """How the largest weight of each row lies, and how it moves over the source.

    Args:
        places: column of the largest weight of each row, (..., T).
        source: its tokens; the last is its end.
        written: the tokens that the rows write.

    Returns:
        Shares (..., 5). Of the T − 1 moves: to the right, none, to the left; of the T rows: on the same token as is
        written, on its mirrored place.

    >>> walk_of(np.array([1, 0, 2]), ["a", "b", "<eos>"], ["b", "a", "<eos>"]).round(2)
    array([0.5 , 0.  , 0.5 , 1.  , 0.67])
    """
    moves = np.diff(places)
    same = np.array(source)[places] == np.array(written)
    mirrored = places == len(source) - 2 - np.arange(places.shape[-1])
    shares = (moves > 0, moves == 0, moves < 0, same, mirrored)
    return np.stack([share.sum(-1) / max(1, share.shape[-1]) for share in shares], -1)
