"""A study on disk: trials proposed by Optuna, each trained as a run, stopped early where its curve is worse.

::

    <study>/  study.json  study.db  tune.lock  trial-001/ …  tune.json  importance.png

What is proposed for a trial is a function of the seed, its number and the trials before it, so that an interrupted
study proposes what the straight one would. Each trial's run is resumed from its last checkpoint.

Sources: Akiba et al. 2019, *Optuna*; Bergstra et al. 2011 (the tree-structured Parzen estimator); Golovin et al. 2017,
section 3.2.2 (the median rule).
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState
from sqlalchemy.engine import URL

from olaria.errors import ConfigError, OlariaError, RunError, TrainingError, UsageError
from olaria.i18n import N_, Message, Setting, translate
from olaria.models import NETWORKS
from olaria.models.base import ImageModel
from olaria.recipes import Recipe
from olaria.runs import Run
from olaria.storage.files import read_document, write_bytes, write_json
from olaria.storage.folder import is_run
from olaria.storage.locks import locked
from olaria.training.events import Answer, Evaluated, Event, Listener, Stepped, Stop
from olaria.training.interruption import Interrupted
from olaria.workflows.running import resume, train_recipe
from olaria.workflows.search_space import Dimension
from olaria.workflows.tune import TriedRun, Tuned, TuneRequest, importance_notes, other_search
from olaria.workflows.words import LABELS

STUDY, STORAGE, LOCK = "study.json", "study.db", "tune.lock"
DOCUMENT, PICTURE = "tune.json", "importance.png"
NAME = "olaria"
TENTHS = 10
"""A curve is compared at each tenth of a trial."""
FIRST_TENTH = 3
"""From which a trial may be stopped: before, its curve says more of its learning rate than of where it will end."""
FIRST_RANDOM = 5
"""Trials that are drawn at random, and trials before one may be stopped early."""
OVER = N_("the search's time is over")
PRUNED = N_("worse than the median of the other trials at this point")


class SearchInterrupted(OlariaError):
    """A person or the system ended a search; not the one run goes on, but the study."""

    def __init__(self, stopped: Interrupted) -> None:
        super().__init__(
            N_("{reason}; all is saved, and the same command goes on"),
            reason=stopped.message.fields["reason"],
        )
        self.exit_code = stopped.exit_code


@contextmanager
def opened_study(
    home: Path, request: TuneRequest, recipe: Recipe, space: Sequence[Dimension]
) -> Iterator[Study]:
    """The study in a folder, a new one where there is none; held against other processes.

    A new folder goes again where an error comes before its first trial has ended.

    Raises:
        RunError: the folder holds other things, or another process searches there.
        UsageError: it holds another search.
    """
    stored, is_new = _stored_search(home, request, recipe, space)
    with locked(home / LOCK, lambda: _busy(home)):
        if is_new:
            write_json(home / STUDY, stored)
        else:
            recipe = Recipe.parse(stored["recipe"], str(home / STUDY))
        try:
            study = Study(home, recipe, space, request)
            yield study
        except SearchInterrupted:
            raise
        except OlariaError:
            if is_new and not any(path.is_dir() and Run(path).result for path in _runs(home)):
                shutil.rmtree(home)
            raise


def _stored_search(
    home: Path, request: TuneRequest, recipe: Recipe, space: Sequence[Dimension]
) -> tuple[dict[str, Any], bool]:
    """What study.json says, and whether it is to be written first."""
    search = {
        "preset": request.preset,
        "data": recipe.data.name,
        "size": recipe.size,
        "seed": recipe.seed,
        "steps": request.steps,
        "settings": list(request.settings),
        "search": [repr(one) for one in space],
    }
    if (home / STUDY).is_file():
        stored = read_document(home / STUDY)
        for name, value in search.items():
            if stored.get("asked", {}).get(name) != value:
                raise other_search(home, name)
        return stored, False
    if home.exists() and (not home.is_dir() or any(path.name != LOCK for path in home.iterdir())):
        raise RunError(
            N_("{path} already exists and is not empty; choose another {out}"),
            path=str(home),
            out=Setting("out"),
        )
    return {"format": 1, "asked": search, "recipe": recipe.model_dump(mode="json")}, True


def _busy(home: Path) -> RunError:
    return RunError(N_("another process searches in {path}; wait for it"), path=str(home))


def _runs(home: Path) -> list[Path]:
    return [path for path in sorted(home.glob("trial-*")) if is_run(path)]


def metric_of(recipe: Recipe) -> tuple[str, bool]:
    """The validation value that trials of a family compare by, and whether higher is better."""
    network = NETWORKS[recipe.model.family]
    by_samples = issubclass(network, ImageModel) and network.measured_by == "samples"
    return ("coverage", True) if by_samples or recipe.kind == "points" else ("loss", False)


class Study:
    """A search, with its storage open.

    Args:
        home: its folder.
        recipe: that is varied.
        space: what is varied.
        request: that asked for it.
    """

    def __init__(
        self, home: Path, recipe: Recipe, space: Sequence[Dimension], request: TuneRequest
    ) -> None:
        self.home, self.recipe, self.space, self.request = home, recipe, tuple(space), request
        self.metric, self.higher = metric_of(recipe)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        url = URL.create("sqlite", database=str((home / STORAGE).absolute()))
        self.study = optuna.create_study(
            storage=url.render_as_string(hide_password=False),
            study_name=NAME,
            load_if_exists=True,
            direction="maximize" if self.higher else "minimize",
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=FIRST_RANDOM, n_warmup_steps=FIRST_TENTH, n_min_trials=FIRST_RANDOM
            ),
        )

    # -- searching ---------------------------------------------------------------------------------

    def search(
        self,
        count: int,
        time_s: float | None,
        listeners: Sequence[Listener],
        announce: Callable[[Message], None],
        **around: Any,
    ) -> None:
        """Make trials until there are ``count``, or their training has taken ``time_s``."""
        while True:
            trials = self.study.get_trials(deepcopy=False)
            left_s = None if time_s is None else time_s - self._used_s(trials)
            waiting = [one for one in trials if one.state == TrialState.RUNNING]
            ended = len(trials) - len(waiting)
            if ended >= count or (left_s is not None and left_s <= 0):
                return
            trial = self._again(waiting[0]) if waiting else self._next(len(trials))
            values = {one.path: one.suggested(trial) for one in self.space}
            said = ", ".join(f"{path}={_short(value)}" for path, value in values.items())
            text = N_("trial {number} of {count}: {settings}")
            fields = {"number": ended + 1, "count": count, "settings": said}
            announce(Message(text, fields))
            self._try(trial, values, left_s, listeners, around)

    def _next(self, number: int) -> Any:
        seed = (self.recipe.seed * 1_000_003 + number) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=FIRST_RANDOM)
        self.study.sampler = sampler
        return self.study.ask()

    def _again(self, frozen: Any) -> Any:
        """A trial that an interruption left open."""
        return optuna.trial.Trial(self.study, frozen._trial_id)

    def _used_s(self, trials: Sequence[Any]) -> float:
        return float(sum(trial.user_attrs.get("seconds", 0.0) for trial in trials))

    def _try(
        self,
        trial: Any,
        values: dict[str, Any],
        left_s: float | None,
        listeners: Sequence[Listener],
        around: dict[str, Any],
    ) -> None:
        """Train one trial, or go on with it, and tell the study what came of it."""
        path = self.home / run_name(trial.number)
        watcher = Watcher(trial, self.metric, left_s)
        try:
            recipe = self.recipe.with_values({**self._precision(), **values})
            run = _trained(path, recipe, [watcher, *listeners], around)
        except Interrupted as stopped:
            raise SearchInterrupted(stopped) from stopped
        except (ConfigError, TrainingError) as error:
            # Settings that do not go together, or a training that became unstable: the search learns from that.
            trial.set_user_attr("error", error.message.text("en"))
            trial.set_user_attr("seconds", watcher.elapsed_s)
            self.study.tell(trial.number, state=TrialState.PRUNED)
            return
        trial.set_user_attr("seconds", float(run.result["elapsed_s"]))
        value = self._value_of(run)
        if watcher.has_stopped or value is None:
            self.study.tell(trial.number, state=TrialState.PRUNED)
        else:
            self.study.tell(trial.number, value)

    def _precision(self) -> dict[str, str]:
        """The first trial's, for all: where it is chosen by the clock, trials must not differ in it."""
        if self.recipe.training.precision != "auto":
            return {}
        chosen = (Run(path).provenance.get("precision") for path in _runs(self.home))
        first = next(filter(None, chosen), None)
        return {} if first is None else {"training.precision": first}

    def _value_of(self, run: Run) -> float | None:
        """The best value of the validation split after the first step."""
        rows = (row for row in run.metrics() if row["split"] == "validation" and row["step"] > 0)
        found = [row["values"].get(self.metric) for row in rows]
        values = [value for value in found if value is not None]
        return (max if self.higher else min)(values, default=None)

    # -- what came of it ---------------------------------------------------------------------------

    def result(self, language: str) -> Tuned:
        """The study as it is now; tune.json and the picture say the same."""
        tried = tuple(map(self._tried, self.study.get_trials(deepcopy=False)))
        if not any(one.state == "done" for one in tried):
            raise self._without_value()
        importance = self._importance(tried)
        notes = importance_notes(tried, importance)
        picture = self.home / PICTURE
        request = self.request
        found = Tuned(
            request, self.home, self.metric, self.higher, tried, importance, picture, notes
        )
        from olaria.pages.search import search_figure
        from olaria.pages.style import png

        figure = search_figure(
            [(one.number, one.value, one.state) for one in tried if one.value is not None],
            importance or {},
            higher=self.higher,
            metric=translate(LABELS[self.metric], language),
            language=language,
            caveat=" ".join(note.text(language) for note in notes),
        )
        write_bytes(picture, png(figure))
        write_json(self.home / DOCUMENT, found.to_json())
        return found

    def _tried(self, trial: Any) -> TriedRun:
        states = {TrialState.COMPLETE: "done", TrialState.RUNNING: "interrupted"}
        ended = trial.value if trial.state == TrialState.COMPLETE else None
        curve = trial.intermediate_values
        best = max if self.higher else min
        value = best(curve.values(), default=None) if ended is None else ended
        settings = {
            one.path: _value(one, trial.params[one.path])
            for one in self.space
            if one.path in trial.params
        }
        state = states.get(trial.state, "pruned")
        return TriedRun(trial.number + 1, state, value, settings, run_name(trial.number))

    def _importance(self, tried: Sequence[TriedRun]) -> dict[str, float] | None:
        """Share of each setting in the variance of the value, by fANOVA (Hutter et al. 2014)."""
        values = {one.value for one in tried if one.state == "done"}
        if len(values) < 2:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
            try:
                found = optuna.importance.get_param_importances(self.study, evaluator=evaluator)
            except (RuntimeError, ValueError):  # too few trials, or all of one value
                return None
        return {str(name): float(share) for name, share in found.items()} or None

    def _without_value(self) -> OlariaError:
        """Why no trial has come to its end."""
        trials = self.study.get_trials(deepcopy=False)
        errors = [trial.user_attrs["error"] for trial in trials if "error" in trial.user_attrs]
        if errors:
            return TrainingError(N_("no trial came to its end: {reason}"), reason=errors[-1])
        return UsageError(
            N_("no trial came to its end in the time there was; raise {budget} or lower {steps}"),
            budget=Setting("budget"),
            steps=Setting("steps"),
        )


class Watcher:
    """A listener that reports a trial's validation curve, and stops the trial where the study says so.

    Args:
        trial: of Optuna.
        metric: that is reported.
        left_s: training time that the study has left; None where that is no matter.
    """

    def __init__(self, trial: Any, metric: str, left_s: float | None) -> None:
        self.has_stopped = False
        self.elapsed_s = 0.0
        self._trial, self._metric, self._left_s = trial, metric, left_s
        known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
        self._reported, self._fraction = set(known), 0.0

    def __call__(self, event: Event) -> Answer:
        """Read one event; answer with a stop where the trial is not worth going on with."""
        self.elapsed_s = event.elapsed_s
        if isinstance(event, Stepped):
            self._fraction = event.fraction
            is_over = self._left_s is not None and event.elapsed_s > self._left_s
            return self._stop(OVER) if is_over and self._tenth < TENTHS else None
        if isinstance(event, Evaluated) and self._metric not in event.values:
            raise UsageError(
                N_(
                    "trials of a GAN are compared by {metric}, which needs a feature network; these data have none, "
                    "so no search is made with them (mnist and fashion-mnist have one)"
                ),
                metric=self._metric,
            )
        if isinstance(event, Evaluated) and event.step > 0:
            return self._report(event)
        return None

    @property
    def _tenth(self) -> int:
        return round(TENTHS * self._fraction)

    def _report(self, event: Evaluated) -> Answer:
        value = event.values.get(self._metric)
        if value is None or self._tenth in self._reported or self.has_stopped:
            return None
        self._reported.add(self._tenth)
        self._trial.report(value, self._tenth)
        if self._tenth < TENTHS and self._trial.should_prune():
            return self._stop(PRUNED)
        return None

    def _stop(self, reason: str) -> Stop | None:
        if self.has_stopped:
            return None
        self.has_stopped = True
        return Stop(Message(reason))


def run_name(number: int) -> str:
    """Of the run of a trial, which Optuna counts from 0."""
    return f"trial-{number + 1:03d}"


def _trained(path: Path, recipe: Recipe, listeners: list[Any], around: dict[str, Any]) -> Run:
    """A trial's run: gone on with where an interruption left one, else from its beginning."""
    if is_run(path):
        run = Run(path)
        if run.state == "done" and run.result:
            return run
        if run.folder.checkpoint_steps():
            return resume(run, listeners=listeners, **around)
    if path.exists():
        shutil.rmtree(path)  # of our own: a run that ended before its first checkpoint
    return train_recipe(recipe, path, listeners=listeners, **around)


def _value(dimension: Dimension, stored: Any) -> Any:
    import json

    return json.loads(stored) if dimension.choices else stored


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
