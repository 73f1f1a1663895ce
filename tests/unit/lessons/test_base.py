"""What every lesson is measured by: checks that can fail, refusals that name the way out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from olaria.data.toy_language import ToyLanguage
from olaria.errors import LessonError
from olaria.i18n import Message
from olaria.lessons import LESSONS, Asked, Check
from olaria.lessons.base import evenly
from olaria.lessons.texts import opening_line, sentence_of

WAYS = Message("two ways")


@pytest.mark.parametrize("value", [0.5002, math.nan, math.inf, -math.inf])
def test_a_check_can_fail(value: float) -> None:
    assert not Check(WAYS, value, 0.5).holds


def test_numbers_are_compared_one_by_one() -> None:
    shown = np.array([[0.5, -math.inf], [math.nan, 200.0]])
    check = Check(WAYS, shown, shown + np.array([[5e-5, 0], [0, 0.01]]))
    assert check.holds and check.count == 4
    assert check.difference == pytest.approx(5e-5, rel=0.05)
    for place in np.ndindex(2, 2):
        wrong = shown.copy()
        wrong[place] = 0.6
        assert not Check(WAYS, wrong, shown).holds, place


@pytest.mark.parametrize("expected", [[0.5], [[0.5, 0.5]], []])
def test_other_shapes_do_not_agree(expected: list[Any]) -> None:
    assert not Check(WAYS, [0.5, 0.5], expected).holds


def test_nothing_compared_is_no_agreement() -> None:
    assert not Check(WAYS, [], []).holds


def test_a_large_number_may_differ_by_as_much_in_proportion() -> None:
    assert Check(WAYS, 1000.05, 1000.0).holds
    assert not Check(WAYS, 1000.2, 1000.0).holds


def test_places_are_spread_evenly() -> None:
    assert evenly(12, 4) == [0, 4, 7, 11] and evenly(3, 1) == [0] and evenly(0, 3) == []
    for count in range(2, 40):
        for most in range(2, count):
            places = evenly(count, most)
            gaps = set(np.diff(places))
            assert (places[0], places[-1], len(places)) == (0, count - 1, most)
            assert max(gaps) - min(gaps) <= 1, (count, most)


@pytest.mark.parametrize("name", [name for name in LESSONS if LESSONS[name].needs_run])
def test_without_a_run_the_command_that_makes_one_is_told(name: str) -> None:
    with pytest.raises(LessonError, match="olaria train " + LESSONS[name].preset):
        LESSONS[name](Asked())


@pytest.mark.parametrize("name", LESSONS)
def test_another_family_is_refused_by_name(name: str, tiny_run: Any) -> None:
    own = set(LESSONS[name].families)
    other = next(
        preset
        for preset, family in (("ae-mnist", "autoencoder"), ("bigram-shakespeare", "bigram"))
        if family not in own
    )
    with pytest.raises(LessonError, match="olaria train " + LESSONS[name].preset):
        LESSONS[name](Asked((tiny_run(other),)))


def test_a_sentence_is_cut_and_spelt(tiny_run: Any) -> None:
    run = tiny_run("gpt-shakespeare")
    text = sentence_of(Asked((run,))).text
    found = sentence_of(Asked((run,), prompt=text * 9), most=12)
    assert len(found.ids) == len(found.tokens) == 12
    assert "".join(found.tokens) == found.text == (text * 9)[:12]
    with pytest.raises(LessonError, match="fewer than two tokens"):
        sentence_of(Asked((run,), prompt=text[:1]))


def test_a_piece_of_a_letter_is_told_as_its_bytes(tiny_run: Any, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("não há razão para não ler; a maçã é vã. " * 40, encoding="utf-8")
    run = tiny_run("gpt-shakespeare", "data.tokenizer=byte", data=str(book))
    found = sentence_of(Asked((run,), prompt="não"))
    assert found.tokens == ("n", r"\xc3", r"\xa3", "o") and found.text == "não"


CUT_LESSONS = [
    ("attention", "gpt-shakespeare", 20),
    ("attention", "pt-en", 19),
    ("gpt", "gpt-shakespeare", 24),
    ("averaging", "average-shakespeare", 20),
    ("tokens", "gpt-shakespeare", 32),
    ("bigram", "bigram-shakespeare", 32),
]


@pytest.mark.parametrize(("name", "preset", "kept"), CUT_LESSONS)
def test_what_is_kept_of_a_long_sentence_is_told(
    tiny_run: Any, name: Any, preset: str, kept: int
) -> None:
    from olaria.workflows.explain import explain

    sentence = "o gato dorme " if preset == "pt-en" else "the cat sees a girl. "
    explained = explain(name, [tiny_run(preset)], prompt=sentence * 4)
    count = len(tiny_run(preset).tokenizer().encode(sentence * 4))
    (note,) = explained.notes  # what a terminal shows
    assert f"of the {count} tokens of the sentence the first {kept} are kept" in note.text("en")
    assert f"dos {count} tokens da frase, ficaram os primeiros {kept}" in note.text("pt")
    for language in ("en", "pt"):
        assert explained.html(language).count(note.text(language)) == 1
    assert explain(name, [tiny_run(preset)], prompt=sentence[:12]).notes == ()


def test_a_context_that_is_too_short_is_the_reason_told(tiny_run: Any) -> None:
    run = tiny_run("gpt-shakespeare", "model.context=8")
    (note,) = sentence_of(Asked((run,), prompt="the cat sees a girl.")).notes
    assert note.fields == {"count": 20, "kept": 8}
    assert "the model reads no more at once" in note.text()
    assert sentence_of(Asked((run,), prompt="the cat")).notes == ()


def test_a_line_that_nobody_gave_is_cut_without_a_word_in_the_terminal(tiny_run: Any) -> None:
    from olaria.workflows.explain import explain

    explained = explain("attention", [tiny_run("gpt-shakespeare", "model.context=8")])
    told = [note for step in explained.steps for note in step.notes]
    assert explained.notes == () and len(told) == 1


@pytest.mark.parametrize(
    ("train", "validation", "expected"),
    [
        ("one line\n", "a line that is long enough\nanother line of the text\n", "a line that is"),
        ("a line cut with", "in a word of its middle\nanother line of the text\n", "another line"),
        ("a line cut with", "in a word of its middle\nshort\n", "in a word"),
    ],
)
def test_a_sentence_does_not_begin_within_a_line(
    tiny_run: Any, train: str, validation: str, expected: str
) -> None:
    run = tiny_run("bigram-shakespeare", steps=1)
    data = replace(run.data(), train=train, validation=validation, known_entropy=None)
    given = SimpleNamespace(data=lambda offline: data)
    assert opening_line(Asked((run,)), given).startswith(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["pt", "en"])
def test_the_toy_language_speaks_the_pages(language: str, tiny_run: Any) -> None:
    """Half of its lines are Portuguese and half English, and the first one was shown on every page."""
    run = tiny_run("bigram-shakespeare", data="toy-language", steps=1)
    line = opening_line(Asked((run,), language=language), run)
    found = ToyLanguage().parse(line)
    assert [name for name, _ in found] == [language], line
