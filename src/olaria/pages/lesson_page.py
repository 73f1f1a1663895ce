"""A lesson as one self-contained HTML document: it opens anywhere and loads nothing. What moves in it are modules of
``pages/play`` inside the file (:mod:`olaria.pages.link`), and no other script runs.

In a report the same steps are laid out without script: of each choice the figures made for paper.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from markupsafe import Markup

from olaria import __version__
from olaria.i18n import N_, Message, translate
from olaria.lessons.base import Block, Check, Formula, Mistake, Paragraph, Question, Step
from olaria.numbers import format_number, format_scientific
from olaria.pages import moving
from olaria.pages.formulas import mathml
from olaria.pages.labels import without_folders
from olaria.pages.link import linked
from olaria.pages.live import COLOURS, data_block, documents, live_words, main_module
from olaria.pages.page import environment, rich_text, rich_words, sound, whole_words
from olaria.pages.steps import View, Views

HTML_LANGUAGES = {"en": "en", "pt": "pt-BR"}
_KEPT = N_("{kept} of {all} tokens may come; entropy {entropy} nats")
_RIGHT = N_("Guess: “{guess}”, which is right.")
_WRONG = N_("Guess: “{guess}”. The right answer is “{right}”.")
_NO_GUESS = N_("No guess. The right answer is “{right}”.")


@dataclass(frozen=True)
class LessonContext:
    """A lesson, computed.

    Args:
        title: of the lesson.
        introduction: one or two sentences.
        steps: in order.
        runs: name of each run that was opened up, and what it is.
        command: what makes the page again; may be empty.
        name: its id; the anchors of its steps begin with it where a page holds several lessons.
        guesses: places of the answers that its reader guessed, one for each question, None for no guess; where there
            are some, a report shows them.
        play: models that run in the page, by the names of their runs, as :mod:`olaria.export.play` gives them.
    """

    title: Message
    introduction: Message
    steps: Sequence[Step]
    runs: Sequence[tuple[str, Message]] = ()
    command: str = ""
    name: str = ""
    guesses: Sequence[int | None] = ()
    play: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def questions(self) -> list[Question]:
        """Of all steps."""
        blocks = (block for step in self.steps for block in step.blocks)
        return [block for block in blocks if isinstance(block, Question)]

    @property
    def checks(self) -> list[Check]:
        """Of all steps."""
        return [check for step in self.steps for check in step.checks]


def lesson_page(lesson: LessonContext, language: str = "en") -> str:
    """The whole document.

    Args:
        lesson: its computed steps.
        language: ``en`` or ``pt``.
    """
    template = environment().get_template("lesson.html.j2")
    checks, figures = lesson.checks, Views(language, lesson.play)
    views = step_views(lesson.steps, figures)
    words = {
        "kept": translate(_KEPT, language),
        "moving": moving.FRAME,
        "colours": COLOURS,
        "live": live_words(figures.parts, language),
    }
    page = template.render(
        {
            **_words(language, static=False),
            "prefix": "",
            "html_language": HTML_LANGUAGES[language],
            "version": __version__,
            "title": rich_words(lesson.title, language),
            "introduction": rich_words(lesson.introduction, language),
            "runs": [(without_folders(n), rich_words(f, language)) for n, f in lesson.runs],
            "views": views,
            "count": sum(check.count for check in checks),
            "checks": len(checks),
            "broken": sum(not check.holds for check in checks),
            "largest": difference(max((c.difference for c in checks), default=0.0), language),
            "command": whole_words(without_folders(lesson.command)),
            "name": lesson.name,
            "script": linked(main_module(figures.parts)),
            "words": data_block(words),
            "play": documents(lesson.play.items()) if figures.parts else [],
        }
    )
    return sound(page)


def lesson_section(lesson: LessonContext, language: str = "en", level: int = 3) -> Markup:
    """The steps for a report: no script, no source code, headings of ``level``."""
    template = environment().get_template("_steps.html.j2")
    words = {**_words(language, static=True), "prefix": f"{lesson.name}-" if lesson.name else ""}
    module: Any = template.make_module(words)
    views = step_views(lesson.steps, Views(language), lesson.guesses)
    return Markup(module.all(views, level))


def lesson_style() -> Markup:
    """What :func:`lesson_section` needs besides a report's own style."""
    return Markup(environment().get_template("_lesson.css.j2").render())


def step_views(
    steps: Sequence[Step], views: Views, guesses: Sequence[int | None] = ()
) -> list[View]:
    """What the template lays out of each step.

    Args:
        steps: in order.
        views: of their figures.
        guesses: see :class:`LessonContext`.
    """
    language = views.language
    said = _Guesses(guesses, language)
    return [
        {
            "title": rich_words(step.title, language),
            "notes": [rich_words(note, language) for note in step.notes],
            "blocks": [_block_view(block, views, said, language) for block in step.blocks],
            "asks": any(isinstance(block, Question) for block in step.blocks),
            "checks": _check_views(step.checks, language),
            "sources": [source_of(function) for function in step.source],
            "reference": step.cited(language),
        }
        for step in steps
    ]


class _Guesses:
    """What is said of each guess, question by question.

    Args:
        guesses: see :class:`LessonContext`; where there are none, nothing is said.
        language: of the words.
    """

    def __init__(self, guesses: Sequence[int | None], language: str) -> None:
        self._language = language
        self._next: Iterator[int | None] | None = iter(guesses) if guesses else None

    def of(self, question: Question) -> Markup:
        """The guess at the next question, and its right answer."""
        if self._next is None:
            return Markup("")
        guess = next(self._next)
        right = rich_words(question.answers[question.right], self._language)
        if guess is None:
            return rich_text(_NO_GUESS, self._language, right=right)
        text = _RIGHT if guess == question.right else _WRONG
        guessed = rich_words(question.answers[guess], self._language)
        return rich_text(text, self._language, guess=guessed, right=right)


def _block_view(block: Block, views: Views, said: _Guesses, language: str) -> View:
    """What the template lays out of a block; ``block`` says which macro does."""
    match block:
        case Paragraph():
            return {"block": "paragraph", "text": rich_words(block.text, language)}
        case Formula():
            return {"block": "formula", "formula": mathml(block.latex)}
        case Mistake():
            return {"block": "mistake", "text": rich_words(block.text, language)}
        case Question():
            return {
                "block": "question",
                "text": rich_words(block.text, language),
                "answers": [rich_words(answer, language) for answer in block.answers],
                "right": block.right,
                "guess": said.of(block),
            }
        case _:
            return {"block": "figure", "figure": views.of(block)}


def _check_views(checks: Sequence[Check], language: str) -> list[View]:
    """Every check; those by the model's twin in one line, but for what does not hold."""
    twins = [check for check in checks if check.is_twin and check.holds]
    lines = list[View]()
    if twins:
        text = N_("Computed again in NumPy, in float64: {names}")
        names = Markup(", ").join(_code(check) for check in twins)
        largest = max(check.difference for check in twins)
        count = sum(check.count for check in twins)
        lines.append(
            _check_view(rich_text(text, language, names=names), True, count, largest, language)
        )
    for check in checks:
        if check not in twins:
            text = _code(check) if check.is_twin else rich_words(check.text, language)
            lines.append(_check_view(text, check.holds, check.count, check.difference, language))
    return lines


def _check_view(text: Markup, holds: bool, count: int, apart: float, language: str) -> View:
    return {"text": text, "holds": holds, "count": count, "difference": difference(apart, language)}


def _code(check: Check) -> Markup:
    """The name of what a twin computed again."""
    return Markup("<code>{}</code>").format(check.text.text())


def source_of(function: Callable[..., Any]) -> tuple[str, str]:
    """Full name of a function of ours, and its code as it stands; empty where the sources are not at hand.

    >>> source_of(difference)[0]
    'olaria.pages.lesson_page.difference'
    """
    name = f"{function.__module__}.{function.__qualname__}"
    try:
        code = textwrap.dedent(inspect.getsource(function)).rstrip()
    except OSError:
        code = ""
    return name, code


def difference(value: float, language: str) -> str:
    """How far two ways to compute are apart, by a power of ten; what is no number is no agreement.

    >>> difference(2.5e-7, "pt"), difference(0.0, "en"), difference(float("nan"), "en")
    ('2,5·10⁻⁷', '0', '∞')
    """
    if not 0 <= value < float("inf"):
        return "∞"
    return format_scientific(value, language, 1)


def _words(language: str, *, static: bool) -> dict[str, Any]:
    identifier = count(1)
    return {
        "_": lambda text, **fields: rich_text(text, language, **fields),
        "num": lambda value: format_number(value, language, 0),
        "next_id": lambda: f"c{next(identifier)}",
        "static": static,
    }
