"""The run folder: which file lies where. Everything that reads a run goes through here.

::

    runs/<name>/  recipe.json  provenance.json  tokenizer.json  status.json  run.lock  metrics.jsonl  events.jsonl
                  samples/step-000000.png|txt … step-NNNNNN
                  checkpoints/step-000500/…   checkpoints/{last,best}.json
                  evaluation.json  result.json  report.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import DamagedError, RunError, StorageError, suggestion
from olaria.i18n import N_, Setting
from olaria.storage import checkpoint
from olaria.storage.documents import check_document
from olaria.storage.files import (
    FORMAT,
    append_line,
    json_line,
    read_document,
    read_lines,
    storage_errors,
    write_json,
    write_text,
)
from olaria.storage.inside import inside
from olaria.storage.listed import RECIPE as RECIPE
from olaria.storage.listed import is_run as is_run
from olaria.storage.listed import list_runs as list_runs
from olaria.storage.listed import runs_home as runs_home
from olaria.storage.locks import locked
from olaria.storage.paths import user_path

if TYPE_CHECKING:
    from torch import Tensor

PROVENANCE, TOKENIZER = "provenance.json", "tokenizer.json"
STATUS, RESULT, EVALUATION = "status.json", "result.json", "evaluation.json"
METRICS, EVENTS, REPORT, LOCK = "metrics.jsonl", "events.jsonl", "report.html", "run.lock"


def find_run(name: str | os.PathLike[str]) -> Path:
    """The folder of a run given by name or path.

    Raises:
        RunError: there is none; the nearest name is offered.
    """
    name = os.fspath(name)
    for path in (user_path(name), user_path(runs_home() / name)):
        if is_run(path):
            return path
    known = [path.name for path in list_runs()]
    if not known:
        raise RunError(
            N_("no run named {name}: there are no runs in {home} yet; make one with olaria train"),
            name=name,
            home=str(runs_home()),
        )
    raise RunError(N_("no run named {name}: {hint}"), name=name, hint=suggestion(name, known))


class RunFolder:
    """One run's files.

    Args:
        path: the folder; :meth:`create` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, recipe: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Make the folder and describe the run in it.

        Raises:
            RunError: the place is taken: by another run or by other files.
        """
        if is_run(self.path):
            raise RunError(
                N_("{path} already holds a run; choose another {out}, or go on with {resume}"),
                out=Setting("out"),
                resume=Setting("resume", str(self.path)),
                path=str(self.path),
            )
        with storage_errors(self.path):
            taken = self.path.exists() and not self.path.is_dir()
            if taken or any(p.name != LOCK for p in self.path.glob("*")):
                raise RunError(
                    N_("{path} already exists and is not empty; choose another {out}"),
                    out=Setting("out"),
                    path=str(self.path),
                )
            self.path.mkdir(parents=True, exist_ok=True)
        self.write(PROVENANCE, dict(provenance))
        self.write(RECIPE, dict(recipe))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for writing.

        Raises:
            RunError: another process holds it.
        """
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.at(LOCK), self._busy):
            status = self.read(STATUS)
            if status is not None:
                self.write(STATUS, {**status, "pid": os.getpid()})
            yield

    def _busy(self) -> RunError:
        pid = self.read(STATUS, {}).get("pid")
        if pid is None:  # it has only just begun
            message = N_("run {path} is being written by another process; wait for it or stop it")
            return RunError(message, path=str(self.path))
        return RunError(
            N_("run {path} is being written by process {pid}; wait for it or stop it"),
            path=str(self.path),
            pid=pid,
        )

    def status(self, state: str, step: int) -> None:
        """Publish ``running``, ``stopped``, ``failed`` or ``done``."""
        write_json(
            self.at(STATUS), {"format": FORMAT, "state": state, "pid": os.getpid(), "step": step}
        )

    def at(self, *names: str) -> Path:
        """The path of a file or folder of the run; every other method takes its paths from here.

        Raises:
            DamagedError: a link or a device is in its place or on the way, see :func:`olaria.storage.inside.inside`.
        """
        return inside(self.path, *names)

    def check_places(self) -> None:
        """See that whatever training writes goes into the run itself: before hours of it, not at their end.

        Raises:
            DamagedError: a link or a device is in one of the places.
        """
        for name in (STATUS, RESULT, EVALUATION, METRICS, EVENTS, "samples", "checkpoints"):
            self.at(name)

    def write(self, name: str, value: Any) -> None:
        """Publish a JSON file of the run."""
        write_json(self.at(name), value)

    def read(self, name: str, default: Any = None) -> Any:
        """A JSON file of the run, or ``default`` where it is not there.

        Raises:
            DamagedError: it is not of the form that its readers take.
        """
        path = self.at(*name.split("/"))
        if not path.is_file():
            return default
        content = read_document(path)
        check_document(path, content)
        return content

    def append(self, name: str, value: Any) -> None:
        """Append a line to a log of the run."""
        append_line(self.at(name), value)

    def lines(self, name: str) -> list[Any]:
        """All lines of a log of the run.

        Raises:
            DamagedError: one is not of the form that its readers take.
        """
        path = self.at(name)
        lines = read_lines(path)
        check_document(path, lines)
        return lines

    def truncate(self, name: str, step: int) -> None:
        """Forget what a log tells of steps after ``step``, when a run goes on from there."""
        kept = [line for line in self.lines(name) if line["step"] <= step]
        write_text(self.at(name), "".join(map(json_line, kept)))

    # -- samples ---------------------------------------------------------------------------------

    def sample_path(self, step: int, ending: str) -> Path:
        """Where the watching sample of a step lies."""
        folder = self.at("samples")
        with storage_errors(folder):
            folder.mkdir(exist_ok=True)
        return self.at("samples", f"step-{step:06d}.{ending}")

    def samples(self) -> list[Path]:
        """All watching samples, by step."""
        found = []
        for path in self.at("samples").glob("step-*.*"):
            match = re.fullmatch(r"step-(\d{1,18})\.(png|txt)", path.name, re.ASCII)
            if match:
                found.append((int(match[1]), self.at("samples", path.name)))
        return [path for _, path in sorted(found)]

    # -- checkpoints -----------------------------------------------------------------------------

    def save_checkpoint(
        self,
        step: int,
        tensors: Mapping[str, Mapping[str, Tensor]],
        state: Mapping[str, Any],
        *,
        best: bool,
        keep_last: int,
        keep_spaced: bool = False,
    ) -> list[Path]:
        """Write a checkpoint, point ``last`` (and ``best``) to it, then drop those no longer needed.

        A step's tensors are written once: saved again because it is the best, it is only pointed to. With
        ``keep_spaced`` the weights after steps 1, 4, 16, … stay.

        Returns:
            Old ones that could not be deleted.

        Raises:
            StorageError: it could not be written; the older ones are all there.
        """
        folder = self.at("checkpoints", _step_name(step))
        if not checkpoint.is_complete(folder):
            checkpoint.save_checkpoint(folder, tensors, state)
        for pointer in ("last", "best") if best else ("last",):
            self._point(pointer, step)
        steps, left = self.checkpoint_steps(), list[Path]()
        kept = {self._pointed("best"), *steps[-keep_last:]}
        for old in (old for old in steps if old not in kept):
            drop = (
                checkpoint.thin if keep_spaced and checkpoint.is_spaced(old) else checkpoint.remove
            )
            try:
                drop(folder.with_name(_step_name(old)))
            except StorageError:
                left.append(folder.with_name(_step_name(old)))
        return left

    def checkpoint_steps(self) -> list[int]:
        """Steps of the complete checkpoints, ascending."""
        return [step for step, folder in self._folders() if checkpoint.is_complete(folder)]

    def _folders(self) -> list[tuple[int, Path]]:
        """Steps and folders of all checkpoints, complete or not, ascending."""
        found = []
        for path in self.at("checkpoints").glob("step-*"):
            match = re.fullmatch(r"step-(\d{1,18})", path.name, re.ASCII)
            if match and path.name == _step_name(int(match[1])):
                found.append((int(match[1]), self.at("checkpoints", path.name)))
        return sorted(found)

    def half_checkpoints(self) -> list[Path]:
        """Folders of checkpoints that were being written, or deleted, when the process ended."""
        return [folder for _, folder in self._folders() if not checkpoint.is_complete(folder)]

    def load_checkpoint(
        self,
        which: str | int | None = None,
        names: tuple[str, ...] | None = None,
        most_bytes: int | None = None,
    ) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """A checkpoint's tensors and state; see :func:`olaria.storage.checkpoint.load_checkpoint`.

        Raises:
            RunError: see :meth:`checkpoint_path`.
            DamagedError: it is not what was written; the others are named.
        """
        path = self.checkpoint_path(which)
        try:
            return checkpoint.load_checkpoint(path, names, most_bytes)
        except DamagedError as error:
            others = [step for step in self.checkpoint_steps() if _step_name(step) != path.name]
            if not others:
                raise
            raise DamagedError(
                N_(
                    "{reason}; the run has others: {steps} (read one with {checkpoint}, or delete "
                    "{folder} and {resume})"
                ),
                checkpoint=Setting("checkpoint"),
                resume=Setting("resume"),
                reason=error.message,
                steps=", ".join(map(str, others)),
                folder=str(path),
            ) from None

    def checkpoint_path(self, which: str | int | None = None) -> Path:
        """The folder of a checkpoint: ``best``, ``last`` or a step; None is the best, else the last.

        Raises:
            RunError: the run has none, or not this one.
        """
        steps = self.checkpoint_steps()
        if not steps:
            raise RunError(
                N_("run {path} has no complete checkpoint yet; train it longer"),
                path=str(self.path),
            )
        step: int | None
        if which is None:
            step = self._pointed("best")
            step = steps[-1] if step is None else step
        elif which == "last":  # a crash may come between its manifest and the pointer
            step = steps[-1]
        elif which == "best":
            step = self._pointed("best")
        else:
            step = int(which) if str(which).isdecimal() else None
        if step not in steps:
            raise RunError(
                N_("run {path} has no checkpoint {which}; it has: {steps}"),
                path=str(self.path),
                which=str(which),
                steps=", ".join(map(str, steps)),
            )
        return self.at("checkpoints", _step_name(step))

    def mend_best(self, step: int | None) -> None:
        """Point ``best`` to the step that a checkpoint tells of: a crash may have come before that was written."""
        if step in self.checkpoint_steps():
            self._point("best", step)

    def _point(self, pointer: str, step: int) -> None:
        write_json(self.at("checkpoints", f"{pointer}.json"), {"format": FORMAT, "step": step})

    def _pointed(self, pointer: str) -> int | None:
        content = self.read(f"checkpoints/{pointer}.json")
        return None if content is None else int(content["step"])


def _step_name(step: int) -> str:
    return f"step-{step:06d}"
