"""What every kind of data gives the verbs: prepare, measure, draw."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Literal

from olaria.characters import legible
from olaria.data.config import DataConfig
from olaria.data.entries import NAMED_SUFFIXES, TEXT_SUFFIXES
from olaria.errors import UsageError
from olaria.i18n import N_, Message, Setting
from olaria.models.base import Batch, Model
from olaria.numbers import Number
from olaria.objectives.masking import Unmasking
from olaria.recipes import Recipe
from olaria.recipes import preset as find_preset
from olaria.runs import Run
from olaria.runs.tuning import Start, open_start
from olaria.sharing import ALONE, Sharing
from olaria.training.building import build_model
from olaria.training.prepared import Prepared
from olaria.training.sizing import Sized
from olaria.vocabulary import Solver

SEED = 1
"""Of everything drawn in an evaluation: binarization, noise, subsets."""
BATCHES_PER_EPOCH = 10
"""Of data that is too small for a preset's batch."""
TEXT_ENDINGS = (*TEXT_SUFFIXES, *NAMED_SUFFIXES, "")
"""Of a text that is written: those that are read as one, and a name without any."""


@dataclass(frozen=True)
class Effort:
    """How much is drawn, which the protocol tells beside every number, and who shares the work.

    Args:
        num_examples: test images; all where None.
        num_samples: images drawn from the model.
        num_corrected: images of the likelihood's correction with 5,000 importance samples; 0 leaves it out.
        num_chars: characters drawn from a language model.
        num_neighbours: training images whose codes vote.
        sharing: what the processes do that measure together.
    """

    num_examples: int | None = None
    num_samples: int = 10_000
    num_corrected: int = 0
    num_chars: int = 10_000
    num_neighbours: int = 55_000
    sharing: Sharing = ALONE


STANDARD = Effort()
FULL = Effort(num_corrected=1000)
REDUCED = Effort(num_examples=1000, num_samples=2000, num_chars=2000, num_neighbours=10_000)
"""For the demo: minutes are short there, and the report says so."""


@dataclass(frozen=True)
class Measured:
    """What an evaluation gives.

    Args:
        metrics: by key, each finite; None where one cannot be had.
        protocol: how they were obtained.
        reasons: why one is None, by key.
    """

    metrics: Mapping[str, Any]
    protocol: Mapping[str, Any]
    reasons: Mapping[str, Message] = field(default_factory=dict)


class Sample(ABC):
    """What was drawn from a run."""

    suffix: ClassVar[str]
    """Ending of the file that it is written to where nobody names one."""

    @property
    @abstractmethod
    def value(self) -> Any:
        """Itself as plain tensors or text."""

    @property
    def for_python(self) -> Any:
        """Itself as Python gets it: what serves as its tensor or its text, and shows itself in a notebook."""
        return self

    def spoken(self, _language: str) -> Sample:
        """Itself, with what it says of itself in a language."""
        return self

    def stream(self) -> Iterator[str]:
        """Itself as text, piece by piece as it is drawn; nothing where it is none."""
        return iter(())

    def save_each(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write each of several in a file of its own; what is one whole is written as :meth:`save` does."""
        self.save(folder, overwrite=overwrite)

    @abstractmethod
    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write it.

        Raises:
            StorageError: the file is there already.
        """

    @abstractmethod
    def to_json(self, path: Path | None) -> dict[str, Any]:
        """It, or where it was written, as JSON values."""


class Text(str):
    """A text that shows itself in a notebook with its lines."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return preformatted([self])


class Texts(list[str]):
    """Texts that show themselves in a notebook with their lines, one under the other."""

    def _repr_html_(self) -> str:
        return preformatted(self)


def preformatted(texts: Iterable[str]) -> str:
    """Texts as HTML, in which nothing but a line's end has a meaning."""
    shown = (escape(legible(text, "\n\t")) for text in texts)
    return "".join(f'<pre style="white-space:pre-wrap">{text}</pre>' for text in shown)


@dataclass(frozen=True)
class Kind:
    """One entry of :data:`olaria.kinds.KINDS`, as ``KIND`` in its file.

    Args:
        prepare: recipe and data to what the loop needs; a tuned run begins at the third.
        measure: run, model and data to metrics, with an effort; opens no connection where the last says so.
        draw: from a run; its keyword arguments are all that can be asked of this kind.
        describe: what the data holds, as JSON values, and how it is read.
        draws: what is drawn, a source string.
        split: what is measured.
        endings: of files that a sample is written to, ``/`` for a folder of them; see
            :func:`olaria.storage.endings.refuse_other_endings`.
    """

    prepare: Callable[[Recipe, Any, Start | None], Prepared]
    measure: Callable[[Run, Any, Any, Effort, bool], Measured]
    draw: Callable[..., Sample]
    describe: Callable[[Any, DataConfig], dict[str, Any]]
    draws: str
    split: Literal["test", "validation"]
    endings: tuple[str, ...]


def drawn_by(
    run: Run, checkpoint: str | int | None, seed: int | None = None, model: Model | None = None
) -> Message:
    """The line of a picture's caption that says what made it; of a model that draws in steps, by how much work."""
    step = Number(run.checkpoint(checkpoint)[0], 0)
    fields: dict[str, Any] = {"name": run.name, "step": step, "seed": str(seed)}
    if seed is None:
        return Message(N_("run {name}, step {step}"), fields)
    if model is None or model.sampler is None:
        return Message(N_("run {name}, step {step}, seed {seed}"), fields)
    fields["count"] = model.sampler.evaluations
    if not isinstance(model.sampler, Unmasking) and model.sampler.guidance != 1:
        text = N_(
            "run {name}, step {step}, seed {seed}, guidance {weight}, {count} {count:evaluation|evaluations} of the "
            "network"
        )
        return Message(text, {**fields, "weight": Number(model.sampler.guidance)})
    text = N_(
        "run {name}, step {step}, seed {seed}, {count} {count:evaluation|evaluations} of the network"
    )
    return Message(text, fields)


def set_sampler(
    model: Model,
    name: str,
    steps: int | None = None,
    solver: Solver | None = None,
    guidance: float | None = None,
) -> None:
    """Change how a model draws in steps, where something is given; what is None stays as the model has it.

    Args:
        model: of a run; it is changed.
        name: of the run.
        steps, solver, guidance: see :class:`olaria.nn.ode.Sampler`; of masked pixels the first alone, see
            :class:`olaria.objectives.masking.Unmasking`.

    Raises:
        UsageError: the model draws in one pass, it cannot be guided, or a number is too small or too large.
    """
    settings = {"steps": steps, "solver": solver, "guidance": guidance}
    given: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
    if not given:
        return
    usual = model.sampler
    if usual is None:
        raise UsageError(
            N_("run {name} draws in one pass, not in steps: leave out {settings}"),
            name=name,
            settings=tuple(map(Setting, given)),
        )
    if isinstance(usual, Unmasking):
        model.sampler = _unmasking(usual, name, given)
        return
    if steps is not None and steps < 1:
        raise UsageError(
            N_("{setting} must be at least 1, not {count}"), setting=Setting("steps"), count=steps
        )
    if guidance is not None and not (0 <= guidance < math.inf):
        raise UsageError(
            N_("{setting} must be a number from 0 on, not {value}"),
            setting=Setting("guidance"),
            value=guidance,
        )
    if guidance is not None and not model.guidable:
        raise UsageError(
            N_(
                "run {name} was not trained with and without classes: leave out {guidance}, or train cflow-mnist"
            ),
            name=name,
            guidance=Setting("guidance"),
        )
    model.sampler = replace(usual, **given)


def _unmasking(usual: Unmasking, name: str, given: Mapping[str, Any]) -> Unmasking:
    """See :func:`set_sampler`."""
    others = tuple(Setting(key) for key in given if key != "steps")
    if others:
        raise UsageError(
            N_("run {name} draws hidden pixels, and follows no flow: leave out {settings}"),
            name=name,
            settings=others,
        )
    steps = given["steps"]
    if not 1 <= steps <= usual.most_steps:
        raise UsageError(
            N_("{setting} must be from 1 to {most}, the pixels of an image, not {count}"),
            setting=Setting("steps"),
            most=usual.most_steps,
            count=steps,
        )
    return replace(usual, steps=steps)


def sampler_of(model: Model) -> dict[str, Any]:
    """What a protocol says of how samples were drawn: nothing where one pass draws."""
    sampler = model.sampler
    if sampler is None:
        return {}
    told: dict[str, Any] = {"sampling_steps": sampler.steps, "evaluations": sampler.evaluations}
    if isinstance(sampler, Unmasking):
        return told
    noise = {"step_noise": sampler.noise} if sampler.noise else {}
    return {"solver": sampler.solver, **told, **noise}


def counted(count: int | None, usual: int) -> int:
    """How many to draw: ``usual`` where None.

    Raises:
        UsageError: none are wanted.
    """
    count = usual if count is None else count
    if count < 1:
        raise UsageError(
            N_("{setting} must be at least 1, not {count}"), setting=Setting("count"), count=count
        )
    return count


def first_model(
    recipe: Recipe,
    dimensions: tuple[int, int, int] | int,
    sized: Sized,
    adapted: Batch | None,
    start: Start | None,
) -> tuple[Model, dict[str, Any] | None]:
    """The model at the beginning of a run, and what it began from, where that is another one.

    Args:
        recipe: of the run.
        dimensions: (C, H, W) of its images, or the size of its vocabulary or of a point.
        sized: which may have built the model already.
        adapted: training data whose statistics a model takes that begins from random weights.
        start: of a tuned run that goes on; what the recipe's tuning says unless given.
    """
    if recipe.tuning is not None:
        start = start or open_start(recipe.tuning.start, recipe.tuning.checkpoint)
    if start is not None:
        return start.model(recipe, dimensions)
    model = sized.model or build_model(recipe, dimensions)
    if adapted is not None:
        model.adapt(adapted.x, adapted.y)
    return model, None


def fitting(recipe: Recipe, count: int) -> tuple[Recipe, tuple[Message, ...]]:
    """A recipe whose batches ``count`` examples can fill, and what a person should know of it.

    A preset's batch is that of large data: with few examples it becomes smaller, a tenth of an epoch. One that the user
    chose stays, and is refused where it is too large.
    """
    usual = find_preset(recipe.preset, recipe.size).training.batch_size
    if count >= usual or recipe.training.batch_size != usual:
        return recipe, ()
    size = max(1, count // BATCHES_PER_EPOCH)
    note = N_(
        "the data has {count} training {count:example|examples}: batches of {size} "
        "instead of {usual}"
    )
    fields = {"count": count, "size": size, "usual": usual}
    return recipe.updated("training.batch_size", size), (Message(note, fields),)
