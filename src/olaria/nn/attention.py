"""Self-attention written for the CPU, and rotary positions.

On a CPU the fused kernel of PyTorch is slow backwards at short lengths: two matrix products and a softmax in
bfloat16 take half its time at 64 to 256 tokens, so that is what stands here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def causal_mask(num_queries: int, num_keys: int, device: torch.device | None = None) -> Tensor:
    r"""0 where query t may look at key s, :math:`-\infty` where s lies in its future.

    The last query is aligned with the last key, so that it also serves a cache of earlier keys.

    >>> causal_mask(2, 3)
    tensor([[0., 0., -inf],
            [0., 0., 0.]])
    """
    mask = torch.full((num_queries, num_keys), float("-inf"), device=device)
    return mask.triu(1 + num_keys - num_queries)


def local_mask(first: int, start: int, stop: int, chunk: int) -> Tensor:
    r"""The causal mask of *local* attention: a query looks at its own chunk of the sequence and at the one before.

    Args:
        first: position of the first key.
        start: position of the first query; queries and keys end together.
        stop: position after the last.
        chunk: positions of a chunk.

    Returns:
        (stop − start, stop − first), 0 or :math:`-\infty`.

    Source: Roy et al. 2021, *Efficient Content-Based Sparse Attention with Routing Transformers*, section 3.2 (blocked
    local attention with one block of look-back).

    >>> local_mask(0, 3, 5, 2)
    tensor([[0., 0., 0., 0., -inf],
            [-inf, -inf, 0., 0., 0.]])
    """
    queries = torch.arange(start, stop)[:, None]
    keys = torch.arange(first, stop)
    is_seen = (keys <= queries) & (keys // chunk >= queries // chunk - 1)
    return torch.zeros(is_seen.shape).masked_fill_(~is_seen, float("-inf"))


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    r"""Scaled dot-product attention.

    .. math:: \mathrm{softmax}\left(s\, q k^\top + M\right) v

    Args:
        q: queries, (B, H, T, D).
        k: keys, (B, H, S, D).
        v: values, (B, H, S, D).
        mask: :math:`M`, added to the scores, broadcast to (B, H, T, S); None lets all look at all.
        scale: :math:`s`, usually :math:`1/\sqrt D`.

    Returns:
        (B, H, T, D).

    Source: Vaswani et al. 2017, *Attention Is All You Need*, equation 1.
    """
    scores = (q * scale) @ k.transpose(-2, -1)  # (B, H, T, S)
    if mask is not None:
        scores = scores + mask.to(scores.dtype)
    return F.softmax(scores, -1) @ v


def rotary_angles(context: int, head_size: int, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    r"""Cosines and sines of :math:`t\,\theta_j`, :math:`\theta_j = base^{-2j/D}`.

    Args:
        context: number of positions T.
        head_size: D, even.

    Returns:
        Two tensors (T, D/2).

    Source: Su et al. 2021, *RoFormer*, equation 15.
    """
    exponents = torch.arange(0, head_size, 2, dtype=torch.float32) / head_size
    angles = torch.arange(context, dtype=torch.float32)[:, None] * base**-exponents
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    r"""Turn each pair of features by its position's angle, so that a product of a query and a key depends
    on their distance alone.

    Args:
        x: (B, H, T, D); feature j is paired with feature j + D/2.
        cos: (T, D/2).
        sin: (T, D/2).

    Source: Su et al. 2021, equation 34 (with pairs taken half a vector apart).
    """
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    turned = x.roll(x.shape[-1] // 2, -1)  # (b, a) where x is (a, b)
    return torch.addcmul(x * torch.cat((cos, cos), -1), turned, torch.cat((-sin, sin), -1))
