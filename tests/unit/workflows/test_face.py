"""Olaria in Python: the verbs with the command line's settings, data given in Python, and what a notebook shows."""

from __future__ import annotations

import copy
import inspect
import linecache
import os
import pickle
import re
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

import olaria
from olaria.data.base import DownloadProgress, ImageData, Images
from olaria.errors import DataError, OlariaError, RunError, UsageError
from olaria.models.base import ImageModel
from olaria.sampling import latent
from olaria.training.events import Event, Stepped
from olaria.training.interruption import Interrupted
from olaria.workflows.detect import DetectRequest
from olaria.workflows.displays import table
from olaria.workflows.encode import EncodeRequest
from olaria.workflows.evaluate import EvaluateRequest
from olaria.workflows.explain import ExplainRequest
from olaria.workflows.export import ExportRequest
from olaria.workflows.face import OpenRun
from olaria.workflows.notebook import NotebookLine, ProgressReporter, in_notebook
from olaria.workflows.reconstruct import ReconstructRequest
from olaria.workflows.report import ReportRequest
from olaria.workflows.sample import SampleRequest
from olaria.workflows.train import TrainRequest

TEXT = "o oleiro gira o barro\n" * 40
FILLED = {"run", "runs", "nproc"}
"""Settings that the Python side fills in, or that are of processes."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> OpenRun:
    out = tmp_path_factory.mktemp("face") / "vae"
    return olaria.train("vae-mnist", data="digits", size="tiny", steps=20, out=out)


@pytest.fixture(scope="module")
def given_classes(tmp_path_factory: pytest.TempPathFactory) -> OpenRun:
    out = tmp_path_factory.mktemp("face") / "cvae"
    return olaria.train("cvae-mnist", data="digits", size="tiny", steps=5, out=out)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for the cache, the runs and the working folder."""
    monkeypatch.setenv("OLARIA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / "runs"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def written(home: Path) -> list[str]:
    """Every file below a folder, but for locks."""
    return sorted(path.name for path in home.rglob("*") if path.is_file())


class Frame:
    """What is no array and what NumPy makes one of, as a data frame or a picture is."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.values

    def __repr__(self) -> str:
        return "0 1\n" * 50


def copy_by_pickle(value: Any) -> Any:
    """As processes of the user's own send a value to each other."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - what was written a moment ago


def pixels(count: int = 64, side: int = 8) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (count, side, side), dtype=np.uint8)


# -- the same words as the command line ------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "request_"),
    [
        (OpenRun.sample, SampleRequest),
        (OpenRun.encode, EncodeRequest),
        (OpenRun.reconstruct, ReconstructRequest),
        (OpenRun.detect, DetectRequest),
        (OpenRun.evaluate, EvaluateRequest),
        (OpenRun.explain, ExplainRequest),
        (OpenRun.report, ReportRequest),
        (OpenRun.export, ExportRequest),
        (olaria.train, TrainRequest),
    ],
)
def test_help_has_every_setting_of_the_command(function: Any, request_: Any) -> None:
    settings = {one.name for one in request_.declared()} - FILLED
    assert settings <= set(inspect.signature(function).parameters)
    document = inspect.getdoc(function) or ""
    assert all(f"    {name}: " in document for name in settings)
    assert FILLED.isdisjoint(inspect.signature(function).parameters)
    others = set(inspect.signature(function).parameters) - {"self", "beside", "preset"}
    assert all(f"    {name}: " in document for name in others), "what is no setting too"


def test_python_says_that_it_writes_nothing_unless_it_is_given_a_file() -> None:
    assert "out: where the picture goes; nothing is written unless given." in str(
        OpenRun.detect.__doc__
    )
    assert "a free name unless given" in str(olaria.train.__doc__)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda run: run.sample(cuont=3), "unknown setting cuont: did you mean count?"),
        (lambda run: run.sample(count="x"), "count cannot be x: it must be a whole number"),
        (lambda run: run.sample(mode="interpolat"), "did you mean interpolate?"),
        (lambda run: run.sample(prompt="a"), "leave out prompt"),
        (lambda run: run.torch("bst"), "checkpoint cannot be bst"),
        (lambda run: run.torch(999), "999"),
        (lambda run: run.evaluate(metrics=["elbo_nat"]), "did you mean elbo_nats (ELBO)?"),
        (lambda run: run.explain("kll"), "lesson cannot be kll: did you mean kl?"),
        (lambda run: run.report(lessons=["kll"]), "did you mean kl?"),
        (lambda run: run.compare("no-such-run"), "no run named no-such-run"),
        (lambda run: run.export(to="hugingface", out="x"), "did you mean huggingface?"),
        (lambda run: run.encode(split="tset"), "did you mean test?"),
        (lambda run: run.encode(5), "data cannot be 5: it must be a name, a path or an array"),
        (lambda run: run.encode("nowhere"), "there is no data set, file or folder named nowhere"),
        (lambda run: run.encode("a b\n" * 100), "the text holds no images"),
        (lambda run: run.encode("n" * 400), "there is no data set, file or folder named n"),
        (lambda run: run.encode(pixels(), split="train"), "leave it out for the array"),
        (lambda _: olaria.open("no-such-run"), "no run named no-such-run"),
        (lambda _: olaria.open("n" * 400), "no run named n"),
        (lambda _: olaria.open(5), "run cannot be 5"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_is_one_line_and_writes_nothing(
    run: OpenRun, home: Path, call: Callable[[OpenRun], Any], words: str
) -> None:
    with pytest.raises(OlariaError, match=re.escape(words)) as caught:
        call(run)
    assert "\n" not in str(caught.value)
    assert written(home) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"model.latent": 2, "training.health": False, "model.hidden": (32,)},
        {"model.latent": np.int64(2), "training.health": np.bool_(False), "model.hidden": "[32]"},
        ["model.latent=2", "training.health=false", "model.hidden=[32]"],
    ],
)
def test_settings_of_the_recipe_may_be_a_dictionary(home: Path, settings: Any) -> None:
    run = olaria.train("vae-mnist", data="digits", size="tiny", steps=1, settings=settings)
    model: Any = run.recipe.model
    assert (model.latent, model.hidden, run.recipe.training.health) == (2, (32,), False)
    with pytest.raises(OlariaError, match="did you mean latent"):
        olaria.train("vae-mnist", data="digits", settings={"model.latnt": 2})
    with pytest.raises(OlariaError, match=r"model\.latent"):
        olaria.train("vae-mnist", data="digits", settings={"model.latent": object()})
    one = olaria.train("vae-mnist", data="digits", size="tiny", steps=1, settings="model.latent=3")
    assert vars(one.recipe.model)["latent"] == 3


def test_a_run_stays_itself_in_another_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = olaria.train("vae-mnist", data="digits", size="tiny", steps=1, out="here")
    opened = olaria.open("here")
    sent = copy_by_pickle(opened)
    (home / "other").mkdir()
    monkeypatch.chdir(home / "other")
    for one in (run, opened, sent, copy_by_pickle(run)):
        assert one.sample(2).shape == (2, 1, 8, 8) and one.state == "done"
        assert one.report().path.is_file()


def test_a_run_serves_wherever_a_path_does(run: OpenRun) -> None:
    assert Path(run) == run.path and repr(run).startswith("<Run vae: vae on digits")
    assert olaria.open(run).path == olaria.open(run.path).path == run.path
    assert [row.name for group in run.compare(run.path).groups for row in group.rows] == ["vae"] * 2


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, copy_by_pickle])
def test_a_copied_run_is_the_same_run(run: OpenRun, copied: Callable[[Any], Any]) -> None:
    assert run.recipe  # read once and kept
    moved = run.with_data_at("digits")
    assert moved != run != "vae" and olaria.open(run) == run
    for one in (olaria.open(run), run, moved):
        again = copied(one)
        assert type(again) is OpenRun and again.path == run.path and again.recipe == run.recipe
        assert again.places == one.places and again == one and len({again, one}) == 1
        assert torch.equal(again.sample(2).images, run.sample(2).images)


def test_a_run_lists_what_people_may_type(run: OpenRun) -> None:
    names = dir(run)
    verbs = {"sample", "encode", "decode", "reconstruct", "detect", "evaluate", "explain"}
    others = {"report", "compare", "export", "history", "torch", "data", "recipe", "state", "path"}
    assert verbs | others <= set(names) and names == sorted(names)
    assert not any(name.startswith("_") for name in names)
    assert not {"places", "places_setting", "with_data_at", "folder", "shortest"} & set(names)
    for name in set(names) - {"name", "path"}:
        assert inspect.getdoc(getattr(OpenRun, name)), f"{name} has no help"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda run: run.smaple(3), "a run has no smaple: did you mean sample?"),
        (lambda run: run.evalute(), "a run has no evalute: did you mean evaluat"),
        (lambda run: run.histroy, "did you mean history?"),
        (lambda _: olaria.trian, "olaria has no trian: did you mean train?"),
        (lambda _: olaria.load_dat, "did you mean load_data?"),
    ],
)
def test_a_name_that_there_is_not_is_answered_with_the_nearest(
    run: OpenRun, call: Callable[[Any], Any], words: str
) -> None:
    with pytest.raises(AttributeError, match=re.escape(words)) as caught:
        call(run)
    assert isinstance(caught.value, OlariaError), "a notebook shows it in a line"
    assert not hasattr(run, "smaple") and not hasattr(olaria, "__path_of_no_one__")


# -- results ---------------------------------------------------------------------------------------


def test_a_sample_serves_as_its_tensor(run: OpenRun, home: Path) -> None:
    drawn = run.sample(6, seed=3)
    assert drawn.shape == (6, 1, 8, 8) and len(drawn) == len([*drawn]) == 6
    assert torch.equal(drawn[0], drawn.images[0])
    assert np.array_equal(np.asarray(drawn), drawn.images.numpy())
    assert np.asarray(drawn, dtype=np.float64).dtype == np.float64
    assert torch.equal(drawn.images, run.sample(count=6, seed=3).images)
    assert repr(drawn) == "<images (6, 1, 8, 8)>"
    assert written(home) == []
    run.sample(6, out=Path("sheet.png"))
    assert written(home) == ["sheet.png"]
    rows = run.sample(2, mode="interpolate", path="spherical")
    assert rows.shape == (10, 1, 8, 8), "a walk of ten images between each pair"


def test_codes_go_there_and_back(run: OpenRun) -> None:
    x = run.data().test.x[:5]  # type: ignore[union-attr]
    codes = run.encode(x)
    model = run.torch()
    assert isinstance(model, ImageModel) and not model.training
    expected = latent.encode(model, x.float() / 255)
    assert torch.equal(codes.codes, expected) and np.asarray(codes).shape == (5, model.latent)
    decoded = run.decode(codes)
    assert torch.equal(decoded.images, latent.decode(model, expected))
    assert torch.equal(run.decode(np.asarray(codes, np.float64)).images, decoded.images)
    assert torch.equal(run.reconstruct(x).images, decoded.images)
    assert run.reconstruct(run.sample(3)).shape == (3, 1, 8, 8)
    assert len(run.encode(split="validation")) == len(run.data().validation)


@pytest.mark.parametrize(
    "images",
    [
        pixels(),
        pixels()[..., None],
        pixels() / 255,
        torch.from_numpy(pixels()),
        torch.from_numpy(pixels())[:, None],
        (torch.from_numpy(pixels()).float() / 255)[:, None],
        Frame(pixels().reshape(64, 64) / 255),
    ],
)
def test_images_of_any_form_are_the_same(run: OpenRun, images: Any) -> None:
    assert torch.equal(run.encode(images).codes, run.encode(pixels()).codes)


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "detect"])
@pytest.mark.parametrize(
    ("images", "words"),
    [
        (pixels(side=9), "data has the shape (64, 9, 9); run vae takes images of (N, 8, 8)"),
        (pixels()[0], "data has the shape (8, 8); run vae takes images of (N, 8, 8)"),
        (pixels()[:0], "data has the shape (0, 8, 8); images are"),
        (np.stack([pixels()] * 3, -1), "run vae takes images of (N, 8, 8)"),
        (pixels() / 100, "data has values from 0 to 2.55"),
        (pixels().astype(np.int64), "data holds int64; images are of uint8"),
        (pixels() * np.nan, "data has 4096 values that are NaN or infinite"),
        ([pixels()], "data cannot be list: it must be a name, a path or an array"),
        ((pixels(), np.zeros(64)), "labels must be 64 whole numbers from 0 to 9"),
        ((pixels(), np.full(64, 10)), "labels must be 64 whole numbers from 0 to 9"),
    ],
)
def test_images_that_cannot_be_are_refused(
    run: OpenRun, home: Path, verb: str, images: Any, words: str
) -> None:
    with pytest.raises((DataError, UsageError), match=re.escape(words)) as caught:
        getattr(run, verb)(images, out="out.tsv" if verb == "encode" else "out.png")
    assert "\n" not in str(caught.value) and written(home) == []


@pytest.mark.parametrize(
    ("z", "words"),
    [
        (
            np.zeros((2, 3), np.float32),
            "z holds float32 of the shape (2, 3); run vae decodes (N, 8)",
        ),
        (np.zeros((0, 8), np.float32), "z holds float32 of the shape (0, 8)"),
        (np.zeros((2, 8), np.int64), "z holds int64"),
        (np.full((1, 8), np.nan), "z has 8 values that are NaN or infinite"),
        (np.full((1, 8), 1e300), "z has 8 values that are NaN or infinite"),
        ([[0.0] * 8], "z cannot be a list; give a NumPy array or a tensor"),
    ],
)
def test_codes_that_cannot_be_are_refused(run: OpenRun, z: Any, words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        run.decode(z)


def test_a_model_of_classes_is_given_them(run: OpenRun, given_classes: OpenRun) -> None:
    model = given_classes.torch()
    assert isinstance(model, ImageModel)
    z, y = torch.randn(4, model.latent), torch.tensor([3, 1, 4, 1])
    assert torch.equal(given_classes.decode(z, y=y.numpy()).images, latent.decode(model, z, y))
    x = pixels(4)
    codes = given_classes.encode((x, y))
    expected = latent.encode(model, torch.from_numpy(x)[:, None].float() / 255, y)
    assert torch.equal(codes.codes, expected) and codes.classes == ["3", "1", "4", "1"]
    with pytest.raises(UsageError, match="and the array has no classes"):
        given_classes.encode(x)
    with pytest.raises(DataError, match="y must be 4 whole numbers from 0 to 9"):
        given_classes.decode(z, y=y + 9)
    with pytest.raises(UsageError, match="leave y out"):
        run.decode(torch.zeros(4, 8), y=y)


def test_history_has_an_array_for_each_metric(run: OpenRun) -> None:
    history = run.history
    steps, values = history.train["loss"]
    rows = [row for row in run.metrics() if row["split"] == "train"]
    assert steps.tolist() == [row["step"] for row in rows]
    assert values.tolist() == [row["values"]["loss"] for row in rows]
    assert history["loss"].keys() == {"train", "validation"} and "kl_nats" in history
    assert history.validation["loss"].steps[-1] == 20
    assert repr(history).startswith("<history: loss") and repr(history.train["loss"])
    assert [row["loss"] for row in history.rows if row["split"] == "train"] == values.tolist()
    assert [*history.rows[0]][:4] == ["step", "elapsed_s", "split", "loss"]
    with pytest.raises(KeyError):
        history["los"]
    with Image.open(BytesIO(history._repr_png_() or b"")) as picture:
        assert picture.width > 300


def test_a_codes_run_draws_images(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("codes")
    painter = olaria.train("vq-mnist", data="digits", size="tiny", steps=20, out=folder / "vq")
    writer = olaria.train(
        "gpt-shakespeare",
        data=f"codes:{painter.path}",
        size="tiny",
        steps=20,
        settings=["model.context=32"],
        out=folder / "gpt",
    )
    drawn = writer.sample(5, seed=1)
    assert drawn.shape == (5, 1, 8, 8) and 0 <= drawn.images.min() < drawn.images.max() <= 1
    assert drawn._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="leave out top_k"):
        writer.sample(5, top_k=3)


# -- data in Python --------------------------------------------------------------------------------


def test_arrays_with_labels_become_a_run_that_opens_again(home: Path) -> None:
    x, y = pixels(), np.arange(64) % 4
    run = olaria.train("vae-mnist", data=(x / 255, y), size="tiny", steps=2)
    data = run.data()
    assert data.train.y is not None and data.class_names == ("0", "1", "2", "3")  # type: ignore[union-attr]
    again = olaria.train("vae-mnist", data=(torch.from_numpy(x / 255), y), size="tiny", steps=2)
    assert again.recipe == run.recipe, "the same data are kept once"
    goes_on = olaria.train(replay=run, out=home / "again")
    assert torch.equal(goes_on.sample(2).images, run.sample(2).images)


@pytest.mark.parametrize(
    "images",
    [
        pixels()[:, None],
        torch.from_numpy(pixels())[:, None].float() / 255,
        np.stack([pixels()] * 3, 1),
        pixels() > 127,
        Frame(pixels().reshape(64, 64) / 255),
    ],
)
def test_what_torch_and_others_hold_as_images_is_data(home: Path, images: Any) -> None:
    run = olaria.train("vae-mnist", data=images, size="tiny", steps=1)
    data = run.data()
    assert isinstance(data, ImageData)
    channels = 3 if getattr(images, "shape", (0, 0))[1] == 3 else 1
    assert data.shape == (channels, 8, 8)
    parts = torch.cat([data.train.x, data.validation.x, data.test.x]).flatten(1)
    expected = np.asarray(images).astype(np.float64)
    brightest = 255 if expected.max() > 1 else 1
    assert torch.allclose(
        parts.double().sum(1).sort().values / 255,
        torch.from_numpy(expected / brightest).flatten(1).sum(1).sort().values,
        atol=0.5,
    )


def test_points_of_a_frame_are_data(home: Path) -> None:
    points = np.random.default_rng(0).random((50, 2))
    run = olaria.train("gan-ring", data=Frame(points), size="tiny", steps=1)
    assert len(run.data().train) > 20 and run.sample(3).shape == (3, 2)


def test_a_part_of_loaded_data_is_data_too(run: OpenRun, home: Path) -> None:
    train = olaria.load_data("digits").train
    assert isinstance(train, Images) and train.y is not None
    codes = run.encode(train[:6])
    assert torch.equal(codes.codes, run.encode(train.x[:6]).codes)
    assert codes.classes == [str(label) for label in train.y[:6].tolist()]
    few = olaria.train("vae-mnist", data=train[train.y < 2], size="tiny", steps=2)
    data = few.data()
    assert isinstance(data, ImageData) and data.class_names == ("0", "1")
    assert len(data.train) + len(data.validation) + len(data.test) == int((train.y < 2).sum())
    assert isinstance(data.train, Dataset)


def test_texts_paths_and_runs_are_taken(home: Path) -> None:
    run = olaria.train("gpt-shakespeare", data=TEXT, size="tiny", steps=3, out=home / "text")
    assert run.data().train + run.data().validation == TEXT  # type: ignore[operator]
    one: Any = run.sample(prompt="o ", max_tokens=5)
    assert one._repr_html_() == f'<pre style="white-space:pre-wrap">{one}</pre>'
    assert isinstance(one, str)
    several: Any = run.sample(2, max_tokens=5)
    assert several._repr_html_().count("<pre") == 2 and isinstance(several, list)
    (home / "barro.txt").write_text(TEXT, encoding="utf-8")
    tuned = olaria.train(
        "gpt-shakespeare", data=home / "barro.txt", start=run, steps=2, out=home / "tuned"
    )
    assert tuned.recipe.tuning is not None
    loaded = olaria.load_data(home / "barro.txt")
    assert loaded.train == tuned.data().train


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data": pixels(3)}, "data has 3 images, fewer than 4"),
        ({"data": pixels()[0]}, "data has the shape (8, 8)"),
        ({"data": pixels() / 100}, "data has values from 0 to 2.55"),
        ({"data": pixels().astype(int)}, "data holds int64"),
        ({"data": pixels() * np.nan}, "NaN or infinite"),
        (
            {"data": (pixels(), np.zeros(3, int))},
            "data has labels of the shape (3,), and 64 images",
        ),
        ({"data": [pixels()]}, "data cannot be list"),
        (
            {"data": TEXT},
            "vae learns from images and the text holds none; give it images with data",
        ),
        ({"data": np.zeros((50, 2))}, "vae learns from images and the array holds none"),
        ({"data": "a short text"}, "there is no data set, file or folder named a short text"),
        ({"data": "n" * 400}, "there is no data set, file or folder named n"),
        ({"data": "minst"}, "did you mean mnist?"),
        ({"data": Path("nowhere.zip")}, "there is no data set, file or folder named nowhere.zip"),
        (
            {"preset": "gpt-shakespeare", "data": pixels()},
            "gpt learns from text and the array holds",
        ),
        ({"preset": "gan-ring", "data": pixels()}, "learns from points in the plane and the array"),
        ({"preset": "vae-mnits", "data": pixels()}, "unknown preset vae-mnits"),
        ({"data": pixels(), "stepz": 3}, "unknown setting stepz: did you mean steps?"),
        ({"data": pixels(), "settings": ["model.latnt=2"]}, "did you mean latent?"),
        ({"resume": "somewhere", "data": pixels()}, "resume takes everything from its run"),
        ({"preset": 5}, "preset cannot be 5"),
        ({"lr": 0.1}, 'unknown setting lr: did you mean settings=["training.learning_rate=…"]?'),
        ({"batch_size": 8}, 'did you mean settings=["training.batch_size=…"]?'),
        ({"latent": 2}, 'did you mean settings=["model.latent=…"]?'),
        ({"beta": 4.0}, 'did you mean settings=["model.beta=…"]?'),
        ({"data": olaria.load_data("digits")}, "data cannot be ImageData: it must be a name"),
        ({"data": (pixels(), "cats")}, "data cannot be tuple"),
    ],
)
def test_data_that_cannot_be_leave_nothing_behind(
    home: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(OlariaError, match=re.escape(words)) as caught:
        olaria.train(**{"preset": "vae-mnist", "size": "tiny", "steps": 2, **settings})
    assert "\n" not in str(caught.value)
    assert written(home) == []


# -- in a notebook ---------------------------------------------------------------------------------


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A notebook: each output of the cell with the texts that it had one after the other."""
    outputs: list[list[str]] = []

    class Handle:
        def __init__(self, place: int) -> None:
            self.place = place

        def update(self, content: dict[str, str], *, raw: bool) -> None:
            assert raw
            outputs[self.place].append(content["text/plain"])

    def display(content: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert raw and display_id
        if "image/png" in content:
            with Image.open(BytesIO(b64decode(content["image/png"]))) as picture:
                assert picture.format == "PNG" and picture.width > 100
        outputs.append([content["text/plain"]])
        return Handle(len(outputs) - 1)

    ipython, displaying = ModuleType("IPython"), ModuleType("IPython.display")
    shell = SimpleNamespace(kernel=object())
    vars(ipython).update(get_ipython=lambda: shell, display=displaying, version_info=(9, 0))
    vars(displaying).update(display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", displaying)
    return outputs


def interrupt(event: Event) -> None:
    if isinstance(event, Stepped) and event.step == 3:
        os.kill(os.getpid(), signal.SIGINT)


def test_a_notebook_is_known_without_importing_ipython(
    monkeypatch: pytest.MonkeyPatch, outputs: list[list[str]]
) -> None:
    assert in_notebook() and outputs == []
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    assert not in_notebook()
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace())
    assert not in_notebook(), "an IPython terminal"
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook() and "IPython" not in sys.modules


def test_a_training_has_one_line_in_a_notebook(
    home: Path, outputs: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotebookLine, "every_s", 0.0)
    settings: dict[str, Any] = {"data": "digits", "size": "tiny", "steps": 5}
    olaria.train("vae-mnist", settings=["training.health=false"], **settings)
    line, picture = outputs
    assert re.fullmatch(r"step 1 · 0% · loss \d+\.\d+ · \d:\d\d left", line[0])
    assert line[4].startswith("step 5 · 80%") and line[-1].startswith("step 5 · loss ")
    assert len(line) == 6 and picture == ["<images (64, 1, 8, 8)>"]
    olaria.train("vae-mnist", progress=False, **settings)
    assert len(outputs) == 2


TOO_LITTLE = "trained too little to be judged"
"""Begins what a run of two steps is told besides."""


@pytest.mark.parametrize(
    ("preset", "data"),
    [
        ("ae-mnist", "digits"),
        ("gan-mnist", "digits"),
        ("gan-ring", "ring"),
        ("gpt-shakespeare", TEXT),
        ("dates", "dates"),
    ],
)
def test_a_training_ends_with_what_it_draws(
    home: Path, outputs: list[list[str]], preset: str, data: str
) -> None:
    run = olaria.train(preset, data=data, size="tiny", steps=2)
    assert not outputs[-1][0].startswith(TOO_LITTLE), "what is to be known comes before the picture"
    *_, line, ending = [told for told in outputs if not told[0].startswith(TOO_LITTLE)]
    drawn = run.samples()[-1]
    assert line[-1].startswith("step 2 · ") and len(ending) == 1
    if drawn.suffix == ".txt":
        assert ending[0].split() == drawn.read_text(encoding="utf-8").split()
    else:
        assert re.fullmatch(r"<images \(\d+, \d, \d+, \d+\)>", ending[0])


def test_an_error_in_a_notebook_shows_the_persons_own_line(
    run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, mine = "run.sample(cuont=3)", "x = 1\n\ndef own():\n    run.encode('nowhere')\nown()\n"
    for source, code, number in ((cell, cell, 1), (mine, "run.encode('nowhere')", 4)):
        linecache.cache["<cell>"] = (len(source), None, source.splitlines(True), "<cell>")
        with pytest.raises(OlariaError) as caught:
            exec(compile(source, "<cell>", "exec"), {"run": run, "__name__": "__main__"})  # noqa: S102
        *lines, last = caught.value._render_traceback_()
        assert last == f"UsageError: {caught.value}"
        assert lines[-1] == f"line {number}: {code}"
        assert not any("olaria" in line.partition(",")[0] for line in lines[1:])
    monkeypatch.setenv("OLARIA_LANG", "pt")
    *lines, last = caught.value._render_traceback_()
    assert lines[-1].startswith("linha 4: ") and last.startswith("UsageError: não há ")


def test_a_download_has_a_line_of_its_own(outputs: list[list[str]]) -> None:
    now = [0.0]
    reporter = ProgressReporter(NotebookLine(), lambda: now[0])
    for done in (1_000_000, 2_000_000, 11_490_434):
        reporter.downloaded(DownloadProgress("a.gz", done, 11_490_434, 1e6))
    reporter.downloaded(DownloadProgress("b.gz", 500_000, None, 1e6))
    assert outputs == [["a.gz  1.0 of 11.5 MB", "a.gz  11.5 of 11.5 MB"], ["b.gz  0.5 MB"]]


def test_the_stop_button_gives_the_stopped_run(home: Path, outputs: list[list[str]]) -> None:
    run = olaria.train("vae-mnist", data="digits", size="tiny", steps=50, listeners=[interrupt])
    assert run.state == "stopped" and run.status["step"] == 3
    *_, ending, told = [told for told in outputs if not told[0].startswith(TOO_LITTLE)]
    assert ending == ["<images (64, 1, 8, 8)>"]
    assert told == ["stopped at step 3, all is saved; go on with olaria.train(resume=run)"]
    assert run.sample(2).shape == (2, 1, 8, 8)
    assert ">stopped</td>" in run._repr_html_()
    done = olaria.train(resume=run)
    assert done.state == "done" and done.path == run.path


def test_a_script_is_told_by_an_error_and_prints_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {"data": "digits", "size": "tiny", "steps": 50}
    with pytest.raises(Interrupted, match="stopped by Ctrl-C; go on with resume="):
        olaria.train("vae-mnist", listeners=[interrupt], **settings)
    olaria.train("vae-mnist", **settings)
    assert capsys.readouterr() == ("", "")
    olaria.train("vae-mnist", progress=True, **settings)
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines()[-1].startswith("step 50 · loss ")


def test_results_show_themselves_as_small_and_safe_tables(run: OpenRun) -> None:
    assert table(("<a>",), [("<script>", 1)], (1,)) == (
        '<table><thead><tr><th style="text-align:left">&lt;a&gt;</th></tr></thead><tbody><tr>'
        '<td style="text-align:left">&lt;script&gt;</td><td style="text-align:right">1</td></tr></tbody></table>'
    )
    found = run.evaluate(metrics=["elbo_nats", "fd"])
    evaluation = found._repr_html_()
    assert "ELBO" in evaluation and "nats/example\N{NO-BREAK SPACE}↑" in evaluation
    assert "Fréchet distance: there is no feature network for digits" in evaluation
    for result in (run, found, run.encode(), run.compare(run), run.explain()):
        html = result._repr_html_()
        assert html.startswith("<table>") and len(html) < 10_000
        assert not re.search(r"<script|class=|<style", html)
        assert "\n" not in repr(result) and len(repr(result)) < 400
    for drawn in (run.reconstruct(count=4), run.detect(), run.sample(4)):
        with Image.open(BytesIO(drawn._repr_png_())) as picture:
            assert picture.format == "PNG"
        assert "\n" not in repr(drawn) and len(repr(drawn)) < 100


def test_the_table_of_a_run_groups_thousands_and_names_values_in_small_letters(
    run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = {"steps": 1500, "final": {"kl_nats": 2.3, "active_units": 2}}
    monkeypatch.setattr(type(run), "result", property(lambda _self: result))
    shown = re.findall("<td[^>]*>([^<]*)</td>", run._repr_html_())
    assert dict(zip(shown[::2], shown[1::2], strict=True)) == {
        "run": run.name,
        "family": "Variational autoencoder",
        "data": "digits",
        "state": "done",
        "steps": "1,500",
        "KL": "2.30 nats/example".replace(" ", "\N{NO-BREAK SPACE}"),
        "active units": "2 dimensions".replace(" ", "\N{NO-BREAK SPACE}"),
    }


def test_data_that_was_handed_over_has_no_name_of_a_file(home: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype="uint8")
    run = olaria.train("vae-mnist", data=images, size="tiny", steps=1)
    assert repr(run) == "<Run vae-mnist: vae on given data, done>"
    assert ">given in Python</td>" in run._repr_html_() and ".npz" not in run._repr_html_()


def test_a_language_model_shows_its_loss_once(home: Path, outputs: list[list[str]]) -> None:
    settings = {"data": "toy-language", "size": "tiny", "steps": 2, "seed": 0}
    run = olaria.train("bigram-shakespeare", **settings)
    assert all(" · loss " not in line for told in outputs for line in told)
    assert any("nats per token" in line for told in outputs for line in told)
    assert {"loss", "loss_nats_per_token"} <= {*run.history}
    assert [panel.unit for panel in run.history._panels("en")] == ["nats per token"]


def test_several_seeds_are_set_beside_each_other(home: Path) -> None:
    runs = [
        olaria.train("vae-mnist", data="digits", size="tiny", steps=2, seed=seed)
        for seed in range(3)
    ]
    found = [one.evaluate(metrics=["elbo_nats"]).metrics for one in runs]
    assert all(metrics.keys() == {"elbo_nats"} for metrics in found), "what was named, no more"
    values = [metrics["elbo_nats"] for metrics in found]
    page = runs[0].compare(*runs[1:])._repr_html_()
    assert "one recipe with seeds 0, 1, 2: mean ± deviation" in page
    mean, deviation = np.mean(values), np.std(values, ddof=1)
    text = f"{mean:.2f} nats/example ± {deviation:.2f} nats/example".replace("-", "−")
    assert text in page.replace("\N{NO-BREAK SPACE}", " ")


def test_all_of_python_speaks_the_users_language(
    run: OpenRun, home: Path, outputs: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLARIA_LANG", "pt")
    shown = run._repr_html_()
    assert ">estado</td>" in shown and ">concluída</td>" in shown
    page = run.report(out=home / "page.html").path.read_text(encoding="utf-8")
    assert '<html lang="pt' in page
    assert '<html lang="pt' in run.explain("kl").html()  # type: ignore[union-attr]
    assert ">o que treina</th>" in olaria.presets()._repr_html_()
    with pytest.raises(UsageError, match="você quis dizer count"):
        run.sample(cuont=3)
    with pytest.raises(AttributeError, match="uma execução não tem smaple"):
        run.smaple()  # type: ignore[attr-defined]
    olaria.train("vae-mnist", data="digits", size="tiny", steps=2)
    assert any(line[-1].startswith("passo 2 · perda ") for line in outputs)
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    with pytest.warns(olaria.OlariaWarning, match="os dados têm 17 exemplos"):
        olaria.train("vae-mnist", data=pixels(20), size="tiny", steps=2)


def test_names_of_hostile_runs_stay_text(home: Path) -> None:
    run = olaria.train("vae-mnist", data="digits", size="tiny", steps=1, out=home / "<b>x")
    assert "<b>" not in run._repr_html_() and "&lt;b&gt;x" in run._repr_html_()
    assert "<b>" not in run.compare()._repr_html_()


# -- the package -----------------------------------------------------------------------------------


def test_the_package_is_instant_and_says_what_it_has() -> None:
    script = (
        "import sys, olaria; assert {'torch', 'numpy', 'pydantic'}.isdisjoint(sys.modules);"
        "import olaria.workflows.face; assert {'torch', 'matplotlib'}.isdisjoint(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert dir(olaria) == sorted(olaria.__all__)
    assert all(hasattr(olaria, name) for name in olaria.__all__)
    with pytest.raises(RunError):
        olaria.open("no-such-run")
