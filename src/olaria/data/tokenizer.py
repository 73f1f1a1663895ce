"""Text to integers and back: characters, bytes, words. Each is reversible on what it was fitted to.

>>> fit_tokenizer("char", "abba").encode("ab").tolist()
[0, 1]
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from olaria.errors import DataError
from olaria.i18n import N_

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Unseen = Literal["error", "replace", "skip"]
Kind = Literal["char", "byte", "word"]

FORMAT = 1
# What stands for a character that is not in the alphabet, the first of these that is.
REPLACEMENTS = ("\N{REPLACEMENT CHARACTER}", "?", " ")
# A word with the space before it, or any other single character: joined, they are the text again.
WORDS = re.compile(r" ?\w+|.", re.DOTALL)
MIN_WORD_COUNT = 2


class Tokenizer(Protocol):
    """What every tokenizer offers."""

    @property
    def kind(self) -> Kind:
        """Its name in a recipe."""

    @property
    def vocab_size(self) -> int:
        """How many different tokens there are; ids run from 0 to this less one."""

    def encode(self, text: str, unseen: Unseen = "error") -> Tensor:
        """The tokens of ``text``: int64 (T,)."""

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of some tokens."""

    def to_json(self) -> dict[str, Any]:
        """What :func:`tokenizer_from_json` reads."""


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
            DataError: a character is unseen, and that is an error or nothing can replace it.
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
        points = self._points[_checked(ids, self.vocab_size)]
        return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "kind": self.kind, "alphabet": list(self.alphabet)}

    def _without_unseen(
        self,
        ids: np.ndarray[tuple[int], np.dtype[np.int64]],
        points: np.ndarray[tuple[int], np.dtype[np.int64]],
        unseen: Unseen,
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        unknown = ids < 0
        first = chr(int(points[unknown.argmax()]))
        if unseen == "error":
            raise _unseen(first)
        if unseen == "skip":
            return ids[~unknown]
        replacement = next((c for c in REPLACEMENTS if c in self.alphabet), None)
        if replacement is None:
            raise DataError(
                N_(
                    "{name} is not in the alphabet and nothing in it can replace it; use --unseen skip"
                ),
                name=_named(first),
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

        content = _utf8(text)
        return torch.from_numpy(np.frombuffer(content, np.uint8).astype(np.int64))

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text; bytes that are not UTF-8, which a model may well write, read as U+FFFD."""
        return _checked(ids, self.vocab_size).astype("u1").tobytes().decode("utf-8", "replace")

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

        known = self._ids
        spelt: dict[str, list[int]] = {}
        ids: list[int] = []
        for word in WORDS.findall(text):
            if word in known:
                ids.append(known[word])
                continue
            if word not in spelt:
                spelt[word] = self._spell(word, unseen)
            ids.extend(spelt[word])
        return torch.tensor(ids, dtype=torch.int64)

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of some tokens.

        Raises:
            DataError: an id is outside the vocabulary.
        """
        return "".join(self.vocabulary[i] for i in _checked(ids, self.vocab_size))

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "kind": self.kind, "vocabulary": list(self.vocabulary)}

    def _spell(self, word: str, unseen: Unseen) -> list[int]:
        if all(letter in self._ids for letter in word):
            return [self._ids[letter] for letter in word]
        return [self._ids[c] for c in self._letters.decode(self._letters.encode(word, unseen))]


def fit_tokenizer(kind: Kind, text: str) -> CharTokenizer | ByteTokenizer | WordTokenizer:
    """A tokenizer of ``kind`` for ``text``: characters sorted; words by falling count, then sorted.

    A word must come at least :data:`MIN_WORD_COUNT` times to have a token of its own.

    >>> fit_tokenizer("word", "ba ba ab").vocabulary
    (' ', 'a', 'b')
    """
    if kind == "byte":
        return ByteTokenizer()
    characters = sorted(set(text))
    if kind == "char":
        return CharTokenizer(characters)
    counts = Counter(WORDS.findall(text))
    frequent = [w for w, n in counts.items() if n >= MIN_WORD_COUNT and len(w) > 1]
    return WordTokenizer([*characters, *sorted(frequent, key=lambda w: (-counts[w], w))])


def tokenizer_from_json(
    stored: Mapping[str, Any],
) -> CharTokenizer | ByteTokenizer | WordTokenizer:
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
    raise DataError(N_("this is not a tokenizer this version can read; use the run's own file"))


def _are_words(entries: Any) -> bool:
    return (
        isinstance(entries, list)
        and all(isinstance(entry, str) for entry in entries)
        and len(set(entries)) == len(entries)
    )


def _code_points(text: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    import numpy as np

    encoded = text.encode("utf-32-le", "surrogatepass")
    return np.frombuffer(encoded, "<u4").astype(np.int64)


def _checked(
    ids: Iterable[int] | Tensor, vocab_size: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The ids as an array, none outside the vocabulary (a negative one would read from the end)."""
    import numpy as np
    import torch

    values = ids.cpu().numpy() if isinstance(ids, torch.Tensor) else np.array(list(ids), np.int64)
    flat = values.astype(np.int64).reshape(-1)
    wrong = (flat < 0) | (flat >= vocab_size)
    if wrong.any():
        raise DataError(
            N_("token {id} is outside the vocabulary of {size}; use the run's own tokenizer"),
            id=int(flat[wrong.argmax()]),
            size=vocab_size,
        )
    return flat


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            N_("character {position} is half of a surrogate pair, so not text; remove it"),
            position=error.start,
        ) from None


def _unseen(character: str) -> DataError:
    return DataError(
        N_("{name} is not in the alphabet; use --unseen replace or --unseen skip"),
        name=_named(character),
    )


def _named(character: str) -> str:
    """A character as a person can look it up.

    >>> _named("ã")
    "'ã' (U+00E3 LATIN SMALL LETTER A WITH TILDE)"
    """
    name = unicodedata.name(character, "")
    return f"{character!r} (U+{ord(character):04X}{' ' + name if name else ''})"
