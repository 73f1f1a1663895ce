"""Where verbs write: names that are free, taken at the moment they are chosen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from olaria.errors import StorageError
from olaria.workflows.files import new_place

FREE = SimpleNamespace(out=None, overwrite=False)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def at(out: str, *, overwrite: bool = False) -> SimpleNamespace:
    return SimpleNamespace(out=out, overwrite=overwrite)


def test_writers_that_choose_at_once_get_different_names(here: Path) -> None:
    def write(number: int) -> Path:
        with new_place(FREE, "vae-samples", ".png") as path:
            path.write_text(str(number))
        return path

    with ThreadPoolExecutor(8) as pool:
        chosen = list(pool.map(write, range(40)))
    assert len(set(chosen)) == 40
    assert sorted(int(path.read_text()) for path in here.iterdir()) == list(range(40))


def test_a_name_is_free_only_with_all_that_is_written_beside_it(here: Path) -> None:
    def written(path: Path) -> list[Path]:
        return [path, path.with_name(f"{path.stem}-pca.png")]

    Path("vae-codes-pca.png").write_text("mine")
    Path("vae-codes-2.tsv").symlink_to("nowhere")
    with new_place(FREE, "vae-codes", ".tsv", written) as path:
        assert path == Path("vae-codes-3.tsv")
    assert not Path("vae-codes.tsv").exists() and not Path("vae-codes-2-pca.png").exists()


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt()])
def test_files_that_belong_together_are_written_all_or_none(
    here: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)), new_place(FREE, "a", ".png"):
        raise error
    assert list(here.iterdir()) == []

    def both(path: Path) -> list[Path]:
        return [path, path.with_suffix(".tsv")]

    with pytest.raises(type(error)), new_place(FREE, "a", ".png", both) as path:
        path.write_text("one of two")
        raise error
    assert list(here.iterdir()) == []


def test_a_place_that_is_named_is_never_written_twice(here: Path) -> None:
    with new_place(at("sub/a.png"), "x", ".png") as path:
        path.write_text("first")
        with (
            pytest.raises(StorageError, match="already there"),
            new_place(at("sub/a.png"), "x", ""),
        ):
            pass
    assert (here / "sub" / "a.png").read_text() == "first"
    with new_place(at("sub/a.png", overwrite=True), "x", ".png") as path:
        path.write_text("second")
    assert (here / "sub" / "a.png").read_text() == "second"
    with pytest.raises(StorageError), new_place(at("sub/a.png/below"), "x", ".png"):
        pass


def test_a_long_name_leaves_room_for_what_is_put_behind_it() -> None:
    for _ in range(2):
        with new_place(FREE, "ção" * 90, "-samples.png") as path:
            path.write_text("x")
    assert path.name.endswith("-2-samples.png")
