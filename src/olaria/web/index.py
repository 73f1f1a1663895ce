"""The runs of a folder as cards, each read again only where one of its files has changed."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from olaria.cards.comparison import measured_by
from olaria.characters import encodable, encodable_json
from olaria.errors import OlariaError
from olaria.evaluation import METRICS
from olaria.families import MODELS
from olaria.i18n import Message, translate
from olaria.runs import Run
from olaria.storage import folder as files
from olaria.storage.files import MOST_LINE_BYTES, parsed
from olaria.storage.inside import inside
from olaria.storage.locks import is_held
from olaria.web.curves import label_of, unit_of
from olaria.web.errors import no_such_run
from olaria.workflows.runs import facts_of
from olaria.workflows.words import STATES

WATCHED = (files.RECIPE, files.STATUS, files.RESULT, files.EVALUATION, files.EVENTS, "samples")
"""What a card is made of."""
RUNNING, INTERRUPTED = "running", "interrupted"
TAIL_BYTES = 8192
"""Of the events, in which the last one is looked for."""
_ID_LETTERS = 16


def id_of(home: Path, path: Path) -> str:
    """The id of a run: opaque, the same after a restart, and no part of any path."""
    place = os.fsencode(path.relative_to(home).as_posix())
    return hashlib.sha256(place).hexdigest()[:_ID_LETTERS]


@dataclass(frozen=True)
class _Known:
    """A card as it was read, and the files' state then."""

    signature: Signature
    card: Mapping[str, Any]


class RunIndex:
    """The runs in a folder, by id.

    A listing costs six looks at the file system for each run; recipe, status, result and evaluation are opened only
    where they have changed, and curves never.

    Args:
        home: where the runs lie.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._known: dict[Path, _Known] = {}
        self._paths: dict[str, Path] = {}
        self._num_begun = self._num_listed = 0
        self._listed: list[dict[str, Any]] = []

    def cards(self) -> list[dict[str, Any]]:
        """One for each run, in any language; see :func:`worded`.

        Who asks while another listing is being made waits for the next one, which all share that wait for it.
        """
        asked = self._num_begun
        with self._lock:
            if self._num_listed <= asked:  # none has begun since
                self._num_begun += 1
                paths = files.list_runs(self.home)
                self._paths = {id_of(self.home, path): path for path in paths}
                self._known = {path: self._read(path) for path in paths}
                self._listed = [self._told(path) for path in paths]
                self._num_listed = self._num_begun
            return [*self._listed]

    def card(self, run_id: str) -> dict[str, Any]:
        """The card of one run.

        Raises:
            Refused: there is none of this id.
        """
        path = self.path(run_id)
        with self._lock:
            self._known[path] = self._read(path)
            return self._told(path)

    def path(self, run_id: str) -> Path:
        """The folder of a run; the id is looked up and never becomes part of a path.

        Raises:
            Refused: there is none of this id.
        """
        path = self._paths.get(run_id)
        if path is None or not files.is_run(path):
            self.cards()
            path = self._paths.get(run_id)
        if path is None:
            raise no_such_run()
        return path

    def run(self, run_id: str) -> Run:
        """The run of an id, opened.

        Raises:
            Refused: there is none of this id.
            DamagedError: what lies there is a link, which may lead anywhere.
        """
        path = self.path(run_id)
        self._check_place(path)
        return Run(path)

    def _check_place(self, path: Path) -> None:
        inside(self.home, *path.relative_to(self.home).parts)

    def _read(self, path: Path) -> _Known:
        signature = signature_of(path, WATCHED)
        known = self._known.get(path)
        if known is not None and known.signature == signature:
            return known
        card: dict[str, Any] = {"id": id_of(self.home, path), "name": encodable(path.name)}
        try:
            self._check_place(path)
            card |= _card(path)
        except OlariaError as error:  # one that cannot be opened must not hide the others
            card |= {"state": "damaged", "error": error.message.to_json()}
        card["changed"] = max((mark[0] for mark in signature if mark is not None), default=0) / 1e9
        return _Known(signature, card)

    def _told(self, path: Path) -> dict[str, Any]:
        """What is known, and whether a process is at work on it now."""
        card = dict(self._known[path].card)
        if card["state"] == RUNNING and not is_at_work(path):
            card["state"] = INTERRUPTED
        return card


def is_at_work(path: Path) -> bool:
    """Whether a process holds a run for writing; one that was killed, or whose machine went down, holds nothing."""
    with suppress(OlariaError):
        return is_held(inside(path, files.LOCK))
    return False


Signature = tuple[tuple[int, int, int] | None, ...]
"""Of files: equal where none was written since."""


def signature_of(path: Path, names: Sequence[str]) -> Signature:
    """Of some files of a run."""
    return tuple(_signature(path / name) for name in names)


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _card(path: Path) -> dict[str, Any]:
    run = Run(path)
    found = facts_of(run)
    training = run.recipe.training
    samples = run.samples()
    card = {
        **found,
        "data": run.recipe.data.last_name,
        "size": run.recipe.size,
        "title": MODELS[run.family].title,
        "room": MODELS[run.family].room,
        "end": {"steps": training.steps, "budget_s": training.budget},
        "picture": _step_of(samples[-1]) if samples else None,
        "picture_kind": samples[-1].suffix[1:] if samples else None,
        "headline": _headline(run, found["final"]),
    }
    if found["state"] == RUNNING:
        card |= _last_event(run)
    return card


def _step_of(sample: Path) -> int:
    return int(sample.stem.removeprefix("step-"))


def _headline(run: Run, final: Mapping[str, Any]) -> dict[str, Any] | None:
    """The number that says most of a run, and what measured it as a fingerprint: equal where two may be ranked."""
    evaluation = run.evaluation or {"metrics": {}}
    for metric in MODELS[run.family].headlines:
        value = evaluation["metrics"].get(metric)
        if isinstance(value, int | float) and not isinstance(value, bool):
            protocol = encodable_json(measured_by(evaluation["protocol"]), sort_keys=True).encode()
            mark = hashlib.sha256(protocol).hexdigest()[:8]
            return {"metric": metric, "value": value, "protocol": mark}
    names = [name for name in final if name != "loss"] or [*final]
    if not names:
        return None
    return {"metric": names[0], "value": final[names[0]], "protocol": None}


def _last_event(run: Run) -> dict[str, Any]:
    """How far a run is: its status is written at checkpoints only."""
    path = run.folder.at(files.EVENTS)
    with suppress(OSError), path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        for size in (TAIL_BYTES, MOST_LINE_BYTES):
            file.seek(max(0, end - size))
            for line in reversed(file.read(size).split(b"\n")[:-1]):
                with suppress(ValueError):
                    event = parsed(line)
                    if isinstance(event, dict) and event.get("event") == "step":
                        return {
                            "steps": _number(event.get("step")),
                            "fraction": _number(event.get("fraction")),
                            "eta_s": _number(event.get("eta_s")),
                            "elapsed_s": _number(event.get("elapsed_s")),
                        }
            if size >= end:
                break
    return {}


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def worded(card: Mapping[str, Any], language: str) -> dict[str, Any]:
    """A card in the reader's language."""
    words = dict(card)
    words["state_label"] = translate(STATES.get(card["state"], card["state"]), language)
    if "title" in card:
        words["title"] = translate(card["title"], language)
    if "error" in card:
        words["error"] = Message.from_json(card["error"]).text(language)
    if card.get("headline"):
        metric = card["headline"]["metric"]
        better = METRICS[metric].better if metric in METRICS else ""
        label, unit = label_of(metric, language), translate(unit_of(metric), language)
        words["headline"] = {**card["headline"], "label": label, "unit": unit, "better": better}
    return words
