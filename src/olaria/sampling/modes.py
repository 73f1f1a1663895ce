"""Sheets of images by mode: samples, reconstructions, interpolations, traversals, and paths between classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from olaria.data.base import ImageData
from olaria.errors import SamplingError
from olaria.i18n import N_
from olaria.models.base import ImageModel
from olaria.sampling import latent
from olaria.vocabulary import Walk

MAP_SIDE = 20
"""Images on each side of a map of the latent plane."""
ATTRIBUTE_STEPS = 9
ATTRIBUTE_IMAGES = 5_000
"""Training images that the mean codes of two classes come from."""

NO_PAIR = N_("a way from one image to another needs two test images, and there is only one")


@dataclass(frozen=True)
class Sheet:
    """Images (N, C, H, W) in [0, 1], and how many stand in a row."""

    images: Tensor
    columns: int | None = None


@dataclass(frozen=True)
class Examples:
    """Test images in random order, of one class or of all.

    Args:
        x: images in [0, 1], (N, C, H, W).
        y: their classes, (N,), where the model takes classes.
    """

    x: Tensor
    y: Tensor | None

    @classmethod
    def drawn(
        cls, model: ImageModel, data: ImageData, label: int | None, generator: Generator
    ) -> Examples:
        """Those of class ``label``; of all classes where None.

        Raises:
            SamplingError: there is none.
        """
        rows = rows_of(data.test.y, label, len(data.test))
        if not len(rows):
            raise SamplingError(
                N_("there is no test image of class {label}; choose another one"), label=label
            )
        chosen = rows[torch.randperm(len(rows), generator=generator)]
        y = data.test.y[chosen] if model.classes and data.test.y is not None else None
        return cls(data.test.x[chosen].float() / 255, y)

    def first(self, count: int) -> Examples:
        """The first ``count``."""
        return Examples(self.x[:count], None if self.y is None else self.y[:count])


def drawn(model: ImageModel, count: int, label: int | None, generator: Generator) -> Sheet:
    """``count`` images from the prior; classes in turn where the model takes them and ``label`` is None."""
    y = None if label is None else torch.full((count,), label)
    # Classes in turn stand under each other when there are as many of them as images in a row.
    columns = model.classes if label is None else 0
    return Sheet(latent.prior(model, count, generator, y), columns or None)


def reconstructions(model: ImageModel, examples: Examples, count: int) -> Sheet:
    """``count`` images, each with its reconstruction at its right."""
    inputs = examples.first(count)
    pairs = torch.stack((inputs.x, latent.reconstruct(model, inputs.x, inputs.y)), 1)
    return Sheet(pairs.flatten(0, 1), 2 * max(1, min(8, round((count / 2) ** 0.5))))


def walks(model: ImageModel, examples: Examples, count: int, path: Walk) -> Sheet:
    """About ``count`` images on the ways between the codes of pairs of images, a row each.

    Raises:
        SamplingError: there are fewer than two images.
    """
    if len(examples.x) < 2:
        raise SamplingError(NO_PAIR)
    rows = max(1, min(count // 10, len(examples.x) // 2))
    inputs = examples.first(2 * rows)
    codes = latent.encode(model, inputs.x, inputs.y)
    start = None if inputs.y is None else inputs.y[:rows]
    strips = latent.interpolate(model, codes[:rows], codes[rows:], path=path, y=start)
    return Sheet(strips.flatten(0, 1), strips.shape[1])


def traversal(model: ImageModel, examples: Examples, count: int) -> Sheet:
    """A row for each latent coordinate, from −3 to 3 around the code of one image; about ``count`` images."""
    values, inputs = torch.linspace(-3, 3, 10), examples.first(1)
    code = latent.encode(model, inputs.x, inputs.y)[0]
    label = 0 if inputs.y is None else int(inputs.y)
    rows = min(len(code), max(1, count // len(values)))
    strips = [latent.traverse(model, code, dimension, values, label) for dimension in range(rows)]
    return Sheet(torch.cat(strips), len(values))


def towards(
    model: ImageModel, data: ImageData, classes: tuple[int, int], count: int, draws: Generator
) -> Sheet:
    """Test images of one class, a row each, whose codes move to the other class's mean and beyond.

    Raises:
        SamplingError: the data has no classes, or not these, or no images of one of them.
    """
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
    x, y = train.x[:ATTRIBUTE_IMAGES].float() / 255, train.y[:ATTRIBUTE_IMAGES]
    direction = latent.attribute(model, x, y, source, target, y if model.classes else None)
    inputs = Examples.drawn(model, data, source, draws).first(max(1, count // ATTRIBUTE_STEPS))
    codes = latent.encode(model, inputs.x, inputs.y)
    strips = latent.interpolate(model, codes, codes + 1.5 * direction, ATTRIBUTE_STEPS, y=inputs.y)
    return Sheet(strips.flatten(0, 1), ATTRIBUTE_STEPS)


def rows_of(labels: Tensor | None, label: int | None, count: int) -> Tensor:
    """The rows of one class, or all."""
    if label is None or labels is None:
        return torch.arange(count)
    return (labels == label).nonzero().flatten()
