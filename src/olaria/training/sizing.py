"""Whether a recipe fits the machine and its text, checked before anything large is allocated."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from olaria.data import ImageData, TextData
from olaria.errors import ResourceError, RunError
from olaria.families import MODELS
from olaria.i18n import N_, Message, Setting
from olaria.models.base import Model
from olaria.recipes import Recipe
from olaria.recipes.advice import memorising
from olaria.recipes.training import TrainingConfig
from olaria.storage.files import free_bytes, in_megabytes
from olaria.training import machine
from olaria.training.building import build_model
from olaria.training.estimate import (
    LEAST_COPIES,
    SMALL_BYTES,
    Memory,
    built_small,
    can_be_tried,
    check,
    estimate,
    without_content,
)
from olaria.training.events import Answer, Event, Warned
from olaria.training.feed import Feed
from olaria.training.pixels import unsuited
from olaria.training.precision import has_fast_bfloat16, will_compile

Dimensions = tuple[int, int, int] | int
_SMALLEST_IMAGE = (1, 8, 8)
_FEWEST = 2
"""Tokens of a vocabulary, coordinates of a point."""
_MODEST = 4
"""A setting may be this many times the largest of the family's sizes before the model is checked."""
_LEAST = 16
"""Settings up to this value are never checked."""
_UNCHECKED = ("chunk", "window")
"""Optional settings that no family's size has, and that cannot make a model larger than its context does. Checking a
model means to build it without content, for which PyTorch loads its compiler: two seconds."""
_MOST_INPUTS = 65_536
"""Pixels of an image, tokens of a vocabulary: more make a layer large, whatever the settings."""
MOST_SPACED = 8
"""Weights after steps 1, 4, 16, … that a run of 65,000 steps keeps."""
_ADVISED = ("gpt", "language")


@dataclass(frozen=True)
class Sized:
    """The predicted size of a run before it begins.

    Args:
        memory: predicted; None where the model cannot be built without content.
        notes: for the reader.
    """

    memory: Memory | None
    notes: tuple[Message, ...] = ()
    model: Model | None = None
    """The recipe's, freshly built, where it is small; a larger one was built without content only."""


def refuse_absurd(recipe: Recipe) -> None:
    """Refuse a model that no data could make small enough, before any is read.

    Raises:
        ResourceError: its weights alone are beyond the machine's memory.
    """
    if _is_modest(recipe):
        return
    is_image = MODELS[recipe.model.family].data == "images"
    smallest: Dimensions = _SMALLEST_IMAGE if is_image else _FEWEST
    limit = machine.memory_limit_bytes()
    without_content(lambda: build_model(recipe, smallest), limit, runs=False)


def build_stored(recipe: Recipe, dimensions: Dimensions, stored_bytes: int, path: Path) -> Model:
    """The model of a recipe whose weights are stored, if it is not beyond them: the recipe may be a stranger's.

    Args:
        recipe: of the run.
        dimensions: (C, H, W) of its images, or the size of its vocabulary or of a point.
        stored_bytes: that the weights take on the disk.
        path: of the weights, for the error.

    Raises:
        RunError: it is more than they can fill; nothing of that size was made.
    """
    limit = 2 * stored_bytes + SMALL_BYTES

    def build() -> Model:
        return build_model(recipe, dimensions)

    fits = _is_modest(recipe) and _num_inputs(dimensions) <= _MOST_INPUTS
    if not fits:
        with suppress(ResourceError):
            fits = without_content(build, LEAST_COPIES * limit, runs=False) is not None
    model = built_small(build, limit) if fits else None
    if model is None:
        raise RunError(
            N_(
                "the model that recipe.json describes is larger than the weights in {path}, which take {size} MB: "
                "the folder holds parts of two runs; restore its own recipe"
            ),
            path=str(path),
            size=in_megabytes(stored_bytes),
        )
    return model


def _num_inputs(dimensions: Dimensions) -> int:
    return dimensions if isinstance(dimensions, int) else math.prod(dimensions)


def _is_modest(recipe: Recipe) -> bool:
    """Whether no number among the model's settings is far beyond those of the family's sizes."""
    shipped = [settings.model_dump() for settings in MODELS[recipe.model.family].sizes.values()]
    return all(
        _largest(value) <= max(_LEAST, _MODEST * max(_largest(one.get(name)) for one in shipped))
        for name, value in recipe.model.model_dump().items()
        if name not in _UNCHECKED
    )


def _largest(value: object) -> int:
    """A whole number itself, the largest and the count of several, 0 for any other setting."""
    if isinstance(value, list | tuple):
        return max([len(value), *map(_largest, value)])
    return value if isinstance(value, int) else 0


def size_up(
    recipe: Recipe, dimensions: Dimensions, feed: Feed, data: object, watched: int
) -> Sized:
    """Predict the memory of a run whose data is loaded, and compare its model with its text or its pixels.

    Args:
        recipe: what is trained.
        dimensions: (C, H, W) of the images, or the size of the vocabulary.
        feed: of the batches.
        data: the data set.
        watched: examples in one validation batch while training.

    Raises:
        ResourceError: it takes more memory than the machine has.
    """
    available = machine.memory_limit_bytes()
    config, batch = recipe.training, feed.largest()
    is_bfloat16 = config.precision == "bfloat16" or (
        config.precision == "auto" and has_fast_bfloat16()
    )
    precision = "bfloat16" if is_bfloat16 else "float32"
    small = _small(recipe, dimensions)
    model = copy.deepcopy(small)
    if model is None or not can_be_tried(model, batch, watched):
        model = without_content(lambda: build_model(recipe, dimensions), available)
    suits = unsuited(recipe.model, data.train.x) if isinstance(data, ImageData) else None
    if model is None:
        return Sized(None, () if suits is None else (suits,))
    memory = estimate(
        model,
        batch,
        config,
        precision=precision,
        compiled=will_compile(config, model.compilable),
        data_bytes=held_bytes((data, vars(feed))),
        watched=watched,
    )
    notes = [check(memory, available), suits]
    is_tuned = getattr(recipe, "tuning", None) is not None  # there a small text is the point
    if isinstance(data, TextData) and recipe.model.family in _ADVISED and not is_tuned:
        notes.append(memorising(_num_weights(model), len(data.train), recipe.size))
    return Sized(memory, tuple(note for note in notes if note is not None), small)


def _small(recipe: Recipe, dimensions: Dimensions) -> Model | None:
    """The recipe's model where it takes a few megabytes; None where it may take more."""
    if not _is_modest(recipe) or _num_inputs(dimensions) > _MOST_INPUTS:
        return None
    return built_small(lambda: build_model(recipe, dimensions))


def room(memory: Memory | None, folder: Path, training: TrainingConfig) -> list[Message]:
    """A warning where the disk of ``folder`` has no room for the best checkpoint, the kept ones and a new one."""
    if memory is None:
        return []
    needed, free = (training.keep_last + 2) * memory.checkpoint, free_bytes(folder)
    if training.keep_spaced:
        needed += MOST_SPACED * memory.weights
    if free >= needed:
        return []
    note = N_(
        "the checkpoints in {path} will take about {needed} MB and {free} MB are free; free "
        "some, or choose another place with {out}"
    )
    fields = {
        "path": str(folder),
        "needed": in_megabytes(needed),
        "free": in_megabytes(free),
        "out": Setting("out"),
    }
    return [Message(note, fields)]


def _num_weights(model: Model) -> int:
    """Numbers in the matrices of its layers, which every token passes through."""
    groups = [group for phase in model.phases() for group in phase.groups]
    matrices = [group for group in groups if group.kind == "matrix"]
    return sum(p.numel() for group in matrices for p in group.parameters)


def held_bytes(value: object) -> int:
    """Bytes of all tensors and texts in a value, each counted once."""
    return sum(_held(value, set()))


def _held(value: object, counted: set[int]) -> Iterable[int]:
    if id(value) in counted:
        return
    counted.add(id(value))
    if isinstance(value, Tensor):
        yield value.nbytes
    elif isinstance(value, str | bytes):
        yield sys.getsizeof(value)
    else:
        for part in _parts(value):
            yield from _held(part, counted)


def _parts(value: Any) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    return ()


class Notes:
    """A listener that gives its notes when the run begins.

    Args:
        notes: each once.
        is_note: see :class:`olaria.training.events.Warned`.
    """

    def __init__(self, notes: Iterable[Message], *, is_note: bool = False) -> None:
        self._notes = list(notes)
        self._is_note = is_note

    def __call__(self, event: Event) -> Answer:
        """Return the next note. A warning is an event too, so each note brings the next."""
        if not self._notes:
            return None
        message = self._notes.pop(0)
        step, elapsed_s = event.step, event.elapsed_s
        return Warned(step=step, elapsed_s=elapsed_s, message=message, is_note=self._is_note)
