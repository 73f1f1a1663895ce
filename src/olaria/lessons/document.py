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

    [guess] A question about the live part that follows, which shows once it is answered?
    - one answer
    - another; the part itself tells which one is right

    [name_of_a_figure] Its caption.

    [mistake] What is often believed, and why it is wrong.

    [source] Hinton & Salakhutdinov 2006

An empty line ends a part. ``*words*`` are emphasised, ``$z$`` is a sign, ```code``` is code. A field is written in the
reader's notation: ``{error}`` with four significant digits, ``{error:.2f}`` with two decimals, ``{share:.1%}`` as a
percentage; a whole number with separators. Both languages have the same steps, parts, conditions and fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from pathlib import Path

from olaria.i18n import LANGUAGES, N_, Message, Prose
from olaria.lessons.base import Block, Formula, Mistake, Paragraph, Question, Step
from olaria.lessons.figures import FIGURES, Figure, Guess, Live
from olaria.lessons.parts import (
    ASKING,
    Kind,
    Part,
    Place,
    Values,
    apart,
    check_alike,
    part_of,
    prose,
)

_STEP = re.compile(r"##\s+(?P<title>.+?)\s*\{#(?P<name>\w+)\}$")
ANSWER = "answer"
"""Name of the value that says which answer of a question is right, counted from 0."""
_MARKS: dict[str, Kind] = {
    "predict": "predict",
    "guess": "guess",
    "mistake": "mistake",
    "source": "source",
}


@dataclass(frozen=True)
class Section:
    """The text of one step; ``number`` is its line."""

    name: str
    title: str
    parts: tuple[Part, ...]
    number: int


@dataclass(frozen=True)
class Document(Place):
    """A lesson in one language: its file, and the sections of its steps in order, by name."""

    title: str
    introduction: str
    sections: Mapping[str, Section]


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
        """The text of a step with the numbers and figures that it computed.

        Raises:
            DocumentError: the text names something that the step did not compute, or a figure that it made is nowhere.
        """
        first = self._first.sections[name]
        blocks, reference, shown = list[Block](), "", set[str]()
        guess: Guess | None = None
        for place, part in enumerate(first.parts):
            words = dict[str, list[str]]()
            for language, document in self.documents.items():
                own = document.sections[name].parts[place]
                _check_known(document, own, values)
                words[language] = [line.text for line in own.lines if line.holds(values)]
            told = words[LANGUAGES[0]]
            if part.kind == "figure":
                shown.add(part.name)
                figure = values[part.name]
                if figure is not None:
                    caption = prose(words, values) if all(words.values()) else ""
                    figure = replace(figure, caption=caption)
                    if isinstance(figure, Live):
                        figure = replace(figure, guess=guess)
                    blocks.append(figure)
                guess = None
            elif part.kind == "source":
                reference = " ".join(told) or reference
            elif part.kind in ASKING:
                if not part.lines[0].holds(values):
                    continue
                question, *answers = (
                    prose({key: [some[line]] for key, some in words.items()}, values)
                    for line in range(len(told))
                )
                if part.kind == "guess":
                    guess = Guess(question, tuple(answers))
                elif values[ANSWER] is not None:
                    blocks.append(Question(question, tuple(answers), values[ANSWER]))
            elif part.kind == "formula" and told:
                blocks.append(Formula(" ".join(told)))
            elif told:
                kind = Mistake if part.kind == "mistake" else Paragraph
                blocks.append(kind(prose(words, values)))
        for key, value in values.items():
            if isinstance(value, FIGURES) and key not in shown:
                problem = N_("the step makes a figure “{name}” that its text does not place")
                raise self._first.wrong(first.number, problem, name=key)
        return Step(self.titled(name), tuple(blocks), reference=reference)


def _check_known(document: Document, part: Part, values: Values) -> None:
    """Refuse what a step did not compute."""
    for line in part.lines:
        for name in sorted(part.fields_of(line) - values.keys()):
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


# -- reading ---------------------------------------------------------------------------------------


@cache
def texts(folder: Path) -> Texts:
    """The documents of a lesson's folder.

    Raises:
        DocumentError: a document is not of the form above, or two of them do not fit together; file and line are named.
    """
    documents = {language: read(folder / f"text.{language}.md") for language in LANGUAGES}
    first = documents[LANGUAGES[0]]
    for document in documents.values():
        _check_alike(first, document)
        _check_guesses(document)
    return Texts(documents)


def read(path: Path) -> Document:
    """A document.

    Raises:
        DocumentError: it is not of the form that this module tells.
    """
    place = Place(path)
    title, introduction, sections = "", list[str](), dict[str, Section]()
    section: Section | None = None
    for number, block in apart(path.read_text(encoding="utf-8")):
        head = block[0]
        if head.startswith("## "):
            found = _STEP.fullmatch(head)
            if found is None or len(block) > 1:
                raise place.wrong(
                    number, N_("a step's heading has the form “{form}”"), form="## Title {#name}"
                )
            if found["name"] in sections:
                raise place.wrong(number, N_("there are two steps “{name}”"), name=found["name"])
            section = Section(found["name"], found["title"], (), number)
        elif head.startswith("# ") and not title:
            title = head[2:].strip()
            continue
        elif section is None:
            introduction.extend(line.strip() for line in block)
            continue
        else:
            part = part_of(place, number, block, _MARKS)
            if part.kind == "predict" and part.kind in (one.kind for one in section.parts):
                raise place.wrong(number, N_("a step asks one question"))
            section = replace(section, parts=(*section.parts, part))
        sections[section.name] = section
    if not (title and introduction and sections):
        raise place.wrong(1, N_("a lesson has a title, an introduction and steps"))
    return Document(path, title, " ".join(introduction), sections)


def _check_guesses(document: Document) -> None:
    """Refuse a guess that no figure follows."""
    for section in document.sections.values():
        for part, after in zip_longest(section.parts, section.parts[1:]):
            if part.kind == "guess" and (after is None or after.kind != "figure"):
                problem = N_("a guess stands before the figure that it is about")
                raise document.wrong(part.lines[0].number, problem)


def _check_alike(first: Document, other: Document) -> None:
    """Refuse two languages that do not have the same steps and parts."""
    file = first.path.name
    if list(first.sections) != list(other.sections):
        names = ", ".join(sorted(first.sections.keys() ^ other.sections.keys())) or "…"
        problem = N_("its steps are not those of {file}: {names}")
        raise other.wrong(1, problem, file=file, names=names)
    for one, two in zip(first.sections.values(), other.sections.values(), strict=True):
        check_alike(file, one.parts, two.parts, other, two.number)
