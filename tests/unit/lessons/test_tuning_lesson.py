"""The lesson on fine-tuning: its numbers by other routes, with the base and without, and what it refuses."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from olaria.errors import LessonError
from olaria.evaluation.text import text_loss
from olaria.families.gpt import GPTConfig
from olaria.families.language import RUNGS, BigramConfig, LanguageConfig
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Question, Step
from olaria.lessons.by_numpy.transformers import language_logits, weights_of
from olaria.lessons.figures import Plot
from olaria.lessons.tuning.base import open_tuned, without_adapters
from olaria.lessons.tuning.ways import ByTorch
from olaria.models.gpt import GPT
from olaria.models.language import Bigram, LanguageModel
from olaria.runs import Run

from .sound import assert_sound, failing

LESSON = LESSONS["fine-tuning"]

NEW = "a oleira gira a roda e o barro vira vaso; não é mágica\n" * 40
KNOWN = "the cat sees the dog in the garden. the dog sleeps again.\n" * 40
LATE = ("training.evaluate_every=1000", "training.sample_every=1000")
"""To look at the toy language's validation text takes longer than a few steps of training."""
LORA = ("tuning.rank=2", "tuning.alpha=4")
PLACES = ("row", "column")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("texts")
    for name, text in (("new", NEW), ("known", KNOWN)):
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return {name: str(folder / f"{name}.txt") for name in ("new", "known")}


@pytest.fixture(scope="module")
def base(tiny_run: Any) -> Run:
    run: Run = tiny_run("gpt-shakespeare", *LATE)
    return run


@pytest.fixture(scope="module")
def whole(base: Run, texts: dict[str, str], tiny_run: Any) -> Run:
    run: Run = tiny_run("gpt-shakespeare", *LATE, data=texts["new"], start=base)
    return run


@pytest.fixture(scope="module")
def lora(base: Run, texts: dict[str, str], tiny_run: Any) -> Run:
    run: Run = tiny_run("gpt-shakespeare", *LATE, *LORA, data=texts["known"], start=base)
    return run


@pytest.fixture(scope="module")
def steps(whole: Run) -> tuple[Step, ...]:
    return LESSON(Asked((whole,)))


NAMES = (
    *("same_prompt", "curves", "predictions", "trained"),
    *("moved", "low_rank", "forgetting"),
)


def step(steps: tuple[Step, ...], name: str) -> Step:
    """Of a lesson that has all steps."""
    assert len(steps) == len(NAMES)
    return steps[NAMES.index(name)]


def right(step: Step) -> int | None:
    return next((b.right for b in step.blocks if isinstance(b, Question)), None)


@pytest.mark.parametrize("text", ["new", "known"])
@pytest.mark.parametrize(
    ("preset", "settings", "of_base"),
    [
        ("gpt-shakespeare", (*LORA, 'tuning.targets=["head", "feed_in"]'), ()),
        ("gpt2-shakespeare", (), ()),
        ("gpt2-shakespeare", LORA, ()),
        ("head-shakespeare", (*LORA, 'tuning.targets=["qkv"]'), ()),
        ("bigram-shakespeare", (), ("data.tokenizer=word",)),
    ],
)
def test_every_kind_of_run(
    preset: str,
    settings: tuple[str, ...],
    of_base: tuple[str, ...],
    text: str,
    texts: dict[str, str],
    tiny_run: Any,
) -> None:
    start = tiny_run(preset, *LATE, *of_base, steps=4)
    run = tiny_run(preset, *LATE, *settings, data=texts[text], start=start, steps=3)
    steps = LESSON(Asked((run,)))
    assert_sound(steps, figures=True, unchecked=lambda step: True)
    assert len(steps) == 7
    assert sum(len(step.checks) for step in steps) >= 8


# -- its numbers by other routes -------------------------------------------------------------------


def test_what_was_trained(whole: Run, lora: Run, base: Run, steps: tuple[Step, ...]) -> None:
    assert_sound(steps, figures=True, unchecked=lambda step: True)
    assert step(steps, "trained").arrays["trained"].sum() == whole.result["num_parameters"]
    found = LESSON(Asked((lora,)))
    assert_sound(found, figures=True, unchecked=lambda step: True)
    kept = step(found, "trained")
    assert kept.arrays["trained"].sum() == lora.result["num_parameters"]
    width, layers = 32, 2
    assert lora.result["num_parameters"] == layers * 2 * (
        4 * width + 2 * width + 5 * width + 5 * width
    )
    assert "No token was added" in kept.text.text()
    added = len(set(NEW) - set(base.tokenizer().to_json()["alphabet"]))
    assert f"{added} tokens were added" in step(steps, "trained").text.text()


def test_rows_of_new_tokens_begin_as_the_mean_of_the_old(whole: Run, base: Run) -> None:
    tuned = open_tuned(Asked((whole,)))
    assert tuned.start is not None and tuned.num_added > 0
    state, old = tuned.start.state_dict(), base.model().state_dict()
    for name in ("embedding.weight", "head.weight"):
        rows = state[name][-tuned.num_added :]
        torch.testing.assert_close(rows, old[name].mean(0).expand_as(rows))


def test_weights_beside_adapters_are_the_bases(lora: Run, base: Run) -> None:
    tuned, old = open_tuned(Asked((lora,))), base.model().state_dict()
    frozen = without_adapters(tuned.stored)
    assert tuned.adapters and all(torch.equal(frozen[name], old[name]) for name in tuned.adapters)


def test_a_new_token_is_at_most_as_likely_as_an_average_one(
    whole: Run, steps: tuple[Step, ...]
) -> None:
    """Its logit is the mean of the others', so that its probability is at most their mean."""
    start, tokenizer = open_tuned(Asked((whole,))).start, whole.tokenizer()
    assert start is not None
    known = whole.provenance["base"]["vocab_size"]
    p = start(tokenizer.encode(NEW[:32])[None])[0, -1].softmax(-1)
    assert known < len(p) and (p[known:] <= p[:known].mean()).all()
    assert (
        f"probability of {float(p[known:].mean()):.4g}"[:25] in step(steps, "trained").text.text()
    )


def test_before_is_the_base_where_both_can_read(base: Run, lora: Run) -> None:
    steps, model = LESSON(Asked((lora,), "the cat sees the dog")), base.model()
    ids = base.tokenizer().encode("the cat sees the dog")
    nats = F.cross_entropy(model(ids[None, :-1])[0], ids[1:], reduction="none")
    arrays = step(steps, "same_prompt").arrays
    np.testing.assert_allclose(arrays["nats_before"], nats, atol=1e-5)
    after = F.cross_entropy(lora.model()(ids[None, :-1])[0], ids[1:], reduction="none")
    np.testing.assert_allclose(arrays["nats_after"], after, atol=1e-5)
    assert right(step(steps, "same_prompt")) == (0 if nats.sum() < after.sum() else 1)


def test_the_losses_are_those_of_the_texts(whole: Run, base: Run, steps: tuple[Step, ...]) -> None:
    data: Any = whole.data()
    ids = whole.tokenizer().encode(data.validation)[:513]
    model, nats = whole.model(), []
    for first in range(0, len(ids) - 1, 32):  # its context, one window after the other
        window = ids[first : first + 33]
        nats.append(F.cross_entropy(model(window[None, :-1])[0], window[1:], reduction="none"))
    found = step(steps, "forgetting")
    np.testing.assert_allclose(found.arrays["nats_after_new"], torch.cat(nats), atol=1e-5)
    evaluated = text_loss(model, ids, context=32, num_chars=1, num_bytes=1)
    assert found.arrays["nats_after_new"].mean() == pytest.approx(evaluated.loss_nats_per_token)
    old: Any = base.data()
    assert len(found.arrays["nats_before_old"]) == 512 <= len(old.validation)
    gain = found.arrays["nats_before_new"].mean() - found.arrays["nats_after_new"].mean()
    assert gain > 0.1 and f"That is {gain:.3f} less" in found.text.text()


def test_distances_of_distributions(steps: tuple[Step, ...]) -> None:
    arrays = step(steps, "predictions").arrays
    before, after = arrays["before"], arrays["after"]
    assert before.sum() == pytest.approx(1) and after.sum() == pytest.approx(1)
    distance = np.abs(before - after).sum() / 2
    assert distance == pytest.approx(arrays["distances"].max())


def test_weights_moved_as_their_states_say(lora: Run, base: Run) -> None:
    steps = LESSON(Asked((lora,)))
    old, new = base.model().state_dict(), lora.model().state_dict()
    expected = [((new[name] - w).norm() / w.norm()).item() for name, w in old.items()]
    shares = step(steps, "moved").arrays["moved"]
    np.testing.assert_allclose(shares, expected, atol=1e-5)
    assert shares[0] == 0  # the embedding has no adapter
    name = max(zip(expected, old, strict=True))[1]
    values = torch.linalg.svdvals(new[name] - old[name])
    found = step(steps, "low_rank")
    np.testing.assert_allclose(found.arrays["singular_values"], values, atol=1e-5)
    assert values[1] > 1e-3 * values[0] and values[2] < 1e-4 * values[0]
    assert "of rank 2 makes no more than 2" in found.text.text()


def test_one_number_of_the_change_is_a_sum(lora: Run, whole: Run) -> None:
    for run, count in ((lora, 2), (whole, 32)):
        tuned = open_tuned(Asked((run,)))
        assert tuned.start is not None
        old, new = tuned.start.state_dict(), run.model().state_dict()
        found = step(LESSON(Asked((run,))), "low_rank")
        parts = found.arrays["parts"]
        name = found.text.text().split("“")[1].split("”")[0] + ".weight"
        row, column = (int(re.findall(rf"{word} (\d+)", found.text.text())[0]) for word in PLACES)
        change = (new[name] - old[name])[row - 1, column - 1].item()
        assert len(parts) == count and parts.sum() == pytest.approx(change, abs=1e-6)
        assert right(found) == 1


def test_a_run_from_scratch_stands_beside_it(
    whole: Run, base: Run, steps: tuple[Step, ...], texts: dict[str, str], tiny_run: Any
) -> None:
    alone = step(steps, "curves")
    assert right(alone) is None and "A fair comparison" in alone.text.text()
    scratch = tiny_run("gpt-shakespeare", *LATE, data=texts["new"])
    for given in ((scratch,), (base, scratch), (scratch, base)):
        found = step(LESSON(Asked((whole, *given))), "curves")
        plot = next(f for f in found.figures if isinstance(f, Plot))
        assert len(plot.curves) == 4
    losses = [
        {
            row["step"]: row["values"]["loss"]
            for row in run.metrics()
            if row["split"] == "validation"
        }
        for run in (whole, scratch)
    ]
    at = max(losses[0].keys() & losses[1].keys())
    own, other = (each[at] for each in losses)
    assert right(found) == (0 if own < other else 1)
    assert (
        f"model has {own:.3f} nats per token, and the one from scratch {other:.3f}"
        in found.text.text()
    )


def test_a_model_that_did_not_move_is_identical_to_its_base(
    whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = open_tuned(Asked((whole,)))
    assert tuned.start is not None
    tuned.model.load_state_dict(tuned.start.state_dict())
    stored = dict(tuned.start.state_dict())
    object.__setattr__(tuned, "stored", stored)
    monkeypatch.setattr("olaria.lessons.tuning.scene.open_tuned", lambda asked: tuned)
    found = LESSON(Asked((whole,)))
    assert len(found) == 6
    (identical,) = [s for s in found if "identical to its base" in s.text.text()]
    assert not identical.arrays["moved"].any()


MOVES = {
    1: ("Only one of the {count} matrices moved: “{name}”", "só uma se moveu: “{name}”"),
    3: ("3 of the {count} matrices moved", "Das {count} matrizes, 3 se moveram"),
    None: ("All {count} matrices moved", "Todas as {count} matrizes se moveram"),
}
"""How it is told that so many matrices moved, in English and in Portuguese; None for all of them."""


@pytest.mark.parametrize("moving", MOVES)
def test_how_many_matrices_moved_is_told_in_words(
    whole: Run, monkeypatch: pytest.MonkeyPatch, moving: int | None
) -> None:
    tuned = open_tuned(Asked((whole,)))
    assert tuned.start is not None
    old, new = tuned.start.state_dict(), tuned.model.state_dict()
    names = [name for name, weight in old.items() if weight.ndim == 2]
    kept = {name: old[name].clone() for name in (names[moving:] if moving else [])}
    tuned.model.load_state_dict({**new, **kept})
    object.__setattr__(tuned, "stored", {**tuned.model.state_dict()})
    monkeypatch.setattr("olaria.lessons.tuning.scene.open_tuned", lambda asked: tuned)
    found = step(LESSON(Asked((whole,))), "moved").text
    for words, language in zip(MOVES[moving], ("en", "pt"), strict=True):
        name = names[0].removesuffix(".weight")
        assert words.format(count=len(names), name=name) in found.text(language)
        # What did not move is not that which moved least.
        assert "0.000" not in found.text() and " 0 " not in found.text()


def test_the_same_draws_give_the_same_text(whole: Run, steps: tuple[Step, ...]) -> None:
    again = LESSON(Asked((whole,)))
    assert again[0].figures == steps[0].figures
    other = LESSON(Asked((whole,), seed=1))
    assert other[0].figures != steps[0].figures


# -- the base may be gone --------------------------------------------------------------------------


def gone(run: Run, tmp_path: Path) -> Run:
    """The run with a base that is nowhere."""
    copied = tmp_path / run.name
    shutil.copytree(run.path, copied)
    recipe = Run(copied).recipe.updated("tuning.start", str(tmp_path / "nowhere"))
    Run(copied).folder.write("recipe.json", recipe.model_dump(mode="json"))
    return Run(copied)


def test_adapters_carry_their_base_with_them(lora: Run, tmp_path: Path) -> None:
    alone = LESSON(Asked((gone(lora, tmp_path),), "the cat sees"))
    assert_sound(alone, figures=True, unchecked=lambda step: True)
    there = LESSON(Asked((lora,), "the cat sees"))
    assert len(alone) == len(there) == 7
    for name in ("nats_before", "nats_after"):
        one, two = (step(some, "same_prompt").arrays[name] for some in (alone, there))
        np.testing.assert_array_equal(one, two)
    assert "read from this run" in step(alone, "trained").text.text()
    assert "not measured" in step(alone, "forgetting").text.text()
    assert "not measured" not in step(there, "forgetting").text.text()


def test_what_is_left_when_the_base_is_gone(whole: Run, base: Run, tmp_path: Path) -> None:
    alone = gone(whole, tmp_path)
    steps = LESSON(Asked((alone,)))
    assert_sound(steps, figures=True, unchecked=lambda step: True)
    assert len(steps) == 3 and "cannot be shown" in steps[2].text.text()
    given = LESSON(Asked((alone, base)))
    assert len(given) == 7
    np.testing.assert_array_equal(
        given[0].arrays["nats_before"], LESSON(Asked((whole,)))[0].arrays["nats_before"]
    )
    (alone.path / "metrics.jsonl").write_text("")
    with pytest.raises(LessonError, match="has not been measured yet"):
        LESSON(Asked((alone,)))


def test_a_base_that_changed_is_none(whole: Run, base: Run, tmp_path: Path) -> None:
    copied = tmp_path / "base"
    shutil.copytree(base.path, copied)
    changed = gone(whole, tmp_path)
    recipe = changed.recipe.updated("tuning.start", str(copied))
    changed.folder.write("recipe.json", recipe.model_dump(mode="json"))
    assert open_tuned(Asked((Run(changed.path),))).base is not None
    (copied / "checkpoints" / "best.json").unlink()
    shutil.rmtree(Run(copied).checkpoint()[1])
    assert open_tuned(Asked((Run(changed.path),))).base is None


def test_what_is_refused(whole: Run, base: Run, lora: Run, tiny_run: Any) -> None:
    with pytest.raises(
        LessonError, match=f"tune one with olaria train gpt-shakespeare --from {base.name}"
    ):
        LESSON(Asked((base,)))
    with pytest.raises(LessonError, match="does not have the weights that run"):
        LESSON(Asked((whole, lora)))
    with pytest.raises(LessonError, match="cannot carry this lesson"):
        LESSON(Asked((tiny_run("vae-mnist", steps=1),)))
    with pytest.raises(LessonError, match="fewer than two tokens"):
        LESSON(Asked((whole,), "a"))


# -- pieces ----------------------------------------------------------------------------------------


def test_a_changed_weight_fails_the_checks(whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin alone reads other weights: what it computes from the checkpoint no longer agrees."""
    read = weights_of

    def wrong(model: Any) -> Any:
        return {name: w * 1.01 if name == "head.weight" else w for name, w in read(model).items()}

    monkeypatch.setattr("olaria.lessons.by_numpy.transformers.weights_of", wrong)
    failed = {NAMES[place] for place in failing(LESSON(Asked((whole,))))}
    assert failed == {"same_prompt", "predictions", "moved", "forgetting"}


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("probabilities", ["same_prompt", "predictions", "trained"]),
        ("nats", ["forgetting"]),
        ("change", ["moved", "low_rank"]),
        ("weight", ["moved"]),
        ("singular_values", ["low_rank"]),
        ("parts", ["low_rank"]),
    ],
)
def test_a_wrong_measure_fails_checks(
    whole: Run, monkeypatch: pytest.MonkeyPatch, method: str, names: list[str]
) -> None:
    true = getattr(ByTorch, method)
    monkeypatch.setattr(ByTorch, method, lambda *words: 1.5 * true(*words))
    assert [NAMES[place] for place in failing(LESSON(Asked((whole,))))] == names


@pytest.mark.parametrize("rung", RUNGS)
def test_every_rung_in_float64(rung: Any) -> None:
    torch.manual_seed(0)
    config = LanguageConfig(context=12, num_layers=2, num_heads=2, width=8)
    agrees(LanguageModel(config.on(rung), 7))


def test_the_fast_gpt_and_the_bigram_in_float64() -> None:
    torch.manual_seed(0)
    agrees(GPT(GPTConfig(context=16, chunk=4, num_layers=3, num_heads=2, width=8), 7))
    agrees(Bigram(BigramConfig(), 7))


def agrees(model: Any) -> None:
    """With random weights, in two rows; and not once any of them has changed its sign."""
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    model.eval().requires_grad_(False)
    ids = torch.randint(7, (2, 12))
    expected = language_logits(weights_of(model), model.config, ids.numpy())
    np.testing.assert_allclose(model(ids), expected, rtol=1e-5, atol=1e-4)
    for name, parameter in model.named_parameters():
        kept = parameter.clone()
        parameter.neg_()
        if not name.endswith(
            "qkv.bias"
        ):  # a bias of keys cancels in the softmax: only values' would show
            assert not np.allclose(model(ids), expected, atol=1e-3), name
        parameter.copy_(kept)
