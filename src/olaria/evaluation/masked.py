r"""How probable a model of masked pixels finds images: a bound on :math:`\log p(x)`, in nats per image.

Images are binarized once, by the caller, as for a VAE (:mod:`olaria.evaluation.density`): the two bounds are of one
likelihood, and may stand in one table.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

import torch
from torch import Generator, Tensor

from olaria import draws
from olaria.evaluation.gathered import Gathered
from olaria.evaluation.summed import Part, Summed, alone

BATCH_SIZE = 500
NUM_MASKS = 16
"""Of each image in an evaluation: over 10,000 images the draw of the masks moves the bound by about 0.1 nats."""


class MaskedModel(Protocol):
    """What is measured, see :class:`olaria.models.mask.MaskedDiffusion`."""

    def target(self, x: Tensor, generator: Generator) -> Tensor: ...

    def nll_bound(self, x: Tensor, t: Tensor, generator: Generator) -> Tensor: ...


@torch.no_grad()
def masked_nats(
    model: MaskedModel,
    x: Tensor,
    generator: Generator,
    num_masks: int = NUM_MASKS,
    summed: Summed = alone,
) -> float:
    r"""The mean over a set of the bound on :math:`-\log p(x)`, in nats per image.

    Each image is masked at several times that lie evenly apart, each uniform in [0, 1], so that the mean over them is
    unbiased and varies less than that over independent times.

    Args:
        model: in evaluation mode.
        x: binary images, (N, C, H, W).
        generator: draws times and masks.
        num_masks: of each image.
        summed: adds up what the batches give; several processes that measure together share the batches.

    Source: :func:`olaria.objectives.masking.negative_bound`; the times as in Kingma et al. 2021, appendix I.1.
    """
    first = draws.spread(len(x), generator)[torch.randperm(len(x), generator=generator)]
    parts: list[Part] = []
    for turn in range(num_masks):
        times = (first + turn / num_masks) % 1
        for images, t in zip(x.split(BATCH_SIZE), times.split(BATCH_SIZE), strict=True):
            # A seed for each batch, so that what it draws does not depend on who measures it.
            seed = int(torch.randint(1 << 62, (), generator=generator))
            parts.append(partial(_nats_of, model, images, t, seed))
    return summed(parts, 1)[0] / (num_masks * len(x))


def _nats_of(model: MaskedModel, x: Tensor, t: Tensor, seed: int) -> tuple[float]:
    nats = model.nll_bound(x, t, Generator().manual_seed(seed))
    return (nats.double().sum().item(),)


def evaluate_masked(
    model: MaskedModel, images: Tensor, *, seed: int = 1, num_masks: int = NUM_MASKS
) -> tuple[Gathered, dict[str, str | int]]:
    """The bound, and the protocol it was obtained with.

    Args:
        model: in evaluation mode.
        images: the test images, uint8 (N, C, H, W), binarized here, once, with the numbers that a VAE's are.
        seed: of the binarization and of every draw.
        num_masks: of each image.

    Returns:
        ``elbo_nats``, and protocol fields.
    """
    assert images.dtype == torch.uint8
    generator = Generator().manual_seed(seed)
    x = model.target(images.float() / 255, generator)
    nats = masked_nats(model, x, generator, num_masks)
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
