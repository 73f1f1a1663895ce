"""The theory's documents as what a template lays out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from olaria.cards.context import RunCard
from olaria.i18n import N_
from olaria.lessons.parts import CITE, Line, Part, Values, prose
from olaria.pages import theory
from olaria.pages.formulas import FORMULAS, mathml
from olaria.pages.page import rich_text, rich_words
from olaria.pages.pictures import Picture
from olaria.pages.theory import values


@dataclass(frozen=True)
class Block:
    """What a template lays out.

    Args:
        kind: what it is.
        words: of a heading or a paragraph; what formulas are; the caption of a figure.
        formulas: each on a line of its own.
        picture: of a figure.
    """

    kind: Literal["heading", "text", "formula", "figure"]
    words: Markup
    formulas: tuple[Markup, ...] = ()
    picture: Picture | None = None


class Theory:
    """What the documents say in one report.

    Args:
        language: of the words.
        cite: makes the call of works of some keys, numbered in the order of these calls.
        figures: draws those of :data:`olaria.pages.theory.FIGURES` for some runs; None where there is nothing to draw.
        folder: of the documents.
    """

    def __init__(
        self,
        language: str,
        cite: Callable[..., Markup],
        figures: Mapping[str, Callable[[Sequence[RunCard]], Picture | None]],
        folder: Path = theory.FOLDER,
    ) -> None:
        self._language, self._cite, self._figures = language, cite, figures
        self._folder = folder

    def title(self, section: str) -> Markup | None:
        """Of a section; None where no document tells of it."""
        document = theory.document(section, self._language, self._folder)
        return None if document is None else rich_text(document.title, "en")

    def opening(self, section: str, runs: Sequence[RunCard]) -> list[Block]:
        """What stands above the runs of a section."""
        return self._told(section, theory.OPENING, runs, values.of_section(runs))

    def of_run(self, section: str, run: RunCard) -> list[Block]:
        """What stands at a run."""
        return self._told(section, theory.RUN, [run], values.of_run(run))

    def after(self, section: str, runs: Sequence[RunCard]) -> list[Block]:
        """What stands below the runs of a section, with its heading where it has one and something to say."""
        return self._told(section, theory.AFTER, runs, values.of_section(runs))

    def _told(
        self, section: str, place: str, runs: Sequence[RunCard], known: Values
    ) -> list[Block]:
        document = theory.document(section, self._language, self._folder)
        text = None if document is None else document.texts.get(place)
        if document is None or text is None:
            return []
        known = {**known, CITE: self._cite}
        for part in text.parts:
            for line in part.lines:
                for name in sorted(part.fields_of(line) - known.keys()):
                    raise document.wrong(line.number, N_("there is no value “{name}”"), name=name)
        found = [block for part in text.parts for block in self._blocks(part, runs, known)]
        if not (text.title and found):
            return found
        return [Block("heading", rich_text(text.title, "en")), *found]

    def _blocks(self, part: Part, runs: Sequence[RunCard], known: Values) -> Iterator[Block]:
        """A part, where something of it stands."""
        lines = [line for line in part.lines if line.holds(known)]
        if not lines:
            return
        if part.kind == "formula":
            label = rich_text(N_("formula"), self._language)
            yield Block("formula", label, tuple(mathml(line.text) for line in lines))
        elif part.kind == "formulas":
            formulas = (mathml(latex) for name in part.name.split() for latex in FORMULAS[name])
            yield Block("formula", self._words(lines, known), tuple(formulas))
        elif part.kind == "figure":
            picture = self._figures[part.name](runs)
            if picture is not None:
                yield Block("figure", self._words(lines, known), picture=picture)
        else:
            yield Block("text", self._words(lines, known))

    def _words(self, lines: Sequence[Line], known: Values) -> Markup:
        sentence = prose({self._language: [line.text for line in lines]}, known)
        return rich_words(sentence, self._language)
