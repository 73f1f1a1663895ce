"""One process at a time, and what is left of one that was ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from olaria.errors import RunError, StorageError
from olaria.storage.files import unfinished, write_atomic, write_bytes
from olaria.storage.locks import locked


def busy() -> RunError:
    return RunError("busy")


def explain(path: Path, error: OSError) -> StorageError:
    return StorageError("{path}, in words of its own", path=str(path))


def test_a_lock_that_another_holds_is_the_error_of_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "lock"
    for timeout_s in (0.0, 0.05):
        with (
            locked(path, busy),
            pytest.raises(RunError, match="busy"),
            locked(path, busy, timeout_s),
        ):
            raise AssertionError


def test_it_is_let_go_of_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="of the body"), locked(tmp_path / "lock", busy):
        raise OSError("of the body")  # which is not a refusal of the lock
    with FileLock(tmp_path / "lock", timeout=0):
        pass


def test_refusals_are_explained_by_the_caller_where_he_does(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    inside = tmp_path / "file" / "below"
    for write in (
        lambda: write_bytes(inside, b"", explain),
        lambda: write_atomic(inside, lambda temporary: None, explain=explain),
        lambda: locked(inside, busy, explain=explain).__enter__(),
    ):
        with pytest.raises(StorageError, match="words of its own"):
            write()
    with pytest.raises(StorageError, match="cannot use"), locked(inside, busy):
        raise AssertionError


def test_what_an_ended_writer_left_is_found_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a[1].txt"
    left: list[Path] = []

    def stop(temporary: Path) -> None:
        left.extend(unfinished(target))
        assert left == [temporary]

    (tmp_path / ".a[1].txt.xyz.partial").touch()
    (tmp_path / ".a1.txt.xyz.tmp").touch()
    (tmp_path / "a[1].txt.tmp").touch()
    assert unfinished(target) == [tmp_path / ".a[1].txt.xyz.partial"]
    (tmp_path / ".a[1].txt.xyz.partial").unlink()
    write_atomic(target, stop)
    assert left and unfinished(target) == [] and target.exists()
