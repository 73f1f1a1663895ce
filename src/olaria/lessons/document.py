r"""A lesson's prose: one Markdown document per language, into which the numbers of a run are put.

A document stands beside the functions of its steps, as ``text.en.md`` and ``text.pt.md``::

    # Title of the lesson

    What it is about, in one or two sentences.

    ## Title of a step {#name_of_its_function}

    One sentence per line, with a {number} of the step.
    {if wide} A line that stands there only where ``wide`` is true; ``{if not wide}`` is its opposite.

    $$ e = \frac{1}{P} \sum_i (\hat x_i - x_i)^2 $$

    [predict] A question that the reader answers before reading on?
    - one answer
    - another; the step's ``answer`` is the place of the right one, or None where it cannot ask

    [name_of_a_figure] Its caption.

    [mistake] What is often believed, and why it is wrong.

    [source] Hinton & Salakhutdinov 2006

An empty line ends a part. ``*words*`` are emphasised, ``$z$`` is a sign, ```code``` is code. A field is written in the
reader's notation: ``{error}`` with four significant digits, ``{error:.2f}`` with two decimals, ``{share:.1%}`` as a
percentage; a whole number with separators. Both languages have the same steps, parts, conditions and fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from olaria.errors import LessonError
from olaria.i18n import LANGUAGES, N_, Message, Number, Prose
from olaria.lessons.base import Block, Formula, Mistake, Paragraph, Question, Step
from olaria.lessons.figures import FIGURES, Figure

Values = Mapping[str, Any]
"""What a step gives its text: numbers, words, conditions and figures, by name."""
Kind = Literal["text", "formula", "predict", "figure", "mistake", "source"]

_STEP = re.compile(r"##\s+(?P<title>.+?)\s*\{#(?P<name>\w+)\}$")
_CONDITION = re.compile(r"\{if (?P<condition>(?:not )?\w+)\}\s*")
_MARK = re.compile(r"\[(?P<name>\w+)\]\s*")
_FIELD = re.compile(r"\{(?P<name>\w+)(?::\.(?P<digits>\d)(?P<form>[f%]))?\}")
_ANSWER = re.compile(r"-\s+")
ANSWER = "answer"
"""Name of the value that says which answer of a question is right, counted from 0."""
_NAMED: dict[str, Kind] = {"predict": "predict", "mistake": "mistake", "source": "source"}


@dataclass(frozen=True)
class Line:
    """A line of a document.

    Args:
        text: without its condition.
        condition: name of a value, perhaps after ``not``; empty where the line always stands there.
        number: in its file, from 1.
    """

    text: str
    condition: str
    number: int

    def holds(self, values: Values) -> bool:
        """Whether it stands in the text of these values."""
        if not self.condition:
            return True
        *negation, name = self.condition.split()
        return bool(values[name]) is not bool(negation)


@dataclass(frozen=True)
class Part:
    """What stands between two empty lines."""

    kind: Kind
    name: str
    lines: tuple[Line, ...]

    @property
    def fields(self) -> set[str]:
        """Names of the values that it needs."""
        found = {m["name"] for line in self.lines for m in _FIELD.finditer(self._words(line))}
        return found | {line.condition.split()[-1] for line in self.lines if line.condition}

    @property
    def shape(self) -> tuple[Any, ...]:
        """What is the same in every language."""
        formulas = tuple(line.text for line in self.lines) if self.kind == "formula" else ()
        conditions = sorted({line.condition for line in self.lines})
        answers = len(self.lines) if self.kind == "predict" else 0
        return self.kind, self.name, conditions, sorted(self.fields), formulas, answers

    def _words(self, line: Line) -> str:
        return "" if self.kind == "formula" else line.text


@dataclass(frozen=True)
class Section:
    """The text of one step."""

    name: str
    title: str
    parts: tuple[Part, ...]
    number: int


@dataclass(frozen=True)
class Document:
    """A lesson in one language.

    Args:
        path: of its file.
        title: of the lesson.
        introduction: below the title.
        sections: of its steps, by name, in order.
    """

    path: Path
    title: str
    introduction: str
    sections: Mapping[str, Section]

    def wrong(self, number: int, problem: str, **fields: Any) -> LessonError:
        """What is wrong at a line."""
        place = f"{self.path.parent.name}/{self.path.name}:{number}"
        return LessonError("{place}: {problem}", place=place, problem=Message(problem, fields))


@dataclass(frozen=True)
class Texts:
    """A lesson in every language."""

    documents: Mapping[str, Document]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the steps, in order."""
        return tuple(self._first.sections)

    @property
    def title(self) -> Message:
        """Of the lesson."""
        return Prose.of({language: one.title for language, one in self.documents.items()})

    @property
    def introduction(self) -> Message:
        """Below the title."""
        return Prose.of({language: one.introduction for language, one in self.documents.items()})

    @property
    def _first(self) -> Document:
        return self.documents[LANGUAGES[0]]

    def titled(self, name: str) -> Message:
        """The title of a step."""
        return Prose.of({key: one.sections[name].title for key, one in self.documents.items()})

    def step(self, name: str, values: Values) -> Step:
        """The text of a step with its numbers and figures.

        Args:
            name: of the step.
            values: that it computed.

        Raises:
            LessonError: the text names something that the step did not compute, or a figure that it made is nowhere.
        """
        first = self._first.sections[name]
        blocks, reference, shown = list[Block](), "", set[str]()
        for place in range(len(first.parts)):
            parts = {key: one.sections[name].parts[place] for key, one in self.documents.items()}
            part = parts[LANGUAGES[0]]
            for language, one in parts.items():
                _check_known(self.documents[language], one, values)
            lines = {
                key: [line for line in one.lines if line.holds(values)]
                for key, one in parts.items()
            }
            if not _stands(part, lines[LANGUAGES[0]], values):
                continue
            words = {key: [line.text for line in some] for key, some in lines.items()}
            if part.kind == "source":
                reference = " ".join(words[LANGUAGES[0]])
            elif part.kind == "figure":
                shown.add(part.name)
                if values[part.name] is not None:
                    caption = _prose(words, values) if all(words.values()) else ""
                    blocks.append(replace(values[part.name], caption=caption))
            else:
                blocks.append(_block(part.kind, words, values))
        for key, value in values.items():
            if isinstance(value, FIGURES) and key not in shown:
                problem = N_("the step makes a figure “{name}” that its text does not place")
                raise self._first.wrong(first.number, problem, name=key)
        return Step(self.titled(name), blocks=tuple(blocks), reference=reference)


def _stands(part: Part, lines: Sequence[Line], values: Values) -> bool:
    """Whether a part has anything to show: a question without a right answer has not."""
    if part.kind == "predict":
        return part.lines[0] in lines and values[ANSWER] is not None
    return bool(lines) or part.kind == "figure"


def _check_known(document: Document, part: Part, values: Values) -> None:
    """Refuse what a step did not compute."""
    for line in part.lines:
        for name in sorted(replace(part, lines=(line,)).fields - values.keys()):
            problem = N_("the step computes no “{name}”")
            raise document.wrong(line.number, problem, name=name)
    number = part.lines[0].number
    if part.kind == "figure" and not isinstance(values.get(part.name, 0), Figure | None):
        raise document.wrong(number, N_("the step makes no figure “{name}”"), name=part.name)
    if part.kind == "predict":
        right, answers = values.get(ANSWER, -1), len(part.lines) - 1
        if right is not None and not (isinstance(right, int) and 0 <= right < answers):
            problem = N_("the step does not say which of the {count} answers is right")
            raise document.wrong(number, problem, count=answers)


def _block(kind: Kind, words: Mapping[str, list[str]], values: Values) -> Block:
    if kind == "formula":
        return Formula(" ".join(words[LANGUAGES[0]]))
    if kind == "mistake":
        return Mistake(_prose(words, values))
    if kind == "predict":
        count = len(words[LANGUAGES[0]])
        question, *answers = (
            _prose({key: [some[place]] for key, some in words.items()}, values)
            for place in range(count)
        )
        return Question(question, tuple(answers), values[ANSWER])
    return Paragraph(_prose(words, values))


def _prose(words: Mapping[str, Sequence[str]], values: Values) -> Message:
    """Sentences of every language, and the values that they name, each in its form."""
    fields = dict[str, Any]()

    def named(field: re.Match[str]) -> str:
        name, digits, form = field["name"], field["digits"], field["form"]
        value = values[name]
        if digits is None:
            fields[name] = Number(float(value)) if isinstance(value, float | np.floating) else value
            if isinstance(value, np.integer):
                fields[name] = int(value)
            return f"{{{name}}}"
        percent = form == "%"
        key = f"{name}_{digits}{'p' * percent}"
        fields[key] = Number(100 * value if percent else value, int(digits))
        return f"{{{key}}}" + "%" * percent

    return Prose.of({key: _FIELD.sub(named, " ".join(some)) for key, some in words.items()}, fields)


# -- reading ---------------------------------------------------------------------------------------


@cache
def texts(folder: Path) -> Texts:
    """The documents of a lesson's folder.

    Raises:
        LessonError: a document is not of the form above, or two of them do not fit together; file and line are named.
    """
    documents = {language: read(folder / f"text.{language}.md") for language in LANGUAGES}
    first = documents[LANGUAGES[0]]
    for document in documents.values():
        _check_alike(first, document)
    return Texts(documents)


def read(path: Path) -> Document:
    """A document.

    Raises:
        LessonError: it is not of the form that this module tells.
    """
    empty = Document(path, "", "", {})
    lines = path.read_text(encoding="utf-8").splitlines()
    title, introduction, sections = "", list[str](), dict[str, Section]()
    section: Section | None = None
    for number, block in _apart(lines):
        head = block[0]
        if head.startswith("## "):
            found = _STEP.fullmatch(head)
            if found is None or len(block) > 1:
                raise empty.wrong(
                    number, N_("a step's heading has the form “{form}”"), form="## Title {#name}"
                )
            if found["name"] in sections:
                raise empty.wrong(number, N_("there are two steps “{name}”"), name=found["name"])
            section = Section(found["name"], found["title"], (), number)
        elif head.startswith("# ") and not title:
            title = head[2:].strip()
            continue
        elif section is None:
            introduction.extend(line.strip() for line in block)
            continue
        else:
            part = _part(empty, number, block)
            if part.kind == "predict" and part.kind in (one.kind for one in section.parts):
                raise empty.wrong(number, N_("a step asks one question"))
            section = replace(section, parts=(*section.parts, part))
        sections[section.name] = section
    if not (title and introduction and sections):
        raise empty.wrong(1, N_("a lesson has a title, an introduction and steps"))
    return Document(path, title, " ".join(introduction), sections)


def _apart(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line, and the lines, of what stands between empty ones."""
    block = list[str]()
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append(line.strip())
        elif block:
            yield number - len(block), block
            block = []


def _part(document: Document, number: int, block: Sequence[str]) -> Part:
    kind: Kind = "text"
    mark = _MARK.match(block[0])
    name = ""
    if mark is not None:
        kind = _NAMED.get(mark["name"], "figure")
        name = mark["name"] if kind == "figure" else ""
    lines = list[Line]()
    for place, text in enumerate(block):
        if place == 0 and mark is not None:
            text = text[mark.end() :]
        condition = _CONDITION.match(text)
        if condition is not None:
            text = text[condition.end() :]
        lines.append(
            Line(text, "" if condition is None else condition["condition"], number + place)
        )
    if kind == "text" and lines[0].text.startswith("$$"):
        kind = "formula"
        lines = [_formula(document, line) for line in lines]
    if kind == "predict":
        lines = [lines[0], *(_answer(document, line) for line in lines[1:])]
        if len(lines) < 3:
            raise document.wrong(number, N_("a question has two answers or more"))
    for line in lines:
        if kind != "formula" and re.search(r"[{}]", _FIELD.sub("", line.text)):
            raise document.wrong(line.number, N_("a brace that belongs to no field or condition"))
    return Part(kind, name, tuple(line for line in lines if line.text or kind == "figure"))


def _formula(document: Document, line: Line) -> Line:
    if not (line.text.startswith("$$") and line.text.endswith("$$") and len(line.text) > 4):
        raise document.wrong(line.number, N_("a formula stands in a line of its own, between $$"))
    return replace(line, text=line.text[2:-2].strip())


def _answer(document: Document, line: Line) -> Line:
    mark = _ANSWER.match(line.text)
    if mark is None or line.condition:
        raise document.wrong(line.number, N_("an answer begins with a dash and has no condition"))
    return replace(line, text=line.text[mark.end() :])


def _check_alike(first: Document, other: Document) -> None:
    """Refuse two languages that do not have the same steps and parts."""
    file = first.path.name
    if list(first.sections) != list(other.sections):
        names = ", ".join(sorted(first.sections.keys() ^ other.sections.keys())) or "…"
        problem = N_("its steps are not those of {file}: {names}")
        raise other.wrong(1, problem, file=file, names=names)
    for one, two in zip(first.sections.values(), other.sections.values(), strict=True):
        if len(one.parts) != len(two.parts):
            raise other.wrong(two.number, N_("it has not as many parts as in {file}"), file=file)
        for part, same in zip(one.parts, two.parts, strict=True):
            if part.shape != same.shape:
                problem = N_(
                    "not the same figure, formula, answers, conditions or fields as in line {line} of {file}"
                )
                line = part.lines[0].number
                raise other.wrong(same.lines[0].number, problem, line=line, file=file)
