"""What TensorBoard reads of a run is what the run's folder holds, while it trains and after it."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from olaria.cli.main import main
from olaria.errors import OlariaError, RunError, StorageError, UsageError
from olaria.runs import Run
from olaria.storage.folder import RunFolder
from olaria.trackers.story import Story
from olaria.training.events import Event, Stepped, Warned
from olaria.training.interruption import Interrupted
from olaria.workflows.encode import encode
from olaria.workflows.export import export
from olaria.workflows.train import train

pytest.importorskip("tensorboard")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from olaria.trackers.tensorboard import TensorBoard

TinyRun = Callable[..., Run]
SMALL: dict[str, Any] = {"data": "digits", "size": "tiny", "steps": 40}
EVERYTHING = {"scalars": 0, "tensors": 0}


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        "cvae-mnist", **SMALL, track="tensorboard", out=tmp_path_factory.mktemp("um lugar") / "vae"
    )


def board(folder: Path) -> EventAccumulator:
    """What TensorBoard's own reader finds in a folder."""
    found = EventAccumulator(str(folder), size_guidance=EVERYTHING)
    found.Reload()
    return found


def scalars(found: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in found.Scalars(tag)]


def everything(folder: Path) -> dict[str, list[Any]]:
    """All that is in a folder's file, by tag, but for when the session ended."""
    found = board(folder)
    tags = found.Tags()
    told: dict[str, list[Any]] = {
        tag: [(point.step, point.wall_time, point.value) for point in found.Scalars(tag)]
        for tag in tags["scalars"]
    }
    for tag in tags["tensors"]:
        if not tag.startswith("_hparams_"):
            told[tag] = [
                (point.step, point.wall_time, make_ndarray(point.tensor_proto).tolist())
                for point in found.Tensors(tag)
            ]
    return told


def test_the_scalars_are_those_of_the_run(vae: Run) -> None:
    found, rows = board(vae.path), vae.metrics()
    tags = {f"{name}/{row['split']}" for row in rows for name in row["values"]}
    speeds = {"schedule/learning_rate", "speed/examples_per_second"}
    assert {"loss/train", "loss/validation"} < tags
    assert set(found.Tags()["scalars"]) == tags | speeds
    for tag in tags:
        name, split = tag.split("/")
        wanted = [
            (row["step"], float(np.float32(row["values"][name])))
            for row in rows
            if row["split"] == split and name in row["values"]
        ]
        assert scalars(found, tag) == wanted
    ends = [row["step"] for row in rows if row["split"] == "train"]
    steps = {e["step"]: e for e in vae.folder.lines("events.jsonl") if e["event"] == "step"}
    for tag, name in zip(sorted(speeds), ("learning_rate", "rate"), strict=True):
        assert scalars(found, tag) == [(n, float(np.float32(steps[n][name]))) for n in ends]


def test_the_seconds_are_those_of_the_run(vae: Run) -> None:
    began_s = (vae.path / "recipe.json").stat().st_mtime
    times = [point.wall_time - began_s for point in board(vae.path).Scalars("loss/train")]
    wanted = [row["elapsed_s"] for row in vae.metrics() if row["split"] == "train"]
    assert times == pytest.approx(wanted, abs=1e-6)


def test_pictures_are_the_files_in_samples(vae: Run) -> None:
    points = board(vae.path).Tensors("samples")
    assert [f"step-{point.step:06d}.png" for point in points] == [p.name for p in vae.samples()]
    for point, path in zip(points, vae.samples(), strict=True):
        width, height, content = point.tensor_proto.string_val
        assert content == path.read_bytes()
        with Image.open(path) as picture:
            assert (int(width), int(height)) == picture.size


def test_hyperparameters_are_the_recipe(vae: Run) -> None:
    found = board(vae.path)
    content = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    told = HParamsPluginData.FromString(content).session_start_info.hparams
    assert told["model.latent"].number_value == vae.recipe.model.latent  # type: ignore[attr-defined]
    assert told["data.name"].string_value == "digits"
    assert told["training.health"].bool_value is True
    assert told["model.hidden"].string_value.startswith("[")
    assert "training.budget" not in told and "format" not in told


def test_the_projector_gets_the_codes_of_the_validation_images(vae: Run) -> None:
    folder = vae.path / "projector"
    wanted = encode(vae, split="validation")
    codes = np.loadtxt(folder / "codes.tsv", delimiter="\t", dtype=np.float32)
    np.testing.assert_array_equal(codes, wanted.codes.numpy())
    labels = (folder / "labels.tsv").read_text().splitlines()
    assert labels[0] == "class\timage"
    assert [line.split("\t")[0] for line in labels[1:]] == wanted.classes
    with Image.open(folder / "images.png") as opened:
        sheet = np.asarray(opened)
    side = math.ceil(math.sqrt(len(codes)))
    assert sheet.shape == (8 * side, 8 * side)
    for number in (0, side - 1, side, len(codes) - 1):
        top, left = 8 * (number // side), 8 * (number % side)
        image = sheet[top : top + 8, left : left + 8]
        np.testing.assert_array_equal(image, wanted.inputs.x[number, 0].numpy())
    config = (vae.path / "projector_config.pbtxt").read_text()
    for name in ("codes.tsv", "labels.tsv", "images.png"):
        assert f'"projector/{name}"' in config


def test_an_export_tells_what_the_listener_told(vae: Run, tmp_path: Path) -> None:
    out = tmp_path / "quadro ção"
    assert export(vae, to="tensorboard", out=out)["form"] == "tensorboard"
    assert everything(out) == everything(vae.path)
    for name in ("codes.tsv", "labels.tsv", "images.png"):
        live, exported = (place / "projector" / name for place in (vae.path, out))
        assert live.read_bytes() == exported.read_bytes()


def test_texts_are_told_as_they_are(tiny_run: TinyRun, tmp_path: Path) -> None:
    run = tiny_run("gpt-shakespeare")
    export(run, to="tensorboard", out=tmp_path / "gpt")
    found = board(tmp_path / "gpt")
    assert "speed/tokens_per_second" in found.Tags()["scalars"]
    texts = [point.tensor_proto.string_val[0].decode() for point in found.Tensors("samples")]
    assert [
        "\n".join(line.removeprefix("    ") for line in text.split("\n")) for text in texts
    ] == [path.read_text("utf-8") for path in run.samples()]
    assert not (tmp_path / "gpt" / "projector").exists()


def test_an_evaluation_is_told(vae: Run, tmp_path: Path) -> None:
    copy = Run(shutil.copytree(vae.path, tmp_path / "copy"))
    evaluation = {
        "protocol": {"split": "test", "checkpoint": 40},
        "metrics": {"elbo_nats": -24.5, "fd": None},
    }
    (copy.path / "evaluation.json").write_text(json.dumps({"format": 1, **evaluation}))
    export(copy, to="tensorboard", out=tmp_path / "out")
    found = board(tmp_path / "out")
    assert scalars(found, "elbo_nats/test") == [(40, -24.5)]
    assert "fd/test" not in found.Tags()["scalars"]


def test_a_resumed_run_repeats_no_point(tmp_path: Path) -> None:
    def fail(event: Event) -> None:
        if event.step == 25:
            raise RuntimeError("lights out")

    out = tmp_path / "run"
    often = ("training.checkpoint_every=10", "training.sample_every=10")
    with pytest.raises(RuntimeError, match="lights out"):
        train("vae-mnist", **SMALL, settings=often, track="tensorboard", listeners=[fail], out=out)
    before = scalars(board(out), "loss/train")
    assert before[-1][0] > 20
    run = train(resume=out, track="tensorboard")
    assert len(list(out.glob("events.out.tfevents.*"))) == 1
    told = everything(out)
    for tag, points in told.items():
        steps = [step for step, *_ in points]
        assert steps == sorted(set(steps)), tag
    wanted = [row["step"] for row in run.metrics() if row["split"] == "train"]
    assert [step for step, *_ in told["loss/train"]] == wanted


@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_interrupted_is_not_told_as_done(
    tmp_path: Path, number: signal.Signals | None
) -> None:
    def interrupt(event: Event) -> None:
        if number is not None and isinstance(event, Stepped) and event.step == 10:
            signal.raise_signal(number)

    out = tmp_path / "run"
    with nullcontext() if number is None else pytest.raises(Interrupted):
        train("vae-mnist", **SMALL, track="tensorboard", listeners=[interrupt], out=out)
    content = board(out).SummaryMetadata("_hparams_/session_end_info").plugin_data.content
    status = HParamsPluginData.FromString(content).session_end_info.status
    assert status == (api_pb2.STATUS_SUCCESS if number is None else api_pb2.STATUS_FAILURE)


def test_a_failing_tracker_warns_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_words: Any) -> None:
        raise OSError(28, "No space left\non device")

    monkeypatch.setattr(TensorBoard, "numbers", full)
    warned: list[Warned] = []
    run = train(
        "vae-mnist",
        **SMALL,
        track="tensorboard",
        listeners=[lambda event: warned.append(event) if isinstance(event, Warned) else None],
        out=tmp_path / "run",
    )
    assert run.state == "done"
    found = [str(event.message) for event in warned if "without it" in str(event.message)]
    assert len(found) == 1 and "No space left" in found[0] and "\n" not in found[0]


def test_a_value_that_is_not_finite_is_told_as_such(vae: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(vae.path, tmp_path / "copy")
    row = {"step": 41, "elapsed_s": 1.0, "split": "validation", "values": {"loss": None}}
    with (copy / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    export(copy, to="tensorboard", out=tmp_path / "out")
    step, value = scalars(board(tmp_path / "out"), "loss/validation")[-1]
    assert step == 41 and math.isnan(value)


def test_codes_of_data_that_were_moved(tmp_path: Path) -> None:
    for number in range(40):
        place = tmp_path / "fotos" / f"{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 6 * number).save(place / f"{number}.png")
    small = {**SMALL, "data": str(tmp_path / "fotos"), "steps": 5}
    run = train("ae-mnist", **small, out=tmp_path / "run")
    moved = shutil.move(tmp_path / "fotos", tmp_path / "imagens")
    with pytest.raises(RunError, match="run_data"):
        export(run, to="tensorboard", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export(run, to="tensorboard", out=tmp_path / "out", run_data=moved)
    assert (tmp_path / "out" / "projector" / "images.png").is_file()


def test_the_command_that_opens_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "um lugar"
    words = ["train", "gan-ring", "--size", "tiny", "--steps", "1", "--lang", "en", "--out"]
    assert main([*words, str(place), "--track", "tensorboard"]) == 0
    assert f"in TensorBoard: tensorboard --logdir '{place}'" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "other")]) == 0
    assert "TensorBoard" not in capsys.readouterr().err


def test_bad_requests(vae: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").touch()
    with pytest.raises(StorageError, match="not empty"):
        export(vae, to="tensorboard", out=tmp_path / "taken")
    empty = shutil.copytree(vae.path, tmp_path / "empty")
    (empty / "metrics.jsonl").unlink()
    with pytest.raises(RunError, match="no metrics"):
        export(empty, to="tensorboard", out=tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "taken"]
    with pytest.raises(UsageError, match="tensorboard"):
        train("vae-mnist", **SMALL, track="tensorbord", out=tmp_path / "run")
    assert main(["train", "vae-mnist", "--track", "tensorbord"]) == 2
    assert "--track" in capsys.readouterr().err


def test_a_missing_package_is_named_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vae: Run
) -> None:
    monkeypatch.setattr("olaria.trackers.find_spec", lambda _name: None)
    with pytest.raises(OlariaError, match=r"pip install 'olaria\[track\]'"):
        train("vae-mnist", **SMALL, track="tensorboard", out=tmp_path / "run")
    with pytest.raises(OlariaError, match=r"pip install 'olaria\[track\]'"):
        export(vae, to="tensorboard", out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_nothing_slow_is_loaded() -> None:
    code = (
        "import sys, torch\n"
        "import olaria.trackers.tensorboard\n"
        "slow = ('tensorflow', 'torch._dynamo', 'torch.utils.tensorboard', 'grpc', 'pandas', 'fsspec')\n"
        "print([name for name in slow if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_story_is_told_once(vae: Run) -> None:
    class Counting:
        def __init__(self) -> None:
            self.told: Counter[str] = Counter()

        def numbers(self, step: int, seconds: float, values: Any) -> None:
            self.told["numbers"] += 1

        def picture(self, step: int, seconds: float, path: Path) -> None:
            self.told["picture"] += 1

        words = picture

        def close(self, is_done: bool) -> None: ...

    story, counting = Story(RunFolder(vae.path)), Counting()
    assert story.has_metrics
    story.tell(counting)
    story.tell(counting)
    assert not story.has_metrics
    assert counting.told == {"numbers": len(vae.metrics()), "picture": len(vae.samples())}
