"""What the file system refuses becomes one line that says what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from olaria.errors import StorageError
from olaria.storage import checkpoint
from olaria.storage.files import append_line, read_json, read_lines, write_atomic, write_json

pytestmark = pytest.mark.usefixtures("synced_disk")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EFBIG, "no space left"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "no permission"),
        (errno.EIO, "cannot use"),
    ],
)
def test_refusals_are_told_in_words(number: int, words: str, tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(StorageError) as caught:
        write_atomic(tmp_path / "file", write)
    text = str(caught.value)
    assert words in text and str(tmp_path / "file") in text and "\n" not in text
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError):
        write_json(tmp_path / "taken", {})
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        write_json(tmp_path / "file" / "below", {})


def test_numbers_that_are_not_finite_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    with pytest.raises(ValueError):
        append_line(tmp_path / "log", {"x": float("inf")})
    assert read_json(tmp_path / "a.json") == {"x": 1} and read_lines(tmp_path / "log") == []


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe"])
def test_what_is_not_json_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(StorageError) as caught:
        read_json(tmp_path / "a.json")
    assert "damaged" in str(caught.value) and "a.json" in str(caught.value)


def test_a_missing_file_is_told_and_a_missing_log_is_empty(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read_json(tmp_path / "none.json")
    assert read_lines(tmp_path / "none.jsonl") == []


def test_text_is_utf_8_with_newline_characters_alone(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"nome": "ação"})
    assert (tmp_path / "a.json").read_bytes() == '{\n  "nome": "ação"\n}\n'.encode()


# -- checkpoints -----------------------------------------------------------------------------------

TENSORS = {"model": {"w": torch.ones(30_000)}}


def test_tensors_that_are_views_are_saved_whole(tmp_path: Path) -> None:
    view = torch.arange(12.0).view(3, 4).T
    checkpoint.save_checkpoint(tmp_path / "c", {"model": {"w": view}}, {})
    assert torch.equal(checkpoint.load_checkpoint(tmp_path / "c")[0]["model"]["w"], view)


def test_a_manifest_cannot_point_outside_its_folder(tmp_path: Path) -> None:
    checkpoint.save_checkpoint(tmp_path / "other", TENSORS, {})
    checkpoint.save_checkpoint(tmp_path / "c", TENSORS, {})
    manifest = read_json(tmp_path / "c" / "manifest.json")
    entry = manifest["files"]["model.safetensors"]
    manifest["files"]["../other/model.safetensors"] = entry
    write_json(tmp_path / "c" / "manifest.json", manifest)
    with pytest.raises(StorageError):
        checkpoint.load_checkpoint(tmp_path / "c")


def test_a_file_of_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ã" * 127 + "x")  # 255 bytes
    write_json(path, {})
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "1" + "0" * 400, "1" + "0" * 400 + ".5", "NaN"]
)
def test_a_number_that_cannot_be_counted_with_is_damage(number: str, tmp_path: Path) -> None:
    """A run of somebody else may hold it; as infinity it would break whatever shows it."""
    document, log = tmp_path / "a.json", tmp_path / "a.jsonl"
    document.write_text(f'{{"a": {number}}}')
    log.write_text(f'{{"a": {number}}}\n')
    with pytest.raises(StorageError, match=r"a\.json is damaged"):
        read_json(document)
    with pytest.raises(StorageError, match="damaged"):
        read_lines(log)
    document.write_text(f'{{"a": 1e308, "b": {10**299}}}')
    assert read_json(document) == {"a": 1e308, "b": 10**299}
