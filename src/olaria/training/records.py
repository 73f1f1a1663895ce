"""What a run's folder records: how it began, how it went, how it ended, and what has changed since."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from olaria.data.base import AnyData, ImageData
from olaria.errors import DamagedError
from olaria.i18n import N_, Message
from olaria.models.base import num_parameters
from olaria.storage.folder import EVENTS, RunFolder
from olaria.training import machine
from olaria.training.engine import Trainer
from olaria.training.events import (
    Answer,
    Evaluated,
    Event,
    Finished,
    Restarted,
    Stepped,
    Warned,
)

if TYPE_CHECKING:
    from olaria.training.prepared import Prepared

PARTS = ("train", "validation", "test")
FORMER = (
    N_(
        "a model with {weights} weights in its layers will learn a text of {count} characters by "
        "heart: --size {size} suits it better"
    ),
    N_(
        "the checkpoints in {path} will take about {needed} MB and {free} MB are free; free some, or "
        "choose another place with --out"
    ),
)
"""Notes as older runs keep them in their events: marked here so that they read in every language still."""


def provenance(prepared: Prepared) -> dict[str, Any]:
    """provenance.json of a run that begins; precision and compilation are filled in when they are chosen."""
    dimensions = prepared.dimensions
    return {
        "format": 1,
        "machine": machine.describe(),
        "commit": machine.commit(),
        "data_source": prepared.data.source,
        "data_sha256": prepared.data.sha256,
        "dimensions": dimensions if isinstance(dimensions, int) else list(dimensions),
        "seed": prepared.recipe.seed,
        "precision": None,
        "compile": None,
        "data": _described(prepared.data),
        **({} if prepared.base is None else {"base": prepared.base}),
        **({} if prepared.painter_sha256 is None else {"painter_sha256": prepared.painter_sha256}),
    }


def _described(data: AnyData) -> dict[str, Any]:
    """What a report and a verb say of data, for where they are not at hand any more."""
    sizes = {part: len(getattr(data, part)) for part in PARTS if hasattr(data, part)}
    names = {"class_names": list(data.class_names)} if isinstance(data, ImageData) else {}
    told = {"title": data.title, "citation": data.citation, "licence": data.licence}
    return {**told, "sizes": sizes, **names}


def result(trainer: Trainer, prepared: Prepared, finished: Finished) -> dict[str, Any]:
    """result.json of a run whose loop has ended."""
    return {
        "format": 1,
        "family": prepared.recipe.model.family,
        "steps": finished.step,
        "elapsed_s": round(finished.elapsed_s, 3),
        "train_s": round(finished.train_s, 3),
        f"{prepared.feed.unit}_per_s": round(finished.rate, 1),
        "peak_memory_bytes": machine.peak_memory_bytes(),
        "num_parameters": num_parameters(prepared.model),
        "epochs": round(trainer.progress.updates / prepared.feed.batches_per_epoch, 3),
        "predicted": vars(trainer.forecast),
        "reason": finished.reason.to_json(),
        "final": finished.model_dump(mode="json")["final"],
    }


def past(folder: RunFolder) -> Iterator[Stepped | Evaluated | Restarted]:
    """The stored steps, evaluations and restarts of a run, in order; none of a run that only begins."""
    kinds: dict[str, type[Stepped | Evaluated | Restarted]] = {
        "step": Stepped,
        "evaluated": Evaluated,
        "restarted": Restarted,
    }
    for number, line in enumerate(folder.lines(EVENTS), 1):
        kind = kinds.get(line["event"])
        if kind is None:
            continue
        values = {name: nan if v is None else v for name, v in line.get("values", {}).items()}
        known = {**line, "values": values} if "values" in line else line
        try:
            yield kind.model_validate(known)
        except ValidationError:
            raise DamagedError(
                N_("{path} is damaged: line {line} is none of an event {event}"),
                path=str(folder.at(EVENTS)),
                line=number,
                event=line["event"],
            ) from None


def skipped_checkpoints(folder: RunFolder, step: int) -> list[Message]:
    """Notes about checkpoints after ``step`` that a crash left half written."""
    half = [path for path in folder.half_checkpoints() if path.name > f"step-{step:06d}"]
    note = N_("{path} was never finished: going on from step {step}")
    return [Message(note, {"path": str(path), "step": step}) for path in half]


class MachineChanged:
    """A listener that warns once where the machine differs from the one on which the run began.

    Args:
        stored: provenance.json.
    """

    def __init__(self, stored: dict[str, Any]) -> None:
        now = machine.describe()
        self._names = [
            name
            for name, was, is_now in (
                ("num_threads", stored["machine"]["num_threads"], now["num_threads"]),
                ("torch", stored["machine"]["versions"]["torch"], now["versions"]["torch"]),
            )
            if was != is_now
        ]

    def __call__(self, event: Event) -> Answer:
        if not self._names:
            return None
        names, self._names = ", ".join(self._names), []
        message = Message(
            N_(
                "not the same as when the run began: {names}; numbers may differ in their last digits"
            ),
            {"names": names},
        )
        return Warned(step=event.step, elapsed_s=event.elapsed_s, message=message)
