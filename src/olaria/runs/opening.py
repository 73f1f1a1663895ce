"""Open a run's data, tokenizer and model; and for a run of codes, the run whose codes they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from torch import Generator, Tensor

from olaria.data import DATASETS, AnyData, DataConfig, ImageData, PairData, TextData, load
from olaria.data import codes as kept_codes
from olaria.data.base import OtherKindError, Progress, fingerprint, kind_of, lines_of
from olaria.data.config import coded_name
from olaria.data.tokenizer import Tokenizer, fit_tokenizer
from olaria.errors import DamagedError, OlariaError, RunError
from olaria.families import MODELS
from olaria.families.base import Kind
from olaria.i18n import N_, Setting
from olaria.models.base import Model
from olaria.models.vq import VQ
from olaria.nn.lora import merge_adapters
from olaria.recipes import Recipe
from olaria.runs import Run
from olaria.runs.coders import coded_images
from olaria.runs.places import origin_of_codes, recipes_of
from olaria.sampling import codes
from olaria.storage.files import in_megabytes
from olaria.storage.inside import inside
from olaria.training import machine, threads
from olaria.training.inheritance import model_sha256
from olaria.training.sizing import build_stored


def data_of(run: Run, *, offline: bool = False, progress: Progress | None = None) -> AnyData:
    """See :meth:`olaria.runs.Run.data`."""
    *others, last = recipes_of(run)
    for recipe in others:
        with suppress(OlariaError):  # another run's data
            data = load_data(recipe, run, offline=offline, progress=progress)
            check_data(run, data)
            return data
    data = load_data(last, run, offline=offline, progress=progress)
    check_data(run, data)
    return data


def _refuse_unnamed(run: Run) -> None:
    """Refuse to read a file only because a recipe names it: the run may be a stranger's, and the file a private one.

    Raises:
        RunError: nobody named the data, it is none of ours, and the run tells no fingerprint by which to know it.
    """
    recipe, provenance = run.recipe, run.provenance
    names = {"data_sha256"} | ({"painter_sha256"} if recipe.kind in ("codes", "latents") else set())
    if run.places or recipe.data.name in DATASETS or names <= provenance.keys():
        return
    raise RunError(
        N_(
            "run {name} names the data {path} and stores no fingerprint of it, so it is not opened; "
            "where it is yours, name it: {data}"
        ),
        name=run.name,
        path=recipe.data.name,
        data=Setting(run.places_setting, "PATH"),
    )


def check_data(run: Run, data: AnyData) -> None:
    """Refuse data that are not what a run was trained on.

    Raises:
        RunError: their fingerprint is another one.
    """
    if run.provenance.get("data_sha256") in (None, data.sha256):
        return
    if run.places:
        raise RunError(
            N_(
                "{data} does not hold what run {name} was trained on: its content has another fingerprint; "
                "give the same data"
            ),
            data=", ".join(run.places),
            name=run.name,
        )
    raise RunError(
        N_("the data {data} has changed since run {name} was trained on it"),
        data=run.recipe.data.name,
        name=run.name,
    )


def load_data(
    recipe: Recipe,
    run: Run | None = None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> AnyData:
    """The recipe's data, of the kind that its family learns from.

    Args:
        recipe: names them.
        run: of this recipe, where there is one already.
        offline: open no connection.
        progress: gets what is downloaded.

    Raises:
        RunError: nobody but the run names them, and it tells no fingerprint; text for an image model, or any other kind
            for one that does not learn from it; images without the classes that the model needs.
    """
    if run is not None:
        _refuse_unnamed(run)
    if recipe.kind == "codes":
        return coded_text(recipe, run, offline=offline, progress=progress)
    # Of a run that there is, the images alone may be named too: its model holds all else.
    if recipe.kind == "latents" and (run is None or recipe.data.coded_run is not None):
        return coded_images(recipe, run, offline=offline, progress=progress)
    wanted = MODELS[recipe.model.family].data
    data: AnyData | None = None
    with suppress(OtherKindError):
        data = load(
            recipe.data.name, recipe.data, offline=offline, progress=progress, wanted=wanted
        )
    if data is None or wanted != kind_of(data):
        fields = {"family": recipe.model.family, "data": recipe.data.name}
        raise RunError(OTHER_KIND[wanted], **fields, setting=Setting("data"))
    if isinstance(data, ImageData):
        _check_classes(recipe, data)
    return data


@dataclass(frozen=True, kw_only=True, repr=False)
class CodedText(TextData):
    """The images of a run as lines of letters; see :mod:`olaria.data.codes`.

    Args:
        painting: the run whose model turns images into codes and codes into images.
        painter: that model.
    """

    painting: Run = field(compare=False, repr=False)
    painter: VQ = field(compare=False, repr=False)


def painter_of(recipe: Recipe, run: Run | None = None) -> tuple[Run, VQ]:
    """The run whose codes a recipe learns from, and its model.

    Args:
        recipe: names it.
        run: of this recipe, where there is one already.

    Raises:
        RunError: there is none, it is not where it was, or it has no codes.
    """
    painting = origin_of_codes(
        recipe, run, lambda other: model_sha256(_painter(other).state_dict())
    )
    return painting, _painter(painting)


def _painter(run: Run) -> VQ:
    model = run.model() if run.family == "vq" else None
    if not isinstance(model, VQ):
        raise RunError(
            N_("run {name} is a {family} and has no codes; train vq-mnist"),
            name=run.name,
            family=run.family,
        )
    return model


def coded_text(
    recipe: Recipe,
    run: Run | None = None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> CodedText:
    """The images that another run was trained and validated with, as lines of letters."""
    painting, model = painter_of(recipe, run)
    data = painting.data(offline=offline, progress=progress)
    assert isinstance(data, ImageData)
    train, validation = (_codes_of(model, part.x) for part in (data.train, data.validation))
    return CodedText(
        name=coded_name(painting.name),
        title=coded_name(painting.name),
        train=train,
        validation=validation,
        source="generated",
        sha256=fingerprint([train.encode(), validation.encode()]),
        citation=data.citation,
        licence=data.licence,
        num_documents=len(data.train) + len(data.validation),
        notes=data.notes,
        painting=painting,
        painter=model,
    )


def _codes_of(model: VQ, x: Tensor) -> str:
    """The images' lines. They are kept: 60,000 images take a minute, and every command on a run of codes needs them."""
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
            N_("{data} has {found} {found:class|classes}, not {wanted}; set model.classes={found}"),
            data=recipe.data.name,
            found=data.num_classes,
            wanted=wanted,
        )


OTHER_KIND: dict[Kind, str] = {
    "images": N_(
        "{family} learns from images and {data} holds none; give it images with {setting}"
    ),
    "text": N_("{family} learns from text and {data} holds none; give it text with {setting}"),
    "pairs": N_(
        "{family} learns from pairs of texts and {data} holds none; give it a .tsv file with {setting}"
    ),
    "points": N_(
        "{family} learns from points in the plane and {data} holds none; "
        "give it a .csv file of two numbers a line with {setting}"
    ),
}
"""The error where a family gets another kind of data, by the kind that it learns from."""


def tokenizer_for(recipe: Recipe, data: TextData | PairData) -> Tokenizer:
    """The tokenizer of a recipe that begins; see :func:`tokenizer_of`."""
    return tokenizer_of(recipe.data, data)


def tokenizer_of(options: DataConfig, data: TextData | PairData) -> Tokenizer:
    """The kind of tokenizer in ``options``; words and byte pairs come from the training part alone.

    The alphabet comes from the whole text, as is usual on these texts: a character that occurs only in the validation
    part could not be measured otherwise.
    """
    if isinstance(data, PairData):
        train, validation = lines_of(data.train), lines_of(data.validation)
    else:
        train, validation = data.train, data.validation
    return fit_tokenizer(options.tokenizer, train, options.vocab_size, other=validation)


def load_model(run: Run, which: str | int | None, *, ema: bool) -> Model:
    """See :meth:`olaria.runs.Run.model`; it computes with as many threads as the user says."""
    machine.set_num_threads(threads.number_said())
    _, path = run.checkpoint(which)
    use_ema = ema and run.recipe.training.ema > 0
    name = "ema" if use_ema else "model"
    model = model_to_fill(run, path, name)
    tensors: dict[str, dict[str, Tensor]] = run.folder.load_checkpoint(which, (name,))[0]
    check_weights(model, tensors.get(name, {}), path)
    model.load_state_dict(tensors[name])
    merge_adapters(model)
    return model.eval().requires_grad_(False)


def model_to_fill(run: Run, path: Path, name: str = "model") -> Model:
    """A run's model before its weights are read, once it is known that it and they are of one size.

    Args:
        run: whose recipe describes it.
        path: folder of the checkpoint.
        name: of the file of weights, without its ending.

    Raises:
        RunError: the model is larger than they are.
        DamagedError: they are larger than the model; they are not read.
    """
    weights = inside(path, f"{name}.safetensors")
    stored = weights.stat().st_size if weights.is_file() else 0
    model = build_stored(run.recipe, run.dimensions(), stored, weights)
    needed = sum(value.nbytes for value in model.state_dict().values())
    if stored > 2 * needed + MOST_HEADER_BYTES:
        raise DamagedError(
            N_(
                "{path} is damaged: it takes {size} MB, and the weights of its model take {needed} MB"
            ),
            path=str(weights),
            size=in_megabytes(stored),
            needed=in_megabytes(needed),
        )
    return model


def most_stored_bytes(model: Model) -> int:
    """More than a checkpoint of a model takes: its weights, their average and an optimizer's two moments, twice."""
    weights: int = sum(value.nbytes for value in model.state_dict().values())
    return 8 * weights + MOST_HEADER_BYTES


MOST_HEADER_BYTES = 100_000_000
"""What the safetensors format allows."""
MAX_LISTED = 12
"""Tensors that an error names."""


def check_weights(model: Model, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights that are not of this model: another family's, or the same with other settings.

    Args:
        model: built from the recipe.
        tensors: by name, of a checkpoint.
        path: of the checkpoint, for the error.

    Raises:
        RunError: tensors are missing, too many, or of another shape; they are named with their shapes. Or numbers are
            of another type, or not finite.
    """
    own = model.state_dict()
    expected = {name: list(value.shape) for name, value in own.items()}
    stored = {name: list(value.shape) for name, value in tensors.items()}
    if expected == stored:
        _check_numbers(own, tensors, path)
        return
    every = dict.fromkeys((*expected, *stored))
    names = [name for name in every if expected.get(name) != stored.get(name)]
    listed = [f"{name} {stored.get(name, '-')} ≠ {expected.get(name, '-')}" for name in names]
    raise RunError(
        N_(
            "the weights in {path} are not of the {family} in recipe.json, {count} "
            "{count:tensor differs|tensors differ} (stored ≠ asked: {tensors}): the folder "
            "holds parts of two runs; restore its own recipe or checkpoint"
        ),
        path=str(path),
        family=model.family,
        count=len(names),
        tensors=_listed(listed),
    )


def _check_numbers(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights that are NaN, infinite, or of another type than the model's: no run of ours stores such."""
    typed = [
        f"{name} {str(tensors[name].dtype).removeprefix('torch.')}"
        for name in own
        if tensors[name].dtype != own[name].dtype
    ]
    if typed:
        raise RunError(
            N_("the weights in {path} have other types of numbers than the model's: {tensors}"),
            path=str(path),
            tensors=_listed(typed),
        )
    broken = [name for name, value in tensors.items() if not value.isfinite().all()]
    if broken:
        raise RunError(
            N_(
                "the weights in {path} hold NaN or infinity, so that nothing can be computed with them: {tensors}"
            ),
            path=str(path),
            tensors=_listed(broken),
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join([*names[:MAX_LISTED], *(["…"] if len(names) > MAX_LISTED else [])])
