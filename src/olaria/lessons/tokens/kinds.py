"""Kinds of tokens, which no model is told of: vowels, capitals, pieces of words."""

from __future__ import annotations

import unicodedata

from olaria.i18n import N_

KINDS = (
    ("aeiou", N_("lower-case vowels")),
    ("bcdfg…", N_("lower-case consonants")),
    ("ABC…", N_("capital letters")),
    ("012…", N_("digits")),
    (".,;!…", N_("punctuation")),
    ("␣the…", N_("several letters after a space")),
    ("ing…", N_("several letters without a space")),
)
"""Of tokens: a name for a legend, and in words."""
NUM_KINDS = len(KINDS)


def kind_of(token: str) -> int:
    """Which entry of the table of kinds a token is of; -1 for another.

    >>> [kind_of(token) for token in ("é", "t", "T", "7", "!", " the", "ing", " ")]
    [0, 1, 2, 3, 4, 5, 6, -1]
    """
    if len(token) == 1:
        base = unicodedata.normalize("NFD", token)[0]
        if base.isascii() and base.islower():
            return 0 if base in "aeiou" else 1
        if token.isupper():
            return 2
        return 3 if token.isdigit() else 4 if unicodedata.category(token)[0] == "P" else -1
    if token.startswith(" ") and token[1:].isalpha():
        return 5
    return 6 if token.isalpha() else -1
