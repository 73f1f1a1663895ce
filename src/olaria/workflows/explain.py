"""A lesson computed from the user's own runs, as a page to look at or as steps to compute with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import OlariaError, UsageError
from olaria.i18n import N_, Message, Setting, command, detect_language
from olaria.storage.endings import PAGE, refuse_other_endings
from olaria.storage.files import refuse_overwriting
from olaria.vocabulary import LessonName
from olaria.workflows.files import new_place
from olaria.workflows.requests import AnyPlaces, AnyRun, Request, Result, setting
from olaria.workflows.requests.common import (
    check_overwrite,
    out_setting,
    overwrite_setting,
    places_setting,
    seed_setting,
    threads_setting,
)
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.lessons import Check, Step
    from olaria.pages.lesson_page import LessonContext
    from olaria.runs import Run

_FRAME_HEIGHT = 720
"""Of a page in a notebook, in pixels."""


@dataclass(frozen=True, kw_only=True)
class ExplainRequest(Request):
    """What ``explain`` takes."""

    summary = N_(
        "Open a run up: a lesson computed from your own model, every number of it checked."
    )

    lesson: LessonName | None = setting(
        N_("which one"),
        default=None,
        metavar=N_("LESSON"),
        positional=True,
        unless=Message(N_("a list of them")),
    )
    runs: tuple[AnyRun, ...] = setting(
        N_("the run to open up, and others to set beside it"),
        default=(),
        metavar=N_("RUN..."),
        positional=True,
    )
    prompt: str | None = setting(
        N_("your own sentence, for lessons of language"), default=None, metavar=N_("TEXT")
    )
    static: bool = setting(
        N_("leave the model out of the page: its figures stand still, and the file is small"),
        default=False,
    )
    seed: int = seed_setting()
    data: AnyPlaces = places_setting()
    out: str | Path | None = out_setting(N_("where the page goes"))
    overwrite: bool = overwrite_setting()
    threads: int | None = threads_setting()

    def check(self) -> None:
        """A file must be named to be replaced, and as a page is."""
        check_overwrite(self)
        refuse_other_endings(self.out, PAGE)


@dataclass(frozen=True)
class Explained(Result):
    """A computed lesson.

    In a notebook it shows itself; ``steps`` holds every number, ``steps[2].arrays["weights"]``.

    Args:
        lesson: its id.
        context: what its page shows.
        language: in which it shows itself.
        request: that it answers.
        path: of its page, where it was written.
        notes: for the reader, about what was left out and characters that no font draws.
    """

    lesson: str
    context: LessonContext
    language: str
    request: ExplainRequest
    path: Path | None = None
    notes: tuple[Message, ...] = ()

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

    @property
    def is_good(self) -> bool:
        """Whether every check holds."""
        return self.holds

    def html(self, language: str | None = None) -> str:
        """The page, one self-contained document."""
        from olaria.pages.lesson_page import lesson_page

        return lesson_page(self.context, language or self.language)

    def save(self, path: str | Path) -> Path:
        """Write the page; what was there is replaced."""
        from olaria.storage.files import write_text

        refuse_other_endings(path, PAGE)
        write_text(Path(path), self.html())
        return Path(path)

    def saved(self) -> Explained:
        """The same with its page: where the request says, else under a free name."""
        if self.path is not None:
            return self
        with new_place(self.request, f"olaria-{self.lesson}", ".html") as path:
            self.save(path)
        return replace(self, path=path)

    def to_json(self) -> dict[str, Any]:
        """Every check of every step, and where the page is."""
        return {
            "format": 1,
            "lesson": self.lesson,
            "path": None if self.path is None else str(self.path),
            "steps": [
                {
                    "name": step.name,
                    "title": step.title.text(self.language),
                    "checks": [
                        {
                            "text": check.text.text(self.language),
                            "count": check.count,
                            "difference": check.difference if check.holds else None,
                            "tolerance": check.tolerance,
                            "holds": check.holds,
                        }
                        for check in step.checks
                    ],
                }
                for step in self.steps
            ],
        }

    def __repr__(self) -> str:
        numbers = sum(check.count for check in self.checks)
        return f"<lesson {self.lesson}: {len(self.steps)} steps, {numbers} numbers checked>"

    def _repr_html_(self) -> str:
        """For notebooks: the page in a frame of its own, which its styles and its script do not leave."""
        from html import escape

        return (
            f'<iframe srcdoc="{escape(self.html())}" sandbox="allow-scripts allow-downloads" '
            f'title="{escape(self.lesson)}" style="width:100%;height:{_FRAME_HEIGHT}px;border:0"></iframe>'
        )


@dataclass(frozen=True)
class Lessons(Result):
    """The lessons that there are.

    Args:
        language: of their titles.
    """

    language: str

    def _repr_html_(self) -> str:
        """For notebooks: a table of them."""
        from olaria.workflows.displays import table

        return table((), [(one["lesson"], one["title"]) for one in self.to_json()["lessons"]])

    def to_json(self) -> dict[str, Any]:
        """What each opens up, and what it needs."""
        from olaria.lessons import LESSONS

        rows = [
            {
                "lesson": name,
                "title": lesson.title.text(self.language),
                "families": list(lesson.families),
                "needs_run": lesson.needs_run,
                "takes_prompt": lesson.takes_prompt,
                "preset": lesson.preset,
            }
            for name, lesson in LESSONS.items()
        ]
        return {"format": 1, "lessons": rows}


@verb(ExplainRequest)
def explain(
    request: ExplainRequest, *, language: str | None = None, offline: bool = False
) -> Explained | Lessons:
    """Compute a lesson, or list them where none is named.

    Args:
        language: in which it shows itself; the user's own unless given.
        offline: open no connection.

    Returns:
        The lesson; its page is written where ``out`` is given, and by :meth:`Explained.saved`.

    Raises:
        UsageError: there is no such lesson, it reads no sentence, or a run is named twice.
        LessonError: a run cannot carry it; the preset whose runs can is named.
        StorageError: a file is in the way.
    """
    language = language or detect_language()
    if request.lesson is None:
        return Lessons(language)
    if request.out is not None:
        refuse_overwriting(Path(request.out), request.overwrite)
    found = computed(request, request.lesson, language, offline=offline)
    return found if request.out is None else found.saved()


def computed(
    request: ExplainRequest,
    lesson: LessonName,
    language: str,
    *,
    offline: bool = False,
    leaves_out: bool = False,
) -> Explained:
    """One lesson, nothing written; see :func:`explain`, and for ``leaves_out`` :class:`olaria.lessons.Asked`."""
    from olaria.data.decoding import typed
    from olaria.lessons import LESSONS, Asked
    from olaria.pages.lesson_page import LessonContext
    from olaria.workflows.given import opened_beside

    prompt, entry = request.prompt, LESSONS[lesson]
    if prompt is not None:
        prompt = typed(prompt, "prompt")
    if prompt is not None and not entry.takes_prompt:
        raise UsageError(
            N_("the lesson {name} reads no sentence: leave {prompt} out"),
            name=lesson,
            prompt=Setting("prompt"),
        )
    opened = tuple(opened_beside(request.runs, request.data))
    _refuse_twice(opened)
    steps = entry(Asked(opened, prompt, request.seed, offline, language, leaves_out))
    played, left_out = ({}, []) if request.static else _played((*opened, *_bases(opened)), steps)
    context = LessonContext(
        entry.title,
        entry.introduction,
        steps,
        [(run.name, _facts(run)) for run in opened],
        _command(lesson, opened, prompt, request),
        lesson,
        play=played,
    )
    # Of a sentence that nobody gave the page alone tells how much was read.
    notes = () if prompt is None else tuple(note for step in steps for note in step.notes)
    return Explained(lesson, context, language, request, notes=(*notes, *left_out))


def _refuse_twice(runs: Sequence[Run]) -> None:
    """A run has nothing to tell beside itself."""
    known = set[Path]()
    for run in runs:
        if (path := run.path.resolve()) in known:
            raise UsageError(N_("run {name} is named twice: name each run once"), name=run.name)
        known.add(path)


def _facts(run: Run) -> Message:
    """What a run is, in one line."""
    from olaria.families import MODELS

    fields = {
        "family": Message(MODELS[run.family].title),
        "data": Path(run.recipe.data.name).name,
        "steps": run.checkpoint()[0],
        "count": run.result.get("num_parameters", "–"),
    }
    return Message(
        N_("{family} on {data}, after {steps} {steps:step|steps}, {count} parameters"), fields
    )


def _bases(runs: Sequence[Run]) -> Iterator[Run]:
    """The runs that these began from, as far as they are here: a lesson may set both side by side."""
    from olaria.runs import Run

    for run in runs:
        if run.recipe.tuning is not None:
            with suppress(OlariaError):
                yield Run(run.recipe.tuning.start)


def _played(
    runs: Sequence[Run], steps: Sequence[Step]
) -> tuple[dict[str, dict[str, Any]], list[Message]]:
    """The models that live parts compute with, by the names of their runs; what is said of the page's size.

    Of a run that no part encodes with, and of the steps of a training, the decoder alone.
    """
    from olaria.lessons.figures import Live
    from olaria.lessons.past import documents as documents_of
    from olaria.workflows.played import MOST_BYTES, MOST_IN_FLOAT32, played

    lives = [one for step in steps for one in step.blocks if isinstance(one, Live)]
    needed: dict[str, bool] = {}
    for one in lives:
        needed |= {name: needed.get(name, True) and one.decodes for name in one.runs}
    found: dict[str, Run] = {}
    for run in runs:
        if run.name in needed:
            found.setdefault(run.name, run)
    past = dict[str, dict[str, Any]]()
    for one in lives:
        if one.steps:
            documents = documents_of(found[one.runs[0]], one.steps)
            past |= zip(one.models[len(one.runs) :], documents, strict=True)
    # The steps' weights travel in 16 bits, four letters for three bytes; the others in full where all are few.
    taken = sum(len(document["weights"]) * 3 // 8 for document in past.values())
    wanted = [(run, needed[name]) for name, run in found.items()]
    whole, notes = played(wanted, most_in_full=MOST_IN_FLOAT32 - taken)
    play = {name: one for name, one in zip(found, whole, strict=True) if one is not None} | past
    if sum(len(document["weights"]) for document in play.values()) > MOST_BYTES:
        text = N_(
            "the page is larger than {most} MB, which mail programs may refuse: {static} leaves the models out"
        )
        notes.append(Message(text, {"most": MOST_BYTES // 10**6, "static": Setting("static")}))
    return play, notes


def _command(lesson: str, runs: Sequence[Run], prompt: str | None, request: ExplainRequest) -> str:
    options = [] if prompt is None else ["--prompt", prompt]
    options += ["--seed", str(request.seed)] if request.seed else []
    options += ["--static"] if request.static else []
    return command("explain", lesson, *(run.name for run in runs), options=options)
