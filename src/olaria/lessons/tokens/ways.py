r"""The two ways to compute the lesson of tokens: Olaria's tokenizers and the model, and plain rules in float64.

.. math:: e_i = 1_i^\top E, \qquad \cos(a, b) = \frac{a \cdot b}{\lVert a \rVert \, \lVert b \rVert}, \qquad
          (a, b) = \arg\max_{(a, b)} \sum_w n_w \#_w(a, b)

Ids (T,); rows (N, D); cosines (N, M).

Sources: Sennrich, Haddow & Birch 2016, algorithm 1 (byte pairs); RFC 3629, section 3 (UTF-8).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from olaria.data.bpe import (
    MIN_PAIR_COUNT,
    NUM_BYTES,
    BPETokenizer,
    byte_letters,
    split_pieces,
    train_bpe,
)
from olaria.data.tokenizer import WORDS, CharTokenizer, WordTokenizer
from olaria.data.tokens import Tokenizer, utf8
from olaria.evaluation.projection import PrincipalComponents
from olaria.lessons.base import Array, numbers
from olaria.lessons.tokens.scene import Scene, cosines

Merge = tuple[str, str, int]
"""The names of two tokens, in the letters of bytes, and how often they stood side by side."""
_PRIVATE = 0xE000  # code points that no text uses: a sign for each merged token


@dataclass(frozen=True)
class ByTorch:
    """With the tokenizers and the model."""

    scene: Scene

    def encode(self, tokenizer: Tokenizer, text: str) -> list[int]:
        """The ids of a text."""
        found: list[int] = tokenizer.encode(text).tolist()
        return found

    def merges(self, text: str, most: int) -> list[Merge]:
        """The first byte pairs that are merged."""
        merges = train_bpe(text, NUM_BYTES + most).merges
        return [
            (left, right, len(re.findall(f"(?={re.escape(pair)})", state)))
            for (left, right), (state, pair) in zip(merges, replayed(text, merges), strict=False)
        ]

    def rows(self, ids: Tensor) -> Array:
        """The rows of the model's table that ids pick."""
        return numbers(self.scene.table(ids))

    def vectors(self, weight: Tensor, ids: Tensor) -> Array:
        """Some rows of a table as they are compared."""
        return numbers(self.scene.vectors(weight, ids))

    def cosines(self, a: Array, b: Array) -> Array:
        """Of each vector with each."""
        return numbers(cosines(_single(a), _single(b)))

    def plane(self, rows: Array) -> tuple[Array, Array]:
        """Rows to their first two principal components, (N, 2), and the share of the variance in each."""
        found = PrincipalComponents.fitted(_single(rows), 2)
        return numbers(found.encode(_single(rows))), numbers(found.shares)


@dataclass(frozen=True)
class ByNumPy:
    """The twin: each token looked for in its list, each pair counted anew, each cosine from its definition."""

    scene: Scene

    def encode(self, tokenizer: Tokenizer, text: str) -> list[int]:
        return ids_by_hand(tokenizer, text)

    def merges(self, text: str, most: int) -> list[Merge]:
        pieces = Counter(split_pieces(text))
        letters, vocabulary = byte_letters(), sorted(byte_letters())
        names = {piece: [letters[byte] for byte in utf8(piece)] for piece in pieces}
        found = list[Merge]()
        while len(found) < most:
            times = Counter[tuple[str, str]]()
            for piece, count in pieces.items():
                for pair in pairwise(names[piece]):
                    times[pair] += count
            # Of equally frequent pairs the one whose tokens are older comes first.
            ordered = sorted(times, key=lambda pair: (-times[pair], *map(vocabulary.index, pair)))
            if not ordered or times[ordered[0]] < MIN_PAIR_COUNT:
                break
            left, right = ordered[0]
            found.append((left, right, times[left, right]))
            vocabulary.append(left + right)
            for piece in pieces:
                names[piece] = _merged(names[piece], [(left, right)])
        return found

    def rows(self, ids: Tensor) -> Array:
        return numbers(self.scene.table.weight[ids])

    def vectors(self, weight: Tensor, ids: Tensor) -> Array:
        rows = numbers(weight[ids])
        return rows - rows.sum(1, keepdims=True) / rows.shape[1] if self.scene.is_bigram else rows

    def cosines(self, a: Array, b: Array) -> Array:
        lengths = [np.sqrt((x**2).sum(1)) for x in (a, b)]
        found: Array = a @ b.T / np.outer(*lengths)
        return found

    def plane(self, rows: Array) -> tuple[Array, Array]:
        _, scales, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
        axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(1)])[:, None]
        shares: Array = scales[:2] ** 2 / (scales**2).sum()
        return (rows - rows.mean(0)) @ axes.T, shares


Way = ByTorch | ByNumPy
"""What the steps compute with."""


def _single(x: Array) -> Tensor:
    return torch.from_numpy(x).float()


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


# -- by hand -----------------------------------------------------------------------------------------


def bytes_by_hand(point: int) -> list[int]:
    """UTF-8 of a code point: six bits in each byte after the first, which says how many there are.

    >>> [f"{byte:X}" for byte in bytes_by_hand(ord("ç"))]
    ['C3', 'A7']
    """
    if point < 0x80:
        return [point]
    count = 2 if point < 0x800 else 3 if point < 0x10000 else 4
    first = (0xF00 >> count) & 0xFF  # as many ones as there are bytes
    later = [0x80 | (point >> 6 * i) & 0x3F for i in reversed(range(count - 1))]
    return [first | point >> 6 * (count - 1), *later]


def ids_by_hand(tokenizer: Tokenizer, text: str) -> list[int]:
    """What a tokenizer makes of ``text``, by looking for each token in its list.

    >>> ids_by_hand(train_bpe("low lower lowest", 259), "lowly")
    [257, 75, 88]
    """
    if isinstance(tokenizer, CharTokenizer):
        return [tokenizer.alphabet.index(character) for character in text]
    if isinstance(tokenizer, WordTokenizer):
        known = set(tokenizer.vocabulary)
        cut = (([word] if word in known else list(word)) for word in WORDS.findall(text))
        return [tokenizer.vocabulary.index(token) for tokens in cut for token in tokens]
    if isinstance(tokenizer, BPETokenizer):
        pieces = ([byte_letters()[byte] for byte in utf8(piece)] for piece in split_pieces(text))
        names = (name for piece in pieces for name in _merged(piece, tokenizer.merges))
        return [tokenizer.vocabulary.index(name) for name in names]
    return [byte for character in text for byte in bytes_by_hand(ord(character))]


def _merged(names: Sequence[str], merges: Sequence[tuple[str, str]]) -> list[str]:
    """Tokens of a piece after every merge in the order it was learned, from left to right."""
    names = list(names)
    for left, right in merges:
        place = 0
        while place < len(names) - 1:
            if (names[place], names[place + 1]) == (left, right):
                names[place : place + 2] = [left + right]
            place += 1
    return names
