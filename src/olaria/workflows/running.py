"""A recipe becomes a run: from the beginning, from where it stopped, or once more."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from olaria.data.base import Progress
from olaria.errors import NonFiniteLossError, OlariaError, RunError
from olaria.families.gan import GameConfig
from olaria.families.vae import VAEConfig
from olaria.i18n import N_, Message, Setting
from olaria.kinds import prepare
from olaria.numbers import Number
from olaria.recipes import Recipe
from olaria.runs import Run, opened_run
from olaria.runs.longer import longer_recipe, trained_in_all
from olaria.runs.opening import check_data, check_weights, model_to_fill, most_stored_bytes
from olaria.runs.places import recipes_of
from olaria.runs.tuning import base_of, resumed
from olaria.storage import folder as files
from olaria.storage.checkpoint import STATE, is_thin
from olaria.storage.documents import check_document
from olaria.storage.folder import RunFolder
from olaria.storage.new import new_folder
from olaria.training import records, teamwork, threads
from olaria.training.device import choose_device
from olaria.training.engine import Trainer
from olaria.training.events import Began, Event, Forecast, Listener
from olaria.training.forecast import FewSteps
from olaria.training.health import Health
from olaria.training.interruption import INTERRUPTED, Interrupted, Interruption, handling
from olaria.training.memory import keep_freed_memory
from olaria.training.prepared import Prepared
from olaria.training.recorder import Recorder
from olaria.training.rescue import Rescue
from olaria.training.schedule import Clock
from olaria.training.sizing import Notes, room
from olaria.training.stopping import Patience
from olaria.training.team import Team
from olaria.vocabulary import DEVICE, TrackerName
from olaria.workflows.tracking import tracked


def train_recipe(
    recipe: Recipe,
    out: str | Path | None = None,
    *,
    stem: str | None = None,
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    clock: Clock | None = None,
    fractions: list[float] | None = None,
    team: Team | None = None,
    repeated: Run | None = None,
    epochs: float | None = None,
    track: TrackerName | None = None,
) -> Run:
    """Train a recipe from its beginning into a new folder; see :func:`olaria.workflows.train.train`.

    Args:
        out: the folder; a free name that begins with ``stem``, else with the preset's name, where None.
        epochs: times over the training data, instead of the recipe's end.
        track: a program that is told of the run.
    """
    clock = clock or Clock()
    if out is not None and files.is_run(Path(out)):  # refused before minutes of preparation
        RunFolder(Path(out)).create({}, {})
    team = team or Team()
    teamwork.send_plan(team, recipe, fractions, epochs)
    prepared = prepare(recipe, repeated, offline=offline, progress=progress).over_the_data(epochs)
    if repeated is not None:
        check_data(repeated, prepared.data)
    team.check(prepared.feed.batch_size)
    naming = new_folder(stem or recipe.preset, out)
    with threads.used(), naming as path, RunFolder(path).locked():
        folder = RunFolder(path)
        folder.create(prepared.recipe.model_dump(mode="json"), records.provenance(prepared))
        folder.status("running", 0)
        with _failed_where_it_raises(folder):
            if prepared.tokenizer is not None:
                folder.write(files.TOKENIZER, prepared.tokenizer)
            trainer = _trainer(prepared, clock, fractions, team)
            trainer.may_choose_threads = fractions is None
            teamwork.begin(team, prepared, trainer)
        # A repeated run ends at the step where the first one did.
        stopping = _patience(prepared) if fractions is None else []
        return _run(trainer, prepared, folder, [*stopping, *listeners], track=track)


def foretell(
    recipe: Recipe,
    *,
    offline: bool = False,
    epochs: float | None = None,
    device: str = DEVICE,
) -> Began:
    """What a recipe's training begins with, its forecast among it; nothing is trained or written.

    Args:
        recipe: to be trained.
        offline: open no connection.
        epochs: times over the training data, instead of the recipe's end.
        device: where it is to be trained.

    Raises:
        ConfigError: the machine has no such device.
    """
    team = Team(device=choose_device(device))
    prepared = prepare(recipe, offline=offline).over_the_data(epochs)
    with threads.used():
        began = next(_trainer(prepared, Clock(), None, team).stream())
    assert isinstance(began, Began)
    return began


def resume(
    run: str | Path | Run,
    *,
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    started: float | None = None,
    team: Team | None = None,
    track: TrackerName | None = None,
) -> Run:
    """Go on with a stopped run from its last complete checkpoint.

    Raises:
        RunError: there is no run or no checkpoint, it is finished, or the data has changed.
    """
    opened = opened_run(run)
    if opened.state == "done":
        raise _finished(opened)
    with opened.folder.locked(), threads.used(threads_of(opened)):
        opened.folder.check_places()
        path = opened.folder.checkpoint_path("last")
        if is_thin(path):
            raise _thin(path)
        model = model_to_fill(opened, path)
        tensors, state = opened.folder.load_checkpoint("last", most_bytes=most_stored_bytes(model))
        check_document(path / STATE, state)
        stored = opened.provenance
        recipe = recipes_of(opened)[0]
        check_weights(model, tensors["model"], path)
        if recipe.training.precision == "auto":  # as the run began
            recipe = recipe.updated("training.precision", stored["precision"])
        team = team or Team()
        teamwork.send_plan(team, recipe)
        start = None if recipe.tuning is None else resumed(opened)
        prepared = prepare(recipe, opened, offline=offline, progress=progress, start=start)
        check_data(opened, prepared.data)
        _remember_place(opened, prepared)
        clock = Clock(started, carried=float(state["elapsed_s"]))
        trainer = _trainer(prepared, clock, None, team)
        trainer.restore(tensors, state)
        teamwork.begin(team, prepared, trainer)
        opened.folder.mend_best(trainer.progress.best_step)
        for log in (files.METRICS, files.EVENTS):
            opened.folder.truncate(log, trainer.progress.step)
        past = list(records.past(opened.folder))
        stopping = _patience(prepared, past)
        skipped = Notes(records.skipped_checkpoints(opened.folder, trainer.progress.step))
        changed = records.MachineChanged(stored)
        first: list[Listener] = [changed, skipped, *stopping, *listeners]
        return _run(trainer, prepared, opened.folder, first, past, track)


def _remember_place(run: Run, prepared: Prepared) -> None:
    """Name in a resumed run's recipe where its data lie now: that is what is trained on from here on."""
    name = prepared.recipe.data.name
    if name != run.recipe.data.name:
        recipe = run.recipe.updated("data.name", name)
        run.folder.write(files.RECIPE, recipe.model_dump(mode="json"))


def _thin(path: Path) -> RunError:
    """The error of who goes on from a checkpoint of weights alone: the later ones have been deleted."""
    text = N_(
        "the newest checkpoint, {path}, keeps its weights alone, and the optimizers' state is needed to go on; "
        "begin a new run from the weights with {start}"
    )
    return RunError(text, path=str(path), start=Setting("start"))


def _finished(run: Run) -> RunError:
    """The error of who goes on with a run that has come to its end: how it is trained longer."""
    training, done = run.recipe.training, trained_in_all(run)
    more = Setting("steps", str(2 * int(done["steps"])))
    if training.steps is None:
        more = Setting("budget", f"{2 * max(1, round(done['elapsed_s']))}s")
    return RunError(
        N_(
            "run {name} is finished, after {steps} {steps:step|steps}; {resume} {more} "
            "trains it on, in a new run"
        ),
        name=run.name,
        steps=int(done["steps"]),
        resume=Setting("resume", str(run.path)),
        more=more,
    )


def train_on(
    run: str | Path | Run,
    *,
    steps: int | None,
    budget: float | None,
    out: str | Path | None = None,
    notify: Callable[[Message], None] = lambda _message: None,
    clock: Clock | None = None,
    **around: Any,
) -> Run:
    """Train a finished run longer: a new run begins from its last weights, with a schedule of its own.

    Args:
        run: finished.
        steps: that it is to have made in all.
        budget: seconds that it is to have had in all; one of both.
        out: folder of the new run; a free name unless given.
        notify: gets what a person should know before it begins.
        clock: of the new run's budget.
        **around: see :func:`train_recipe`.

    Raises:
        UsageError: the run has come as far already.
        RunError: its data has changed, or is not where it was.
    """
    opened = opened_run(run)
    recipe = longer_recipe(opened, steps, budget)
    recipe = recipe.updated("data.name", recipes_of(opened)[0].data.name)
    fields: dict[str, Any] = {"name": opened.name, "done": int(trained_in_all(opened)["steps"])}
    begins = N_(
        "run {name} is finished, after {done} {done:step|steps}: a new run begins from its "
        "last weights, with a schedule of its own, for {more} more"
    )
    if recipe.training.steps is not None:
        more = Message(N_("{count} {count:step|steps}"), {"count": recipe.training.steps})
    else:
        more = Message(N_("{seconds} s"), {"seconds": Number(recipe.training.budget or 0, 0)})
    notify(Message(begins, {**fields, "more": more}))
    # Of two runs of one name, one here and one elsewhere, the one would be taken for the other.
    stem = opened.name if (files.runs_home() / opened.name).exists() else f"{opened.name}-2"
    return train_recipe(recipe, out, stem=stem, clock=clock, repeated=opened, **around)


def replay(
    run: str | Path | Run,
    *,
    out: str | Path | None = None,
    start: str | None = None,
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    team: Team | None = None,
    track: TrackerName | None = None,
) -> Run:
    """Repeat a run exactly, a budget run too: its schedule is followed instead of the clock.

    Args:
        run: to be repeated.
        out: folder of the new run; a free name unless given.
        start: where the base of a tuned run is now, if it was moved.
        offline, listeners, progress, team, track: see :func:`train_recipe`.

    Raises:
        RunError: its data or its base has changed, or is not where it was.
    """
    opened = opened_run(run)
    stored, recipe = opened.provenance, recipes_of(opened)[0]
    base = base_of(opened, start)
    if base is not None:
        recipe = recipe.updated("tuning.start", base)
    recipe = recipe.updated("training.precision", stored["precision"])
    recipe = recipe.updated("training.compile", "on" if stored["compile"] else "off")
    with threads.used(threads_of(opened)):
        return train_recipe(
            recipe,
            out,
            stem=opened.name,
            offline=offline,
            listeners=listeners,
            progress=progress,
            fractions=opened.fractions(),
            team=team,
            repeated=opened,
            track=track,
        )


def threads_of(run: Run) -> int | None:
    """With how many threads a run was begun, where that was recorded."""
    count = run.provenance.get("machine", {}).get("num_threads")
    return count if isinstance(count, int) else None


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


def follow(team: Team, *, offline: bool = False, progress: Progress | None = None) -> None:
    """Train together with the first process of a team, which sends the recipe and writes the run.

    Raises:
        OlariaError: the data is not available here or differs from the first process's, or that process has ended.
    """
    recipe, fractions, epochs = teamwork.receive_plan(team)
    prepared = prepare(recipe, offline=offline, progress=progress).over_the_data(epochs)
    trainer = _trainer(prepared, Clock(), fractions, team)
    teamwork.begin(team, prepared, trainer)
    keep_freed_memory()
    # The first process receives Ctrl-C and SIGTERM too, and ends the run for all.
    with handling(signal.SIG_IGN):
        for _ in trainer.stream():
            pass


def _trainer(
    prepared: Prepared, clock: Clock, fractions: list[float] | None, team: Team
) -> Trainer:
    recipe = prepared.recipe
    trainer = Trainer(
        prepared.model,
        prepared.feed,
        recipe.training,
        recipe.seed,
        prepared.watch,
        clock,
        fractions,
        team,
    )
    memory = prepared.sized.memory
    trainer.forecast = Forecast(memory_bytes=None if memory is None else memory.total)
    return trainer


def _patience(prepared: Prepared, past: Sequence[Event] = ()) -> list[Listener]:
    """The listener that stops a run whose validation gets worse; ``past`` are evaluations before a resume."""
    patience = prepared.recipe.training.patience
    if patience is None:
        return []
    return [Patience(prepared.watch.monitor, patience, past)]


def _run(
    trainer: Trainer,
    prepared: Prepared,
    folder: RunFolder,
    listeners: Sequence[Listener],
    past: Sequence[Event] = (),
    track: TrackerName | None = None,
) -> Run:
    """Run the loop into the folder; the folder's status records how it ended."""
    training = prepared.recipe.training
    tracking = None if track is None else tracked(track, folder, prepared.data)
    recorder = Recorder(
        folder,
        training.keep_last,
        training.keep_spaced,
        in_background=training.background_saving,
    )
    all_listeners: list[Listener] = [recorder, *([] if tracking is None else [tracking])]
    all_listeners += listeners
    all_listeners.append(Notes((*prepared.notes, *prepared.watch.notes), is_note=True))
    all_listeners.append(Notes(prepared.sized.notes))
    all_listeners.append(Notes(room(prepared.sized.memory, folder.path, training)))
    model = prepared.recipe.model
    if training.health:
        is_critic = isinstance(model, GameConfig) and model.loss == "wasserstein"
        all_listeners += [FewSteps(training.budget), threads.Starved()]
        warmup = model.warmup if isinstance(model, VAEConfig) else 0.0
        all_listeners.append(
            Health(prepared.watch.monitor, can_win=not is_critic, past=past, warmup=warmup)
        )
    if training.rescue:
        progress = trainer.progress
        all_listeners.append(Rescue(training, model, dict(progress.changes), progress.num_restarts))
    keep_freed_memory()
    interruption = Interruption()
    all_listeners.append(interruption)
    try:
        with interruption.watching():
            finished = trainer.run(all_listeners)
    except BaseException as error:
        recorder.close()
        if tracking is not None:
            tracking.close()
        folder.status("failed", trainer.progress.step)
        if isinstance(error, NonFiniteLossError) and folder.checkpoint_steps():
            raise _with_last_good(error, folder) from error
        raise
    recorder.close()
    folder.write(files.RESULT, records.result(trainer, prepared, finished))
    stopped = interruption.reason is not None
    folder.status("stopped" if stopped else "done", finished.step)
    if stopped:
        raise Interrupted(interruption.reason or INTERRUPTED, folder.path, interruption.exit_code)
    return Run(folder.path)


@contextmanager
def _failed_where_it_raises(folder: RunFolder) -> Iterator[None]:
    """Mark a run as failed that ends before its loop, for example for lack of memory."""
    try:
        yield
    except BaseException:
        folder.status("failed", 0)
        raise


def _with_last_good(error: NonFiniteLossError, folder: RunFolder) -> NonFiniteLossError:
    """The same error, with the path of the last good checkpoint."""
    return NonFiniteLossError(
        N_("{reason}; the last good checkpoint is {path}"),
        reason=error.message,
        path=str(folder.checkpoint_path("last")),
    )
