"""Large collections of the user's own images are decoded once."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from olaria.data import DataConfig, ImageData, decoded, images, load, pixels
from olaria.workflows.data_folders import clean


def png(side: int, level: int) -> bytes:
    """A gray square."""
    made = io.BytesIO()
    Image.new("L", (side, side), level).save(made, "PNG")
    return made.getvalue()


def zip_of(path: Path, levels: list[int]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for i, level in enumerate(levels):
            made.writestr(f"{i % 2}/{i}.png", png(4, level))
        made.writestr("0/broken.png", b"no image")
    return path


def test_many_images_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(decoded, "KEPT_FROM", 10)
    path = zip_of(tmp_path / "squares.zip", list(range(20)))
    first = load(str(path))
    (kept,) = decoded.folder().iterdir()
    monkeypatch.setattr(images, "read_images", lambda *_: pytest.fail("decoded again"))
    again = load(str(path))
    assert isinstance(first, ImageData)
    assert isinstance(again, ImageData)
    assert again.sha256 == first.sha256
    assert again.notes == first.notes
    assert "unreadable" in again.notes[0].id
    assert clean()["files"] == [{"path": str(kept), "size_bytes": kept.stat().st_size}]


@pytest.mark.parametrize("change", ["content", "options", "damage", "other tensors"])
def test_what_was_decoded_is_not_taken_for_something_else(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(decoded, "KEPT_FROM", 10)
    path = zip_of(tmp_path / "squares.zip", list(range(20)))
    first = load(str(path))
    options = DataConfig(name=str(path))
    if change == "content":
        zip_of(path, list(range(1, 21)))
    elif change == "options":
        options = DataConfig(name=str(path), resize=8)
    elif change == "damage":
        (kept,) = decoded.folder().iterdir()
        kept.write_bytes(kept.read_bytes()[:100])
    else:
        (kept,) = decoded.folder().iterdir()
        about = {"about": '{"names": ["a"], "notes": []}'}
        save_file({"x": torch.zeros(1, 1, 4, 4)}, kept, about)
    read: list[str] = []
    plain = pixels._read
    monkeypatch.setattr(pixels, "_read", lambda e, *rest: (read.append(e.name), plain(e, *rest))[1])
    again = load(str(path), options)
    assert len(read) == 21
    assert isinstance(first, ImageData)
    assert isinstance(again, ImageData)
    assert (again.sha256 == first.sha256) == (change in ("damage", "other tensors"))
