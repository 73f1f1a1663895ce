"""load(): names, splits, settings, and real data where a mirror is at hand."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from sklearn.datasets import load_digits

from olaria.data import DATASETS, DataConfig, ImageData, Images, TextData, load
from olaria.data.split import num_validation, split_images
from olaria.errors import ConfigError, UsageError
from olaria.i18n import is_known

MIRROR = os.environ.get("OLARIA_MIRROR")
needs_mirror = pytest.mark.skipif(MIRROR is None, reason="OLARIA_MIRROR is not set")


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MIRROR is not None
    monkeypatch.setenv("OLARIA_MIRROR", MIRROR)


def test_listing_needs_neither_torch_nor_numpy() -> None:
    code = "import sys, olaria.data; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_digits_are_the_bundled_ones_each_once() -> None:
    data = load("digits")
    assert isinstance(data, ImageData)
    assert (data.shape, data.num_classes, data.source) == ((1, 8, 8), 10, "bundled")
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == [1457, 161, 179]
    pixels = torch.cat([part.x for part in parts]).flatten(1)
    assert pixels.dtype == torch.uint8
    assert int(pixels.max()) == 255
    bundled = torch.tensor(load_digits().images * 255 / 16).round().to(torch.uint8).flatten(1)
    assert torch.equal(torch.sort(pixels.float().sum(1))[0], torch.sort(bundled.float().sum(1))[0])
    for part in parts:
        assert part.y is not None
        assert set(part.y.tolist()) == set(range(10))
    again = load("digits")
    assert isinstance(again, ImageData)
    assert torch.equal(again.test.x, data.test.x)


def test_digits_are_read_without_their_library_and_through_it_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = "import sys; from olaria.data import load; print(load('digits').sha256, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    sha256, is_imported = done.stdout.split()
    assert is_imported == "False"
    monkeypatch.setattr("olaria.data.digits._SHA256", "of another version")
    through = load("digits")
    assert isinstance(through, ImageData)
    assert (
        sha256
        == through.sha256
        == "0b7e9c3202d7bcd255d6a19a238d3743bf5e320ba74812a6679958a017c55382"
    )


def test_last_training_images_validate() -> None:
    images = Images(torch.arange(20, dtype=torch.uint8).reshape(20, 1, 1, 1), torch.arange(20))
    train, validation = split_images(images)
    assert validation.x.flatten().tolist() == [18, 19]
    assert train.x.flatten().tolist() == list(range(18))
    assert [num_validation(n) for n in (60_000, 50_000, 49_999)] == [5000, 5000, 4999]


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean mnist"):
        load("mnits")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("digits", {"tokenizer": "word"}),
        ("digits", {"column": "a"}),
        ("toy-language", {"resize": 8}),
        ("toy-language", {"encoding": "cp1252"}),
    ],
)
def test_a_setting_without_effect_is_an_error(name: str, settings: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="has no effect"):
        load(name, DataConfig.parse({"name": name, **settings}))


def test_resize_applies_to_named_sets_and_changes_the_fingerprint() -> None:
    plain, small = load("digits"), load("digits", DataConfig(name="digits", resize=4))
    assert isinstance(plain, ImageData)
    assert isinstance(small, ImageData)
    assert small.shape == (1, 4, 4)
    assert small.sha256 != plain.sha256
    with pytest.raises(ConfigError):
        DataConfig.parse({"name": "digits", "resize": 0})


def test_each_data_set_says_its_licence_and_files_have_hashes() -> None:
    for name, data_set in DATASETS.items():
        assert name == data_set.name
        assert data_set.licence
        # A name is one in every language, words are translated.
        is_name = any(letter.isupper() for letter in data_set.licence)
        assert is_name is not is_known(data_set.licence)
        for file in data_set.files:
            assert len(file.sha256) == 64


@needs_mirror
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_images(name: str, mirror: None) -> None:
    data = load(name, offline=True)
    assert isinstance(data, ImageData)
    assert [len(p) for p in (data.train, data.validation, data.test)] == [55_000, 5_000, 10_000]
    assert data.test.y is not None
    assert data.test.y.bincount().sum() == 10_000


@needs_mirror
def test_real_text(mirror: None) -> None:
    data = load("tiny-shakespeare", offline=True)
    assert isinstance(data, TextData)
    assert (len(data.train), len(data.validation)) == (1_003_854, 111_540)
    assert len(set(data.text)) == 65
