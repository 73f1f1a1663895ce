"""The listener that keeps a run: every event into its folder's files."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from olaria.i18n import N_, Message
from olaria.storage.background import Background
from olaria.storage.files import write_text
from olaria.storage.folder import EVENTS, METRICS, PROVENANCE, RunFolder
from olaria.storage.images import make_grid, save_png
from olaria.training import events

ROWS = 200
"""Rows of the training curve over a whole run; each is the mean of the steps since the one before."""
FIRST_STEPS = 10
"""The first steps each have a row of their own: that is where a loss moves most."""

SCALE = 2
"""Side of the block that a pixel of a sample grid becomes."""


class Recorder:
    """Writes events.jsonl, metrics.jsonl, status.json, samples and checkpoints.

    Args:
        folder: of the run.
        keep_last: checkpoints kept besides the best.
        keep_spaced: whether the weights after steps 1, 4, 16, … are kept too.
        scale: enlargement of sample grids.
        in_background: write checkpoints beside the training, from copies; a failure is raised at the next one and at
            the end.
    """

    def __init__(
        self,
        folder: RunFolder,
        keep_last: int,
        keep_spaced: bool = False,
        scale: int = SCALE,
        in_background: bool = False,
    ) -> None:
        self._folder = folder
        self._keep_last, self._keep_spaced = keep_last, keep_spaced
        self._scale = scale
        self._background: Background[list[Path]] | None = Background() if in_background else None
        self._sums: dict[str, list[float]] = defaultdict(list)
        self._fraction = 0.0
        self._handlers: dict[type[events.Event], Callable[[events.Event], events.Answer]] = {
            events.Began: self._began,
            events.Stepped: self._stepped,
            events.Evaluated: self._evaluated,
            events.Sampled: self._sampled,
            events.Saving: self._saving,
            events.Finished: self._finished,
        }

    def __call__(self, event: events.Event) -> events.Answer:
        """Keep one event."""
        self._folder.append(EVENTS, event.model_dump(mode="json"))
        handler = self._handlers.get(type(event))
        return handler(event) if handler else None

    def close(self) -> None:
        """Wait for a checkpoint that is being written, however the run ended."""
        if self._background is not None:
            self._background.close()

    def _began(self, event: events.Event) -> None:
        assert isinstance(event, events.Began)
        provenance = self._folder.read(PROVENANCE, {})
        provenance.update(precision=event.precision, compile=event.compiled, device=event.device)
        if event.step == 0 and "machine" in provenance:  # a budget may have chosen fewer
            provenance["machine"]["num_threads"] = torch.get_num_threads()
        self._folder.write(PROVENANCE, provenance)
        self._folder.status("running", event.step)

    def _stepped(self, event: events.Event) -> None:
        assert isinstance(event, events.Stepped)
        for name, value in event.values.items():
            self._sums[name].append(value)
        crossed = math.floor(event.fraction * ROWS) > math.floor(self._fraction * ROWS)
        self._fraction = event.fraction
        if crossed or event.step <= FIRST_STEPS:
            self._flush(event)

    def _flush(self, event: events.Event) -> None:
        if self._sums:
            means = {name: fmean(values) for name, values in self._sums.items()}
            self._row(event, "train", means)
            self._sums.clear()

    def _row(self, event: events.Event, split: str, values: dict[str, float]) -> None:
        finite = {name: v if math.isfinite(v) else None for name, v in values.items()}
        row = {
            "step": event.step,
            "elapsed_s": round(event.elapsed_s, 3),
            "split": split,
            "values": finite,
        }
        self._folder.append(METRICS, row)

    def _evaluated(self, event: events.Event) -> None:
        assert isinstance(event, events.Evaluated)
        self._flush(event)
        if event.values:
            self._row(event, event.split, event.values)

    def _sampled(self, event: events.Event) -> None:
        assert isinstance(event, events.Sampled)
        if isinstance(event.artifact, Tensor):
            picture = make_grid(event.artifact, scale=self._scale)
            save_png(self._folder.sample_path(event.step, "png"), picture)
        elif event.artifact is not None:
            write_text(self._folder.sample_path(event.step, "txt"), event.artifact)

    def _saving(self, event: events.Event) -> events.Answer:
        assert isinstance(event, events.Saving)
        if self._background is None:
            return self._told(event, self._save(event))
        left = self._background.settle()
        self._background.begin(partial(self._save, _copied(event)))
        return self._told(event, left)

    def _save(self, event: events.Saving) -> list[Path]:
        left = self._folder.save_checkpoint(
            event.step,
            event.tensors,
            event.state,
            best=event.best,
            keep_last=self._keep_last,
            keep_spaced=self._keep_spaced,
        )
        self._folder.status("running", event.step)
        return left

    def _told(self, event: events.Event, left: list[Path] | None) -> events.Answer:
        """A warning where old checkpoints could not be deleted."""
        if not left:
            return None
        note = N_("could not delete {paths}: delete it by hand")
        message = Message(note, {"paths": ", ".join(map(str, left))})
        return events.Warned(step=event.step, elapsed_s=event.elapsed_s, message=message)

    def _finished(self, event: events.Event) -> events.Answer:
        assert isinstance(event, events.Finished)
        self._flush(event)
        return self._told(event, None if self._background is None else self._background.settle())


def _copied(event: events.Saving) -> events.Saving:
    """The event with tensors and state of its own: training goes on changing the others."""
    tensors = {
        file: {name: value.detach().clone() for name, value in group.items()}
        for file, group in event.tensors.items()
    }
    return event.model_copy(update={"tensors": tensors, "state": copy.deepcopy(event.state)})
