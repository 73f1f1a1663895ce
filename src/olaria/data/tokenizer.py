"""Text to integers and back: characters, bytes, words, and byte pairs (in :mod:`olaria.data.bpe`).

Each is reversible on what it was fitted to.

>>> fit_tokenizer("char", "abba").encode("ab").tolist()
[0, 1]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from olaria.data.bpe import BPETokenizer, bpe_from_json, train_bpe
from olaria.data.tokens import (
    FORMAT,
    Kind,
    Tokenizer,
    Unseen,
    checked,
    is_strings,
    listed,
    unseen_error,
    utf8,
)
from olaria.errors import DataError, UsageError
from olaria.i18n import N_, Setting
from olaria.vocabulary import VOCAB_SIZE

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = [
    "BPETokenizer",
    "ByteTokenizer",
    "CharTokenizer",
    "Kind",
    "Tokenizer",
    "Unseen",
    "WordTokenizer",
    "fit_tokenizer",
    "tokenizer_from_json",
]

# What stands for a character that is not in the alphabet, the first of these that is.
REPLACEMENTS = ("\N{REPLACEMENT CHARACTER}", "?", " ")
# A word with the space before it, or any other single character: joined, they are the text again.
WORDS = re.compile(r" ?\w+|.", re.DOTALL)
MIN_WORD_COUNT = 2


class CharTokenizer:
    """One token per character of ``alphabet``.

    Args:
        alphabet: the characters, in the order of their ids, each once.
    """

    kind: Kind = "char"

    def __init__(self, alphabet: Iterable[str]) -> None:
        import numpy as np

        self.alphabet = tuple(alphabet)
        self._points = np.array([ord(character) for character in self.alphabet], np.int64)
        # Code point to id; -1 where the alphabet has no such character.
        self._ids = np.full(int(self._points.max(initial=0)) + 1, -1, np.int64)
        self._ids[self._points] = np.arange(len(self.alphabet))

    @property
    def vocab_size(self) -> int:
        return len(self.alphabet)

    def encode(self, text: str, unseen: Unseen = "error") -> Tensor:
        """Int64 (T,).

        Args:
            text: any text.
            unseen: for a character outside the alphabet: ``error``; ``replace`` it by the first of
                :data:`REPLACEMENTS` that the alphabet has; ``skip`` it.

        Raises:
            DataError: characters are unseen, and that is an error or nothing can replace them.
        """
        import torch

        points = _code_points(text)
        inside = points < len(self._ids)
        ids = self._ids[points * inside]  # point 0 stands in for those beyond the table
        ids[~inside] = -1
        if (ids < 0).any():
            ids = self._without_unseen(ids, points, unseen)
        return torch.from_numpy(ids)

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of some tokens.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        points = self._points[checked(ids, self.vocab_size)]
        return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def bytes_of(self, ids: Iterable[int] | Tensor) -> bytes:
        """The UTF-8 bytes of some tokens."""
        return utf8(self.decode(ids))

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "kind": self.kind, "alphabet": list(self.alphabet)}

    def _without_unseen(
        self,
        ids: np.ndarray[tuple[int], np.dtype[np.int64]],
        points: np.ndarray[tuple[int], np.dtype[np.int64]],
        unseen: Unseen,
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        unknown = ids < 0
        if unseen == "skip":
            return ids[~unknown]
        characters = set(map(chr, points[unknown].tolist()))
        if unseen == "error":
            raise unseen_error(characters, self.alphabet)
        replacement = next((c for c in REPLACEMENTS if c in self.alphabet), None)
        if replacement is None:
            raise DataError(
                N_("{name} is not in the alphabet and nothing in it can replace it; use {skip}"),
                skip=Setting("unseen", "skip"),
                name=listed(characters),
            )
        ids[unknown] = self.alphabet.index(replacement)
        return ids


class ByteTokenizer:
    """One token per byte of the text in UTF-8; nothing is ever unseen."""

    kind: Kind = "byte"
    vocab_size = 256

    def encode(self, text: str, unseen: Unseen = "error") -> Tensor:
        """Int64 (T,), T the number of bytes; ``unseen`` is of no consequence here."""
        import numpy as np
        import torch

        content = utf8(text)
        return torch.from_numpy(np.frombuffer(content, np.uint8).astype(np.int64))

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text; bytes that are not UTF-8, which a model may well write, read as U+FFFD.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        return self.bytes_of(ids).decode("utf-8", "replace")

    def bytes_of(self, ids: Iterable[int] | Tensor) -> bytes:
        """The bytes that the tokens are; they may begin or end within a character."""
        return checked(ids, self.vocab_size).astype("u1").tobytes()

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "kind": self.kind}


class WordTokenizer:
    """One token per word, with the space before it; rarer words are spelt letter by letter.

    Because every character of the fitted text is a token too, any text in that alphabet encodes
    and decodes to itself.

    Args:
        vocabulary: words and single characters, in the order of their ids, each once.
    """

    kind: Kind = "word"

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self._ids = {word: i for i, word in enumerate(self.vocabulary)}
        self._letters = CharTokenizer(entry for entry in self.vocabulary if len(entry) == 1)

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary)

    def encode(self, text: str, unseen: Unseen = "error") -> Tensor:
        """Int64 (T,); ``unseen`` is for characters, as in :meth:`CharTokenizer.encode`.

        Raises:
            DataError: a character is unseen, and that is an error or nothing can replace it.
        """
        import torch

        unknown = set(text).difference(self._ids) if unseen == "error" else ()
        if unknown:  # told at once, not word by word
            raise unseen_error(unknown, self._letters.alphabet)
        words = WORDS.findall(text)
        encoded = {word: self._encoded(word, unseen) for word in set(words)}
        ids = [i for word in words for i in encoded[word]]
        return torch.tensor(ids, dtype=torch.int64)

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of some tokens.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        return "".join(self.vocabulary[i] for i in checked(ids, self.vocab_size))

    def bytes_of(self, ids: Iterable[int] | Tensor) -> bytes:
        """The UTF-8 bytes of some tokens."""
        return utf8(self.decode(ids))

    def count_spelt(self, text: str) -> tuple[int, int]:
        """Words of ``text``, and how many of them have no token of their own and are spelt.

        >>> fit_tokenizer("word", "um gato, um gato, um rato").count_spelt("o gato e um rato")
        (5, 2)
        """
        words = Counter(WORDS.findall(text))
        words = Counter({word: n for word, n in words.items() if word[-1].isalnum()})
        return words.total(), sum(n for word, n in words.items() if word not in self._ids)

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "kind": self.kind, "vocabulary": list(self.vocabulary)}

    def _encoded(self, word: str, unseen: Unseen) -> list[int]:
        if word in self._ids:
            return [self._ids[word]]
        letters = self._letters
        return [self._ids[letter] for letter in letters.decode(letters.encode(word, unseen))]


AnyTokenizer = CharTokenizer | ByteTokenizer | WordTokenizer | BPETokenizer


def fit_tokenizer(
    kind: Kind, text: str, vocab_size: int | None = None, *, other: str = ""
) -> AnyTokenizer:
    """A tokenizer of ``kind`` for ``text``.

    Characters are sorted. Words come by falling count, then sorted; one must come at least
    :data:`MIN_WORD_COUNT` times to have a token of its own. Byte pairs: :func:`train_bpe`.

    Args:
        kind: ``char``, ``byte``, ``word`` or ``bpe``.
        text: the training text.
        vocab_size: tokens of a byte-pair vocabulary, :data:`VOCAB_SIZE` unless given.
        other: text that must be readable too: its characters get tokens, but its words and pairs
            are not counted, so that nothing of a validation text is learnt from it.

    Raises:
        UsageError: ``vocab_size`` of a kind that does not choose it.

    >>> fit_tokenizer("char", "ba", other="c").alphabet
    ('a', 'b', 'c')
    """
    if kind == "bpe":
        return train_bpe(text, vocab_size or VOCAB_SIZE)
    check_vocab_size(kind, vocab_size)
    if kind == "byte":
        return ByteTokenizer()
    characters = sorted(set(text).union(other))
    if kind == "char":
        return CharTokenizer(characters)
    counts = Counter(WORDS.findall(text))
    frequent = [w for w, n in counts.items() if n >= MIN_WORD_COUNT and len(w) > 1]
    return WordTokenizer([*characters, *sorted(frequent, key=lambda w: (-counts[w], w))])


def check_vocab_size(kind: Kind, vocab_size: int | None) -> None:
    """Refuse a size for a vocabulary that the text or the bytes decide.

    Raises:
        UsageError: see above.
    """
    if vocab_size is not None and kind != "bpe":
        raise UsageError(
            N_("{vocab_size} is for {bpe}; the tokenizer {kind} does not choose its own"),
            vocab_size=Setting("vocab_size"),
            bpe=Setting("tokenizer", "bpe"),
            kind=kind,
        )


def tokenizer_from_json(stored: Mapping[str, Any]) -> AnyTokenizer:
    """The inverse of ``to_json``.

    Raises:
        DataError: it is not a tokenizer this version can read.
    """
    if stored.get("format") == FORMAT:
        entries = stored.get("alphabet", stored.get("vocabulary"))
        kind = stored.get("kind")
        if kind == "byte":
            return ByteTokenizer()
        if kind == "char" and _are_words(entries) and all(len(entry) == 1 for entry in entries):
            return CharTokenizer(entries)
        if kind == "word" and _are_words(entries) and all(entries):
            return WordTokenizer(entries)
        bpe = bpe_from_json(stored) if kind == "bpe" else None
        if bpe is not None:
            return bpe
    raise DataError(N_("this is not a tokenizer this version can read; use the run's own file"))


def _are_words(entries: Any) -> bool:
    return is_strings(entries) and len(set(entries)) == len(entries)


def _code_points(text: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    import numpy as np

    encoded = text.encode("utf-32-le", "surrogatepass")
    return np.frombuffer(encoded, "<u4").astype(np.int64)
