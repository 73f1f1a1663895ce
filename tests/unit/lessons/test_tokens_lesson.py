"""The lesson of tokens: ids and merges against other libraries, neighbours and maps against scikit-learn."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import replace
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
from olaria.i18n import Message
from olaria.lessons.base import Asked, Step
from olaria.lessons.tokens import LESSON, ids_by_hand
from olaria.lessons.tokens.embeddings import Rows, cosines, mean_cosine, mean_nearest, opened
from olaria.lessons.tokens.kinds import kind_of, kind_step, members
from olaria.lessons.tokens.merges import merges_step, replayed
from olaria.runs import Run

from .sound import assert_sound, failing

TinyRun = Callable[..., Run]

SENTENCE = "the cat sees a girl."
VERSE = "To be, or not to be: that is the question. It's the 12 ways to see a\nsea, não?"


def steps_of(run: Run, prompt: str | None = None) -> tuple[Step, ...]:
    return LESSON(Asked(runs=(run,), prompt=prompt, offline=True))


def named(steps: tuple[Step, ...], array: str) -> Step:
    (found,) = [step for step in steps if array in step.arrays]
    return found


@pytest.mark.parametrize(
    "preset", ["gpt-shakespeare", "average-shakespeare", "gpt2-shakespeare", "bigram-shakespeare"]
)
def test_every_family_carries_it(tiny_run: TinyRun, preset: str) -> None:
    steps = steps_of(tiny_run(preset, steps=10))
    assert len(steps) == 8
    assert_sound(steps, figures=True, source=True)


@pytest.mark.parametrize("preset", ["dates", "pt-en"])
def test_an_encoder_decoder_carries_it(tiny_run: TinyRun, preset: str) -> None:
    run = tiny_run(preset, steps=5)
    steps = steps_of(run)
    assert_sound(steps, figures=True, source=True)
    assert "3 rows are of no token" in named(steps, "vectors").text.text("en")
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
    counts = named(steps, "num_tokens").arrays["num_tokens"]
    assert len(counts) == (3 if tokenizer == "byte" else 4)
    own = run.tokenizer().encode(SENTENCE)
    if prompt is not None and tokenizer != "byte":
        assert counts[3] == len(own)


def test_a_sentence_cut_within_a_character_stays_whole(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", "data.tokenizer=byte", steps=2)
    steps = steps_of(run, "a" * 31 + "ã" * 20)
    assert_sound(steps, figures=True, source=True)
    assert steps[0].arrays["ids"].tolist() == [97] * 31


def test_unseen_characters_are_left_out(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", "data.unseen=skip", steps=2)
    steps = steps_of(run, "the ☃ cat sees a girl")
    assert_sound(steps, figures=True, source=True)
    assert "☃" not in "".join(steps[0].figures[0].tokens)


def test_a_tuned_run_carries_it(tiny_run: TinyRun) -> None:
    start = tiny_run("gpt-shakespeare", steps=10)
    assert_sound(
        steps_of(tiny_run("gpt-shakespeare", start=start, steps=5)), figures=True, source=True
    )


def test_ids_are_the_runs_own(tiny_run: TinyRun) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    step = steps_of(run, SENTENCE)[0]
    assert step.arrays["ids"].tolist() == run.tokenizer().encode(SENTENCE).tolist()
    assert [note.fields["id"] for note in step.figures[0].notes] == step.arrays["ids"].tolist()


@pytest.mark.parametrize("kind", ["char", "byte", "word", "bpe"])
def test_ids_by_hand_are_the_tokenizers(kind: str) -> None:
    tokenizer = fit_tokenizer(kind, VERSE * 3, 300 if kind == "bpe" else None)  # type: ignore[arg-type]
    assert ids_by_hand(tokenizer, VERSE) == tokenizer.encode(VERSE).tolist()


def test_merges_are_those_of_the_tokenizers_library() -> None:
    text = "low lower lowest, the lowly flower follows below the glowing pillow. " * 4
    learned = train_bpe(text, 286)
    step = merges_step(learned, text, "a hollow yellow bellows")
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=286, initial_alphabet=list(byte_letters()), show_progress=False
    )
    theirs.train_from_iterator([text], trainer)
    assert theirs.get_vocab_size() == 286
    other = "a hollow yellow bellows"
    expected = len(theirs.encode(other).ids) / len(other)
    assert step.arrays["tokens_per_char"][-1] == pytest.approx(expected)
    assert (np.diff(step.arrays["tokens_per_char"]) <= 0).all()
    assert_sound((step,), figures=True, source=True)


def test_a_wrong_merge_is_found_out() -> None:
    text = "low lower lowest, the lowly flower follows below the glowing pillow. " * 4
    other = train_bpe(
        "zebra zebu zebra", 260
    )  # none of its merges is the most frequent of the text
    step = merges_step(other, text, text)
    assert not step.checks[0].holds and step.checks[1].holds


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
    sets = torch.tensor([[1.0] * 7, [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    few = theirs[np.ix_([0, 2, 3], [0, 2, 3])]
    expected = [table[np.triu_indices(len(table), 1)].mean() for table in (theirs, few)]
    np.testing.assert_allclose(mean_cosine(alike, sets), expected, atol=1e-6)
    np.fill_diagonal(theirs, -2)
    assert mean_nearest(alike).item() == pytest.approx(theirs.max(1).mean(), abs=1e-6)


@pytest.mark.parametrize("has_head", [False, True])
def test_kinds_that_are_there_are_found_and_others_are_not(
    tiny_run: TinyRun, has_head: bool
) -> None:
    run = tiny_run("gpt-shakespeare", steps=10)
    tokenizer = run.tokenizer()
    embedding = opened(run, tokenizer, [run.data().train[:20_000]])
    noise = torch.randn(len(embedding.table.weight), 32, generator=torch.Generator().manual_seed(0))
    rows = Rows(Message("noise"), noise)
    embedding = replace(embedding, views=(rows, rows) if has_head else (rows,))
    kinds = members(embedding, tokenizer)
    assert set(kinds) == {0, 1}  # the toy language is written in lower case
    assert "none of 2 kinds" in kind_step(embedding, kinds, 0).text.text("en")
    noise[embedding.ids[kinds[0]]] += 3 * noise[0]
    made = kind_step(embedding, kinds, 0)
    assert_sound((made,), figures=True, source=True)
    assert (made.arrays["inside"][:, 0] > made.arrays["level"][:, 0]).all()
    assert "lower-case vowels" in made.text.text("en")


def test_kinds_of_tokens() -> None:
    assert [kind_of(t) for t in ("ã", "ç", "É", "½", "?", " then", "then", "\n", " a.", "\\xc3")] == [
        0, 1, 2, -1, 4, 5, 6, -1, -1, -1,
    ]  # fmt: skip


def swapped(cosines: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest last: right cosines of right tokens in a wrong order."""
    return cosines.roll(-1, 1), places.roll(-1, 1)


@pytest.mark.parametrize(
    ("changed", "wrong", "places"),
    [
        ("neighbours.cosines", lambda right: lambda a, b: right(a, b) + 0.001, [5]),
        ("neighbours.nearest", lambda right: lambda *words: swapped(*right(*words)), [5]),
        ("neighbours.mean_cosine", lambda right: lambda *words: -right(*words), [5]),
        ("neighbours.mean_nearest", lambda right: lambda alike: -right(-alike), [5]),
    ],
)
def test_a_wrong_formula_fails_checks(
    tiny_run: TinyRun,
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
    wrong: Callable[[Any], Any],
    places: list[int],
) -> None:
    home = f"olaria.lessons.tokens.{changed}"
    monkeypatch.setattr(home, wrong(pkgutil.resolve_name(home)))
    assert failing(steps_of(tiny_run("gpt-shakespeare", steps=10))) == places


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
