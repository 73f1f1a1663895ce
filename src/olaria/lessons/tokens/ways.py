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
from itertools import pairwise
from typing import Protocol

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
from olaria.data.tokenizer import WORDS, ByteTokenizer, CharTokenizer, WordTokenizer
from olaria.data.tokens import Tokenizer, utf8
from olaria.evaluation.projection import PrincipalComponents
from olaria.lessons.base import Array, numbers
from olaria.lessons.tokens.scene import Rows, Scene, cosines

Merge = tuple[str, str, int]
"""The names of two tokens, in the letters of bytes, and how often they stood side by side."""
_PRIVATE = 0xE000  # code points that no text uses: a sign for each merged token


class Way(Protocol):
    """What the steps compute with."""

    def utf8(self, text: str) -> list[int]:
        """The bytes of a text."""

    def encode(self, tokenizer: Tokenizer, text: str) -> list[int]:
        """The ids of a text."""

    def merges(self, text: str, most: int) -> list[Merge]:
        """The first byte pairs that are merged."""

    def rows(self, ids: Tensor) -> Array:
        """The rows of the model's table that ids pick."""

    def vectors(self, view: Rows, ids: Tensor) -> Array:
        """Some rows as they are compared."""

    def cosines(self, a: Array, b: Array) -> Array:
        """Of each vector with each."""

    def within(self, alike: Array, sets: Tensor) -> Array:
        """Mean cosine of all pairs of different tokens in each set of places (K, n), from all cosines; (K,)."""

    def largest(self, alike: Array, most: int) -> Array:
        """The largest of each row, the largest first, from all cosines, (N, most)."""

    def plane(self, rows: Array) -> tuple[Array, Array]:
        """Rows to their first two principal components, (N, 2), and the share of the variance in each."""


class ByTorch:
    """With the tokenizers and the model.

    Args:
        scene: whose model.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def utf8(self, text: str) -> list[int]:
        found: list[int] = ByteTokenizer().encode(text).tolist()
        return found

    def encode(self, tokenizer: Tokenizer, text: str) -> list[int]:
        found: list[int] = tokenizer.encode(text).tolist()
        return found

    def merges(self, text: str, most: int) -> list[Merge]:
        merges = train_bpe(text, NUM_BYTES + most).merges
        return [
            (left, right, len(re.findall(f"(?={re.escape(pair)})", state)))
            for (left, right), (state, pair) in zip(merges, replayed(text, merges), strict=False)
        ]

    def rows(self, ids: Tensor) -> Array:
        return numbers(self._scene.table(ids))

    def vectors(self, view: Rows, ids: Tensor) -> Array:
        return numbers(view.vectors(ids))

    def cosines(self, a: Array, b: Array) -> Array:
        return numbers(cosines(_single(a), _single(b)))

    def within(self, alike: Array, sets: Tensor) -> Array:
        members = torch.zeros(len(sets), len(alike)).scatter(1, sets, 1.0)
        return numbers(mean_cosine(_single(alike), members))

    def largest(self, alike: Array, most: int) -> Array:
        return numbers(torch.from_numpy(alike).topk(most, 1).values)

    def plane(self, rows: Array) -> tuple[Array, Array]:
        found = PrincipalComponents.fitted(_single(rows), 2)
        return numbers(found.encode(_single(rows))), numbers(found.shares)


class ByNumPy:
    """The twin: each token looked for in its list, each pair counted anew, each cosine from its definition.

    Args:
        scene: whose weights.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def utf8(self, text: str) -> list[int]:
        return [byte for character in text for byte in bytes_by_hand(ord(character))]

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
        rows: Array = numbers(self._scene.table.weight)[ids.numpy()]
        return rows

    def vectors(self, view: Rows, ids: Tensor) -> Array:
        rows: Array = numbers(view.weight)[ids.numpy()]
        return rows - rows.sum(1, keepdims=True) / rows.shape[1] if view.is_centred else rows

    def cosines(self, a: Array, b: Array) -> Array:
        lengths = [np.sqrt((x**2).sum(1)) for x in (a, b)]
        found: Array = a @ b.T / np.outer(*lengths)
        return found

    def within(self, alike: Array, sets: Tensor) -> Array:
        a, b = np.triu_indices(sets.shape[1], 1)
        pairs = alike[sets.numpy()[:, a], sets.numpy()[:, b]]
        return np.asarray(pairs.mean(1))

    def largest(self, alike: Array, most: int) -> Array:
        return np.sort(alike, 1)[:, ::-1][:, :most]

    def plane(self, rows: Array) -> tuple[Array, Array]:
        _, scales, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
        axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(1)])[:, None]
        shares: Array = scales[:2] ** 2 / (scales**2).sum()
        return (rows - rows.mean(0)) @ axes.T, shares


def _single(x: Array) -> Tensor:
    return torch.from_numpy(x).float()


def mean_cosine(alike: Tensor, sets: Tensor) -> Tensor:
    r"""Mean cosine of all pairs within sets of vectors.

    .. math:: \frac{\sum_{i, j \in S} \cos(e_i, e_j) - |S|}{|S| (|S| - 1)}

    The sum holds every pair twice, and each vector with itself.

    Args:
        alike: cosines of all vectors, (N, N).
        sets: 1 for what is of a set, else 0, (..., N).

    Returns:
        (...).
    """
    count = sets.sum(-1)
    return ((sets @ alike * sets).sum(-1) - count) / (count * (count - 1))


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
