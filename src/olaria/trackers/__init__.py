"""Programs that show runs beside each other, each fed by a file of this package.

A tracker gets what a run's folder tells (:class:`~olaria.trackers.story.Story`), while the run trains or after it. Each
needs packages of its own, which are imported when it is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from olaria.errors import OlariaError
from olaria.i18n import N_
from olaria.vocabulary import TrackerName


@dataclass(frozen=True)
class About:
    """What a tracker knows of a run before its first step.

    Args:
        name: of the run.
        folder: where it lies.
        recipe: recipe.json.
        began_s: seconds since 1970 at which it began.
    """

    name: str
    folder: Path
    recipe: Mapping[str, Any]
    began_s: float

    @property
    def settings(self) -> dict[str, str | float | bool]:
        """The recipe's settings by dotted path, those that are not set left out; a list as its text."""
        found: dict[str, str | float | bool] = {}
        for part, values in self.recipe.items():
            of_part = values if isinstance(values, dict) else {"": values}
            for name, value in of_part.items():
                if value is not None and part != "format":
                    plain = value if isinstance(value, (str, int, float, bool)) else str(value)
                    found[f"{part}.{name}".rstrip(".")] = plain
        return found


class Tracker(Protocol):
    """What is told of a run. ``step`` counts completed steps, ``seconds`` are those since the run began."""

    def numbers(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Values by tag, such as ``loss/train``; NaN where one was not finite."""

    def picture(self, step: int, seconds: float, path: Path) -> None:
        """A grid of samples, a PNG."""

    def words(self, step: int, seconds: float, path: Path) -> None:
        """A sample of a language model, a text in UTF-8."""

    def close(self, is_done: bool) -> None:
        """The end, whether it is the planned one."""


NEEDED: dict[TrackerName, tuple[str, tuple[str, ...]]] = {
    "tensorboard": ("track", ("tensorboard",)),
    "mlflow": ("mlflow", ("mlflow", "sqlalchemy", "alembic", "cryptography")),
    "wandb": ("wandb", ("wandb",)),
}
"""The extra that brings what a tracker cannot be opened without, and those packages."""


def check_installed(name: TrackerName) -> None:
    """Refuse a tracker whose package is missing.

    Raises:
        OlariaError: naming what to install.
    """
    extra, packages = NEEDED[name]
    missing = next((package for package in packages if find_spec(package) is None), None)
    if missing is not None:
        raise OlariaError(
            N_("{tracker} needs another package ({name}): pip install 'olaria[{extra}]' brings it"),
            tracker=name,
            name=missing,
            extra=extra,
        )


def open_tracker(name: TrackerName, about: About, folder: Path) -> Tracker:
    """Begin to tell a tracker of a run.

    Args:
        name: which.
        about: the run.
        folder: where it writes; what it wrote there of the same run before is replaced.
    """
    tracker: Tracker = import_module(f"olaria.trackers.{name}").opened(about, folder)
    return tracker
