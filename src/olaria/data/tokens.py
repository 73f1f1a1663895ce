"""What tokenizers share: their protocol, the checks of text and ids, the words for what is unseen."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from olaria.characters import legible
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
_TYPESET = ("<noBreak>", "<wide>", "<narrow>", "<compat>", "<font>")
"""Of Unicode's decompositions those that change no more than the width or the face of a character."""
_LETTERS = (  # Cyrillic and Greek, and Latin
    (
        "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425",
        "ABESIJKMHOPCTX",
    ),
    ("\u0430\u0441\u0435\u043e\u0440\u0455\u0456\u0458\u0443\u0445", "aceopsijyx"),
    (
        "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
        "ABEZHIKMNOPTYX",
    ),
    ("\u03bf\u03b3\u03bd", "oyv"),
)
_SIGNS = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u00b4\u0060",
    '"': "\u201c\u201d\u201e\u201f\u2033",
    "-": "\u2212",
    "°": "\u00ba\u02da",
}
_LOOK_ALIKE = {
    ord(a): b for letters, plain in _LETTERS for a, b in zip(letters, plain, strict=True)
} | {ord(sign): plain for plain, signs in _SIGNS.items() for sign in signs}


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


def unseen_error(characters: Collection[str], alphabet: Collection[str] = ()) -> DataError:
    """The error that names every character that the alphabet lacks, :data:`NUM_NAMED` at most.

    Where one of them looks like a character that the alphabet has, that one is named too: a reader sees no difference.

    >>> str(unseen_error("ç"))
    "'ç' (U+00E7 LATIN SMALL LETTER C WITH CEDILLA) is not in the alphabet; use unseen=replace or unseen=skip"
    """
    pairs = ((typed, look_alike(typed, alphabet)) for typed in sorted(characters))
    typed, alike = next(((typed, alike) for typed, alike in pairs if alike), ("", ""))
    fields = {
        "replace": Setting("unseen", "replace"),
        "skip": Setting("unseen", "skip"),
        "count": len(characters),
        "names": listed(characters),
    }
    if len(characters) == 1:
        what = N_("{names} is not in the alphabet; use {replace} or {skip}")
    else:
        what = N_(
            "{count} {count:character is|characters are} not in the alphabet: {names}; "
            "use {replace} or {skip}"
        )
    if alike:
        what = N_(
            "not in the alphabet: {names}; it has {alike}, which looks like {typed}: write that, "
            "or use {replace} or {skip}"
        )
        fields |= {"alike": _named(alike), "typed": repr(typed)}
    return DataError(what, **fields)


def look_alike(character: str, alphabet: Collection[str]) -> str:
    r"""The plainest of what the alphabet has that looks like ``character``; "" where nothing does.

    >>> look_alike(" ", "ab\u202f"), look_alike("\u2019", "'a"), look_alike("\u0441", "abc"), look_alike("é", "e")
    ('\u202f', "'", 'c', '')
    """
    shape = _shape(character)
    return min((other for other in alphabet if _shape(other) == shape), default="")


@cache
def _shape(character: str) -> str:
    """One character for all that look like it: spaces, dashes, quotes, forms for typesetting, Greek and Cyrillic."""
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    if kind == "Pd":
        return "-"
    form, _, plain = unicodedata.decomposition(character).partition(" ")
    if form in _TYPESET and plain and " " not in plain:
        character = chr(int(plain, 16))
    return character.translate(_LOOK_ALIKE)


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
    shown = (
        f"'{legible(character, blanks=True)}'"
        if unicodedata.combining(character)
        else repr(character)
    )
    return f"{shown} (U+{ord(character):04X}{' ' + name if name else ''})"
