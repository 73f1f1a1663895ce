"""Which runs there are. Nothing is opened and nothing slow is loaded: a shell asks at each press of Tab."""

from __future__ import annotations

import os
from pathlib import Path

from olaria.storage.paths import folder_of

RECIPE = "recipe.json"
"""What makes a folder a run."""


def runs_home() -> Path:
    """Where runs lie: ``OLARIA_RUNS``, else ``runs`` in the working folder."""
    return folder_of("OLARIA_RUNS") or Path("runs")


def is_run(path: Path) -> bool:
    """Whether ``path`` is a run folder."""
    # isfile is false, and no error, of a name too long for a file
    return os.path.isfile(path / RECIPE)


def list_runs(home: Path | None = None) -> list[Path]:
    """The run folders in ``home``, and one level of folders of runs (a demo's) below it, by name."""
    home = runs_home() if home is None else home
    if not home.is_dir():
        return []
    found = []
    for path in sorted(home.iterdir()):
        if is_run(path):
            found.append(path)
        elif path.is_dir():
            found += [child for child in sorted(path.iterdir()) if is_run(child)]
    return found
