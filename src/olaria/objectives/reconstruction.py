"""How far a reconstruction is from its image. Every function returns one number per example, (B,)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    r"""Negative log-likelihood of pixels under independent Bernoulli variables, in nats.

    .. math:: -\log p(x \mid z) = -\sum_i x_i \log \sigma(l_i) + (1 - x_i) \log(1 - \sigma(l_i))

    Args:
        logits: :math:`l`, (B, C, H, W).
        x: pixels, {0, 1} (or probabilities in [0, 1], then this is a cross-entropy), (B, C, H, W).

    Returns:
        Sum over the pixels of each example, (B,).

    Source: Kingma & Welling 2014, *Auto-Encoding Variational Bayes*, appendix C.1, equation 11.

    >>> import torch
    >>> bernoulli_nll(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))  # 4 log 2
    tensor([2.7726])
    """
    # log(1 + e^l) - x l: one kernel, stable for large logits of either sign.
    return (F.softplus(logits) - x * logits).flatten(1).sum(1)


def squared_error(reconstruction: Tensor, x: Tensor) -> Tensor:
    r"""Mean squared error of each example.

    .. math:: \frac{1}{CHW} \sum_i (\hat x_i - x_i)^2

    Args:
        reconstruction: :math:`\hat x`, (B, C, H, W).
        x: (B, C, H, W), the same range.

    Returns:
        Mean over the pixels of each example, in squared units of the pixels, (B,).
    """
    return (reconstruction - x).square().flatten(1).mean(1)
