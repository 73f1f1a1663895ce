r"""The averaging trick, in four versions: how a position comes to know what lies before it.

The simplest memory of a sequence is the mean of all vectors up to this one,

.. math:: y_t = \frac{1}{t + 1} \sum_{s \le t} x_s

and attention is that mean with other weights. The versions say it again and again, each nearer to attention:
as *loops*; as a *product* with a lower-triangular matrix; with the same matrix made by a masked *softmax*; and
with weights that are no longer uniform but depend on the data: *self-attention*. The first three are equal. All
are causal: position t never sees what follows it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from olaria.nn.attention import attention, causal_mask


def average_by_loops(x: Tensor) -> Tensor:
    r"""Version 1: for each row and each position, the mean of what has been seen.

    Args:
        x: (B, T, C).

    Returns:
        (B, T, C).

    >>> average_by_loops(torch.tensor([[[2.0], [4.0], [9.0]]])).flatten().tolist()
    [2.0, 3.0, 5.0]
    """
    means = torch.empty_like(x)
    for row in range(x.shape[0]):
        for t in range(x.shape[1]):
            means[row, t] = x[row, : t + 1].mean(0)
    return means


def average_by_product(x: Tensor) -> Tensor:
    r"""Version 2: all loops at once, :math:`Y = W X`, with the lower-triangular

    .. math:: W_{ts} = \begin{cases} 1 / (t + 1) & s \le t \\ 0 & s > t \end{cases}

    Row t of W holds the weights of the mean at t; one product does every row and every sequence of the batch.

    Args:
        x: (B, T, C).

    Returns:
        (B, T, C).
    """
    seen = torch.ones(x.shape[1], x.shape[1], dtype=x.dtype, device=x.device).tril()  # (T, T)
    return seen / seen.sum(1, keepdim=True) @ x


def average_by_softmax(x: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Version 3: the same weights from scores, :math:`W = \mathrm{softmax}(0 + M)`.

    Every score is 0, no position is preferred; the mask :math:`M` is :math:`-\infty` for the future, whose
    weight becomes :math:`e^{-\infty} = 0`, and the softmax divides by the number of those left.

    Args:
        x: the sequence averaged over, (B, S, C).
        mask: :math:`M`, (T, S): who may see whom; causal, T = S, where None.

    Returns:
        (B, T, C).
    """
    if mask is None:
        mask = causal_mask(x.shape[1], x.shape[1])
    return F.softmax(mask.to(x), -1) @ x


def average_by_attention(x: Tensor, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    r"""Version 4: a score for each pair instead of 0, so that the weights depend on the data.

    .. math:: Y = \mathrm{softmax}\left(\frac{Q K^\top}{\sqrt D} + M\right) V, \qquad
        Q = X W_q, \quad K = X W_k, \quad V = X W_v

    A position's query says what it looks for, a key what a position has, a value what it passes on. All three
    are made of the same x: that is what *self* means. Where Q is zero, this is version 3 of V.

    Args:
        x: (B, T, C).
        query: :math:`W_q`, (C, D).
        key: :math:`W_k`, (C, D).
        value: :math:`W_v`, (C, E).

    Returns:
        (B, T, E).

    Source: Vaswani et al. 2017, *Attention Is All You Need*, equation 1, masked as in section 3.2.3.
    """
    q, k, v = (x[:, None] @ weights for weights in (query, key, value))  # (B, one head, T, D)
    mask = causal_mask(x.shape[1], x.shape[1], x.device)
    return attention(q, k, v, mask, scale=query.shape[1] ** -0.5).squeeze(1)
