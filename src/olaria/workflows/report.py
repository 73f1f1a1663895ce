"""Write runs up as one file, to read or to hand in."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from olaria.cards.comparison import side_by_side
from olaria.cards.context import LessonCard, ReportContext
from olaria.cards.run_card import run_card
from olaria.cards.settings import ReportSettings, read_settings
from olaria.errors import UsageError, suggestion
from olaria.i18n import N_, Message
from olaria.lessons import LESSONS
from olaria.pages.lesson_page import lesson_section, lesson_style
from olaria.pages.markdown import to_markdown
from olaria.pages.page import plain_words
from olaria.pages.pdf import to_pdf
from olaria.pages.report import build_report
from olaria.runs import Run
from olaria.storage.files import refuse_overwriting, write_bytes, write_text
from olaria.storage.folder import REPORT
from olaria.workflows.explain import explain

Format = Literal["html", "pdf", "md"]
_ENDINGS: dict[str, Format] = {
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".md": "md",
    ".markdown": "md",
}


def report(
    runs: Sequence[str | Path | Run],
    *,
    language: str | None = None,
    out: str | Path | None = None,
    format: Format | None = None,
    settings: str | Path | ReportSettings | None = None,
    lessons: Sequence[str] = (),
    title: str = "",
    authors: str = "",
    course: str = "",
    command: str = "",
    notes: Sequence[Message] = (),
    overwrite: bool = False,
    offline: bool = False,
) -> Path:
    """Write the report of ``runs``.

    Args:
        runs: in the order in which they appear.
        language: ``en`` or ``pt``; what the settings say unless given, else English.
        out: the file; ``report.html`` (``.pdf``, ``.md``) in the first run's folder unless given.
        format: ``html``, ``pdf`` or ``md``; by the ending of ``out`` unless given, else ``html``.
        settings: a ``report.toml``, or what one says; what is given beside it comes first.
        lessons: ids of the lessons whose figures it carries.
        title, authors, course: for its head; may be empty.
        command: what made all of the runs; may be empty.
        notes: what its reader must know.
        overwrite: replace what is at ``out``; in a run's folder the report is replaced in any case.
        offline: open no connection.

    Returns:
        The file's path; a Markdown file's pictures lie beside it.

    Raises:
        ConfigError: see :func:`olaria.cards.settings.read_settings`.
        UsageError: there is no such lesson or format.
        StorageError: a file is in the way.
    """
    if settings is None:
        settings = ReportSettings()
    said = settings if isinstance(settings, ReportSettings) else read_settings(settings)
    language = language or said.language or "en"
    names = list(lessons) or list(said.lessons)
    _check_lessons(names)
    kind = format_of(format, out)
    opened = [run if isinstance(run, Run) else Run(run) for run in runs]
    path = Path(out) if out is not None else opened[0].path / Path(REPORT).with_suffix(f".{kind}")
    may_replace = overwrite or out is None
    refuse_overwriting(path, may_replace)
    context = ReportContext(
        runs=[run_card(run, offline=offline) for run in opened],
        title=title or said.title,
        authors=authors or said.authors,
        course=course or said.course,
        institution=said.institution,
        date=said.date or datetime.date.today().isoformat(),
        command=command,
        notes=notes,
        activities=said.activities,
        conclusion=said.conclusion,
        comparison=side_by_side(opened),
        lessons=[_lesson(name, opened, language, offline) for name in names],
    )
    _write(path, build_report(context, language), kind, may_replace)
    return path


def format_of(format: str | None, out: str | Path | None) -> Format:
    """The format that is asked for, else the one that the file's ending tells, else ``html``.

    Raises:
        UsageError: there is no such format.

    >>> format_of(None, "mine/report.PDF"), format_of("md", "report.txt"), format_of(None, None)
    ('pdf', 'md', 'html')
    """
    known = dict.fromkeys(_ENDINGS.values())
    if format is None:
        return _ENDINGS.get(Path(out).suffix.lower(), "html") if out is not None else "html"
    for kind in known:
        if kind == format:
            return kind
    raise UsageError(
        N_("a report cannot be {format}: {hint}"), format=format, hint=suggestion(format, known)
    )


def _write(path: Path, html: str, kind: Format, may_replace: bool) -> None:
    """The page in its format; a Markdown file's pictures first, so that it never names what is not there."""
    if kind == "html":
        write_text(path, html)
    elif kind == "pdf":
        write_bytes(path, to_pdf(html))
    else:
        text, pictures = to_markdown(html)
        for name in pictures:
            refuse_overwriting(path.parent / name, may_replace)
        for name, content in pictures.items():
            write_bytes(path.parent / name, content)
        write_text(path, text)


# -- lessons ---------------------------------------------------------------------------------------


def _check_lessons(names: Sequence[str]) -> None:
    for name in names:
        if name not in LESSONS:
            raise UsageError(
                N_("there is no lesson {name}: {hint}"), name=name, hint=suggestion(name, LESSONS)
            )


def _lesson(name: str, runs: Sequence[Run], language: str, offline: bool) -> LessonCard:
    """A lesson of the first run that can carry it, beside the others.

    Raises:
        LessonError: none can; the preset whose runs can is named.
    """
    lesson = LESSONS[name]
    fitting = [run for run in runs if run.family in lesson.families]
    others = [run for run in runs if run is not fitting[0]] if fitting else list(runs)
    chosen = [*fitting[:1], *others] if fitting or lesson.needs_run else []
    found = explain(name, chosen, language=language, offline=offline)
    body = lesson_section(found.context, language, level=4)
    return LessonCard(plain_words(lesson.title, language), body, lesson_style())
