"""List, show and remove runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olaria.errors import OlariaError, RunError
from olaria.i18n import N_, Setting
from olaria.workflows.requests import AnyRun, Document, Request, Result, setting
from olaria.workflows.requests.common import run_setting
from olaria.workflows.requests.verbs import verb

if TYPE_CHECKING:
    from olaria.cards.comparison import Group, Repetition
    from olaria.runs import Run


@dataclass(frozen=True, kw_only=True)
class ListRunsRequest(Request):
    """What ``list_runs`` takes."""

    summary = N_("all runs, and how far they are")


@verb(ListRunsRequest)
def list_runs(_request: ListRunsRequest) -> Document:
    """Every run in the runs' folder: name, preset, family, data, state, steps, seconds, final values."""
    from olaria.storage import folder

    return Document(format=1, runs=[summary(path) for path in folder.list_runs()])


def summary(path: Path) -> dict[str, Any]:
    """What a list says of the run in a folder; where it cannot be read, why."""
    from olaria.runs import Run

    try:
        run = Run(path)
        return {"name": run.name, "path": str(path), **facts_of(run)}
    except OlariaError as error:  # one damaged run must not hide the others
        return {
            "name": path.name,
            "path": str(path),
            "state": "damaged",
            "error": error.message.to_json(),
        }


def facts_of(run: Run) -> dict[str, Any]:
    """Preset, family, data, seed, state, steps, seconds and final values of a run, from three of its files.

    Raises:
        OlariaError: one of them cannot be read.
    """
    recipe, result, status = run.recipe, run.result, run.status
    return {
        "preset": recipe.preset,
        "family": run.family,
        "data": recipe.data.name,
        "seed": recipe.seed,
        "state": status.get("state", "new"),
        "steps": result.get("steps", status.get("step", 0)),
        "elapsed_s": result.get("elapsed_s"),
        "final": result.get("final", {}),
    }


@dataclass(frozen=True, kw_only=True)
class ShowRequest(Request):
    """What ``show`` takes."""

    summary = N_("all that is known of one run")

    run: AnyRun = run_setting()


@verb(ShowRequest)
def show(request: ShowRequest) -> Document:
    """All that is known of one run."""
    from olaria.runs import Run

    run = Run(request.run)
    damaged = []

    def read(part: Callable[[], Any], without: Any) -> Any:
        try:
            return part()
        except OlariaError as error:  # the other files are shown still
            damaged.append(error.message.to_json())
            return without

    return Document(
        format=1,
        name=run.name,
        path=str(run.path),
        state=read(lambda: run.state, "damaged"),
        recipe=run.recipe.model_dump(mode="json"),
        provenance=read(lambda: run.provenance, {}),
        result=read(lambda: run.result, {}),
        evaluation=read(lambda: run.evaluation, None),
        checkpoints=read(run.folder.checkpoint_steps, []),
        damaged=damaged,
    )


@dataclass(frozen=True, kw_only=True)
class CompareRequest(Request):
    """What ``compare`` takes."""

    summary = N_("runs side by side")

    runs: tuple[AnyRun, ...] = setting(
        N_("names or folders of runs"), metavar=N_("RUN..."), positional=True
    )


@dataclass(frozen=True)
class Compared(Result):
    """Runs side by side.

    Args:
        groups: those together that one protocol measured.
    """

    groups: Sequence[Group]

    def __repr__(self) -> str:
        return f"<comparison of {', '.join(name for group in self.groups for name in group.names)}>"

    def _repr_html_(self) -> str:
        """For notebooks: a table for each protocol, the place of each value behind it, and what several seeds say."""
        from olaria.cards.comparison import differing, repetitions
        from olaria.workflows.displays import line, words

        names = differing(self.groups)
        message = N_("not ranked across protocols, which differ in: {names}")
        below = line(words(message, names=", ".join(names))) if names else ""
        tables = [*map(_table, self.groups), *map(_over_seeds, repetitions(self.groups))]
        return "".join(tables) + below

    def to_json(self) -> dict[str, Any]:
        """Every run, every protocol with its ranks, and what several seeds say together."""
        from olaria.cards.comparison import to_json

        return {"format": 1, **to_json(self.groups)}


def _table(group: Group) -> str:
    from olaria.i18n import detect_language
    from olaria.pages.labels import metric_row
    from olaria.workflows.displays import table, words

    language = detect_language()
    keys = group.numbers()
    ranks = {key: group.ranks(key) for key in keys}
    headings = [words(name) for name in (N_("run"), N_("preset"), N_("seed"), N_("steps"))]
    headings += [metric_row(key, None, language).name for key in keys]
    rows = []
    for row in group.rows:
        cells = []
        for key in keys:
            value, place = row.metrics.get(key), ranks[key].get(row.name)
            text = metric_row(key, value, language).value
            cells.append(f"{text} ({place})" if place else text)
        steps = "–" if row.steps is None else row.steps
        rows.append((row.name, row.preset, row.seed, steps, *cells))
    return table(headings, rows, range(2, len(headings)))


def _over_seeds(repetition: Repetition) -> str:
    from olaria.i18n import detect_language
    from olaria.pages.labels import metric_row
    from olaria.workflows.displays import line, table, words

    seeds = ", ".join(map(str, repetition.seeds))
    heading = line(words(N_("one recipe with seeds {seeds}: mean ± deviation"), seeds=seeds))
    rows = []
    for key, values in repetition.metrics.items():
        mean, deviation = (metric_row(key, value, detect_language()) for value in values)
        rows.append((mean.name, f"{mean.value} ± {deviation.value}"))
    return heading + table((), rows, (1,)) if rows else ""


@verb(CompareRequest)
def compare(request: CompareRequest) -> Compared:
    """Put runs side by side.

    Raises:
        RunError: there is none of that name, or it is damaged.
    """
    from olaria.cards import comparison

    return Compared(comparison.compare(request.runs))


@dataclass(frozen=True, kw_only=True)
class RemoveRequest(Request):
    """What ``remove`` takes."""

    summary = N_("delete a run")

    run: AnyRun = run_setting()
    confirmed: bool = setting(N_("really delete it"), default=False, flag="--yes")


@verb(RemoveRequest)
def remove(request: RemoveRequest) -> Document:
    """Delete a run's folder, once the user has said yes.

    Raises:
        RunError: not confirmed, or the run is being trained.
    """
    from olaria.runs import Run
    from olaria.storage.files import storage_errors

    run = Run(request.run)
    size = sum(path.lstat().st_size for path in run.path.rglob("*"))
    if not request.confirmed:
        raise RunError(
            N_("{path} would be deleted ({size} bytes); say {confirmed} to do it"),
            path=str(run.path),
            size=size,
            confirmed=Setting("confirmed"),
        )
    with run.folder.locked():
        pass
    with storage_errors(run.path):
        shutil.rmtree(run.path)
    return Document(format=1, removed=run.name, size_bytes=size)
