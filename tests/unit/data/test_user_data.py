"""The user's own images and texts, sound and otherwise."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from olaria.data import DataConfig, ImageData, TextData, load
from olaria.errors import DataError, StorageError, UsageError


def images_of(path: Path, **settings: object) -> ImageData:
    data = load(str(path), DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, ImageData)
    return data


def text_of(path: Path, **settings: object) -> TextData:
    data = load(str(path), DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, TextData)
    return data


def png(value: int = 0, size: tuple[int, int] = (6, 6), mode: str = "L") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, value).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten images in each of two classes, gray level = 100 · class + number."""
    root = tmp_path / "pots"
    for label, name in enumerate(("bowl", "vase")):
        (root / name).mkdir(parents=True)
        for i in range(10):
            (root / name / f"{i}.png").write_bytes(png(100 * label + i))
    return root


def test_class_folders_become_labels(folder: Path) -> None:
    data = images_of(folder)
    assert (data.class_names, data.shape, data.source) == (("bowl", "vase"), (1, 6, 6), "user file")
    assert [len(p) for p in (data.train, data.validation, data.test)] == [17, 1, 2]
    levels = torch.cat([p.x[:, 0, 0, 0] for p in (data.train, data.validation, data.test)])
    labels = torch.cat([p.y for p in (data.train, data.validation, data.test) if p.y is not None])
    assert torch.equal(levels // 100, labels)
    assert sorted(levels.tolist()) == [*range(10), *range(100, 110)]


def test_the_same_in_a_zip_wrapped_in_a_folder(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "pots.zip"
    with zipfile.ZipFile(packed, "w") as made:
        for file in sorted(folder.rglob("*.png")):
            made.write(file, "wrapped/" + file.relative_to(folder).as_posix())
        made.writestr("__MACOSX/._x.png", b"not an image")
    assert images_of(packed).sha256 == images_of(folder).sha256


def test_train_and_test_folders_are_kept(tmp_path: Path) -> None:
    for part, count in (("train", 20), ("test", 5)):
        (tmp_path / part / "a").mkdir(parents=True)
        for i in range(count):
            (tmp_path / part / "a" / f"{i}.png").write_bytes(png(100 if part == "test" else i))
    data = images_of(tmp_path)
    assert data.class_names == ("a",)
    assert data.test.x.unique().tolist() == [100]
    assert (len(data.train), len(data.validation), len(data.test)) == (18, 2, 5)


def test_no_class_folders_no_labels(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(png(i))
    data = images_of(tmp_path)
    assert data.train.y is None
    assert data.num_classes == 0


def test_mixed_sizes_are_an_error_that_resize_mends(folder: Path) -> None:
    (folder / "bowl" / "wide.png").write_bytes(png(7, (12, 6)))
    with pytest.raises(DataError, match="resize=N"):
        images_of(folder)
    assert images_of(folder, resize=8).shape == (1, 8, 8)


def test_mixed_channels_are_an_error_that_gray_mends(folder: Path) -> None:
    (folder / "bowl" / "colour.png").write_bytes(png(7, mode="RGB"))
    with pytest.raises(DataError, match="use gray"):
        images_of(folder)
    assert images_of(folder, gray=True).shape == (1, 6, 6)


def test_e7_unreadable_images_are_counted(folder: Path) -> None:
    (folder / "bowl" / "cut.png").write_bytes(png()[:40])
    (folder / "bowl" / "page.png").write_bytes(b"%PDF-1.4 not an image")
    (folder / "notes.txt").write_text("by hand")
    notes = [note.text() for note in images_of(folder).notes]
    assert notes[:2] == [
        "1 text file was left out; a language model reads it: notes.txt",
        "2 unreadable images were left out: bowl/cut.png, bowl/page.png",
    ]


def test_a_class_of_one_image_is_told_where_it_is_missing(folder: Path) -> None:
    (folder / "urn").mkdir()
    (folder / "urn" / "0.png").write_bytes(png(200))
    data = images_of(folder)
    labels = [part.y for part in (data.train, data.test)]
    missing = [
        f"no {name} image is of class urn, which {what}"
        for name, y, what in zip(
            ("training", "test"), labels, ("no model will learn", "no metric will see"), strict=True
        )
        if y is not None and not bool((y == 1).any())
    ]
    assert missing and [note.text() for note in data.notes] == missing


def test_e7_transparency_is_laid_on_white_and_16_bits_scaled(tmp_path: Path) -> None:
    for i in range(4):
        Image.new("LA", (4, 4), (0, 0)).save(tmp_path / f"{i}.png")
    Image.new("I;16", (4, 4), 65535).save(tmp_path / "deep.png")
    data = images_of(tmp_path)
    assert data.train.x.unique().tolist() == [255]
    assert [next(iter(note.fields.values())) for note in data.notes][:2] == [4, 1]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really"])
def test_damaged_zip(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match="not a whole zip"):
        images_of(tmp_path / "x.zip")


def test_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "weights.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(
        DataError, match=r"nothing to learn from.* \.npy \.npz; .*folders and \.zip"
    ):
        load(str(tmp_path))


def test_e8_text_normalised_and_split(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    decomposed = unicodedata.normalize("NFD", "ação\r\nmãe\r" * 5)
    file.write_bytes(b"\xef\xbb\xbf" + decomposed.encode("utf-8"))
    data = text_of(file)
    assert data.text == "ação\nmãe\n" * 5
    assert len(data.train) == int(0.9 * 45)
    assert data.source == "user file"


def test_e8_a_wrong_encoding_names_the_byte_and_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("uma ação".encode("cp1252"))
    with pytest.raises(DataError, match=r"a\.txt is not utf-8 at byte 5; try encoding=cp1252"):
        text_of(file)
    assert text_of(file, encoding="cp1252").text == "uma ação"


def test_e8_utf16_with_and_without_mark(tmp_path: Path) -> None:
    marked, bare = tmp_path / "a.txt", tmp_path / "b.txt"
    marked.write_bytes("ação".encode("utf-16"))
    bare.write_bytes("acao".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"encoding=utf-16$"):
        text_of(marked)
    assert text_of(marked, encoding="utf-16").text == "ação"
    with pytest.raises(DataError, match=r"NUL at character 1.*encoding=utf-16-le"):
        text_of(bare)


@pytest.mark.parametrize("encoding", ["utf-9", "hex", "rot13"])
def test_no_such_text_encoding(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(UsageError, match="no text encoding"):
        text_of(tmp_path / "a.txt", encoding=encoding)


@pytest.mark.parametrize("content", ["", "a", " \n ", "\ufeffa"])
def test_e8_too_little_text(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(content, "utf-8")
    with pytest.raises(DataError, match="no text to learn from"):
        text_of(tmp_path / "a.txt")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_column(delimiter: str, tmp_path: Path) -> None:
    rows = [["id", "fala"], ["1", '"um, dois; três"'], ["2", '"linha\ndupla"']]
    (tmp_path / "a.csv").write_text("\n".join(delimiter.join(row) for row in rows), "utf-8")
    assert text_of(tmp_path / "a.csv", column="fala").text == "um, dois; três\nlinha\ndupla\n"
    with pytest.raises(
        UsageError, match="text in fala and numbers elsewhere; choose one with column"
    ):
        text_of(tmp_path / "a.csv")
    with pytest.raises(UsageError, match="no column x"):
        text_of(tmp_path / "a.csv", column="x")


def test_ragged_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(DataError, match="row 3"):
        text_of(tmp_path / "a.csv", column="a")


def test_jsonl_column(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"n": 1, "text": "um"}\n\n{"n": 2, "text": "dois"}\n')
    assert text_of(file) == text_of(file, column="text")
    assert (text_of(file).train, text_of(file).validation) == ("dois\n", "um\n")
    with pytest.raises(UsageError, match="no column x"):
        text_of(file, column="x")
    file.write_text('{"text": "um"}\n{"text": 3}\n')
    with pytest.raises(DataError, match="text is a number on line 2"):
        text_of(file)
    file.write_text('{"text": "um"}\n[1]\n')
    with pytest.raises(DataError, match=r"line 2 of a\.jsonl is not a JSON object"):
        text_of(file)


def test_subtitles_keep_only_what_is_said(tmp_path: Path) -> None:
    cues = "1\n00:00:01,000 --> 00:00:02,000\n<i>Olá!</i>\n\n2\n00:00:03,000 --> 00:00:04,500\n1984\nfoi\n"
    (tmp_path / "a.srt").write_text(cues, "utf-8")
    assert text_of(tmp_path / "a.srt").text == "Olá!\n1984\nfoi\n"


def test_a_folder_of_texts_in_order_of_name(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("third")
    (tmp_path / "b.md").write_text("the second")
    (tmp_path / "a.txt").write_text("the first\n")
    (tmp_path / ".hidden.txt").write_text("no")
    data = text_of(tmp_path)
    assert (data.train, data.validation) == ("the first\n\nthe second\n\n", "third\n")


@pytest.mark.parametrize(("num_images", "num_texts"), [(12, 3), (4, 40), (5, 5)])
def test_what_learns_decides_which_of_two_kinds_is_read(
    tmp_path: Path, num_images: int, num_texts: int
) -> None:
    for place in range(num_images):
        Image.new("L", (4, 4), place).save(tmp_path / f"{place}.png")
    for place in range(num_texts):
        (tmp_path / f"{place}.txt").write_text(f"texto {place} ao lado da imagem\n", "utf-8")

    as_images = load(tmp_path, wanted="images")
    as_text = load(tmp_path, wanted="text")

    assert isinstance(as_images, ImageData)
    assert isinstance(as_text, TextData)
    assert as_text.num_documents == num_texts
    assert any(note.fields.get("count") == num_texts for note in as_images.notes)
    assert any(note.fields.get("count") == num_images for note in as_text.notes)


@pytest.mark.parametrize(
    "name",
    ["a.txt", "a.csv", "a.jsonl", "a.srt", "a.docx", "a.pdf", "a.png", "a.npy", "a.npz", "a.zip"],
)
@pytest.mark.parametrize("way", ["alone", "folder", "zip"])
def test_files_that_git_lfs_has_not_fetched(name: str, way: str, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n"
    path = tmp_path / "given" / name
    path.parent.mkdir()
    path.write_text(pointer, "utf-8")
    if way == "folder":
        path = path.parent
    if way == "zip":
        path = tmp_path / "given.zip"
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr(f"repository-main/{name}", pointer)
    with pytest.raises(StorageError, match=r"was not fetched, .* run git lfs pull"):
        load(path)
