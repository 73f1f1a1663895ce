"""Paths as people write them: empty, of a home that is not there, and of names that are not UTF-8."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from olaria.characters import encodable
from olaria.errors import UsageError
from olaria.i18n import Message, detect_language
from olaria.storage.files import read_json, read_lines, write_json, write_text
from olaria.storage.folder import runs_home
from olaria.storage.paths import folder_of, openable, user_path

bytes_are_names = pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
LATIN_1 = os.fsdecode(b"ma\xe7\xe3")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0"])
def test_an_empty_path_names_nothing(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="empty"):
        user_path(blank)
    for variable in ("OLARIA_RUNS", "OLARIA_MIRROR"):
        monkeypatch.setenv(variable, blank)
        assert folder_of(variable) is None
    assert runs_home() == Path("runs")
    assert detect_language({"OLARIA_LANG": blank, "LANG": "pt_BR.UTF-8"}) == "pt"


@pytest.mark.parametrize("name", ["a\0b", "\ud83d", "x/\udfff.txt"])
def test_a_name_that_no_file_can_have_is_one_line(name: str) -> None:
    with pytest.raises(UsageError, match="no file can have the name") as caught:
        user_path(name)
    assert str(caught.value).isprintable() or "\0" in name


def test_a_tilde_is_the_home_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("USERPROFILE", str(here))
    assert user_path("~") == here and user_path("~/a b") == here / "a b"
    assert user_path("a/~/b") == Path("a/~/b")
    monkeypatch.setenv("OLARIA_RUNS", "~/runs")
    assert runs_home() == here / "runs"


def nobody(_path: Path) -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_without_a_home_a_tilde_is_told_and_other_names_stay(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "expanduser", nobody)
    with pytest.raises(UsageError, match="home folder"):
        user_path("~/a.txt")
    for name in ("a.txt", "~$draft.docx", "~ana/a.txt"):  # as Word and editors leave them
        assert user_path(name) == Path(name)
    (here / "~$draft.docx").touch()
    assert user_path("~$draft.docx") == Path("~$draft.docx")


def test_a_byte_that_is_not_utf_8_is_written_so_that_it_can_be_read_back(here: Path) -> None:
    name = "ma\udce7\udce3"  # what Python makes of the bytes, on any system
    shown = r"ma\xe7\xe3"
    assert encodable(name) == shown and encodable("maçã") == "maçã"
    assert Message("{name} left out", {"name": name}).text() == shown + " left out"
    write_json(here / "a.json", {name: [name]})
    assert read_json(here / "a.json") == {shown: [shown]}
    (here / "a.json").read_bytes().decode()
    write_text(here / "a.txt", name)
    assert (here / "a.txt").read_text() == shown
    assert user_path(shown) == Path(shown)  # no such file: as it is written


@bytes_are_names
def test_what_was_written_names_the_same_file_again(here: Path) -> None:
    folder = here / LATIN_1
    folder.mkdir()
    (folder / LATIN_1).write_text("x")
    assert user_path(encodable(str(folder / LATIN_1))).read_text() == "x"
    (here / r"ma\xe7\xe3").mkdir()  # a file of that very name comes first
    assert not list(user_path(encodable(str(folder))).iterdir())


@bytes_are_names
def test_a_log_of_any_name_can_be_opened_by_a_library_that_takes_utf_8(here: Path) -> None:
    path = here / LATIN_1
    path.write_text('{"a": 1}\n')
    with openable(path) as there:
        str(there).encode()
        assert read_lines(there) == [{"a": 1}]
    with openable(here) as there:
        assert there == here
