"""Search for settings: many short runs, the worse ones stopped early, in a study that any interruption leaves whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting, command
from olaria.vocabulary import MOST_STEPS, SEED, SEED_LIMIT, SIZE, Size
from olaria.workflows.files import word_of
from olaria.workflows.requests import AnyData, Request, Result, Seconds, setting
from olaria.workflows.requests.common import threads_setting
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.data.base import Progress
    from olaria.recipes import Recipe
    from olaria.training.events import Listener

TRIALS = 20
BUDGET_S = 600.0
ENOUGH = 10
"""Trials to the end from which the importance of settings is more than a rough guess."""
RATE = "training.learning_rate=3e-4..1e-2 log"
"""Varied of every family, beside what the family itself names."""


@dataclass(frozen=True, kw_only=True)
class TuneRequest(Request):
    """What ``tune`` takes."""

    summary = N_("Search for settings of a preset: many short runs, compared by validation.")

    preset: str = setting(
        N_("what to train; olaria presets lists them"), metavar=N_("PRESET"), positional=True
    )
    data: AnyData | None = setting(
        N_("a data set, or your images or text"), default=None, metavar=N_("NAME|PATH")
    )
    trials: int = setting(N_("how many runs to make"), default=TRIALS, metavar="N", least=1)
    budget: Seconds | None = setting(
        N_("training time of all of them; evaluation is extra"),
        default=None,
        metavar=N_("TIME"),
        unless=Message(N_("10m, where no steps are given")),
    )
    steps: int | None = setting(
        N_("train each for N steps; else they share the time alike"),
        default=None,
        metavar="N",
        least=1,
        most=MOST_STEPS,
    )
    search: tuple[str, ...] = setting(
        N_(
            "a setting to vary: NAME=LOW..HIGH, with log behind it for a logarithmic range, or NAME=A,B,C; "
            "may be repeated"
        ),
        default=(),
        metavar=N_("NAME=RANGE"),
        unless=Message(N_("what suits the family")),
    )
    settings: tuple[str, ...] = setting(
        N_("a setting of the recipe that stays, such as model.latent=2; may be repeated"),
        default=(),
        metavar=N_("NAME=VALUE"),
        flag="--set",
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
    threads: int | None = threads_setting()
    out: str | Path | None = setting(
        N_("of the study; the same command goes on with it"),
        default=None,
        metavar=N_("FOLDER"),
        unless=Message(N_("tune-PRESET, where runs lie")),
    )

    @property
    def time_s(self) -> float | None:
        """Training time of all trials; None where steps alone say how long each is."""
        return BUDGET_S if self.budget is None and self.steps is None else self.budget

    def recipe(self) -> Recipe:
        """The preset with the user's choices, and the length of a trial.

        Data given in Python are kept as a file.
        """
        from olaria.workflows.train import TrainRequest, with_file

        seconds = None if self.steps is not None else (self.time_s or BUDGET_S) / self.trials
        request = TrainRequest(
            preset=self.preset,
            data=self.data,
            steps=self.steps,
            budget=seconds,
            size=self.size,
            seed=self.seed,
            settings=self.settings,
        )
        return with_file(request).recipe()


@dataclass(frozen=True)
class TriedRun:
    """One trial of a study.

    Args:
        number: from 1.
        state: ``done``, ``pruned`` (stopped early, or its training failed) or ``interrupted``.
        value: of the validation, its best; None where it has none.
        settings: that were tried, by path.
        run: its folder, beside the study's file.
    """

    number: int
    state: str
    value: float | None
    settings: Mapping[str, Any]
    run: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**self.__dict__, "settings": dict(self.settings)}


@dataclass(frozen=True)
class Tuned(Result):
    """A study, as far as it is.

    Args:
        request: what was requested.
        path: its folder.
        metric: of the validation split, by which trials compare.
        higher: whether it is better where it is higher.
        trials: in order.
        importance: share of each setting in how the value varies; None where that is not known.
        picture: of both, PNG.
        notes: for the reader.
    """

    request: TuneRequest
    path: Path
    metric: str
    higher: bool
    trials: tuple[TriedRun, ...]
    importance: Mapping[str, float] | None
    picture: Path | None
    notes: tuple[Message, ...] = ()

    @property
    def ranked(self) -> list[TriedRun]:
        """Trials that came to their end, the best first."""
        done = [one for one in self.trials if one.state == "done" and one.value is not None]
        return sorted(done, key=lambda one: one.value or 0.0, reverse=self.higher)

    @property
    def best(self) -> TriedRun | None:
        """The best of them."""
        return next(iter(self.ranked), None)

    @property
    def command(self) -> str:
        """What trains the preset with the best settings, by the shell."""
        best, request = self.best, self.request
        settings = {} if best is None else best.settings
        words = [
            *request.settings,
            *(f"{path}={_typed(value)}" for path, value in settings.items()),
        ]
        options = [part for word in words for part in ("--set", word)]
        given = {"--data": word_of(request.data), "--size": request.size}
        around = [part for name, word in given.items() if word for part in (name, word)]
        return command("train", request.preset, options=[*around, *options])

    def to_json(self) -> dict[str, Any]:
        """The trials, the best of them and what mattered."""
        return {
            "format": 1,
            "study": str(self.path),
            "preset": self.request.preset,
            "metric": self.metric,
            "better": "higher" if self.higher else "lower",
            "trials": [one.to_json() for one in self.trials],
            "best": None if self.best is None else self.best.to_json(),
            "importance": None if self.importance is None else dict(self.importance),
            "picture": None if self.picture is None else str(self.picture),
        }


@verb(TuneRequest)
def tune(
    request: TuneRequest,
    *,
    language: str = "en",
    offline: bool = False,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    announce: Callable[[Message], None] = lambda _message: None,
) -> Tuned:
    """Search for settings. The same call goes on with a study that was interrupted, or makes more trials.

    Trials are ordinary runs in the study's folder, compared by the best value of their validation split; the test
    split is never looked at. A trial whose curve is worse than the median of the others at the same tenth of its length
    is stopped there.

    Args:
        language: of the picture.
        offline: open no connection.
        listeners: get every training event.
        progress: gets what is downloaded.
        announce: gets a message before each trial.

    Raises:
        UsageError: Optuna is not installed, or a word of ``search`` cannot be used.
        ConfigError: it names no setting, or a value that the setting does not take.
        RunError: the folder holds something else, or another search.
    """
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise UsageError(
            N_("tune needs another package: pip install 'olaria[tune]' brings it")
        ) from error
    from olaria.storage.folder import runs_home
    from olaria.workflows.search_space import parse_space
    from olaria.workflows.searching import Study, opened_study

    recipe = request.recipe()
    space = parse_space(request.search or default_search(recipe), recipe)
    home = runs_home() / f"tune-{request.preset}" if request.out is None else Path(request.out)
    around = {"offline": offline, "progress": progress}
    with opened_study(home, request, recipe, space) as study:
        assert isinstance(study, Study)
        study.search(request.trials, request.time_s, listeners, announce, **around)
        return study.result(language)


def importance_notes(
    trials: Sequence[TriedRun], importance: Mapping[str, float] | None
) -> tuple[Message, ...]:
    """How far the importance of the settings may be believed; nothing where there are enough trials."""
    if importance is None:
        text = N_("which setting matters is not known before some trials have ended apart")
        return (Message(text),)
    done = sum(one.state == "done" for one in trials)
    if done >= ENOUGH:
        return ()
    text = N_(
        "importance is a rough guess from {count} {count:trial|trials}; make {enough} or more"
    )
    return (Message(text, {"count": done, "enough": ENOUGH}),)


def _typed(value: Any) -> str:
    """A value as ``--set`` takes it."""
    return (
        f"{value:.4g}"
        if isinstance(value, float)
        else value
        if isinstance(value, str)
        else json.dumps(value)
    )


def default_search(recipe: Recipe) -> tuple[str, ...]:
    """What is varied of a family where nobody says so."""
    from olaria.families import MODELS

    return (RATE, *MODELS[recipe.model.family].search)


def other_search(home: Path, name: str) -> UsageError:
    """The error where a folder holds the study of another search."""
    return UsageError(
        N_(
            "{path} holds a search with another {name}; repeat its command to go on with it, or choose another {out}"
        ),
        path=os.fspath(home),
        name=name,
        out=Setting("out"),
    )
