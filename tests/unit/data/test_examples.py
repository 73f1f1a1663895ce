"""Loaded data in a notebook: parts are data sets for PyTorch, and say in a line what they hold."""

from __future__ import annotations

import copy
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset, random_split

import olaria
from olaria.data import ImageData, Images
from olaria.runs.opening import CodedText


@pytest.fixture(scope="module")
def digits() -> Any:
    return olaria.load_data("digits")


def own(path: Path) -> Any:
    values = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)
    np.save(path / "own.npy", values)
    return olaria.load_data(path / "own.npy")


def test_each_part_of_images_is_a_data_set_of_torch(digits: Any, tmp_path: Path) -> None:
    for data in (digits, own(tmp_path), olaria.load_data("digits", leave_out=3, resize=6)):
        assert isinstance(data, ImageData)
        for part in (data.train, data.validation, data.test):
            assert isinstance(part, Dataset)
            assert len(list(iter(part))) == len(part)


def test_an_example_is_what_a_network_takes(digits: Any, tmp_path: Path) -> None:
    assert digits.train.y is not None
    x, y = digits.train[3]
    assert torch.equal(x, digits.train.x[3].float() / 255) and x.shape == (1, 8, 8)
    assert y == digits.train.y[3] and type(y) is int
    for number in (np.int64(3), torch.tensor(3), 3 - len(digits.train)):
        assert digits.train[number][1] == y
    with pytest.raises(IndexError):
        digits.train[len(digits.train)]
    assert own(tmp_path).train[0].shape == (3, 6, 5), "no class, no pair"


def test_loaders_and_other_tools_of_torch_take_it(digits: Any, tmp_path: Path) -> None:
    x, y = next(iter(DataLoader(digits.train, batch_size=7, shuffle=True)))
    assert x.shape == (7, 1, 8, 8) and x.dtype == torch.float32 and y.dtype == torch.int64
    assert next(iter(DataLoader(own(tmp_path).test, batch_size=2))).shape == (2, 3, 6, 5)
    assert len(Subset(digits.train, [1, 2])[0]) == 2
    assert sum(len(half) for half in random_split(digits.train, [0.5, 0.5])) == len(digits.train)
    again = copy.deepcopy(digits.test)
    assert torch.equal(again.x, digits.test.x)


def test_several_examples_stay_images(digits: Any) -> None:
    train = digits.train
    threes = train[train.y == 3]
    assert isinstance(threes, Images) and len(threes) == int((train.y == 3).sum())
    assert torch.equal(train[2:5].x, train.x[2:5]) and torch.equal(train[[4, 1]].x, train.x[[4, 1]])
    by_array: Any = train[train.y.numpy() == 3]
    assert torch.equal(by_array.x, threes.x)


def test_loaded_data_show_themselves(digits: Any) -> None:
    assert repr(digits) == ("<digits: 1,457 train, 161 validation, 179 test images (1, 8, 8)>")
    assert repr(digits.train[:5]) == "<images (5, 1, 8, 8) with classes>"
    for shown in (digits, digits.train, digits.test[:3]):
        with Image.open(BytesIO(shown._repr_png_())) as picture:
            assert picture.width > 100
    assert digits.train[:0]._repr_png_() is None


@pytest.mark.parametrize("name", ["toy-language", "dates", "ring"])
def test_data_of_other_kinds_are_one_line(name: str) -> None:
    shown = repr(olaria.load_data(name))
    assert shown.startswith(f"<{name}: ") and len(shown) < 100 and "\n" not in shown


def test_lines_of_codes_are_one_line_too() -> None:
    assert CodedText.__repr__ is olaria.load_data("toy-language").__class__.__repr__
