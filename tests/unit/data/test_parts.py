"""Which folders of the user's images are parts, which are classes, and what becomes of the rest."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from olaria.data import DataConfig, ImageData, load
from olaria.errors import DataError

LEVELS = {"train": 30, "validation": 120, "test": 200}
CLASSES = ("bispo", "rei")


def images_of(path: Path, **settings: object) -> ImageData:
    data = load(str(path), DataConfig.parse({"name": str(path), **settings}))
    assert isinstance(data, ImageData)
    return data


def png(level: int, side: int = 6) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (side, side), level).save(stream, "PNG")
    return stream.getvalue()


def fill(root: Path, pattern: str, folders: dict[str, str]) -> None:
    """Images of each part and class, whose level says which; ``pattern`` names part and class."""
    for part, folder in folders.items():
        for label, name in enumerate(CLASSES):
            place = root / pattern.format(part=folder, name=name)
            place.mkdir(parents=True)
            for i in range(12 if part == "train" else 4):
                (place / f"{i}.png").write_bytes(png(LEVELS[part] + 20 * label + i))


def notes_of(data: ImageData) -> list[str]:
    return [note.text() for note in data.notes]


def check(data: ImageData, parts: dict[str, str]) -> None:
    """No image is on another side than its folder says, and its class is its folder's."""
    assert data.class_names == CLASSES
    sides = {"train": data.train, "validation": data.validation, "test": data.test}
    counts = {"train": 24} | {part: 8 for part in parts if part != "train"}
    for part, images in sides.items():
        levels = images.x[:, 0, 0, 0]
        own = LEVELS[part if part in parts else "train"]
        assert images.y is not None and len(images)
        assert bool(((levels >= own) & (levels < own + 40)).all()), part
        assert ((levels - own) // 20).tolist() == images.y.tolist()
        if part in parts and part != "train":
            assert len(images) == counts[part]
    assert sum(map(len, sides.values())) == sum(counts.values())


@pytest.mark.parametrize("pattern", ["{part}/{name}", "{name}/{part}", "dados/{part}/{name}"])
@pytest.mark.parametrize(
    "folders",
    [
        {"train": "train", "validation": "val", "test": "test"},
        {"train": "TRAIN", "validation": "Valid", "test": "Test"},
        {"train": "treino", "validation": "validação", "test": "teste"},
        {"train": "treinamento", "validation": "validac\u0327a\u0303o", "test": "avaliação"},
        {"train": "Training", "test": "Testing"},
        {"train": "Training", "validation": "PublicVal", "test": "PrivateTest"},
        {"train": "Base de Treino", "test": "Base de Teste"},
        {"train": "training_set", "test": "test_set"},
        {"train": "seg_train/seg_train", "test": "seg_test/seg_test"},
        {"train": "asl_alphabet_train", "validation": "asl_alphabet_dev"},
        {"train": "train2017", "validation": "val2017"},
        {"train": "train/images", "validation": "valid/images", "test": "test/images"},
    ],
)
def test_folders_of_parts_are_parts(pattern: str, folders: dict[str, str], tmp_path: Path) -> None:
    fill(tmp_path / "x", pattern, folders)
    data = images_of(tmp_path / "x")
    check(data, folders)
    assert any("the parts are as given" in note for note in notes_of(data))


def test_what_part_is_cut_from_training_is_said(tmp_path: Path) -> None:
    fill(tmp_path / "a", "{part}/{name}", {"train": "train", "validation": "val"})
    fill(tmp_path / "b", "{part}/{name}", {"train": "train", "test": "test"})
    assert notes_of(images_of(tmp_path / "a")) == [
        "the parts are as given: 24 images train, 8 validate, 0 test",
        "no test part is given: 2 of the training images test",
    ]
    assert notes_of(images_of(tmp_path / "b")) == [
        "the parts are as given: 24 images train, 0 validate, 8 test",
        "no validation part is given: 2 of the training images validate",
    ]


def test_what_is_in_no_part_is_left_out_and_said(tmp_path: Path) -> None:
    fill(tmp_path / "x", "{part}/{name}", {"train": "train", "test": "test"})
    for stray, side in (("docs/logo.png", 64), ("pred/0.png", 6), ("capa.png", 9)):
        (tmp_path / "x" / stray).parent.mkdir(exist_ok=True)
        (tmp_path / "x" / stray).write_bytes(png(255, side))
    data = images_of(tmp_path / "x")
    check(data, {"train": "train", "test": "test"})
    left_out = "3 images are in no part and were left out: capa.png, docs/logo.png, pred/0.png"
    assert left_out in notes_of(data)


def test_yolo_lays_parts_below_images(tmp_path: Path) -> None:
    for part, folder in (("train", "train"), ("validation", "val")):
        for kind in ("images", "labels"):
            (tmp_path / kind / folder).mkdir(parents=True)
        for i in range(8):
            (tmp_path / "images" / folder / f"{i}.png").write_bytes(png(LEVELS[part] + i))
            (tmp_path / "labels" / folder / f"{i}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    data = load(str(tmp_path), wanted="images")
    assert isinstance(data, ImageData)
    assert data.train.y is None and len(data.validation) == 8
    assert sorted(data.validation.x[:, 0, 0, 0].tolist()) == list(range(120, 128))


def test_test_images_without_class_are_left_out_where_the_others_have_one(tmp_path: Path) -> None:
    fill(tmp_path / "x", "{part}/{name}", {"train": "train"})
    (tmp_path / "x" / "test").mkdir()
    for i in range(5):
        (tmp_path / "x" / "test" / f"{i}.png").write_bytes(png(200 + i))
    data = images_of(tmp_path / "x")
    check(data, {"train": "train"})
    left_out = "5 images carry no class and were left out: test/0.png, test/1.png, test/2.png, …"
    assert left_out in notes_of(data)


@pytest.mark.parametrize(
    "classes",
    [("test", "rei", "torre"), ("valid", "test"), ("train", "rei"), ("bullet_train", "lab_test")],
)
def test_a_class_may_be_called_as_a_part_is(classes: tuple[str, ...], tmp_path: Path) -> None:
    for label, name in enumerate(classes):
        (tmp_path / name).mkdir()
        for i in range(6):
            (tmp_path / name / f"{i}.png").write_bytes(png(40 * label + i))
    data = images_of(tmp_path)
    assert data.class_names == tuple(sorted(classes))
    alone = [name for name in sorted(classes) if name in ("train", "valid", "test")]
    said = [note for note in notes_of(data) if "read as classes" in note]
    assert (alone == []) == (said == []) and all(name in said[0] for name in alone)


def test_one_image_to_train_on_is_too_few(tmp_path: Path) -> None:
    for part, count in (("train", 1), ("test", 6)):
        (tmp_path / part).mkdir()
        for i in range(count):
            (tmp_path / part / f"{i}.png").write_bytes(png(i))
    with pytest.raises(DataError, match="fewer than two training images"):
        images_of(tmp_path)


def test_parts_in_a_zip(tmp_path: Path) -> None:
    fill(tmp_path / "x", "{part}/{name}", {"train": "train", "validation": "val"})
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        for file in (tmp_path / "x").rglob("*.png"):
            made.write(file, "wrapped/" + file.relative_to(tmp_path / "x").as_posix())
    assert images_of(tmp_path / "x.zip").sha256 == images_of(tmp_path / "x").sha256


def test_loose_images_beside_class_folders_are_an_error(tmp_path: Path) -> None:
    fill(tmp_path, "{name}/{part}", {"train": "x"})
    (tmp_path / "loose.png").write_bytes(b"not read, so no image of a class")
    assert images_of(tmp_path).class_names == CLASSES
    (tmp_path / "loose.png").write_bytes(png(3))
    with pytest.raises(DataError, match=r"beside its class folders \(loose\.png\)"):
        images_of(tmp_path)
