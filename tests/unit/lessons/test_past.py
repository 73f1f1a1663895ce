"""What a run drew on its way: which steps are shown, which fit into a page, and that their weights are the run's."""

from __future__ import annotations

import base64
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from olaria.export.play_images import is_of_encoder
from olaria.lessons import LESSONS, past
from olaria.lessons.base import Asked
from olaria.lessons.figures import Images, Live
from olaria.lessons.gan import record
from olaria.runs import Run
from olaria.sampling.latent import decode
from olaria.training.randomness import generator
from olaria.workflows.explain import explain

TinyRun = Callable[..., Run]


@pytest.fixture(scope="module")
def digits(tiny_run: TinyRun) -> Run:
    """A GAN given the class, which keeps steps 1, 4 and 16."""
    return tiny_run("gan-mnist", "model.classes=10")


@pytest.fixture(scope="module")
def encoded(tiny_run: TinyRun) -> Run:
    """A VAE of the same images."""
    return tiny_run("vae-mnist")


def past_of(run: Run) -> Any:
    return past.past_of(run, run.model(), generator(0, "test"))  # type: ignore[arg-type]


def live_of(run: Run) -> Any:
    lesson = LESSONS[run.family](Asked((run,)))
    figures = [figure for step in lesson for figure in step.figures if isinstance(figure, Live)]
    return next((one for one in figures if one.part == "live_training"), None)


# -- which steps -----------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 10**6), min_size=1), st.integers(1, 12), st.data())
def test_few_steps_are_chosen_of_many(found: set[int], most: int, data: st.DataObject) -> None:
    steps = sorted(found)
    own = data.draw(st.sampled_from(steps))
    chosen = past.chosen(steps, most, own)
    assert len(chosen) == min(most, len(steps)) and set(chosen) <= found
    assert chosen == sorted(chosen) and own in chosen
    if most > 2:
        assert {steps[0], steps[-1]} <= set(chosen)


def test_steps_are_chosen_evenly_by_their_logarithms() -> None:
    chosen = past.chosen(list(range(1, 4097)), 7, 4096)
    assert chosen == pytest.approx([1, 4, 16, 64, 256, 1024, 4096], rel=0.5)
    logs = np.diff(np.log1p(chosen))
    assert logs.max() - logs.min() < 0.3


def test_the_kept_steps_are_shown_and_few_of_many(
    digits: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = past_of(digits)
    assert list(found.models) == [0, *digits.folder.checkpoint_steps()]
    assert set(found.sent) | {found.own} == set(found.models) and found.labels.tolist() == [
        *range(10)
    ]
    monkeypatch.setattr(past, "MOST_STEPS", 3)
    assert list(past_of(digits).models) == [0, 4, found.own]


def test_what_fits_is_bounded_by_the_page(encoded: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = encoded.model()
    shape = encoded.dimensions()
    assert past.room(model, shape, 6) == (6, 1)
    decoders = sum(x.numel() for name, x in model.state_dict().items() if not is_of_encoder(name))
    own = sum(x.numel() for x in model.state_dict().values())
    proofs = 4 * 4 * math.prod(shape)  # type: ignore[arg-type]
    for fits, least, expected in (
        (4, 0, (4, 1)),
        (2, 0, (0, 3)),
        (0, 0, (0, 0)),
        (0, 10**6, (0, 4)),
    ):
        monkeypatch.setattr(past, "LEAST_BYTES", least)
        numbers = (2 * decoders + proofs) * fits + 2 * own
        monkeypatch.setattr(past, "MOST_BYTES", past.OTHER_BYTES + numbers * 4 / 3 + 1)
        assert past.room(model, shape, 6) == expected


def test_weights_that_do_not_fit_are_named_or_drawn(
    encoded: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "room", lambda *_: (3, 1))
    live = live_of(encoded)
    steps = [0, *encoded.folder.checkpoint_steps()]
    own = encoded.checkpoint()[0]
    assert set(live.settings["steps"]) == {own, *live.steps} and len(live.steps) == 3
    assert live.settings["left"] == [step for step in steps if step not in live.settings["steps"]]
    assert len(live.below.strips) == len(steps), "the figure beneath shows all"
    monkeypatch.setattr(past, "room", lambda *_: (0, 2))
    live = live_of(encoded)
    assert live.steps == () and live.settings["left"] == []
    z = torch.from_numpy(live.settings["noise"]).float()
    assert len(z) == 2 * past.NUM_DRAWN
    held = np.frombuffer(base64.b64decode(live.settings["images"]["4"]), np.uint8) / 255
    drawn = decode(encoded.model(4), z)  # type: ignore[arg-type]
    assert held == pytest.approx(drawn.flatten().numpy(), abs=0.5 / 255 + 1e-6)
    monkeypatch.setattr(past, "room", lambda *_: (0, 0))
    assert live_of(encoded) is None


# -- their weights ---------------------------------------------------------------------------------


def test_step_zero_has_the_weights_that_the_run_began_with(digits: Run, encoded: Run) -> None:
    for run in (digits, encoded):
        model: Any = run.model()
        first = past.first_weights(run, model)
        assert first is not None
        z = torch.randn(64, model.latent, generator=generator(run.recipe.seed, "watching"))
        _, sheets = record.tiles(run, run.dimensions(), 10)  # type: ignore[arg-type]
        drawn = decode(first, z)[:10].numpy()
        assert np.abs(sheets[0] / 255 - drawn).max() < 0.6 / 255
        assert np.abs(sheets[-1] / 255 - drawn).max() > 0.05


def test_other_first_weights_are_not_shown(digits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "1.0.0")
    assert list(past_of(digits).models) == digits.folder.checkpoint_steps()


def test_the_page_gets_the_weights_of_each_step(digits: Run) -> None:
    lesson: Any = explain("gan", runs=(digits,), language="en")
    live = live_of(digits)
    play = lesson.context.play
    assert {digits.name, *live.models} == play.keys()
    for step in live.steps:
        document = play[f"{digits.name}/{step}"]
        assert not document["encodes"] and document["precision"] == "float16"
    weights = [play[name]["weights"] for name in live.models]
    assert len(set(weights)) == len(weights)
    static: Any = explain("gan", runs=(digits,), language="en", static=True)
    assert static.context.play == {} and 'data-live="live_training"' not in static.html()


# -- without ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["gan", "vae"])
def test_a_run_of_one_checkpoint_says_how_more_are_kept(
    digits: Run, encoded: Run, tmp_path: Path, family: str
) -> None:
    whole = digits if family == "gan" else encoded
    shutil.copytree(whole.path, tmp_path / "run")
    run = Run(tmp_path / "run")
    for step in run.folder.checkpoint_steps():
        if step != whole.checkpoint()[0]:
            shutil.rmtree(run.folder.checkpoint_path(step))
    assert past_of(run) is None and live_of(run) is None
    sentences = [step.text.text() for step in LESSONS[family](Asked((run,)))]
    assert sum("training.keep_spaced=true" in text for text in sentences) == 1
    others = [step.text.text() for step in LESSONS[family](Asked((whole,)))]
    assert not any("training.keep_spaced" in text for text in others)


def test_the_figure_beneath_has_a_row_for_each_step(digits: Run) -> None:
    live = live_of(digits)
    assert isinstance(live.below, Images)
    for strip, (step, model) in zip(live.below.strips, past_of(digits).models.items(), strict=True):
        assert strip.title.text() == f"step {step}"  # type: ignore[union-attr]
        z = torch.from_numpy(live.settings["noise"]).float()
        expected = decode(model, z, torch.arange(10))
        assert strip.images == pytest.approx(expected.numpy(), abs=1e-5)
