"""A few pictures, pictures all alike, a few pairs: every command gives what it can, and a sentence for the rest."""

from __future__ import annotations

import json
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from olaria.cards.run_card import run_card
from olaria.evaluation import METRICS
from olaria.families import MODELS
from olaria.kinds.base import Effort
from olaria.runs import opened_run
from olaria.sampling.modes import NO_PAIR
from olaria.workflows.evaluate import evaluate

Command = Callable[..., tuple[int, str, str]]

PRESETS: dict[str, tuple[str, ...]] = {
    "ae-mnist": (),
    "dae-mnist": (),
    "vae-mnist": (),
    "cvae-mnist": ("--set", "model.classes=3"),
    "vq-mnist": (),
    "gan-mnist": ("--set", "model.loss=wasserstein"),
    "cgan-mnist": ("--set", "model.classes=3"),
}
# Pictures, their height and width, classes that they lie in (none where 0), and the levels that they hold.
FOLDERS: dict[str, tuple[int, tuple[int, int], int, range]] = {
    "four": (4, (4, 4), 3, range(256)),
    "twelve": (12, (8, 4), 3, range(256)),
    "one-level": (24, (4, 8), 3, range(128, 129)),
    "unlabelled": (5, (4, 4), 0, range(256)),
    "black": (40, (4, 4), 0, range(1)),
}
DRAWINGS = (
    (),
    ("--mode", "reconstruct"),
    ("--mode", "interpolate"),
    ("--mode", "traverse"),
    ("--mode", "attribute", "--attribute", "0:1"),
    ("--mode", "reconstruct", "--class", "2"),
    ("--mode", "interpolate", "--class", "1"),
    ("--mode", "traverse", "--class", "0"),
)


@pytest.fixture
def olaria(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """The real entry point in this process, in an empty folder; what it refuses is one line."""
    from olaria.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLARIA_RUNS", "runs")

    def run(*words: str) -> tuple[int, str, str]:
        handler = signal.getsignal(signal.SIGTERM)
        capsys.readouterr()
        try:
            code = main(list(words))
        finally:
            signal.signal(signal.SIGTERM, handler)
        out, err = capsys.readouterr()
        errors = [line for line in err.splitlines() if line.startswith("olaria: error:")]
        assert code in (0, 1, 2) and len(errors) == (code != 0), (words, err)
        assert "bug in Olaria" not in err and "Traceback" not in err, (words, err)
        return code, out, err

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none of a library's reaches the reader
        yield run


def pictures(name: str) -> Path:
    """A folder of small pictures."""
    count, (height, width), classes, levels = FOLDERS[name]
    draw = Random(name)
    for number in range(count):
        folder = Path("mine", f"class {number % classes}" if classes else ".")
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.new("L", (width, height))
        picture.putdata([draw.choice(levels) for _ in range(height * width)])
        picture.save(folder / f"{number:03}.png")
    return Path("mine")


def measured(olaria: Command, run: str) -> dict[str, Any]:
    """The evaluation of a run: sound JSON, in which each null has its reason."""
    code, out, err = olaria("eval", run, "--json")
    assert code == 0, err
    found = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} in the JSON"))
    missing = {name for name, value in found["metrics"].items() if value is None}
    assert missing == set(found["reasons"])
    assert set(found["metrics"]) <= set(METRICS)
    return found


WALKS = (
    ("ae-mnist", "four"),
    ("ae-mnist", "unlabelled"),
    ("ae-mnist", "black"),
    ("dae-mnist", "four"),
    ("dae-mnist", "one-level"),
    ("vae-mnist", "four"),
    ("vae-mnist", "unlabelled"),
    ("vae-mnist", "one-level"),
    ("cvae-mnist", "twelve"),
    ("cvae-mnist", "black"),
    ("vq-mnist", "four"),
    ("vq-mnist", "black"),
    ("gan-mnist", "unlabelled"),
    ("gan-mnist", "black"),
    ("cgan-mnist", "twelve"),
)


@pytest.mark.parametrize(("preset", "folder"), WALKS)
def test_few_pictures_through_every_command(olaria: Command, preset: str, folder: str) -> None:
    data = str(pictures(folder))
    words = ("--data", data, "--size", "tiny", "--steps", "1", *PRESETS[preset])
    code, _, err = olaria("train", preset, *words, "--out", "run")
    if not FOLDERS[folder][2] and "classes" in str(PRESETS[preset]):
        assert code
        return
    assert code == 0, err
    assert "collapse" not in err
    found = measured(olaria, "run")
    assert any(value is not None for value in found["metrics"].values()) or "gan" in preset
    incidents = run_card(opened_run("run")).incidents or ()
    gaps = [incident.message.id for incident in incidents if incident.kind == "gap"]
    shows_ways = preset != "cgan-mnist" and MODELS[opened_run("run").family].shows("interpolation")
    assert gaps == ([NO_PAIR] if shows_ways and FOLDERS[folder][0] < 20 else [])
    if preset in ("ae-mnist", "cvae-mnist"):  # a page takes longer than all the rest
        code, _, err = olaria("report", "run", "--out", "page.html")
        assert code == 0, err
        assert (NO_PAIR in Path("page.html").read_text("utf-8")) == bool(gaps)
    for number, drawing in enumerate(DRAWINGS):
        drawn = Path(f"{number}.png")
        code, _, _ = olaria("sample", "run", "-n", "3", *drawing, "--out", str(drawn))
        assert drawn.exists() == (code == 0)
        if code == 0:
            with Image.open(drawn) as picture:
                assert min(picture.size) > 4
    for number, verb in enumerate(("reconstruct", "detect", "encode")):
        code, out, _ = olaria(verb, "run", "--json", "--out", f"looked-{number}.png")
        if code == 0:
            json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} in the JSON"))


@pytest.mark.parametrize("preset", ["ae-mnist", "vae-mnist"])
def test_a_class_left_out_of_few(olaria: Command, preset: str) -> None:
    """One test image, which is normal or not: there is nothing to tell apart."""
    data = str(pictures("four"))
    words = ("--data", data, "--size", "tiny", "--steps", "1", "--leave-out", "2")
    code, _, err = olaria("train", preset, *words, "--out", "run")
    assert code == 0, err
    found = measured(olaria, "run")
    assert found["metrics"]["auroc"] is None and "only one kind" in found["reasons"]["aupr"]["id"]


def test_test_images_that_are_training_images_are_told(olaria: Command) -> None:
    data = str(pictures("black"))
    words = ("--data", data, "--size", "tiny", "--steps", "1", "--out", "run")
    assert olaria("train", "vae-mnist", *words)[0] == 0
    found = measured(olaria, "run")
    assert found["protocol"]["num_examples_in_training"] == found["protocol"]["num_examples"] == 4
    reason = found["reasons"]["nearest_train_distance_ratio"]
    assert reason["fields"] == {"count": 4, "total": 4}
    for language, said in (("en", "4 of 4 test images are"), ("pt", "4 das 4 imagens de teste")):
        code, _, err = olaria("eval", "run", "--lang", language)
        assert code == 0 and said in err
    assert olaria("report", "run", "--out", "page.html", "--lang", "pt")[0] == 0
    assert "exemplos que também são de treinamento" in Path("page.html").read_text("utf-8")


def test_codes_of_few_pictures(olaria: Command) -> None:
    data = str(pictures("twelve"))
    words = ("--size", "tiny", "--steps", "1")
    assert olaria("train", "vq-mnist", "--data", data, *words, "--out", "vq")[0] == 0
    short = ("--set", "model.context=2")
    code, _, err = olaria("train", "gpt-shakespeare", "--data", "codes:vq", *words, *short, "--out",
                          "run")  # fmt: skip
    assert code == 0, err
    found = evaluate("run", effort=Effort(num_samples=500, num_chars=100)).to_json()
    assert {name for name, value in found["metrics"].items() if value is None} == {
        *found["reasons"]
    }
    assert found["metrics"]["loss_nats_per_token"] > 0
    assert run_card(opened_run("run")).name == "run"


@pytest.mark.parametrize("count", [2, 5])
def test_few_pairs(olaria: Command, count: int) -> None:
    Path("mine.tsv").write_text("".join(f"gato {i}\tcat {i}\n" for i in range(count)), "utf-8")
    words = ("--data", "mine.tsv", "--size", "tiny", "--steps", "1", "--out", "run")
    code, _, err = olaria("train", "pt-en", *words)
    assert code == 0 and "batches of 1 instead of 64" in err
    measured(olaria, "run")
    assert run_card(opened_run("run")).translations


def test_points_of_two_places(olaria: Command) -> None:
    """Of sixty points at most one is of the other place: those that validate are all the same."""
    Path("mine.csv").write_text("x,y\n" + "0,0\n" * 59 + "1,1\n", "utf-8")
    words = ("--data", "mine.csv", "--size", "tiny", "--steps", "1", "--out", "run")
    code, _, err = olaria("train", "gan-spiral", *words)
    assert code == 0 and "spread is not measured while the model trains" in err
    found = measured(olaria, "run")
    assert "no neighbourhood has a size" in found["reasons"]["coverage"]["id"]
    assert run_card(opened_run("run")).incidents is not None
