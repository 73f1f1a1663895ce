"""The lesson of the bigram: its tables against torch, its losses against the evaluation and the text's own entropy."""

from __future__ import annotations

import pkgutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from olaria.data.statistics import entropies
from olaria.errors import LessonError
from olaria.evaluation.text import evaluate_text
from olaria.lessons.base import Asked, Step
from olaria.lessons.bigram import LESSON
from olaria.lessons.bigram.counts import Opened, PairCounts, opened
from olaria.lessons.bigram.loss import entropy, loss_step
from olaria.lessons.bigram.text import shares_known, two_pasts, words_of
from olaria.lessons.figures import NextToken
from olaria.runs import Run

from .sound import assert_sound, failing

TinyRun = Callable[..., Run]

PRESET = "bigram-shakespeare"
SENTENCE = "the cat sees a girl."


def asked(run: Run, prompt: str | None = SENTENCE) -> Asked:
    return Asked(runs=(run,), prompt=prompt, offline=True)


def named(steps: tuple[Step, ...], array: str) -> Step:
    (found,) = [step for step in steps if array in step.arrays]
    return found


@pytest.fixture(scope="module")
def run(tiny_run: TinyRun) -> Run:
    return tiny_run(PRESET, steps=60)


@pytest.fixture(scope="module")
def tables(run: Run) -> Opened:
    return opened(asked(run))


@pytest.mark.parametrize("prompt", [None, SENTENCE, "o gato"])
def test_it_is_carried(run: Run, prompt: str | None) -> None:
    steps = LESSON(asked(run, prompt))
    assert len(steps) == 8
    assert_sound(steps, figures=True, source=True)


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_tokenizers(tiny_run: TinyRun, tokenizer: str) -> None:
    run = tiny_run(PRESET, f"data.tokenizer={tokenizer}", steps=20)
    steps = LESSON(asked(run))
    assert_sound(steps, figures=True, source=True)
    # Where words are tokens there is nothing to spell.
    assert any("shares" in step.arrays for step in steps) == (tokenizer != "word")


def test_an_untrained_table_is_told_as_what_it_is(tiny_run: TinyRun) -> None:
    run = tiny_run(PRESET, steps=1)
    assert_sound(LESSON(asked(run)), figures=True, source=True)
    assert_sound((loss_step(opened(asked(run))),), figures=True, source=True)


def test_counts_are_those_of_a_plain_counter(run: Run, tables: Opened) -> None:
    ids = run.tokenizer().encode(run.data().train).tolist()
    expected = Counter(pairwise(ids))
    this, following = tables.counts.pairs
    found = dict(zip(zip(this, following, strict=True), tables.counts.times, strict=True))
    assert found == expected
    everyone = np.arange(tables.vocab_size)
    rows = tables.counts.probability(everyone[:, None], everyone[None])
    sums = rows.sum(1)
    assert np.all(np.isclose(sums, 1) | (sums == 0))


def test_smoothed_rows_sum_to_one(tables: Opened) -> None:
    everyone = np.arange(tables.vocab_size)
    rows = tables.counts.probability(everyone[:, None], everyone[None], 1.0)
    np.testing.assert_allclose(rows.sum(1), 1)
    assert (rows > 0).all()


def test_learned_probabilities_are_the_models(run: Run, tables: Opened) -> None:
    everyone = torch.arange(tables.vocab_size)
    log_p = run.model()(everyone[None])[0].log_softmax(-1).detach().numpy()
    found = tables.learned(everyone.numpy()[:, None], everyone.numpy()[None])
    np.testing.assert_allclose(found, log_p, atol=1e-5)


def test_the_least_loss_is_the_entropy_of_the_text(run: Run, tables: Opened) -> None:
    loss = named(LESSON(asked(run)), "loss_nats").arrays["loss_nats"]
    entropy_nats = entropies(run.data().train).bigram_nats
    assert loss[2, 0] == pytest.approx(entropy_nats, abs=1e-5)
    assert (loss[:, 0] >= loss[2, 0]).all()
    assert loss[0, 0] == pytest.approx(np.log(tables.vocab_size))
    mean = named(LESSON(asked(run)), "entropy_nats").arrays["mean_nats"]
    assert float(mean) == pytest.approx(entropy_nats, abs=1e-5)


def test_the_runs_loss_is_the_evaluations(run: Run, tables: Opened) -> None:
    loss = named(LESSON(asked(run)), "loss_nats").arrays["loss_nats"]
    for place, text in ((0, tables.train), (1, tables.validation)):
        measured = evaluate_text(run.model(), run.tokenizer(), text)  # type: ignore[arg-type]
        assert loss[4, place] == pytest.approx(measured.loss_nats_per_token, abs=1e-5)


def test_a_pair_never_counted_makes_the_loss_infinite(tables: Opened) -> None:
    ids = tables.validation_counts.ids.copy()
    often = tables.frequent(tables.vocab_size)
    never = next((a, b) for a in often for b in often if not tables.counts.of(a, b))
    ids[:2] = never
    other = replace(tables, validation_counts=PairCounts.of_text(ids, tables.vocab_size))
    step = loss_step(other)
    loss = step.arrays["loss_nats"]
    assert loss[2, 1] == np.inf and np.isfinite(loss[3, 1])
    assert "were never counted" in step.text.text("en")
    assert step.checks[0].holds


def test_entropy_is_scipys() -> None:
    from scipy.stats import entropy as scipys

    p = np.random.default_rng(0).dirichlet(np.ones(6), 3)
    np.testing.assert_allclose(entropy(p), scipys(p, axis=1))
    assert entropy(np.array([1.0, 0.0])) == 0


def test_what_is_drawn_follows_the_sentence_and_the_seed(run: Run) -> None:
    one, again = (named(LESSON(asked(run)), "ids").arrays["ids"] for _ in range(2))
    np.testing.assert_array_equal(one, again)
    other = LESSON(replace(asked(run), seed=1))
    assert (named(other, "ids").arrays["ids"] != one).any()
    figure = named(other, "ids").figures[0]
    assert isinstance(figure, NextToken)
    row = run.model().table.weight[run.tokenizer().encode(".")[0]].detach().numpy()
    np.testing.assert_array_equal(figure.logits, row)


def test_words_and_their_shares() -> None:
    assert words_of("the cat, an owl's ca") == ["cat", "an", "owl", "s"]
    words = ["a", "the", "cat", "tortoise", "tortuise"]
    shares = shares_known(words, {"the", "cat", "tortoise"})
    assert shares[:3].tolist() == [60, 0, 100]
    assert np.isnan(shares[3]) and shares[4:].tolist() == [50, 50]


def test_it_spells_worse_than_the_validation_text(run: Run) -> None:
    step = named(LESSON(asked(run)), "shares")
    drawn, real = step.arrays["shares"][0]
    assert drawn < real
    assert "remembers one token" in step.text.text("en")


def test_two_pasts_end_alike_and_begin_differently(run: Run, tables: Opened) -> None:
    found = two_pasts(tables)
    assert found is not None
    one, other = found
    assert one[-1] == other[-1] and one[-2] != other[-2]
    arrays = named(LESSON(asked(run)), "model").arrays
    np.testing.assert_array_equal(arrays["model"][0], arrays["model"][1])
    ids = tables.counts.ids.tolist()
    for context, shares in zip((one, other), arrays["text"], strict=True):
        text = Counter(
            c
            for a, b, c in zip(ids, ids[1:], ids[2:], strict=False)
            if [a, b] == list(context[-2:])
        )
        assert int(shares.argmax()) == text.most_common(1)[0][0]
        assert shares.max() == pytest.approx(text.most_common(1)[0][1] / text.total())


def test_two_pasts_are_looked_for_in_other_texts(tables: Opened) -> None:
    from olaria.lessons.texts import spelt

    ids = tables.sentence.ids[:2]
    short = replace(tables.sentence, ids=ids, tokens=spelt(tables.tokenizer, ids))
    found = two_pasts(replace(tables, sentence=short))
    assert found is not None and found[0][-1] == found[1][-1]


@pytest.mark.parametrize(
    ("changed", "wrong", "places"),
    [
        ("counts.PairCounts.of", lambda right: lambda *words: right(*words) + 1, [0, 1, 2, 4]),
        (
            "counts.PairCounts.probability",
            lambda right: lambda *words: right(*words) * 1.01,
            [1, 2, 3, 4],
        ),
        ("counts.Opened.learned", lambda right: lambda *words: right(*words) + 0.01, [1, 2, 3, 4]),
        ("loss.entropy", lambda right: lambda p: -right(p), [4]),
    ],
)
def test_a_wrong_formula_fails_checks(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
    wrong: Callable[[Any], Any],
    places: list[int],
) -> None:
    home, _, name = f"olaria.lessons.bigram.{changed}".rpartition(".")
    monkeypatch.setattr(f"{home}.{name}", wrong(pkgutil.resolve_name(f"{home}.{name}")))
    assert failing(LESSON(asked(run))) == places


def test_other_families_are_refused(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="bigram-shakespeare"):
        LESSON(asked(tiny_run("gpt-shakespeare", steps=10)))
