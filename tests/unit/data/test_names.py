"""Names of the user's files and folders: composed, sound, each its own, wherever they come from."""

from __future__ import annotations

import io
import os
import struct
import sys
import unicodedata
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import pytest
import torch
from PIL import Image

from olaria.data import DataConfig, ImageData, TextData, load
from olaria.data.entries import Entry, find_entries, inside_zips
from olaria.errors import DataError

posix = pytest.mark.skipif(
    os.name == "nt" or sys.platform == "darwin", reason="names there are Unicode"
)


def images_of(path: Path) -> ImageData:
    data = load(str(path), DataConfig(name=str(path)))
    assert isinstance(data, ImageData)
    return data


def png(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (6, 6), level).save(stream, "PNG")
    return stream.getvalue()


def zip_of(path: Path, names: list[bytes], *, system: int = 3, flags: int = 0) -> Path:
    """A zip whose names are these very bytes, without the flag that calls them UTF-8."""
    stand_ins = {b"%04d" % i + b"n" * (len(name) - 4): name for i, name in enumerate(names)}
    with zipfile.ZipFile(path, "w") as made:
        for place, stand_in in enumerate(stand_ins):
            info = zipfile.ZipInfo(stand_in.decode())
            info.create_system = system
            made.writestr(info, png(place))
    content = path.read_bytes()
    for stand_in, name in stand_ins.items():
        content = content.replace(stand_in, name)
    if flags:
        for start in (i for i in range(len(content)) if content[i : i + 4] == b"PK\x01\x02"):
            old = struct.unpack_from("<H", content, start + 8)[0]
            content = content[: start + 8] + struct.pack("<H", old | flags) + content[start + 10 :]
    path.write_bytes(content)
    return path


def names_of(entries: list[Entry]) -> list[str]:
    return [entry.name for entry in entries]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_zip_without_the_flag_has_utf8_names_where_they_are_sound(
    form: Literal["NFC", "NFD"], tmp_path: Path
) -> None:
    name = unicodedata.normalize(form, "coração/maçã.png").encode()
    packed = zip_of(tmp_path / "x.zip", [name])
    assert names_of(find_entries(packed)) == ["coração/maçã.png"]


def test_a_zip_of_dos_keeps_its_names(tmp_path: Path) -> None:
    packed = zip_of(
        tmp_path / "x.zip", ["fotos/ação.png".encode("cp437", "replace"), b"abc/\x87.png"]
    )
    assert "abc/ç.png" in names_of(find_entries(packed))


def test_a_class_composed_and_decomposed_is_one(tmp_path: Path) -> None:
    made = [
        unicodedata.normalize(form, f"maçã/{i}.png").encode()
        for form in ("NFC", "NFD")
        for i in range(5)
    ]
    packed = zip_of(tmp_path / "x.zip", [*made, *(b"pera/%d.png" % i for i in range(5))])
    data = images_of(packed)
    assert data.class_names == ("maçã", "pera")
    assert sum(map(len, (data.train, data.validation, data.test))) == 15


@posix
def test_the_same_in_a_folder(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        for name in ("maçã", "pera"):
            place = tmp_path / unicodedata.normalize(form, name)
            place.mkdir(exist_ok=True)
            for i in range(5):
                (place / unicodedata.normalize(form, f"é{i}.png")).write_bytes(png(i))
    data = images_of(tmp_path)
    assert data.class_names == ("maçã", "pera")
    assert sum(map(len, (data.train, data.validation, data.test))) == 20


@posix
def test_names_that_are_no_utf8_are_escaped(tmp_path: Path) -> None:
    for name in (b"ma\xe7\xe3", b"p\xe3o", b"p\xe2o"):
        place = os.path.join(os.fsencode(tmp_path), name)
        os.mkdir(place)
        for i in range(5):
            with open(os.path.join(place, b"n\xba%d.png" % i), "wb") as file:
                file.write(png(i))
    with open(os.path.join(os.fsencode(tmp_path), b"p\xe3o", b"cort\xe9.png"), "wb") as file:
        file.write(b"cut")
    data = images_of(tmp_path)
    assert data.class_names == (r"ma\xe7\xe3", r"p\xe2o", r"p\xe3o")
    assert "1 unreadable image was left out: p\\xe3o/cort\\xe9.png" in [
        note.text() for note in data.notes
    ]
    repr(data.notes).encode()


def test_two_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        for i in range(6):
            with pytest.warns(UserWarning) if i % 3 else nullcontext():
                made.writestr(f"{i // 3}.png", png(i))
    assert names_of(find_entries(tmp_path / "x.zip")) == [
        f"{i}{again}.png" for i in range(2) for again in ("", " (2)", " (3)")
    ]
    assert sum(len(p) for p in _parts(images_of(tmp_path / "x.zip"))) == 6


def _parts(data: ImageData) -> list[torch.Tensor]:
    return [data.train.x, data.validation.x, data.test.x]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("../evil.png", "outside"),
        ("/abs.png", "outside"),
        ("a/../../b.png", "outside"),
        ("C:/x.png", "outside"),
        ("a\\b.png", "backslash"),
    ],
)
def test_e4_a_name_that_leads_elsewhere_has_its_word(name: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=word):
        find_entries(zip_of(tmp_path / "x.zip", [b"good.png", name.encode()]))


def test_a_zip_that_windows_made_may_have_backslashes(tmp_path: Path) -> None:
    names = [b"fotos\\rei\\%d.png" % i for i in range(5)]
    packed = zip_of(tmp_path / "x.zip", names, system=0)
    assert names_of(find_entries(packed)) == [f"fotos/rei/{i}.png" for i in range(5)]


@pytest.mark.parametrize("name", [b"a\\..\\..\\b.png", b"C:\\b.png", b"\\\\server\\b.png"])
def test_but_not_to_leave_it(name: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="outside"):
        find_entries(zip_of(tmp_path / "x.zip", [b"a\\good.png", name], system=0))


def test_a_password_has_its_word(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0000\.png in .* is protected by a password"):
        find_entries(zip_of(tmp_path / "x.zip", [b"0000.png"], flags=1))


def test_a_link_has_its_word(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        info = zipfile.ZipInfo("a.png")
        info.create_system = 3
        info.external_attr = 0o120777 << 16
        made.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match=r"a\.png in .* is a link"):
        find_entries(tmp_path / "x.zip")


# -- a zip in a zip or in a folder ------------------------------------------------------------------


def packed_images(names: list[str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for place, name in enumerate(names):
            made.writestr(name, png(place))
    return stream.getvalue()


@pytest.mark.parametrize("outer", ["folder", "zip"])
def test_images_one_zip_deeper(outer: str, tmp_path: Path) -> None:
    inner = {
        "train.zip": packed_images([f"{name}/{i}.png" for name in "ab" for i in range(5)]),
        "test.zip": packed_images([f"test/{name}/{i}.png" for name in "ab" for i in range(7)]),
    }
    path = tmp_path / ("x.zip" if outer == "zip" else "x")
    if outer == "zip":
        with zipfile.ZipFile(path, "w") as made:
            for name, content in inner.items():
                made.writestr(f"dados/{name}", content)
            made.writestr("LEIAME.txt", "sobre os dados")
    else:
        path.mkdir()
        for name, content in inner.items():
            (path / name).write_bytes(content)
    data = load(str(path), wanted="images")
    assert isinstance(data, ImageData)
    assert data.class_names == ("a", "b")
    assert (len(data.train), len(data.validation), len(data.test)) == (9, 1, 14)


def test_a_text_one_zip_deeper(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "livro.zip", "w") as made:
        made.writestr("livro.txt", "gira a roda, gira o barro\n" * 20)
    (tmp_path / "capa.png").write_bytes(png(3))
    data = load(str(tmp_path), wanted="text")
    assert isinstance(data, TextData) and data.text.startswith("gira a roda")


def test_a_zip_beside_images_stays_closed(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(png(i))
    (tmp_path / "copia.zip").write_bytes(packed_images(["9.png"]))
    data = images_of(tmp_path)
    assert sum(len(p) for p in _parts(data)) == 5
    assert "1 file of another kind was left out: copia.zip" in [n.text() for n in data.notes]


def test_a_zip_inside_is_as_bounded_as_one_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.zip").write_bytes(packed_images([f"{i}.png" for i in range(9)]))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros.png", bytes(100_000))
    entries = find_entries(tmp_path)
    assert len(inside_zips(tmp_path, entries)) == 10
    monkeypatch.setattr("olaria.data.entries.MAX_BYTES", 50_000)
    with pytest.raises(DataError, match="more than the 50000 that are read"):
        inside_zips(tmp_path, entries)


@pytest.mark.parametrize(
    ("content", "word"), [(b"PK no zip", "not a whole zip"), (None, "outside")]
)
def test_a_bad_zip_inside_is_named(content: bytes | None, word: str, tmp_path: Path) -> None:
    inner = zip_of(tmp_path / "x", [b"../a.png"]).read_bytes() if content is None else content
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as made:
        made.writestr("inner.zip", inner)
    with pytest.raises(DataError, match=f"inner.zip.*{word}"):
        load(str(tmp_path / "outer.zip"), wanted="images")


@pytest.mark.parametrize("name", ["limão", "Corações", "maçã", "õ", "Größe", "niño", "Âncora"])
@pytest.mark.parametrize("page", ["cp437", "cp850"])
def test_a_zip_of_windows_has_the_names_of_its_code_page(
    name: str, page: str, tmp_path: Path
) -> None:
    try:
        content = f"fotos/{name}.png".encode(page)
    except UnicodeError:
        pytest.skip("not in this code page")
    packed = zip_of(tmp_path / "x.zip", [content], system=0)
    assert names_of(find_entries(packed)) == [f"fotos/{name}.png"]


@posix
def test_links_to_folders_are_named(tmp_path: Path) -> None:
    away = tmp_path / "away.png"  # a folder, whatever it is called
    folder = tmp_path / "data"
    for place in (away, folder / "cats"):
        place.mkdir(parents=True)
        for level in range(6):
            (place / f"{level}.png").write_bytes(png(level))
    (folder / "dogs.png").symlink_to(away)
    assert [note.text() for note in images_of(folder).notes] == [
        "1 link to a folder was left out, as links are not followed: dogs.png/; put the folder there"
    ]
    only = tmp_path / "only"
    only.mkdir()
    (only / "dogs").symlink_to(away)
    for wanted in ("images", "text", None):
        with pytest.raises(
            DataError, match="dogs/ is a link to a folder, and links are not followed"
        ):
            load(str(only), DataConfig(name=str(only)), wanted=wanted)
