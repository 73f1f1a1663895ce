"""Python says what the command line says: notes, warnings and errors, in the reader's language, each once."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
from PIL import Image

import olaria
from olaria.data import DataConfig
from olaria.errors import OlariaError, UsageError
from olaria.recipes import preset
from olaria.training.events import Stepped
from olaria.training.interruption import Interrupted, handling

SMALL: dict[str, Any] = {"size": "tiny", "steps": 4}


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Many pictures, and a file that is none."""
    monkeypatch.setenv("OLARIA_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "fotos"
    folder.mkdir()
    for i in range(140):
        pixels = np.full((12, 12), i, np.uint8)
        pixels[: i % 12] = 255 - i
        Image.fromarray(pixels).save(folder / f"{i:03}.png")
    (folder / "quebrada.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    return folder


def texts_of(work: Callable[[], Any]) -> list[str]:
    """What a call warns of; every warning must be ours and point here."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    assert {one.category for one in caught} <= {olaria.OlariaWarning}
    assert {one.filename for one in caught} <= {__file__}
    return [str(one.message) for one in caught]


@pytest.mark.parametrize("language", ["en", "pt"])
def test_notes_of_data_and_training_are_warnings(
    photos: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLARIA_LANG", language)
    batches = {"en": "batches of 11 instead of 128", "pt": "lotes de 11 em vez de 128"}[language]
    loaded = texts_of(lambda: olaria.load_data(photos))
    assert len(loaded) == 1 and "quebrada.png" in loaded[0]
    trained = texts_of(lambda: olaria.train("ae-mnist", data=photos, out="r", **SMALL))
    assert trained.count(loaded[0]) == 1 and sum(batches in text for text in trained) == 1
    run, others = olaria.open("r"), shutil.copytree(photos, "outras")
    for work in (lambda: run.encode(others), lambda: run.reconstruct(others)):
        assert texts_of(work) == loaded
    with pytest.raises(OlariaError) as caught:
        olaria.open("nada")
    known = {"en": "no run named nada", "pt": "não há execução chamada nada"}[language]
    assert str(caught.value).startswith(known)


def test_what_is_shown_is_not_said_twice(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = texts_of(lambda: olaria.train("ae-mnist", data=photos, out="r", progress=True, **SMALL))
    assert told == [] and capsys.readouterr().err.count("batches of 11") == 1


def test_other_ways_of_training_warn_too(photos: Path) -> None:
    texts_of(lambda: olaria.train("ae-mnist", data=photos, out="r", **SMALL))
    ways: list[tuple[Callable[[], Any], str]] = [
        (lambda: olaria.train(resume=Path("r"), steps=6, out="l"), "begins from its last weights"),
        (
            lambda: olaria.train("ae-mnist", resume="auto", data=photos, **SMALL),
            "there is no unfinished run",
        ),
    ]
    for work, words in ways:
        assert any(words in text for text in texts_of(work))
    moved = photos.rename(photos.with_name("moved"))
    assert any("is left out" in text for text in texts_of(lambda: olaria.open("r").report()))
    assert texts_of(lambda: olaria.open("r", data=moved).report(out=Path("r.html"))) == []


@pytest.mark.parametrize("kind", [str, Path, PurePath])
def test_a_path_does_what_its_text_does(photos: Path, kind: Callable[[Any], Any]) -> None:
    text = photos.parent / "t.txt"
    text.write_text("gira a roda\n" * 500)
    assert olaria.load_data(kind(text)).train[:4] == "gira"  # type: ignore[union-attr, index]
    run = olaria.train("ae-mnist", data=kind(photos), out=kind("r"), **SMALL)
    assert olaria.open(kind("r")).path == run.path
    assert olaria.train(resume=kind("r"), steps=5, out=kind("l")).state == "done"
    assert olaria.train("ae-mnist", data=photos, start=kind("r"), out=kind("f"), **SMALL)
    assert olaria.train(replay=kind("r"), data=kind(photos), out=kind("p")).state == "done"
    assert run.encode(kind(photos), out=kind("c.tsv")).files == (Path("c.tsv"),)
    assert len(run.reconstruct(kind(photos / "000.png")).errors) == 1
    assert len(run.compare(kind("l")).to_json()["runs"]) == 2
    assert run.sample(2, mode="reconstruct", data=kind(photos), out=kind("s.png")).shape
    assert run.report(kind("l"), data=kind(photos), out=kind("r.html")).path == Path("r.html")
    assert DataConfig(name=kind("x")).name == "x"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: olaria.train("ae-mnist", size="huge"), "size cannot be huge: known: base"),
        (lambda: preset("ae-mnist", "huge"), "size cannot be huge: known: base"),  # type: ignore[arg-type]
        (lambda: preset("ae-mnits"), "did you mean ae-mnist?"),
        (lambda: preset(5), "unknown preset 5"),  # type: ignore[arg-type]
        (lambda: olaria.train("ae-mnist", listeners=5), "listeners cannot be 5"),  # type: ignore[arg-type]
        (lambda: olaria.train("ae-mnist", listeners=[5]), "it must be a list of functions"),  # type: ignore[list-item]
        (lambda: olaria.train("ae-mnist", progress="no"), "progress cannot be no"),  # type: ignore[arg-type]
        (lambda: olaria.train("ae-mnist", offline=1), "offline cannot be 1: it must be true"),
        (lambda: olaria.train("ae-mnist", from_="x"), "unknown setting from_"),
        (lambda: olaria.load_data(5), "data cannot be 5: it must be a name, a path or an array"),
        (lambda: olaria.load_data(None), "data cannot be null"),
        (lambda: olaria.load_data(b"digits"), "data cannot be"),
        (lambda: olaria.load_data(["digits"]), "data cannot be list"),
        (lambda: olaria.load_data("digits", resize="x"), "resize cannot be x"),
        (lambda: olaria.load_data("digits", resize=1), "resize cannot be 1"),
        (lambda: olaria.load_data("digits", reisze=8), "did you mean resize?"),
        (lambda: olaria.load_data("digits", wanted="x"), "wanted cannot be x"),
        (lambda: olaria.load_data("digits", {"resize": 8}), "give a DataConfig"),  # type: ignore[arg-type]
        (lambda: olaria.load_data("digits", tokenizer="bpe"), "tokenizer has no effect"),
        (lambda: olaria.load_data(np.zeros((3, 3))), "data"),
        (lambda: olaria.open(None), "run cannot be null"),  # type: ignore[arg-type]
        (lambda: olaria.open(b"r"), "run cannot be"),  # type: ignore[arg-type]
        (lambda: olaria.open("r", data=5), "data cannot be 5"),
    ],
)
def test_what_is_wrong_is_an_error_of_ours(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(OlariaError) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_beside_a_verb_only_what_fits(tiny_run: Callable[..., Any], tmp_path: Path) -> None:
    run = olaria.open(tiny_run("vae-mnist").path)
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: run.evaluate(effort="x"), "effort cannot be x: it must be an Effort"),
        (lambda: run.report(language="xx", out=tmp_path / "r.html"), "language cannot be xx"),
        (lambda: run.sample(2, offline="x"), "offline cannot be x"),
        (lambda: run.encode(progress=5), "progress cannot be 5: it must be a function"),
    ]
    for call, words in calls:
        with pytest.raises(UsageError, match=words):
            call()
    assert list(tmp_path.iterdir()) == []


def test_data_are_loaded_with_the_settings_of_a_training(photos: Path) -> None:
    data = [
        olaria.load_data("digits", resize=4),
        olaria.load_data("digits", DataConfig(name="digits", resize=4)),
    ]
    assert [one.shape for one in data] == [(1, 4, 4)] * 2  # type: ignore[union-attr]
    arrays = np.random.default_rng(0).integers(0, 256, (40, 5, 5), np.uint8)
    loaded = olaria.load_data((arrays, np.arange(40) % 2))
    assert loaded.shape == (1, 5, 5) and loaded.class_names == ("0", "1")  # type: ignore[union-attr]


def test_it_trains_in_a_thread_and_in_an_event_loop(photos: Path) -> None:
    made: list[Any] = []

    def in_thread() -> None:
        made.append(olaria.train("ae-mnist", data="fotos", out="thread", **SMALL))

    async def in_loop() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
        made.append(olaria.train("ae-mnist", data="fotos", out="loop", **SMALL))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    asyncio.run(in_loop())
    assert [run.state for run in made] == ["done", "done"]


def test_the_stop_button_saves_and_the_handlers_are_put_back(photos: Path) -> None:
    def own(*_: Any) -> None:
        raise AssertionError

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, own)

    def press(event: Any) -> None:
        if isinstance(event, Stepped) and event.step == 2:  # once: a second one ends at once
            os.kill(os.getpid(), signal.SIGINT)

    try:
        with pytest.raises(Interrupted, match="go on with resume=stopped") as caught:
            olaria.train("ae-mnist", data="fotos", out="stopped", listeners=[press], **SMALL)
        assert signal.getsignal(signal.SIGINT) is before[signal.SIGINT]
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before[signal.SIGTERM])
    run = olaria.open(caught.value.message.fields["path"])
    assert run.state == "stopped" and olaria.train(resume=run).result["steps"] == 4


def test_a_handler_from_outside_python_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a one cannot be put back, so that it is not replaced."""
    installed: list[Any] = []
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", lambda *a: installed.append(a))
    with handling(signal.SIG_IGN):
        pass
    assert installed == []
