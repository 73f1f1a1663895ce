"""The lesson of averaging: what it shows is what the run's modules compute, in every rung, and versions stay equal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from olaria.errors import LessonError
from olaria.lessons import averaging
from olaria.lessons.averaging import LESSON
from olaria.lessons.averaging.attention import attention_weights, between_step
from olaria.lessons.averaging.scene import Scene, scene_of
from olaria.lessons.base import Asked, Step
from olaria.lessons.figures import Table
from olaria.runs import Run

from .sound import assert_sound, failing

TinyRun = Callable[..., Run]

RUNGS = ("average", "head", "multi-head", "feed-forward", "residual", "norm", "gpt2", "gpt")
SENTENCE = "the cat sees a girl."


def is_timed(step: Step) -> bool:
    """Only the clock is not checked."""
    return "seconds" in step.arrays


def steps_of(run: Run, prompt: str | None = SENTENCE) -> tuple[Step, ...]:
    return LESSON(Asked(runs=(run,), prompt=prompt, offline=True))


def scene(run: Run, prompt: str = SENTENCE) -> Scene:
    return scene_of(Asked(runs=(run,), prompt=prompt, offline=True))


@pytest.mark.parametrize("rung", RUNGS)
def test_every_rung_carries_it(tiny_run: TinyRun, rung: str) -> None:
    steps = steps_of(tiny_run(f"{rung}-shakespeare", steps=10), None)
    assert len(steps) == 8
    assert_sound(steps, unchecked=is_timed)


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_tokenizers(tiny_run: TinyRun, tokenizer: str) -> None:
    assert_sound(
        steps_of(tiny_run("gpt-shakespeare", f"data.tokenizer={tokenizer}", steps=2)),
        unchecked=is_timed,
    )


@pytest.mark.parametrize("prompt", ["aa", "a cat", "o gato " * 20])
def test_short_equal_and_long_sentences(tiny_run: TinyRun, prompt: str) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    steps = steps_of(run, prompt)
    assert_sound(steps, unchecked=is_timed)
    assert len(steps[0].arrays["x"]) == min(len(prompt), 32)


def test_x_is_what_the_first_layer_reads(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt2-shakespeare", steps=10)
    model, ids = run.model(), run.tokenizer().encode(SENTENCE)
    read: list[torch.Tensor] = []
    model.blocks[0].qkv.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    model(ids[None])
    np.testing.assert_array_equal(steps_of(run)[0].arrays["x"], read[0][0].numpy())


def test_the_first_versions_are_the_mean_of_what_was_seen(tiny_run: TinyRun) -> None:
    steps = steps_of(tiny_run("gpt-shakespeare", steps=10))
    x = steps[0].arrays["x"].astype(float)
    for step in steps[1:4]:
        for t, mean in enumerate(step.arrays["means"]):
            np.testing.assert_allclose(mean, x[: t + 1].mean(0), atol=1e-6)
    (table,) = (figure for figure in steps[3].figures if isinstance(figure, Table))
    assert table.equal == (1, 2, 3)
    for row in table.rows:
        assert max(row[1:]) - min(row[1:]) < 1e-6  # type: ignore[type-var, operator]


@pytest.mark.parametrize("rung", ["head", "multi-head", "feed-forward", "residual", "norm"])
def test_version_four_is_the_runs_own_head(tiny_run: TinyRun, rung: str) -> None:
    made = scene(tiny_run(f"{rung}-shakespeare", steps=10))
    assert made.own_weights is not None
    torch.testing.assert_close(attention_weights(made), made.own_weights)


@pytest.mark.parametrize("preset", ["gpt2-shakespeare", "gpt-shakespeare"])
def test_where_the_run_does_more_the_difference_is_told(tiny_run: TinyRun, preset: str) -> None:
    run = tiny_run(preset, steps=10)
    made = scene(run)
    assert made.own_weights is not None
    apart = (attention_weights(made) - made.own_weights).abs().max().item()
    assert apart > 0
    caption = steps_of(run)[4].figures[0].caption
    assert caption.fields["apart"].value == pytest.approx(apart)  # type: ignore[union-attr]


def test_the_rung_that_averages_says_that_its_weights_are_drawn(tiny_run: TinyRun) -> None:
    run = tiny_run("average-shakespeare", steps=10)
    one, again = steps_of(run)[4], steps_of(run)[4]
    other = LESSON(Asked((run,), SENTENCE, seed=1, offline=True))[4]
    assert "random here" in one.figures[0].caption.text("en")  # type: ignore[union-attr]
    np.testing.assert_array_equal(one.arrays["weights"], again.arrays["weights"])
    assert (one.arrays["weights"] != other.arrays["weights"]).any()


def test_weights_are_those_of_scaled_dot_product_attention(tiny_run: TinyRun) -> None:
    made = scene(tiny_run("gpt-shakespeare", steps=10))
    q, k, v = (made.x @ weights for weights in (made.query, made.key, made.value))
    torchs = torch.nn.functional.scaled_dot_product_attention
    torch.testing.assert_close(made.attend(made.x), torchs(q, k, v, is_causal=True))
    units = torch.eye(made.length)[None]
    torch.testing.assert_close(attention_weights(made), torchs(q, k, units, is_causal=True)[0])


def test_growing_queries_lead_from_one_version_to_the_next(tiny_run: TinyRun) -> None:
    made = scene(tiny_run("gpt-shakespeare", steps=10))
    with torch.no_grad():
        stages = between_step(made).arrays["weights"]
    seen = np.tril(np.ones((made.length, made.length)))
    np.testing.assert_allclose(stages[0], seen / seen.sum(1, keepdims=True), atol=1e-6)
    np.testing.assert_array_equal(stages[-1], attention_weights(made).numpy())


def test_nothing_before_the_last_token_changes(tiny_run: TinyRun) -> None:
    changes = steps_of(tiny_run("gpt-shakespeare", steps=10))[6].arrays["changes"]
    assert changes.shape == (4, len(SENTENCE))
    assert (changes[:, :-1] == 0).all() and (changes[:, -1] > 0).all()


def test_times_are_told_and_not_checked(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("gpt-shakespeare", steps=10))[7]
    assert (step.arrays["seconds"] > 0).all() and not step.checks


@pytest.mark.parametrize(
    ("version", "places"),
    [("average_by_loops", [1, 2, 3]), ("average_by_product", [2, 3]), ("average_by_softmax", [3])],
)
def test_a_turned_sign_in_a_version_fails_its_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, version: str, places: list[int]
) -> None:
    right = getattr(averaging, version)
    monkeypatch.setattr(averaging, version, lambda x: -right(x))
    assert failing(steps_of(tiny_run("gpt-shakespeare", steps=10))) == places


def test_other_families_are_refused(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="gpt-shakespeare"):
        steps_of(tiny_run("bigram-shakespeare", steps=10))
