"""What documents are made of: parts between empty lines, with marks, conditions, fields and citations.

Lessons (:mod:`olaria.lessons.document`) and the report's sections (:mod:`olaria.pages.theory`) share this form; what a
mark means and where a value comes from is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from olaria.errors import DocumentError
from olaria.i18n import N_, Message, Prose
from olaria.numbers import Number

Values = Mapping[str, Any]
"""What a text is given: numbers, words, conditions and figures, by name."""
Kind = Literal["text", "formula", "formulas", "predict", "guess", "figure", "mistake", "source"]
ASKING = ("predict", "guess")
"""Kinds that are a question and its answers."""
CITE = "cite"
"""Name of the value that makes the call of some works of their keys."""

_CONDITION = re.compile(r"\{if (?P<condition>(?:not )?\w+)\}\s*")
_MARK = re.compile(r"\[(?P<name>\w+)(?P<more>(?: [\w-]+)*)\]\s*")
_CITATION = re.compile(r"\{cite(?P<keys>(?: \w+)+)\}")
_FIELD = re.compile(r"\{(?P<name>\w+)(?::\.(?P<digits>\d)(?P<form>[f%]))?\}")
_ANSWER = re.compile(r"-\s+")


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

    @property
    def citations(self) -> list[str]:
        """Keys of the works that it cites, those of one call together."""
        return [match["keys"].strip() for match in _CITATION.finditer(self.text)]

    @property
    def fields(self) -> set[str]:
        """Names of the values that it needs."""
        found = {match["name"] for match in _FIELD.finditer(self.text)}
        found |= {self.condition.split()[-1]} if self.condition else set()
        return found | ({CITE} if self.citations else set())


@dataclass(frozen=True)
class Part:
    """What stands between two empty lines.

    Args:
        kind: what it is.
        name: of a figure; of formulas that are written elsewhere, with spaces.
        lines: in order.
    """

    kind: Kind
    name: str
    lines: tuple[Line, ...]

    def fields_of(self, line: Line) -> set[str]:
        """Names of the values that a line of it needs; a formula's braces are LaTeX."""
        return replace(line, text="").fields if self.kind == "formula" else line.fields

    @property
    def fields(self) -> set[str]:
        """Names of the values that it needs."""
        return set[str]().union(*(self.fields_of(line) for line in self.lines))

    @property
    def shape(self) -> tuple[Any, ...]:
        """What is the same in every language."""
        formulas = tuple(line.text for line in self.lines) if self.kind == "formula" else ()
        conditions = sorted({line.condition for line in self.lines})
        answers = len(self.lines) if self.kind in ASKING else 0
        cited = sorted(keys for line in self.lines for keys in line.citations)
        return self.kind, self.name, conditions, sorted(self.fields), formulas, answers, cited


@dataclass(frozen=True)
class Place:
    """Where a document is.

    Args:
        path: of its file.
    """

    path: Path

    def wrong(self, number: int, problem: str, **fields: Any) -> DocumentError:
        """What is wrong at a line."""
        place = f"{self.path.parent.name}/{self.path.name}:{number}"
        return DocumentError("{place}: {problem}", place=place, problem=Message(problem, fields))


def prose(words: Mapping[str, Sequence[str]], values: Values) -> Message:
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

    def called(citation: re.Match[str]) -> str:
        keys = citation["keys"].split()
        key = "_".join((CITE, *keys))
        fields[key] = values[CITE](*keys)
        return f"{{{key}}}"

    forms = {
        language: _CITATION.sub(called, _FIELD.sub(named, " ".join(some)))
        for language, some in words.items()
    }
    return Prose(next(iter(forms.values())), fields, forms=forms)


# -- reading ---------------------------------------------------------------------------------------


def apart(text: str) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line, and the lines, of what stands between empty ones."""
    block = list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            block.append(line.strip())
        elif block:
            yield number - len(block), block
            block = []


def part_of(place: Place, number: int, block: Sequence[str], marks: Mapping[str, Kind]) -> Part:
    """A part.

    Args:
        place: of its document.
        number: of its first line.
        block: its lines.
        marks: what the document's own marks mean; every other one is the name of a figure.

    Raises:
        DocumentError: it is not of the form.
    """
    kind: Kind = "text"
    name = ""
    mark = _MARK.match(block[0])
    if mark is not None:
        kind = marks.get(mark["name"], "figure")
        names = mark["more"].split()
        if (kind == "formulas") is not bool(names):
            form = "[formula name]" if kind == "formulas" else f"[{mark['name']}]"
            raise place.wrong(number, N_("a mark has the form “{form}”"), form=form)
        name = " ".join(names) if names else mark["name"] if kind == "figure" else ""
    lines = list[Line]()
    for later, text in enumerate(block):
        if later == 0 and mark is not None:
            text = text[mark.end() :]
        condition = _CONDITION.match(text)
        if condition is not None:
            text = text[condition.end() :]
        lines.append(Line(text, condition["condition"] if condition else "", number + later))
    if kind == "text" and lines[0].text.startswith("$$"):
        kind = "formula"
        lines = [_formula(place, line) for line in lines]
    if kind in ASKING:
        lines = [lines[0], *(_answer(place, line) for line in lines[1:])]
        if len(lines) < 3:
            raise place.wrong(number, N_("a question has two answers or more"))
    for line in lines:
        rest = _FIELD.sub("", _CITATION.sub("", line.text))
        if kind != "formula" and re.search(r"[{}]", rest):
            problem = N_("a brace that belongs to no field or condition")
            raise place.wrong(line.number, problem)
    return Part(kind, name, tuple(line for line in lines if line.text or kind == "figure"))


def _formula(place: Place, line: Line) -> Line:
    if not (line.text.startswith("$$") and line.text.endswith("$$") and len(line.text) > 4):
        raise place.wrong(line.number, N_("a formula stands in a line of its own, between $$"))
    return replace(line, text=line.text[2:-2].strip())


def _answer(place: Place, line: Line) -> Line:
    mark = _ANSWER.match(line.text)
    if mark is None or line.condition:
        raise place.wrong(line.number, N_("an answer begins with a dash and has no condition"))
    return replace(line, text=line.text[mark.end() :])


def check_alike(
    file: str, parts: Sequence[Part], others: Sequence[Part], place: Place, number: int
) -> None:
    """Refuse the parts of a section that are not those of another language.

    Args:
        file: name of the other language's document.
        parts: of that.
        others: what is checked.
        place: of its document.
        number: of its section's line.

    Raises:
        DocumentError: they are not as many, or one has not the same shape.
    """
    if len(parts) != len(others):
        raise place.wrong(number, N_("it has not as many parts as in {file}"), file=file)
    for part, same in zip(parts, others, strict=True):
        if part.shape != same.shape:
            problem = N_(
                "not the same figure, formula, answers, conditions or fields as in line {line} of {file}"
            )
            line = part.lines[0].number
            raise place.wrong(same.lines[0].number, problem, line=line, file=file)
