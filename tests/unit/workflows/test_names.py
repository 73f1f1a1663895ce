"""Files and folders whose names are not UTF-8, as an old zip leaves them: trained, measured, listed, reported."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

import olaria
from olaria.cli.main import main
from olaria.workflows.face import OpenRun
from olaria.workflows.runs import list_runs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
APPLE, BREAD = "ma\udce7\udce3", "p\udce3o"
"""The bytes of Latin-1, as Python has them."""
SHOWN = [r"ma\xe7\xe3", r"p\xe3o"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures and a text, all with such names, and the working folder beside them."""
    for label, name in enumerate((APPLE, BREAD)):
        (tmp_path / "fotos" / name).mkdir(parents=True)
        for i in range(30):
            grey = Image.new("L", (8, 8), 100 * label + i)
            grey.save(tmp_path / "fotos" / name / f"n{i}.png")
        os.rename(
            tmp_path / "fotos" / name / "n0.png",
            tmp_path / "fotos" / name / os.fsdecode(b"\xba.png"),
        )
    (tmp_path / "fotos" / BREAD / os.fsdecode(b"anota\xe7.txt")).write_text("à mão")
    (tmp_path / os.fsdecode(b"cora\xe7\xe3o.txt")).write_text("o oleiro gira o barro\n" * 200)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / os.fsdecode(b"execu\xe7\xf5es")))
    return tmp_path


def sound(folder: Path) -> str:
    """All of a run's text files, which must be UTF-8."""
    files = [path for path in folder.rglob("*") if path.suffix in (".json", ".jsonl", ".txt")]
    return "".join(path.read_bytes().decode() for path in files)


def test_e9_two_classes_stay_two_and_every_file_is_utf_8(here: Path) -> None:
    data = olaria.load_data("fotos")
    assert list(data.class_names) == SHOWN
    assert any(r"anota\xe7.txt" in note.text() for note in data.notes)
    run = olaria.train("ae-mnist", data="fotos", size="tiny", steps=2)
    assert run.path.is_relative_to(here / os.fsdecode(b"execu\xe7\xf5es"))
    assert r"anota\\xe7.txt" in sound(run.path)
    run.encode(out="codes.tsv")
    rows = (here / "codes.tsv").read_bytes().decode().splitlines()[1:]
    assert {row.split("\t")[1] for row in rows} <= {*SHOWN}
    json.dumps(run.reconstruct("fotos").to_json()).encode()
    apples = os.path.join("fotos", APPLE)
    assert main(["encode", str(run.path), apples, "--map", "pca"]) == 0  # names are drawn, too
    assert main(["encode", str(run.path), apples, "--json"]) == 0


def test_a_run_of_such_a_name_and_such_data_opens_again(here: Path) -> None:
    name = os.fsdecode(b"cora\xe7\xe3o.txt")
    assert olaria.load_data(name).name == olaria.load_data(name).title == r"cora\xe7\xe3o.txt"
    out = here / os.fsdecode(b"r\xe7")
    run = olaria.train("bigram-shakespeare", data=name, out=out, size="tiny", steps=2)
    assert run.name == r"r\xe7" and run.recipe.data.name == str(here / r"cora\xe7\xe3o.txt")
    sound(out)
    again: OpenRun = olaria.open(r"r\xe7")  # as it is shown
    assert again.sample(max_tokens=5)
    again.evaluate()
    assert r'"data": "cora\\xe7\\xe3o.txt"' in sound(out)
    page = again.report(out=here / "r.html").path.read_bytes().decode()
    assert r"cora\xe7\xe3o.txt" in page and r"r\xe7" in page
    replayed = olaria.train(replay=out)
    assert replayed.recipe.data == run.recipe.data
    assert [row["name"] for row in list_runs()["runs"]] == [r"r\xe7"]
    tuned = olaria.train("bigram-shakespeare", data=name, start=out, steps=1, out="tuned")
    assert tuned.provenance["base"]["name"] == r"r\xe7"


def test_the_command_line_shows_such_names_and_never_fails(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "stats", "fotos"]) == 0
    assert SHOWN[0] in capsys.readouterr().out
    assert main(["data", "stats", "fotos", "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["classes"] == SHOWN and shown.encode()
    for words in (
        ["sample", APPLE],
        ["train", "ae-mnist", "--data", APPLE],
        ["train", APPLE],
        ["sample", "r", "--prompt", APPLE],
        ["data", "stats", "fotos", "--resize", APPLE],
        [APPLE],
        ["data", "stats", "\0"],
        ["data", "stats", "n" * 5000],
        ["train", "ae-mnist", "--data", "digits", "--out", "n" * 5000],
    ):
        assert main(words) in (1, 2)
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and error.encode() and "bug" not in error
