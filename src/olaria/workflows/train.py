"""Turn a recipe into a run."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from olaria.data import DATASETS, ImageData, TextData
from olaria.data.base import Progress
from olaria.errors import DataError, OlariaError, UsageError
from olaria.i18n import N_, Message
from olaria.models.base import Model, num_parameters
from olaria.recipes import Recipe, Size
from olaria.recipes import preset as find_preset
from olaria.runs import Run, build_model, load_data, tokenizer_for
from olaria.storage import folder as files
from olaria.storage.checkpoint import load_checkpoint
from olaria.storage.folder import RunFolder, new_run_path
from olaria.training.engine import Trainer, Watch
from olaria.training.events import Answer, Event, Finished, Listener, Stop, Warned
from olaria.training.feed import Feed, ImageFeed, TextFeed
from olaria.training.health import Health
from olaria.training.memory import keep_freed_memory
from olaria.training.recorder import Recorder
from olaria.training.schedule import Clock
from olaria.workflows import machine
from olaria.workflows.watching import watch_images, watch_text

ADAPTED = 10_000
"""Training images whose statistics a model may take before it begins."""
INTERRUPTED = N_("stopped by Ctrl-C")
TERMINATED = N_("stopped by the system (SIGTERM)")


@dataclass(frozen=True)
class Prepared:
    """A recipe with its data in memory, ready for the loop."""

    recipe: Recipe
    data: ImageData | TextData
    dimensions: tuple[int, int, int] | int
    feed: Feed
    watch: Watch
    model: Model
    tokenizer: dict[str, Any] | None = None


def train(
    preset: str,
    *,
    data: str | None = None,
    size: Size = "small",
    steps: int | None = None,
    budget: float | None = None,
    seed: int = 0,
    settings: Sequence[str] = (),
    data_options: dict[str, Any] | None = None,
    out: str | Path | None = None,
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    started: float | None = None,
) -> Run:
    """Train a preset and return its run.

    Args:
        preset: a name of ``olaria.recipes.PRESETS``.
        data: another data set, or the user's own files.
        size: ``tiny``, ``small`` or ``base``.
        steps: turns to make; or
        budget: seconds from ``started`` to the last update. The preset's own budget where both are None.
        seed: of everything random.
        settings: ``path=value`` overrides, as after ``--set``.
        data_options: fields of :class:`olaria.data.DataConfig` besides the name.
        out: the run's folder; a free name under ``runs`` unless given.
        offline: open no connection.
        listeners: told of every event.
        progress: told of downloads.
        started: reading of :func:`time.monotonic` at which the budget began; now unless given.

    Raises:
        OlariaError: as its subclasses say; nothing of another run is ever touched.
    """
    started = time.monotonic() if started is None else started
    recipe = make_recipe(preset, data, size, steps, budget, seed, settings, data_options)
    folder = RunFolder(Path(out) if out is not None else new_run_path(preset))
    return train_recipe(
        recipe,
        folder,
        offline=offline,
        listeners=listeners,
        progress=progress,
        clock=Clock(started),
    )


def make_recipe(
    preset: str,
    data: str | None,
    size: Size,
    steps: int | None,
    budget: float | None,
    seed: int,
    settings: Sequence[str],
    data_options: dict[str, Any] | None,
) -> Recipe:
    """A preset with the user's choices; see :func:`train`."""
    if steps is not None and budget is not None:
        raise UsageError(N_("give --steps or --budget, not both"))
    recipe = find_preset(preset, size).ending(steps, budget)
    if data is not None:
        # An existing path wins its absolute form, so that the run opens from any folder.
        path = Path(data).expanduser()
        is_path = path.exists() and data not in DATASETS
        recipe = recipe.updated("data.name", str(path.resolve()) if is_path else data)
    for name, value in (data_options or {}).items():
        recipe = recipe.updated(f"data.{name}", value)
    return recipe.updated("seed", seed).with_settings(list(settings))


def train_recipe(
    recipe: Recipe,
    folder: RunFolder,
    *,
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    clock: Clock | None = None,
    fractions: list[float] | None = None,
) -> Run:
    """Train a recipe from its beginning into a new folder; see :func:`train`."""
    clock = clock or Clock()
    if files.is_run(folder.path):  # told before minutes of preparation
        folder.create({}, {})
    prepared = prepare(recipe, offline=offline, progress=progress)
    with _cleared_if_unborn(folder), folder.locked():
        folder.create(recipe.model_dump(mode="json"), _provenance(prepared))
        if prepared.tokenizer is not None:
            folder.write(files.TOKENIZER, prepared.tokenizer)
        trainer = _trainer(prepared, clock, fractions)
        return _run(trainer, prepared, folder, listeners)


def resume(
    run: str | Path,
    *,
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    started: float | None = None,
) -> Run:
    """Go on with a stopped run from its last complete checkpoint; a finished one is returned as it is.

    Raises:
        RunError: there is no run or no checkpoint, or the data has changed.
    """
    opened = Run(run)
    if opened.state == "done":
        return opened
    with opened.folder.locked():
        tensors, state = load_checkpoint(opened.folder.checkpoint_path("last"))
        stored = opened.provenance
        recipe = opened.recipe
        if recipe.training.precision == "auto":  # as it was decided then
            recipe = recipe.updated("training.precision", stored["precision"])
        prepared = prepare(recipe, offline=offline, progress=progress)
        if stored["data_sha256"] != prepared.data.sha256:
            opened.data(offline=offline)  # says so
        clock = Clock(started, carried=float(state["elapsed_s"]))
        trainer = _trainer(prepared, clock, None)
        trainer.restore(tensors, state)
        for log in (files.METRICS, files.EVENTS):
            opened.folder.truncate(log, trainer.progress.step)
        return _run(trainer, prepared, opened.folder, [_Changed(stored), *listeners])


def replay(
    run: str | Path,
    *,
    out: str | Path | None = None,
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
) -> Run:
    """Repeat a run exactly, a budget run too: its schedule is followed instead of the clock."""
    opened = Run(run)
    stored, recipe = opened.provenance, opened.recipe
    recipe = recipe.updated("training.precision", stored["precision"])
    recipe = recipe.updated("training.compile", "on" if stored["compile"] else "off")
    folder = RunFolder(Path(out) if out is not None else new_run_path(opened.name))
    return train_recipe(
        recipe,
        folder,
        offline=offline,
        listeners=listeners,
        progress=progress,
        fractions=opened.fractions(),
    )


def latest_unfinished(stem: str) -> Path | None:
    """The newest run of a preset that stopped before its end, for ``--resume auto``."""
    unfinished = [path for path in files.list_runs() if _is_unfinished(path, stem)]
    return max(unfinished, key=lambda path: path.stat().st_mtime, default=None)


def _is_unfinished(path: Path, stem: str) -> bool:
    try:
        run = Run(path)
        is_one = run.recipe.preset == stem and run.state != "done"
        return is_one and bool(run.folder.checkpoint_steps())
    except OlariaError:  # a damaged run must not hide the others
        return False


def prepare(recipe: Recipe, *, offline: bool = False, progress: Progress | None = None) -> Prepared:
    """Load the data and build everything that the loop needs."""
    data = load_data(recipe, offline=offline, progress=progress)
    batch_size, seed = recipe.training.batch_size, recipe.seed
    if isinstance(data, ImageData):
        feed: Feed = ImageFeed(data.train.x, data.train.y, batch_size, seed)
        watch = watch_images(recipe.model.family, data, seed)
        model = build_model(recipe, data.shape)
        model.adapt(data.train.x[:ADAPTED].float() / 255)
        return Prepared(recipe, data, data.shape, feed, watch, model)
    tokenizer = tokenizer_for(recipe, data)
    context = getattr(recipe.model, "context", 1)
    feed = TextFeed(tokenizer.encode(data.train), context, batch_size, seed)
    held_out = tokenizer.encode(data.validation)
    if len(held_out) < 2:  # told before a run is begun that could not be measured
        raise DataError(
            N_("the validation text has {count} tokens and needs two; use a longer text"),
            count=len(held_out),
        )
    watch = watch_text(held_out, tokenizer, seed)
    model = build_model(recipe, tokenizer.vocab_size)
    return Prepared(recipe, data, tokenizer.vocab_size, feed, watch, model, tokenizer.to_json())


def _trainer(prepared: Prepared, clock: Clock, fractions: list[float] | None) -> Trainer:
    recipe = prepared.recipe
    return Trainer(
        prepared.model,
        prepared.feed,
        recipe.training,
        recipe.seed,
        prepared.watch,
        clock,
        fractions,
    )


def _run(
    trainer: Trainer, prepared: Prepared, folder: RunFolder, listeners: Sequence[Listener]
) -> Run:
    """Run the loop into the folder; whatever ends it, the folder says so."""
    training = prepared.recipe.training
    chorus: list[Listener] = [Recorder(folder, training.keep_last), *listeners]
    if training.health:
        chorus.append(Health(prepared.watch.monitor))
    keep_freed_memory()
    interruption = _Interruption()
    chorus.append(interruption)
    try:
        with interruption.watching():
            finished = trainer.run(chorus)
    except BaseException:
        folder.status("failed", trainer.progress.step)
        raise
    folder.write(files.RESULT, _result(trainer, prepared, finished))
    stopped = interruption.reason is not None
    folder.status("stopped" if stopped else "done", finished.step)
    if stopped:
        raise Interrupted(interruption.reason or INTERRUPTED, folder.path, interruption.exit_code)
    return Run(folder.path)


class Interrupted(OlariaError):
    """A person or the system ended a run; all was saved."""

    def __init__(self, reason: str, path: Path, exit_code: int) -> None:
        super().__init__(
            N_("{reason}; go on with --resume {path}"), reason=Message(reason), path=str(path)
        )
        self.exit_code = exit_code


class _Interruption:
    """Turns the first Ctrl-C or SIGTERM into a stop after the current step; a second one ends at once."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.exit_code = 0

    def __call__(self, event: Event) -> Answer:
        return Stop(Message(self.reason)) if self.reason else None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Handle the signals inside, and restore whatever handled them before."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, self._note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.reason is not None:
            raise KeyboardInterrupt
        terminated = number == signal.SIGTERM
        self.reason = TERMINATED if terminated else INTERRUPTED
        self.exit_code = 143 if terminated else 130


class _Changed:
    """Says once what differs from the machine on which the run began."""

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


@contextmanager
def _cleared_if_unborn(folder: RunFolder) -> Iterator[None]:
    """Leave no folder behind that holds nothing but a lock."""
    existed = folder.path.exists()
    try:
        yield
    except OlariaError:
        if not existed and folder.path.is_dir():
            left = [path for path in folder.path.iterdir() if path.name != files.LOCK]
            if not left:
                (folder.path / files.LOCK).unlink(missing_ok=True)
                folder.path.rmdir()
        raise


def _provenance(prepared: Prepared) -> dict[str, Any]:
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
    }


def _result(trainer: Trainer, prepared: Prepared, finished: Finished) -> dict[str, Any]:
    return {
        "format": 1,
        "family": prepared.recipe.model.family,
        "steps": finished.step,
        "elapsed_s": round(finished.elapsed_s, 3),
        "train_s": round(finished.train_s, 3),
        f"{prepared.feed.unit}_per_s": round(finished.rate, 1),
        "peak_memory_bytes": machine.peak_memory_bytes(),
        "num_parameters": num_parameters(prepared.model),
        "reason": finished.reason.to_json(),
        "final": finished.model_dump(mode="json")["final"],
    }
