"""The whole practice in one go: train every family on real data, measure, and write the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import RunError, SourceError
from olaria.i18n import N_, Message, Setting, command
from olaria.workflows.report import Report, ReportRequest, report
from olaria.workflows.requests import Request, Seconds, setting
from olaria.workflows.requests.common import out_setting, seed_setting, threads_setting
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.data.base import Progress
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


@verb(DemoRequest)
def demo(
    request: DemoRequest,
    *,
    language: str = "en",
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    announce: Callable[[Message], None] = lambda _message: None,
) -> Report:
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
    from olaria.storage.folder import new_folder

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
) -> Report:
    """Every part, and the report, in a new folder."""
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
    written: Report = report(
        to_report,
        language=language,
        command=command("demo", options=["--budget", f"{budget:g}s", "--seed", str(seed)]),
        notes=notes,
        offline=offline,
    )
    return written


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
