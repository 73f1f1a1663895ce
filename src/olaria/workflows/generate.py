"""Draw from a run: images by mode, text by prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from olaria.data import ImageData
from olaria.data.tokenizer import Tokenizer, Unseen
from olaria.errors import DataError, SamplingError, StorageError, UsageError
from olaria.i18n import N_
from olaria.models import MODELS
from olaria.models.base import Model
from olaria.runs import Run
from olaria.sampling import latent
from olaria.sampling.autoregressive import SamplingConfig, generate
from olaria.storage.files import write_text
from olaria.storage.images import make_grid, save_png

Mode = Literal["prior", "reconstruct", "interpolate", "traverse"]
_ROWS = 10
"""Independent texts drawn side by side when many characters are needed."""


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
            coordinate a row.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        SamplingError: the model cannot do this.
        UsageError: the run is of a language model.
    """
    run = run if isinstance(run, Run) else Run(run)
    if MODELS[run.family].data != "images":
        raise UsageError(
            N_("run {name} is a language model: give it a --prompt, not a --mode"), name=run.name
        )
    if count < 1:
        raise UsageError(N_("-n must be at least 1, not {count}"), count=count)
    model = run.model(checkpoint)
    draws = Generator().manual_seed(seed)
    if mode == "prior":
        return ImageSample(latent.prior(model, count, draws))
    data = run.data(offline=offline)
    assert isinstance(data, ImageData)
    chosen = torch.randperm(len(data.test), generator=draws)
    x = data.test.x[chosen].float() / 255
    if mode == "reconstruct":
        pairs = torch.stack((x[:count], latent.reconstruct(model, x[:count])), 1)
        columns = 2 * max(1, min(8, round((count / 2) ** 0.5)))
        return ImageSample(pairs.flatten(0, 1), columns)
    if mode == "interpolate":
        rows = max(1, min(count // 10, len(x) // 2))
        codes = latent.encode(model, x[: 2 * rows])
        strips = latent.interpolate(model, codes[:rows], codes[rows:])
        return ImageSample(strips.flatten(0, 1), strips.shape[1])
    return _traversal(model, x[:1], count)


def _traversal(model: Model, x: Tensor, count: int) -> ImageSample:
    """One row per latent coordinate, from −3 to 3 around the code of one image."""
    values = torch.linspace(-3, 3, 10)
    code = latent.encode(model, x)[0]
    rows = min(len(code), max(1, count // len(values)))
    strips = [latent.traverse(model, code, dimension, values) for dimension in range(rows)]
    return ImageSample(torch.cat(strips), len(values))


def sample_text(
    run: str | Path | Run,
    *,
    prompt: str = "",
    config: SamplingConfig | None = None,
    unseen: Unseen | None = None,
    seed: int = 0,
    checkpoint: str | int | None = None,
    offline: bool = False,
) -> Iterator[str]:
    """The continuation of ``prompt``, piece by piece as it is drawn.

    Args:
        run: a run, its name or its path.
        prompt: where to begin; empty begins as the validation text does.
        config: how to draw.
        unseen: what to do with a character of the prompt that the run never saw; as in training where None.
        seed: of the draws.
        checkpoint: ``best``, ``last`` or a step.
        offline: open no connection.

    Raises:
        UsageError: the run is of an image model.
        DataError: the prompt has a character that the run never saw.
    """
    run = run if isinstance(run, Run) else Run(run)
    if MODELS[run.family].data != "text":
        raise UsageError(
            N_("run {name} draws images: use --mode and -n, not --prompt"), name=run.name
        )
    tokenizer = run.tokenizer()
    tokens = tokenizer.encode(prompt or _opening(run, tokenizer), unseen or run.recipe.data.unseen)
    if len(tokens) == 0:
        raise SamplingError(N_("nothing of the prompt is left: all of it was skipped as unseen"))
    model: Any = run.model(checkpoint)
    draws = generate(model, tokens[None], config or SamplingConfig(), Generator().manual_seed(seed))
    return _decoded(draws, tokenizer)


def _decoded(tokens: Iterator[Tensor], tokenizer: Tokenizer) -> Iterator[str]:
    """Text of a growing sequence. Bytes of an unfinished character wait for the rest of it."""
    pending: list[int] = []
    for token in tokens:
        pending.append(int(token))
        text = tokenizer.decode(pending)
        if (
            tokenizer.kind == "byte"
            and text.endswith("\N{REPLACEMENT CHARACTER}")
            and len(pending) < 4
        ):
            continue
        yield text
        pending = []
    if pending:
        yield tokenizer.decode(pending)


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
    _refuse_overwriting(path, overwrite)
    scale = max(1, 56 // sample.images.shape[-1])
    save_png(path, make_grid(sample.images, sample.columns, scale))


def save_text(text: str, path: Path, *, overwrite: bool = False) -> None:
    """Write a text.

    Raises:
        StorageError: the file is there already.
    """
    _refuse_overwriting(path, overwrite)
    write_text(path, text)


def _refuse_overwriting(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise StorageError(
            N_("{path} is already there; choose another --out, or say --overwrite"), path=str(path)
        )
