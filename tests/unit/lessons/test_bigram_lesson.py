"""The lesson of the bigram: its tables against torch, its losses against the evaluation and the text's own entropy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pytest
import torch

from olaria.data.statistics import entropies
from olaria.errors import LessonError
from olaria.evaluation.text import evaluate_text
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Question, Step
from olaria.lessons.bigram.counts import PairCounts, entropy
from olaria.lessons.bigram.scene import Scene
from olaria.lessons.bigram.steps import by_hand, gap
from olaria.lessons.bigram.ways import ByNumPy, ByTorch
from olaria.lessons.bigram.writes import real_words, tally, words_of
from olaria.lessons.figures import Heat, NextToken, Table
from olaria.lessons.texts import spelt
from olaria.lessons.twice import compared
from olaria.models.language import Bigram
from olaria.runs import Run

from .sound import assert_sound, failing

LESSON = LESSONS["bigram"]
TEXTS = LESSON.texts

TinyRun = Callable[..., Run]

PRESET = "bigram-shakespeare"
SENTENCE = "the cat sees a girl."
NUM_STEPS = 10


def asked(run: Run, prompt: str | None = SENTENCE) -> Asked:
    return Asked(runs=(run,), prompt=prompt, offline=True)


def named(steps: tuple[Step, ...], array: str) -> Step:
    (found,) = [step for step in steps if array in step.arrays]
    return found


def question_of(step: Step) -> Question:
    return next(block for block in step.blocks if isinstance(block, Question))


@pytest.fixture(scope="module")
def run(tiny_run: TinyRun) -> Run:
    return tiny_run(PRESET, steps=60)


@pytest.fixture(scope="module")
def scene(run: Run) -> Scene:
    return Scene.of(asked(run))


@pytest.fixture(scope="module")
def steps(run: Run) -> tuple[Step, ...]:
    return LESSON(asked(run))


@pytest.mark.parametrize("prompt", [None, SENTENCE, "o gato"])
def test_it_is_carried(run: Run, prompt: str | None) -> None:
    steps = LESSON(asked(run, prompt))
    assert len(steps) == NUM_STEPS
    assert_sound(steps, figures=True, source=True)


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_tokenizers(tiny_run: TinyRun, tokenizer: str) -> None:
    run = tiny_run(PRESET, f"data.tokenizer={tokenizer}", steps=20)
    steps = LESSON(asked(run))
    assert_sound(steps, figures=True, source=True)
    # Where words are tokens there is nothing to spell.
    assert any("shares" in step.arrays for step in steps) == (tokenizer != "word")


def test_an_untrained_table_is_told_as_what_it_is(tiny_run: TinyRun) -> None:
    assert_sound(LESSON(asked(tiny_run(PRESET, steps=1))), figures=True, source=True)


def test_two_tokens_are_enough(run: Run) -> None:
    steps = LESSON(asked(run, "th"))
    assert_sound(steps, figures=True, source=True)
    # One target: there is nothing to choose from.
    step = named(steps, "surprise")
    assert len(step.arrays["surprise"]) == 1
    assert not any(isinstance(block, Question) for block in step.blocks)


def test_the_word_counted_by_hand(steps: tuple[Step, ...]) -> None:
    shifted, grid = steps[0].figures
    assert isinstance(shifted, Table) and isinstance(grid, Heat)
    assert "".join(map(str, shifted.rows[0][1:])) == "abracadabr"
    assert "".join(map(str, shifted.rows[1][1:])) == "bracadabra"
    assert grid.values.tolist() == [
        [0, 2, 1, 1, 0], [0, 0, 0, 0, 2], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [2, 0, 0, 0, 0],
    ]  # fmt: skip
    question = question_of(steps[0])
    assert question.answers[question.right].text() == "2 of 4"
    assert "the probability is 0.5." in steps[0].text.text()


def test_counts_are_those_of_a_plain_counter(run: Run, scene: Scene) -> None:
    ids = run.tokenizer().encode(run.data().train).tolist()
    expected = Counter(pairwise(ids))
    this, following = scene.counts.pairs
    found = dict(zip(zip(this, following, strict=True), scene.counts.times, strict=True))
    assert found == expected
    everyone = np.arange(scene.vocab_size)
    rows = scene.counts.probability(everyone[:, None], everyone[None])
    sums = rows.sum(1)
    assert np.all(np.isclose(sums, 1) | (sums == 0))


def test_smoothed_rows_sum_to_one(scene: Scene) -> None:
    everyone = np.arange(scene.vocab_size)
    rows = scene.counts.probability(everyone[:, None], everyone[None], 1.0)
    np.testing.assert_allclose(rows.sum(1), 1)
    assert (rows > 0).all()


def test_learned_probabilities_are_torchs(run: Run, scene: Scene) -> None:
    everyone = np.arange(scene.vocab_size)
    table = torch.distributions.Categorical(logits=run.model().table.weight.detach().double())
    for way in (ByTorch(scene), ByNumPy(scene)):
        np.testing.assert_allclose(way.learned(everyone), table.probs, atol=1e-6)
        np.testing.assert_allclose(entropy(way.learned(everyone)), table.entropy(), atol=1e-5)


def test_the_gap_is_the_kl_divergence_of_torch(run: Run, scene: Scene) -> None:
    everyone = np.arange(scene.vocab_size)
    rows = np.flatnonzero(scene.counts.firsts)
    counted, learned = (
        torch.distributions.Categorical(torch.from_numpy(p[rows]))
        for p in (ByNumPy(scene).counted(everyone), ByNumPy(scene).learned(everyone))
    )
    nats = torch.distributions.kl_divergence(counted, learned).numpy()
    assert (nats >= 0).all()
    expected = np.average(nats, weights=scene.counts.firsts[rows])
    assert ByTorch(scene).divergence() == pytest.approx(expected, abs=1e-6)
    loss = ByTorch(scene).losses()
    assert loss[4, 0] - loss[2, 0] == pytest.approx(expected, abs=1e-6)


def test_surprise_is_minus_log_of_the_models_probability(run: Run, steps: tuple[Step, ...]) -> None:
    ids = run.tokenizer().encode(SENTENCE)
    log_p = run.model()(ids[None, :-1])[0].log_softmax(-1).detach()
    step = named(steps, "surprise")
    np.testing.assert_allclose(
        step.arrays["surprise"], -log_p.gather(1, ids[1:, None])[:, 0], atol=1e-5
    )
    question, most = question_of(step), int(step.arrays["surprise"].argmax())
    answer = question.answers[question.right].text()
    assert answer == f"“{SENTENCE[most + 1]}” after “{SENTENCE[most]}”".replace(" ”", "␣”").replace(
        "“ ", "“␣"
    )


def test_the_least_loss_is_the_entropy_of_the_text(
    run: Run, scene: Scene, steps: tuple[Step, ...]
) -> None:
    loss = named(steps, "loss_nats").arrays["loss_nats"]
    entropy_nats = entropies(run.data().train).bigram_nats
    assert loss[2, 0] == pytest.approx(entropy_nats, abs=1e-5)
    assert (loss[:, 0] >= loss[2, 0]).all()
    assert loss[0, 0] == pytest.approx(np.log(scene.vocab_size))
    assert f"the entropy is {entropy_nats:.3f} nats" in named(steps, "entropy_nats").text.text()


def test_the_models_loss_is_the_evaluations(
    run: Run, scene: Scene, steps: tuple[Step, ...]
) -> None:
    loss = named(steps, "loss_nats").arrays["loss_nats"]
    for place, text in ((0, scene.train), (1, scene.validation)):
        measured = evaluate_text(run.model(), run.tokenizer(), text)  # type: ignore[arg-type]
        assert loss[4, place] == pytest.approx(measured.loss_nats_per_token, abs=1e-5)


def test_a_pair_never_counted_makes_the_loss_infinite(scene: Scene) -> None:
    ids = scene.validation_counts.ids.copy()
    often = scene.frequent(scene.vocab_size)
    never = next((a, b) for a in often for b in often if not scene.counts.of(a, b))
    ids[:2] = never
    other = replace(scene, validation_counts=PairCounts.of_text(ids, scene.vocab_size))
    values = gap(other, ByTorch(other))
    assert values["loss_nats"][2, 1] == np.inf and np.isfinite(values["loss_nats"][3, 1])
    assert all(check.holds for check in compared(values, gap(other, ByNumPy(other))))
    del values["checks"]
    assert "were never counted" in TEXTS.step("gap", values).text.text("en")


def test_entropy_is_scipys() -> None:
    from scipy.stats import entropy as scipys

    p = np.random.default_rng(0).dirichlet(np.ones(6), 3)
    np.testing.assert_allclose(entropy(p), scipys(p, axis=1))
    assert entropy(np.array([1.0, 0.0])) == 0


def test_what_is_drawn_follows_the_sentence_and_the_seed(run: Run) -> None:
    one, again = (named(LESSON(asked(run)), "ids").arrays["ids"] for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert len(one) == 20
    other = named(LESSON(replace(asked(run), seed=1)), "ids")
    assert (other.arrays["ids"] != one).any()
    figure = other.figures[0]
    assert isinstance(figure, NextToken)
    row = run.model().table.weight[run.tokenizer().encode(".")[0]].detach().numpy()
    np.testing.assert_array_equal(figure.logits, row)


def test_the_likeliest_tokens_go_round_in_a_cycle(run: Run, scene: Scene) -> None:
    greedy, cycle = scene.greedy
    likeliest = run.model().table.weight.argmax(1).tolist()
    token, path = int(scene.sentence.ids[-1]), []
    for _ in range(len(greedy) + 2 * cycle):
        token = likeliest[token]
        path.append(token)
    assert path[: len(greedy)] == greedy.tolist()
    assert path[-cycle:] == path[-2 * cycle : -cycle] == greedy[-cycle:].tolist()


def test_words_and_their_shares(scene: Scene) -> None:
    for text in ("the cat, an owl's ca", scene.validation, " ãé—x, y1z "):
        runs = ["".join(run) for is_word, run in groupby(text, str.isalpha) if is_word]
        assert words_of(text) == runs[1:-1]
    assert words_of("the cat, an owl's ca") == ["cat", "an", "owl", "s"]
    words = ["a", "the", "cat", "tortoise", "tortuise"]
    counts = tally(words, {"the", "cat", "tortoise"})
    assert counts.tolist() == [[1, 0], [2, 2], [0, 0], [2, 1]]


def test_it_writes_fewer_real_words_than_the_validation_text(steps: tuple[Step, ...]) -> None:
    step = named(steps, "shares")
    drawn, real = step.arrays["shares"][0]
    assert drawn < real
    assert "remembers one token" in step.text.text("en")


def test_a_model_that_writes_real_words_is_told_so(scene: Scene) -> None:
    other = replace(scene, validation=" qqq " * 40)
    values = real_words(other, ByTorch(other))
    assert values is not None and not values["worse"]
    del values["checks"]
    assert "as often as the real text does" in TEXTS.step("real_words", values).text.text("en")


def test_two_pasts_end_alike_and_begin_differently(scene: Scene, steps: tuple[Step, ...]) -> None:
    assert scene.contexts is not None
    one, other = scene.contexts
    assert one[-1] == other[-1] and one[-2] != other[-2]
    arrays = named(steps, "model").arrays
    np.testing.assert_array_equal(arrays["model"][0], arrays["model"][1])
    ids = scene.counts.ids.tolist()
    for context, shares in zip((one, other), arrays["text"], strict=True):
        text = Counter(
            c
            for a, b, c in zip(ids, ids[1:], ids[2:], strict=False)
            if [a, b] == list(context[-2:])
        )
        assert int(shares.argmax()) == text.most_common(1)[0][0]
        assert shares.max() == pytest.approx(text.most_common(1)[0][1] / text.total())


def test_two_pasts_are_looked_for_in_other_texts(scene: Scene) -> None:
    ids = scene.sentence.ids[:2]
    short = replace(scene.sentence, ids=ids, tokens=spelt(scene.sentence.tokenizer, ids))
    found = replace(scene, sentence=short).contexts
    assert found is not None and found[0][-1] == found[1][-1]


def test_a_turned_sign_in_the_model_fails_checks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Bigram.forward
    monkeypatch.setattr(Bigram, "forward", lambda model, tokens: -right(model, tokens))
    assert failing(LESSON(asked(run))) == [2, 3, 4, 5, 6, 7, 9]


def test_a_model_that_reads_further_back_fails_checks(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Bigram.forward

    def further(model: Bigram, tokens: torch.Tensor) -> torch.Tensor:
        logits = right(model, tokens).clone()
        logits[..., 0] += tokens.roll(1, -1)
        return logits

    monkeypatch.setattr(Bigram, "forward", further)
    assert 9 in failing(LESSON(asked(run)))


MEASURES = {
    "count": [0, 1],
    "counted": [3, 5, 6],
    "logits": [7],
    "learned": [2, 3, 5, 6, 7, 9],
    "losses": [4, 6],
    "divergence": [4],
    "following": [9],
}


@pytest.mark.parametrize("method", MEASURES)
def test_a_wrong_measure_fails_checks(
    run: Run, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    right = getattr(ByTorch, method)

    def wrong(*words: Any) -> Any:
        return 1.01 * right(*words)

    monkeypatch.setattr(ByTorch, method, wrong)
    assert failing(LESSON(asked(run))) == MEASURES[method]


def test_counting_what_no_letter_follows_is_found_out(scene: Scene) -> None:
    """The common mistake of the first step, made: the last letter counted as an input."""

    class Wrong(ByTorch):
        def count(self, ids: Any, shown: Any) -> Any:
            return super().count(np.append(ids, ids[0]), shown)

    values, again = by_hand(scene, Wrong(scene)), by_hand(scene, ByNumPy(scene))
    assert not all(check.holds for check in compared(values, again))
    assert not values["checks"][0].holds


def test_other_families_are_refused(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="bigram-shakespeare"):
        LESSON(asked(tiny_run("gpt-shakespeare", steps=10)))
