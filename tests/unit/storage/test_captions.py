"""Words below a picture: all of them are there, none leaves it, and pixels above stay as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from olaria.storage.captions import LEAST_WIDTH, _broken, _letters, captioned
from olaria.storage.images import enlargement, make_grid


def ink(picture: Image.Image, top: int) -> np.ndarray:
    """Where there is ink below a height, (H, W)."""
    pixels = np.asarray(picture.convert("L"))[top:]
    return pixels < 128


@pytest.mark.parametrize("width", [10, 479, 480, 2000])
@pytest.mark.parametrize("text", ["execução ae, passo 300, semente 0", "palavra " * 60, "x" * 900])
def test_words_stay_within_the_margin(width: int, text: str) -> None:
    picture = Image.new("L", (width, 40), 7)
    found = captioned(picture, [text, text])
    assert found.width == max(width, LEAST_WIDTH) and found.height > 60
    assert (np.asarray(found)[:40, :width] == 7).all(), "the picture itself is unchanged"
    drawn = ink(found, 40)
    assert drawn.any() and not drawn[:, :3].any() and not drawn[:, -3:].any()
    assert not drawn[:2].any() and not drawn[-2:].any()


def test_no_word_is_lost_and_none_is_an_empty_box() -> None:
    letters = _letters(14)
    text = "the run 中\u202e\x1b ☃ " + "y" * 200 + " ends"
    rows = _broken(text, letters, 300)
    joined = "".join(rows).replace(" ", "")
    assert "U+4E2D" in joined and "y" * 200 in joined and joined.endswith("ends")
    assert all(letters.getlength(row) <= 300 for row in rows)


def test_no_words_no_margin() -> None:
    picture = Image.new("L", (10, 10))
    assert captioned(picture, []) is picture


@pytest.mark.parametrize("side", [1, 4, 8, 16, 28, 32, 48, 55, 56, 64, 96, 256])
@pytest.mark.parametrize(("count", "columns"), [(1, None), (3, None), (64, None), (20, 10)])
def test_images_are_large_enough_to_see(side: int, count: int, columns: int | None) -> None:
    images = torch.zeros(count, 1, side, side)
    factor = enlargement(images, columns)
    assert factor >= 1 and factor * side >= 56
    assert factor == 1 or factor * side <= 224, "a large image stays as it is"
    assert make_grid(images, columns, factor).width <= 12 * 260 or factor == 1
