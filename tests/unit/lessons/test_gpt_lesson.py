"""The lesson of the GPT on every rung: one position from token to loss, a text, parameters, and its numbers again."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from olaria.errors import LessonError
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Question, Step
from olaria.lessons.figures import NextToken, Table, Tokens
from olaria.lessons.gpt.out import octaves
from olaria.lessons.gpt.scene import lens
from olaria.lessons.gpt.ways import ByTorch
from olaria.lessons.inside import open_language
from olaria.models.gpt import GPT
from olaria.models.language import LanguageModel
from olaria.runs import Run

from .sound import assert_sound, failing

LESSON = LESSONS["gpt"]

TinyRun = Callable[..., Run]

RUNGS = ("average", "head", "multi-head", "feed-forward", "residual", "norm", "gpt2")
LOCAL, CAUSAL = "model.chunk=4", "model.chunk=32"
VARIANTS = (
    ("gpt-shakespeare", LOCAL),
    ("gpt-shakespeare", CAUSAL),
    *((f"{rung}-shakespeare",) for rung in RUNGS),
)
WITHOUT_FEED_FORWARD = ("average-shakespeare", "head-shakespeare", "multi-head-shakespeare")
NAMES = (
    *("targets", "vectors", "block", "feed_forward", "stream", "prediction"),
    *("by_position", "generation", "parameters", "logit_lens", "beyond"),
)
SENTENCE = "the cat sees a girl."


def steps_of(run: Run, prompt: str | None = None, seed: int = 0) -> tuple[Step, ...]:
    return LESSON(Asked(runs=(run,), prompt=prompt, seed=seed, offline=True))


def step_of(run: Run, name: str, prompt: str | None = None) -> Step:
    """A step of a run that has all of them; computed once."""
    return _once(run, prompt)[NAMES.index(name)]


@cache
def _once(run: Run, prompt: str | None) -> tuple[Step, ...]:
    return steps_of(run, prompt)


def right(step: Step) -> int | None:
    return next((b.right for b in step.blocks if isinstance(b, Question)), None)


@pytest.mark.parametrize("words", VARIANTS, ids=" ".join)
def test_every_rung_carries_it(tiny_run: TinyRun, words: tuple[str, ...]) -> None:
    steps = steps_of(tiny_run(*words, steps=2))
    assert len(steps) == 11 - (words[0] in WITHOUT_FEED_FORWARD)
    assert_sound(steps, figures=True, unchecked=lambda step: step is steps[-1])


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_tokenizers(tiny_run: TinyRun, tokenizer: str) -> None:
    run = tiny_run("gpt-shakespeare", f"data.tokenizer={tokenizer}", steps=2)
    steps = steps_of(run, SENTENCE)
    assert_sound(steps)
    (figure,) = [f for step in steps for f in step.figures if isinstance(f, NextToken)]
    assert len(figure.tokens) == len(figure.logits) == run.tokenizer().vocab_size


@pytest.mark.parametrize("context", [2, 3, 8])
def test_a_short_context(tiny_run: TinyRun, context: int) -> None:
    settings = (f"model.context={context}", "model.chunk=1")
    assert_sound(steps_of(tiny_run("gpt-shakespeare", *settings, steps=2)))


def test_a_tuned_run_carries_it(tiny_run: TinyRun) -> None:
    start = tiny_run("gpt-shakespeare", steps=2)
    assert_sound(steps_of(tiny_run("gpt-shakespeare", start=start, steps=2)))


def test_refusals(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="cannot carry"):
        steps_of(tiny_run("bigram-shakespeare", steps=2))
    with pytest.raises(LessonError, match="fewer than two"):
        steps_of(tiny_run("gpt-shakespeare", steps=2), "a")


# -- the twin --------------------------------------------------------------------------------------

WRONG = {
    "logits": ["targets", "by_position", "generation"],
    "nats": ["targets", "prediction", "by_position"],
    "read_off": ["prediction", "logit_lens"],
    "probabilities": ["prediction", "generation", "logit_lens"],
    "left_over": ["generation"],
}


@pytest.mark.parametrize("method", WRONG)
def test_a_wrong_measure_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    true = getattr(ByTorch, method)

    def wrong(*words: Any) -> Any:
        found = true(*words)
        return (found[0], 1.5 * found[1]) if isinstance(found, tuple) else 1.5 * found + 0.01

    monkeypatch.setattr(ByTorch, method, wrong)
    steps = failing(steps_of(tiny_run("gpt-shakespeare", LOCAL)))
    assert [NAMES[place] for place in steps] == WRONG[method]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("embedding", ["vectors"]),
        ("attention_out", []),
        ("feed_in", []),
    ],
)
def test_the_twin_reads_the_same_weights(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, name: str, expected: list[str]
) -> None:
    """Weights that the twin alone reads with the other sign give other numbers in every step that runs the layers."""
    from olaria.lessons.by_numpy import transformers

    read = transformers.weights_of

    def turned(model: Any) -> dict[str, Any]:
        return {key: -w if name in key else w for key, w in read(model).items()}

    monkeypatch.setattr(transformers, "weights_of", turned)
    steps = failing(steps_of(tiny_run("gpt-shakespeare", LOCAL)))
    found = [NAMES[place] for place in steps]
    assert {"targets", "block", "stream", "prediction", "generation", *expected} <= {*found}


def test_counts_and_masks_that_are_wrong_fail_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ByTorch, "allowed", lambda way, count: np.tri(count, dtype=bool))
    counts = ByTorch.parameters
    monkeypatch.setattr(
        ByTorch, "parameters", lambda way: {k: n + 1 for k, n in counts(way).items()}
    )
    steps = failing(steps_of(tiny_run("gpt-shakespeare", LOCAL)))
    assert [NAMES[place] for place in steps] == ["parameters", "beyond"]


# -- numbers by other routes -----------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["gpt-shakespeare", *(f"{rung}-shakespeare" for rung in RUNGS)])
def test_the_stream_ends_in_the_models_logits(tiny_run: TinyRun, preset: str) -> None:
    model = tiny_run(preset, steps=2).model()
    assert isinstance(model, GPT | LanguageModel)
    ids = torch.randint(model.vocab_size, (30,), generator=torch.Generator().manual_seed(0))
    opened = open_language(model, ids)
    torch.testing.assert_close(lens(model, opened.streams[-1]), model(ids[None])[0])
    torch.testing.assert_close(opened.logits, model(ids[None])[0])


@pytest.mark.parametrize("preset", ["gpt-shakespeare", "gpt-local-shakespeare", "gpt2-shakespeare"])
def test_sublayers_are_those_of_the_block(tiny_run: TinyRun, preset: str) -> None:
    """Each layer's two additions, put on what enters, are what the block itself makes of it."""
    model = tiny_run(preset, steps=2).model()
    ids = torch.arange(16) % 20
    for layer, block in zip(open_language(model, ids).layers, model.blocks, strict=True):  # type: ignore[arg-type]
        x = layer.entered[None]
        if isinstance(model, GPT):  # 16 tokens are two whole chunks of local attention
            masks = model.masks[:2] if model.is_local else model.masks[:, :16, :16]
            made = block(x, model.cos[:16], model.sin[:16], masks)
        else:
            made, _ = block(x, model.mask[:16, :16], None)  # type: ignore[index]
        assert layer.feed is not None
        torch.testing.assert_close(layer.entered + layer.mixed + layer.feed.out, made[0])
        torch.testing.assert_close(layer.left, made[0])


def test_targets_are_inputs_shifted_by_one(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare")
    step = step_of(run, "targets", SENTENCE)
    table = next(f for f in step.figures if isinstance(f, Table))
    inputs, targets, chances, nats = (row[1:] for row in table.rows)
    assert "".join(map(str, inputs)) == "the␣cat␣se" and targets[:-1] == inputs[1:]
    np.testing.assert_allclose(-np.log(np.array(chances, float)), nats, atol=1e-12)
    ids = run.tokenizer().encode(SENTENCE)
    expected = F.cross_entropy(run.model()(ids[None, :-1])[0], ids[1:], reduction="none")
    np.testing.assert_allclose(step.arrays["nats"], expected, atol=1e-5)
    tokens = step.figures[0]
    assert isinstance(tokens, Tokens) and "".join(tokens.tokens) == SENTENCE


def test_one_position_is_followed_from_row_to_sum(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt2-shakespeare")
    model, ids = run.model(), run.tokenizer().encode(SENTENCE)
    steps = steps_of(run, SENTENCE)
    x = model.embedding(ids) + model.positions.weight[: len(ids)]  # type: ignore[operator, union-attr, index]
    np.testing.assert_allclose(steps[1].arrays["vectors"], x.detach(), atol=1e-6)
    entered, _, attention, between, _, feed, left = steps[2].arrays["followed"][:7]
    np.testing.assert_allclose(entered, x[-2].detach(), atol=1e-6)
    np.testing.assert_allclose(entered + attention, between, atol=1e-5)
    np.testing.assert_allclose(between + feed, left, atol=1e-5)
    np.testing.assert_allclose(left, steps[2].arrays["followed"][7], atol=1e-6)  # enters layer 2


def test_only_learned_positions_change_a_vector_before_the_layers(tiny_run: TinyRun) -> None:
    for preset, answer in (("gpt-shakespeare", 0), ("gpt2-shakespeare", 1)):
        run = tiny_run(preset, steps=2)
        assert right(step_of(run, "vectors", SENTENCE)) == answer
        assert right(step_of(run, "vectors", "the cat")) == answer
        assert right(step_of(run, "vectors", "the")) is None  # no token comes twice


def test_what_is_left_of_the_stream(tiny_run: TinyRun) -> None:
    assert right(step_of(tiny_run("gpt-shakespeare"), "stream")) == 1
    assert right(step_of(tiny_run("feed-forward-shakespeare"), "stream")) == 2
    mean = steps_of(tiny_run("average-shakespeare"))[3]
    assert right(mean) == 0 and "replace" in mean.text.text()


def test_losses_and_probabilities_are_the_models(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare")
    step = step_of(run, "prediction", SENTENCE)
    ids = run.tokenizer().encode(SENTENCE)
    p = run.model()(ids[None])[0].softmax(-1)
    np.testing.assert_allclose(step.arrays["probabilities"], p[-2], atol=1e-6)
    np.testing.assert_allclose(
        step.arrays["nats"], [-math.log(p[t, i]) for t, i in enumerate(ids[1:])], atol=1e-5
    )
    table = next(f for f in step.figures if isinstance(f, Table))
    (marked,) = [row for row in table.rows if getattr(row[-1], "id", "") == "the target"]
    assert marked[0] == "." and marked[3] == pytest.approx(float(p[-2, ids[-1]]), abs=1e-6)


def test_loss_by_position_is_the_validation_loss(tiny_run: TinyRun) -> None:
    """Over all positions it is near the loss that training measured on the whole validation text."""
    run = tiny_run("gpt-shakespeare", steps=2)
    step = step_of(run, "by_position")
    measured = [row["values"] for row in run.metrics() if row["split"] == "validation"]
    (key,) = [key for key in measured[-1] if key.endswith("nats_per_token")]
    best = min(values[key] for values in measured)
    assert step.arrays["by_position"].mean() == pytest.approx(best, abs=0.03)
    assert len(step.arrays["by_position"]) == 32


def test_the_text_is_what_sampling_draws(tiny_run: TinyRun) -> None:
    from olaria.sampling.autoregressive import SamplingConfig, generate

    run = tiny_run("gpt-shakespeare")
    step = step_of(run, "generation", SENTENCE)
    ids = run.tokenizer().encode(SENTENCE)
    draws = torch.Generator().manual_seed(0)
    drawn = torch.cat([*generate(run.model(), ids[None], SamplingConfig(max_tokens=8), draws)])
    text = run.tokenizer().decode(drawn).replace(" ", "␣").replace("\n", "↵")
    assert f"“{text}”" in step.text.text()
    p = run.model()(torch.cat((ids, drawn))[None])[0].softmax(-1)[len(ids) - 1 : -1]
    np.testing.assert_allclose(step.arrays["drawn"], p[torch.arange(8), drawn], atol=1e-6)
    other = LESSON(Asked((run,), SENTENCE, seed=1, offline=True))[NAMES.index("generation")]
    assert not np.allclose(other.arrays["drawn"], step.arrays["drawn"])


def test_how_far_back_a_position_reads(tiny_run: TinyRun) -> None:
    local = step_of(tiny_run("gpt-shakespeare", LOCAL), "beyond")
    assert local.arrays["reaches"].tolist() == [8, 12] and right(local) == 1
    assert "attends to 8 of 32 tokens" in local.text.text() and "0.02" in local.text.text()
    causal = step_of(tiny_run("gpt-shakespeare", CAUSAL), "beyond")
    assert causal.arrays["reaches"].tolist() == [32, 32] and right(causal) is None
    assert "textbook's causal attention" in causal.text.text()
    assert (
        "the architecture of GPT-2" in step_of(tiny_run("gpt2-shakespeare"), "beyond").text.text()
    )
    assert "lower rung" in step_of(tiny_run("norm-shakespeare"), "beyond").text.text()


def test_groups_of_positions_double() -> None:
    assert octaves(1) == [(1, 1)] and octaves(64)[-1] == (33, 64)
    assert [place for a, b in octaves(50) for place in range(a, b + 1)] == [*range(1, 51)]
