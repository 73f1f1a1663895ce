"""Words in the margin of a picture: what it shows, written below it, so that a file says so wherever it goes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from olaria.characters import legible

LEAST_WIDTH = 480
"""Pixels of a picture with words: a narrower one gets a ground beside it."""
_SMALLEST, _LARGEST = 14, 22
"""Of letters, in pixels; they grow with the picture."""
_GROUND, _INK = (255, 255, 255), (34, 48, 60)


def captioned(picture: Image.Image, lines: Iterable[str]) -> Image.Image:
    """A picture with lines of text below it, broken where it ends; itself where there are none.

    Args:
        picture: of any size.
        lines: plain text.
    """
    texts = [legible(line) for line in lines]
    if not texts:
        return picture
    width = max(picture.width, LEAST_WIDTH)
    size = min(_LARGEST, max(_SMALLEST, width // 48))
    letters = _letters(size)
    margin, height = size // 2, round(1.4 * size)
    rows = [row for text in texts for row in _broken(text, letters, width - 2 * margin)]
    below = picture.height + margin
    sheet = Image.new("RGB", (width, below + height * len(rows) + margin), _GROUND)
    sheet.paste(picture.convert("RGB"), (0, 0))
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        draw.text((margin, below + number * height), row, fill=_INK, font=letters)
    return sheet


def _broken(text: str, letters: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """A text in rows that are not wider than ``width``; a word that is, is cut."""
    rows = [""]
    for word in _drawable(text, letters).split(" "):
        longer = f"{rows[-1]} {word}".lstrip()
        if rows[-1] and letters.getlength(longer) > width:
            rows.append(word)
        else:
            rows[-1] = longer
        while len(rows[-1]) > 1 and letters.getlength(rows[-1]) > width:
            fits = max(1, _fitting(rows[-1], letters, width))
            rows[-1:] = [rows[-1][:fits], rows[-1][fits:]]
    return rows


def _fitting(text: str, letters: ImageFont.FreeTypeFont, width: float) -> int:
    """How many letters of a text are not wider than ``width``."""
    return bisect_right(range(1, len(text) + 1), width, key=lambda n: letters.getlength(text[:n]))


def _drawable(text: str, letters: ImageFont.FreeTypeFont) -> str:
    """The text with code points for what the font lacks: never an empty box."""
    lacking = _shape(letters, "\uffff")
    odd = {c for c in text if not c.isascii() and _shape(letters, c) == lacking}
    return "".join(f"U+{ord(c):04X}" if c in odd else c for c in text)


def _shape(letters: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = letters.getmask(character)
    return mask.size, bytes(mask)


@cache
def _letters(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib; only its file is read, the library is not loaded."""
    found = find_spec("matplotlib")
    places = [] if found is None else list(found.submodule_search_locations or ())
    files = [Path(place, "mpl-data", "fonts", "ttf", "DejaVuSans.ttf") for place in places]
    file = next((file for file in files if file.is_file()), None)
    if file is not None:
        return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)
    plain = ImageFont.load_default(size)
    assert isinstance(plain, ImageFont.FreeTypeFont)
    return plain
