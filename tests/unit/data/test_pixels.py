"""Gray stays gray; depth and frames are the file's; what is dropped is counted."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from olaria.data import ImageData, load
from olaria.data.config import DataConfig
from olaria.errors import DataError

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8)
COUNT = 6


def png16(channels: int, colour_type: int, values: NDArray[np.uint16]) -> bytes:
    """A PNG of 16 bits a channel, which Pillow itself does not write in colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checked

    height, width = values.shape[:2]
    rows = values.astype(">u2").reshape(height, width * channels)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir(exist_ok=True)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def loaded(path: Path, *, gray: bool = False) -> ImageData:
    data = load(path, DataConfig(name=str(path), gray=gray))
    assert isinstance(data, ImageData)
    return data


def notes_of(data: ImageData) -> str:
    return " | ".join(note.text() for note in data.notes)


def palette(image: Image.Image) -> Image.Image:
    held = image.convert("P")
    held.putpalette([level for level in range(256) for _ in range(3)])
    return held


GRAY_FORMS: dict[str, Callable[[Image.Image], bytes]] = {
    "palette.png": lambda image: saved(palette(image), "PNG"),
    "clear.png": lambda image: saved(image, "PNG", transparency=255),
    "clear-palette.png": lambda image: saved(palette(image), "PNG", transparency=255),
    "alpha.png": lambda image: saved(image.convert("LA"), "PNG"),
    "deep.png": lambda image: saved(
        Image.fromarray(np.asarray(image).astype(np.uint16) * 257), "PNG"
    ),
    "deep-alpha.png": lambda image: png16(
        2,
        4,
        np.stack(
            [np.asarray(image).astype(np.uint16) * 257, np.full((8, 8), 65535, np.uint16)], -1
        ),
    ),
    "lossless.webp": lambda image: saved(image.convert("RGB"), "WEBP", lossless=True),
    "frame.gif": lambda image: saved(image, "GIF"),
    "bitmap.bmp": lambda image: saved(image, "BMP"),
    "page.tif": lambda image: saved(image, "TIFF"),
    "deep.tiff": lambda image: saved(
        Image.fromarray(np.asarray(image).astype(np.uint16) * 257), "TIFF"
    ),
    "three-channels.png": lambda image: saved(image.convert("RGB"), "PNG"),
}


@pytest.mark.parametrize("form", GRAY_FORMS)
def test_gray_stays_gray_however_a_file_stores_it(tmp_path: Path, form: str) -> None:
    gray = Image.fromarray(RAMP)
    files = {f"{place}.png": saved(gray, "PNG") for place in range(COUNT)}
    data = loaded(folder_of(tmp_path, {**files, form: GRAY_FORMS[form](gray)}))
    assert data.shape == (1, 8, 8)
    every = np.concatenate([part.x.numpy() for part in (data.train, data.validation, data.test)])
    assert len(every) == COUNT + 1
    assert (every == RAMP).all()


@pytest.mark.parametrize("form", ["palette.png", "lossless.webp", "frame.gif"])
def test_a_set_in_a_form_that_has_no_gray_is_gray(tmp_path: Path, form: str) -> None:
    one = GRAY_FORMS[form](Image.fromarray(RAMP))
    assert loaded(folder_of(tmp_path, {f"{k}-{form}": one for k in range(COUNT)})).shape[0] == 1


def test_bits_of_one_are_black_and_white(tmp_path: Path) -> None:
    bits = Image.fromarray(((RAMP % 2) * 255).astype(np.uint8)).convert("1")
    data = loaded(folder_of(tmp_path, {f"{k}.png": saved(bits, "PNG") for k in range(COUNT)}))
    assert data.shape == (1, 8, 8)
    assert set(data.train.x.flatten().tolist()) == {0, 255}


def test_three_equal_channels_alone_stay_three(tmp_path: Path) -> None:
    one = GRAY_FORMS["three-channels.png"](Image.fromarray(RAMP))
    assert loaded(folder_of(tmp_path, {f"{k}.png": one for k in range(COUNT)})).shape[0] == 3


@pytest.mark.parametrize(
    "form", ["palette.png", "lossless.webp", "frame.gif", "bitmap.bmp", "three-channels.png"]
)
def test_an_image_that_happens_to_be_gray_stands_among_colour(tmp_path: Path, form: str) -> None:
    colour = saved(Image.new("RGB", (8, 8), (200, 10, 30)), "PNG")
    files = {f"{k}.png": colour for k in range(COUNT)}
    data = loaded(folder_of(tmp_path, {**files, form: GRAY_FORMS[form](Image.fromarray(RAMP))}))
    assert data.shape == (3, 8, 8)
    assert len(data.train) + len(data.validation) + len(data.test) == COUNT + 1


def test_gray_and_colour_are_mixed_only_where_gray_was_stored(tmp_path: Path) -> None:
    colour = saved(Image.new("RGB", (8, 8), (200, 10, 30)), "PNG")
    files = {f"{k}.png": colour for k in range(COUNT)}
    folder_of(tmp_path, {**files, "gray.png": saved(Image.fromarray(RAMP), "PNG")})
    with pytest.raises(DataError, match="mixes colour and gray"):
        loaded(tmp_path)
    assert loaded(tmp_path, gray=True).shape == (1, 8, 8)


@pytest.mark.parametrize(("channels", "colour_type"), [(1, 0), (2, 4), (3, 2), (4, 6)])
def test_depth_is_the_files_whatever_it_holds(
    tmp_path: Path, channels: int, colour_type: int
) -> None:
    levels = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8, 1).repeat(channels, 2)
    if channels in (2, 4):
        levels[..., -1] = 65535
    one = png16(channels, colour_type, levels)
    data = loaded(folder_of(tmp_path, {f"{k}.png": one for k in range(COUNT)}))
    assert f"{COUNT} images of 16 bits" in notes_of(data)
    read = data.train.x[0, 0].numpy().astype(int)
    assert np.abs(read - levels[..., 0] / 257).max() <= 1


def test_transparency_of_sixteen_bits_is_laid_on_white(tmp_path: Path) -> None:
    levels = (RAMP.astype(np.uint16)) * 257
    one = saved(Image.fromarray(levels), "PNG", transparency=257 * 9)
    data = loaded(folder_of(tmp_path, {f"{k}.png": one for k in range(COUNT)}))
    assert data.train.x[0, 0, 1, 1] == 255
    assert data.train.x[0, 0, 0, 7] == 7
    assert "transparency" in notes_of(data)


@pytest.mark.parametrize(
    ("form", "name"), [("GIF", "m.gif"), ("PNG", "m.png"), ("WEBP", "m.webp"), ("TIFF", "m.tif")]
)
def test_frames_that_are_dropped_are_counted(tmp_path: Path, form: str, name: str) -> None:
    frames = [Image.fromarray(RAMP + level) for level in (0, 90, 160)]
    moving = saved(frames[0], form, save_all=True, append_images=frames[1:])
    files = {f"{k}.png": saved(frames[0], "PNG") for k in range(COUNT)}
    data = loaded(folder_of(tmp_path, {**files, name: moving}))
    assert data.shape == (1, 8, 8)
    assert f"of which only the first was used: 1 ({name})" in notes_of(data)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_values_without_known_black_and_white_are_left_out_by_name(
    tmp_path: Path, dtype: type
) -> None:
    files = {f"{k}.png": saved(Image.fromarray(RAMP), "PNG") for k in range(COUNT)}
    height = saved(Image.fromarray(RAMP.astype(dtype)), "TIFF")
    data = loaded(folder_of(tmp_path, {**files, "height.tif": height}))
    assert "images of 32 bits or of fractions, left out: 1 (height.tif)" in notes_of(data)


def test_a_damaged_tiff_is_left_out(tmp_path: Path) -> None:
    files = {f"{k}.png": saved(Image.fromarray(RAMP), "PNG") for k in range(COUNT)}
    whole = saved(Image.fromarray(RAMP), "TIFF")
    cuts = {f"cut-{k}.tif": whole[:k] for k in range(1, len(whole) - 1, 9)}
    data = loaded(folder_of(tmp_path, {**files, **cuts}))
    assert f"{len(cuts)} unreadable images" in notes_of(data)


@pytest.mark.parametrize("quality", [50, 80, 100])
def test_gray_that_was_saved_with_loss_stays_gray(quality: int, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (COUNT, 12, 12), dtype=np.uint8)
    files = {
        f"{place}.{form}": saved(Image.fromarray(values).convert(mode), form, quality=quality)
        for place, values in enumerate(noise)
        for form, mode in (("webp", "LA"), ("jpeg", "L"))
    }
    assert loaded(folder_of(tmp_path / "x", files)).shape == (1, 12, 12)
    tinted = Image.merge("RGB", [Image.fromarray(RAMP + add) for add in (0, 9, 0)])
    colour = {f"{place}.webp": saved(tinted, "WEBP", lossless=True) for place in range(COUNT)}
    assert loaded(folder_of(tmp_path / "y", colour)).shape == (3, 8, 8)
