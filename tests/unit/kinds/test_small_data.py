"""Presets on a user's few images or points: the batch follows the data, and is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from olaria.errors import ConfigError
from olaria.i18n import Message
from olaria.training.events import Event, Warned
from olaria.workflows.running import replay
from olaria.workflows.train import train

FEW = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty images: 49 train, 5 validate, 6 test."""
    place = tmp_path / "mine"
    place.mkdir()
    draws = torch.Generator().manual_seed(0)
    for i in range(FEW):
        pixels = torch.randint(256, (8, 8), generator=draws).to(torch.uint8)
        Image.fromarray(pixels.numpy()).save(place / f"{i:03}.png")
    return place


def test_a_batch_is_a_tenth_of_few_images(folder: Path, tmp_path: Path) -> None:
    told: list[Message] = []

    def listen(event: Event) -> None:
        if isinstance(event, Warned) and event.is_note:
            told.append(event.message)

    run = train(
        "vae-mnist",
        data=str(folder),
        size="tiny",
        steps=12,
        out=tmp_path / "run",
        listeners=[listen],
    )
    assert run.recipe.training.batch_size == 4 and run.result["steps"] == 12
    notes = [message.fields for message in told if "batches of" in message.id]
    assert notes == [{"count": 49, "size": 4, "usual": 512}]
    again = replay(run.path, out=tmp_path / "again")
    first, second = (r.model().state_dict() for r in (run, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_batch_that_was_asked_for_stays(folder: Path, tmp_path: Path) -> None:
    asked = ["training.batch_size=50"]
    with pytest.raises(ConfigError, match="batch_size 50 is larger than the training data, 49"):
        train("vae-mnist", data=str(folder), steps=1, settings=asked, out=tmp_path / "no")
    asked = ["training.batch_size=49"]
    run = train("vae-mnist", data=str(folder), size="tiny", steps=1, settings=asked,
                out=tmp_path / "run")  # fmt: skip
    assert run.recipe.training.batch_size == 49


def test_points_too(tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text("".join(f"{i},{i * i % 7}\n" for i in range(FEW)))
    run = train("gan-ring", data=str(table), size="tiny", steps=2, out=tmp_path / "run")
    assert run.recipe.training.batch_size == 4
