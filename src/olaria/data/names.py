"""Names of the user's files: composed, sound text, and each its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from olaria.characters import encodable

LATIN_END = "\u0250"
"""Where the blocks of Latin letters end."""


def plain_name(name: str) -> str:
    r"""A name as it is shown and compared: composed (Unicode NFC), and what is no Unicode escaped.

    On Linux a name is bytes; those that are no UTF-8 come as lone surrogates, which no file of text can hold.

    >>> plain_name("a\u0303"), plain_name("ma\udce7\udce3")
    ('ã', 'ma\\xe7\\xe3')
    """
    return unicodedata.normalize("NFC", encodable(name))


def zip_name(name: str, *, is_utf8: bool) -> str:
    """The name of a zip's member, which is UTF-8 where its bytes are sound UTF-8, even if the zip does not say so.

    Windows packs with the code page of its country, and two share most of their letters: cp437, and cp850 of Western
    Europe and Brazil, which has letters where cp437 has Greek ones and pieces of frames.

    Args:
        name: as :mod:`zipfile` gives it, which reads cp437 where the zip does not say UTF-8.
        is_utf8: whether the zip says so.

    >>> zip_name("ma├º├ú.png", is_utf8=False), zip_name("ma\u00e7\u2310.png", is_utf8=False)
    ('maçã.png', 'maç⌐.png')
    >>> zip_name("lim╞o.png", is_utf8=False), zip_name("Größe.png", is_utf8=False)
    ('limão.png', 'Größe.png')
    """
    if is_utf8 or name.isascii():
        return name
    try:
        content = name.encode("cp437")
    except UnicodeError:
        return name  # from the field of a packer that knows Unicode
    try:
        return content.decode("utf-8")
    except UnicodeError:
        western = content.decode("cp850")
    return western if _num_strange(western) < _num_strange(name) else name


def _num_strange(name: str) -> int:
    """Characters beyond ASCII that are no Latin letters."""
    return sum(
        not letter.isascii() and not (letter.isalpha() and letter < LATIN_END) for letter in name
    )


def distinct(names: Iterable[str]) -> list[str]:
    """The same names, with a number in those that came before.

    >>> distinct(["a/x.png", "b/x.png", "a/x.png"])
    ['a/x.png', 'b/x.png', 'a/x (2).png']
    """
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    found = []
    for name in names:
        own = name
        while own in taken:
            numbers[name] = numbers.get(name, 1) + 1
            path = PurePosixPath(name)
            own = str(path.with_name(f"{path.stem} ({numbers[name]}){path.suffix}"))
        taken.add(own)
        found.append(own)
    return found
