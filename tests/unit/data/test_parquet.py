"""Parquet files: images, texts, chats and pairs as data sets of Hugging Face have them, and files that are none."""

from __future__ import annotations

import io
import json
import random
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from olaria.data import DataConfig, ImageData, PairData, TextData, load
from olaria.data import parquet as parquet_module
from olaria.errors import DataError, OlariaError, UsageError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CLASSES = ["zebra", "ant", "bee"]


def png(seed: int, side: int = 8) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def written(path: Path, columns: dict[str, Any], features: object = None, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns)
    if features is not None:
        about = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": about})
    pq.write_table(table, path, **how)
    return path


def images(path: Path, count: int, seed: int = 0, labels: list[int | None] | None = None) -> Path:
    """As ``datasets`` writes them: a struct, classes by number, names in the metadata; few rows a group."""
    cells = [{"bytes": png(seed + i), "path": None} for i in range(count)]
    features = {
        "image": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": CLASSES},
    }
    columns = {
        "image": pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "label": pa.array(labels or [i % 3 for i in range(count)], pa.int64()),
    }
    return written(path, columns, features, row_group_size=7)


def loaded(path: Path, **settings: Any) -> Any:
    wanted = settings.pop("wanted", None)
    return load(path, DataConfig.parse({"name": str(path), **settings}), wanted=wanted)


def notes(data: Any) -> list[str]:
    return [note.text() for note in data.notes]


def test_images_and_their_classes_in_the_order_that_is_declared(tmp_path: Path) -> None:
    data = loaded(images(tmp_path / "a.parquet", 40))
    assert isinstance(data, ImageData)
    assert data.class_names == tuple(CLASSES)
    assert "the classes of 40 images are from the column label" in notes(data)
    found = {}
    for part in (data.train, data.validation, data.test):
        assert part.y is not None
        found |= {x.numpy().tobytes(): int(y) for x, y in zip(part.x, part.y, strict=True)}
    for i in range(40):
        pixels = np.asarray(Image.open(io.BytesIO(png(i))))
        assert found[pixels.tobytes()] == i % 3


def test_shards_are_parts_as_they_are_called(tmp_path: Path) -> None:
    images(tmp_path / "data" / "train-00000-of-00002.parquet", 30)
    images(tmp_path / "data" / "train-00001-of-00002.parquet", 30, 100)
    images(tmp_path / "data" / "test-00000-of-00001.parquet", 12, 500)
    (tmp_path / "README.md").write_text("# card\n")
    data = loaded(tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [54, 6, 12]
    with zipfile.ZipFile(tmp_path.with_suffix(".zip"), "w") as archive:
        for file in sorted(tmp_path.rglob("*.parquet")):
            archive.write(file, file.relative_to(tmp_path))
    assert loaded(tmp_path.with_suffix(".zip")).sha256 == data.sha256


def test_raw_bytes_secret_classes_and_nulls(tmp_path: Path) -> None:
    cells: list[bytes | None] = [png(i) for i in range(12)]
    columns = {"label": ["a", "b"] * 5 + [None, "a"], "img": pa.array(cells, pa.binary())}
    data = loaded(written(tmp_path / "a.parquet", columns))
    assert data.class_names == ("a", "b")
    assert any("1 image carries no class" in note for note in notes(data))
    secret = loaded(images(tmp_path / "b.parquet", 12, labels=[0, 1] * 5 + [-1, None]))
    assert secret.class_names == ("zebra", "ant")
    cells[3] = None
    data = loaded(written(tmp_path / "c.parquet", {"image": pa.array(cells, pa.binary())}))
    assert any("1 unreadable image was left out" in note for note in notes(data))
    assert data.class_names == ()


def test_texts(tmp_path: Path) -> None:
    texts = [f"canto {i}" for i in range(20)]
    path = written(
        tmp_path / "a.parquet", {"id": range(21), "text": [*texts, None], "b": ["x"] * 21}
    )
    data = loaded(path)
    assert isinstance(data, TextData)
    assert sorted((data.train + data.validation).split("\n")[:-1]) == sorted(texts)
    assert (
        "1 record of a.parquet without a text in text was left out; the first is in row 21"
        in notes(data)
    )
    assert loaded(path, column="b").train.startswith("x")
    lines = tmp_path / "a.jsonl"
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    assert loaded(lines).sha256 == data.sha256
    coded = written(tmp_path / "d.parquet", {"text": pa.array(texts).dictionary_encode()})
    assert loaded(coded).sha256 == data.sha256


def test_chats_are_read_as_in_jsonl(tmp_path: Path) -> None:
    chats = [[{"role": "user", "content": f"como? {i}"}] for i in range(9)]
    data = loaded(written(tmp_path / "a.parquet", {"messages": chats}))
    assert data.train.startswith("user: como?")
    assert any("holds chats" in note for note in notes(data))


def test_pairs(tmp_path: Path) -> None:
    sides = {"en": ["one", "two", "two"], "pt": ["um", "dois", "dois"]}
    data = loaded(written(tmp_path / "a.parquet", sides))
    assert isinstance(data, PairData)
    assert {*data.train, *data.validation} == {("one", "um"), ("two", "dois")}
    both = [dict(zip(sides, row, strict=True)) for row in zip(*sides.values(), strict=True)]
    other = loaded(written(tmp_path / "b.parquet", {"translation": both}))
    assert other.sha256 == data.sha256
    assert "b.parquet: the source is en, the target pt" in notes(other)
    with pytest.raises(DataError, match=r"row 1 of c\.parquet has an empty side"):
        loaded(written(tmp_path / "c.parquet", {"a": [None, "x"], "b": ["y", "z"]}), wanted="pairs")
    with pytest.raises(DataError, match="has 1 column of texts"):
        loaded(written(tmp_path / "d.parquet", {"a": ["x"]}), wanted="pairs")


@pytest.mark.parametrize(
    ("columns", "settings", "told"),
    [
        ({"url": ["https://x/y.png"] * 5}, {"wanted": "images"}, "links to images in url"),
        ({"x": [[[1]]]}, {}, "no column of a.parquet is text; it has x"),
        ({"x": [1]}, {"wanted": "images"}, "no column of a.parquet holds images"),
        ({"a": ["b"], "c": ["d"]}, {"wanted": "text"}, "choose one with column"),
        ({"a": ["b"]}, {"column": "z"}, "has no column z; it has a"),
        ({"a": ["b"], "n": [1]}, {"column": "n"}, "column n of a.parquet holds no texts"),
        ({"text": [None, " "]}, {}, "none with a text in text"),
        ({"x": [{"bytes": 3, "path": "p"}]}, {"wanted": "images"}, "no column of a.parquet holds"),
        ({"text": ["x"], **{f"c{i}": [0] for i in range(5000)}}, {}, "in 5001 columns"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(
    tmp_path: Path, columns: dict[str, Any], settings: dict[str, Any], told: str
) -> None:
    with pytest.raises((DataError, UsageError)) as error:
        loaded(written(tmp_path / "a.parquet", columns), **settings)
    text = error.value.message.text()
    assert told in text
    assert "\n" not in text


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    binary = pa.array([b"\xff\xfe"] * 3, pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, binary.buffers())
    with pytest.raises(DataError, match="not a sound Parquet file"):
        loaded(written(tmp_path / "a.parquet", {"text": text}))


def test_few_bytes_that_stand_for_many(tmp_path: Path) -> None:
    """A dictionary of one long text, and 300 rows of it: 569 bytes for 3 GB."""
    long = pa.array(["a" * 10_000_000])
    rows = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), long)
    how = {"compression": "zstd", "dictionary_pagesize_limit": 1 << 30, "store_schema": False}
    path = written(tmp_path / "a.parquet", {"text": rows}, **how)
    assert path.stat().st_size < 1000
    with pytest.raises(DataError, match="unpacks to"):
        loaded(path)


def test_only_the_columns_that_are_needed_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    whole = pq.ParquetFile.iter_batches

    def noted(self: Any, *a: Any, **k: Any) -> Any:
        asked.append(k["columns"])
        assert len(k["row_groups"]) == 1
        return whole(self, *a, **k)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    columns = {"image": [png(i) for i in range(12)], "label": [0, 1] * 6, "caption": ["x"] * 12}
    loaded(written(tmp_path / "a.parquet", columns, row_group_size=5))
    assert asked == [["label"]] * 3 + [["image"]] * 3


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.parquet", {"text": ["abc"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pip install 'olaria\[parquet\]'"):
        loaded(path)


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    whole = [
        images(tmp_path / "images.parquet", 12).read_bytes(),
        written(tmp_path / "text.parquet", {"text": ["abc", "def"] * 9}).read_bytes(),
    ]
    draw, path = random.Random(0), tmp_path / "x.parquet"
    for number in range(200):
        content = bytearray(whole[number % 2])
        footer = int.from_bytes(content[-8:-4], "little")
        start = len(content) - 8 - footer if draw.random() < 0.6 else 0
        for _ in range(draw.choice((1, 1, 3))):
            content[draw.randrange(start, len(content))] = draw.randrange(256)
        if draw.random() < 0.2:
            del content[draw.randrange(len(content)) :]
        path.write_bytes(content)
        try:
            loaded(path)
        except OlariaError as error:
            assert "\n" not in error.message.text()


def test_rows_at_once_fit_whatever_they_hold(tmp_path: Path) -> None:
    from olaria.data.entries import find_entries

    path = written(tmp_path / "a.parquet", {"text": ["a" * 1000] * 50}, use_dictionary=False)
    table = parquet_module.Table(find_entries(path)[0])
    assert 1000 < table._rows_at_once(0, ["text"]) <= parquet_module.BATCH_ROWS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_module, "BATCH_BYTES", 120_000)
        assert table._rows_at_once(0, ["text"]) == 2
        assert [len(cells[0]) for cells in table.cells(table.columns[0], first=48)] == [1000, 1000]
