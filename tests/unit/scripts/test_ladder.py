"""The ladder's script: what it trains, finds again, refuses and writes."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from olaria.families.language import RUNGS
from olaria.recipes import preset

ROOT = Path(__file__).parents[3]


def load(folder: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


ladder = load("scripts", "ladder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text, and the output of a first climb of two rungs."""
    home = tmp_path_factory.mktemp("ladder")
    (home / "text.txt").write_text("the cat sat on the mat | and slept.\n" * 60, encoding="utf-8")
    assert climb(home) == 0
    return home


def climb(home: Path, *more: str, rungs: str = "bigram average", steps: int = 2) -> int:
    words = f"--steps {steps} --budget 0.3 --size tiny --chars 40 --rungs {rungs}".split()
    words += ["--data", str(home / "text.txt"), "--out", str(home / "out"), *more]
    done: int = ladder.main(words)
    return done


def test_every_rung_is_there_once_and_from_the_bottom() -> None:
    presets = [rung.preset for rung in ladder.RUNGS.values()]
    assert len(set(presets)) == len(presets)
    assert [preset(name).model.family for name in presets] == [
        "bigram", *["language"] * len(RUNGS), "gpt",
    ]  # fmt: skip
    assert [preset(name).model.rung for name in presets[1:-1]] == list(RUNGS)


@pytest.mark.parametrize("size", ["tiny", "small", "base"])
def test_every_rung_learns_from_as_many_tokens_a_step(size: str) -> None:
    options = ladder.parsed(["--size", size, "--seed", "3"])
    tokens = set()
    for rung in ladder.RUNGS.values():
        recipe, settings = ladder.planned(rung, ladder.Ending(steps=7), options)
        assert (recipe.seed, recipe.training.steps, recipe.training.budget) == (3, 7, None)
        assert len(settings) == 1
        tokens.add(recipe.training.batch_size * recipe.window)
    assert len(tokens) == 1


def test_the_table_tells_what_the_runs_measured(folder: Path) -> None:
    text = (folder / "out" / "ladder.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in lines] == ["bigram", "average"]
    for line, name in zip(lines, ("bigram", "average"), strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for cell, ending in ((cells[3], "steps-2"), (cells[4], "budget-0.3s")):
            run = folder / "out" / ending / name
            found = json.loads((run / "evaluation.json").read_text())["metrics"]
            assert cell == f"{found['loss_nats_per_char']:.3f}"
        result = json.loads((run / "result.json").read_text())
        assert cells[2] == f"{result['num_parameters']:,}"
        assert cells[5] == f"{result['steps']:,}"
    assert len(re.findall(r"^```text$", text, re.MULTILINE)) == 2
    assert "text.txt" in text and str(folder) not in text


def test_what_is_done_is_found_and_what_is_not_is_begun_anew(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "out", tmp_path / "out")
    shutil.copy(folder / "text.txt", tmp_path)
    half = tmp_path / "out" / "steps-2" / "average"
    status = json.loads((half / "status.json").read_text())
    (half / "status.json").write_text(json.dumps({**status, "state": "stopped"}))
    before = (tmp_path / "out" / "steps-2" / "bigram" / "result.json").stat().st_mtime_ns
    assert climb(tmp_path) == 0
    assert (tmp_path / "out" / "steps-2" / "bigram" / "result.json").stat().st_mtime_ns == before
    out = capsys.readouterr().out
    for words in ("steps-2/bigram: found", "steps-2/average: unfinished", "0.3s/average: found"):
        assert words in out
    assert json.loads((half / "status.json").read_text())["state"] == "done"


def test_a_run_of_another_recipe_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert climb(folder, "--seed", "1") == 2
    error = capsys.readouterr().err
    assert "bigram was trained by another recipe" in error and "--out" in error


@pytest.mark.parametrize("words", ["--steps 0", "--budget 0", "--chars -1", "--rungs attic"])
def test_impossible_words_are_refused(words: str) -> None:
    with pytest.raises(SystemExit) as caught:
        ladder.main(words.split())
    assert caught.value.code == 2


# -- the benchmark of the averaging trick ----------------------------------------------------------


def test_the_benchmark_times_every_version(capsys: pytest.CaptureFixture[str]) -> None:
    averaging = load("benchmarks", "averaging")
    assert averaging.main(["--repeats", "1", "--lengths", "2", "5", "--batch", "2"]) == 0
    _, heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["T", "loops", "product", "softmax", "attention"]
    assert [row.split()[0] for row in rows] == ["2", "5"]
    assert all(float(cell) > 0 for row in rows for cell in row.split()[1:])
    assert (averaging.LENGTHS[0], averaging.LENGTHS[-1]) == (8, 512)


def test_the_benchmark_stops_where_the_versions_differ(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    averaging = load("benchmarks", "averaging")
    monkeypatch.setattr(averaging, "average_by_softmax", lambda x: x)
    assert averaging.main(["--repeats", "1", "--lengths", "3"]) == 1
    assert "differ" in capsys.readouterr().err


def test_make_bench_names_benchmarks_that_are_there() -> None:
    chores = load("scripts", "chores")
    assert chores.BENCHMARKS
    assert all((ROOT / "benchmarks" / f"{name}.py").is_file() for name in chores.BENCHMARKS)
