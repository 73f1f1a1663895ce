"""Bytes to text: what is told of a wrong encoding, of two, and of what is no text."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from olaria.data import DataConfig, TextData, load
from olaria.data.decoding import decode, suggest_encoding
from olaria.errors import DataError, UsageError

MIRROR = os.environ.get("OLARIA_MIRROR")
SPEECH = "Não há estrelas no céu; são ilusões, e a solidão é a única ação."


def text_of(path: Path, **settings: object) -> TextData:
    data = load(str(path), DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, TextData)
    return data


def refused(content: bytes, encoding: str = "utf-8") -> str:
    with pytest.raises(DataError) as caught:
        decode(content, encoding, "a.txt")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), 7).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [(png(), "a PNG image"), (b"%PDF-1.7 of words", "a PDF document"), (b"PK\x03\x04", "a zip")],
)
def test_known_files_that_are_no_text(content: bytes, kind: str, encoding: str) -> None:
    assert f"a.txt is not a text but {kind}" in refused(content, encoding)


def test_gzip_and_unknown_binary() -> None:
    assert "a gzip archive" in refused(gzip.compress(b"text"))
    noise = bytes(range(256)) * 20
    assert "not a text but a binary file, not utf-8 from byte 128 on" in refused(noise)


def test_half_cp1252_half_utf8() -> None:
    both = SPEECH.encode("cp1252") + b"\n" + SPEECH.encode("utf-8")
    num_wrong = sum(character > "\x7f" for character in SPEECH)
    assert refused(both) == (
        f"a.txt mixes encodings: it is UTF-8 but for {num_wrong} bytes, the first at byte 1; "
        "save all of it as UTF-8"
    )
    turned = SPEECH.encode("utf-8") + b"\n" + SPEECH.encode("cp1252")
    offset = len(SPEECH.encode("utf-8")) + 1 + 1
    assert f"the first at byte {offset};" in refused(turned)


def test_a_file_cut_within_a_character() -> None:
    assert "but for 1 byte, the first at byte 2" in refused("éé".encode()[:3])


@given(st.text("áéíóúâêôãõàçÁÉÇ abc.", min_size=1, max_size=80).filter(lambda s: not s.isascii()))
def test_cp1252_portuguese_is_told_as_such(text: str) -> None:
    content = text.encode("cp1252")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        said = refused(content)
        assert said == f"a.txt is not utf-8 at byte {error.start}; try encoding=cp1252"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_its_mark(encoding: str) -> None:
    # With accents it is not even UTF-8; without, it is, with NULs.
    for text in (SPEECH, "Nao ha estrelas"):
        assert f"encoding={encoding}" in refused(text.encode(encoding))
    assert decode(SPEECH.encode(encoding), encoding, "a.txt") == SPEECH


def test_an_encoding_that_fits_utf8_badly_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SPEECH.replace("à", ""), "utf-8")
    data = text_of(tmp_path / "a.txt", encoding="latin-1")
    assert [note.text() for note in data.notes] == [
        "a.txt is sound UTF-8; read as latin-1, its accents may be wrong"
    ]
    assert text_of(tmp_path / "a.txt").notes == ()
    (tmp_path / "a.txt").write_text("plain", "ascii")
    assert text_of(tmp_path / "a.txt", encoding="latin-1").notes == ()


def test_suggestion_is_another_than_the_one_tried() -> None:
    assert suggest_encoding("ação".encode("cp1252"), "cp1252") == "latin-1"
    assert suggest_encoding("ação".encode(), "cp1252") == "utf-8"


def test_a_film_script_in_a_zip(tmp_path: Path) -> None:
    cues = "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Não, não é isso.</i>\r\n\r\n"
    cues += "2\r\n00:00:03,000 --> 00:00:04,000\r\n- Então o que é?\r\n"
    packed = tmp_path / "filme.zip"
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("Filme (1999)/filme.pt-BR.srt", cues.encode("cp1252"))
        made.writestr("Filme (1999)/leia.nfo", b"by hand")
    with pytest.raises(DataError) as caught:
        text_of(packed)
    assert "Filme (1999)/filme.pt-BR.srt is not utf-8 at byte" in str(caught.value)
    assert str(caught.value).endswith("try encoding=cp1252")
    data = text_of(packed, encoding="cp1252")
    assert data.text == "Não, não é isso.\n- Então o que é?\n"
    assert [note.text() for note in data.notes] == [
        "1 file of another kind was left out: Filme (1999)/leia.nfo",
        "subtitle files: 1, with 2 cues; what is said is kept, numbers, times and marks "
        "(70 % of the characters) are left out",
    ]


@pytest.mark.skipif(MIRROR is None, reason="OLARIA_MIRROR is not set")
def test_a_novel_in_cp1252(tmp_path: Path) -> None:
    folder = Path(str(MIRROR), "texts")
    if not folder.is_dir():
        pytest.skip("the mirror has no texts")
    file = folder / "bras-cubas.cp1252.txt"
    with pytest.raises(DataError, match=r"not utf-8 at byte 3; try encoding=cp1252"):
        text_of(file)
    assert text_of(file, encoding="cp1252").text == text_of(folder / "bras-cubas.txt").text
    halves = file.read_bytes()[:50_000] + (folder / "bras-cubas.txt").read_bytes()[50_000:]
    (tmp_path / "mixed.txt").write_bytes(halves)
    with pytest.raises(DataError, match=r"mixed\.txt mixes encodings.*the first at byte 3;"):
        text_of(tmp_path / "mixed.txt")


@pytest.mark.parametrize("encoding", ["utf-9", "hex"])
def test_no_such_encoding_comes_before_any_other_complaint(encoding: str) -> None:
    with pytest.raises(UsageError, match="no text encoding"):
        decode(b"\xff", encoding, "a.txt")
