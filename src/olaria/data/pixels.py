"""One image file as pixels: which formats are opened, and how depth, transparency and orientation become 8 bits."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from olaria.data.config import DataConfig
from olaria.data.entries import Entry
from olaria.errors import DataError
from olaria.i18n import N_, Message

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]

# What Pillow may open; its other formats have parsers that bytes of strangers should not meet.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
MAX_PIXELS = 64_000_000
NUM_EXAMPLES = 3


@dataclass
class Reading:
    """What was met while the files were read."""

    unreadable: list[str] = field(default_factory=list)
    transparent: int = 0
    deep: int = 0

    def notes(self) -> list[Message]:
        """What was left out or changed on the way, for the user."""
        found = []
        if self.unreadable:
            fields = {
                "count": len(self.unreadable),
                "examples": ", ".join(self.unreadable[:NUM_EXAMPLES]),
            }
            found.append(Message(N_("{count} unreadable images were left out: {examples}"), fields))
        if self.transparent:
            found.append(
                Message(
                    N_("{count} images with transparency were laid on white"),
                    {"count": self.transparent},
                )
            )
        if self.deep:
            found.append(
                Message(N_("{count} images of 16 bits were reduced to 8"), {"count": self.deep})
            )
        return found


def read_image(entry: Entry, options: DataConfig, reading: Reading) -> Pixels | None:
    """The (C, H, W) pixels of one file; None, and counted, where it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(entry.read()), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Image.DecompressionBombError(entry.name)
                image.load()
                return channels_first(shaped(_plain(image, reading), options))
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        DataError,
        OSError,
        SyntaxError,  # Pillow's word for a broken PNG
        ValueError,
    ):
        reading.unreadable.append(entry.name)
        return None


def _plain(image: Image, reading: Reading) -> Image:
    """Upright, in mode L or RGB, whatever the file's own mode was."""
    from PIL import Image as images
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        reading.deep += 1
        return upright.point(lambda value: value / 257).convert("L")
    if upright.mode == "F":
        raise ValueError("floating-point image")
    if upright.has_transparency_data:
        reading.transparent += 1
        layer = upright.convert("RGBA")
        white = images.new("RGBA", layer.size, "white")
        opaque = images.alpha_composite(white, layer)
        return opaque.convert("L" if upright.mode == "LA" else "RGB")
    return upright.convert("L" if upright.mode in ("1", "L") else "RGB")


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
    import numpy as np

    values = np.asarray(image, np.uint8)
    shaped: Pixels = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
    return shaped
