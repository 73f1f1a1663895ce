"""A person without a home folder, without an account, or whose home cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import olaria
from olaria.data import decoded, places
from olaria.data.pip_config import read_pip_config
from olaria.errors import StorageError
from olaria.workflows.data import list_datasets


@pytest.fixture(params=["raises", "tilde"])
def no_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a variable nor the system knows the home; platformdirs has had two answers to that."""
    import platformdirs

    def unknown(*_: object, **_options: object) -> str:
        if request.param == "raises":
            raise RuntimeError("could not determine the home directory")
        return "~/.cache/olaria"

    def nobody(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("OLARIA_HOME")
    monkeypatch.setattr(platformdirs, "user_cache_dir", unknown)
    monkeypatch.setattr(platformdirs, "user_config_dir", unknown)
    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr(Path, "expanduser", nobody)


def pictures(folder: Path) -> str:
    folder.mkdir()
    for i in range(10):
        Image.new("L", (8, 8), 20 * i).save(folder / f"{i}.png")
    return str(folder)


@pytest.mark.usefixtures("no_home")
def test_what_needs_no_cache_works_without_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoded, "KEPT_FROM", 5)  # large enough to be kept, were there a place
    assert len(olaria.load_data(pictures(tmp_path / "mine")).train) > 0
    assert len(olaria.load_data("digits").train) > 0
    assert not any(row["ready"] for row in list_datasets()["data_sets"] if row["needs_network"])
    read_pip_config({})
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


@pytest.mark.usefixtures("no_home")
def test_what_needs_a_cache_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="OLARIA_HOME"):
        olaria.load_data("mnist")
    with pytest.raises(StorageError, match="OLARIA_HOME"):
        places.home()


def test_a_home_that_cannot_be_written_keeps_nobody_from_their_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("no folder")
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(decoded, "KEPT_FROM", 5)
    assert len(olaria.load_data(pictures(tmp_path / "mine")).train) > 0
    with pytest.raises(StorageError, match="cannot"):
        olaria.load_data("mnist")
