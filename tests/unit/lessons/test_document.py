"""Documents of lessons: what they may say, and what is refused with its file and line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from olaria.errors import DocumentError
from olaria.i18n import LANGUAGES
from olaria.lessons import LESSONS
from olaria.lessons.base import Formula, Mistake, Paragraph, Question
from olaria.lessons.document import Texts, read, texts
from olaria.lessons.figures import Live, Table

ENGLISH = r"""# A lesson

About one thing.

## First {#first}

There are {count} numbers.
{if small} The error is only {error}.
{if not small} The share is {share:.1%}, or {share:.2f}.

$$ e = x^{2} $$

[predict] How many?
- one
- two

[table] A caption with {count}.

[mistake] That `more` is better.

[source] Somebody 2020
"""
PORTUGUESE = r"""# Uma lição

Sobre uma coisa.

## Primeiro {#first}

{if small} O erro é só {error}.
{if not small} A proporção é {share:.1%}, ou {share:.2f}.
Há {count} números.

$$ e = x^{2} $$

[predict] Quantos?
- um
- dois

[table] Uma legenda com {count}.

[mistake] Que `mais` é melhor.

[source] Somebody 2020
"""
TABLE = Table("", ("a",), ((1.0,),))
VALUES = {"count": 1234, "error": 0.5, "share": 0.25, "small": True, "answer": 1, "table": TABLE}
Write = Callable[[str, str], Texts]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(english: str = ENGLISH, portuguese: str = PORTUGUESE) -> Texts:
        folder = tmp_path / f"lesson-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "text.en.md").write_text(english, encoding="utf-8")
        (folder / "text.pt.md").write_text(portuguese, encoding="utf-8")
        return texts(folder)

    return written


def test_numbers_and_conditions_in_both_languages(write: Write) -> None:
    step = write().step("first", VALUES)
    assert step.title.text("pt") == "Primeiro"
    assert step.text.text("en") == "There are 1234 numbers. The error is only 0.5."
    assert step.text.text("pt") == "O erro é só 0,5. Há 1234 números."
    large = write().step("first", {**VALUES, "small": False, "share": np.float64(0.25)})
    assert large.text.text("pt") == "A proporção é 25,0%, ou 0,25. Há 1234 números."
    kinds = [type(block) for block in step.blocks]
    assert kinds == [Paragraph, Formula, Question, Table, Mistake]
    assert step.reference == "Somebody 2020"
    (table,) = step.figures
    assert table.caption.text("pt") == "Uma legenda com 1234."


def test_a_question_has_a_right_answer_or_is_left_out(write: Write) -> None:
    (question,) = (b for b in write().step("first", VALUES).blocks if isinstance(b, Question))
    assert question.right == 1
    assert [answer.text("pt") for answer in question.answers] == ["um", "dois"]
    none = write().step("first", {**VALUES, "answer": None})
    assert not any(isinstance(block, Question) for block in none.blocks)
    for wrong in (2, -1, "one", 0.5):
        with pytest.raises(DocumentError, match=r"text.en.md:13: .*which of the 2 answers"):
            write().step("first", {**VALUES, "answer": wrong})


GUESS = """[guess] {if small} More than {count}?
- a
- b

[table]"""


def test_a_guess_belongs_to_the_live_part_that_follows(write: Write) -> None:
    both = [text.replace("[table]", GUESS, 1) for text in (ENGLISH, PORTUGUESE)]
    document, live = write(*both), Live("", "live_peaks", (), {}, TABLE)
    (figure,) = document.step("first", {**VALUES, "table": live}).figures
    assert figure.guess.text.text("pt") == "More than 1234?"
    assert [answer.text() for answer in figure.guess.answers] == ["a", "b"]
    (other,) = document.step("first", {**VALUES, "table": live, "small": False}).figures
    assert other.guess is None
    assert document.step("first", VALUES).figures == (
        replace(TABLE, caption=other.caption),
    )  # a figure that stands still asks nothing


def test_a_figure_that_is_not_there_is_left_out(write: Write) -> None:
    assert write().step("first", {**VALUES, "table": None}).figures == ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": None}, r"text.en.md:7: the step computes no “count”"),
        ({"small": None}, r"text.en.md:8: the step computes no “small”"),
        ({"table": None}, r"text.en.md:17: the step computes no|text.en.md:17: the step makes no"),
        ({"extra": TABLE}, r"text.en.md:5: the step makes a figure “extra”"),
    ],
)
def test_what_a_step_does_not_compute_is_named_with_its_line(
    write: Write, values: dict[str, object], message: str
) -> None:
    given = {**VALUES, **values}
    given = {name: value for name, value in given.items() if value is not None}
    if "table" in values:
        given["table"] = 3.0
    with pytest.raises(DocumentError, match=message):
        write().step("first", given)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{#first}", "", r"text.en.md:5: a step's heading"),
        (
            "{#first}",
            "{#other}",
            r"text.pt.md:1: its steps are not those of text.en.md: first, other",
        ),
        ("There are {count} numbers.", "There are {count numbers.", r"text.en.md:7: a brace"),
        ("{error}", "{errors}", r"text.pt.md:7: not the same .* line 7 of text.en.md"),
        ("{if small}", "{if large}", r"text.pt.md:7: not the same"),
        ("x^{2}", "x^{3}", r"text.pt.md:11: not the same"),
        ("[table]", "[chart]", r"text.pt.md:17: not the same"),
        ("- two\n", "", r"text.en.md:13: a question has two answers"),
        ("- two", "two", r"text.en.md:15: an answer begins with a dash"),
        ("[source] Somebody 2020", "", r"text.pt.md:5: it has not as many parts"),
        ("$$ e = x^{2} $$", "$$ e = x^{2}", r"text.en.md:11: a formula stands"),
        ("# A lesson", "", r"text.en.md:1: a lesson has a title"),
        ("[mistake]", "[predict] Again?\n- a\n- b\n\n[mistake]", r"text.en.md:19: a step asks one"),
        (
            "[mistake]",
            "[guess] So?\n- a\n- b\n\n[mistake]",
            r"text.en.md:19: a guess stands before",
        ),
        ("[source]", "## More {#first}\n\n[source]", r"text.en.md:21: there are two steps “first”"),
    ],
)
def test_a_wrong_document_is_refused_with_file_and_line(
    write: Write, old: str, new: str, message: str
) -> None:
    assert old in ENGLISH
    with pytest.raises(DocumentError, match=message):
        write(ENGLISH.replace(old, new, 1), PORTUGUESE)


FOLDERS = sorted(
    {path.parent for path in Path(read.__code__.co_filename).parent.glob("*/text.en.md")}
)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_steps_of_a_lesson_are_those_of_its_documents(folder: Path) -> None:
    from importlib import import_module

    steps = import_module(f"olaria.lessons.{folder.name}.steps").STEPS
    assert tuple(row.name for row in steps) == texts(folder).names


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_step_asks_or_warns_in_short_sentences(folder: Path) -> None:
    for language in LANGUAGES:
        document = read(folder / f"text.{language}.md")
        for section in document.sections.values():
            kinds = [part.kind for part in section.parts]
            assert "predict" in kinds or "mistake" in kinds, (language, section.name)
            longest = max(len(line.text.split()) for part in section.parts for line in part.lines)
            assert longest <= 75, (language, section.name)


def test_titles_of_the_table_are_those_of_the_documents() -> None:
    assert LESSONS["autoencoder"].title.text("pt").startswith("O autoencoder:")
