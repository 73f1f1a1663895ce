"""A run is a folder: it is copied without its data, and its data are moved."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import olaria
from olaria.cli.main import main
from olaria.errors import MissingError, OlariaError, RunError
from olaria.kinds.base import REDUCED
from olaria.runs import Run
from olaria.workflows.detect import detect
from olaria.workflows.encode import encode
from olaria.workflows.evaluate import evaluate
from olaria.workflows.explain import Explained, explain
from olaria.workflows.export import export
from olaria.workflows.reconstruct import reconstruct
from olaria.workflows.report import report
from olaria.workflows.sample import sample
from olaria.workflows.train import train

pytestmark = pytest.mark.usefixtures("seldom")

TEXT = "gira a roda, gira o barro\n"
GONE = "is not at {} any more; say where it is now: data=PATH"


def pictures(folder: Path, count: int = 64, shift: int = 0) -> Path:
    """Two classes of small pictures."""
    for label, name in enumerate(("pote", "vaso")):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.full((8, 8), 100 * label, np.uint8)
            pixels[: 1 + i % 8, : 1 + (i + shift) % 5] = 155 + i % 100
            Image.fromarray(pixels).save(folder / name / f"{i:02}.png")
    return folder


def tables(folder: Path) -> None:
    rows = [f"palavra {i}\tword {i}\n" for i in range(120)]
    (folder / "pares.tsv").write_text("".join(rows), "utf-8")
    points = np.random.default_rng(0).normal(size=(300, 2))
    (folder / "pontos.csv").write_text("".join(f"{x:.4f},{y:.4f}\n" for x, y in points), "utf-8")


class Moved:
    """Runs of every kind that were copied to another place, and their data that were moved."""

    def __init__(self, place: Path) -> None:
        here, self.old = place / "here", place / "here" / "data"
        self.old.mkdir(parents=True)
        pictures(self.old / "fotos")
        (self.old / "t.txt").write_text(TEXT * 300, "utf-8")
        (self.old / "outro.txt").write_text("o oleiro vende o pote\n" * 300, "utf-8")
        tables(self.old)
        self.others = pictures(place / "others", 15, 2)
        small: dict[str, Any] = {"size": "tiny", "steps": 6}
        context = ("model.context=16",)
        made = {
            "ae": ("ae-mnist", "fotos", ()),
            "vae": ("vae-mnist", "fotos", ("model.latent=2",)),
            "vq": ("vq-mnist", "fotos", ()),
            "gan": ("gan-mnist", "fotos", ()),
            "gpt": ("gpt-shakespeare", "t.txt", context),
            "other": ("gpt-shakespeare", "outro.txt", context),
            "pairs": ("pt-en", "pares.tsv", ()),
            "points": ("gan-ring", "pontos.csv", ()),
        }
        for name, (preset, data, settings) in made.items():
            train(preset, data=self.old / data, settings=settings, out=here / name, **small)
        codes = f"codes:{here / 'vq'}"
        train("bigram-shakespeare", data=codes, out=here / "codes", **small)
        tuned: dict[str, Any] = {"start": here / "gpt", "steps": 4}
        train("gpt-shakespeare", data=self.old / "outro.txt", out=here / "tuned", **tuned)
        self.runs, self.new = place / "there", place / "new place"
        shutil.move(self.old, self.new)
        shutil.move(here, self.runs)

    def __getitem__(self, name: str) -> Run:
        return Run(self.runs / name)

    def missing(self, data: str) -> str:
        return re.escape(GONE.format(self.old / data))


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Moved:
    return Moved(tmp_path_factory.mktemp("moved"))


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


DATA = {
    "ae": "fotos",
    "vae": "fotos",
    "gan": "fotos",
    "gpt": "t.txt",
    "pairs": "pares.tsv",
    "points": "pontos.csv",
}
every_kind = pytest.mark.parametrize("name", DATA)


@pytest.mark.parametrize("name", ["vae", "gan", "gpt", "points", "codes"])
def test_what_the_model_draws_needs_no_data(moved: Moved, name: str) -> None:
    drawn = sample(moved[name], count=2, temperature=1.0 if name == "codes" else None)
    assert len(drawn.value) == 2


def test_a_translation_needs_no_data(moved: Moved) -> None:
    assert isinstance(sample(moved["pairs"], prompt="palavra 3").value, str)


@pytest.mark.parametrize("name", ["ae", "vae"])
def test_other_images_need_the_model_alone(moved: Moved, name: str) -> None:
    run, others = moved[name], moved.others
    assert len(reconstruct(run, others).errors) == 30
    encoded = encode(run, others)
    assert len(encoded.codes) == 30 and encoded.quality == {}
    assert any("not measured" in note.text() for note in encoded.notes)
    found = detect(run, others)
    assert found.score == "error" and found.threshold is None and found.strange is None
    assert "there is no threshold" in found.notes[-1].text()
    assert {image["strange"] for image in found.to_json()["images"]} == {None}
    torch.testing.assert_close(found.scores, reconstruct(run, others).errors)
    arrays = np.zeros((3, 8, 8), np.uint8)
    assert encode(run, (arrays, np.array([1, 0, 1]))).classes == ["vaso", "pote", "vaso"]
    with pytest.raises(MissingError, match=moved.missing("fotos").replace("data=", "run_data=")):
        detect(run, others, score="joint")


def test_a_model_is_exported_without_its_data(moved: Moved, tmp_path: Path) -> None:
    data = tmp_path / "x.txt"
    data.write_text(TEXT * 100)
    options: dict[str, Any] = {"size": "tiny", "steps": 2}
    run = train("gpt2-shakespeare", data=data, tokenizer="byte", out=tmp_path / "g", **options)
    data.unlink()
    assert Path(export(run, to="huggingface", out=tmp_path / "x")["path"]).is_dir()


@every_kind
def test_what_needs_the_data_names_the_path_and_the_way(
    moved: Moved, name: str, tmp_path: Path
) -> None:
    run = moved[name]
    calls: list[Callable[[], Any]] = [
        lambda: evaluate(run),
        lambda: run.data(),
        lambda: train(replay=run, out=tmp_path / "again"),
    ]
    for call in calls:
        with pytest.raises(MissingError, match=moved.missing(DATA[name])) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


@every_kind
def test_the_new_place_can_be_said(moved: Moved, name: str, tmp_path: Path) -> None:
    run, place = moved[name], moved.new / DATA[name]
    assert evaluate(run, data=place, effort=REDUCED).metrics
    assert olaria.open(run, data=place).data().sha256 == run.provenance["data_sha256"]
    again = train(replay=run, data=place, out=tmp_path / "again")
    assert again.recipe.data.name == str(place.resolve())
    assert again.provenance["data_sha256"] == run.provenance["data_sha256"]
    assert again.data().sha256 == run.provenance["data_sha256"]


@every_kind
def test_a_place_with_other_content_is_refused(moved: Moved, name: str, tmp_path: Path) -> None:
    place = tmp_path / DATA[name]
    if DATA[name] == "fotos":
        pictures(place, 64, 1)
    else:
        other = (moved.new / DATA[name]).read_text("utf-8").replace("a", "e").replace("1", "2")
        place.write_text(other, "utf-8")
    run, before = moved[name], moved[name].recipe
    for call in (
        lambda: evaluate(run, data=place),
        lambda: train(replay=run, data=place, out=tmp_path / "again"),
    ):
        with pytest.raises(RunError, match="its content has another fingerprint"):
            call()
    with pytest.raises(OlariaError, match="there is no data set, file or folder named"):
        evaluate(run, data=tmp_path / "nowhere")
    assert not (tmp_path / "again").exists() and moved[name].recipe == before


def test_images_of_the_run_from_their_new_place(moved: Moved) -> None:
    run, place = moved["ae"], moved.new / "fotos"
    count = len(run.with_data_at(str(place)).data().train)
    assert len(encode(run, split="train", run_data=place).codes) == count
    assert detect(run, moved.others, run_data=place, false_alarms=0.3).threshold is not None
    assert reconstruct(run, run_data=place).notes == ()
    assert len(sample(run, mode="reconstruct", data=place).value)


@pytest.mark.parametrize("name", ["ae", "pairs", "points", "codes", "tuned"])
def test_a_report_is_written_all_the_same(moved: Moved, name: str, tmp_path: Path) -> None:
    told: list[str] = []
    out = tmp_path / "r.html"
    report(runs=[moved[name]], out=out, notify=lambda message: told.append(message.text()))
    page = out.read_text("utf-8")
    data = DATA.get(name, "fotos" if name == "codes" else "outro.txt")
    assert f"not at {data}" in page and "what the data shows of this run is left out" in page
    assert len(told) == 1 and str(moved.old / data) in told[0]


def test_one_orphan_does_not_lose_a_joint_report(
    moved: Moved, tiny_run: Callable[..., Run], tmp_path: Path
) -> None:
    out, told = tmp_path / "r.html", []
    runs = [tiny_run("vae-mnist"), moved["vae"], moved["gpt"]]
    report(runs=runs, out=out, lessons=["vae"], notify=told.append)
    assert len(told) == 2 and out.read_text("utf-8").count("<img") > 5
    places = [moved.new / "t.txt", moved.new / "fotos"]
    report(runs=runs, data=places, out=tmp_path / "all.html", notify=told.append)
    assert len(told) == 2


def test_lessons_on_a_sentence_leave_out_what_needs_the_text(moved: Moved) -> None:
    for lesson in ("gpt", "attention"):
        with pytest.raises(MissingError, match=moved.missing("t.txt")):
            explain(lesson, [moved["gpt"]])
        found = explain(lesson, [moved["gpt"]], prompt="gira a roda")
        assert isinstance(found, Explained) and found.holds
        assert "not at hand" in found.html()
        whole = explain(lesson, [moved["gpt"]], prompt="gira a roda", data=moved.new / "t.txt")
        assert isinstance(whole, Explained) and "not at hand" not in whole.html()


def test_a_run_of_codes_finds_its_painter_beside_it(moved: Moved, tmp_path: Path) -> None:
    run = moved["codes"]
    assert run.provenance["painter_sha256"]
    place = moved.new / "fotos"
    assert evaluate(run, data=place, effort=REDUCED).metrics["loss_nats_per_token"] > 0
    again = train(replay=run, data=place, out=tmp_path / "again")
    assert Path(again.recipe.data.coded_run or "") == (moved.runs / "vq").resolve()
    # Alone, it says what is missing and takes its new place, which must be the same run.
    alone = Run(shutil.copytree(run.path, tmp_path / "alone" / "codes"))
    with pytest.raises(MissingError, match=r"codes of run vq, which is not at .*data=codes:RUN"):
        sample(alone)
    with pytest.raises(RunError, match="is not the one whose codes run codes learnt"):
        other = shutil.copytree(moved.runs / "vq", tmp_path / "other" / "vq")
        retrained = train(replay=Run(other), data=place, out=tmp_path / "third")
        longer = train("vq-mnist", data=place, size="tiny", steps=3, out=tmp_path / "longer")
        assert retrained.state == "done"
        sample(alone, data=f"codes:{longer.path}")
    assert len(sample(alone, count=2, data=f"codes:{moved.runs / 'vq'}").value) == 2


def test_a_run_without_stored_classes_and_sizes_is_read(moved: Moved, tmp_path: Path) -> None:
    """Runs of before those were stored."""
    old = Run(shutil.copytree(moved.runs / "vae", tmp_path / "old"))
    provenance = old.provenance
    del provenance["data"]
    old.folder.write("provenance.json", provenance)
    assert old.class_names == ()
    assert len(reconstruct(old, moved.others).errors) == 30
    labels = np.array([1, 0, 1])
    assert encode(old, (np.zeros((3, 8, 8), np.uint8), labels)).classes == ["1", "0", "1"]
    report(runs=[old], out=tmp_path / "r.html")
    assert evaluate(old, data=moved.new / "fotos").metrics


def test_arrays_given_in_python_are_given_again(tmp_path: Path) -> None:
    arrays = np.random.default_rng(0).integers(0, 256, (150, 8, 8), np.uint8)
    run = train("ae-mnist", data=arrays, size="tiny", steps=4, out=tmp_path / "r")
    Path(run.recipe.data.name).unlink()
    with pytest.raises(MissingError):
        run.data()
    assert olaria.open(run.path).evaluate(data=arrays).metrics
    Path(run.recipe.data.name).unlink()
    with pytest.raises(RunError, match="another fingerprint"):
        evaluate(run, data=255 - arrays)


def test_a_stopped_run_goes_on_where_its_data_are_now(moved: Moved, tmp_path: Path) -> None:
    from olaria.training.events import Answer, Event, Stepped, Stop
    from olaria.workflows.running import resume

    def stop(event: Event) -> Answer:
        from olaria.i18n import Message

        return Stop(Message("stop")) if isinstance(event, Stepped) and event.step == 3 else None

    first = shutil.copytree(moved.new / "fotos", tmp_path / "first")
    out = tmp_path / "r"
    run = train("ae-mnist", data=first, size="tiny", steps=6, out=out, listeners=[stop])
    run.folder.status("stopped", 3)
    second = shutil.move(first, tmp_path / "second")
    with pytest.raises(MissingError):
        resume(run.path)
    wrong = pictures(tmp_path / "wrong", 64, 1)
    with pytest.raises(RunError, match="another fingerprint"):
        train(resume=run, data=wrong)
    assert Run(out).recipe.data.name == str(first)
    again = train(resume=out, data=second)
    assert again.result["steps"] == 6
    assert again.recipe.data.name == str(second) and evaluate(Run(out)).metrics


def test_a_data_set_that_cannot_be_had_is_no_need_of_other_images(
    tiny_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from olaria.errors import SourceError

    run = Run(tiny_run("ae-mnist").path)

    def refuse(*_: Any, **__: Any) -> Any:
        raise SourceError("no source has it")

    monkeypatch.setattr("olaria.runs.opening.load", refuse)
    arrays = np.zeros((4, 8, 8), np.uint8)
    assert len(reconstruct(run, arrays).errors) == 4
    assert len(encode(run, arrays).codes) == 4
    assert detect(run, arrays).threshold is None
    report(runs=[run], out=tmp_path / "r.html")


def test_the_shell_takes_the_place_too(moved: Moved, capsys: pytest.CaptureFixture[str]) -> None:
    run, place = str(moved.runs / "ae"), str(moved.new / "fotos")
    assert main(["eval", run]) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and line.rstrip().endswith("--data PATH")
    assert main(["encode", run, "--lang", "pt"]) == 1
    line = capsys.readouterr().err
    assert "diga onde" in line and line.rstrip().endswith("--data PATH")
    assert main(["eval", run, "--data", place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]
    for words in (
        ["encode", run, "--data", place],
        ["detect", run, str(moved.others), "--data", place, "--false-alarms", "0.4"],
        ["reconstruct", run, "--data", place],
        ["explain", "autoencoder", run, "--data", place],
        ["report", run, "--data", place, "--out", "r.html"],
        ["train", "--replay", run, "--data", place, "--out", "again"],
    ):
        assert main(words) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert main(["detect", run, str(moved.others)]) == 0
    told = capsys.readouterr()
    assert "threshold" not in told.out and "there is no threshold" in told.err
