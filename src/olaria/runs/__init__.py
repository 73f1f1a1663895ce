"""Open a run: its recipe, its model with weights, its data, its numbers. Everything after training reads runs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Generator, Tensor

from olaria.data import AnyData, DataConfig, ImageData, PairData, TextData, load
from olaria.data import codes as kept_codes
from olaria.data.base import Progress, fingerprint, kind_of, lines_of
from olaria.data.config import CODES
from olaria.data.tokenizer import Tokenizer, fit_tokenizer, tokenizer_from_json
from olaria.errors import RunError
from olaria.families import MODELS
from olaria.families.base import Kind
from olaria.i18n import N_
from olaria.models.base import Model
from olaria.models.vq import VQ
from olaria.nn.lora import merge_adapters
from olaria.recipes import Recipe
from olaria.sampling import codes
from olaria.storage import folder as files
from olaria.storage.folder import RunFolder, find_run
from olaria.training.building import build_model


def load_data(
    recipe: Recipe, *, offline: bool = False, progress: Progress | None = None
) -> AnyData:
    """The recipe's data, of the kind that its family learns from.

    Raises:
        RunError: text for an image model, or any other kind for one that does not learn from it; images without the
            classes that the model asks for.
    """
    if recipe.kind == "codes":
        return coded_text(recipe, offline=offline, progress=progress)
    wanted = MODELS[recipe.model.family].data
    data = load(recipe.data.name, recipe.data, offline=offline, progress=progress, wanted=wanted)
    if wanted != kind_of(data):
        raise RunError(_OTHER_KIND[wanted], family=recipe.model.family, data=recipe.data.name)
    if isinstance(data, ImageData):
        _check_classes(recipe, data)
    return data


@dataclass(frozen=True, kw_only=True)
class CodedText(TextData):
    """The images of a run as lines of letters; see :mod:`olaria.data.codes`.

    Args:
        painting: the run whose model turns images into codes and codes into images.
        painter: that model.
    """

    painting: Run = field(compare=False, repr=False)
    painter: VQ = field(compare=False, repr=False)


def painter_of(recipe: Recipe) -> tuple[Run, VQ]:
    """The run whose codes a recipe learns from, and its model.

    Raises:
        RunError: there is none, or it has no codes.
    """
    run = Run(recipe.data.coded_run or "")
    model = run.model() if run.family == "vq" else None
    if not isinstance(model, VQ):
        raise RunError(
            N_("run {name} is a {family} and has no codes; train vq-mnist"),
            name=run.name,
            family=run.family,
        )
    return run, model


def coded_text(
    recipe: Recipe, *, offline: bool = False, progress: Progress | None = None
) -> CodedText:
    """The images that another run was trained and validated with, as lines of letters."""
    run, model = painter_of(recipe)
    data = run.data(offline=offline, progress=progress)
    assert isinstance(data, ImageData)
    train, validation = (_codes_of(model, part.x) for part in (data.train, data.validation))
    return CodedText(
        name=f"{CODES}{run.name}",
        title=f"{CODES}{run.name}",
        train=train,
        validation=validation,
        source="generated",
        sha256=fingerprint([train.encode(), validation.encode()]),
        citation=data.citation,
        licence=data.licence,
        num_documents=len(data.train) + len(data.validation),
        notes=data.notes,
        painting=run,
        painter=model,
    )


def _codes_of(model: VQ, x: Tensor) -> str:
    """The images' lines, encoded once: a minute for 60,000 images, and every command on a run of codes asks."""
    tensors = (*model.state_dict().values(), x)
    settings = model.config.model_dump_json().encode()
    key = fingerprint([settings, *(tensor.numpy().tobytes() for tensor in tensors)])
    text = kept_codes.recall(key)
    if text is None:
        text = codes.text_of(model, x, Generator().manual_seed(0))
        kept_codes.keep(key, text)
    return text


def _check_classes(recipe: Recipe, data: ImageData) -> None:
    """A model of classes needs images that carry them, and as many of them."""
    wanted = getattr(recipe.model, "classes", 0)
    if wanted and data.train.y is None:
        raise RunError(
            N_(
                "the images of {data} carry no classes and the model asks for {wanted}; "
                "set model.classes=0, or put each class in a folder of its own"
            ),
            data=recipe.data.name,
            wanted=wanted,
        )
    if wanted and wanted != data.num_classes:
        raise RunError(
            N_("{data} has {found} classes, not {wanted}; set model.classes={found}"),
            data=recipe.data.name,
            found=data.num_classes,
            wanted=wanted,
        )


_OTHER_KIND: dict[Kind, str] = {
    "images": N_("{family} learns from images and {data} holds none; give it images with --data"),
    "text": N_("{family} learns from text and {data} holds none; give it text with --data"),
    "pairs": N_(
        "{family} learns from pairs of texts and {data} holds none; give it a .tsv file with --data"
    ),
    "points": N_(
        "{family} learns from points in the plane and {data} holds none; "
        "give it a .csv file of two numbers a line with --data"
    ),
}
"""What a family is told that got another kind of data than it learns from."""


def tokenizer_for(recipe: Recipe, data: TextData | PairData) -> Tokenizer:
    """The tokenizer of a recipe that begins; see :func:`tokenizer_of`."""
    return tokenizer_of(recipe.data, data)


def tokenizer_of(options: DataConfig, data: TextData | PairData) -> Tokenizer:
    """The kind of tokenizer that is asked for; words and byte pairs are of the training part alone.

    The alphabet is that of the whole text, as everyone does on these texts: a character that only
    the validation part has could not be measured otherwise.
    """
    if isinstance(data, PairData):
        train, validation = lines_of(data.train), lines_of(data.validation)
    else:
        train, validation = data.train, data.validation
    return fit_tokenizer(options.tokenizer, train, options.vocab_size, other=validation)


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

    def data(self, *, offline: bool = False, progress: Progress | None = None) -> AnyData:
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
        """(C, H, W) of the images, or the size of the vocabulary or of a point, as stored with the run."""
        stored = self.provenance["dimensions"]
        return int(stored) if isinstance(stored, int) else tuple(stored)

    def model(self, which: str | int | None = None, *, ema: bool = True) -> Model:
        """The model with a checkpoint's weights, in evaluation mode; adapters are merged into them.

        Args:
            which: ``best``, ``last`` or a step; the best, else the last, where None.
            ema: the averaged weights where the run kept them.
        """
        _, path = self.checkpoint(which)
        use_ema = ema and self.recipe.training.ema > 0
        name = "ema" if use_ema else "model"
        tensors: dict[str, dict[str, Tensor]] = self.folder.load_checkpoint(which, (name,))[0]
        model = build_model(self.recipe, self.dimensions())
        check_weights(model, tensors.get(name, {}), path)
        model.load_state_dict(tensors[name])
        merge_adapters(model)
        return model.eval().requires_grad_(False)


TENSORS_TOLD = 12
"""Of those that do not fit, in one line."""


def check_weights(model: Model, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights that are not of this model: another family's, or the same with other settings.

    Args:
        model: as the recipe builds it.
        tensors: by name, of a checkpoint.
        path: of the checkpoint, for the error.

    Raises:
        RunError: tensors are missing, too many, or of another shape; they are named with their shapes.
    """
    own = {name: list(value.shape) for name, value in model.state_dict().items()}
    stored = {name: list(value.shape) for name, value in tensors.items()}
    if own == stored:
        return
    names = [name for name in dict.fromkeys((*own, *stored)) if own.get(name) != stored.get(name)]
    listed = [
        f"{name} {stored.get(name, '-')} ≠ {own.get(name, '-')}" for name in names[:TENSORS_TOLD]
    ]
    raise RunError(
        N_(
            "the weights in {path} are not of the {family} in recipe.json, {count} tensors differ (stored ≠ asked: "
            "{tensors}): the folder holds parts of two runs; restore its own recipe or checkpoint"
        ),
        path=str(path),
        family=model.family,
        count=len(names),
        tensors=", ".join([*listed, *(["…"] if len(names) > TENSORS_TOLD else [])]),
    )
