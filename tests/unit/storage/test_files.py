"""What the file system refuses becomes one line that says what to do."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
import torch

from olaria.errors import StorageError
from olaria.storage import checkpoint, files
from olaria.storage.files import append_line, read_json, read_lines, write_atomic, write_json


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


def test_a_disk_that_fills_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        with files.storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"part")
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_bytes", full)
    with pytest.raises(StorageError):
        checkpoint.save_checkpoint(tmp_path / "c", TENSORS, {})
    assert not checkpoint.is_complete(tmp_path / "c")
    assert not (tmp_path / "c").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_file_size_limit_is_told(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageError):
            checkpoint.save_checkpoint(tmp_path / "c", TENSORS, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_save_that_fails_halfway_leaves_nothing_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, value: object) -> None:
        raise StorageError("no", path=str(path))

    monkeypatch.setattr(checkpoint, "write_json", refuse)
    with pytest.raises(StorageError):
        checkpoint.save_checkpoint(tmp_path / "c", TENSORS, {})
    assert not (tmp_path / "c").exists()


def test_tensors_that_are_views_are_saved_whole(tmp_path: Path) -> None:
    view = torch.arange(12.0).view(3, 4).T
    checkpoint.save_checkpoint(tmp_path / "c", {"model": {"w": view}}, {})
    assert torch.equal(checkpoint.load_checkpoint(tmp_path / "c")[0]["model"]["w"], view)


def test_the_same_step_may_be_saved_again(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        checkpoint.save_checkpoint(tmp_path / "c", {"model": {"w": torch.full((2,), value)}}, {})
    assert checkpoint.load_checkpoint(tmp_path / "c")[0]["model"]["w"].tolist() == [2.0, 2.0]


def test_a_manifest_cannot_point_outside_its_folder(tmp_path: Path) -> None:
    checkpoint.save_checkpoint(tmp_path / "other", TENSORS, {})
    checkpoint.save_checkpoint(tmp_path / "c", TENSORS, {})
    manifest = read_json(tmp_path / "c" / "manifest.json")
    entry = manifest["files"]["model.safetensors"]
    manifest["files"]["../other/model.safetensors"] = entry
    write_json(tmp_path / "c" / "manifest.json", manifest)
    with pytest.raises(StorageError):
        checkpoint.load_checkpoint(tmp_path / "c")
