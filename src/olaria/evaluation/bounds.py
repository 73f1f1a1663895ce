r"""How probable a model finds images that it draws by undoing a disturbance: bounds on :math:`\log p(x)`.

A model of masked pixels is measured on images that are binarized once, by the caller, as for a VAE
(:mod:`olaria.evaluation.density`): the two bounds are of one likelihood, and may stand in one table. A flow is measured
on images of 256 levels, in bits per dimension, a dimension being a pixel of a channel; those may be compared with what
is published of the same images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Protocol

import torch
from torch import Generator, Tensor

from olaria import draws
from olaria.evaluation.gathered import Gathered
from olaria.sharing import Part, Summed, alone

BATCH_SIZE = 500
NUM_MASKS = 16
"""Of each image in an evaluation: over 10,000 images the draw of the masks moves the bound by about 0.1 nats."""
NUM_NOISES = 8
"""Of each image in an evaluation: over 10,000 images the draw of the noise moves the bits by less than 0.01."""

Bound = Callable[[Tensor, Tensor, Generator, Tensor | None], Tensor]
"""Of images (B, C, H, W), numbers (B,) uniform in [0, 1] and classes (B,), an estimate of the nats of each, (B,)."""


class MaskedModel(Protocol):
    """What :func:`evaluate_masked` measures, see :class:`olaria.models.mask.MaskedDiffusion`."""

    def target(self, x: Tensor, generator: Generator) -> Tensor: ...

    def nll_bound(self, x: Tensor, t: Tensor, generator: Generator) -> Tensor: ...


class NoisedModel(Protocol):
    """What :func:`bits_per_dimension` measures, see :class:`olaria.models.image_flow.ImageFlow`."""

    def nll_bound(
        self, x: Tensor, u: Tensor, generator: Generator, y: Tensor | None = None
    ) -> Tensor: ...


@torch.no_grad()
def mean_nats(
    bound: Bound,
    x: Tensor,
    generator: Generator,
    times_each: int,
    y: Tensor | None = None,
    summed: Summed = alone,
) -> float:
    r"""The mean over a set of a bound on :math:`-\log p(x)`, in nats per image.

    Each image is disturbed at several times that lie evenly apart, each uniform in [0, 1]: the mean over them is
    unbiased, and varies less than that over independent times.

    Args:
        bound: of a model in evaluation mode.
        x: images, (N, C, H, W).
        generator: draws times and disturbances.
        times_each: how many of each image.
        y: classes, (N,), where the model is given classes.
        summed: adds up what the batches give; several processes that measure together share the batches.

    Source: the times as in Kingma et al. 2021, *Variational Diffusion Models*, appendix I.1.
    """
    first = draws.spread(len(x), generator)[torch.randperm(len(x), generator=generator)]
    labels = repeat(None) if y is None else y.split(BATCH_SIZE)
    parts: list[Part] = []
    for turn in range(times_each):
        times = (first + turn / times_each) % 1
        batches = zip(x.split(BATCH_SIZE), times.split(BATCH_SIZE), labels, strict=False)
        for images, t, classes in batches:
            # A seed for each batch, so that what it draws does not depend on who measures it.
            seed = int(torch.randint(1 << 62, (), generator=generator))
            parts.append(partial(_nats_of, bound, images, t, seed, classes))
    return summed(parts, 1)[0] / (times_each * len(x))


def _nats_of(bound: Bound, x: Tensor, t: Tensor, seed: int, y: Tensor | None) -> tuple[float]:
    nats = bound(x, t, Generator().manual_seed(seed), y)
    return (nats.double().sum().item(),)


def masked_nats(
    model: MaskedModel,
    x: Tensor,
    generator: Generator,
    num_masks: int = NUM_MASKS,
    summed: Summed = alone,
) -> float:
    """The mean bound of a model of masked pixels over binary images (N, C, H, W), in nats per image.

    Source: :func:`olaria.objectives.masking.negative_bound`.
    """
    return mean_nats(
        lambda images, t, draw, _: model.nll_bound(images, t, draw),
        x,
        generator,
        num_masks,
        summed=summed,
    )


def evaluate_masked(
    model: MaskedModel,
    images: Tensor,
    *,
    seed: int = 1,
    num_masks: int = NUM_MASKS,
    summed: Summed = alone,
) -> tuple[Gathered, dict[str, str | int]]:
    """The bound, and the protocol it was obtained with.

    Args:
        model: in evaluation mode.
        images: the test images, uint8 (N, C, H, W), binarized here, once, with the numbers that a VAE's are.
        seed: of the binarization and of every draw.
        num_masks: of each image.
        summed: see :func:`mean_nats`.

    Returns:
        ``elbo_nats``, and protocol fields.
    """
    assert images.dtype == torch.uint8
    generator = Generator().manual_seed(seed)
    x = model.target(images.float() / 255, generator)
    nats = masked_nats(model, x, generator, num_masks, summed)
    gathered = Gathered()
    gathered.add("elbo_nats", lambda: -nats)
    protocol: dict[str, str | int] = {
        "num_examples": len(x),
        "likelihood": "bernoulli",
        "binarization": "dynamic",
        "given_class": "no",
        "seed": seed,
        "bound": "orders",
        "num_masks": num_masks,
        "precision": "float32",
    }
    return gathered, protocol


def bits_per_dimension(
    model: NoisedModel,
    images: Tensor,
    generator: Generator,
    y: Tensor | None = None,
    summed: Summed = alone,
) -> float:
    r"""The mean bound of a flow over images, :math:`-\log_2 p(x) / D` at most, D being the numbers of an image.

    Args:
        model: in evaluation mode.
        images: uint8, (N, C, H, W).
        generator: draws times and noise.
        y: classes, (N,), where the model is given classes.
        summed: see :func:`mean_nats`.

    Source: :func:`olaria.objectives.flow_bound.negative_bound`.
    """
    assert images.dtype == torch.uint8
    nats = mean_nats(model.nll_bound, images.float() / 255, generator, NUM_NOISES, y, summed)
    return nats / (images[0].numel() * math.log(2))
