"""What tokenizers share: their protocol, the checks of text and ids, the words for what is unseen."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from olaria.errors import DataError
from olaria.i18n import N_, Message, Setting
from olaria.vocabulary import TokenizerKind
from olaria.vocabulary import Unseen as Unseen

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Kind = TokenizerKind

FORMAT = 1
NUM_NAMED = 10
"""Unseen characters that an error names; of more it says how many."""


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

    def bytes_of(self, ids: Iterable[int] | Tensor) -> bytes:
        """The UTF-8 bytes of some tokens; a token of bytes may begin or end within a character."""

    def to_json(self) -> dict[str, Any]:
        """What :func:`olaria.data.tokenizer.tokenizer_from_json` reads."""


def utf8(text: str) -> bytes:
    """The bytes of ``text``.

    Raises:
        DataError: it holds half of a surrogate pair.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            N_("character {position} is half of a surrogate pair, so not text; remove it"),
            position=error.start,
        ) from None


def checked(
    ids: Iterable[int] | Tensor, vocab_size: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The ids as an array, none outside the vocabulary (a negative one would read from the end).

    Raises:
        DataError: an id is outside.
    """
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


def is_strings(value: Any) -> TypeGuard[list[str]]:
    """Whether a stored value is a list of strings."""
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def unseen_error(characters: Collection[str]) -> DataError:
    """The error that names every character that the alphabet lacks, :data:`NUM_NAMED` at most.

    >>> str(unseen_error("ç"))
    "'ç' (U+00E7 LATIN SMALL LETTER C WITH CEDILLA) is not in the alphabet; use unseen=replace or unseen=skip"
    """
    if len(characters) == 1:
        return DataError(
            N_("{name} is not in the alphabet; use {replace} or {skip}"),
            replace=Setting("unseen", "replace"),
            skip=Setting("unseen", "skip"),
            name=listed(characters),
        )
    return DataError(
        N_("{count} characters are not in the alphabet: {names}; use {replace} or {skip}"),
        replace=Setting("unseen", "replace"),
        skip=Setting("unseen", "skip"),
        count=len(characters),
        names=listed(characters),
    )


def listed(characters: Iterable[str]) -> Message | str:
    """Characters as a person can look them up, in the order of their code points.

    >>> listed("ã")
    "'ã' (U+00E3 LATIN SMALL LETTER A WITH TILDE)"
    """
    ordered = sorted(characters)
    names = ", ".join(map(_named, ordered[:NUM_NAMED]))
    if len(ordered) <= NUM_NAMED:
        return names
    return Message(
        N_("{names} and {more} more"), {"names": names, "more": len(ordered) - NUM_NAMED}
    )


def _named(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"{character!r} (U+{ord(character):04X}{' ' + name if name else ''})"
