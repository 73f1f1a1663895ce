"""A lesson as one self-contained HTML document: it opens anywhere, loads nothing, and its interactive parts are plain
script inside the file.

In a report the same steps are laid out without script: of each choice the figures made for paper.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from markupsafe import Markup

from olaria import __version__
from olaria.i18n import N_, Message, format_number, translate
from olaria.lessons.base import Check, Step
from olaria.pages import moving
from olaria.pages.formulas import mathml
from olaria.pages.labels import without_folders
from olaria.pages.page import environment, rich_text, rich_words, sound
from olaria.pages.steps import View, Views

HTML_LANGUAGES = {"en": "en", "pt": "pt-BR"}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_KEPT = N_("{kept} of {all} tokens may come; entropy {entropy} nats")


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
    """

    title: Message
    introduction: Message
    steps: Sequence[Step]
    runs: Sequence[tuple[str, Message]] = ()
    command: str = ""
    name: str = ""

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
    checks = lesson.checks
    page = template.render(
        {
            **_words(language, static=False),
            "prefix": "",
            "html_language": HTML_LANGUAGES[language],
            "version": __version__,
            "title": rich_words(lesson.title, language),
            "introduction": rich_words(lesson.introduction, language),
            "runs": [(without_folders(n), rich_words(f, language)) for n, f in lesson.runs],
            "views": step_views(lesson.steps, language),
            "count": sum(check.count for check in checks),
            "checks": len(checks),
            "broken": sum(not check.holds for check in checks),
            "largest": difference(max((c.difference for c in checks), default=0.0), language),
            "command": without_folders(lesson.command),
            "kept_words": translate(_KEPT, language),
            "moving": {
                "reach": moving.REACH,
                "points": moving.POINTS,
                "upper": moving.UPPER,
                "lower": moving.LOWER,
                "upper_ticks": moving.UPPER_TICKS,
                "lower_ticks": moving.LOWER_TICKS,
            },
        }
    )
    return sound(page)


def lesson_section(lesson: LessonContext, language: str = "en", level: int = 3) -> Markup:
    """The steps for a report: no script, no source code, headings of ``level``."""
    template = environment().get_template("_steps.html.j2")
    words = {**_words(language, static=True), "prefix": f"{lesson.name}-" if lesson.name else ""}
    module: Any = template.make_module(words)
    return Markup(module.all(step_views(lesson.steps, language), level))


def lesson_style() -> Markup:
    """What :func:`lesson_section` needs besides a report's own style."""
    return Markup(environment().get_template("_lesson.css.j2").render())


def step_views(steps: Sequence[Step], language: str) -> list[View]:
    """What the template lays out of each step."""
    views = Views(language)
    return [
        {
            "title": rich_words(step.title, language),
            "text": rich_words(step.text, language),
            "notes": [rich_words(note, language) for note in step.notes],
            "formula": mathml(step.formula) if step.formula else "",
            "figures": [views.of(figure) for figure in step.figures],
            "checks": [
                {
                    "text": rich_words(check.text, language),
                    "holds": check.holds,
                    "count": check.count,
                    "difference": difference(check.difference, language),
                }
                for check in step.checks
            ],
            "sources": [source_of(function) for function in step.source],
            "reference": step.cited(language),
        }
        for step in steps
    ]


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
    """A small number as a power of ten.

    >>> difference(2.5e-7, "pt"), difference(0.0, "en")
    ('2,5·10⁻⁷', '0')
    """
    if not 0 < value < float("inf"):
        return "0" if value == 0 else "∞"
    digits, exponent = f"{value:.1e}".split("e")
    power = str(int(exponent)).translate(_SUPERSCRIPTS)
    return f"{format_number(float(digits), language, 1)}·10{power}"


def _words(language: str, *, static: bool) -> dict[str, Any]:
    identifier = count(1)
    return {
        "_": lambda text, **fields: rich_text(text, language, **fields),
        "num": lambda value: format_number(value, language, 0),
        "next_id": lambda: f"c{next(identifier)}",
        "static": static,
    }
