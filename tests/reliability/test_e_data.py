"""Group E of docs/reliability.md, as far as it is not with the readers in tests/unit/data."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image

from olaria.data import DataConfig, ImageData, load
from olaria.errors import DataError

posix = pytest.mark.skipif(os.name == "nt", reason="links are POSIX's")


def images_of(path: Path, **settings: object) -> ImageData:
    data = load(str(path), DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, ImageData)
    return data


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(level: int, size: tuple[int, int] = (6, 6), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, level if mode == "L" else (level,) * len(mode))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five sound colour images."""
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(encoded(plain(40 * number)))
    return tmp_path


def large_png(width: int, height: int) -> bytes:
    """A PNG of one colour, small as a file."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\0" * (1 + width // 8)
    packer = zlib.compressobj(9)
    content = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


# -- E3, E5, E6 -----------------------------------------------------------------------------------


def test_e5_an_image_of_too_many_pixels_is_not_decoded(folder: Path) -> None:
    bomb = large_png(50_000, 50_000)
    assert len(bomb) < 1_000_000
    (folder / "bomb.png").write_bytes(bomb)
    data = images_of(folder)
    assert [note.text("en") for note in data.notes] == ["1 unreadable image was left out: bomb.png"]


def test_e5_a_zip_of_ten_gigabytes_is_refused_by_its_list(tmp_path: Path) -> None:
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("0.png", bytes(5 << 24))
    content = bytearray(packed.read_bytes())
    size = struct.pack("<I", 5 << 24)
    place = content.rindex(size)
    content[place : place + 4] = struct.pack("<I", 0xFFFFFFF0)  # what it says of itself
    packed.write_bytes(content)
    with pytest.raises(DataError):
        images_of(packed)


def test_e6_idx_is_checked_with_python_o_too() -> None:
    code = (
        "from olaria.data.formats import read_idx\n"
        "from olaria.errors import IntegrityError\n"
        "for content in (b'', b'abc', b'\\0\\0\\x08\\x04' + bytes(16), b'\\0\\0\\x09\\x01\\0\\0\\0\\1x'):\n"
        "    try:\n"
        "        read_idx(content, 1, 'x')\n"
        "    except IntegrityError:\n"
        "        continue\n"
        "    raise SystemExit(3)\n"
    )
    assert subprocess.run([sys.executable, "-O", "-c", code]).returncode == 0


# -- E7: the image zoo ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("script.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
        ("page.png", b"%PDF-1.7\n1 0 obj\n"),
        ("sky.png", b"SIMPLE  =                    T" + b" " * 2850),
        ("icon.png", b"\0\0\1\0\1\0" + bytes(60)),
        ("deep.png", encoded(plain(9), "PPM")),
        ("layers.png", b"8BPS\0\1" + bytes(60)),
        ("empty.png", b""),
        ("text.png", b"not an image"),
        ("cut.jpg", encoded(plain(9, (64, 64)), "JPEG")[:300]),
        ("cut.gif", encoded(plain(9, (64, 64)).convert("P"), "GIF")[:30]),
        ("page.svg.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    ],
)
def test_e7_what_is_no_image_of_the_allowed_kinds_is_listed(
    folder: Path, name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)
    notes = [note.text("en") for note in images_of(folder).notes]
    assert notes == [f"1 unreadable image was left out: {name}"]


def test_e7_modes_are_brought_to_one(folder: Path) -> None:
    (folder / "cmyk.jpg").write_bytes(encoded(Image.new("CMYK", (6, 6), (0, 0, 0, 0)), "JPEG"))
    (folder / "palette.gif").write_bytes(encoded(plain(200).convert("P"), "GIF"))
    data = images_of(folder)
    every = torch.cat((data.train.x, data.validation.x, data.test.x))
    assert every.shape == (7, 3, 6, 6) and every.dtype == torch.uint8
    assert every.amin((1, 2, 3)).max() == 255, "no ink is white"


def test_e7_a_camera_that_was_turned_is_set_upright(tmp_path: Path) -> None:
    picture = Image.new("L", (8, 8))
    picture.paste(255, (0, 0, 8, 4))  # the upper half is white
    for number, turn in enumerate((1, 3, 1, 3)):
        upright = picture if turn == 1 else picture.rotate(180)
        exif = Image.Exif()
        exif[0x0112] = turn
        (tmp_path / f"{number}.png").write_bytes(encoded(upright, exif=exif))
    data = images_of(tmp_path)
    every = torch.cat((data.train.x, data.validation.x, data.test.x)).float()
    assert every[:, :, :4].min() == 255 and every[:, :, 4:].max() == 0


@posix
def test_e7_links_neither_loop_nor_lead_out(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "9.png").write_bytes(encoded(plain(9)))
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "away").symlink_to(outside, target_is_directory=True)
    data = images_of(folder)
    assert len(data.train) + len(data.validation) + len(data.test) == 5


# -- E8: the text zoo -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_e8_ends_of_lines_are_one(ending: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(ending.join(["mãe", "pai"] * 20).encode())
    text = load(str(tmp_path / "a.txt"))
    assert set(text.train + text.validation) == set("mãepai\n")  # type: ignore[union-attr, operator]


def test_e8_a_line_of_many_megabytes_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab" * 5_000_000)
    text = load(str(tmp_path / "a.txt"))
    assert len(text.train) + len(text.validation) == 10_000_000  # type: ignore[arg-type]


def test_e3_a_download_that_is_cut_leaves_nothing(tmp_path: Path) -> None:
    packed = gzip.compress(bytes(1000))
    (tmp_path / "a.txt.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError):
        load(str(tmp_path / "a.txt.gz"))
