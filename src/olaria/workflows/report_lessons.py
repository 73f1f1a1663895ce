"""Lessons as a report carries them: of the run that fits, beside the others, with what their reader guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from olaria.errors import ConfigError, LessonError, MissingError, SourceError
from olaria.i18n import N_
from olaria.vocabulary import LessonName

if TYPE_CHECKING:
    from olaria.cards.context import LessonCard
    from olaria.lessons import Lesson
    from olaria.pages.lesson_page import LessonContext
    from olaria.runs import Run


def lesson_card(
    name: LessonName,
    runs: Sequence[Run],
    language: str,
    offline: bool,
    guesses: Sequence[int | None] = (),
) -> LessonCard:
    """A lesson of the first run that can carry it, beside the others, and what its reader guessed.

    Raises:
        LessonError: none can; the preset whose runs can is named.
        ConfigError: the guesses are not those of its questions.
    """
    from markupsafe import Markup

    from olaria.cards.context import LessonCard
    from olaria.lessons import LESSONS
    from olaria.pages.lesson_page import lesson_section, lesson_style
    from olaria.pages.page import plain_words
    from olaria.workflows.explain import ExplainRequest, computed

    title = plain_words(LESSONS[name].title, language)
    refused: LessonError | None = None
    for chosen in _choices(LESSONS[name], tuple(runs)):
        try:
            request = ExplainRequest(lesson=name, runs=chosen, static=True)
            found = computed(request, name, language, offline=offline, leaves_out=True)
        except (
            MissingError,
            SourceError,
        ) as error:  # the rest of the report is written all the same
            note = Markup('<p class="note">{}</p>').format(error.message.text(language))
            return LessonCard(title, note)
        except LessonError as error:
            refused = refused or error
        else:
            context = _with_guesses(found.context, guesses)
            return LessonCard(title, lesson_section(context, language, level=4), lesson_style())
    assert refused is not None
    raise refused


def _choices(lesson: Lesson, runs: tuple[Run, ...]) -> list[tuple[Run, ...]]:
    """The runs that a lesson may be of, the likeliest first: each that fits beside all others, then alone."""
    fitting = [run for run in runs if run.family in lesson.families]
    if not fitting:
        return [runs if lesson.needs_run else ()]
    beside = [(run, *(other for other in runs if other is not run)) for run in fitting]
    return beside + [(run,) for run in fitting]


def _with_guesses(context: LessonContext, guesses: Sequence[int | None]) -> LessonContext:
    """A lesson with its reader's guesses, which are one for each question."""
    counts = [len(question.answers) for question in context.questions]
    fits = len(guesses) == len(counts) and all(
        guess is None or guess < count for guess, count in zip(guesses, counts, strict=True)
    )
    if guesses and not fits:
        raise ConfigError(
            N_(
                "the guesses of {name} do not fit: its questions have {counts} answers, in this order; "
                "give a letter, or {none}, for each question"
            ),
            name=context.name,
            counts=", ".join(map(str, counts)),
            none="-",
        )
    return replace(context, guesses=guesses)
