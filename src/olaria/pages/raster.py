"""Pixels as data URIs, for pages that are made without matplotlib."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from olaria.pages.palette import BLUE, CLAY

_STRONGEST = 0.6
"""Of a surface's colours: points lie on it."""


def image_uri(image: NDArray[Any]) -> str:
    """One image (C, H, W), uint8 or in [0, 1], as a PNG of its own size; what lies outside [0, 1] is cut."""
    pixels = (
        image if image.dtype == np.uint8 else np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    )
    picture = (
        Image.fromarray(pixels[0])
        if len(pixels) == 1
        else Image.fromarray(pixels.transpose(1, 2, 0))
    )
    return _uri(picture)


def surface_uri(values: NDArray[Any]) -> str:
    """Values in [0, 1], (R, C): red below a half, blue above, white at it."""
    certainty = 2 * np.clip(values, 0, 1).astype(float) - 1
    colours = np.where(certainty[..., None] > 0, _rgb(BLUE), _rgb(CLAY))
    pixels = 255 - _STRONGEST * np.abs(certainty)[..., None] * (255 - colours)
    picture = Image.fromarray(np.rint(pixels).astype(np.uint8))
    # Enlarged here, since a page's own smoothing differs from browser to browser.
    side = max(1, 144 // max(picture.size))
    return _uri(
        picture.resize((picture.width * side, picture.height * side), Image.Resampling.BICUBIC)
    )


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array(ImageColor.getrgb(colour), float)


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
