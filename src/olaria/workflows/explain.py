"""A lesson computed from the user's own runs, as a page to look at or as steps to compute with."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from olaria.errors import UsageError, suggestion
from olaria.families import MODELS
from olaria.i18n import N_, Message, detect_language
from olaria.lessons import LESSONS, Asked, Check, Step
from olaria.pages.lesson_page import LessonContext, lesson_page
from olaria.runs import Run
from olaria.storage.files import write_text

_FRAME_HEIGHT = 720
"""Of a page in a notebook, in pixels."""


@dataclass(frozen=True)
class Explained:
    """A computed lesson.

    In a notebook it shows itself; ``steps`` holds every number, ``steps[2].arrays["weights"]``.

    Args:
        lesson: its id.
        context: what its page shows.
        language: in which it shows itself.
    """

    lesson: str
    context: LessonContext
    language: str

    @property
    def steps(self) -> Sequence[Step]:
        """In order."""
        return self.context.steps

    @property
    def checks(self) -> list[Check]:
        """Of all steps."""
        return self.context.checks

    @property
    def holds(self) -> bool:
        """Whether every check does."""
        return all(check.holds for check in self.checks)

    def html(self, language: str | None = None) -> str:
        """The page, one self-contained document."""
        return lesson_page(self.context, language or self.language)

    def save(self, path: str | Path) -> Path:
        """Write the page; what was there is replaced."""
        write_text(Path(path), self.html())
        return Path(path)

    def __repr__(self) -> str:
        numbers = sum(check.count for check in self.checks)
        return f"<lesson {self.lesson}: {len(self.steps)} steps, {numbers} numbers checked>"

    def _repr_html_(self) -> str:
        """For notebooks: the page in a frame of its own, which its styles and its script do not leave."""
        return (
            f'<iframe srcdoc="{escape(self.html())}" sandbox="allow-scripts" title="{escape(self.lesson)}" '
            f'style="width:100%;height:{_FRAME_HEIGHT}px;border:0"></iframe>'
        )


def explain(
    lesson: str,
    runs: Sequence[str | Path | Run] = (),
    *,
    prompt: str | None = None,
    seed: int = 0,
    language: str | None = None,
    offline: bool = False,
) -> Explained:
    """Compute a lesson.

    Args:
        lesson: an id of :data:`olaria.lessons.LESSONS`.
        runs: the run that it opens up, then those that it is set beside.
        prompt: the user's sentence, for lessons that read one.
        seed: of all that is drawn.
        language: in which it shows itself; the user's own unless given.
        offline: open no connection.

    Raises:
        UsageError: there is no such lesson, or it reads no sentence.
        LessonError: a run cannot carry it; the preset whose runs can is named.
    """
    if lesson not in LESSONS:
        raise UsageError(
            N_("there is no lesson {name}: {hint}"), name=lesson, hint=suggestion(lesson, LESSONS)
        )
    entry = LESSONS[lesson]
    if prompt is not None and not entry.takes_prompt:
        raise UsageError(N_("the lesson {name} reads no sentence: leave --prompt out"), name=lesson)
    opened = tuple(run if isinstance(run, Run) else Run(run) for run in runs)
    steps = entry(Asked(opened, prompt, seed, offline))
    context = LessonContext(
        entry.title,
        entry.introduction,
        steps,
        [(run.name, _facts(run)) for run in opened],
        _command(lesson, opened, prompt, seed),
        lesson,
    )
    return Explained(lesson, context, language or detect_language())


def _facts(run: Run) -> Message:
    """What a run is, in one line."""
    fields = {
        "family": Message(MODELS[run.family].title),
        "data": Path(run.recipe.data.name).name,
        "steps": run.checkpoint()[0],
        "count": run.result.get("num_parameters", "–"),
    }
    return Message(N_("{family} on {data}, after {steps} steps, {count} parameters"), fields)


def _command(lesson: str, runs: Sequence[Run], prompt: str | None, seed: int) -> str:
    words = ["olaria", "explain", lesson, *(run.name for run in runs)]
    if prompt is not None:
        words += ["--prompt", prompt]
    if seed:
        words += ["--seed", str(seed)]
    return shlex.join(words)
