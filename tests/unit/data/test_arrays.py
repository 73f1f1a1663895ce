"""Arrays as data: files of them, and those handed over in Python."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from olaria.data import DataConfig, ImageData, PointData, TextData, load
from olaria.data.given import keep_data, keep_images, keep_points, keep_text
from olaria.data.images import load_pictures
from olaria.errors import DataError, UsageError

N = 20


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def grey() -> np.ndarray[Any, Any]:
    """Image i is of grey level i."""
    return np.tile(np.arange(N, dtype=np.uint8)[:, None, None], (1, 5, 6))


def colour() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, (N, 5, 6, 3), np.uint8)


def labels() -> np.ndarray[Any, Any]:
    return np.arange(N) % 2


def opened(path: Path, **options: Any) -> ImageData:
    data = load(str(path), DataConfig.parse({"name": str(path), **options}))
    assert isinstance(data, ImageData)
    return data


def all_of(data: ImageData) -> torch.Tensor:
    return torch.cat([data.train.x, data.validation.x, data.test.x])


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


# -- files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("images", "labels"), ("x", "labels")])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_of_arrays_is_read_as_a_folder_is(x: str, y: str, save: Any, tmp_path: Path) -> None:
    save(tmp_path / "my.npz", **{x: grey(), y: labels()})
    data = opened(tmp_path / "my.npz")
    assert (data.shape, data.class_names, data.source) == ((1, 5, 6), ("0", "1"), "user file")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [17, 1, 2]
    for part in (data.train, data.validation, data.test):
        assert part.y is not None and torch.equal(part.x[:, 0, 0, 0] % 2, part.y)
    assert sorted(all_of(data)[:, 0, 0, 0].tolist()) == list(range(N))


def test_an_npy_is_images_without_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "my.npy", colour())
    data = opened(tmp_path / "my.npy")
    assert data.shape == (3, 5, 6) and data.train.y is None and data.class_names == ()
    kept = {row.tobytes() for row in colour().transpose(0, 3, 1, 2)}
    assert {row.numpy().tobytes() for row in all_of(data)} == kept


def test_the_order_of_columns_and_bytes_changes_nothing(tmp_path: Path) -> None:
    fractions = grey() / 255
    np.save(tmp_path / "c.npy", fractions)
    np.save(tmp_path / "f.npy", np.asfortranarray(fractions))
    np.save(tmp_path / "b.npy", fractions.astype(">f8"))
    found = {opened(tmp_path / f"{name}.npy").sha256 for name in "cfb"}
    assert len(found) == 1


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_fractions_become_the_bytes_they_came_from(dtype: str, tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 4, 4)
    np.save(tmp_path / "x.npy", (levels / 255).astype(dtype))
    assert sorted(all_of(opened(tmp_path / "x.npy")).flatten().tolist()) == list(range(256))


def test_resize_gray_and_leave_out_are_honoured(tmp_path: Path) -> None:
    path = saved(tmp_path / "my.npz", x=colour(), y=labels())
    assert opened(path, resize=8, gray=True).shape == (1, 8, 8)
    left = opened(path, leave_out=0)
    assert left.train.y is not None and left.train.y.unique().tolist() == [1]
    assert left.test.y is not None
    with pytest.raises(DataError, match="no class 2"):
        opened(path, leave_out=2)
    with pytest.raises(UsageError, match="no effect"):
        opened(path, tokenizer="word")


def test_resize_beyond_memory_is_refused_before_it_is_done(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((5000, 2, 2), np.uint8))
    with pytest.raises(DataError, match="bytes of memory"):
        opened(tmp_path / "x.npy", resize=1024)


def test_labels_are_numbered_in_order_and_keep_their_names(tmp_path: Path) -> None:
    own = np.array([30, -5, 7, 30] * 5)
    data = opened(saved(tmp_path / "my.npz", x=grey(), y=own))
    assert data.class_names == ("-5", "7", "30")
    for part in (data.train, data.validation, data.test):
        assert part.y is not None
        names = [data.class_names[label] for label in part.y.tolist()]
        assert names == [str(own[level]) for level in part.x[:, 0, 0, 0].tolist()]


def test_other_arrays_are_counted_and_named(tmp_path: Path) -> None:
    data = opened(saved(tmp_path / "my.npz", x=grey(), a=labels(), b=labels()))
    assert "2 arrays of other names were left out: a, b" in [note.text() for note in data.notes]


def test_single_pictures_are_read_too(tmp_path: Path) -> None:
    np.save(tmp_path / "two.npy", grey()[:2])
    pictures = load_pictures(tmp_path / "two.npy", DataConfig(name="x", resize=4))
    assert pictures.names == ("0", "1") and pictures.x[:, 0, 0, 0].tolist() == [0, 1]


def test_points_are_known_by_their_shape(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(100, 2))
    np.save(tmp_path / "p.npy", points)
    for wanted in (None, "points"):
        data = load(str(tmp_path / "p.npy"), wanted=wanted)  # type: ignore[arg-type]
        assert isinstance(data, PointData)
        assert [len(part) for part in (data.train, data.validation, data.test)] == [81, 9, 10]
        found = torch.cat([data.train, data.validation, data.test])
        assert sorted(found[:, 0].tolist()) == sorted(points[:, 0].astype(np.float32).tolist())
    with pytest.raises(UsageError, match="no effect"):
        load(str(tmp_path / "p.npy"), DataConfig(name="x", gray=True))
    saved(tmp_path / "p.npz", x=points, y=np.zeros(100, int))
    with pytest.raises(DataError, match="labels, and points have none"):
        load(str(tmp_path / "p.npz"))


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def npy(header: str, body: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + body


def header(descr: str = "'|u1'", shape: str = "(4, 2, 2)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n"


BAD_NPY = {
    "empty": (b"", "not a whole"),
    "text": (b"hello", "not a whole"),
    "cut header": (npy(header())[:20], "not a whole"),
    "cut values": (npy(header(), bytes(15)), "announces 16 bytes of values and holds 15"),
    "more values": (npy(header(), bytes(17)), "announces 16 bytes of values and holds 17"),
    "a bomb": (npy(header(shape="(1000000, 1000000, 1000000)"), bytes(4)), "announces"),
    "an empty bomb": (npy(header(shape=f"(0, {2**62}, {2**62})")), "is empty"),
    "negative": (npy(header(shape="(-4, -2, 2)"), bytes(16)), "not a whole"),
    "many sides": (npy(header(shape=f"({'1, ' * 100})"), bytes(1)), "not a whole"),
    "no literal": (npy("__import__('os')"), "not a whole"),
    "brackets": (npy("(" * 5000), "not a whole"),
    "strange type": (npy(header(descr="()")), "not a whole"),
    "a record": (
        npy(header(descr="[('a', '<f4'), ('b', '<f4')]"), bytes(128)),
        "whole or floating",
    ),
    "objects": (npy(header(descr="'|O'"), bytes(128)), "holds object"),
    "later format": (npy(header(), bytes(16), b"\3\0"), "not a whole"),
}


@pytest.mark.parametrize("name", BAD_NPY)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_damaged_or_hostile_array_is_one_line(name: str, ending: str, tmp_path: Path) -> None:
    content, words = BAD_NPY[name]
    path = tmp_path / f"my.{ending}"
    if ending == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as made:
            made.writestr("x.npy", content)
    with pytest.raises(DataError, match=words) as caught:
        load(str(path))
    for language in ("en", "pt"):
        text = caught.value.message.text(language)
        assert "\n" not in text and "my." in text and len(text) < 400
    assert caught.value.message.text("pt") != caught.value.message.text("en")


def test_no_pickle_is_read(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    objects = np.empty(1, object)
    objects[0] = Trap(mark)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "b.npz", x=objects)
    np.savez(tmp_path / "c.npz", x=grey(), y=objects)
    (tmp_path / "d.npy").write_bytes(pickle.dumps(Trap(mark)))
    (tmp_path / "e.npz").write_bytes(pickle.dumps(Trap(mark)))
    for name in ("a.npy", "b.npz", "c.npz", "d.npy", "e.npz"):
        with pytest.raises(DataError):
            load(str(tmp_path / name))
    assert not mark.exists()


def test_archives_that_are_none(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.npz", x=grey()).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    (tmp_path / "damaged.npz").write_bytes(damaged)
    with zipfile.ZipFile(tmp_path / "climbs.npz", "w") as made:
        made.writestr("../x.npy", b"")
    with zipfile.ZipFile(tmp_path / "none.npz", "w"):
        pass
    saved(tmp_path / "names.npz", x_mean=grey(), x_std=grey())
    saved(tmp_path / "two.npz", x=grey(), images=grey())
    for name, words in {
        "cut": "not a whole zip",
        "damaged": "damaged",
        "climbs": "outside the zip",
        "none": "nothing to learn from",
        "names": "it has: x_mean, x_std",
        "two": "several arrays named images / x",
    }.items():
        with pytest.raises(DataError, match=words):
            load(str(tmp_path / f"{name}.npz"))


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (42, 2**31, "not a whole zip|damaged"),  # a member far before the file's start
        (42, 900, "not a whole zip|damaged"),  # a member in the list of members
        (
            46,
            0xFFFFFFFF,
            "not a whole zip|no array named|outside the zip|nothing to learn",
        ),  # a name of no encoding
        (10, 12, "damaged"),  # said to be bzip2
    ],
)
def test_a_zip_with_a_wrong_list_of_members(
    place: int, value: int, words: str, tmp_path: Path
) -> None:
    content = bytearray(saved(tmp_path / "my.npz", x=grey()).read_bytes())
    start = content.index(b"PK\1\2")
    content[start + 9] |= 8  # names are UTF-8
    length = 2 if place == 10 else 4
    content[start + place : start + place + length] = value.to_bytes(length, "little")
    local = content.index(b"PK\3\4")
    if place == 10:
        content[local + 8] = value
    (tmp_path / "my.npz").write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        load(str(tmp_path / "my.npz"))
    assert "permissions" not in str(caught.value)


def test_a_zip_bomb_is_refused_by_what_it_announces(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x.npy", bytes(1000))
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\1\2")
    content[place + 24 : place + 28] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DataError):
        load(str(path))
    content[place + 24 : place + 28] = (10).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DataError):  # it holds more than it announces
        load(str(path))


def too_high() -> np.ndarray[Any, Any]:
    x = grey() / 255
    x[3, 2, 1] = 1.01
    return x


def with_nan() -> np.ndarray[Any, Any]:
    x = grey() / 255
    x[3, 2, 1] = np.nan
    return x


BAD_IMAGES: dict[str, tuple[Any, Any, str]] = {
    "two sides": (np.zeros((N, 7), np.uint8), None, "has the shape"),
    "five sides": (np.zeros((N, 1, 5, 5, 1), np.uint8), None, "has the shape"),
    "five channels": (np.zeros((N, 6, 6, 5), np.uint8), None, r"shape \(20, 6, 6, 5\)"),
    "channels first": (np.zeros((N, 3, 6, 6), np.uint8), None, "channels first"),
    "no image": (np.zeros((0, 6, 6), np.uint8), None, "empty|at least one"),
    "no height": (np.zeros((N, 0, 6), np.uint8), None, "empty|at least one"),
    "few": (np.zeros((3, 6, 6), np.uint8), None, "has 3 images, fewer than 4"),
    "int64": (grey().astype(np.int64), None, r"astype\('uint8'\)"),
    "int8": (grey().astype(np.int8), None, "holds int8"),
    "bool": (grey() > 3, None, "holds bool.*else divide by the largest"),
    "uint16": (grey().astype(np.uint16) * 257, None, "holds uint16.*else divide by the largest"),
    "complex": (grey() + 0j, None, "holds complex128"),
    "words": (np.full((N, 2, 2), "a"), None, "holds <U1"),
    "objects": (np.full((N, 2, 2), None), None, "holds object"),
    "0 to 255": (grey().astype(np.float32), None, "from 0 to 19; fractions are 0 to 1"),
    "above": (too_high(), None, "from 0 to 1.01"),
    "below": (-(grey() / 255), None, "fractions are 0 to 1"),
    "NaN": (with_nan(), None, "1 value that is NaN"),
    "infinite": (np.full((N, 2, 2), np.inf), None, "NaN or infinite"),
    "fewer labels": (grey(), labels()[:-1], r"labels of the shape \(19,\), and 20 images"),
    "one-hot labels": (grey(), np.eye(N, dtype=int), r"labels of the shape \(20, 20\)"),
    "fractional labels": (grey(), labels() / 2, "labels of float64; give whole numbers"),
    "true or false": (grey(), labels() > 0, "labels of bool"),
    "labels of words": (grey(), np.full(N, "a"), "labels of <U1|holds <U1"),
    "labels too large": (grey(), np.full(N, 2**63, np.uint64), "labels of uint64"),
}


TAKEN_IN_PYTHON = ("bool", "channels first")


@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((name, "file") for name in BAD_IMAGES),
        *((name, "python") for name in BAD_IMAGES if name not in TAKEN_IN_PYTHON),
    ],
)
def test_arrays_that_are_no_images(name: str, way: str, tmp_path: Path, home: Path) -> None:
    x, y, words = BAD_IMAGES[name]
    with pytest.raises(DataError, match=words) as caught:
        if way == "python":
            keep_images(x, y)
        else:
            arrays = {"x": x} if y is None else {"x": x, "y": y}
            load(str(saved(tmp_path / "my.npz", **arrays)))
    for language in ("en", "pt"):
        assert "\n" not in caught.value.message.text(language)
    assert caught.value.message.text("pt") != caught.value.message.text("en")
    assert not home.exists()


# -- handed over in Python --------------------------------------------------------------------------


def test_the_same_array_is_one_file_written_once(home: Path, monkeypatch: Any) -> None:
    path = keep_images(grey(), labels())
    assert path.is_absolute() and path.parent == home / "arrays" and path.suffix == ".npz"
    before = path.stat().st_mtime_ns
    same = (np.asfortranarray(grey()), torch.from_numpy(labels()))
    assert keep_data(same) == path and path.stat().st_mtime_ns == before
    assert keep_data((grey() / 255, labels())) == path
    assert keep_images(torch.from_numpy(grey())[..., None], labels()) == path
    assert keep_images(grey()) != path != keep_images(grey(), labels() + 1)
    assert len(list(path.parent.iterdir())) == 3
    assert keep_data((grey(), labels())) == path


def test_what_is_kept_opens_as_what_was_handed_over(tmp_path: Path) -> None:
    for x in (grey(), colour()):
        of_file = opened(saved(tmp_path / "my.npz", x=x, y=labels() + 4))
        kept = opened(keep_images(x, labels() + 4))
        assert kept.sha256 == of_file.sha256 and kept.class_names == of_file.class_names
        assert kept.class_names == ("4", "5")


def test_a_damaged_copy_is_written_anew() -> None:
    path = keep_images(grey())
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert keep_images(grey()) == path and path.read_bytes() == content


def test_what_is_handed_over_is_not_changed() -> None:
    for x in (grey(), colour() / 255):
        before = x.copy()
        keep_images(x)
        assert np.array_equal(x, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_tensors_of_any_floating_type(dtype: torch.dtype) -> None:
    x = torch.ones(N, 4, 4, dtype=dtype, requires_grad=True)
    assert all_of(opened(keep_data(x))).unique().tolist() == [255]


def test_texts_are_kept_as_they_are(home: Path) -> None:
    text = "a potter's clay — o barro\n" * 30
    path = keep_data(text)
    assert path.parent == home / "texts" and keep_text(text) == path
    data = load(str(path))
    assert isinstance(data, TextData) and data.text == text


@pytest.mark.parametrize(
    "text", ["", " \n", "a", "half \ud800 a letter", "nul \0 in it", "%PDF-1.4"]
)
def test_texts_of_which_nothing_is_learnt(text: str, home: Path) -> None:
    with pytest.raises(DataError) as caught:
        keep_text(text)
    assert "\n" not in str(caught.value) and not home.exists()


def test_points_are_kept_too() -> None:
    points = np.random.default_rng(0).normal(size=(100, 2))
    path = keep_data(points)
    data = load(str(path), wanted="points")
    assert isinstance(data, PointData) and len(data.train) == 81
    assert keep_points(torch.from_numpy(points)) == path


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((100, 2)), "all the same"),
        (np.arange(20.0).reshape(10, 2), "10 points"),
        (np.arange(200).reshape(100, 2), "floating type"),
        (np.full((100, 2), np.nan), "NaN"),
        (np.full((100, 2), 1e300), "infinite"),
        (np.zeros((100, 3)), "has the shape"),
    ],
)
def test_arrays_that_are_no_points(points: Any, words: str, home: Path) -> None:
    with pytest.raises(DataError, match=words):
        keep_data(points)
    assert not home.exists()


@pytest.mark.parametrize("data", [None, 3, [1, 2], {"x": grey()}, (1, 2), (grey(),), b"bytes"])
def test_what_is_no_data_at_all(data: Any, home: Path) -> None:
    with pytest.raises(DataError, match="give a NumPy array or a tensor"):
        keep_data(data)
    assert not home.exists()


def test_masked_values_are_not_passed_over() -> None:
    with pytest.raises(DataError, match="MaskedArray"):
        keep_images(np.ma.masked_equal(grey(), 3))
