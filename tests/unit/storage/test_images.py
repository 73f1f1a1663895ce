"""Pictures: values, ground and time."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from olaria.storage.images import animate, make_grid, save_png


def test_numbers_become_grey_values() -> None:
    x = torch.tensor([0.0, 0.5, 1.0, -3.0, 9.0]).view(5, 1, 1, 1)
    grid = np.array(make_grid(x, columns=5))
    assert grid[2, 2::3].tolist() == [0, 128, 255, 0, 255]
    assert grid[0, 0] == 230


def test_bytes_are_shown_as_they_are() -> None:
    x = torch.arange(48, dtype=torch.uint8).view(1, 3, 4, 4)
    inside = np.array(make_grid(x))[2:-2, 2:-2]
    assert np.array_equal(inside, x[0].permute(1, 2, 0).numpy())


def test_scaling_repeats_pixels() -> None:
    x = torch.tensor([[0.0, 1.0]]).view(1, 1, 1, 2)
    grid = np.array(make_grid(x, scale=3))
    assert np.array_equal(grid[6:9, 6:12], np.repeat([[0, 255]], 3, 0).repeat(3, 1))


def test_a_png_is_written_whole(tmp_path: Path) -> None:
    picture = make_grid(torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    save_png(tmp_path / "a" / "b.png", picture)
    with Image.open(tmp_path / "a" / "b.png") as back:
        assert np.array_equal(np.array(back), np.array(picture))
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.png"]


def test_an_animation_loops_and_rests_at_its_end() -> None:
    frames = [make_grid(torch.full((1, 1, 4, 4), level)) for level in (0.0, 0.5, 1.0)]
    with Image.open(io.BytesIO(animate(frames, frame_ms=100, last_ms=900))) as gif:
        durations, shades = [], []
        for frame in range(gif.n_frames):
            gif.seek(frame)
            durations.append(gif.info["duration"])
            shades.append(gif.convert("L").getpixel((3, 3)))
        assert gif.info["loop"] == 0
    assert durations == [100, 100, 900] and shades == [0, 128, 255]
