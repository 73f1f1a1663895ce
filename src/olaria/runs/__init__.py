"""Open a run: its recipe, its model with weights, its data, its numbers. Everything after training reads runs here.

A run's recipe and numbers load no PyTorch, so that listing runs is quick; its model and data do, in
:mod:`olaria.runs.opening`.
"""

from __future__ import annotations

import copy
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from olaria.characters import encodable
from olaria.errors import DamagedError, OlariaError, RunError
from olaria.families import MODELS
from olaria.i18n import N_
from olaria.recipes import Recipe
from olaria.storage import folder as files
from olaria.storage.folder import RunFolder, find_run

if TYPE_CHECKING:
    from olaria.data import AnyData
    from olaria.data.base import Progress
    from olaria.data.tokenizer import Tokenizer
    from olaria.models.base import Model


class Run:
    """A run on disk.

    Args:
        path: its folder.

    Raises:
        RunError: there is no run.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.folder = RunFolder(find_run(path))
        self.path = self.folder.path
        self.name = encodable(self.path.resolve().name)
        self.places: tuple[str, ...] = ()
        """Where its data may lie now: names or paths, each in place of the one that its recipe names."""
        self.places_setting = "data"
        """The setting by which a person says so."""

    def __repr__(self) -> str:
        from olaria.data.given import is_kept

        data = self.recipe.data.name
        data = "given data" if is_kept(data) else Path(data).name
        return f"<Run {self.name}: {self.family} on {data}, {self.state}>"

    def __fspath__(self) -> str:
        """Its folder: a run serves wherever a path does."""
        return str(self.path)

    @property
    def shortest(self) -> str:
        """What a command calls it: its name where that leads to it from here, else its folder."""
        try:
            is_here = find_run(self.name).resolve() == self.path.resolve()
        except OlariaError:
            is_here = False
        return self.name if is_here else str(self.path)

    @cached_property
    def recipe(self) -> Recipe:
        """What was trained."""
        return Recipe.parse(self.folder.read(files.RECIPE), str(self.path / files.RECIPE))

    @property
    def family(self) -> str:
        """Key of the model's family in ``MODELS``."""
        return self.recipe.model.family

    @property
    def state(self) -> str:
        """``running``, ``stopped``, ``failed``, ``done``; ``new`` before training."""
        return str(self.status.get("state", "new"))

    @property
    def status(self) -> dict[str, Any]:
        """status.json."""
        return dict(self.folder.read(files.STATUS, {}))

    @property
    def provenance(self) -> dict[str, Any]:
        """provenance.json."""
        return dict(self.folder.read(files.PROVENANCE, {}))

    @property
    def result(self) -> dict[str, Any]:
        """result.json; empty before the end."""
        return dict(self.folder.read(files.RESULT, {}))

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """evaluation.json; None before an evaluation."""
        content: dict[str, Any] | None = self.folder.read(files.EVALUATION)
        return content

    def metrics(self) -> list[dict[str, Any]]:
        """Rows of metrics.jsonl."""
        return self.folder.lines(files.METRICS)

    def fractions(self) -> list[float]:
        """The schedule's fraction at each step, for a replay."""
        return [e["fraction"] for e in self.folder.lines(files.EVENTS) if e["event"] == "step"]

    def samples(self) -> list[Path]:
        """Watching samples by step."""
        return self.folder.samples()

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the run was trained with.

        Raises:
            RunError: the run is not of a language model.
        """
        content = self.folder.read(files.TOKENIZER)
        if content is None:
            raise RunError(
                N_("run {name} is a {family} and has no tokenizer"),
                name=self.name,
                family=self.family,
            )
        from olaria.data.tokenizer import tokenizer_from_json

        tokenizer = tokenizer_from_json(content)
        if tokenizer.vocab_size != self.dimensions():
            raise DamagedError(
                N_(
                    "{path} is damaged: it has {found} tokens, and the model of run {name} has {known}"
                ),
                path=str(self.path / files.TOKENIZER),
                found=tokenizer.vocab_size,
                name=self.name,
                known=str(self.dimensions()),
            )
        return tokenizer

    def data(self, *, offline: bool = False, progress: Progress | None = None) -> AnyData:
        """The run's data, checked to be what it was trained on.

        Raises:
            MissingError: they are not where they were, and nobody says where they are now.
            RunError: the data has changed since, or :attr:`places` hold other data.
        """
        from olaria.runs.opening import data_of

        return data_of(self, offline=offline, progress=progress)

    def with_data_at(self, *places: str, setting: str = "data") -> Self:
        """The same run, whose data lie elsewhere; itself where no place is given.

        Args:
            places: names or paths; the first that holds what the run was trained on counts.
            setting: by which a person said so, for errors.
        """
        if not places and setting == self.places_setting:
            return self
        moved = copy.copy(self)
        moved.places, moved.places_setting = places or self.places, setting
        return moved

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of its images, as stored; numbers where an older run has stored none."""
        stored, count = self.provenance.get("data", {}).get("class_names"), self._num_classes
        if stored is not None and len(stored) >= count:
            return tuple(stored)
        return tuple(map(str, range(count)))

    @property
    def _num_classes(self) -> int:
        return int(getattr(self.recipe.model, "classes", 0))

    def checkpoint(self, which: str | int | None = None) -> tuple[int, Path]:
        """Step and folder of a checkpoint; the best, else the last, where None."""
        path = self.folder.checkpoint_path(which)
        return int(path.name.removeprefix("step-")), path

    def dimensions(self) -> tuple[int, int, int] | int:
        """(C, H, W) of the images, or the size of the vocabulary or of a point, as stored with the run.

        Raises:
            DamagedError: they are not stored, or are those of another kind of data.
        """
        stored = self.provenance.get("dimensions")
        is_images = MODELS[self.family].data == "images"
        if stored is None or is_images is not isinstance(stored, list):
            raise DamagedError(
                N_("{path} is damaged: {name} is missing or not what belongs there"),
                path=str(self.path / files.PROVENANCE),
                name="dimensions",
            )
        return tuple(stored) if isinstance(stored, list) else int(stored)

    def model(self, which: str | int | None = None, *, ema: bool = True) -> Model:
        """The model with a checkpoint's weights, in evaluation mode; adapters are merged into them.

        Args:
            which: ``best``, ``last`` or a step; the best, else the last, where None.
            ema: the averaged weights where the run kept them.
        """
        from olaria.runs.opening import load_model

        return load_model(self, which, ema=ema)


def opened_run(run: str | Path | Run) -> Run:
    """The run itself, whether it is named or open already."""
    return run if isinstance(run, Run) else Run(run)
