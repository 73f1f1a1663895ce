"""``olaria data`` speaks words, and the user's language; keys are for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from olaria.cli.data import STATISTICS
from olaria.cli.main import main

NAMED = ["digits", "ring", "grid", "toy-translation", "dates", "toy-language"]


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 0
    return capsys.readouterr().out


def own_images(folder: Path) -> str:
    for number in range(12):
        place = folder / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(torch.randint(0, 256, (8, 8), dtype=torch.uint8).numpy()).save(place)
    return str(folder)


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("name", [*NAMED, "own"])
def test_statistics_have_names(
    name: str, language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = own_images(tmp_path / "own") if name == "own" else name
    out = shown(capsys, "data", "stats", data, "--lang", language)
    labels = [re.split(r"\s{2,}", line)[0] for line in out.splitlines()]
    assert not [label for label in labels if "_" in label or "." in label]
    if language == "pt" and name != "toy-language":
        english = {
            *("shape", "images", "classes of", "mean", "std", "points", "clusters", "pairs"),
            *("training", "test", "train", "source", "target", "example", "alphabet"),
        }
        words = {word for label in labels for word in re.findall(r"\w+", label)}
        assert not words & english


def test_every_key_of_a_description_has_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    from olaria.cli.data import _DESCRIBED

    for name in ("digits", "ring", "toy-translation"):
        found = json.loads(shown(capsys, "data", "stats", name, "--json"))
        for key, value in found.items():
            assert key in _DESCRIBED or key in STATISTICS
            if isinstance(value, dict) and key != "example":
                assert value.keys() <= STATISTICS.keys()


@pytest.mark.parametrize("language", ["en", "pt"])
def test_what_images_lack_has_no_line(
    language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_classes = Path(own_images(tmp_path / "own"))
    plain = tmp_path / "plain"
    plain.mkdir()
    for file in with_classes.glob("*/*.png"):
        file.rename(plain / file.name)
    out = shown(capsys, "data", "stats", str(plain), "--lang", language)
    assert "classe" not in out and "class" not in out
    assert "imagens: teste" in out or "images: test" in out
