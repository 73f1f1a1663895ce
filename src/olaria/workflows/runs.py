"""List, show and remove runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from olaria.errors import OlariaError, RunError
from olaria.i18n import N_
from olaria.runs import Run
from olaria.storage.files import storage_errors
from olaria.storage.folder import list_runs


def listing() -> list[dict[str, Any]]:
    """Every run in the runs' folder: name, preset, family, data, state, steps, seconds, final values."""
    return [_summary(path) for path in list_runs()]


def _summary(path: Path) -> dict[str, Any]:
    try:
        run = Run(path)
        recipe, result = run.recipe, run.result
    except OlariaError as error:  # one damaged run must not hide the others
        return {
            "name": path.name,
            "path": str(path),
            "state": "damaged",
            "error": error.message.to_json(),
        }
    return {
        "name": run.name,
        "path": str(path),
        "preset": recipe.preset,
        "family": run.family,
        "data": recipe.data.name,
        "seed": recipe.seed,
        "state": run.state,
        "steps": result.get("steps", run.status.get("step", 0)),
        "elapsed_s": result.get("elapsed_s"),
        "final": result.get("final", {}),
    }


def show(name: str | Path) -> dict[str, Any]:
    """All that is known of one run."""
    run = Run(name)
    return {
        "name": run.name,
        "path": str(run.path),
        "state": run.state,
        "recipe": run.recipe.model_dump(mode="json"),
        "provenance": run.provenance,
        "result": run.result,
        "evaluation": run.evaluation,
        "checkpoints": run.folder.checkpoint_steps(),
    }


def remove(name: str, *, confirmed: bool) -> dict[str, Any]:
    """Delete a run's folder, once the user has said yes.

    Raises:
        RunError: not confirmed, or the run is being trained.
    """
    run = Run(name)
    size = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    if not confirmed:
        raise RunError(
            N_("{path} would be deleted ({size} bytes); say --yes to do it"),
            path=str(run.path),
            size=size,
        )
    with run.folder.locked():
        pass
    with storage_errors(run.path):
        shutil.rmtree(run.path)
    return {"removed": run.name, "size_bytes": size}
