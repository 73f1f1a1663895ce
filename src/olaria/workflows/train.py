"""Turn a preset, or the user's own data with it, into a run; go on with one; repeat one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting
from olaria.vocabulary import (
    DEVICE,
    LORA_ALPHA,
    LORA_TARGETS,
    MOST_STEPS,
    SEED,
    SEED_LIMIT,
    SIZE,
    UNSEEN,
    Device,
    Size,
    Times,
    TokenizerKind,
    TrackerName,
    Unseen,
)
from olaria.workflows.going_on import AUTO, of_preset, refuse_another_end, unfinished
from olaria.workflows.requests import AnyData, AnyRun, Request, Result, Seconds, setting
from olaria.workflows.requests.common import (
    READING,
    column_setting,
    encoding_setting,
    gray_setting,
    nproc_setting,
    out_setting,
    reading_of,
    refuse_alone,
    refuse_processes,
    resize_setting,
    threads_setting,
    times_setting,
    tokenizer_setting,
    vocab_size_setting,
)
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.data.base import Progress
    from olaria.recipes import Recipe
    from olaria.runs import Run
    from olaria.training.events import Listener
    from olaria.training.team import Team

ENDS = ("steps", "epochs", "budget")
"""How far a run is trained: one of them."""
CHOICES = ("data", *ENDS, "size", "seed", "settings")
"""What a recipe is made from, besides how its data is read."""
TUNING = ("start", "lora_rank", "lora_targets", "lora_alpha")
"""What a tuned run begins from, and its adapters."""


@dataclass(frozen=True, kw_only=True)
class TrainRequest(Request):
    """What ``train`` takes."""

    summary = N_("Train a preset, or your own data with it, into a run.")

    preset: str | None = setting(
        N_("what to train; olaria presets lists them"),
        default=None,
        metavar=N_("PRESET"),
        positional=True,
    )
    data: AnyData | None = setting(
        N_("a data set, or your images or text"), default=None, metavar=N_("NAME|PATH")
    )
    budget: Seconds | None = setting(
        N_("train for this long: 90s, 5m, 1h"), default=None, metavar=N_("TIME")
    )
    steps: int | None = setting(
        N_("or train for N steps"), default=None, metavar="N", least=1, most=MOST_STEPS
    )
    epochs: float | None = setting(
        N_("or go E times over the training data"), default=None, metavar="E", above=0
    )
    size: Size | None = setting(N_("of the model"), default=None, unless=SIZE)
    seed: int | None = setting(
        N_("random seed"),
        default=None,
        metavar="N",
        least=0,
        below=SEED_LIMIT,
        unless=str(SEED),
    )
    settings: tuple[str, ...] = setting(
        N_("a setting of the recipe, such as model.latent=2; may be repeated"),
        default=(),
        metavar=N_("NAME=VALUE"),
        flag="--set",
    )
    resume: AnyRun | None = setting(
        N_(
            "go on with a stopped run, or train a finished one longer; auto: the preset's newest, or else a new one"
        ),
        default=None,
        metavar=N_("RUN|auto"),
    )
    replay: AnyRun | None = setting(
        N_("repeat a run exactly, as a new one"), default=None, metavar=N_("RUN")
    )
    start: AnyRun | None = setting(
        N_("begin from the weights of a run, or of a GPT-2 folder of transformers"),
        default=None,
        metavar=N_("RUN|FOLDER"),
        flag="--from",
    )
    lora_rank: int | None = setting(
        N_("train adapters of rank N instead of all weights"), default=None, metavar="N", least=1
    )
    lora_targets: tuple[str, ...] | None = setting(
        N_("layers that get an adapter, with commas"),
        default=None,
        metavar=N_("NAMES"),
        by_commas=True,
        least=1,
        unless=",".join(LORA_TARGETS),
    )
    lora_alpha: float | None = setting(
        N_("an adapter is scaled by A over its rank"),
        default=None,
        metavar="A",
        above=0,
        unless=f"{LORA_ALPHA:g}",
    )
    encoding: str | None = encoding_setting()
    tokenizer: TokenizerKind | None = tokenizer_setting()
    vocab_size: int | None = vocab_size_setting()
    unseen: Unseen | None = setting(
        N_("what to do with an unknown character"), default=None, unless=UNSEEN
    )
    resize: int | None = resize_setting()
    gray: bool = gray_setting()
    leave_out: int | None = setting(
        N_("train on no image of class K, from 0, to find it as an anomaly"),
        default=None,
        metavar="K",
        least=0,
    )
    column: str | None = column_setting()
    times: Times | None = times_setting()
    nproc: int | None = nproc_setting(
        N_("train in N processes that share each batch; see torchrun")
    )
    device: Device | None = setting(N_("where to train"), default=None, unless=DEVICE)
    track: TrackerName | None = setting(
        N_("also show the run in this program, on this machine"), default=None
    )
    threads: int | None = threads_setting()
    out: str | Path | None = out_setting(N_("of the new run"), metavar=N_("FOLDER"))

    def check(self) -> None:
        """What goes with what; before anything slow is loaded."""
        ends = [name for name in ENDS if getattr(self, name) is not None]
        if len(ends) > 1:
            raise _not_both(*ends[:2])
        if self.epochs is not None and self.resume == AUTO:
            raise _not_both("epochs", "resume")
        if self.resume is not None and self.replay is not None:
            raise _not_both("resume", "replay")
        if self.preset is None and self.resume in (None, AUTO) and self.replay is None:
            raise UsageError(
                N_("say what to train: a preset (olaria presets lists them), or {resume} RUN"),
                resume=Setting("resume"),
            )
        self._check_tuning()
        self._check_fixed()

    def _check_tuning(self) -> None:
        for name in ("lora_targets", "lora_alpha"):
            if getattr(self, name) is not None and self.lora_rank is None:
                raise refuse_alone(Setting(name), Setting("lora_rank"))
        if self.lora_rank is not None and self.start is None:
            raise UsageError(
                N_("{one} goes with {other}, the run whose weights are adapted"),
                one=Setting("lora_rank"),
                other=Setting("start"),
            )
        if self.resume == AUTO and self.start is not None:
            raise UsageError(
                N_("{start} begins a new run; go on with a stopped one by {resume} RUN"),
                start=Setting("start"),
                resume=Setting("resume"),
            )

    def _check_fixed(self) -> None:
        """A run that goes on, or is repeated, brings its recipe along."""
        goes_on = self.resume not in (None, AUTO)
        # Beside such a run these say only where its data, and its base, lie now, and how far it is to be trained on.
        may = ("data", "steps", "budget") if goes_on else ("data", "start")
        every = (name for name in (*CHOICES, *TUNING, *READING) if name not in may)
        names = [name for name in every if _is_set(getattr(self, name))]
        names += ["out"] if goes_on and self.out is not None and not self.is_longer else []
        if names and (goes_on or self.replay is not None):
            raise UsageError(
                N_("{fixed} takes everything from its run; leave out {words}"),
                fixed=Setting("resume" if goes_on else "replay"),
                words=tuple(map(Setting, names)),
            )

    @property
    def is_longer(self) -> bool:
        """Whether it says how far a run is to be trained."""
        return self.steps is not None or self.budget is not None

    @property
    def is_of_a_run(self) -> bool:
        """Whether it goes on with, or repeats, a run that is named."""
        return self.resume not in (None, AUTO) or self.replay is not None

    @property
    def is_plain(self) -> bool:
        """Whether nothing of the preset's recipe is changed."""
        given = (getattr(self, name) for name in (*CHOICES, *TUNING))
        return not reading_of(self) and not any(map(_is_set, given))

    def recipe(self) -> Recipe:
        """The preset with the user's choices."""
        tuning = {
            "start": self.start,
            "rank": self.lora_rank,
            "targets": None if self.lora_targets is None else list(self.lora_targets),
            "alpha": self.lora_alpha,
        }
        return make_recipe(
            str(self.preset),
            None if self.data is None else os.fspath(self.data),
            self.size,
            # How many steps an epoch has is known when the data are there; until then one stands for it.
            1 if self.epochs is not None else self.steps,
            self.budget,
            SEED if self.seed is None else self.seed,
            self.settings,
            reading_of(self),
            None
            if self.start is None
            else {
                **{name: value for name, value in tuning.items() if value is not None},
                "start": os.fspath(self.start),
            },
        )


def _is_set(value: Any) -> bool:
    """Whether a setting was given; a value may be an array, which has no truth."""
    is_empty = isinstance(value, tuple) and not value
    return value is not None and value is not False and not is_empty


def _not_both(one: str, other: str) -> UsageError:
    return UsageError(N_("give {one} or {other}, not both"), one=Setting(one), other=Setting(other))


@dataclass(frozen=True)
class Trained(Result):
    """A run that has come to its end.

    Args:
        run: what was made.
        track: the program that was told of it.
    """

    run: Run
    track: TrackerName | None = None

    def to_json(self) -> dict[str, Any]:
        """What the run's ``result.json`` says, and where it is."""
        return {**self.run.result, "run": self.run.name, "path": str(self.run.path)}


@verb(TrainRequest)
def train(
    request: TrainRequest,
    *,
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    notify: Callable[[Message], None] = lambda _message: None,
    started: float | None = None,
    team: Team | None = None,
) -> Run:
    """Train a preset, go on with a run, or repeat one.

    Args:
        offline: open no connection.
        listeners: get every event.
        progress: gets what is downloaded.
        notify: gets what a person should know before it begins.
        started: reading of :func:`time.monotonic` at which the budget began; now unless given.
        team: of the processes that train it together, of which this is the first; alone unless given.

    Raises:
        OlariaError: as its subclasses say; nothing of another run is ever touched.
    """
    from olaria.trackers import check_installed
    from olaria.training.schedule import Clock
    from olaria.training.teamwork import join
    from olaria.workflows import given, running

    started = time.monotonic() if started is None else started
    if request.track is not None:
        check_installed(request.track)
    if not request.is_of_a_run:
        request = with_file(request)
    if team is None:
        refuse_processes(request.nproc)
    if team is None and request.device not in (None, DEVICE):
        team = join(request.device)
    around: dict[str, Any] = {
        "offline": offline,
        "listeners": listeners,
        "progress": progress,
        "team": team,
        "track": request.track,
    }
    if request.replay is not None:
        of_preset(request.replay, request.preset)
        replayed = given.opened(request.replay, request.data)
        start = None if request.start is None else os.fspath(request.start)
        return running.replay(replayed, out=request.out, start=start, **around)
    stopped = unfinished(request, notify)
    if stopped is not None:
        of_preset(stopped, request.preset)
        resumed = given.opened(stopped, request.data if request.is_of_a_run else None)
        if request.is_of_a_run and request.is_longer and resumed.state == "done":
            more: dict[str, Any] = {
                "steps": request.steps,
                "budget": request.budget,
                "out": request.out,
            }
            return running.train_on(resumed, **more, notify=notify, clock=Clock(started), **around)
        if request.is_of_a_run:
            refuse_another_end(request, resumed)
        return running.resume(resumed, started=started, **around)
    recipe = request.recipe()
    ending: dict[str, Any] = {"clock": Clock(started), "epochs": request.epochs}
    return running.train_recipe(recipe, request.out, **ending, **around)


def with_file(request: TrainRequest) -> TrainRequest:
    """Keep data given in Python as a file, after whatever else may be wrong with the request."""
    from olaria.workflows import given

    if not given.is_data(request.data):
        return request
    recipe = replace(request, data=given.STAND_IN).recipe()
    return replace(request, data=given.keep(request.data, recipe))


def make_recipe(
    preset: str,
    data: str | None,
    size: Size | None,
    steps: int | None,
    budget: float | None,
    seed: int,
    settings: Sequence[str],
    data_options: dict[str, Any] | None,
    tuning: dict[str, Any] | None = None,
) -> Recipe:
    """A preset with the user's choices; see :class:`TrainRequest`."""
    if steps is not None and budget is not None:
        raise _not_both("steps", "budget")
    from olaria.recipes import preset as find_preset
    from olaria.workflows.given import recorded_name

    recipe = find_preset(preset, size or SIZE).ending(steps, budget)
    values: dict[str, Any] = {}
    if data is not None:
        values["data.name"] = recorded_name(data)
    values |= {f"data.{name}": value for name, value in (data_options or {}).items()}
    recipe = recipe.with_values({**values, "seed": seed})
    if tuning is not None:
        from olaria.runs.tuning import tuned_recipe  # here, since it loads PyTorch

        return tuned_recipe(recipe, tuning, size, data_options or {}, settings)
    return recipe.with_settings(list(settings))
