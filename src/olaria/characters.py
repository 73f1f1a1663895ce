"""Characters that are not seen, or that UTF-8 cannot hold: where they come from outside, they are shown as escapes."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_HALF_CHARACTERS = re.compile("[\ud800-\udfff]")
JOINERS = "\u200c\u200d"
"""They join or part the letters beside them, as in Persian and in emoji."""
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and signs to Unicode, and nothing to the eye."""


def encodable(text: str) -> str:
    r"""``text`` as UTF-8 can hold it: a byte of a name that is not UTF-8 becomes ``\xe7``, half a character ``\ud83d``.

    >>> encodable("maçã"), encodable("ma\udce7\udce3"), encodable("\ud83d")
    ('maçã', 'ma\\xe7\\xe3', '\\ud83d')
    """
    return _HALF_CHARACTERS.sub(lambda half: escaped(half[0]), text)


def encodable_json(value: Any, **options: Any) -> str:
    r"""``value`` as JSON that any reader takes: RFC 8259 leaves open what a half surrogate stands for.

    Args:
        value: plain JSON values.
        **options: of :func:`json.dumps`.

    >>> encodable_json("ma\udce7\udce3")
    '"ma\\\\xe7\\\\xe3"'
    """
    text = json.dumps(value, ensure_ascii=False, **options)
    return _HALF_CHARACTERS.sub(lambda half: "\\" + escaped(half[0]), text)


def legible(text: str, keep: str = "", *, blanks: bool = False) -> str:
    r"""``text`` with an escape for each character that is not seen, or that would change how others are seen.

    Those are control characters, what turns the direction of writing, soft hyphens, blanks without width, halves of
    surrogates, code points that are no character yet, and marks without a letter before them.

    Args:
        text: any.
        keep: characters that stay as they are, such as line ends.
        blanks: whether other blanks than the usual one are escaped too.

    >>> legible("ro\u00adda\x1b[31m"), legible(" \u0301"), legible("a\u00a0b", blanks=True)
    ('ro\\xadda\\x1b[31m', ' \\u0301', 'a\\xa0b')
    """
    if text.isascii() and text.isprintable():
        return text
    before = ["", *text[:-1]]
    return "".join(
        one if one in keep or _is_seen(one, last, blanks) else escaped(one)
        for last, one in zip(before, text, strict=True)
    )


def escaped(character: str) -> str:
    r"""The escape of a character, by its code point; of a byte that is no text, by the byte.

    >>> escaped("\x0c"), escaped("\u200b"), escaped("\U000e0001"), escaped("\udce7")
    ('\\x0c', '\\u200b', '\\U000e0001', '\\xe7')
    """
    code = ord(character)
    if code < 0x100 or 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code & 0xFF:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_seen(character: str, before: str, blanks: bool) -> bool:
    """Whether a character can be seen after the one before it."""
    if character == " ":
        return True
    kind = unicodedata.category(character)
    last = unicodedata.category(before)[0] if before else ""
    if kind == "Zs":
        return not blanks
    if character in _BLANKS:
        return False
    if character in JOINERS:
        return before > "\u02ff" and last in ("L", "M", "S")
    if kind[0] == "M":
        return last in ("L", "M", "N", "P", "S") or (bool(before) and before in JOINERS)
    return character.isprintable()
