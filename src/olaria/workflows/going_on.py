"""Which run a request to train goes on with, and what may not be said beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.errors import RunError, UsageError
from olaria.i18n import N_, Message, Setting

if TYPE_CHECKING:
    from olaria.runs import Run
    from olaria.workflows.train import TrainRequest

AUTO = "auto"
"""Instead of a run to go on with: the preset's newest that has not ended, or else a new one."""


def unfinished(request: TrainRequest, notify: Callable[[Message], None]) -> str | Path | None:
    """The run to go on with, None where a new one has to begin.

    Raises:
        RunError: what was asked is not what the preset's unfinished run is.
    """
    if request.resume != AUTO:
        return request.resume
    from olaria.recipes import preset as find_preset
    from olaria.runs import Run
    from olaria.workflows.running import latest_unfinished

    preset, out = str(request.preset), request.out
    find_preset(preset)  # an unknown name is told as such
    path = latest_unfinished(preset)
    if path is None:
        message = N_("there is no unfinished run of {preset}: a new one begins")
        notify(Message(message, {"preset": preset}))
        return None
    is_other = not request.is_plain and request.recipe() != Run(path).recipe
    if is_other or (out is not None and Path(out).resolve() != path.resolve()):
        raise RunError(
            N_(
                "the unfinished run {path} was begun otherwise: go on with {this}, or leave {resume} out"
            ),
            path=str(path),
            this=Setting("resume", str(path)),
            resume=Setting("resume"),
        )
    notify(Message(N_("going on with {path}"), {"path": str(path)}))
    return path


def of_preset(name: str | Path, preset: str | None) -> None:
    """Refuse a run of another preset than the one named beside it."""
    from olaria.runs import Run

    run = Run(name)
    if preset is not None and run.recipe.preset != preset:
        raise UsageError(
            N_("run {name} is of the preset {own}, not {preset}; leave {preset} out"),
            name=run.name,
            own=run.recipe.preset,
            preset=preset,
        )


def refuse_another_end(request: TrainRequest, run: Run) -> None:
    """An unfinished run keeps its schedule: it cannot end elsewhere.

    Raises:
        UsageError: naming what it has.
    """
    training = run.recipe.training
    for name in ("steps", "budget"):
        wanted, own = getattr(request, name), getattr(training, name)
        if wanted is not None and wanted != own:
            raise UsageError(
                N_(
                    "run {name} is not finished and goes on to its own end ({own}); leave out {setting}, and give it "
                    "more when it is there"
                ),
                name=run.name,
                own=f"{training.steps}" if training.steps is not None else f"{training.budget:g} s",
                setting=Setting(name),
            )
    if request.out is not None:
        raise UsageError(
            N_("{fixed} takes everything from its run; leave out {words}"),
            fixed=Setting("resume"),
            words=(Setting("out"),),
        )
