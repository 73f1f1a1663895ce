"""Which font draws which character in figures and on paper.

DejaVu Sans comes with matplotlib and has the letters of many languages. For what it lacks (emoji, Chinese, Amharic, …)
the fonts of the system are looked through. Where none has a character its code point is written, ``U+1F3FA``, never an
empty box, and whoever asked for the page is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from olaria.characters import legible
from olaria.data.tokens import listed
from olaria.i18n import N_, Message

OWN = "DejaVu Sans"
_ON_PAPER = ("STIXGeneral", "DejaVuSans", "DejaVuSansMono")
"""matplotlib's files that a PDF carries in itself."""
_UNDRAWN: ContextVar[set[str] | None] = ContextVar("undrawn", default=None)
_IGNORABLE = frozenset("\u200c\u200d") | {chr(code) for code in range(0xFE00, 0xFE10)}
"""Joiners and choices of a variant: without them a text is drawn a little plainer."""
_NO_LETTERS = ("lastresort", "adobeblank")
"""Fonts whose glyphs are boxes or nothing."""


@contextmanager
def undrawn() -> Iterator[list[Message]]:
    """Collects what no font could draw within; at the end there is one note in the list, or none."""
    found: set[str] = set()
    notes: list[Message] = []
    before = _UNDRAWN.set(found)
    try:
        yield notes
        if found:
            message = N_(
                "no font on this computer draws {characters}; code points are shown instead"
            )
            notes.append(Message(message, {"characters": listed(found)}))
    finally:
        _UNDRAWN.reset(before)


def fit_figure(figure: Figure) -> None:
    """Give each text of a figure the fonts that its characters need."""
    for text in figure.findobj(Text):
        words = text.get_text()
        if words.isascii() and words.isprintable():
            continue
        words = legible(words, "\n")
        lacking = sorted(set(words) - _own() - {"\n"})
        families = _families(lacking)
        text.set_text(_without(words, {c for c in lacking if c not in families}))
        text.set_fontfamily(list(dict.fromkeys([OWN, *families.values()])))


def fit_paper(html: str) -> str:
    """A page with code points for what neither its own fonts nor those of the system have."""
    own = set().union(*map(_characters_of, map(_own_file, _ON_PAPER)))
    lacking = sorted(c for c in set(html) - own if not c.isspace())
    lacking = sorted(set(lacking) - set(_families(lacking)))
    return _without(html, set(lacking) - _drawn_in_colour(lacking))


def _without(text: str, undrawable: set[str]) -> str:
    """``text`` with code points for some characters, which are remembered for the note."""
    named = undrawable - _IGNORABLE
    collected = _UNDRAWN.get()
    if collected is not None:
        collected.update(named)
    codes = {ord(c): f"U+{ord(c):04X}" if c in named else "" for c in undrawable}
    return text.translate(codes) if codes else text


# -- files -----------------------------------------------------------------------------------------


@cache
def _own() -> frozenset[str]:
    return _characters_of(_own_file("DejaVuSans"))


def _own_file(stem: str) -> Path:
    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"{stem}.ttf")


@cache
def _characters_of(path: Path) -> frozenset[str]:
    return frozenset(map(chr, FT2Font(str(path)).get_charmap()))


_FOUND: dict[str, str] = {}
"""Family of a character that was looked for and is there: fonts are many, and so are figures."""
_SOUGHT: set[str] = set()


def _families(characters: Sequence[str]) -> dict[str, str]:
    """The family that draws each of some characters that DejaVu Sans lacks; those without one are left out."""
    wanted = set(characters) - _SOUGHT
    _SOUGHT.update(wanted)
    for font in font_manager.fontManager.ttflist:
        if not wanted:
            break
        name = font.name.casefold().replace(" ", "")
        if font.style != "normal" or name.startswith(_NO_LETTERS):
            continue
        for character in _among(font.fname, getattr(font, "index", 0), wanted):
            _FOUND[character] = font.name
            wanted.discard(character)
    return {c: _FOUND[c] for c in characters if c in _FOUND}


def _among(path: str, index: int, characters: Iterable[str]) -> set[str]:
    """Those of some characters that a font has, by its place in a file of several; none where it cannot be read."""
    with suppress(Exception):  # of strangers' files, in whatever state
        font = FT2Font(path, face_index=index) if index else FT2Font(path)
        return {c for c in characters if font.get_char_index(ord(c))}
    return set()


def _drawn_in_colour(characters: Sequence[str]) -> set[str]:
    """Those that fonts of pictures have: matplotlib draws none of these, and paper does."""
    from fontTools.ttLib import TTFont

    wanted, drawn = set(characters) - _IGNORABLE, set[str]()
    known = {font.fname for font in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known if wanted else ()):
        if Path(path).stem.casefold().startswith(_NO_LETTERS):
            continue
        with suppress(Exception), TTFont(path, fontNumber=0, lazy=True) as font:
            drawn |= {c for c in wanted if ord(c) in (font.getBestCmap() or {})}
    return drawn
