"""Reading what may be damaged or hostile: IDX, gzip, zip and tar."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from olaria.data.archives import gunzip, tar_members, zip_members
from olaria.data.formats import read_idx
from olaria.data.shakespeare import POEMS, TEXTS_FOLDER, is_play, join_plays
from olaria.errors import IntegrityError


def idx(sizes: tuple[int, ...], values: bytes, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + values


def test_idx_is_read_in_row_major_order() -> None:
    array = read_idx(idx((2, 2, 3), bytes(range(12))), 3, "x")
    assert np.array_equal(array, np.arange(12, dtype=np.uint8).reshape(2, 2, 3))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        idx((2,), b"ab", kind=9),
        idx((1, 2), b"ab"),
        b"\x01" + idx((2,), b"ab")[1:],
        idx((2,), b"a"),
        idx((2,), b"abc"),
        idx((0xFFFFFFFF,), b""),
        idx((0,), b""),
    ],
)
def test_e6_idx_zoo(content: bytes) -> None:
    with pytest.raises(IntegrityError):
        read_idx(content, 1, "labels")


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_e6_cut_gzip(cut: int) -> None:
    packed = gzip.compress(b"some content that does not repeat 0123456789")
    with pytest.raises(IntegrityError):
        gunzip(packed[: len(packed) - 1 - cut], 1000, "x")


def test_e5_gzip_of_several_members_and_limit() -> None:
    packed = gzip.compress(b"one") + gzip.compress(b"two")
    assert gunzip(packed, 6, "x") == b"onetwo"
    with pytest.raises(IntegrityError, match="more than the expected 5 bytes"):
        gunzip(packed, 5, "x")


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for info, content in members:
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def test_e4_tar_gives_only_what_is_wanted() -> None:
    packed = tar_of((tarfile.TarInfo("../evil"), b"x"), (tarfile.TarInfo("a/b"), b"yes"))
    assert tar_members(packed, lambda name: name == "a/b", 10) == {"a/b": b"yes"}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_e4_tar_refuses_links_and_devices(kind: bytes) -> None:
    info = tarfile.TarInfo("a")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(IntegrityError):
        tar_members(tar_of((info, b"")), lambda name: True, 10)


def test_e5_tar_refuses_too_much_and_damage() -> None:
    packed = tar_of((tarfile.TarInfo("a"), b"12345"), (tarfile.TarInfo("b"), b"67890"))
    assert len(tar_members(packed, lambda name: True, 10)) == 2
    with pytest.raises(IntegrityError):
        tar_members(packed, lambda name: True, 9)
    with pytest.raises(IntegrityError):
        tar_members(packed[:-20], lambda name: True, 10)


def test_e4_zip_refuses_links_absence_and_size() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("good", b"12345")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    content = packed.getvalue()
    assert zip_members(content, ["good"], 5) == {"good": b"12345"}
    for name, limit in (("link", 100), ("absent", 100), ("good", 4)):
        with pytest.raises(IntegrityError):
            zip_members(content, [name], limit)


def test_plays_are_joined_by_a_blank_line_in_order_of_name() -> None:
    assert join_plays({"b": b"B\r\nb", "a": b"A\ra"}) == b"A\na\n\nB\nb"


def test_poems_and_folio_spellings_are_not_plays() -> None:
    assert not any(
        is_play(TEXTS_FOLDER + name) for name in (*POEMS, "hamlet_gut_f.txt", "metadata.txt")
    )
    assert not is_play("elsewhere/hamlet_gut.txt")
