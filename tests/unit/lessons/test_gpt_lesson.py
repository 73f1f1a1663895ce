"""The lesson of the GPT block: the stream adds up to the logits, the lens ends in them, losses are the model's own."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from olaria.errors import LessonError
from olaria.lessons.base import Asked, Step
from olaria.lessons.figures import NextToken, Table, Tokens
from olaria.lessons.gpt import LESSON
from olaria.lessons.gpt.losses import nats_of, octaves
from olaria.lessons.gpt.predictions import lens, settled_at
from olaria.lessons.inside import open_language, read_language
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.runs import Run

from .sound import assert_sound

TinyRun = Callable[..., Run]

RUNGS = ("average", "head", "multi-head", "feed-forward", "residual", "norm", "gpt2")
PRESETS = ("gpt-shakespeare", *(f"{rung}-shakespeare" for rung in RUNGS))
WITHOUT_FEED_FORWARD = ("average-shakespeare", "head-shakespeare", "multi-head-shakespeare")
SENTENCE = "the cat sees a girl."


def steps_of(run: Run, prompt: str | None = None) -> tuple[Step, ...]:
    return LESSON(Asked(runs=(run,), prompt=prompt, offline=True))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_rung_carries_it(tiny_run: TinyRun, preset: str) -> None:
    steps = steps_of(tiny_run(preset, steps=2))
    assert len(steps) == (6 if preset in WITHOUT_FEED_FORWARD else 7)
    assert_sound(steps)


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_tokenizers(tiny_run: TinyRun, tokenizer: str) -> None:
    run = tiny_run("gpt-shakespeare", f"data.tokenizer={tokenizer}", steps=2)
    steps = steps_of(run, SENTENCE)
    assert_sound(steps)
    (figure,) = [f for step in steps for f in step.figures if isinstance(f, NextToken)]
    assert len(figure.tokens) == len(figure.logits) == run.tokenizer().vocab_size


def test_a_tuned_run_carries_it(tiny_run: TinyRun) -> None:
    start = tiny_run("gpt-shakespeare", steps=2)
    assert_sound(steps_of(tiny_run("gpt-shakespeare", start=start, steps=2)))


def test_refusals(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="cannot carry"):
        steps_of(tiny_run("bigram-shakespeare", steps=2))
    with pytest.raises(LessonError, match="fewer than two"):
        steps_of(tiny_run("gpt-shakespeare", steps=2), "a")


@pytest.mark.parametrize("preset", PRESETS)
def test_the_stream_ends_in_the_models_logits(tiny_run: TinyRun, preset: str) -> None:
    model = tiny_run(preset, steps=2).model()
    assert isinstance(model, GPT | LanguageModel)
    ids = torch.randint(model.vocab_size, (30,), generator=torch.Generator().manual_seed(0))
    opened = open_language(model, ids)
    torch.testing.assert_close(lens(model, opened.streams[-1]), model(ids[None])[0])
    torch.testing.assert_close(opened.logits, model(ids[None])[0])


@pytest.mark.parametrize("preset", ["gpt-shakespeare", "gpt2-shakespeare"])
def test_halves_are_those_of_the_block(tiny_run: TinyRun, preset: str) -> None:
    """Each layer's two additions, put on what enters, are what the block itself makes of it."""
    model = tiny_run(preset, steps=2).model()
    ids = torch.arange(16) % 20
    for layer, block in zip(open_language(model, ids).layers, model.blocks, strict=True):  # type: ignore[arg-type]
        x = layer.entered[None]
        if isinstance(model, GPT):
            made = block(x, model.cos[:16], model.sin[:16], model.masks[:2])
        else:
            made, _ = block(x, model.mask[:16, :16], None)  # type: ignore[index]
        assert layer.feed is not None
        torch.testing.assert_close(layer.entered + layer.mixed + layer.feed.out, made[0])
        torch.testing.assert_close(layer.left, made[0])


def test_the_lens_of_another_stream_is_seen(tiny_run: TinyRun) -> None:
    """A changed weight changes what the lesson shows."""
    run = tiny_run("gpt-shakespeare", steps=2)
    model = run.model()
    assert isinstance(model, GPT)
    asked = Asked(runs=(run,), offline=True)
    first = read_language(asked, run, model, 12)
    with torch.no_grad():
        model.head.weight.neg_()
    second = read_language(asked, run, model, 12)
    np.testing.assert_allclose(second.hand.logits, second.opened.logits, atol=1e-5)
    assert np.abs(second.hand.logits - first.hand.logits).max() > 1e-4


def test_norms(tiny_run: TinyRun) -> None:
    for preset in ("gpt-shakespeare", "norm-shakespeare"):
        step = steps_of(tiny_run(preset, steps=2))[1]
        table = step.figures[1]
        assert isinstance(table, Table)
        mean, variance, square = table.rows[1][1:]
        if preset == "gpt-shakespeare":
            assert square == pytest.approx(1, abs=1e-3)
        else:
            assert mean == pytest.approx(0, abs=1e-5) and variance == pytest.approx(1, abs=1e-2)
    without = steps_of(tiny_run("residual-shakespeare", steps=2))[1]
    assert "no norms" in without.text.text()


def test_losses_are_the_models(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=2)
    steps = steps_of(run, SENTENCE)
    ids = run.tokenizer().encode(SENTENCE)
    logits = run.model()(ids[None, :-1])[0]
    expected = F.cross_entropy(logits, ids[1:], reduction="none")
    np.testing.assert_allclose(steps[-2].arrays["nats"], expected, atol=1e-5)
    tokens = steps[-2].figures[0]
    assert isinstance(tokens, Tokens) and "".join(tokens.tokens) == SENTENCE


def test_loss_by_position_is_the_validation_loss(tiny_run: TinyRun) -> None:
    """Over all positions it is near the loss that training measured on the whole validation text."""
    run = tiny_run("gpt-shakespeare", steps=2)
    step = steps_of(run)[-1]
    measured = [row["values"] for row in run.metrics() if row["split"] == "validation"]
    (key,) = [key for key in measured[-1] if key.endswith("nats_per_token")]
    best = min(values[key] for values in measured)
    assert step.arrays["by_position"].mean() == pytest.approx(best, abs=0.03)
    assert len(step.arrays["by_position"]) == 32


def test_helpers() -> None:
    assert octaves(1) == [(1, 1)] and octaves(64)[-1] == (33, 64)
    assert [place for a, b in octaves(50) for place in range(a, b + 1)] == [*range(1, 51)]
    assert settled_at(np.array([[3], [3], [3]])).tolist() == [0]
    uniform = torch.zeros(2, 3, 4)
    np.testing.assert_allclose(nats_of(uniform, torch.zeros(2, 3, dtype=torch.long)), math.log(4))
