"""What holds for every lesson on a run of each kind that it opens up: checked, complete in both languages, small."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from olaria.i18n import Message
from olaria.lessons import LESSONS
from olaria.lessons.base import Paragraph, Question
from olaria.lessons.figures import Live

MOST_BYTES = 3_000_000


def messages(thing: Any) -> Iterator[Message]:
    """Every message in a step, however deep."""
    if isinstance(thing, Message):
        yield thing
        yield from messages(thing.fields)
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        for field in dataclasses.fields(thing):
            yield from messages(getattr(thing, field.name))
    elif isinstance(thing, Mapping):
        for value in thing.values():
            yield from messages(value)
    elif isinstance(thing, tuple | list):
        for value in thing:
            yield from messages(value)


def test_every_check_holds(lesson: Any) -> None:
    assert len(lesson.steps) >= 4
    for check in lesson.checks:
        assert check.holds, (check.text.text(), check.difference)
    figures = sum(bool(step.figures) for step in lesson.steps)
    assert figures >= len(lesson.steps) - 1
    assert sum(bool(step.checks) for step in lesson.steps) >= 0.7 * len(lesson.steps)


def test_every_sentence_is_there_in_portuguese(lesson: Any) -> None:
    context = lesson.context
    found = {
        (m.id, m.form("pt")) for m in messages((context.title, context.introduction, lesson.steps))
    }
    longer = [both for both in found if len(re.findall(r"[A-Za-z]{2,}", both[0])) > 3]
    assert longer, "a lesson has sentences"
    assert [english for english, portuguese in longer if portuguese == english] == []


def test_the_page_is_small_and_whole_in_both_languages(lesson: Any) -> None:
    for language in ("en", "pt"):
        page = lesson.html(language)
        assert len(page.encode()) < MOST_BYTES
        body = page.split("<main")[1].split("</main>")[0]
        text = re.sub(r"<pre.*?</pre>|<[^>]+>", " ", body, flags=re.S)
        assert not re.search(r"\{[a-z_]+\}", text)
        assert "nan" not in re.findall(r"[a-z]+", text)
        assert len(re.findall(r"<figure", body)) >= 4


def test_a_live_part_stands_behind_the_question_of_its_step(lesson: Any) -> None:
    for step in lesson.steps:
        kinds = [type(block) for block in step.blocks]
        if Live in kinds:
            assert Question in kinds, step.title.text()
            assert kinds.index(Question) < kinds.index(Live), step.title.text()


def test_texts_are_short_and_plain(lesson: Any) -> None:
    for step in lesson.steps:
        assert len(step.title.text()) <= 80
        for block in step.blocks:
            if isinstance(block, Paragraph):
                sentences = re.split(r"(?<=[.!?])\s", block.text.text())
                assert len(sentences) <= 6, step.title.text()


def test_the_table_tells_what_each_takes() -> None:
    for name, lesson in LESSONS.items():
        assert lesson.preset and lesson.families, name
