"""The images that a run kept while it trained, as one film that plays everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from olaria.storage.images import animate, at_most, read_png, spread

MOST_BYTES = 5_000_000
SIZES = ((512, 120), (512, 60), (320, 60), (320, 30), (240, 30), (160, 20), (80, 10))
"""Longest side and number of frames, from the finest film on; the first that is small enough is taken."""
BAND, FONT_SIZE = 22, 14
"""Pixels of the line below the images, and of its letters."""
GROUND, INK = (255, 255, 255), (60, 60, 60)


def film(
    samples: Sequence[tuple[int, Path]],
    caption: Callable[[int], str],
    most_bytes: int = MOST_BYTES,
) -> bytes:
    """An endless GIF, a frame for each step, with the step written below; the same samples give the same bytes.

    Args:
        samples: steps, ascending, each with its sheet of images, a PNG; one or more.
        caption: what is written below a step's images.
        most_bytes: a larger film gets fewer and smaller frames.

    Raises:
        DamagedError: a file is no PNG of ours.
    """
    gif = b""
    for side, most in SIZES:
        chosen = spread(samples, most)
        frames = [_framed(_sized(read_png(path), side), caption(step)) for step, path in chosen]
        gif = animate(_of_one_palette(frames))
        if len(gif) <= most_bytes:
            break
    return gif


def _sized(sheet: Image.Image, side: int) -> Image.Image:
    """Enlarged or shrunk by a whole factor, to the largest size whose longer side is at most ``side``."""
    factor = side // max(sheet.size)
    if factor < 2:
        return at_most(sheet, side)
    return sheet.resize((sheet.width * factor, sheet.height * factor), Image.Resampling.NEAREST)


def _framed(sheet: Image.Image, text: str) -> Image.Image:
    """A sheet with a line of text below it, in the sheet's mode."""
    is_grey = sheet.mode == "L"
    framed = Image.new(sheet.mode, (sheet.width, sheet.height + BAND), 255 if is_grey else GROUND)
    framed.paste(sheet, (0, 0))
    place = (4, sheet.height + (BAND - FONT_SIZE) // 2)
    draw = ImageDraw.Draw(framed)
    draw.text(place, text, fill=INK[0] if is_grey else INK, font=ImageFont.load_default(FONT_SIZE))
    return framed


def _of_one_palette(frames: Sequence[Image.Image]) -> Sequence[Image.Image]:
    """Frames in colour with one palette of all, so that nothing flickers; grey levels stay as they are."""
    if frames[0].mode == "L":
        return frames
    shown = spread(frames, 16)
    width, height = shown[0].size
    sheet = Image.new("RGB", (width, height * len(shown)))
    for index, frame in enumerate(shown):
        sheet.paste(frame, (0, index * height))
    palette = sheet.quantize(256, method=Image.Quantize.MEDIANCUT)
    return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
