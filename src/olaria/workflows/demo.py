"""The whole practice in one go: train every family on real data, measure, write the report and pages to play with."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import OlariaError, RunError, SourceError
from olaria.i18n import N_, Message, Setting, command
from olaria.vocabulary import LessonName
from olaria.workflows.report import Report, ReportRequest, report
from olaria.workflows.requests import Request, Seconds, setting
from olaria.workflows.requests.common import out_setting, seed_setting, threads_setting
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.data.base import Progress
    from olaria.runs import Run
    from olaria.training.events import Listener

BUDGET_S = 300.0


@dataclass(frozen=True)
class Part:
    """One run of the practice.

    Args:
        name: its folder's.
        preset: what is trained.
        seconds: of :data:`BUDGET_S`; scaled with the budget.
        title: its name for people, a source string.
        settings: overrides of the preset.
    """

    name: str
    preset: str
    seconds: float
    title: str
    settings: tuple[str, ...] = ()


PARTS = (
    Part("ae", "ae-mnist", 20, N_("autoencoder")),
    Part("ae-2", "ae-mnist", 20, N_("autoencoder with 2 latents"), ("model.latent=2",)),
    Part("vae", "vae-mnist", 60, N_("variational autoencoder")),
    Part(
        "vae-2", "vae-mnist", 25, N_("variational autoencoder with 2 latents"), ("model.latent=2",)
    ),
    Part("gan", "gan-mnist", 90, N_("generative adversarial network")),
    Part("bigram", "bigram-shakespeare", 5, N_("bigram")),
    Part("gpt", "gpt-shakespeare", 80, N_("GPT")),
)
LESSONS: tuple[tuple[LessonName, str], ...] = (("vae", "vae"), ("gpt", "gpt"))
"""Lessons whose pages are written to play with, and the run that each opens up."""
IMAGES = ("mnist", "digits")
TEXTS = {"en": ("tiny-shakespeare", "shakespeare", "toy-language"), "pt": ("machado",)}
"""Data sets in order of preference, the texts in the reader's language: the last of each needs no network."""


@dataclass(frozen=True, kw_only=True)
class DemoRequest(Request):
    """What ``demo`` takes."""

    summary = N_("Run the whole practice on real data, from download to report.")

    budget: Seconds = setting(
        N_("training time; evaluation is extra"), default=BUDGET_S, metavar=N_("TIME")
    )
    seed: int = seed_setting()
    out: str | Path | None = out_setting(N_("of the runs and the report"), metavar=N_("FOLDER"))
    threads: int | None = threads_setting()


@dataclass(frozen=True)
class Practice(Report):
    """The report, and what lies beside it.

    Args:
        pages: lessons in which a model of the practice runs.
    """

    pages: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Where each of them is."""
        return {**super().to_json(), "pages": [str(page) for page in self.pages]}


@verb(DemoRequest)
def demo(
    request: DemoRequest,
    *,
    language: str = "en",
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    announce: Callable[[Message], None] = lambda _message: None,
) -> Practice:
    """Run the practice; the budget is shared among its parts.

    Args:
        language: of the report.
        offline: open no connection.
        listeners: get every training event.
        progress: gets what is downloaded.
        announce: gets a message before each part.

    Raises:
        RunError: the folder is taken.
        SourceError: never for lack of a network: the last data sets need none.
    """
    from olaria.storage.new import new_folder

    around: dict[str, Any] = {"offline": offline, "listeners": listeners, "progress": progress}
    with new_folder("demo", request.out) as home:
        if home.exists() and (not home.is_dir() or any(home.iterdir())):
            raise RunError(
                N_("{path} already exists and is not empty; choose another {out}"),
                path=str(home),
                out=Setting("out"),
            )
        return _practice(request, home, language, announce, **around)


def _practice(
    request: DemoRequest,
    home: Path,
    language: str,
    announce: Callable[[Message], None],
    *,
    offline: bool,
    listeners: Sequence[Listener],
    progress: Progress | None,
) -> Practice:
    """Every part, the report and the pages, in a new folder."""
    from olaria.cards.settings import ReportSettings
    from olaria.kinds.base import REDUCED
    from olaria.runs import Run
    from olaria.storage.folder import REPORT
    from olaria.workflows.evaluate import evaluate
    from olaria.workflows.train import train

    budget, seed = request.budget, request.seed
    notes: list[Message] = []
    images = _first_available(IMAGES, offline, progress, announce, notes)
    text = _first_available(TEXTS[language], offline, progress, announce, notes)
    runs = []
    for number, part in enumerate(PARTS, 1):
        fields = {
            "number": number,
            "count": len(PARTS),
            "title": Message(part.title),
            "data": text if part.preset.endswith("-shakespeare") else images,
        }
        announce(Message(N_("part {number} of {count}: {title} on {data}"), fields))
        run = train(
            part.preset,
            data=str(fields["data"]),
            budget=part.seconds * budget / BUDGET_S,
            seed=seed,
            settings=part.settings,
            out=home / part.name,
            offline=offline,
            listeners=listeners,
            started=time.monotonic(),
        ).path
        evaluate(run, effort=REDUCED, offline=offline)
        runs.append(Run(run))
    announce(Message(N_("writing the report")))
    to_report = ReportRequest(runs=tuple(runs), settings=ReportSettings(), out=home / REPORT)
    written = report(
        to_report,
        language=language,
        command=command("demo", options=["--budget", f"{budget:g}s", "--seed", str(seed)]),
        notes=notes,
        offline=offline,
    )
    pages = _pages(home, runs, language, offline, announce)
    told = {"report": written.path.name, "pages": ", ".join(page.name for page in pages)}
    if pages:
        text = N_(
            "open {pages} in a browser and play: the models run in the page; {report} is the report"
        )
        announce(Message(text, told))
    return Practice(written.path, written.language, written.notes, tuple(pages))


def _pages(
    home: Path,
    runs: Sequence[Run],
    language: str,
    offline: bool,
    announce: Callable[[Message], None],
) -> list[Path]:
    """The lessons in which models run; one that cannot be computed is told, and the practice stands without it."""
    from olaria.workflows.explain import ExplainRequest, explain

    announce(Message(N_("writing the pages to play with")))
    named, found = {run.name: run for run in runs}, list[Path]()
    for lesson, name in LESSONS:
        page = home / f"{lesson}.html"
        try:
            request = ExplainRequest(lesson=lesson, runs=(named[name],), out=page)
            explain(request, language=language, offline=offline)
        except OlariaError as error:
            announce(error.message)
        else:
            found.append(page)
    return found


def _first_available(
    names: Sequence[str],
    offline: bool,
    progress: Progress | None,
    announce: Callable[[Message], None],
    notes: list[Message],
) -> str:
    """The first data set that a source has; a second choice is announced and noted for the report."""
    from olaria.data import load

    announce(Message(N_("fetching {data}"), {"data": names[0]}))
    for name, other in pairwise(names):
        try:
            load(name, offline=offline, progress=progress)
            return name
        except SourceError:
            note = Message(
                N_("no source has {data} now: the practice uses {other}, another data set"),
                {"data": name, "other": other},
            )
            notes.append(note)
            announce(note)
    return names[-1]
