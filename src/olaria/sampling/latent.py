"""Images from latent vectors: draws from the prior, paths between images, maps of a plane."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import repeat

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from olaria.errors import SamplingError
from olaria.i18n import N_, Setting
from olaria.models.base import ImageModel
from olaria.sharing import Joined, Piece, each
from olaria.vocabulary import WALK
from olaria.vocabulary import Walk as Walk

_BLOCK = 1000
"""Images decoded at once, to bound the memory."""


def classes_in_turn(model: ImageModel, count: int) -> Tensor | None:
    """The classes 0, 1, …, K - 1, 0, … of ``count`` images, (count,); None where the model takes none."""
    return torch.arange(count) % model.classes if model.classes else None


@torch.no_grad()
def decode(model: ImageModel, z: Tensor, y: Tensor | None = None) -> Tensor:
    """Latent vectors (N, latent) to images in [0, 1], (N, C, H, W).

    A VAE's images are the means of its pixels, not draws of them.

    Args:
        model: decodes.
        z: (N, latent).
        y: classes, (N,); by default in turn, where the model takes classes.
    """
    classes: Iterable[Tensor | None] = repeat(None)
    if model.classes:
        y = classes_in_turn(model, len(z)) if y is None else y
        assert y is not None and len(y) == len(z)
        classes = y.split(_BLOCK)
    blocks = zip(z.split(_BLOCK), classes, strict=False)
    return torch.cat([model.images(*block) for block in blocks])


@torch.no_grad()
def encode(model: ImageModel, x: Tensor, y: Tensor | None = None) -> Tensor:
    """Images in [0, 1], (N, C, H, W), to latent vectors (N, latent); a VAE's are those of the posterior means.

    Args:
        model: encodes.
        x: the images.
        y: their classes, (N,), where the model takes classes.

    Raises:
        SamplingError: the model has no encoder.
    """
    if not model.encodes:
        raise SamplingError(
            N_(
                "the family {family} has no encoder: it cannot reconstruct images; use {prior} or {interpolate}"
            ),
            prior=Setting("mode", "prior"),
            interpolate=Setting("mode", "interpolate"),
            family=model.family,
        )
    classes: Iterable[Tensor | None] = repeat(None) if y is None else y.split(_BLOCK)
    blocks = zip(x.split(_BLOCK), classes, strict=False)
    return torch.cat([model.codes(*block) for block in blocks])


def prior(
    model: ImageModel,
    count: int,
    generator: Generator,
    y: Tensor | None = None,
    joined: Joined = each,
) -> Tensor:
    """Images (count, C, H, W) from z ~ N(0, I).

    Args:
        model: decodes.
        count: how many.
        generator: draws z.
        y: see :func:`decode`.
        joined: several processes that draw together share the blocks.

    Raises:
        SamplingError: the model defines no distribution over its latent vectors.
    """
    if not model.has_prior:
        raise SamplingError(
            model.no_prior,
            family=model.family,
            codes=Setting("data", "codes:RUN"),
            reconstruct=Setting("mode", "reconstruct"),
        )
    labels = classes_in_turn(model, count) if y is None else y

    def blocks() -> Iterator[Piece]:  # a flow that draws noise anew asks for many numbers of z
        for start in range(0, count, _BLOCK):
            size = min(_BLOCK, count - start)
            z = torch.randn(size, model.latent, generator=generator)
            yield partial(decode, model, z, None if labels is None else labels[start:][:size])

    return torch.cat(joined(blocks()))


def reconstruct(model: ImageModel, x: Tensor, y: Tensor | None = None) -> Tensor:
    """Reconstructions of images in [0, 1]; y are their classes, (N,), where the model takes classes."""
    return decode(model, encode(model, x, y), y)


def interpolate(
    model: ImageModel,
    start: Tensor,
    stop: Tensor,
    steps: int = 10,
    path: Walk = WALK,
    y: Tensor | None = None,
) -> Tensor:
    """Images on the way from one latent vector to another; see :func:`on_the_way`.

    Args:
        model: decodes.
        start: a, (N, latent).
        stop: b, (N, latent).
        steps: images per pair, both ends included.
        path: how.
        y: classes, (N,); one stays the same on the way. See :func:`decode`.

    Returns:
        (N, steps, C, H, W).
    """
    z = on_the_way(start, stop, steps, path)
    y = classes_in_turn(model, len(start)) if y is None else y
    images = decode(model, z.flatten(0, 1), None if y is None else y.repeat_interleave(steps))
    return images.view(len(start), steps, *images.shape[1:])


def on_the_way(start: Tensor, stop: Tensor, steps: int, path: Walk = WALK) -> Tensor:
    r"""Latent vectors between others, both ends included.

    .. math:: z_t = (1 - t) a + t b \quad\text{or}\quad
              \frac{\sin((1 - t)\omega)}{\sin\omega} a + \frac{\sin(t\omega)}{\sin\omega} b

    with :math:`\omega` the angle between a and b (Shoemake 1985; White 2016).

    Args:
        start: a, (N, latent).
        stop: b, (N, latent).
        steps: vectors per pair.
        path: a straight line, or an arc of a sphere.

    Returns:
        (N, steps, latent).
    """
    t = torch.linspace(0, 1, steps)[None, :, None]
    a, b = start[:, None], stop[:, None]
    if path == "spherical":
        cosine = torch.cosine_similarity(start, stop, dim=1).clamp(-1, 1)
        # Kept off 0 and π, where the sine in the denominator vanishes.
        omega = cosine.acos().clamp(1e-4, math.pi - 1e-4)[:, None, None]
        return (((1 - t) * omega).sin() * a + (t * omega).sin() * b) / omega.sin()
    return (1 - t) * a + t * b


def traverse(
    model: ImageModel, z: Tensor, dimension: int, values: Tensor, label: int = 0
) -> Tensor:
    """Images of one latent vector with one coordinate set to each of ``values``.

    Args:
        model: decodes.
        z: (latent,).
        dimension: the coordinate.
        values: (K,).
        label: the class of all, where the model takes classes.

    Returns:
        (K, C, H, W).
    """
    rows = z.repeat(len(values), 1)
    rows[:, dimension] = values
    return decode(model, rows, torch.full((len(rows),), label))


def manifold(model: ImageModel, side: int = 20, label: int = 0) -> Tensor:
    r"""A map of a two-dimensional latent space.

    The grid is even in probability, :math:`z = \Phi^{-1}(u)`, so that each cell stands for an equal share of the prior.
    Source: Kingma & Welling 2014, appendix A.

    Args:
        model: with two latent dimensions.
        side: cells per side.
        label: the class of all, where the model takes classes.

    Returns:
        (side · side, C, H, W), rows from the top (large second coordinate) to the bottom.

    Raises:
        SamplingError: the latent space is not a plane.
    """
    if model.sampler is not None:
        raise SamplingError(
            N_(
                "the family {family} has a latent dimension for each number of an image, so no map of two; "
                "use {prior} or {interpolate}"
            ),
            prior=Setting("mode", "prior"),
            interpolate=Setting("mode", "interpolate"),
            family=model.family,
        )
    if model.latent != 2:
        raise SamplingError(
            N_(
                "the map needs two latent dimensions and the model has {latent}; train with model.latent=2"
            ),
            latent=model.latent,
        )
    line = Normal(0.0, 1.0).icdf(torch.linspace(0.5 / side, 1 - 0.5 / side, side))
    vertical, horizontal = torch.meshgrid(line.flip(0), line, indexing="ij")
    z = torch.stack((horizontal.flatten(), vertical.flatten()), 1)
    return decode(model, z, torch.full((len(z),), label))


@torch.no_grad()
def attribute(
    model: ImageModel,
    x: Tensor,
    labels: Tensor,
    source: int,
    target: int,
    y: Tensor | None = None,
) -> Tensor:
    r"""The direction from one class to another in the latent space.

    .. math:: v = \frac1{|T|} \sum_{i \in T} f(x_i) - \frac1{|S|} \sum_{i \in S} f(x_i)

    with the images S of the one class and T of the other. Added to the code of an image it makes it more like the
    other class, as far as the latent space is straight.

    Args:
        model: encodes.
        x: images in [0, 1], (N, C, H, W), some of each class.
        labels: their classes, (N,).
        source: where v begins.
        target: where it ends.
        y: classes for the model, (N,), where it takes them; usually ``labels``.

    Raises:
        SamplingError: there is no image of one of the classes.

    Source: Larsen et al. 2016, *Autoencoding beyond pixels using a learned similarity metric*, section 4.2.
    """
    ends = []
    for label in (target, source):
        rows = (labels == label).nonzero().flatten()
        if not len(rows):
            raise SamplingError(
                N_("there is no training image of class {label}; choose another one"), label=label
            )
        ends.append(encode(model, x[rows], None if y is None else y[rows]).mean(0))
    return ends[0] - ends[1]
