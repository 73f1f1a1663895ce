"""A path that is named means all that lies there, the run's own data too; without a path it is a part of these."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from olaria.data import ImageData
from olaria.errors import UsageError
from olaria.runs import Run
from olaria.workflows.detect import detect
from olaria.workflows.encode import encode
from olaria.workflows.reconstruct import reconstruct
from olaria.workflows.train import train

NUM_IMAGES = 60
"""Of three classes, in folders."""
TINY: dict[str, Any] = {"size": "tiny", "steps": 3}


def photos(folder: Path) -> Path:
    draws = torch.Generator().manual_seed(0)
    for number in range(NUM_IMAGES):
        pixels = torch.randint(0, 256, (8, 8), dtype=torch.uint8, generator=draws)
        place = folder / "abc"[number % 3] / f"{number:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(place)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photos(tmp_path_factory.mktemp("own") / "photos")


@pytest.fixture(scope="module")
def run(place: Path) -> Run:
    return train("ae-mnist", data=str(place), out=place.parent / "ae", **TINY)


def test_the_runs_own_folder_means_all_of_it_however_its_path_is_written(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.parent)
    for written in (str(place), "photos", "photos/", f"{place.parent}/./photos", place):
        found = encode(run, written)
        assert len(found.codes) == NUM_IMAGES
        assert found.inputs.names[0] == "a/00.png"
        assert found.classes is not None and found.classes.count("b") == NUM_IMAGES // 3
        assert str(NUM_IMAGES) in "".join(note.text() for note in found.notes)
        assert len(reconstruct(run, written).errors) == NUM_IMAGES
        assert len(detect(run, written, false_alarms=0.4).scores) == NUM_IMAGES


def test_without_a_path_it_is_the_test_part_and_a_split_is_one(run: Run, place: Path) -> None:
    data = run.data()
    assert isinstance(data, ImageData)
    num_test = len(data.test)
    assert num_test < NUM_IMAGES
    assert len(encode(run).codes) == len(detect(run, false_alarms=0.4).scores) == num_test
    assert len(reconstruct(run).errors) == num_test
    for part in ("train", "validation", "test"):
        own = len(getattr(data, part))
        assert len(encode(run, split=part).codes) == len(encode(run, place, split=part).codes)
        assert len(encode(run, split=part).codes) == own


@pytest.mark.parametrize("form", ["zip", "npz", "one file"])
def test_a_file_means_all_of_it_too(tmp_path: Path, form: str) -> None:
    import numpy as np

    own = photos(tmp_path / "photos")
    if form == "zip":
        own = Path(shutil.make_archive(str(tmp_path / "own"), "zip", own))
    if form == "npz":
        x = np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, 8, 8), dtype="uint8")
        own = tmp_path / "own.npz"
        np.savez(own, x=x, y=np.arange(NUM_IMAGES) % 3)
    run = train("ae-mnist", data=str(own), out=tmp_path / "ae", **TINY)
    if form == "one file":
        assert len(encode(run, own / "a" / "00.png").codes) == 1
        return
    found = encode(run, own)
    assert len(found.codes) == NUM_IMAGES and found.classes is not None


def test_a_data_set_by_its_name_is_its_test_images(tmp_path: Path) -> None:
    run = train("ae-mnist", data="digits", out=tmp_path / "ae", **TINY)
    assert torch.equal(encode(run, "digits").codes, encode(run).codes)


def test_a_model_that_is_told_classes_takes_folders_that_say_them(
    place: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cvae"
    run = train("cvae-mnist", data=str(place), settings=["model.classes=3"], out=out, **TINY)
    assert len(encode(run, place).codes) == NUM_IMAGES
    others = photos(tmp_path / "others")
    assert len(encode(run, others).codes) == NUM_IMAGES
    shutil.move(others / "a", others / "z")
    for strange in (others, others / "b", others / "b" / "01.png"):
        with pytest.raises(UsageError, match="needs the class of each image"):
            encode(run, strange)


def test_classes_of_other_names_are_not_the_runs(run: Run, tmp_path: Path) -> None:
    others = photos(tmp_path / "others")
    os.rename(others / "c", others / "d")
    assert encode(run, others).classes is None


def test_what_is_strange_is_known_of_all_images_of_the_runs_own_folder(
    place: Path, tmp_path: Path
) -> None:
    out = tmp_path / "without"
    run = train("ae-mnist", data=str(place), leave_out=1, out=out, **TINY)
    found = detect(run, place, false_alarms=0.4)
    assert found.is_anomaly is not None and int(found.is_anomaly.sum()) == NUM_IMAGES // 3
