"""Open a run: its recipe, its model with weights, its data, its numbers. Everything after training reads runs here."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from olaria.data import ImageData, TextData, load
from olaria.data.base import Progress
from olaria.data.tokenizer import Tokenizer, fit_tokenizer, tokenizer_from_json
from olaria.errors import RunError
from olaria.i18n import N_
from olaria.models import MODELS
from olaria.models.base import Model
from olaria.recipes import Recipe
from olaria.storage import folder as files
from olaria.storage.checkpoint import load_checkpoint
from olaria.storage.folder import RunFolder, find_run
from olaria.training.randomness import seeded


def build_model(recipe: Recipe, dimensions: tuple[int, int, int] | int) -> Model:
    """A freshly initialised model of the recipe, a function of its seed.

    Args:
        recipe: family, settings and seed.
        dimensions: (C, H, W) of the images, or the size of the vocabulary.
    """
    with seeded(recipe.seed, "init"):
        return MODELS[recipe.model.family].build(recipe.model, dimensions)


def load_data(
    recipe: Recipe, *, offline: bool = False, progress: Progress | None = None
) -> ImageData | TextData:
    """The recipe's data, of the kind that its family learns from.

    Raises:
        RunError: text for an image model, or the reverse.
    """
    data = load(recipe.data.name, recipe.data, offline=offline, progress=progress)
    wanted = MODELS[recipe.model.family].data
    if (wanted == "images") != isinstance(data, ImageData):
        message = (
            N_("{family} learns from images and {data} is text; give it images with --data")
            if wanted == "images"
            else N_("{family} learns from text and {data} are images; give it text with --data")
        )
        raise RunError(message, family=recipe.model.family, data=recipe.data.name)
    return data


def tokenizer_for(recipe: Recipe, data: TextData) -> Tokenizer:
    """The recipe's kind of tokenizer with the alphabet of the whole text, as everyone does on these texts."""
    return fit_tokenizer(recipe.data.tokenizer, data.text)


class Run:
    """A run on disk.

    Args:
        path: its folder.

    Raises:
        RunError: there is no run.
    """

    def __init__(self, path: str | Path) -> None:
        self.folder = RunFolder(find_run(path))
        self.path = self.folder.path
        self.name = self.path.resolve().name

    def __repr__(self) -> str:
        return f"<Run {self.name}: {self.family} on {self.recipe.data.name}, {self.state}>"

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
        return tokenizer_from_json(content)

    def data(
        self, *, offline: bool = False, progress: Progress | None = None
    ) -> ImageData | TextData:
        """The run's data, checked to be what it was trained on.

        Raises:
            RunError: the data has changed since.
        """
        data = load_data(self.recipe, offline=offline, progress=progress)
        trained_on = self.provenance.get("data_sha256")
        if trained_on not in (None, data.sha256):
            raise RunError(
                N_("the data {data} has changed since run {name} was trained on it"),
                data=self.recipe.data.name,
                name=self.name,
            )
        return data

    def checkpoint(self, which: str | int | None = None) -> tuple[int, Path]:
        """Step and folder of a checkpoint; the best, else the last, where None."""
        path = self.folder.checkpoint_path(which)
        return int(path.name.removeprefix("step-")), path

    def dimensions(self) -> tuple[int, int, int] | int:
        """(C, H, W) of the images, or the size of the vocabulary, as stored with the run."""
        stored = self.provenance["dimensions"]
        return int(stored) if isinstance(stored, int) else tuple(stored)

    def model(self, which: str | int | None = None, *, ema: bool = True) -> Model:
        """The model with a checkpoint's weights, in evaluation mode.

        Args:
            which: ``best``, ``last`` or a step; the best, else the last, where None.
            ema: the averaged weights where the run kept them.
        """
        _, path = self.checkpoint(which)
        use_ema = ema and self.recipe.training.ema > 0
        name = "ema" if use_ema else "model"
        tensors: dict[str, dict[str, Tensor]] = load_checkpoint(path, (name,))[0]
        model = build_model(self.recipe, self.dimensions())
        model.load_state_dict(tensors[name])
        return model.eval().requires_grad_(False)


def set_num_threads(count: int | None) -> int:
    """Threads of tensor operations: as asked, else as PyTorch chooses; returns how many."""
    if count is not None:
        torch.set_num_threads(count)
    return torch.get_num_threads()
