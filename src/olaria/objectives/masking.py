r"""Masked diffusion of binary pixels: which pixels are hidden, and the bound on the likelihood that this gives.

At time t, from 0, nothing hidden, to 1, each of the D pixels is hidden with probability t, whatever the others are. A
network says of each hidden pixel how probable its value is given those that are visible. Averaged over all times that
bounds the likelihood of the image:

.. math:: -\log p(x) \le \int_0^1 \frac1t\; \mathbb E_{m \mid t} \sum_{i \in m} -\log p(x_i \mid x_{\bar m})\, dt

with m the set that is hidden. Source: Sahoo et al. 2024, *Simple and Effective Masked Diffusion Language Models*,
equation 10, with the linear schedule; Shi et al. 2024, *Simplified and Generalized Masked Diffusion for Discrete Data*,
section 3.

Where t is uniform, so is the number of hidden pixels, k = 0, 1, …, D, and given k every set of that size is equally
probable: the bound is the mean, over all orders in which pixels may be drawn one after the other, of their negative
log-likelihood. Source: Uria et al. 2014, *A Deep and Tractable Density Estimator*, equation 7; Hoogeboom et al. 2022,
*Autoregressive Diffusion Models*, equation 4; Ou et al. 2024, *Your Absorbing Discrete Diffusion Secretly Models the
Conditional Distributions of Clean Data*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from olaria import draws


def drawn_mask(x: Tensor, t: Tensor, generator: Generator) -> Tensor:
    """Which pixels are hidden at time t: each with probability t, (B, C, H, W), bool.

    Args:
        x: images, (B, C, H, W).
        t: times in [0, 1], (B,).
        generator: draws the mask.
    """
    return draws.uniform(x.shape, generator) < t.view(-1, 1, 1, 1)


def shown(x: Tensor, is_hidden: Tensor) -> Tensor:
    """What a network is given: the visible pixels as -1 and 1, the hidden ones as 0; and 1 where a pixel is visible.

    Args:
        x: binary images, (B, C, H, W).
        is_hidden: the mask, the same shape.

    Returns:
        (B, 2 C, H, W).

    >>> shown(torch.tensor([[[[0.0, 1.0, 1.0]]]]), torch.tensor([[[[False, False, True]]]]))
    tensor([[[[-1.,  1.,  0.]],
    <BLANKLINE>
             [[ 1.,  1.,  0.]]]])
    """
    is_visible = (~is_hidden).to(x.dtype)
    return torch.cat(((2 * x - 1) * is_visible, is_visible), 1)


def hidden_nats(logits: Tensor, x: Tensor, is_hidden: Tensor) -> Tensor:
    r"""Negative log-likelihood of the hidden pixels given the visible ones, in nats.

    .. math:: -\sum_{i \in m} x_i \log \sigma(l_i) + (1 - x_i) \log(1 - \sigma(l_i))

    Args:
        logits: :math:`l`, (B, C, H, W).
        x: binary images, the same shape; or grey ones, by whose values binary ones are drawn: then the mean over all
            draws of the hidden pixels, with no noise of theirs.
        is_hidden: m, the same shape.

    Returns:
        Sum over the hidden pixels of each image, (B,).
    """
    nats = F.softplus(logits) - x * logits  # of each pixel; stable for large logits of either sign
    return (nats * is_hidden).flatten(1).sum(1)


def negative_bound(nats: Tensor, is_hidden: Tensor) -> Tensor:
    r"""An unbiased estimate of a bound on :math:`-\log p(x)`, in nats per image, where the times were uniform.

    .. math:: \frac{D + 1}{k} \sum_{i \in m} -\log p(x_i \mid x_{\bar m}), \qquad
              \frac{D + 1}{k} = \mathbb E\Bigl[\frac1t \Bigm| m\Bigr]

    All masks of k pixels have one weight, whatever time they were drawn at, and none is above D + 1: the estimate has
    the mean of the one with 1 / t and less variance. It is 0 where nothing is hidden, once in D + 1 times.

    Args:
        nats: of the hidden pixels, :func:`hidden_nats`, (B,).
        is_hidden: m, (B, C, H, W).

    Returns:
        (B,).

    Source: Uria et al. 2014, equation 8, D / k for k = 1, …, D; the module says why both are the same.

    >>> is_hidden = torch.tensor([[[[True, True, False]]]])
    >>> negative_bound(torch.tensor([1.5]), is_hidden)  # 4 / 2 of them
    tensor([3.])
    """
    count = is_hidden.flatten(1).sum(1)
    return nats * (is_hidden[0].numel() + 1) / count.clamp_min(1)


Logits = Callable[[Tensor, Tensor], Tensor]
"""Of images and their masks, both (B, C, H, W), the logits of all pixels, of which those of hidden ones matter."""
MEAN_PARTS = 4
"""Parts of a drawn image, each of which is hidden once for the means of its pixels."""


@dataclass(frozen=True)
class Unmasking:
    """How a model draws that begins with all pixels hidden; see :func:`unmask` and :func:`expected`.

    Args:
        steps: in each of them about as many pixels become visible.
        most_steps: the pixels of an image: a step for each.
    """

    steps: int
    most_steps: int

    @property
    def evaluations(self) -> int:
        """Of the network, for one sample: one for each step, and one for each part of the means."""
        return min(self.steps, self.most_steps) + MEAN_PARTS


def ranked(numbers: Tensor) -> Tensor:
    """Of each image's numbers (B, C, H, W), which place each has among them, from 0, the smallest: the same shape.

    >>> ranked(torch.tensor([[[[0.3, -1.0, 2.0]]]]))
    tensor([[[[1, 0, 2]]]])
    """
    return numbers.flatten(1).argsort(1).argsort(1).view_as(numbers)


def unmask(logits_of: Logits, ranks: Tensor, noise: Tensor, steps: int) -> Tensor:
    r"""Images drawn from all pixels hidden: in each of n steps the next D / n of them, independently given the visible.

    With a step for each pixel that is a draw from the model in one order. With fewer, pixels of one step do not know of
    each other, and the images are the worse for it.

    Args:
        logits_of: the network.
        ranks: each pixel's place in the order of drawing, 0 to D - 1, (B, C, H, W).
        noise: uniform in [0, 1], the same shape: a pixel is 1 where it lies below the probability.
        steps: n; D where larger.

    Returns:
        Binary images, float32, the shape of ``noise``.

    Source: Hoogeboom et al. 2022, section 4 (parallel generation); Shi et al. 2024, section 4.
    """
    size = ranks[0].numel()
    x = torch.zeros_like(noise)
    for start, stop in pairwise(size * k // min(steps, size) for k in range(min(steps, size) + 1)):
        drawn = (noise < logits_of(x, ranks >= start).sigmoid()).to(x.dtype)
        x = torch.where((ranks >= start) & (ranks < stop), drawn, x)
    return x


def expected(logits_of: Logits, x: Tensor, ranks: Tensor, parts: int) -> Tensor:
    r"""Means of the pixels of drawn images: each pixel's probability given those of the other parts.

    .. math:: p(x_i = 1 \mid x_{\bar m}) = \mathbb E[g_i \mid x_{\bar m}]

    where each pixel of the data was drawn by its grey value g: the mean is the grey that the network expects there.

    Args:
        logits_of: the network.
        x: binary images, (B, C, H, W).
        ranks: of the pixels in a random order, the same shape; every so many of them make a part m.
        parts: how many parts.
    """
    means = torch.zeros_like(x)
    for part in range(parts):
        is_hidden = ranks % parts == part
        means = torch.where(is_hidden, logits_of(x, is_hidden).sigmoid(), means)
    return means
