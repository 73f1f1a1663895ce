"""Images: batches of pixels, pictures to watch, metrics of reconstructions and of samples, sheets by mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from PIL.Image import Image
from torch import Generator, Tensor

from olaria.data.base import ImageData, Images
from olaria.data.config import DataConfig
from olaria.errors import SamplingError, StorageError, UsageError
from olaria.evaluation import diversity, extractor
from olaria.evaluation.bounds import masked_nats
from olaria.evaluation.codes import evaluate_codes
from olaria.evaluation.density import active_units, elbo
from olaria.evaluation.gathered import alike, unmeasured
from olaria.i18n import N_, Message, Setting, detect_language
from olaria.kinds.base import (
    Kind,
    Sample,
    counted,
    drawn_by,
    first_model,
    fitting,
    set_sampler,
)
from olaria.kinds.image_metrics import measure
from olaria.models import NETWORKS
from olaria.models.base import Batch, ImageModel
from olaria.objectives.reconstruction import squared_error
from olaria.recipes import Recipe
from olaria.runs import Run, opened_run
from olaria.runs.tuning import Start
from olaria.sampling import latent, modes
from olaria.sampling.arraylike import ArrayLike
from olaria.sampling.modes import Sheet
from olaria.sharing import Summed, alone
from olaria.storage.captions import captioned
from olaria.storage.endings import FOLDER, PICTURE, refuse_other_endings
from olaria.storage.files import refuse_overwriting
from olaria.storage.images import make_picture, make_sheet, save_png, to_png
from olaria.training.feed import ExampleFeed
from olaria.training.prepared import Prepared
from olaria.training.randomness import generator
from olaria.training.sizing import size_up
from olaria.training.watch import Watch
from olaria.vocabulary import MODE, NUM_IMAGES, WALK, Mode, Solver, Walk

NUM_WATCHED = 64
"""Images in a watching grid."""
WATCHED_DRAWS = 500
"""Images that are drawn while training to be compared with as many of the validation split."""
BLOCK = 1000
"""Images that are measured at once while training."""
WATCHED_MASKS = 2
"""Of each validation image, where pixels are masked."""


# -- prepare ---------------------------------------------------------------------------------------


def prepare(recipe: Recipe, data: ImageData, start: Start | None = None) -> Prepared:
    """See :class:`olaria.kinds.base.Kind`; the mean image of a base stays with its weights."""
    recipe, notes = fitting(recipe, len(data.train))
    feed = ExampleFeed(data.train.x, data.train.y, recipe.training.batch_size, recipe.seed)
    network = NETWORKS[recipe.model.family]
    assert issubclass(network, ImageModel)
    by_samples = network.measured_by == "samples"
    sized = size_up(recipe, data.shape, feed, data, WATCHED_DRAWS if by_samples else BLOCK)
    count, y = network.num_adapted, data.train.y
    first = Batch(data.train.x[:count].float() / 255, None if y is None else y[:count])
    model, base = first_model(recipe, data.shape, sized, first, start)
    assert isinstance(model, ImageModel)
    watching = watch(model, data, recipe.seed)
    notes = (*data.notes, *notes)
    return Prepared(recipe, data, data.shape, feed, watching, model, sized, notes=notes, base=base)


# -- watch -----------------------------------------------------------------------------------------


def watch(model: ImageModel, data: ImageData, seed: int) -> Watch:
    """What the loop looks at while a model of images trains: fixed images, or fixed noise, all along."""
    shown = data.validation.x[:NUM_WATCHED].float() / 255

    def sample(model: Any) -> Tensor:
        if model.has_prior:
            return latent.prior(model, NUM_WATCHED, generator(seed, "watching"))
        pairs = torch.stack((shown, latent.reconstruct(model, shown)), 1)
        return pairs.flatten(0, 1)[:NUM_WATCHED]

    watched = model.measured_by
    monitor = None if watched == "samples" else "loss"
    name = _OF_VARIETY.get(watched)
    return Watch(
        _WATCHES[watched](data, seed),
        sample,
        monitor,
        is_shared=watched in ("error", "bound", "masked"),
        notes=unmeasured(name, data.validation.x) if name else (),
    )


def _watch_error(data: ImageData, _seed: int) -> Callable[..., Mapping[str, float]]:
    validation = data.validation.x

    def evaluate(model: Any, summed: Summed = alone) -> Mapping[str, float]:
        blocks = [partial(_error, model, block) for block in validation.split(BLOCK)]
        error = summed(blocks, 1)[0] / len(validation)
        return {"loss": error, "mse": error}

    return evaluate


def _error(model: ImageModel, images: Tensor) -> tuple[float]:
    """The summed squared errors of images as bytes."""
    x = images.float() / 255
    return (squared_error(latent.reconstruct(model, x), x).double().sum().item(),)


def _watch_bound(data: ImageData, seed: int) -> Callable[..., Mapping[str, float]]:
    validation, labels = data.validation.x, data.validation.y
    is_varied = alike(validation) is None

    def evaluate(model: Any, summed: Summed = alone) -> Mapping[str, float]:
        draws = generator(seed, "validation")
        x = model.target(validation.float() / 255, draws)
        y = labels if model.classes else None
        bound = elbo(model, x, draws, y=y, summed=summed)
        units = {"active_units": active_units(model, x, y=y)} if is_varied else {}
        return {
            "loss": -bound.elbo_nats,
            "reconstruction_nats": bound.reconstruction_nats,
            "kl_nats": bound.kl_nats,
            **units,
        }

    return evaluate


def _watch_masked(data: ImageData, seed: int) -> Callable[..., Mapping[str, float]]:
    """The bound, each time with the same masks."""
    validation = data.validation.x

    def evaluate(model: Any, summed: Summed = alone) -> Mapping[str, float]:
        draws = generator(seed, "validation")
        x = model.target(validation.float() / 255, draws)
        return {"loss": masked_nats(model, x, draws, WATCHED_MASKS, summed)}

    return evaluate


def _watch_codes(data: ImageData, seed: int) -> Callable[..., Mapping[str, float]]:
    """Nats of the image given its codes, and the codes in use."""

    def evaluate(model: Any) -> Mapping[str, float]:
        draws = generator(seed, "validation")
        values = evaluate_codes(model, data.validation.x, draws).numbers()
        return {"loss": values["reconstruction_nats"], **values}

    return evaluate


def _watch_samples(data: ImageData, seed: int) -> Callable[..., Mapping[str, float]]:
    """How much of the validation images a generator's images cover, from the same noise each time.

    ``spread`` is there where the real images differ, ``coverage`` and ``classes_covered`` where a feature network is.
    """
    real = data.validation.x[:WATCHED_DRAWS]
    pixels, is_varied = real.float() / 255, alike(real) is None
    features_of = extractor.for_data(data)

    @cache  # at the first evaluation, which no budget counts
    def real_features() -> Tensor | None:
        return None if features_of is None else features_of.features(real)

    def evaluate(model: Any) -> Mapping[str, float]:
        images = latent.prior(model, WATCHED_DRAWS, generator(seed, "coverage"))
        values = {"spread": diversity.spread(images, pixels)} if is_varied else {}
        features = real_features()
        if features_of is not None and features is not None and len(features) > diversity.K:
            generated, probabilities = features_of.describe(images)
            values["coverage"] = diversity.prdc(generated, features).coverage
            values["classes_covered"] = diversity.classes_covered(probabilities)
        return values

    return evaluate


_WATCHES: dict[str, Callable[[ImageData, int], Callable[..., Mapping[str, float]]]] = {
    "error": _watch_error,
    "bound": _watch_bound,
    "masked": _watch_masked,
    "codes": _watch_codes,
    "samples": _watch_samples,
}
"""By :attr:`olaria.models.base.ImageModel.measured_by`."""
_OF_VARIETY = {"bound": "active_units", "samples": "spread"}
"""What is measured only where the validation images differ."""


# -- draw ------------------------------------------------------------------------------------------


IMAGE_ENDINGS = (*PICTURE, FOLDER)


@dataclass(frozen=True, repr=False)
class ImageSample(ArrayLike, Sample):
    """Images (N, C, H, W) in [0, 1], and their sheet.

    Args:
        images: the images.
        columns: how many stand in a row of the sheet.
        caption: written below it.
        language: of the caption; the user's where None.
    """

    images: Tensor
    columns: int | None = None
    caption: tuple[Message, ...] = ()
    language: str | None = None
    suffix: ClassVar[str] = ".png"

    def __repr__(self) -> str:
        return f"<images {self.shape}>"

    @property
    def tensor(self) -> Tensor:
        """The images."""
        return self.images

    @property
    def value(self) -> Tensor:
        """The images."""
        return self.images

    def spoken(self, language: str) -> ImageSample:
        """Itself with the caption in a language."""
        return replace(self, language=language)

    def sheet(self) -> Image:
        """The images in rows, enlarged by a whole factor, over the caption."""
        language = self.language or detect_language()
        grid = make_sheet(self.images, self.columns)
        return captioned(grid, (line.text(language) for line in self.caption))

    def _repr_png_(self) -> bytes:
        return to_png(self.sheet())

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the sheet as PNG; see :meth:`olaria.kinds.base.Sample.save`."""
        refuse_other_endings(path, PICTURE)
        refuse_overwriting(path, overwrite)
        save_png(path, self.sheet())

    def save_each(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write every image as a PNG of its own, numbered from 1, pixel for pixel: for tools that read folders.

        Raises:
            StorageError: the folder holds something already; with ``overwrite``, something else than these images.
        """
        digits = len(str(len(self.images)))
        files = [f"{number:0{digits}}.png" for number in range(1, len(self.images) + 1)]
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
        if there - (set(files) if overwrite else set()):
            raise StorageError(
                N_("folder {path} holds other files; choose an empty one"), path=str(folder)
            )
        for name, image in zip(files, self.images, strict=True):
            save_png(folder / name, make_picture(image))

    def to_json(self, path: Path | None) -> dict[str, Any]:
        """Where they were written, and their shape."""
        return {"path": None if path is None else str(path), "shape": [*self.images.shape]}


def draw(
    run: str | Path | Run,
    *,
    count: int | None = None,
    mode: Mode = MODE,
    label: int | None = None,
    path: Walk = WALK,
    attribute: tuple[int, int] | None = None,
    steps: int | None = None,
    solver: Solver | None = None,
    guidance: float | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
    offline: bool = False,
) -> ImageSample:
    """Images of a run.

    Args:
        run: a run, its name or its path.
        count: how many images, 64 where None; of pairs or rows where the mode shows those.
        mode: ``prior`` draws z ~ N(0, I); ``reconstruct`` pairs test images with their reconstructions;
            ``interpolate`` walks between the codes of pairs of test images, or between draws of z where the model
            has no encoder; ``traverse`` moves one latent coordinate a row; ``manifold`` decodes a plane of two latent
            coordinates; ``attribute`` moves test images along the way from one class to another.
        label: the class of all images drawn, where the model is given classes; in turn where None.
        path: of ``interpolate``.
        attribute: of ``attribute``, the two classes.
        steps, solver, guidance: of a model that draws in steps; see :func:`olaria.kinds.base.set_sampler`.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        SamplingError: the model cannot do this, or there is no such class.
        UsageError: ``attribute`` goes with another mode, or the model does not draw in steps.
    """
    run = opened_run(run)
    count = counted(count, NUM_IMAGES)
    if (attribute is None) != (mode != "attribute"):
        raise UsageError(
            N_("{mode} needs {attribute}, the classes, and the reverse"),
            mode=Setting("mode", "attribute"),
            attribute=Setting("attribute", "K:L"),
        )
    model, draws = run.model(checkpoint), Generator().manual_seed(seed)
    assert isinstance(model, ImageModel)
    _check_class(run, model, label)
    set_sampler(model, run.name, steps, solver, guidance)
    sheet = _sheet(run, model, count, mode, label, path, attribute, draws, offline)
    made = drawn_by(run, checkpoint, None if mode == "manifold" else seed, model)
    return ImageSample(sheet.images, sheet.columns, (*sheet.caption, made))


def _sheet(
    run: Run,
    model: ImageModel,
    count: int,
    mode: Mode,
    label: int | None,
    path: Walk,
    attribute: tuple[int, int] | None,
    draws: Generator,
    offline: bool,
) -> Sheet:
    """The images of a mode; see :func:`draw`."""
    if mode == "manifold":
        return modes.plane(model, label or 0)
    if mode == "prior":
        return modes.drawn(model, count, label, draws)
    ends = modes.Noise(model, label, draws)
    if mode in ("interpolate", "traverse") and not model.encodes:
        return ends.walks(count, path) if mode == "interpolate" else ends.traversal(count)
    data = run.data(offline=offline)
    assert isinstance(data, ImageData)
    if attribute is not None:
        return modes.towards(model, data, attribute, count, draws)
    examples = modes.Examples.drawn(model, data, label, draws)
    if mode == "reconstruct":
        return modes.reconstructions(model, examples, count)
    if mode == "interpolate":
        return modes.walks(model, examples, count, path)
    return modes.traversal(model, examples, count)


def _check_class(run: Run, model: ImageModel, label: int | None) -> None:
    if label is None:
        return
    if model.classes == 0:
        raise SamplingError(
            N_("run {name} was not trained with classes; leave {label} out, or train cvae-mnist"),
            label=Setting("label"),
            name=run.name,
        )
    if not 0 <= label < model.classes:
        raise SamplingError(
            N_("there is no class {label}: run {name} knows 0 to {last}"),
            label=label,
            name=run.name,
            last=model.classes - 1,
        )


# -- describe --------------------------------------------------------------------------------------


def describe(data: ImageData, _config: DataConfig) -> dict[str, Any]:
    """Shape, counts and classes of images; mean and standard deviation of the training pixels."""
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    values = data.train.x.float() / 255
    return {
        "shape": list(data.shape),
        "num_images": {name: len(images) for name, images in parts.items()},
        "classes": list(data.class_names),
        "images_per_class": {name: _per_class(images, data) for name, images in parts.items()},
        "mean": float(values.mean()),
        "std": float(values.std(correction=0)),
    }


def _per_class(images: Images, data: ImageData) -> list[int] | None:
    if images.y is None:
        return None
    counts: list[int] = images.y.bincount(minlength=data.num_classes).tolist()
    return counts


KIND = Kind(prepare, measure, draw, describe, N_("images"), "test", IMAGE_ENDINGS)
