"""Gather what a report shows of a run and of its data: the model draws here, the report only lays out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import PureWindowsPath
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Generator, Tensor

from olaria.cards.architecture import architecture
from olaria.cards.context import DataCard, Incident, RunCard
from olaria.cards.incidents import incidents
from olaria.cards.live import with_live
from olaria.data import AnyData, ImageData, PairData, PointData, TextData
from olaria.data.config import DataConfig
from olaria.errors import MissingError, OlariaError, SamplingError
from olaria.families import MODELS
from olaria.i18n import N_, Message, command
from olaria.kinds import draw
from olaria.models.base import ImageModel, Model
from olaria.models.vq import VQ
from olaria.recipes.compared import as_setting, differences
from olaria.runs import Run
from olaria.runs.opening import CodedText
from olaria.sampling import latent
from olaria.sampling.modes import NO_PAIR
from olaria.storage.images import animate, at_most, read_png, spread

NUM_SAMPLES = 64
NUM_EXAMPLES = 40
MAX_FRAMES = 36
FRAME_SIDE = 256
NUM_PAIRS = 10
NUM_TRANSLATED = 10
NUM_SCATTERED = 3000
MANIFOLD_SIDE = 18
TEXT_CHARS = 700
_SEED = 0
T = TypeVar("T")
LEFT_OUT = N_("what the data shows of this run is left out: {reason}")
"""The gap of a run whose data cannot be had."""
_CARD = ("title", "citation", "licence", "sizes")
"""What provenance.json says of data, and a card too."""


def run_card(run: Run, *, offline: bool = False, live: bool = False) -> RunCard:
    """Everything that a report shows of one run; what its data would show is left out where it cannot be had.

    Args:
        run: that is shown.
        offline: open no connection.
        live: whether its part that moves is gathered too.
    """
    data, missing = _data_of(run, offline)
    model = run.model()
    card = _still_card(run, model, data, missing)
    return with_live(card, run, model, data, seed=_SEED, drawn=NUM_SAMPLES) if live else card


def _still_card(run: Run, model: Model, data: AnyData | None, missing: Message | None) -> RunCard:
    """What does not move."""
    provenance = run.provenance
    gaps = [] if missing is None else [Message(LEFT_OUT, {"reason": missing})]
    card = RunCard(
        name=run.name,
        family=run.family,
        data=_stored_card(run) if data is None else data_card(data),
        recipe=_shared(run.recipe.model_dump(mode="json")),
        result=_read(lambda: run.result, {}, gaps),
        evaluation=_read(lambda: run.evaluation, None, gaps),
        metrics=_read(run.metrics, [], gaps),
        provenance={**provenance.get("machine", {}), **provenance},
        command=command_of(run),
        architecture=architecture(model, run.dimensions()),
        incidents=_read(lambda: incidents(run), None, gaps),
        is_watched=run.recipe.training.health,
        differences=frozenset(differences(run.recipe)),
    )
    card = _with_gaps(card, gaps)
    if MODELS[run.family].data == "text":
        return _language_card(card, run)
    if isinstance(data, PairData):
        return _translation_card(card, run, data)
    shows_frames = MODELS[run.family].shows("first-and-last", "animation")
    gaps = []
    fields: dict[str, Any] = {}
    if shows_frames:
        fields |= _read(lambda: _frames(run), dict[str, Any](), gaps)
    if isinstance(model, ImageModel):
        fields |= _images(run, model, data if isinstance(data, ImageData) else None, gaps)
    return _with_gaps(dataclasses.replace(card, **fields), gaps)


def _with_gaps(card: RunCard, gaps: Sequence[Message]) -> RunCard:
    """What could not be shown is named: the rest of the report stands."""
    noted = [*(card.incidents or ()), *(Incident("gap", gap) for gap in gaps)]
    return dataclasses.replace(card, incidents=noted) if gaps else card


def _read(read: Callable[[], T], without: T, gaps: list[Message]) -> T:
    """What a file of a run holds; where it is damaged, a gap that names it, and the others are still shown."""
    try:
        return read()
    except OlariaError as error:
        if error.message not in gaps:  # which one file may be to two readers
            gaps.append(error.message)
        return without


def _data_of(run: Run, offline: bool) -> tuple[AnyData | None, Message | None]:
    """A run's data, or why they cannot be had: one run without them must not lose a report."""
    try:
        return run.data(offline=offline), None
    except OlariaError as error:
        return None, error.message


def _stored_card(run: Run) -> DataCard:
    """What a run has stored of its data."""
    provenance, name = run.provenance, run.recipe.data.last_name
    stored = {k: v for k, v in provenance.get("data", {}).items() if k in _CARD}
    if MODELS[run.family].data == "text":  # whose sizes are shown beside its beginning
        stored.pop("sizes", None)
    return DataCard(
        name=run.recipe.data.name,
        source=provenance.get("data_source", ""),
        sha256=provenance.get("data_sha256", ""),
        **{"title": name, **stored},
    )


def data_card(data: AnyData) -> DataCard:
    """A data set, for a report."""
    card = DataCard(
        name=data.name,
        title=data.title,
        source=data.source,
        citation=data.citation,
        licence=data.licence,
        sha256=data.sha256,
        notes=data.notes,
    )
    if isinstance(data, CodedText):
        origin = N_("images that run {name} encodes: a line for each, a letter for each code")
        fields = {"name": data.painting.name}
        card = dataclasses.replace(card, origin=Message(origin, fields))
    if isinstance(data, TextData):
        sizes = {"train": len(data.train), "validation": len(data.validation)}
        return dataclasses.replace(card, sizes=sizes, excerpt=data.train[:TEXT_CHARS])
    if isinstance(data, PairData):
        sizes = {"train": len(data.train), "validation": len(data.validation)}
        return dataclasses.replace(card, sizes=sizes)
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    card = dataclasses.replace(card, sizes={name: len(part) for name, part in splits.items()})
    if isinstance(data, PointData):
        return card
    return dataclasses.replace(card, examples=_array(data.train.x[:NUM_EXAMPLES]))


def _shared(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe in which files and runs go by their last names: it is handed to others."""
    recipe = {
        **recipe,
        "data": {**recipe["data"], "name": DataConfig(name=recipe["data"]["name"]).last_name},
    }
    if recipe.get("tuning"):
        recipe["tuning"] = {
            **recipe["tuning"],
            "start": PureWindowsPath(recipe["tuning"]["start"]).name,
        }
    return recipe


# -- the command that repeats it -------------------------------------------------------------------


def command_of(run: Run) -> str:
    """The command that makes a run of the same recipe again."""
    recipe = run.recipe
    tuning = recipe.tuning
    if tuning is not None and tuning.checkpoint is not None:  # it trained another one on
        name, before = PureWindowsPath(tuning.start).name, run.provenance.get("base", {})
        if recipe.training.steps is not None:
            steps = recipe.training.steps + int(before.get("steps", 0))
            return command("train", options=["--resume", name, "--steps", str(steps)])
        seconds = (recipe.training.budget or 0) + before.get("elapsed_s", 0)
        return command("train", options=["--resume", name, "--budget", f"{seconds:g}s"])
    words = ["--data", recipe.data.last_name]
    if recipe.training.steps is not None:
        words += ["--steps", str(recipe.training.steps)]
    else:
        words += ["--budget", f"{recipe.training.budget:g}s"]
    words += ["--size", recipe.size, "--seed", str(recipe.seed)]
    different = differences(run.recipe)
    for path, value in different.items():
        part, _, name = path.partition(".")
        if part == "data" and name != "name" and value is not None:
            option = "--" + name.replace("_", "-")
            words += [option] if value is True else [option, str(value)]
    if recipe.tuning is not None:
        words += ["--from", PureWindowsPath(recipe.tuning.start).name]
        if recipe.tuning.rank is not None:
            words += ["--lora-rank", str(recipe.tuning.rank)]
            words += ["--lora-targets", ",".join(recipe.tuning.targets)]
            words += ["--lora-alpha", f"{recipe.tuning.alpha:g}"]
    for path, value in different.items():
        is_setting = path.startswith(("model.", "training."))
        if is_setting and path not in ("training.steps", "training.budget", "model.autoencoder"):
            words += ["--set", as_setting(path, value)]
    return command("train", recipe.preset, options=words)


# -- outputs of the model --------------------------------------------------------------------------


def _language_card(card: RunCard, run: Run) -> RunCard:
    if run.recipe.kind == "codes":  # its texts are images
        try:
            images = draw(run, count=NUM_SAMPLES, seed=_SEED).value
        except (SamplingError, MissingError) as error:
            return _with_gaps(card, [error.message])
        return dataclasses.replace(card, samples=_array(images))
    text = draw(run, max_tokens=TEXT_CHARS, seed=_SEED).value
    return dataclasses.replace(card, text=text.strip("\n"))


def _translation_card(card: RunCard, run: Run, data: PairData) -> RunCard:
    pairs = data.validation[:NUM_TRANSLATED]
    outputs = draw(run, prompt=[source for source, _ in pairs]).value
    rows = [(*pair, output) for pair, output in zip(pairs, outputs, strict=True)]
    return dataclasses.replace(card, translations=rows)


def _images(
    run: Run, model: ImageModel, data: ImageData | None, gaps: list[Message]
) -> dict[str, Any]:
    """Images that a model makes, as far as its family's panels show them and its data is there; the rest are gaps."""
    shows, draws = MODELS[run.family].shows, Generator().manual_seed(_SEED)
    names = run.class_names if data is None else data.class_names
    fields: dict[str, Any] = {"class_names": names}
    if shows("samples"):
        fields["samples"] = _array(latent.prior(model, NUM_SAMPLES, draws))
    if data is None or not shows(
        "reconstructions", "interpolation", "latents", "manifold", "codes"
    ):
        return fields
    chosen = torch.randperm(len(data.test), generator=draws)[:NUM_SCATTERED]
    x, y = data.test.x[chosen].float() / 255, data.test.y
    labels = None if y is None else y[chosen]
    fields |= _through_the_bottleneck(run, model, x, labels, gaps)
    if shows("codes"):
        fields["code_counts"] = _code_counts(model, x)
    return fields


def _code_counts(model: ImageModel, x: Tensor) -> NDArray[Any]:
    """How often each entry of a codebook stands for a part of an image, (K,)."""
    assert isinstance(model, VQ)  # whose codes are integers
    codes = torch.cat([model.encode(part) for part in x.split(NUM_SCATTERED // 10)])
    return codes.flatten().bincount(minlength=model.config.codes).numpy()


def _through_the_bottleneck(
    run: Run, model: ImageModel, x: Tensor, labels: Tensor | None, gaps: list[Message]
) -> dict[str, Any]:
    """Codes, reconstructions and interpolations of test images (N, C, H, W) of classes (N,)."""
    shows = MODELS[run.family].shows
    if not shows("latents"):  # which are of many images; the rest is of the first few
        x, labels = x[:NUM_PAIRS], None if labels is None else labels[:NUM_PAIRS]
    classes = labels if model.classes else None

    def of(count: int) -> Tensor | None:
        return None if classes is None else classes[:count]

    codes = latent.encode(model, x, classes)
    fields: dict[str, Any] = {}
    if shows("reconstructions"):
        fields["originals"] = _array(x[:NUM_PAIRS])
        rebuilt = latent.decode(model, codes[:NUM_PAIRS], of(NUM_PAIRS))
        fields["reconstructions"] = _array(rebuilt)
    if shows("interpolation"):
        pairs = min(4, len(codes) // 2)
        if pairs:
            ends = codes[:pairs], codes[pairs : 2 * pairs]
            strips = latent.interpolate(model, *ends, steps=11, y=of(pairs))
            fields["interpolation"] = _array(strips)
        else:
            gaps.append(Message(NO_PAIR))
    if shows("latents") and codes.shape[1] == 2:
        fields["latents"], fields["has_prior"] = codes.numpy(), model.has_prior
        fields["labels"] = None if labels is None else labels.numpy()
    if shows("manifold") and codes.shape[1] == 2:
        fields["manifold"] = _array(latent.manifold(model, MANIFOLD_SIDE))
    return fields


def _frames(run: Run) -> dict[str, Any]:
    """The first and the last watching sheet, and the way between them as an animation."""
    paths = spread(run.samples(), MAX_FRAMES)
    if not paths:
        return {}
    return {
        "first": _sheet(read_png(paths[0])),
        "last": _sheet(read_png(paths[-1])),
        "animation": animate([at_most(read_png(path), FRAME_SIDE) for path in paths]),
    }


def _sheet(picture: Image.Image) -> NDArray[np.uint8]:
    """A whole sheet as one image (1, C, H, W)."""
    array = np.asarray(picture)
    return array[None, None] if array.ndim == 2 else array.transpose(2, 0, 1)[None]


def _array(images: Tensor) -> NDArray[Any]:
    if images.dtype != torch.uint8:
        images = (images.clamp(0, 1) * 255).round().to(torch.uint8)
    return images.numpy()
