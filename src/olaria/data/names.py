"""Names of the user's files: composed, sound text, and each its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from olaria.i18n import encodable


def plain_name(name: str) -> str:
    r"""A name as it is shown and compared: composed (Unicode NFC), and what is no Unicode escaped.

    On Linux a name is bytes; those that are no UTF-8 come as lone surrogates, which no file of text can hold.

    >>> plain_name("a\u0303"), plain_name("ma\udce7\udce3")
    ('ã', 'ma\\xe7\\xe3')
    """
    return unicodedata.normalize("NFC", encodable(name))


def zip_name(name: str, *, is_utf8: bool) -> str:
    """The name of a zip's member, which is UTF-8 where its bytes are sound UTF-8, even if the zip does not say so.

    Args:
        name: as :mod:`zipfile` gives it, which reads cp437 where the zip does not say UTF-8.
        is_utf8: whether the zip says so.

    >>> zip_name("ma├º├ú.png", is_utf8=False), zip_name("ma\u00e7\u2310.png", is_utf8=False)
    ('maçã.png', 'maç⌐.png')
    """
    if is_utf8:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


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
