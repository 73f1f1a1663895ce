"""Draw from a run: images by mode, text by prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from olaria.data import ImageData
from olaria.data.tokenizer import Tokenizer, Unseen
from olaria.errors import DataError, SamplingError, StorageError, UsageError
from olaria.families import MODELS
from olaria.i18n import N_
from olaria.models.base import Model
from olaria.runs import Run
from olaria.sampling import latent
from olaria.sampling.autoregressive import SamplingConfig, generate
from olaria.sampling.text import decoded, decoded_rows
from olaria.storage.files import refuse_overwriting, write_text
from olaria.storage.images import make_grid, make_picture, save_png
from olaria.training.randomness import generator

Mode = Literal["prior", "reconstruct", "interpolate", "traverse", "manifold", "attribute"]
MAP_SIDE = 20
"""Images on each side of a map of the latent plane."""
ATTRIBUTE_STEPS = 9
ATTRIBUTE_IMAGES = 5_000
"""Training images that the mean codes of two classes come from."""
_ROWS = 10
"""Independent texts drawn side by side when many characters are needed."""
_SIDE_BY_SIDE = 64
"""Texts drawn at once at most: bounds memory."""


@dataclass(frozen=True)
class ImageSample:
    """Images (N, C, H, W) in [0, 1], and how many stand in a row of their sheet."""

    images: Tensor
    columns: int | None = None


def sample_images(
    run: str | Path | Run,
    *,
    count: int = 64,
    mode: Mode = "prior",
    label: int | None = None,
    path: latent.Path = "linear",
    attribute: tuple[int, int] | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
    offline: bool = False,
) -> ImageSample:
    """Images of a run.

    Args:
        run: a run, its name or its path.
        count: how many images; of pairs or rows where the mode shows those.
        mode: ``prior`` draws z ~ N(0, I); ``reconstruct`` pairs test images with their reconstructions;
            ``interpolate`` walks between the codes of pairs of test images; ``traverse`` moves one latent
            coordinate a row; ``manifold`` decodes a plane of two latent coordinates; ``attribute`` moves test images
            along the way from one class to another.
        label: the class of all images drawn, where the model was told classes; in turn where None.
        path: of ``interpolate``.
        attribute: of ``attribute``, the two classes.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        SamplingError: the model cannot do this, or there is no such class.
        UsageError: the run is of a language model, or ``attribute`` goes with another mode.
    """
    run = run if isinstance(run, Run) else Run(run)
    if MODELS[run.family].data != "images":
        raise UsageError(
            N_("run {name} is a language model: give it a --prompt, not a --mode"), name=run.name
        )
    if count < 1:
        raise UsageError(N_("-n must be at least 1, not {count}"), count=count)
    if (attribute is None) != (mode != "attribute"):
        raise UsageError(N_("--mode attribute needs --attribute K:L, the classes, and the reverse"))
    model = run.model(checkpoint)
    draws = Generator().manual_seed(seed)
    _check_class(run, model, label)
    if mode == "manifold":
        return ImageSample(latent.manifold(model, MAP_SIDE, label or 0), MAP_SIDE)
    if mode == "prior":
        y = None if label is None else torch.full((count,), label)
        # Classes in turn stand under each other when there are as many of them as images in a row.
        columns = latent.classes_of(model) if label is None else 0
        return ImageSample(latent.prior(model, count, draws, y), columns or None)
    data = run.data(offline=offline)
    assert isinstance(data, ImageData)
    if attribute is not None:
        return _towards(model, data, attribute, max(1, count // ATTRIBUTE_STEPS), draws)
    of_class = _rows_of(data.test.y, label, len(data.test))
    chosen = of_class[torch.randperm(len(of_class), generator=draws)]
    x = data.test.x[chosen].float() / 255
    y = data.test.y[chosen] if latent.classes_of(model) and data.test.y is not None else None
    if mode == "reconstruct":
        rebuilt = latent.reconstruct(model, x[:count], None if y is None else y[:count])
        pairs = torch.stack((x[:count], rebuilt), 1)
        columns = 2 * max(1, min(8, round((count / 2) ** 0.5)))
        return ImageSample(pairs.flatten(0, 1), columns)
    if mode == "interpolate":
        rows = max(1, min(count // 10, len(x) // 2))
        start = None if y is None else y[:rows]
        codes = latent.encode(model, x[: 2 * rows], None if y is None else y[: 2 * rows])
        strips = latent.interpolate(model, codes[:rows], codes[rows:], path=path, y=start)
        return ImageSample(strips.flatten(0, 1), strips.shape[1])
    return _traversal(model, x[:1], count, None if y is None else y[:1])


def _towards(
    model: Model, data: ImageData, classes: tuple[int, int], rows: int, draws: Generator
) -> ImageSample:
    """Test images of one class, a row each, moved from where they are to beyond the other class's mean."""
    train, test = data.train, data.test
    if train.y is None or test.y is None:
        raise SamplingError(N_("the images of {data} carry no classes"), data=data.name)
    source, target = classes
    for label in classes:
        if not 0 <= label < data.num_classes:
            raise SamplingError(
                N_("there is no class {label}: {data} has 0 to {last}"),
                label=label,
                data=data.name,
                last=data.num_classes - 1,
            )
    known, labels = train.x[:ATTRIBUTE_IMAGES].float() / 255, train.y[:ATTRIBUTE_IMAGES]
    is_told = latent.classes_of(model) > 0
    way = latent.attribute(model, known, labels, source, target, labels if is_told else None)
    of_class = _rows_of(test.y, source, len(test))
    chosen = of_class[torch.randperm(len(of_class), generator=draws)[:rows]]
    told = test.y[chosen] if is_told else None
    codes = latent.encode(model, test.x[chosen].float() / 255, told)
    strips = latent.interpolate(model, codes, codes + 1.5 * way, ATTRIBUTE_STEPS, y=told)
    return ImageSample(strips.flatten(0, 1), ATTRIBUTE_STEPS)


def _check_class(run: Run, model: Model, label: int | None) -> None:
    if label is None:
        return
    if latent.classes_of(model) == 0:
        raise SamplingError(
            N_("run {name} was not trained with classes; leave --class out, or train cvae-mnist"),
            name=run.name,
        )
    if not 0 <= label < latent.classes_of(model):
        raise SamplingError(
            N_("there is no class {label}: run {name} knows 0 to {last}"),
            label=label,
            name=run.name,
            last=latent.classes_of(model) - 1,
        )


def _rows_of(labels: Tensor | None, label: int | None, count: int) -> Tensor:
    """The rows of one class, or all."""
    if label is None or labels is None:
        return torch.arange(count)
    return (labels == label).nonzero().flatten()


def _traversal(model: Model, x: Tensor, count: int, y: Tensor | None) -> ImageSample:
    """One row per latent coordinate, from −3 to 3 around the code of one image."""
    values = torch.linspace(-3, 3, 10)
    code, label = latent.encode(model, x, y)[0], 0 if y is None else int(y)
    rows = min(len(code), max(1, count // len(values)))
    strips = [latent.traverse(model, code, dimension, values, label) for dimension in range(rows)]
    return ImageSample(torch.cat(strips), len(values))


def sample_text(
    run: str | Path | Run,
    *,
    prompt: str | None = None,
    config: SamplingConfig | None = None,
    unseen: Unseen | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
    offline: bool = False,
) -> Iterator[str]:
    """The continuation of ``prompt``, piece by piece as it is drawn; a piece is whole characters.

    Args:
        run: a run, its name or its path.
        prompt: where to begin; None begins a line.
        config: how to draw.
        unseen: what to do with a character of the prompt that the run never saw; as in training where None.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        UsageError: the run is of an image model, or the prompt is empty.
        DataError: the prompt has a character that the run never saw.
    """
    run = run if isinstance(run, Run) else Run(run)
    config = config or SamplingConfig()
    tokenizer, (tokens,) = _prompts(run, [prompt], unseen)
    draws = generate(run.model(checkpoint), tokens[None], config, Generator().manual_seed(seed))
    return decoded(draws, tokenizer, config.stop)


def sample_texts(
    run: str | Path | Run,
    prompts: Sequence[str | None],
    *,
    config: SamplingConfig | None = None,
    unseen: Unseen | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
    offline: bool = False,
) -> list[str]:
    """The continuation of each of ``prompts``; those of equal length in tokens are drawn side by side.

    A text does not depend on those drawn beside it, and the first is that of :func:`sample_text`.

    Args:
        run: a run, its name or its path.
        prompts: one for each text; the same one again gives another text.
        config: how to draw.
        unseen: see :func:`sample_text`.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        UsageError: the run is of an image model, or a prompt is empty.
        DataError: a prompt has a character that the run never saw.
    """
    run = run if isinstance(run, Run) else Run(run)
    config = config or SamplingConfig()
    tokenizer, tokens = _prompts(run, prompts, unseen)
    model = run.model(checkpoint)
    texts = [""] * len(prompts)
    by_length = sorted(range(len(prompts)), key=lambda place: len(tokens[place]))
    for _, equal in groupby(by_length, key=lambda place: len(tokens[place])):
        for places in _blocks(list(equal), _SIDE_BY_SIDE):
            start = torch.stack([tokens[place] for place in places])
            draws = generate(model, start, config, [_draws_of(seed, place) for place in places])
            found = decoded_rows(draws, tokenizer, config.stop, len(places))
            for place, text in zip(places, found, strict=True):
                texts[place] = text
    return texts


def _prompts(
    run: Run, prompts: Sequence[str | None], unseen: Unseen | None
) -> tuple[Tokenizer, list[Tensor]]:
    """The run's tokenizer and the tokens of each prompt, before anything slow is done."""
    if MODELS[run.family].data != "text":
        raise UsageError(
            N_("run {name} draws images: use --mode and -n, not --prompt"), name=run.name
        )
    if "" in prompts:
        raise UsageError(N_("the prompt is empty; write where to begin, or leave --prompt out"))
    tokenizer = run.tokenizer()
    tokens = [
        tokenizer.encode(
            _opening(run, tokenizer) if prompt is None else prompt, unseen or run.recipe.data.unseen
        )
        for prompt in prompts
    ]
    if not all(map(len, tokens)):
        raise SamplingError(N_("nothing of the prompt is left: all of it was skipped as unseen"))
    return tokenizer, tokens


def _draws_of(seed: int, number: int) -> Generator:
    """The generator of one of several texts."""
    return generator(seed, "text", number) if number else Generator().manual_seed(seed)


def _blocks(places: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(places), size):
        yield places[start : start + size]


def _opening(run: Run, tokenizer: Tokenizer) -> str:
    """A newline where the alphabet has one, else what the alphabet begins with."""
    try:
        tokenizer.encode("\n")
    except DataError:
        return tokenizer.decode([0])
    return "\n"


def text_rows(
    model: Any, tokenizer: Tokenizer, prompt: str, num_chars: int, seed: int
) -> list[str]:
    """About ``num_chars`` characters at temperature 1 in independent texts of equal length."""
    tokens = tokenizer.encode(prompt).repeat(_ROWS, 1)
    config = SamplingConfig(max_tokens=max(1, num_chars // _ROWS))
    drawn = torch.stack(list(generate(model, tokens, config, Generator().manual_seed(seed))), 1)
    return [tokenizer.decode(row) for row in drawn]


def save_images(sample: ImageSample, path: Path, *, overwrite: bool = False) -> None:
    """Write the sheet as PNG.

    Raises:
        StorageError: the file is there already.
    """
    refuse_overwriting(path, overwrite)
    scale = max(1, 56 // sample.images.shape[-1])
    save_png(path, make_grid(sample.images, sample.columns, scale))


def save_each(sample: ImageSample, folder: Path, *, overwrite: bool = False) -> None:
    """Write every image as a PNG of its own, numbered from 1, pixel for pixel: for tools that read folders.

    Raises:
        StorageError: the folder holds something already; with ``overwrite``, something else than these images.
    """
    digits = len(str(len(sample.images)))
    files = [f"{number:0{digits}}.png" for number in range(1, len(sample.images) + 1)]
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    if there - (set(files) if overwrite else set()):
        raise StorageError(
            N_("folder {path} holds other files; choose an empty one"), path=str(folder)
        )
    for name, image in zip(files, sample.images, strict=True):
        save_png(folder / name, make_picture(image))


def save_text(text: str, path: Path, *, overwrite: bool = False) -> None:
    """Write a text.

    Raises:
        StorageError: the file is there already.
    """
    refuse_overwriting(path, overwrite)
    write_text(path, text)
