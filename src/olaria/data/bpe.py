r"""Byte-level byte-pair encoding (BPE): frequent neighbours become one token, again and again.

A text is cut into *pieces* (about: words with the space before them), a piece into the bytes of its
UTF-8, and the most frequent pair of neighbours within pieces is merged into a new token until the
vocabulary is full. Since every byte is a token from the start, nothing is ever unseen:

>>> tokenizer = train_bpe("low lower lowest", 259)
>>> tokenizer.merges
(('l', 'o'), ('lo', 'w'), ('Ġ', 'low'))
>>> [tokenizer.decode([i]) for i in tokenizer.encode("lowly low")]
['low', 'l', 'y', ' low']

Merges, ids and tokens are those of the ``tokenizers`` library's byte-level BPE, ties included.

Sources: Gage, "A new algorithm for data compression", 1994; Sennrich, Haddow, Birch, "Neural machine
translation of rare words with subword units", 2016, algorithm 1; Radford et al., "Language models
are unsupervised multitask learners", 2019, §2.2 (bytes and pieces).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import chain, groupby, pairwise
from typing import TYPE_CHECKING, Any, Literal

from olaria.data.tokens import FORMAT, Unseen, checked, is_strings, utf8
from olaria.errors import DataError
from olaria.i18n import N_

if TYPE_CHECKING:
    from torch import Tensor

Pair = tuple[int, int]

NUM_BYTES = 256
MIN_PAIR_COUNT = 2
"""A pair that comes once is not worth a token."""
_LAST_LETTER_PLANE = 0x40000  # no letter and no number lies beyond
_GONE = -1


# --- bytes and pieces -----------------------------------------------------------------------------


@cache
def byte_letters() -> tuple[str, ...]:
    """A visible character for each of the 256 bytes, as GPT-2's files write them.

    Printable Latin-1 bytes stand for themselves; the others take the characters from U+0100 on in
    their order, so that a space is ``Ġ`` and a newline ``Ċ``.

    >>> byte_letters()[ord("a")], byte_letters()[ord(" ")], byte_letters()[ord("\\n")]
    ('a', 'Ġ', 'Ċ')
    """
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(NUM_BYTES) if byte not in visible]
    stand_ins = {byte: chr(NUM_BYTES + rank) for rank, byte in enumerate(hidden)}
    return tuple(stand_ins.get(byte, chr(byte)) for byte in range(NUM_BYTES))


@cache
def piece_pattern() -> re.Pattern[str]:
    """GPT-2's pattern: English contractions; letters, numbers or signs with one space before; spaces.

    Written for Python's own ``re``, which lacks the classes ``\\p{L}`` and ``\\p{N}``: their ranges
    are taken from the Unicode tables.
    """
    categories = [unicodedata.category(chr(point))[0] for point in range(_LAST_LETTER_PLANE)]
    letters, numbers = _ranges(categories, "L"), _ranges(categories, "N")
    spaces = _ranges(categories, "Z") + "\t-\r\x85"
    return re.compile(
        rf"'(?:[sdmt]|ll|ve|re)| ?[{letters}]+| ?[{numbers}]+| ?[^{spaces}{letters}{numbers}]+"
        rf"|[{spaces}]+(?![^{spaces}])|[{spaces}]+"
    )


def _ranges(categories: Sequence[str], wanted: str) -> str:
    """The code points of a category as the inside of a character class."""
    ranges, start = [], 0
    for category, run in groupby(categories):
        end = start + sum(1 for _ in run)
        if category == wanted:
            ranges.append(f"{re.escape(chr(start))}-{re.escape(chr(end - 1))}")
        start = end
    return "".join(ranges)


def split_pieces(text: str) -> list[str]:
    """The pieces no token crosses; joined, they are the text.

    >>> split_pieces("It's 12  olhos!")
    ['It', "'s", ' 12', ' ', ' olhos', '!']
    """
    return piece_pattern().findall(text)


# --- learning the merges --------------------------------------------------------------------------


def train_bpe(text: str, vocab_size: int) -> BPETokenizer:
    """A tokenizer of at most ``vocab_size`` tokens whose merges are the most frequent of ``text``.

    It has fewer when no pair is left that comes :data:`MIN_PAIR_COUNT` times.

    Raises:
        DataError: the text holds half of a surrogate pair.
    """
    counts = Counter(split_pieces(text))
    # The 256 bytes come first, in the order of their letters: "!" is token 0.
    vocabulary = sorted(byte_letters())
    ids = {letter: rank for rank, letter in enumerate(vocabulary)}
    byte_ids = [ids[letter] for letter in byte_letters()]
    words = [[byte_ids[byte] for byte in utf8(piece)] for piece in counts]
    merges = learn_merges(words, list(counts.values()), vocabulary, vocab_size)
    names = [(vocabulary[left], vocabulary[right]) for left, right in merges]
    return BPETokenizer({token: rank for rank, token in enumerate(vocabulary)}, names)


def learn_merges(
    words: list[list[int]], counts: Sequence[int], vocabulary: list[str], vocab_size: int
) -> list[Pair]:
    r"""Merge the pair :math:`\arg\max_{(a, b)} \sum_w n_w \#_w(a, b)` until the vocabulary is full.

    Of equally frequent pairs the one with the smaller ids is merged first. Only words that hold the
    pair are touched, and the counts of its neighbours are corrected there: counting anew each time
    would take as many passes over the text as there are merges.

    Args:
        words: the distinct words as token ids; merged in place.
        counts: how often each word comes, :math:`n_w`.
        vocabulary: names of the tokens; grows in place.
        vocab_size: where to stop.

    Returns:
        The pairs in the order of their merging.
    """
    pair_counts: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)  # the words a pair may be in
    for place, (word, count) in enumerate(zip(words, counts, strict=True)):
        for pair in pairwise(word):
            pair_counts[pair] += count
            places[pair].add(place)
    queue = [(-count, pair) for pair, count in pair_counts.items()]
    heapify(queue)
    merges: list[Pair] = []
    while queue and len(vocabulary) < vocab_size:
        count, pair = heappop(queue)
        if -count != pair_counts[pair]:  # out of date: back with its present count
            heappush(queue, (-pair_counts[pair], pair))
            continue
        if -count < MIN_PAIR_COUNT:
            break
        merged = len(vocabulary)
        vocabulary.append(vocabulary[pair[0]] + vocabulary[pair[1]])
        merges.append(pair)
        born = set()
        for place in places.pop(pair):
            for changed, change in _merge_in(words[place], pair, merged):
                pair_counts[changed] += change * counts[place]
                if change > 0:
                    places[changed].add(place)
                    born.add(changed)
        for new in born:
            heappush(queue, (-pair_counts[new], new))
    return merges


def _merge_in(word: list[int], pair: Pair, merged: int) -> list[tuple[Pair, int]]:
    """Replace ``pair`` by ``merged`` from left to right; how the counts of its neighbours change."""
    left, right = pair
    changes: list[tuple[Pair, int]] = []
    done: list[int] = []
    place = 0
    while place < len(word):
        if word[place] != left or place + 1 == len(word) or word[place + 1] != right:
            done.append(word[place])
            place += 1
            continue
        place += 2
        if done:
            changes += [((done[-1], left), -1), ((done[-1], merged), 1)]
        if place < len(word):
            changes += [((right, word[place]), -1), ((merged, word[place]), 1)]
        done.append(merged)
    word[:] = done
    return changes


# --- the tokenizer --------------------------------------------------------------------------------


class BPETokenizer:
    """Tokens are byte strings that grew by merging; nothing is ever unseen.

    Args:
        vocab: token, written in :func:`byte_letters`, to its id; ids run from 0 without a gap.
        merges: pairs of tokens, the most urgent first.

    Raises:
        DataError: the two do not make a byte-level tokenizer.
    """

    kind: Literal["bpe"] = "bpe"

    def __init__(self, vocab: Mapping[str, int], merges: Iterable[Sequence[str]]) -> None:
        self.vocabulary = tuple(sorted(vocab, key=vocab.__getitem__))
        self.merges = tuple((left, right) for left, right in merges)
        _check(vocab, self.vocabulary, self.merges)
        byte_of = {letter: byte for byte, letter in enumerate(byte_letters())}
        self._bytes = [_spelt(token, byte_of) for token in self.vocabulary]
        self._byte_ids = [vocab[letter] for letter in byte_letters()]
        # Pair of ids to (rank, id of what it becomes).
        self._merges = {
            (vocab[left], vocab[right]): (rank, vocab[left + right])
            for rank, (left, right) in enumerate(self.merges)
        }

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary)

    def encode(self, text: str, unseen: Unseen = "error") -> Tensor:
        """Int64 (T,); ``unseen`` is of no consequence here, since every byte is a token.

        Raises:
            DataError: the text holds half of a surrogate pair.
        """
        import numpy as np
        import torch

        pieces = split_pieces(text)
        encoded = {piece: self._encoded(piece) for piece in set(pieces)}
        ids = chain.from_iterable(map(encoded.__getitem__, pieces))
        return torch.from_numpy(np.fromiter(ids, np.int64))

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text; bytes that are not UTF-8, which a model may well write, read as U+FFFD.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        return self.bytes_of(ids).decode("utf-8", "replace")

    def bytes_of(self, ids: Iterable[int] | Tensor) -> bytes:
        """The UTF-8 bytes of some tokens; a token may begin or end within a character.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        return b"".join(self._bytes[i] for i in checked(ids, self.vocab_size).tolist())

    def to_json(self) -> dict[str, Any]:
        merges = [list(pair) for pair in self.merges]
        vocabulary = list(self.vocabulary)
        return {"format": FORMAT, "kind": self.kind, "vocabulary": vocabulary, "merges": merges}

    def _encoded(self, piece: str) -> list[int]:
        return self._merged([self._byte_ids[byte] for byte in utf8(piece)])

    def _merged(self, symbols: list[int]) -> list[int]:
        """The most urgent pair that is there is merged first, of equals the leftmost, until none is.

        Symbols form a linked list, and pairs wait in a queue, so that a piece of n bytes takes
        O(n log n) steps: a million spaces in a row are one piece.
        """
        end = len(symbols)
        after, before = list(range(1, end + 1)), list(range(-1, end - 1))
        queue: list[tuple[int, int, int]] = []  # rank, place, what it becomes

        def propose(place: int) -> None:
            if place >= 0 and after[place] < end:
                found = self._merges.get((symbols[place], symbols[after[place]]))
                if found is not None:
                    heappush(queue, (found[0], place, found[1]))

        for place in range(end - 1):
            propose(place)
        while queue:
            _, place, merged = heappop(queue)
            gone = after[place]
            if gone == end or symbols[place] == _GONE:
                continue
            found = self._merges.get((symbols[place], symbols[gone]))
            if found is None or found[1] != merged:  # one of the two has changed meanwhile
                continue
            symbols[place], symbols[gone] = merged, _GONE
            after[place] = after[gone]
            if after[place] < end:
                before[after[place]] = place
            propose(before[place])
            propose(place)
        return [symbol for symbol in symbols if symbol != _GONE]


def bpe_from_json(stored: Mapping[str, Any]) -> BPETokenizer | None:
    """The inverse of ``to_json``; None where it is not of that form.

    Raises:
        DataError: the vocabulary and the merges do not fit together.
    """
    vocabulary, merges = stored.get("vocabulary"), stored.get("merges")
    if not is_strings(vocabulary) or not isinstance(merges, list):
        return None
    if not all(is_strings(pair) and len(pair) == 2 for pair in merges):
        return None
    vocab = {token: rank for rank, token in enumerate(vocabulary)}
    return BPETokenizer(vocab, merges) if len(vocab) == len(vocabulary) else None


def _check(
    vocab: Mapping[str, int], tokens: Sequence[str], merges: Sequence[Sequence[str]]
) -> None:
    if [vocab[token] for token in tokens] != list(range(len(tokens))):
        raise DataError(N_("the ids of this vocabulary do not run from 0 without a gap"))
    missing = [letter for letter in byte_letters() if letter not in vocab]
    if missing:
        raise DataError(
            N_("this vocabulary lacks {count} of the 256 bytes, so it is not byte-level BPE"),
            count=len(missing),
        )
    for left, right in merges:
        if left not in vocab or right not in vocab or left + right not in vocab:
            raise DataError(
                N_("the merge of {left} and {right} is not of this vocabulary"),
                left=left,
                right=right,
            )


def _spelt(token: str, byte_of: Mapping[str, int]) -> bytes:
    """The bytes of a token; one added by hand, such as a marker with other letters, is its own text."""
    if all(letter in byte_of for letter in token):
        return bytes(byte_of[letter] for letter in token)
    return utf8(token)
