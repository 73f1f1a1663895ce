"""The lesson of averaging: what it shows is what the run's modules compute, on every rung, and versions stay equal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from olaria.errors import LessonError
from olaria.lessons import LESSONS
from olaria.lessons.averaging import ways
from olaria.lessons.averaging.scene import MOST_TOKENS, TOY, Scene
from olaria.lessons.averaging.ways import ByTorch
from olaria.lessons.base import Asked, Question, Step
from olaria.lessons.figures import Live, Plot, Table
from olaria.nn import averaging
from olaria.numbers import Number
from olaria.runs import Run

from .sound import assert_sound, failing

LESSON = LESSONS["averaging"]

TinyRun = Callable[..., Run]

RUNGS = ("average", "head", "multi-head", "feed-forward", "residual", "norm", "gpt2", "gpt")
BEYOND = ("gpt2", "gpt")
"""Rungs whose heads compute more than version 4."""
SENTENCE = "the cat sees a girl."
BY_HAND, PRODUCT, SOFTMAX, CHOSEN, OWN, FUTURE, RECURRENCE, COST, MORE = range(9)


@pytest.fixture(autouse=True)
def _measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the clock says decides nothing here, and measuring takes a quarter of these tests."""
    monkeypatch.setattr("olaria.lessons.averaging.scene.REPETITIONS", 1)


def steps_of(run: Run, prompt: str | None = SENTENCE, seed: int = 0) -> tuple[Step, ...]:
    return LESSON(Asked((run,), prompt, seed, offline=True))


def scene_of(run: Run) -> Scene:
    return Scene.of(Asked((run,), SENTENCE, offline=True))


def answers_of(steps: tuple[Step, ...]) -> list[int]:
    return [block.right for step in steps for block in step.blocks if isinstance(block, Question)]


@pytest.mark.parametrize("rung", RUNGS)
def test_every_rung_carries_it(tiny_run: TinyRun, rung: str) -> None:
    steps = steps_of(tiny_run(f"{rung}-shakespeare", steps=10), None)
    assert len(steps) == 8 + (rung in BEYOND)
    assert_sound(steps, figures=True, source=True, widest=32)
    assert answers_of(steps) == [1, 1, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_tokenizers(tiny_run: TinyRun, tokenizer: str) -> None:
    assert_sound(steps_of(tiny_run("gpt-shakespeare", f"data.tokenizer={tokenizer}", steps=2)))


@pytest.mark.parametrize("prompt", ["aa", "a cat", "o gato " * 20])
def test_short_equal_and_long_sentences(tiny_run: TinyRun, prompt: str) -> None:
    steps = steps_of(tiny_run("gpt-shakespeare", steps=10), prompt)
    assert_sound(steps, widest=32)
    assert len(steps[OWN].arrays["x"]) == min(len(prompt), MOST_TOKENS)


def test_means_by_hand(tiny_run: TinyRun) -> None:
    steps = steps_of(tiny_run("gpt-shakespeare", steps=10))
    hand = np.array([[1, 0], [0.5, 1], [1, 1]])
    for step in steps[:SOFTMAX]:
        np.testing.assert_allclose(step.arrays["means"], hand, atol=1e-6)
    (table,) = (
        figure for figure in steps[CHOSEN].figures if isinstance(figure, Table) and figure.equal
    )
    assert table.equal == (1, 2, 3, 4)
    for row in table.rows:
        assert len({cell.text() for cell in row[1:]}) == 1  # type: ignore[union-attr]
    torchs = torch.nn.functional.scaled_dot_product_attention
    toy = torch.from_numpy(TOY)[None]
    np.testing.assert_allclose(
        steps[CHOSEN].arrays["outputs"], torchs(toy, toy, toy, is_causal=True)[0], atol=1e-6
    )


def test_x_is_what_the_first_layer_reads(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt2-shakespeare", steps=10)
    model, ids = run.model(), run.tokenizer().encode(SENTENCE)
    read: list[torch.Tensor] = []
    model.blocks[0].qkv.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    model(ids[None])
    np.testing.assert_array_equal(steps_of(run)[OWN].arrays["x"], read[0][0].numpy())


def test_the_means_are_of_what_was_seen(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    step = steps_of(run)[OWN]
    x = step.arrays["x"]
    values = x @ scene_of(run).head[2]
    for t, mean in enumerate(step.arrays["means"]):
        np.testing.assert_allclose(mean, x[: t + 1].mean(0), atol=1e-6)
        np.testing.assert_allclose(step.arrays["outputs"][t], values[: t + 1].mean(0), atol=1e-6)
    assert "The three means agree here too" in step.text.text()


@pytest.mark.parametrize("rung", ["head", "multi-head", "feed-forward", "residual", "norm"])
def test_version_four_is_the_runs_own_head(tiny_run: TinyRun, rung: str) -> None:
    run = tiny_run(f"{rung}-shakespeare", steps=10)
    scene, step = scene_of(run), steps_of(run)[OWN]
    np.testing.assert_allclose(
        step.arrays["weights"][-1], scene.opened.looks[0].weights()[0], atol=1e-6
    )
    (choice,) = (figure for figure in step.figures if isinstance(figure, Live))
    assert "exactly what that head computes" in choice.caption.text()  # type: ignore[union-attr]


@pytest.mark.parametrize("rung", BEYOND)
def test_where_the_run_does_more_the_difference_is_told(tiny_run: TinyRun, rung: str) -> None:
    run = tiny_run(f"{rung}-shakespeare", steps=10)
    steps, scene = steps_of(run), scene_of(run)
    own = scene.opened.looks[0].weights()[0].numpy()
    apart = np.abs(steps[OWN].arrays["weights"][-1] - own).max()
    assert apart > 1e-5
    assert f"by up to {Number(round(apart, 7)).text()}." in steps[MORE].text.text()
    np.testing.assert_allclose(steps[MORE].arrays["weights"], own, atol=1e-7)
    assert "exactly" not in steps[OWN].figures[0].caption.text()  # type: ignore[union-attr]


@pytest.mark.parametrize(("chunk", "is_local"), [(8, True), (32, False)])
def test_local_attention_is_told_where_there_is_some(
    tiny_run: TinyRun, chunk: int, is_local: bool
) -> None:
    run = tiny_run("gpt-shakespeare", f"model.chunk={chunk}", steps=2)
    assert ("*local*" in steps_of(run)[MORE].text.text()) is is_local


def test_the_rung_that_averages_says_that_its_weights_are_drawn(tiny_run: TinyRun) -> None:
    run = tiny_run("average-shakespeare", steps=10)
    one, again, other = (steps_of(run, seed=seed)[OWN] for seed in (0, 0, 1))
    assert "drawn at random" in one.figures[0].caption.text("en")  # type: ignore[union-attr]
    np.testing.assert_array_equal(one.arrays["weights"], again.arrays["weights"])
    assert (one.arrays["weights"] != other.arrays["weights"]).any()


def test_weights_are_those_of_scaled_dot_product_attention(tiny_run: TinyRun) -> None:
    scene = scene_of(tiny_run("gpt-shakespeare", steps=10))
    way, x = ByTorch(scene), scene.opened.layers[0].normed.double()
    matrices = [torch.from_numpy(part) for part in scene.head]
    q, k, v = ((x @ part)[None] for part in matrices)
    torchs = torch.nn.functional.scaled_dot_product_attention
    found = way.attend(x.numpy(), *scene.head)
    np.testing.assert_allclose(found, torchs(q, k, v, is_causal=True)[0], atol=1e-5)
    units = torch.eye(scene.length).double()[None]
    found = way.weights(x.numpy(), *scene.head[:2])
    np.testing.assert_allclose(found, torchs(q, k, units, is_causal=True)[0], atol=1e-5)


def test_growing_queries_lead_from_the_mean_to_attention(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    scene, stages = scene_of(run), steps_of(run)[OWN].arrays["weights"]
    seen = np.tri(scene.length)
    np.testing.assert_allclose(stages[0], seen / seen.sum(1, keepdims=True), atol=1e-6)
    assert stages[-1, -1].argmax() == scene.favourite
    assert (np.diff(stages[:, -1, scene.favourite]) > 0).all()


def test_nothing_before_the_last_token_changes(tiny_run: TinyRun) -> None:
    changes = steps_of(tiny_run("gpt-shakespeare", steps=10))[FUTURE].arrays["changes"]
    assert changes.shape == (4, len(SENTENCE))
    assert (changes[:, :-1] == 0).all() and (changes[:, -1] > 0).all()


def test_a_state_forgets_by_halves(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("gpt-shakespeare", steps=10))[RECURRENCE]
    np.testing.assert_allclose(step.arrays["state"], 0.5 ** np.arange(len(SENTENCE)), rtol=1e-6)
    (plot,) = (figure for figure in step.figures if isinstance(figure, Plot))
    np.testing.assert_allclose(plot.curves[1].y, 1 / plot.curves[1].x, rtol=1e-6)


def test_times_are_measured_once_for_both_ways(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("gpt-shakespeare", steps=10))[COST]
    assert (step.arrays["seconds"] > 0).all() and step.arrays["seconds"].shape == (5, 4)
    assert [check.is_twin for check in step.checks] == [False]


VERSIONS = {
    "average_by_loops": [BY_HAND, PRODUCT, SOFTMAX, CHOSEN, OWN, RECURRENCE],
    "average_by_product": [PRODUCT, SOFTMAX, CHOSEN, OWN, COST],
    "average_by_softmax": [SOFTMAX, CHOSEN, OWN],
    "average_by_attention": [CHOSEN, OWN],
    "attention": [CHOSEN, OWN, RECURRENCE, MORE],
}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_turned_sign_in_a_version_fails_its_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    module = ways if version == "attention" else averaging
    right = getattr(module, version)
    monkeypatch.setattr(module, version, lambda *words, **named: -right(*words, **named))
    assert failing(steps_of(tiny_run("gpt-shakespeare", steps=10))) == VERSIONS[version]


@pytest.mark.parametrize(
    ("method", "places"), [("read", [OWN, FUTURE, RECURRENCE, MORE]), ("carried", [RECURRENCE])]
)
def test_a_turned_sign_in_the_model_fails_its_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str, places: list[int]
) -> None:
    right = getattr(ByTorch, method)
    monkeypatch.setattr(ByTorch, method, lambda *words: -right(*words))
    found = failing(steps_of(tiny_run("gpt-shakespeare", steps=10)))
    assert set(found) <= set(places) and found


def test_a_version_that_reads_the_future_fails_its_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(count: int, keys: int) -> torch.Tensor:
        return torch.zeros(count, keys)

    monkeypatch.setattr("olaria.nn.averaging.causal_mask", lambda *words: blind(*words[:2]))
    steps = steps_of(tiny_run("gpt-shakespeare", steps=10))
    assert failing(steps) == [SOFTMAX, CHOSEN, OWN, FUTURE]
    assert answers_of(steps)[FUTURE] == 2


def test_other_families_are_refused(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="gpt-shakespeare"):
        steps_of(tiny_run("bigram-shakespeare", steps=10))
