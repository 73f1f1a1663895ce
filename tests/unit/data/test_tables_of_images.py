"""Images that come as numbers (tables of pixels, arrays by name, IDX files), and classes that come as a table."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from olaria.data import DataConfig, ImageData, PointData, TextData, load
from olaria.data.base import OtherKindError
from olaria.data.images import load_pictures
from olaria.errors import DataError, UsageError

Array = np.ndarray[Any, Any]
N, SIDE = 40, 8


def opened(path: Path, **options: object) -> ImageData:
    data = load(str(path), DataConfig.parse({"name": str(path), **options}), wanted="images")
    assert isinstance(data, ImageData)
    return data


def notes_of(data: ImageData) -> list[str]:
    return [note.text() for note in data.notes]


def saved(path: Path, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def pixels(seed: int = 0, count: int = N) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE), np.uint8)


def labels(count: int = N) -> Array:
    return (np.arange(count) % 4).astype(np.uint8)


def rows_of(data: ImageData) -> dict[bytes, int | None]:
    """The class, by its name, of each image by its pixels."""
    found: dict[bytes, int | None] = {}
    for part in (data.train, data.validation, data.test):
        own = part.y.tolist() if part.y is not None else [None] * len(part)
        for row, label in zip(part.x.numpy(), own, strict=True):
            found[row.tobytes()] = None if label is None else int(data.class_names[label])
    return found


def check(data: ImageData, x: Array, y: Array | None) -> None:
    own = [None] * len(x) if y is None else y.tolist()
    assert rows_of(data) == dict(zip((row.tobytes() for row in x), own, strict=True))


# -- tables of pixels -------------------------------------------------------------------------------


def table(
    x: Array,
    y: Array | None,
    *,
    heading: bool = True,
    last: bool = False,
    index: bool = False,
    delimiter: str = ",",
    ending: str = "\n",
    name: str = "label",
) -> str:
    rows = [[str(value) for value in row.ravel()] for row in x]
    head = [f"pixel{i}" for i in range(x[0].size)]
    if y is not None:
        for row, label in zip([head, *rows], [name, *y.tolist()], strict=True):
            row.insert(len(row) if last else 0, str(label))
    if index:
        for place, row in enumerate([head, *rows]):
            row.insert(0, str(place - 1) if place else "")
    lines = [delimiter.join(row) for row in ([head, *rows] if heading else rows)]
    return ending.join(lines) + ending


TABLES: dict[str, tuple[bool, dict[str, Any]]] = {
    "kaggle": (True, {}),
    "no classes": (False, {}),
    "no heading": (True, {"heading": False}),
    "no heading, no classes": (False, {"heading": False}),
    "classes last": (True, {"last": True, "name": "class"}),
    "no heading, classes last": (True, {"last": True, "heading": False}),
    "pandas": (True, {"index": True}),
    "spreadsheet": (True, {"delimiter": ";", "ending": "\r\n"}),
    "tabs": (False, {"delimiter": "\t"}),
    "another name": (True, {"name": "?"}),
    "in portuguese": (True, {"name": "Rótulo"}),
}


@pytest.mark.parametrize("way", TABLES)
def test_rows_of_pixels_are_images(way: str, tmp_path: Path) -> None:
    classed, options = TABLES[way]
    x, y = pixels(), labels() if classed else None
    if options.get("last"):
        x[:, 0, 0] = 0  # a corner, as of MNIST
    (tmp_path / "digits.csv").write_text(table(x, y, **options), "utf-8")
    data = opened(tmp_path / "digits.csv")
    assert data.shape == (1, SIDE, SIDE) and len(data.test) == N // 10
    check(data, x, y)
    assert load(str(tmp_path / "digits.csv")).sha256 == data.sha256
    assert any("the classes are in" in note for note in notes_of(data)) == classed


def test_the_two_tables_of_a_competition_are_its_parts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "digit-recognizer.zip", "w") as made:
        made.writestr("train.csv", table(pixels(), labels()))
        made.writestr("test.csv", table(pixels(1), None))
        made.writestr("sample_submission.csv", "ImageId,Label\n1,0\n2,0\n")
    data = opened(tmp_path / "digit-recognizer.zip")
    check(data, pixels(), labels())
    found = notes_of(data)
    assert "1 file of images without classes was left out: test.csv" in found
    assert any("sample_submission.csv" in note for note in found)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mnist_train.csv").write_text(table(pixels(), labels()))
    (tmp_path / "d" / "mnist_test.csv").write_text(table(pixels(1, 9), labels(9)))
    data = opened(tmp_path / "d")
    assert {row.tobytes() for row in data.test.x.numpy()} == {r.tobytes() for r in pixels(1, 9)}
    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 9)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (lambda x: x // 16, lambda x: np.rint(x // 16 * np.float32(255 / 15))),
        (lambda x: (x > 127).astype(int), lambda x: (x > 127) * 255),
        (lambda x: (x / 255).round(4), lambda x: x),
    ],
    ids=["levels", "bits", "fractions"],
)
def test_few_levels_and_fractions_are_spread(
    values: Callable[[Array], Array], expected: Callable[[Array], Array], tmp_path: Path
) -> None:
    x = pixels()
    x[0, 0, :2] = 0, 255
    (tmp_path / "x.csv").write_text(table(values(x), labels()))
    data = opened(tmp_path / "x.csv")
    check(data, expected(x).astype(np.uint8), labels())
    is_said = any("spread over the levels 0 to 255" in note for note in notes_of(data))
    assert is_said == (values(x).dtype.kind == "i" or values(x).dtype == np.uint8)


def test_classes_of_a_table_may_be_words(tmp_path: Path) -> None:
    words = np.array(["rei", "bispo", "torre", "peão"])[labels()]
    (tmp_path / "x.csv").write_text(table(pixels(), words), "utf-8")
    data = opened(tmp_path / "x.csv")
    assert data.class_names == ("bispo", "peão", "rei", "torre")
    assert data.train.y is not None
    by_pixels = {row.tobytes(): word for row, word in zip(pixels(), words.tolist(), strict=True)}
    for row, label in zip(data.train.x.numpy(), data.train.y.tolist(), strict=True):
        assert data.class_names[label] == by_pixels[row.tobytes()]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [*rows[:30], rows[30].rpartition(",")[0], *rows[31:]], "row 31 of x.csv"),
        (
            lambda rows: [*rows[:30], rows[30] + "?", *rows[31:]],
            "row 31 of x.csv is not 64 numbers",
        ),
        (lambda rows: [*rows[:30], rows[30] + "9", *rows[31:]], "values from 0 to"),
        (lambda rows: [*rows[:30], rows[30] + "e", *rows[31:]], "row 31 of x.csv"),
    ],
    ids=["short", "words", "too large", "exponent"],
)
def test_a_bad_row_of_pixels_is_named(
    change: Callable[[list[str]], list[str]], words: str, tmp_path: Path
) -> None:
    x = pixels()
    x[29] = 255
    lines = change(table(x, labels()).splitlines())
    (tmp_path / "x.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=words):
        opened(tmp_path / "x.csv")


WANTED: tuple[Any, ...] = (None, "text")
IRIS = "sepal,petal,width,height,species\n" + "".join(
    f"{i / 10},{i / 7:.1f},1.5,0.2,{('setosa', 'virginica')[i > 75]}\n" for i in range(150)
)


@pytest.mark.parametrize("wanted", [None, "text"])
@pytest.mark.parametrize("content", [IRIS, IRIS.replace("sepal,", ",")])
def test_a_table_of_numbers_is_called_one(wanted: Any, content: str, tmp_path: Path) -> None:
    (tmp_path / "iris.csv").write_text(content)
    with pytest.raises(DataError, match=r"iris\.csv is a table of numbers") as caught:
        load(str(tmp_path / "iris.csv"), wanted=wanted)
    assert len(str(caught.value)) < 250
    with pytest.raises(DataError, match="a table of numbers in 5 columns and not of pixels"):
        load(str(tmp_path / "iris.csv"), wanted="images")


def test_a_column_may_still_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").write_text(IRIS)
    (tmp_path / "pixels.csv").write_text(table(pixels(), labels()))
    for name, column in (("iris", "species"), ("pixels", "label")):
        options = DataConfig(name="x", column=column)
        for wanted in WANTED:
            data = load(str(tmp_path / f"{name}.csv"), options, wanted=wanted)
            assert isinstance(data, TextData)
    with pytest.raises(UsageError, match=r"column has no effect on pixels\.csv"):
        opened(tmp_path / "pixels.csv", column="label")


def test_a_table_of_two_numbers_is_points_where_nobody_wants_text(tmp_path: Path) -> None:
    lines = "".join(f"{i / 9},{i % 7}\n" for i in range(80))
    (tmp_path / "p.csv").write_text("x,y\n" + lines)
    assert isinstance(load(str(tmp_path / "p.csv")), PointData)
    (tmp_path / "t.csv").write_text("nota,fala\n1,um barro\n2,um pote\n3,uma roda\n4,um forno\n")
    with pytest.raises(UsageError, match="choose one"):
        load(str(tmp_path / "t.csv"))


# -- arrays by name ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("images_train", "target_train", "images_test", "target_test"),
    ],
)
@pytest.mark.parametrize("way", ["npz", "folder", "flat"])
def test_arrays_named_after_parts_are_parts(
    names: tuple[str, ...], way: str, tmp_path: Path
) -> None:
    arrays = (pixels(), labels()[:, None], pixels(1, 9), labels(9)[:, None])
    if way == "flat":
        arrays = (arrays[0].reshape(N, -1), labels(), arrays[2].reshape(9, -1), labels(9))
    if way == "folder":
        for name, values in zip(names, arrays, strict=True):
            np.save(tmp_path / f"{name}.npy", values)
    else:
        saved(tmp_path / "mnist.npz", dict(zip(names, arrays, strict=True)))
    data = opened(tmp_path if way == "folder" else tmp_path / "mnist.npz")
    assert {row.tobytes() for row in data.test.x.numpy()} == {row.tobytes() for row in pixels(1, 9)}
    assert data.class_names == ("0", "1", "2", "3")
    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 9)
    assert "the parts are as given: 40 images train, 0 validate, 9 test" in notes_of(data)


@pytest.mark.parametrize(
    ("names", "classed"),
    [(("X", "y"), True), (("data", "target"), True), ((None, None), True), (("imgs",), False)],
)
def test_arrays_by_other_names(
    names: tuple[str | None, ...], classed: bool, tmp_path: Path
) -> None:
    arrays = [pixels(), labels()][: len(names)]
    if names[0] is None:
        np.savez(tmp_path / "x.npz", *arrays)
    else:
        saved(tmp_path / "x.npz", dict(zip(map(str, names), arrays, strict=True)))
    check(opened(tmp_path / "x.npz"), pixels(), labels() if classed else None)


def test_arrays_in_a_file_inside_a_folder(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x=pixels(), y=labels())
    check(opened(tmp_path), pixels(), labels())


def test_parts_that_differ_in_type_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x_train=pixels(), x_test=pixels() / 255)
    with pytest.raises(DataError, match="differ in shape or type: x_test, x_train"):
        opened(tmp_path / "x.npz")


# -- IDX --------------------------------------------------------------------------------------------


def idx(values: Array, *, packed: bool = False) -> bytes:
    head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    content = head + values.astype(np.uint8).tobytes()
    return gzip.compress(content) if packed else content


IDX_NAMES = ["{}-{}-idx{}-ubyte", "{}-{}.idx{}-ubyte", "emnist-letters-{}-{}-idx{}-ubyte"]


@pytest.mark.parametrize("name", IDX_NAMES)
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("way", ["folder", "zip"])
@pytest.mark.parametrize("classed", [True, False])
def test_idx_files_are_parts(
    name: str, packed: bool, way: str, classed: bool, tmp_path: Path
) -> None:
    test = "t10k" if "emnist" not in name else "test"
    files = {
        name.format(part, kind, values.ndim): idx(values, packed=packed)
        for part, count, seed in (("train", N, 0), (test, 9, 1))
        for kind, values in (("images", pixels(seed, count)), ("labels", labels(count)))
        if classed or kind == "images"
    }
    suffix = ".gz" if packed else ""
    if way == "folder":
        for file, content in files.items():
            (tmp_path / (file + suffix)).write_bytes(content)
    else:
        with zipfile.ZipFile(tmp_path / "idx.zip", "w") as made:
            for file, content in files.items():
                made.writestr(file + suffix, content)
    data = opened(tmp_path if way == "folder" else tmp_path / "idx.zip")
    assert {row.tobytes() for row in data.test.x.numpy()} == {row.tobytes() for row in pixels(1, 9)}
    assert data.class_names == (("0", "1", "2", "3") if classed else ())
    if data.train.y is not None:
        by_pixels = {row.tobytes(): label for row, label in zip(pixels(), labels(), strict=True)}
        for row, label in zip(data.train.x.numpy(), data.train.y.tolist(), strict=True):
            assert by_pixels[row.tobytes()] == label


def test_an_index_of_another_program_is_not_idx(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "film.zip", "w") as made:
        made.writestr("Film/Film.srt", "1\n0:01 --> 0:02\nO oleiro gira o barro.\n" * 9)
        made.writestr("Film/Film.idx", "# VobSub index file, v7\nsize: 720x576\n")
        made.writestr("Film/Film.sub", b"\0\0\1\xba" * 9)
    data = load(tmp_path / "film.zip", DataConfig(name="film"))
    assert isinstance(data, TextData)
    assert any("2 files of another kind" in note.text() for note in data.notes)


def test_one_idx_file_is_images_without_classes(tmp_path: Path) -> None:
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(idx(pixels(), packed=True))
    check(opened(path), pixels(), None)
    assert len(load_pictures(path, DataConfig(name="x")).x) == N


def test_a_copy_of_an_idx_file_is_left_out(tmp_path: Path) -> None:
    name = "train-images-idx3-ubyte"
    (tmp_path / name).mkdir()
    (tmp_path / name / name).write_bytes(idx(pixels()))
    (tmp_path / "train-images.idx3-ubyte").write_bytes(idx(pixels()))
    data = opened(tmp_path)
    check(data, pixels(), None)
    assert any("1 copy of another file was left out" in note for note in notes_of(data))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"train-labels-idx1-ubyte": idx(labels())}, "labels and no images"),
        ({"train-images-idx3-ubyte": idx(pixels())[:-1]}, "announces 2560 values and holds 2559"),
        (
            {"train-images-idx3-ubyte": idx(pixels()), "train-labels-idx1-ubyte": idx(labels(9))},
            "40 images and 9 labels",
        ),
        (
            {
                "a/train-images-idx3-ubyte": idx(pixels()),
                "b/train-images-idx3-ubyte": idx(pixels(1)),
            },
            "two sets of images",
        ),
        ({"train-images-idx3-ubyte": b"\0\0\x08\x03"}, "not an IDX file"),
        ({"train-images-idx3-ubyte.gz": b"\x1f\x8bno"}, "not a whole gzip file"),
    ],
)
def test_idx_files_that_are_none(files: dict[str, bytes], words: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        opened(tmp_path)


# -- classes in a table -----------------------------------------------------------------------------


def png(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (6, 6), level).save(stream, "PNG")
    return stream.getvalue()


def pictures(place: Path, count: int = 12) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        (place / f"im{i:02}.png").write_bytes(png(10 * i))


def rows(form: str, head: str, count: int = 12) -> str:
    lines = [
        form.format(i=i, label=("escuro", "claro")[i > 5], number=(10, 9)[i > 5])
        for i in range(count)
    ]
    return "\n".join([head, *lines]) + "\n"


WAYS = {
    "metadata.csv": ("images", rows("im{i:02}.png,{label}", "file_name,label")),
    "labels.csv": ("images", rows("{label};im{i:02}.png;x{i}", "classe;image;note")),
    "train.csv": ("images", rows("im{i:02},{label}", "id_code,diagnosis")),
    "images/metadata.csv": ("images", rows("im{i:02}.png,{label}", "file_name,label")),
    "annotations.csv": ("images", rows("images\\im{i:02}.png,{label}", "path,anything")),
    "pandas.csv": ("images", rows("{i},./images/im{i:02}.png,{label}", ",file,kind")),
}


@pytest.mark.parametrize("name", WAYS)
def test_classes_come_from_a_table_beside_images(name: str, tmp_path: Path) -> None:
    folder, content = WAYS[name]
    pictures(tmp_path / folder)
    (tmp_path / name).write_text(content, "utf-8")
    data = opened(tmp_path)
    assert data.class_names == ("claro", "escuro")
    for part in (data.train, data.validation, data.test):
        assert part.y is not None
        assert ((part.x[:, 0, 0, 0] < 60).long() == part.y).all()
    note, *_ = notes_of(data)
    assert note.startswith(f"the classes of 12 images are from {name}: files in the column ")


def test_numbered_classes_are_in_order_and_images_without_a_row_left_out(tmp_path: Path) -> None:
    pictures(tmp_path, 14)
    (tmp_path / "train.csv").write_text(rows("im{i:02}.png,{number}", "image,class"))
    data = opened(tmp_path)
    assert data.class_names == ("9", "10")
    assert sum(len(part) for part in (data.train, data.validation, data.test)) == 12
    assert "2 images carry no class and were left out: im12.png, im13.png" in notes_of(data)


def test_parts_and_a_table_together(tmp_path: Path) -> None:
    pictures(tmp_path / "train")
    pictures(tmp_path / "test", 5)
    (tmp_path / "train.csv").write_text(rows("train/im{i:02}.png,{label}", "file,label"))
    data = opened(tmp_path)
    assert data.class_names == ("claro", "escuro") and len(data.train) + len(data.validation) < 12
    assert any(note.startswith("5 images carry no class") for note in notes_of(data))


def test_class_folders_win_over_a_table(tmp_path: Path) -> None:
    for name in ("a", "b"):
        pictures(tmp_path / name)
    (tmp_path / "labels.csv").write_text(rows("a/im{i:02}.png,{label}", "file,label"))
    data = opened(tmp_path)
    assert data.class_names == ("a", "b")
    assert "the folders are the classes; those in labels.csv were not used" in notes_of(data)


@pytest.mark.parametrize(
    "content",
    [
        rows("im{i:02}.png,um quadrado azul de número {i}", "file_name,text"),
        rows("{i},{label}", "number,label"),
        "no table",
        "",
        rows("im{i:02}.png,{i},{label}", "file_name,width,nothing"),
    ],
    ids=["captions", "no names", "no table", "empty", "no column of classes"],
)
def test_other_tables_say_no_classes(content: str, tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "x.csv").write_text(content, "utf-8")
    data = opened(tmp_path)
    assert data.train.y is None
    assert "1 text file was left out; a language model reads it: x.csv" in notes_of(data)


# -- which kind is read -----------------------------------------------------------------------------


def test_a_table_of_classes_is_no_text_beside_captions(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "metadata.csv").write_text(rows("im{i:02}.png,{label}", "file_name,label"))
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text(f"um quadrado de número {i}\n")
    data = load(str(tmp_path), wanted="text")
    assert isinstance(data, TextData) and data.num_documents == 3


def test_a_column_is_of_the_tables_alone(tmp_path: Path) -> None:
    (tmp_path / "falas.csv").write_text("id,fala\n1,um\n2,dois\n3,um pote\n")
    (tmp_path / "livro.txt").write_text("o livro\n" * 50)
    pictures(tmp_path)
    data = load(str(tmp_path), DataConfig(name="x", column="fala"), wanted="text")
    assert isinstance(data, TextData) and "livro" not in data.text
    assert any("livro.txt" in note.text() for note in data.notes)


def test_book_and_cover(tmp_path: Path) -> None:
    (tmp_path / "livro.txt").write_text("o livro\n" * 50)
    (tmp_path / "capa.png").write_bytes(png(9))
    data = load(str(tmp_path), wanted="text")
    assert isinstance(data, TextData)
    assert [note.text() for note in data.notes] == [
        "1 file of images was left out; a model of images reads it: capa.png"
    ]
    assert isinstance(load(str(tmp_path)), TextData)
    with pytest.raises(DataError, match="1 readable image, fewer than 4"):
        opened(tmp_path)


def test_captions_do_not_outnumber_their_images(tmp_path: Path) -> None:
    pictures(tmp_path)
    for i in range(12):
        (tmp_path / f"im{i:02}.txt").write_text("um quadrado\n")
    for name in ("sobre.txt", "licença.md"):
        (tmp_path / name).write_text("feito à mão\n", "utf-8")
    data = load(str(tmp_path))
    assert isinstance(data, ImageData)
    assert "14 text files were left out" in notes_of(data)[0]


def test_zips_beside_a_table_are_opened_where_nobody_says_what_is_wanted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as made:
        for i in range(12):
            made.writestr(f"train/im{i:02}.png", png(10 * i))
    (tmp_path / "labels.csv").write_text(rows("im{i:02},{label}", "id,breed"))
    data = load(str(tmp_path))
    assert isinstance(data, ImageData) and data.class_names == ("claro", "escuro")


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["a.txt"], "images"),
        (["a.csv"], "images"),
        (["a.png", "b.png"], "text"),
        (["a.png"], "pairs"),
        (["a.txt"], "points"),
        (["train-images-idx3-ubyte"], "text"),
    ],
)
def test_what_is_not_there_is_not_read(files: list[str], wanted: Any, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).write_text("fala,nota\nnada,bom\ntudo,mau\n")
    with pytest.raises(OtherKindError):
        load(str(tmp_path), wanted=wanted)


def test_photos_of_a_telephone_are_named(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"ftypheic")
    with pytest.raises(DataError, match=r"not read \(IMG_1\.HEIC\); save them as JPEG or PNG"):
        opened(tmp_path)
    pictures(tmp_path)
    assert any(
        "1 photo of a format that is not read" in note for note in notes_of(opened(tmp_path))
    )


@pytest.mark.parametrize("name", ["sample_submission.csv", "sampleSubmission.csv"])
def test_what_a_competition_wants_back_says_no_classes(name: str, tmp_path: Path) -> None:
    pictures(tmp_path / "train")
    pictures(tmp_path / "test", 5)
    (tmp_path / "train.csv").write_text(rows("train/im{i:02}.png,{label}", "file,label"))
    (tmp_path / name).write_text(rows("test/im{i:02}.png,claro", "file,label", 5))
    found = notes_of(opened(tmp_path))
    assert any(note.startswith("5 images carry no class") for note in found)
    assert f"1 text file was left out; a language model reads it: {name}" in found


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", png(3)[:30]])
def test_where_no_image_can_be_read_one_is_named(content: bytes, tmp_path: Path) -> None:
    for i in range(6):
        (tmp_path / f"{i}.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"has 6 images and none can be read \(0.jpg") as caught:
        opened(tmp_path)
    assert "tem 6 imagens, e nenhuma" in caught.value.message.text("pt")


@pytest.mark.parametrize("name", ["x.rar", "x.7z", "x.tar.gz", "x.tgz", "x.tar"])
@pytest.mark.parametrize("inside", [False, True])
def test_other_archives_are_named(name: str, inside: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"Rar!")
    with pytest.raises(DataError, match=f"{name} is an archive of a kind that is not read"):
        opened(tmp_path if inside else tmp_path / name)
