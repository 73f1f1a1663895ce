"""The whole practice in one go: train every family on real data, measure, and write the report."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from olaria.data import load
from olaria.data.base import Progress
from olaria.errors import RunError, SourceError
from olaria.i18n import N_, Message
from olaria.kinds.base import REDUCED
from olaria.runs import Run
from olaria.storage.folder import REPORT, new_run_path
from olaria.training.events import Listener
from olaria.workflows.evaluate import evaluate
from olaria.workflows.report import report
from olaria.workflows.train import train

BUDGET_S = 300.0


@dataclass(frozen=True)
class Part:
    """One run of the practice.

    Args:
        name: of its folder.
        preset: what is trained.
        seconds: of :data:`BUDGET_S`; scaled with the budget.
        title: what it is, a source string.
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
TEXTS = ("tiny-shakespeare", "shakespeare", "toy-language")
"""Data sets in order of preference: the last of each needs no network."""


def demo(
    *,
    budget: float = BUDGET_S,
    language: str = "en",
    out: str | Path | None = None,
    offline: bool = False,
    seed: int = 0,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    announce: Callable[[Message], None] = lambda message: None,
) -> Path:
    """Run the practice.

    Args:
        budget: seconds of training, shared among the parts; evaluation and the report come on top.
        language: of the report.
        out: a new folder for the runs and the report; a free name under ``runs`` unless given.
        offline: open no connection.
        seed: of every part.
        listeners: told of every training event.
        progress: told of downloads.
        announce: told what comes next, before each part.

    Returns:
        The report's path.

    Raises:
        RunError: the folder is taken.
        SourceError: never for lack of a network: the last data sets need none.
    """
    home = Path(out) if out is not None else new_run_path("demo")
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise RunError(
            N_("{path} already exists and is not empty; choose another --out"), path=str(home)
        )
    notes: list[Message] = []
    images = _first_available(IMAGES, offline, progress, announce, notes)
    text = _first_available(TEXTS, offline, progress, announce, notes)
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
    return report(
        runs,
        language=language,
        out=home / REPORT,
        command=shlex.join(["olaria", "demo", "--budget", f"{budget:g}s", "--seed", str(seed)]),
        notes=notes,
        offline=offline,
    )


def _first_available(
    names: Sequence[str],
    offline: bool,
    progress: Progress | None,
    announce: Callable[[Message], None],
    notes: list[Message],
) -> str:
    """The first data set that a source has; a second choice is announced and noted for the report."""
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
