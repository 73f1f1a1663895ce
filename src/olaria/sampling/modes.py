"""Sheets of images by mode: samples, reconstructions, interpolations, traversals, and paths between classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from olaria.data.base import ImageData
from olaria.errors import SamplingError
from olaria.i18n import N_, Message
from olaria.models.base import ImageModel
from olaria.sampling import latent
from olaria.vocabulary import Walk

MAP_SIDE = 20
"""Images on each side of a map of the latent plane."""
STEPS = 10
"""Images of a row that walks."""
ATTRIBUTE_STEPS = 9
ATTRIBUTE_IMAGES = 5_000
"""Training images that the mean codes of two classes come from."""

PATHS: dict[Walk, str] = {"linear": N_("a straight line"), "spherical": N_("an arc of a sphere")}
"""How a caption calls them."""
NO_PAIR = N_("a way from one image to another needs two test images, and there is only one")


@dataclass(frozen=True)
class Sheet:
    """Images (N, C, H, W) in [0, 1], how many stand in a row, and what stands where, in half sentences."""

    images: Tensor
    columns: int | None = None
    caption: tuple[Message, ...] = ()


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


@dataclass(frozen=True)
class Noise:
    """Draws of z ~ N(0, I) in the place of test images, for a model that has a prior and no encoder.

    Args:
        model: with a prior.
        label: the class of all images, where the model takes classes; in turn where None.
        generator: draws z.
    """

    model: ImageModel
    label: int | None
    generator: Generator

    def walks(self, count: int, path: Walk) -> Sheet:
        """About ``count`` images on the ways between pairs of draws, a row each."""
        rows = max(1, count // STEPS)
        codes, y = self._drawn(2 * rows), None
        if self.model.classes and self.label is not None:
            y = torch.full((rows,), self.label)
        strips = latent.interpolate(self.model, codes[:rows], codes[rows:], STEPS, path, y)
        text = N_("each row: from one draw of z at the left to another at the right, along {path}")
        turn = (Message(N_("each row of one class: 0, 1, … in turn")),)
        classes = turn if self.label is None else _of_class(self.model, self.label)
        caption = (_walked(text, path), *(classes if self.model.classes else ()))
        return Sheet(strips.flatten(0, 1), STEPS, caption)

    def traversal(self, count: int) -> Sheet:
        """A row for each coordinate of one draw; see :func:`traversal`."""
        return _traversed(self.model, self._drawn(1)[0], self.label or 0, count)

    def _drawn(self, count: int) -> Tensor:
        if not self.model.has_prior:
            latent.prior(self.model, count, self.generator)  # which says why there is none
        return torch.randn(count, self.model.latent, generator=self.generator)


def drawn(model: ImageModel, count: int, label: int | None, generator: Generator) -> Sheet:
    """``count`` images from the prior; classes in turn where the model takes them and ``label`` is None."""
    y = None if label is None else torch.full((count,), label)
    # Classes in turn stand under each other when there are as many of them as images in a row.
    columns = model.classes if label is None else 0
    images = latent.prior(model, count, generator, y)
    fields = {"label": label, "last": model.classes - 1}
    if not model.classes:
        text = N_("each image: from a draw of z ~ N(0, I)")
    elif label is None:
        text = N_("each image: from a draw of z ~ N(0, I); columns: the classes 0 to {last}")
    else:
        text = N_("each image: from a draw of z ~ N(0, I), of class {label}")
    return Sheet(images, columns or None, (Message(text, fields),))


def plane(model: ImageModel, label: int) -> Sheet:
    """The map of a latent plane; see :func:`olaria.sampling.latent.manifold`."""
    text = N_(
        "the plane of both latent numbers: z₁ grows to the right, z₂ upwards, in equal shares of N(0, I)"
    )
    images = latent.manifold(model, MAP_SIDE, label)
    return Sheet(images, MAP_SIDE, (Message(text), *_of_class(model, label)))


def _of_class(model: ImageModel, label: int) -> tuple[Message, ...]:
    return (Message(N_("all of class {label}"), {"label": label}),) if model.classes else ()


def reconstructions(model: ImageModel, examples: Examples, count: int) -> Sheet:
    """``count`` images, each with its reconstruction at its right."""
    inputs = examples.first(count)
    pairs = torch.stack((inputs.x, latent.reconstruct(model, inputs.x, inputs.y)), 1)
    text = N_("pairs: at the left a test image, at its right what the model makes of it")
    columns = 2 * max(1, min(8, round((count / 2) ** 0.5)))
    return Sheet(pairs.flatten(0, 1), columns, (Message(text),))


def walks(model: ImageModel, examples: Examples, count: int, path: Walk) -> Sheet:
    """About ``count`` images on the ways between the codes of pairs of images, a row each.

    Raises:
        SamplingError: there are fewer than two images.
    """
    if len(examples.x) < 2:
        raise SamplingError(NO_PAIR)
    rows = max(1, min(count // STEPS, len(examples.x) // 2))
    inputs = examples.first(2 * rows)
    codes = latent.encode(model, inputs.x, inputs.y)
    start = None if inputs.y is None else inputs.y[:rows]
    strips = latent.interpolate(model, codes[:rows], codes[rows:], STEPS, path, start)
    text = N_(
        "each row: from the code of one test image at the left to that of another at the right, along {path}"
    )
    return Sheet(strips.flatten(0, 1), STEPS, (_walked(text, path),))


def _walked(text: str, path: Walk) -> Message:
    return Message(text, {"path": Message(PATHS[path])})


def traversal(model: ImageModel, examples: Examples, count: int) -> Sheet:
    """A row for each latent coordinate, from −3 to 3 around the code of one image; about ``count`` images."""
    inputs = examples.first(1)
    code = latent.encode(model, inputs.x, inputs.y)[0]
    return _traversed(model, code, 0 if inputs.y is None else int(inputs.y), count)


def _traversed(model: ImageModel, code: Tensor, label: int, count: int) -> Sheet:
    values = torch.linspace(-3, 3, STEPS)
    rows = min(len(code), max(1, count // STEPS))
    strips = [latent.traverse(model, code, dimension, values, label) for dimension in range(rows)]
    text = N_(
        "each row: one number of the code, z₁ at the top, from −3 at the left to 3 at the right; the others stay"
    )
    return Sheet(torch.cat(strips), STEPS, (Message(text), *_of_class(model, label)))


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
    text = N_(
        "each row: a test image of class {source} at the left, moved to class {target} and half as far again"
    )
    fields = {"source": data.class_names[source], "target": data.class_names[target]}
    return Sheet(strips.flatten(0, 1), ATTRIBUTE_STEPS, (Message(text, fields),))


def rows_of(labels: Tensor | None, label: int | None, count: int) -> Tensor:
    """The rows of one class, or all."""
    if label is None or labels is None:
        return torch.arange(count)
    return (labels == label).nonzero().flatten()
