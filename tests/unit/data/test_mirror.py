"""The mirror that a class uses: remembered once, used everywhere, forgotten on request."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from olaria.cli.main import main
from olaria.data import DATASETS, places
from olaria.errors import OlariaError, SourceError, StorageError, UsageError
from olaria.workflows import data as workflow
from olaria.workflows import data_folders as folders
from olaria.workflows.doctor import doctor

CONTENT = b"to be or not to be, that is the question\n" * 20
NAMES = ("tiny-shakespeare", "shakespeare")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's own folder; every data set of these tests is short, and nothing is on the network."""
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OLARIA_MIRROR", raising=False)
    all_of_them = dict(DATASETS)
    known = {
        "size_bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "addresses": (),
    }
    DATASETS.clear()
    for name in NAMES:
        files = tuple(replace(file, **known) for file in all_of_them[name].files)
        DATASETS[name] = replace(all_of_them[name], files=files, archive=None)
    yield tmp_path / "home"
    DATASETS.clear()  # and in their order again
    DATASETS.update(all_of_them)


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "a stick" / "data"
    (folder / "tiny-shakespeare").mkdir(parents=True)
    (folder / "tiny-shakespeare" / "input.txt").write_bytes(CONTENT)
    return folder


def settings(home: Path) -> object:
    return json.loads((home / "settings.json").read_text(encoding="utf-8"))


def test_a_mirror_is_remembered_and_used(stick: Path, home: Path) -> None:
    told = folders.use(stick)
    assert told["mirror"] == str(stick) and told["by"] == "settings"
    assert told["data_sets"] == ["tiny-shakespeare"]
    assert settings(home) == {"format": 1, "mirror": str(stick)}
    assert workflow.get("tiny-shakespeare", offline=True)["source"] == "mirror"
    for shown in (workflow.list_datasets(), folders.where(), doctor(), folders.use()):
        assert shown["mirror"] == str(stick)


def test_a_mirror_is_forgotten(stick: Path, home: Path) -> None:
    assert folders.use(forget=True)["mirror"] is None and not home.exists()
    folders.use(stick)
    assert folders.use(forget=True)["mirror"] is None
    assert settings(home) == {"format": 1}
    with pytest.raises(SourceError, match="olaria data use DIR"):
        workflow.get("tiny-shakespeare", offline=True)
    assert workflow.list_datasets()["mirror"] is None


def test_the_variable_goes_first(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(stick, other)
    folders.use(stick)
    monkeypatch.setenv("OLARIA_MIRROR", str(other))
    told = folders.use()
    assert (told["mirror"], told["by"]) == (str(other), "OLARIA_MIRROR")
    (home / "settings.json").write_text("{")  # what is not used is not read
    assert places.mirror_folder() == other
    monkeypatch.setenv("OLARIA_MIRROR", " ")
    with pytest.raises(StorageError):
        places.mirror_folder()


def test_a_relative_folder_is_remembered_from_the_root(
    stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stick.parent)
    assert folders.use("data")["mirror"] == str(stick)
    link = stick.parent / "usb"
    link.symlink_to(stick)
    assert folders.use("usb")["mirror"] == str(link)


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on Linux alone")
def test_a_name_that_is_no_utf8_is_remembered(stick: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(stick.parent) + b"/ma\xe7\xe3"))
    stick.rename(odd)
    folders.use(odd)
    assert places.mirror_folder() == odd


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("nothing", "cannot read"),
        ("empty", "holds no data set, as mnist/"),
        ("above", "did you mean"),
    ],
)
def test_a_folder_without_data_is_not_remembered(
    made: str, words: str, stick: Path, tmp_path: Path, home: Path
) -> None:
    folder = stick.parent if made == "above" else tmp_path / made
    if made == "empty":
        folder.mkdir()
    with pytest.raises(UsageError, match=words) as caught:
        folders.use(folder)
    assert "\n" not in str(caught.value)
    assert not home.exists()
    with pytest.raises(UsageError, match="not both"):
        folders.use(stick, forget=True)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1, "mirror": 3}', '{"mirror": ""}', "\xff"]
)
def test_damaged_settings_are_one_line_and_written_anew(text: str, stick: Path, home: Path) -> None:
    home.mkdir()
    (home / "settings.json").write_text(text, encoding="latin-1")
    with pytest.raises(OlariaError, match="olaria data use DIR writes it anew"):
        places.mirror_folder()
    advice = [json.dumps(one) for one in doctor()["advice"]]
    assert any("writes it anew" in one for one in advice)
    folders.use(stick)
    assert settings(home) == {"format": 1, "mirror": str(stick)}


def test_what_a_later_olaria_remembers_stays(stick: Path, home: Path) -> None:
    home.mkdir()
    (home / "settings.json").write_text('{"format": 1, "kiln": "hot"}')
    folders.use(stick)
    folders.use(forget=True)
    assert settings(home) == {"format": 1, "kiln": "hot"}
    (home / "settings.json").write_text('{"format": 2, "mirror": {}}')
    with pytest.raises(StorageError, match="newer Olaria"):
        folders.use(stick)
    assert settings(home) == {"format": 2, "mirror": {}}


def test_a_stick_that_is_pulled_out_is_told(stick: Path) -> None:
    folders.use(stick)
    shutil.rmtree(stick)
    with pytest.raises(SourceError, match="no such folder"):
        workflow.get("tiny-shakespeare", offline=True)
    assert any("data use --none" in json.dumps(one) for one in doctor()["advice"])


# --- several data sets at once --------------------------------------------------------------------


def test_several_data_sets_are_brought_at_once(
    stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders.use(stick)
    told = workflow.get(("tiny-shakespeare", "shakespeare"), offline=True)
    assert [one["name"] for one in told["data_sets"]] == ["tiny-shakespeare"]
    assert [one["name"] for one in told["left_out"]] == ["shakespeare"]
    assert not told.is_good
    assert main(["data", "get", "all", "--offline"]) == 1
    shown = capsys.readouterr()
    assert "tiny-shakespeare" in shown.out and "no source could give shakespeare" in shown.err
    with pytest.raises(UsageError, match="did you mean tiny-shakespeare"):
        workflow.get(("tiny-shakespeare", "tiny-shakespear"))


def test_all_are_those_that_have_files(stick: Path) -> None:
    folders.use(stick)
    del DATASETS["shakespeare"]
    DATASETS["nothing"] = replace(DATASETS["tiny-shakespeare"], name="nothing", files=())
    told = workflow.get("all", offline=True)
    assert told["name"] == "tiny-shakespeare"


def test_a_mirror_that_was_written_is_used(stick: Path, tmp_path: Path) -> None:
    folders.use(stick)
    workflow.get("tiny-shakespeare", offline=True)
    folders.mirror(tmp_path / "second")
    shutil.rmtree(stick)
    assert folders.use(tmp_path / "second")["data_sets"] == ["tiny-shakespeare"]


def test_commands_show_the_mirror(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "use", str(stick)]) == 0
    assert str(stick) in capsys.readouterr().out
    assert main(["data", "--lang", "pt"]) == 0
    assert "espelho" in capsys.readouterr().err
    assert main(["data", "use", "--none"]) == 0
    capsys.readouterr()
    assert main(["data", "list"]) == 0
    assert str(stick) not in capsys.readouterr().err
