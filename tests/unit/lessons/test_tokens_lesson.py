"""The lesson of tokens: ids and merges against other libraries, neighbours and maps against scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from olaria.data.bpe import byte_letters, train_bpe
from olaria.data.tokenizer import fit_tokenizer
from olaria.errors import LessonError
from olaria.lessons import LESSONS
from olaria.lessons.base import Asked, Question, Step
from olaria.lessons.figures import Choice, Live, Table, Tokens
from olaria.lessons.tokens.scene import Scene, cosines, kind_of
from olaria.lessons.tokens.steps import after, byte_pairs
from olaria.lessons.tokens.vectors import alike_tokens, mean_cosine
from olaria.lessons.tokens.ways import (
    ByNumPy,
    ByTorch,
    bytes_by_hand,
    ids_by_hand,
    replayed,
)
from olaria.lessons.twice import compared
from olaria.runs import Run

from .sound import assert_sound, failing, make_wrong

LESSON = LESSONS["tokens"]
TEXTS = LESSON.texts

TinyRun = Callable[..., Run]

SENTENCE = "the cat sees a girl."
VERSE = "To be, or not to be: that is the question. It's the 12 ways to see a\nsea, não?"


def steps_of(run: Run, prompt: str | None = None) -> tuple[Step, ...]:
    return LESSON(Asked(runs=(run,), prompt=prompt, offline=True))


def question_of(step: Step) -> Question:
    return next(block for block in step.blocks if isinstance(block, Question))


def named(steps: tuple[Step, ...], array: str) -> Step:
    (found,) = [step for step in steps if array in step.arrays]
    return found


@pytest.mark.parametrize(
    "preset", ["gpt-shakespeare", "average-shakespeare", "gpt2-shakespeare", "bigram-shakespeare"]
)
def test_every_family_carries_it(tiny_run: TinyRun, preset: str) -> None:
    steps = steps_of(tiny_run(preset, steps=10))
    assert len(steps) == 9
    assert_sound(steps, figures=True, source=True)


@pytest.mark.parametrize("preset", ["dates", "pt-en"])
def test_an_encoder_decoder_carries_it(tiny_run: TinyRun, preset: str) -> None:
    run = tiny_run(preset, steps=5)
    steps = steps_of(run)
    assert_sound(steps, figures=True, source=True)
    assert "3 of the rows belong to special tokens" in named(steps, "vectors").text.text("en")
    assert "linhas são de tokens especiais" in named(steps, "vectors").text.text("pt")
    table = run.model().embedding.weight
    assert len(table) == run.tokenizer().vocab_size + 3
    # What no pair holds is not compared: neither the three rows nor the breaks between lines.
    assert named(steps, "points").arrays["ids"].max() < run.tokenizer().vocab_size


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
@pytest.mark.parametrize("prompt", [None, SENTENCE])
def test_tokenizers(tiny_run: TinyRun, tokenizer: str, prompt: str | None) -> None:
    run = tiny_run("gpt-shakespeare", f"data.tokenizer={tokenizer}", steps=2)
    steps = steps_of(run, prompt)
    assert_sound(steps, figures=True, source=True)
    # The vocabulary's size tells what its tokens are.
    assert question_of(steps[1]).right == ["char", "byte", "word", "bpe"].index(tokenizer)
    counts = named(steps, "num_tokens").arrays["num_tokens"]
    assert len(counts) == (5 if tokenizer == "bpe" else 4)
    if prompt is not None and tokenizer == "bpe":
        assert counts[4] == len(run.tokenizer().encode(SENTENCE))
    text = "in two languages" if prompt is None else "Your sentence is cut"
    assert text in named(steps, "num_tokens").text.text("en")


def test_a_sentence_cut_within_a_character_stays_whole(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", "data.tokenizer=byte", steps=2)
    steps = steps_of(run, "a" * 31 + "ã" * 20)
    assert_sound(steps, figures=True, source=True)
    assert steps[1].arrays["ids"].tolist() == [97] * 31


def test_unseen_characters_are_left_out(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", "data.unseen=skip", steps=2)
    steps = steps_of(run, "the ☃ cat sees a girl")
    assert_sound(steps, figures=True, source=True)
    live = steps[1].figures[0]
    assert (
        isinstance(live, Live)
        and isinstance(figure := live.below, Tokens)
        and "☃" not in "".join(figure.tokens)
    )


def test_a_tuned_run_carries_it(tiny_run: TinyRun) -> None:
    start = tiny_run("gpt-shakespeare", steps=10)
    assert_sound(
        steps_of(tiny_run("gpt-shakespeare", start=start, steps=5)), figures=True, source=True
    )


def test_ids_are_the_runs_own(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    step = steps_of(run, SENTENCE)[1]
    assert step.arrays["ids"].tolist() == run.tokenizer().encode(SENTENCE).tolist()
    live = step.figures[0]
    assert isinstance(live, Live) and isinstance(figure := live.below, Tokens)
    assert [note.fields["id"] for note in figure.notes] == step.arrays["ids"].tolist()  # type: ignore[union-attr]


def test_bytes_by_hand_are_those_of_utf8() -> None:
    for character in "aç€😀\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff":
        assert bytes(bytes_by_hand(ord(character))) == character.encode()


def test_three_letters_are_five_bytes(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("gpt-shakespeare", steps=10))[0]
    assert "It takes 5: C3 A7 C3 A3 6F." in step.text.text("en")
    assert "Ocupa 5: C3 A7 C3 A3 6F." in step.text.text("pt")
    question = question_of(step)
    assert question.answers[question.right].text() == "5"


def test_one_merge_by_hand(tiny_run: TinyRun) -> None:
    step = steps_of(tiny_run("gpt-shakespeare", steps=10))[2]
    pairs, merged = step.figures
    assert isinstance(pairs, Table) and isinstance(merged, Tokens)
    assert pairs.rows[0] == ("o", "t", 3) and pairs.rows[1][2] == 2
    assert "|".join(merged.tokens) == "h|ot|e|l| |t|ot|a|l| |m|ot|o|r"
    assert "from 17 tokens to 14" in step.text.text("en")


def test_the_four_ways_cut_one_text(tiny_run: TinyRun) -> None:
    step = named(steps_of(tiny_run("gpt-shakespeare", steps=10)), "num_tokens")
    choice = step.figures[0]
    assert isinstance(choice, Choice)
    letters, _words, octets, _pairs = choice.figures
    assert isinstance(letters, Tokens) and isinstance(octets, Tokens)
    text = "".join(letters.tokens)
    counts = step.arrays["num_tokens"]
    assert "ção" in text and "heart" in text
    assert counts[0] == len(text) and counts[2] == len(text.encode())
    assert question_of(step).right == int(counts.argmin())


def test_the_lists_of_four_ways_are_not_the_runs_own(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    step = named(steps_of(run), "num_tokens")
    own = run.tokenizer().vocab_size
    assert step.arrays["vocab_size"][0] != own
    assert f"Your run's own list has {own} characters" in step.text.text()
    assert f"A lista da sua execução tem {own} caracteres" in step.text.text("pt")


@pytest.mark.parametrize("kind", ["char", "byte", "word", "bpe"])
def test_ids_by_hand_are_the_tokenizers(kind: str) -> None:
    tokenizer = fit_tokenizer(kind, VERSE * 3, 300 if kind == "bpe" else None)  # type: ignore[arg-type]
    assert ids_by_hand(tokenizer, VERSE) == tokenizer.encode(VERSE).tolist()


def test_merges_are_those_of_the_tokenizers_library() -> None:
    text = "low lower lowest, the lowly flower follows below the glowing pillow. " * 4
    learned = train_bpe(text, 286)
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=286, initial_alphabet=list(byte_letters()), show_progress=False
    )
    theirs.train_from_iterator([text], trainer)
    assert theirs.get_vocab_size() == 286
    other = "a hollow yellow bellows"
    expected = theirs.encode(other).ids
    assert ids_by_hand(after(learned, 30), other) == learned.encode(other).tolist()
    assert len(learned.encode(other)) == len(expected)


def test_both_ways_learn_the_same_merges(tiny_run: TinyRun) -> None:
    scene = Scene.of(Asked((tiny_run("gpt-shakespeare", steps=10),), offline=True))
    for text in ("low lower lowest, the lowly flower. aaaa aaa", VERSE * 3, "", "ab"):
        merges = ByNumPy(scene).merges(text, 12)
        assert merges == ByTorch(scene).merges(text, 12)
        assert tuple(merge[:2] for merge in merges) == train_bpe(text, 268).merges
    values = byte_pairs(scene, ByTorch(scene))
    assert values is not None
    lengths = values["tokens_per_char"]
    assert (np.diff(lengths) <= 0).all()
    assert lengths[-1] == len(scene.learned.encode(scene.validation)) / len(scene.validation)


def test_a_wrong_merge_is_found_out(tiny_run: TinyRun) -> None:
    scene = Scene.of(Asked((tiny_run("gpt-shakespeare", steps=10),), offline=True))

    class Wrong(ByTorch):
        def merges(self, text: str, most: int) -> Any:
            return super().merges(text, most + 1)[1:]  # the most frequent pair is left out

    values, again = byte_pairs(scene, Wrong(scene)), byte_pairs(scene, ByNumPy(scene))
    assert values is not None and again is not None
    assert not values["checks"][0].holds
    assert not all(check.holds for check in compared(values, again))


def test_replayed_merges_shorten_the_text() -> None:
    learned = train_bpe("low lower lowest", 259)
    states = [state for state, _ in replayed("low lower lowest", learned.merges)]
    assert [len(state.replace("\n", "")) for state in states] == [16, 13, 10, 8]


def test_vectors_and_neighbours_are_sklearns(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    steps, model = steps_of(run, SENTENCE), run.model()
    tables = [layer.weight.detach().numpy() for layer in (model.embedding, model.head)]
    ids = run.tokenizer().encode(SENTENCE)
    np.testing.assert_array_equal(named(steps, "vectors").arrays["vectors"], tables[0][ids[:16]])
    found = named(steps, "cosines").arrays
    compared = named(steps, "points").arrays["ids"]
    asked = list(dict.fromkeys(ids.tolist()))[:16]
    for table, values, near in zip(tables, found["cosines"], found["neighbours"], strict=True):
        alike = cosine_similarity(table)
        for token, row, shown in zip(asked, near, values, strict=True):
            others = [i for i in compared if i != token]
            assert row.tolist() == sorted(others, key=lambda i: -alike[token, i])[: len(row)]
            np.testing.assert_allclose(shown, alike[token, row], atol=1e-5)


def test_the_map_is_sklearns(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    found = named(steps_of(run), "points").arrays
    rows = run.model().head.weight.detach().numpy()[found["ids"]]
    theirs = PCA(2, svd_solver="full").fit(rows)
    np.testing.assert_allclose(found["shares"], theirs.explained_variance_ratio_, atol=1e-5)
    np.testing.assert_allclose(np.abs(found["points"]), np.abs(theirs.transform(rows)), atol=1e-4)


def test_a_head_is_compared_where_it_is_a_trained_table_of_its_own(tiny_run: TinyRun) -> None:
    counts = {
        preset: len(named(steps_of(tiny_run(preset, steps=10)), "inside").arrays["inside"])
        for preset in ("gpt-shakespeare", "gpt2-shakespeare", "bigram-shakespeare")
    }
    assert counts == {"gpt-shakespeare": 2, "gpt2-shakespeare": 1, "bigram-shakespeare": 1}


def test_mean_cosines_are_those_of_the_matrix() -> None:
    vectors = torch.randn(7, 5, generator=torch.Generator().manual_seed(3))
    alike = cosines(vectors, vectors)
    theirs = cosine_similarity(vectors.numpy())
    np.testing.assert_allclose(alike, theirs, atol=1e-6)
    for sets in ([list(range(7))], [[0, 2, 3], [6, 1, 4]]):
        tables = [theirs[np.ix_(some, some)] for some in sets]
        expected = [(table.sum() - len(table)) / (table.size - len(table)) for table in tables]
        found = mean_cosine(alike.numpy(), np.array(sets))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("preset", ["gpt2-shakespeare", "gpt-shakespeare"])
def test_kinds_that_are_there_are_found_and_others_are_not(tiny_run: TinyRun, preset: str) -> None:
    run = tiny_run(preset, steps=10)
    scene = Scene.of(Asked((run,), offline=True))
    assert len(scene.views) == (2 if preset == "gpt-shakespeare" else 1)
    assert set(scene.kinds) == {0, 1}  # the toy language is written in lower case
    noise = torch.randn(scene.table.weight.shape, generator=torch.Generator().manual_seed(0))
    for weight in scene.views.values():
        weight.copy_(noise)
    values = alike_tokens(scene, ByTorch(scene))
    assert values is not None and values["above"] == 0
    noise[scene.ids[scene.kinds[0]]] += 3 * noise[0]
    for weight in scene.views.values():
        weight.copy_(noise)
    made, again = (alike_tokens(scene, way) for way in (ByTorch(scene), ByNumPy(scene)))
    assert made is not None and again is not None
    assert all(check.holds for check in compared(made, again))
    assert (made["inside"][:, 0] > made["level"][:, 0]).all()
    told = TEXTS.step("alike_tokens", made)
    assert "lower-case vowels" in told.text.text("en") and question_of(told).right == 0


def test_kinds_of_tokens() -> None:
    assert [kind_of(t) for t in ("ã", "ç", "É", "½", "?", " then", "then", "\n", " a.", "\\xc3")] == [
        0, 1, 2, -1, 4, 5, 6, -1, -1, -1,
    ]  # fmt: skip


MEASURES = {
    "encode": [0, 1, 2, 3, 4],
    "merges": [2, 3],
    "rows": [5],
    "vectors": [6, 7, 8],
    "cosines": [6, 7],
    "plane": [8],
}


@pytest.mark.parametrize("method", MEASURES)
def test_a_wrong_measure_fails_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def wrong(found: Any) -> Any:
        match method:
            case "encode":
                return [*found, found[-1]]
            case "merges":
                return [(left, right, times + 1) for left, right, times in found]
            case "plane":
                return tuple(1.01 * x for x in found)
            case _:  # another factor for each component, so that the cosines change as well
                return found * (1.01 + 0.01 * np.arange(found.shape[-1]))

    make_wrong(monkeypatch, ByTorch, method, wrong)
    assert failing(steps_of(tiny_run("gpt-shakespeare", steps=10))) == MEASURES[method]


def test_neighbours_in_a_wrong_order_fail_checks(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Scene.nearest.func  # type: ignore[attr-defined]
    monkeypatch.setattr(Scene, "nearest", property(lambda scene: right(scene).roll(-1, 2)))
    assert failing(steps_of(tiny_run("gpt-shakespeare", steps=10))) == [6]


def test_another_seed_draws_other_sets(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    one, again, other = (
        named(LESSON(Asked((run,), offline=True, seed=seed)), "level").arrays for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one["level"], again["level"])
    assert (one["level"] != other["level"]).any()
    np.testing.assert_array_equal(one["inside"], other["inside"])


def test_an_image_model_is_refused(tiny_run: TinyRun) -> None:
    with pytest.raises(LessonError, match="gpt-shakespeare"):
        steps_of(tiny_run("ae-mnist", steps=2))
