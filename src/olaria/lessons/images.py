"""What lessons of images share: test images of a run, told with their classes, and the figures of codes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from olaria.data.base import ImageData, Images
from olaria.evaluation.projection import PrincipalComponents
from olaria.export.live import called, index
from olaria.i18n import N_, Message
from olaria.lessons.base import Array, Asked
from olaria.lessons.figures import Bars, Curve, Figure, Heat, Plot, Strip, Words
from olaria.models.base import ImageModel
from olaria.numbers import Number
from olaria.runs import Run
from olaria.training import randomness

MOST_BARS = 16  # numbers of a code that are drawn as bars; more of them are a map of cells
MOST_CELLS = 32  # of a map, on a side
MOST_PIXELS = 8_000_000  # of all images that are looked at together: bounds time and memory
FEW = 10  # test images that are too few to look at alone
EXACT_PIXELS = 1024  # of an image, up to which all principal components are computed


@dataclass(frozen=True)
class Opened:
    """A run of images, opened up; its model is in evaluation mode.

    ``x`` (N, C, H, W) are test images of the classes that it was trained on, in [0, 1], and ``y`` (N,) their classes,
    where they are known.
    """

    asked: Asked
    model: ImageModel
    data: ImageData
    x: Tensor
    y: Tensor | None

    def generator(self, place: str) -> Generator:
        """The random numbers of a place in the lesson, always the same ones and no other place's."""
        return randomness.generator(self.asked.seed, place)

    def told(self, rows: slice | Tensor = slice(None)) -> Tensor | None:
        """The classes of some of the images, where the model is told them."""
        return None if self.y is None or not self.model.classes else self.y[rows]

    def words(self, row: int) -> Message:
        """What an image is called in a sentence: by its class, or by its place."""
        return called(row, None if self.y is None else self.y.numpy(), self.data.class_names)

    def two(self, *, alike: bool = False) -> tuple[int, int]:
        """Two of the images: the first, and the next that is of another class, or of the same one."""
        if self.y is None:
            return 0, min(1, len(self.x) - 1)
        fits = ((self.y == self.y[0]) == alike).nonzero().flatten()
        fits = fits[fits > 0]
        return 0, int(fits[0]) if len(fits) else len(self.x) - 1


def opened(asked: Asked, most: int) -> Opened:
    """The run, and ``most`` of its test images, drawn with the seed; fewer where they are few or large.

    A class that was left out of training is not among them. Where there are fewer than :data:`FEW`, the validation
    images, which nothing is trained on either, are taken with them.
    """
    run = asked.run
    model, data = run.model(), run.data(offline=asked.offline)
    assert isinstance(model, ImageModel) and isinstance(data, ImageData)
    test = data.test if len(data.test) >= FEW else both(data.test, data.validation)
    draws = randomness.generator(asked.seed, "images")
    return Opened(asked, model, data, *some(test, most, draws, run.recipe.data.leave_out))


def both(one: Images, other: Images) -> Images:
    """Two parts of a data set as one; without classes where one has none."""
    y = None if one.y is None or other.y is None else torch.cat((one.y, other.y))
    return Images(torch.cat((one.x, other.x)), y)


def some(
    images: Images, most: int, generator: Generator, left_out: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """At most so many images in [0, 1], (N, C, H, W), and their classes, (N,); none of the class that is left out.

    They are fewer where they are large, see :data:`MOST_PIXELS`.
    """
    rows = torch.randperm(len(images), generator=generator)
    if left_out is not None and images.y is not None:
        rows = rows[images.y[rows] != left_out]
    rows = rows[: max(2, min(most, MOST_PIXELS // images.x[0].numel()))]
    return images.x[rows].float() / 255, None if images.y is None else images.y[rows]


def comparable(asked: Asked, family: str) -> list[Run]:
    """The further runs of a family that have seen the same images."""

    def seen(run: Run) -> Any:
        return run.dimensions(), run.provenance.get("data_sha256")

    return [run for run in asked.runs[1:] if run.family == family and seen(run) == seen(asked.run)]


def components(x: Tensor, size: int, generator: Generator) -> PrincipalComponents:
    r"""The leading principal components of images (N, C, H, W); of large images by a subspace iteration.

    .. math:: Q \leftarrow \operatorname{orth}\left(X^\top X Q\right)

    from random numbers, four times, with some columns to spare; then exactly within the subspace. Source: Halko,
    Martinsson & Tropp 2011, *Finding Structure with Randomness*, algorithm 4.4.
    """
    flat = x.flatten(1)
    if flat.shape[1] <= EXACT_PIXELS:
        return PrincipalComponents.fitted(x, size)
    mean = flat.mean(0)
    centred = flat - mean
    width = min(size + 16, *flat.shape)
    basis = torch.randn(flat.shape[1], width, generator=generator)
    for _ in range(4):
        basis = torch.linalg.qr(centred.T @ (centred @ basis)).Q
    within = PrincipalComponents.fitted(centred @ basis, size)
    total = centred.double().square().sum()
    shares = within.shares * (centred @ basis).double().square().sum() / total
    return PrincipalComponents(mean.double(), within.axes @ basis.T.double(), shares)


def value(number: float, digits: int | None = None) -> Message:
    """A number alone, in the reader's notation."""
    return Message("{number}", {"number": Number(number, digits)})


def strip(title: Words, x: Tensor | Array, notes: tuple[Words, ...] = ()) -> Strip:
    """A row of images, (N, C, H, W); what lies outside [0, 1] is shown as the nearest that can be."""
    pixels: NDArray[Any] = np.asarray(x, np.float32).clip(0, 1)
    return Strip(title, pixels, notes)


def code_figure(code: Array, letter: str, caption: Words) -> Figure:
    """The numbers of a code (d,) as bars, or as cells read like a text where they are many."""
    if len(code) <= MOST_BARS:
        names = tuple(index(letter, place) for place in range(len(code)))
        return Bars(caption, names, ((letter, code),))
    shown = code[: MOST_CELLS**2]
    columns = min(MOST_CELLS, 2 ** round(math.log2(len(shown)) / 2 + 0.5))
    cells = np.full(math.ceil(len(shown) / columns) * columns, np.nan)
    cells[: len(shown)] = shown
    values = cells.reshape(-1, columns)
    rows = tuple(index(letter, row * columns) for row in range(len(values)))
    return Heat(caption, values, rows, tuple(f"+{place}" for place in range(columns)), signed=True)


def by_dimension(
    series: tuple[tuple[Words, Array], ...],
    letter: str,
    caption: Words,
    unit: Words,
    levels: tuple[tuple[Words, float], ...] = (),
) -> Figure:
    """Numbers of each latent dimension, (d,), in one series or two: as bars.

    Where dimensions or series are many, they are curves over the dimensions, with the levels of a
    :class:`~olaria.lessons.figures.Plot`; bars have none.
    """
    size = len(series[0][1])
    if size <= MOST_BARS and len(series) <= 2:
        return Bars(caption, tuple(index(letter, place) for place in range(size)), series, unit)
    places = np.arange(1.0, size + 1)
    curves = tuple(Curve(name, places, numbers) for name, numbers in series)
    return Plot(caption, curves, Message(N_("latent dimension")), unit, levels)


def map_of_pixels(x: Array, caption: Words, unit: Words, *, signed: bool = False) -> Heat:
    """A number of each pixel, (H, W), as cells; of large images the sum over squares of pixels."""
    step = math.ceil(max(x.shape) / MOST_CELLS)
    around = [(0, -side % step) for side in x.shape]
    height, width = ((side + step - 1) // step for side in x.shape)
    sums = np.pad(x, around).reshape(height, step, width, step).sum((1, 3))
    rows, columns = (tuple(str(1 + step * i) for i in range(n)) for n in (height, width))
    titles = Message(N_("row")), Message(N_("column"))
    return Heat(caption, sums, rows, columns, *titles, unit, signed=signed)
