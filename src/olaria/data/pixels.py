"""Image files as pixels: which formats are opened, and how depth, frames, transparency and channels become 8 bits.

Gray stays gray however a file stores it. Some formats cannot store gray (a palette, GIF, WebP), and some files of
three channels hold nothing else: such an image goes with the others of its set, so that nothing is lost and none is
refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from olaria.data.config import DataConfig
from olaria.data.entries import Entry
from olaria.errors import DataError
from olaria.i18n import N_, Message, Setting
from olaria.storage.files import in_megabytes

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]

# What Pillow may open; its other formats have parsers that bytes of strangers should not meet.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
WITHOUT_GRAY = ("GIF", "WEBP", "BMP")
"""Formats that store gray as colours, which Pillow sometimes takes for gray and sometimes does not."""
MAX_PIXELS, MAX_SIDE = 64_000_000, (1 << 16) - 1
"""Of one image; the side is the longest of a JPEG. Pillow holds an address and four bytes for each row of any width."""
MAX_TOTAL_BYTES = 1 << 32
"""Of the pixels of a set, in memory."""
MAX_UNPACKED, FREE_BYTES = 1000, 1 << 28
"""So many times the bytes of its files may the pixels of a set take, once they are beyond what any machine has."""
NUM_EXAMPLES = 3
BITS = 8
_GRAY_MODES = ("1", "L", "LA", "La")

Channels = Literal["gray", "either", "equal", "colour"]
"""Stored as gray; gray, in a format that has no gray; three equal channels; colour."""


class _TooManyError(Exception):
    """The pixels of the set are beyond what is read."""


class _TooDeepError(Exception):
    """Floating-point values, or whole numbers whose black and white are not known."""


@dataclass
class Reading:
    """What was met while the files were read."""

    unreadable: list[str] = field(default_factory=list)
    unscaled: list[str] = field(default_factory=list)
    transparent: int = 0
    deep: int = 0
    moving: list[str] = field(default_factory=list)
    file_bytes: int = 0
    pixel_bytes: int = 0

    def count(self, entry: Entry, image: Image, options: DataConfig) -> None:
        """Add one image before it is decoded: few bytes can stand for many pixels."""
        is_gray = options.gray or image.mode in _GRAY_MODES or image.mode.startswith("I")
        area = options.resize**2 if options.resize else image.width * image.height
        self.file_bytes += entry.size_bytes
        self.pixel_bytes += area * (1 if is_gray else 3)
        unpacked = max(FREE_BYTES, MAX_UNPACKED * self.file_bytes)
        if self.pixel_bytes > min(MAX_TOTAL_BYTES, unpacked):
            raise _TooManyError

    def notes(self) -> list[Message]:
        """What was left out or changed on the way, for the user."""
        found = []
        for names, text in (
            (
                self.unreadable,
                N_("{count} unreadable {count:image was|images were} left out: {examples}"),
            ),
            (
                self.unscaled,
                N_(
                    "images of 32 bits or of fractions, left out: {count} ({examples}); "
                    "save them with 8 or 16 bits"
                ),
            ),
            (
                self.moving,
                N_(
                    "files with several frames, of which only the first was used: {count} ({examples})"
                ),
            ),
        ):
            if names:
                fields = {"count": len(names), "examples": ", ".join(names[:NUM_EXAMPLES])}
                found.append(Message(text, fields))
        for count, text in (
            (
                self.transparent,
                N_(
                    "{count} {count:image with transparency was|images with "
                    "transparency were} laid on white"
                ),
            ),
            (
                self.deep,
                N_("{count} {count:image of 16 bits was|images of 16 bits were} reduced to 8"),
            ),
        ):
            if count:
                found.append(Message(text, {"count": count}))
        return found


def read_images(
    entries: Sequence[Entry], options: DataConfig
) -> tuple[dict[str, Pixels], list[Message]]:
    """The (C, H, W) pixels of each file that can be read, by its name, and what was changed or left out.

    Gray and colour images stand side by side only where a file that is stored as gray meets colour.
    """
    reading = Reading()
    read = {}
    for entry in entries:
        try:
            found = _read(entry, options, reading)
        except _TooManyError:
            raise DataError(
                N_(
                    "the images up to {name} would take {size} MB of memory and are files of {files} MB; use {resize}, "
                    "or fewer and smaller images"
                ),
                name=entry.name,
                size=in_megabytes(reading.pixel_bytes),
                files=in_megabytes(reading.file_bytes),
                resize=Setting("resize", "N"),
            ) from None
        if found is not None:
            read[entry.name] = found
    kinds = {channels for _, channels in read.values()}
    # Three equal channels stay three, as long as nothing beside them is gray.
    gray = options.gray or ("colour" not in kinds and kinds != {"equal"})
    return {
        name: _with(pixels, channels, gray) for name, (pixels, channels) in read.items()
    }, reading.notes()


def _with(pixels: Pixels, channels: Channels, gray: bool) -> Pixels:
    if gray:
        return pixels[:1]
    return pixels.repeat(3, axis=0) if channels == "either" and len(pixels) == 1 else pixels


def _read(entry: Entry, options: DataConfig, reading: Reading) -> tuple[Pixels, Channels] | None:
    """The pixels of one file; None, and counted, where it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Of what Pillow says of odd files all that matters is said by the notes.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(entry.read()), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                    raise Image.DecompressionBombError(entry.name)
                reading.count(entry, image, options)
                depth = _depth(image)
                image.load()
                moving = bool(getattr(image, "is_animated", False))
                plain, transparent = _plain(image, depth)
                channels = _channels(image, plain)
    except _TooDeepError:
        reading.unscaled.append(entry.name)
        return None
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        DataError,
        OSError,
        SyntaxError,  # Pillow's word for a broken PNG
        ValueError,
        KeyError,  # and for a broken TIFF
        TypeError,
        OverflowError,
    ):
        reading.unreadable.append(entry.name)
        return None
    reading.moving += [entry.name] * moving
    reading.transparent += transparent
    reading.deep += depth > BITS
    return channels_first(shaped(plain, options)), channels


def _depth(image: Image) -> int:
    """Bits of a channel in the file; asked before loading, which forgets them."""
    tags = getattr(image, "tag_v2", None)
    if image.format == "TIFF" and tags is not None:
        return int(max(tags.get(258, (1,))))  # BitsPerSample
    # The raw mode of a PNG ends in 16B; that of a BMP of five and six bits a channel in 16 too.
    wide = image.format == "PNG" and ";16" in str(getattr(image, "tile", ""))
    return 16 if wide else BITS


def _plain(image: Image, depth: int) -> tuple[Image, bool]:
    """Upright, in mode L or RGB, whatever the file's own mode was; and whether it was laid on white."""
    from PIL import Image as images
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        return _halved(upright, depth)
    if upright.mode in ("I", "F"):
        raise _TooDeepError
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        white = images.new("RGBA", layer.size, "white")
        opaque = images.alpha_composite(white, layer)
        return opaque.convert("L" if upright.mode in _GRAY_MODES else "RGB"), True
    return upright.convert("L" if upright.mode in _GRAY_MODES else "RGB"), False


def _halved(image: Image, depth: int) -> tuple[Image, bool]:
    """Gray levels of up to 16 bits as 8: the file's white is 255. A level that stands for "transparent" is white."""
    import numpy as np
    from PIL import Image as images

    levels = np.asarray(image).astype(np.uint32)
    eight = np.minimum(levels * 255 // (2**depth - 1), 255).astype(np.uint8)
    clear = image.info.get("transparency")
    if clear is None:
        return images.fromarray(eight), False
    eight[levels == clear] = 255
    return images.fromarray(eight), True


def _channels(image: Image, plain: Image) -> Channels:
    """What the file holds; ``plain`` is of mode L where the file stores gray."""
    from PIL import ImageChops

    without_gray = image.mode in ("P", "PA") or image.format in WITHOUT_GRAY
    if plain.mode == "L":
        return "either" if without_gray else "gray"
    red, *others = plain.split()
    rounding = 1 if image.format == "WEBP" else 0  # of gray levels through its luminance and back
    # By Pillow, one channel at a time: a large image takes no copies in wider numbers.
    for other in others:
        _, most = ImageChops.difference(red, other).getextrema()
        if most > rounding:  # type: ignore[operator]  # of one channel it is a number
            return "colour"
    return "either" if without_gray else "equal"


def shaped(image: Image, options: DataConfig) -> Image:
    """Gray where asked for; cropped to the middle square and resized (bicubic) where asked for."""
    from PIL import Image as images
    from PIL import ImageOps

    if options.gray:
        image = image.convert("L")
    if options.resize is not None:
        side = options.resize
        image = ImageOps.fit(image, (side, side), images.Resampling.BICUBIC)
    return image


def channels_first(image: Image) -> Pixels:
    """The pixels of a picture, (height, width) or (height, width, C), as (C, height, width)."""
    import numpy as np

    values = np.asarray(image, np.uint8)
    shaped: Pixels = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
    return shaped
