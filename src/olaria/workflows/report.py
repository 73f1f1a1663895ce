"""Write runs up as one file, to read or to hand in."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting
from olaria.storage.endings import refuse_other_endings
from olaria.storage.files import in_megabytes, new_files, refuse_overwriting
from olaria.vocabulary import LessonName, PageFormat
from olaria.workflows.requests import (
    AnyPlaces,
    AnyRun,
    AnySettings,
    Request,
    Result,
    forms,
    setting,
    several,
)
from olaria.workflows.requests.common import (
    check_overwrite,
    out_setting,
    overwrite_setting,
    places_setting,
    threads_setting,
)
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.cards.context import RunCard
    from olaria.cards.settings import ReportSettings
    from olaria.runs import Run

PAGE_FORMAT: PageFormat = "html"
SETTINGS_FILE = "report.toml"
AnyFigures = Annotated[Any, several.OneOrSeveral(item=forms.Place())]
"""Folders of pictures, or pictures."""
_ENDINGS: dict[str, PageFormat] = {
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".md": "md",
    ".markdown": "md",
}


@dataclass(frozen=True, kw_only=True)
class ReportRequest(Request):
    """What ``report`` takes."""

    summary = N_("Write runs up as one self-contained page, to read or to hand in.")

    runs: tuple[AnyRun, ...] = setting(
        N_("names or folders of runs"), metavar=N_("RUN..."), positional=True
    )
    author: str = setting(N_("author"), default="", metavar=N_("TEXT"))
    course: str = setting(N_("for which course"), default="", metavar=N_("TEXT"))
    title: str = setting(N_("its heading"), default="", metavar=N_("TEXT"))
    format: PageFormat | None = setting(
        N_("what it is written as"),
        default=None,
        unless=Message(N_("by its file's ending, else {format}"), {"format": PAGE_FORMAT}),
    )
    lessons: tuple[LessonName, ...] = setting(
        N_("lessons whose figures it carries, with commas: kl,attention"),
        default=(),
        metavar=N_("NAMES"),
        by_commas=True,
    )
    live: bool = setting(
        N_("let the models run in the page, above their figures; html only"),
        default=False,
    )
    settings: AnySettings | None = setting(
        N_("title, author, activities, conclusion, …"),
        default=None,
        metavar=N_("FILE"),
        unless=Message(
            N_("{file} of the working folder, else beside the report"), {"file": SETTINGS_FILE}
        ),
    )
    conclusion: str | Path | None = setting(
        N_("your conclusion, a text or Markdown file"),
        default=None,
        metavar=N_("FILE"),
        unless=Message(N_("that of the settings, else a place to write it")),
    )
    figures: AnyFigures = setting(
        N_("figures that you chose: a folder of pictures (PNG), or one picture"),
        default=(),
        metavar=N_("DIR"),
    )
    short: bool = setting(
        N_("leave the appendix out, but for the lessons that are asked for"), default=False
    )
    data: AnyPlaces = places_setting()
    out: str | Path | None = out_setting(
        N_("where it goes"), unless=Message(N_("report.html (.pdf, .md) in the first run's folder"))
    )
    overwrite: bool = overwrite_setting()
    threads: int | None = threads_setting()

    def check(self) -> None:
        """A file must be named to be replaced, and as its format is where nothing else says that."""
        check_overwrite(self)
        if self.format is None:
            refuse_other_endings(self.out, [*_ENDINGS])
        kind = format_of(self.format, self.out)
        if self.live and kind != PAGE_FORMAT:
            raise UsageError(
                N_("{live} is for a page in {format}: nothing moves in {other}"),
                live=Setting("live"),
                format=PAGE_FORMAT,
                other=kind,
            )


@dataclass(frozen=True)
class Report(Result):
    """A report that was written.

    Args:
        path: of its file; a Markdown file's pictures lie beside it, in a folder of its name.
        language: of its words.
        notes: for the reader, about characters that no font draws, about models that it lacks, and its size.
    """

    path: Path
    language: str
    notes: tuple[Message, ...] = ()

    def __fspath__(self) -> str:
        """It serves wherever a path does."""
        return str(self.path)

    def _repr_html_(self) -> str:
        """For notebooks: where it is."""
        from olaria.workflows.displays import line, words

        return line(words(N_("the report is at {path}"), path=str(self.path)))

    def to_json(self) -> dict[str, Any]:
        """Where it is."""
        return {"format": 1, "path": str(self.path), "language": self.language}


@verb(ReportRequest)
def report(
    request: ReportRequest,
    *,
    language: str | None = None,
    spoken: str = "en",
    command: str = "",
    notes: Sequence[Message] = (),
    notify: Callable[[Message], None] = lambda _message: None,
    offline: bool = False,
) -> Report:
    """Write the report of runs.

    Args:
        language: ``en`` or ``pt``; what the settings say unless given, else ``spoken``.
        spoken: the language of the person who wants it.
        command: what made all of the runs; may be empty.
        notes: what its reader must know.
        notify: gets what a person should know before it is written.
        offline: open no connection.

    Raises:
        ConfigError: see :func:`olaria.cards.settings.read_settings`.
        DataError: see :func:`olaria.cards.figures.read_figures`.
        StorageError: a file is in the way.
    """
    from olaria.cards.comparison import side_by_side
    from olaria.cards.context import ReportContext
    from olaria.cards.figures import read_figures
    from olaria.pages.fonts import undrawn
    from olaria.pages.report import build_report
    from olaria.storage.folder import REPORT
    from olaria.workflows.given import opened_beside
    from olaria.workflows.report_lessons import lesson_card

    said = _settings(request, notify)
    authored = _authored(request, said)
    language = language or said.language or spoken
    names = request.lessons or _lessons(said)
    figures = read_figures(request.figures)
    kind = format_of(request.format, request.out)
    opened = opened_beside(request.runs, request.data)
    out = request.out
    path = Path(out) if out is not None else opened[0].path / Path(REPORT).with_suffix(f".{kind}")
    may_replace = request.overwrite or out is None
    refuse_overwriting(path, may_replace)
    cards = _cards(opened, notify, offline, request.live)
    cards, left_out = _with_models(cards, opened) if request.live else (cards, [])
    context = ReportContext(
        runs=cards,
        command=command,
        notes=notes,
        comparison=side_by_side(opened),
        lessons=[
            lesson_card(name, opened, language, offline, said.guessed(name)) for name in names
        ],
        figures=figures,
        is_short=request.short,
        **authored,
    )
    with undrawn() as lost:
        files = _files(path, build_report(context, language), kind)
    if out is None:
        _refuse_links(files, opened[0].path)
    _write(files, may_replace)
    large = _told_size(files[path]) if request.live else []
    return Report(path, language, (*lost, *left_out, *large))


def _authored(request: ReportRequest, said: ReportSettings) -> dict[str, Any]:
    """What the author says of the report, where both say it the request's."""
    from olaria.cards.settings import read_conclusion

    conclusion, is_markdown = said.conclusion, False
    if request.conclusion is not None:
        conclusion, is_markdown = read_conclusion(request.conclusion)
    return {
        "title": request.title or said.title,
        "authors": request.author or said.authors,
        "course": request.course or said.course,
        "institution": said.institution,
        "date": said.date or datetime.date.today().isoformat(),
        "activities": said.activities,
        "conclusion": conclusion,
        "is_markdown": is_markdown,
    }


def _settings(request: ReportRequest, notify: Callable[[Message], None]) -> ReportSettings:
    """What the author's file says; where none is named, that of the working folder, else that beside the report."""
    from olaria.cards.settings import ReportSettings, read_settings

    if isinstance(request.settings, ReportSettings):
        return request.settings
    if request.settings is not None:
        return read_settings(request.settings)
    found, text = Path(SETTINGS_FILE), N_("reading {path} of this folder")
    if not found.is_file() and request.out is not None:
        found, text = Path(request.out).with_name(SETTINGS_FILE), N_("reading {path}")
    if not found.is_file():
        return ReportSettings()
    notify(Message(text, {"path": str(found)}))
    return read_settings(found)


def _cards(
    runs: Sequence[Run], notify: Callable[[Message], None], offline: bool, live: bool
) -> list[RunCard]:
    """What is shown of each run; what had to be left out is said."""
    from olaria.cards.run_card import LEFT_OUT, run_card

    cards = [run_card(run, offline=offline, live=live) for run in runs]
    gaps = (incident.message for card in cards for incident in card.incidents or ())
    for gap in gaps:
        if gap.id == LEFT_OUT:
            notify(gap)
    return cards


def _with_models(
    cards: Sequence[RunCard], runs: Sequence[Run]
) -> tuple[list[RunCard], list[Message]]:
    """The cards with the models that their live parts compute with; what is said of runs that stand still."""
    from olaria.workflows.played import played

    found = list(cards)
    places = [(place, card.live) for place, card in enumerate(cards) if card.live is not None]
    if not places:
        return found, [
            Message(N_("none of these runs has a part that moves: the page stands still"))
        ]
    wanted = [(runs[place], part.only_decodes) for place, part in places]
    models, notes = played(wanted, most_in_full=0)  # the figures of a report take megabytes too
    for (place, part), model in zip(places, models, strict=True):
        live = None if model is None else replace(part, model=model)
        found[place] = replace(found[place], live=live)
    return found, notes


def _told_size(page: bytes) -> list[Message]:
    """A note about a page that is large."""
    from olaria.workflows.played import MOST_BYTES

    if len(page) <= MOST_BYTES:
        return []
    text = N_("the page has {size} MB, more than many a mail carries: fewer runs make it smaller")
    return [Message(text, {"size": in_megabytes(len(page))})]


def _lessons(said: ReportSettings) -> tuple[LessonName, ...]:
    """The lessons that the author's file names, checked as those of a request."""
    return ReportRequest(runs=(), lessons=cast(Any, said.lessons)).lessons


def format_of(format: PageFormat | None, out: str | Path | None) -> PageFormat:
    """The format that is asked for, else the one that the file's ending tells, else ``html``.

    >>> format_of(None, "mine/report.PDF"), format_of("md", "report.txt"), format_of(None, None)
    ('pdf', 'md', 'html')
    """
    if format is not None:
        return format
    return PAGE_FORMAT if out is None else _ENDINGS[Path(out).suffix.lower()]


def _files(path: Path, html: str, kind: PageFormat) -> dict[Path, bytes]:
    """The page in its format; a Markdown file's pictures come first, so that it never names what is not there."""
    from olaria.pages.markdown import to_markdown
    from olaria.pages.pdf import to_pdf

    if kind == "html":
        return {path: html.encode()}
    if kind == "pdf":
        return {path: to_pdf(html)}
    text, pictures = to_markdown(html, f"{path.stem}-figures/")
    beside = {path.parent / name: content for name, content in pictures.items()}
    return {**beside, path: text.encode()}


def _refuse_links(files: Iterable[Path], folder: Path) -> None:
    """Nobody named the folder of the pictures, which may be a link in a stranger's run."""
    from olaria.storage.inside import inside

    for file in files:
        inside(folder, *file.relative_to(folder).parts)


def _write(files: Mapping[Path, bytes], may_replace: bool) -> None:
    """All of them or, where one is in the way or cannot be written, no new one."""
    from olaria.storage.files import write_bytes

    made = {path.parent for path in files if not path.parent.exists()}
    try:
        with nullcontext() if may_replace else new_files([[*files]]):
            for path, content in files.items():
                write_bytes(path, content)
    except BaseException:
        for folder in made:
            with suppress(OSError):  # it is not empty, or was never made
                folder.rmdir()
        raise
