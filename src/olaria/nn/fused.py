r"""The two halves of a Transformer block with their gradients written out, for a CPU.

Automatic differentiation keeps and visits every intermediate tensor of a block; on a CPU, at the widths that train in
minutes, those visits cost as much as the matrix products. Written by hand, each half keeps what its gradient needs and
no more, works in one number format throughout, and lays queries, keys and values out once for all products.

Both compute what their plain form in the docstring computes, and the tests compare values and gradients with it.
Under autocast they run in bfloat16 from end to end, else in the format of their inputs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from olaria.nn.attention import local_mask, rotate


def feed_forward(x: Tensor, w_in: Tensor, w_out: Tensor) -> Tensor:
    r"""Feed-forward branch of a block.

    .. math:: W_\text{out}\, \mathrm{relu}(W_\text{in}\, \hat x)^2, \qquad
              \hat x = x / \sqrt{\overline{x^2} + \varepsilon}

    Args:
        x: the residual stream, (B, T, C).
        w_in: (F, C).
        w_out: (C, F).

    Returns:
        What is added to the stream, (B, T, C).

    Source: Vaswani et al. 2017, equation 2, with the activation of So et al. 2021 (*Primer*).
    """
    return applied(_FeedForward, x, w_in, w_out)


def self_attention(
    x: Tensor, w_qkv: Tensor, w_out: Tensor, cos: Tensor, sin: Tensor, masks: Tensor, num_heads: int
) -> Tensor:
    r"""Self-attention branch of a block, with normalised and rotated queries and keys.

    Of local attention the sequence is cut into n chunks of c tokens, and a token attends to its own and to the one
    before: n products of (c, D) and (D, 2c) matrices in place of one of (T, D) and (D, T).

    .. math:: W_\text{out} \bigl[\mathrm{softmax}(R\hat q\, (R\hat k)^\top / \sqrt D + M)\, v\bigr]_\text{heads},
              \qquad (q, k, v) = W_{qkv}\, \hat x

    with the hat of :func:`feed_forward` over the stream, and over each head of q and k.

    Args:
        x: the residual stream, (B, T, C), T = n c.
        w_qkv: queries, keys and values one below the other, (3C, C).
        w_out: (C, C).
        cos: of the rotary angles, (T, D/2).
        sin: the same.
        masks: :math:`M` of each chunk, (n, c, 2c), 0 or :math:`-\infty`: see :func:`chunk_masks`; (1, T, T) where all
            tokens are one chunk.
        num_heads: H; D = C / H.

    Returns:
        What is added to the stream, (B, T, C).

    Source: Vaswani et al. 2017, equation 1; Henry et al. 2020 (normalised queries and keys); Su et al. 2021,
    equation 34 (the rotation R).
    """
    return applied(_SelfAttention, x, w_qkv, w_out, cos, sin, masks, num_heads)


def chunk_masks(num_chunks: int, chunk: int) -> Tensor:
    """Masks of local attention, (n, c, 2c): the first chunk has none before it, and all others have the same one.

    >>> chunk_masks(2, 1)
    tensor([[[-inf, 0.]],
    <BLANKLINE>
            [[0., 0.]]])
    """
    masks = local_mask(0, chunk, 2 * chunk, chunk).repeat(num_chunks, 1, 1)
    masks[0, :, :chunk] = float("-inf")
    return masks


def applied(function: type[Function], *inputs: Any) -> Tensor:
    """A function written by hand, in autocast's number format where that is on; inside, nothing is cast any more."""
    kind = inputs[0].device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        inputs = tuple(i.to(dtype) if isinstance(i, Tensor) else i for i in inputs)
    with as_it_is(kind):
        answer: Tensor = function.apply(*inputs)
    return answer


def as_it_is(kind: str) -> AbstractContextManager[Any]:
    """Nothing is cast on this kind of device, where that has autocast at all (one without content has none)."""
    has_one = torch.amp.is_autocast_available(kind)
    return torch.autocast(kind, enabled=False) if has_one else nullcontext()


def inverse_size(x: Tensor, epsilon: float) -> Tensor:
    r""":math:`1 / \sqrt{\overline{x^2} + \varepsilon}` over the last dimension, which stays as one; in float32."""
    precise = torch.promote_types(x.dtype, torch.float32)
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=precise)
    scale: Tensor = length.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
    return scale.to(x.dtype)


class _FeedForward(Function):
    """:func:`feed_forward` and its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w_in: Tensor, w_out: Tensor) -> Tensor:
        normed, scale = _normalised(x.flatten(0, -2))
        hidden = (normed @ w_in.t()).relu_()
        ctx.save_for_backward(normed, scale, hidden, w_in, w_out)
        return (hidden.square() @ w_out.t()).view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        normed, scale, hidden, w_in, w_out = ctx.saved_tensors
        _, in_learns, out_learns = ctx.needs_input_grad
        g = gradient.flatten(0, -2).to(hidden.dtype)
        d_out = g.t() @ hidden.square() if out_learns else None
        # The derivative of relu(h)² is 2 relu(h); the 2 is left for the smaller tensors below.
        d_hidden = (g @ w_out).mul_(hidden)
        d_in = (d_hidden.t() @ normed).mul_(2) if in_learns else None
        d_x = _through_norm(d_hidden @ w_in, normed, scale * 2)
        return d_x.view_as(gradient), d_in, d_out


class _SelfAttention(Function):
    """:func:`self_attention` and its gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        w_qkv: Tensor,
        w_out: Tensor,
        cos: Tensor,
        sin: Tensor,
        masks: Tensor,
        num_heads: int,
    ) -> Tensor:
        batch, length, width = x.shape
        size = width // num_heads
        chunk = masks.shape[1]
        normed, scale = _normalised(x.flatten(0, 1))
        parts = (normed @ w_qkv.t()).view(batch, length, 3, num_heads, size)
        parts = parts.permute(2, 0, 3, 1, 4).contiguous()  # (3, B, H, T, D)
        hats, head_scale = _normalised(parts[:2])
        # A rotation keeps lengths: what is rotated stays normalised.
        rotated = rotate(hats, cos, sin)
        q = rotated[0].view(-1, chunk, size)  # (B·H·n, c, D)
        keys, values = (_within_reach(x, *masks.shape[1:]) for x in (rotated[1], parts[2]))
        scores = torch.bmm(q, keys.mT).view(-1, *masks.shape)  # (B·H, n, c, 2c)
        weights = torch.add(masks, scores, alpha=size**-0.5).softmax(-1).flatten(0, 1)
        heads = (weights @ values).view(batch, num_heads, length, size)
        heads = heads.transpose(1, 2).reshape(-1, width)
        ctx.save_for_backward(
            normed, scale, rotated, head_scale, keys, values, weights, heads, w_qkv, w_out, cos, sin
        )
        branch: Tensor = heads @ w_out.t()
        return branch.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        normed, scale, rotated, head_scale, keys, values, weights, heads, w_qkv, w_out, cos, sin = (
            ctx.saved_tensors
        )
        batch, num_heads, length, size = rotated.shape[1:]
        chunk = weights.shape[1]
        qkv_learns, out_learns = ctx.needs_input_grad[1:3]
        g = gradient.flatten(0, 1).to(heads.dtype)
        d_out = g.t() @ heads if out_learns else None
        d_heads = (g @ w_out).view(batch, length, num_heads, size).transpose(1, 2)
        d_heads = d_heads.reshape(-1, chunk, size)
        q = rotated[0].view(-1, chunk, size)
        d_parts = torch.empty((3, *rotated.shape[1:]), dtype=g.dtype, device=g.device)
        d_q, d_k, d_v = (part.view(-1, chunk, size) for part in d_parts)
        _to_its_own(weights.mT @ d_heads, out=d_v)
        # Of softmax: weights · (d − Σ weights · d), in one pass.
        d_scores = torch._softmax_backward_data(d_heads @ values.mT, weights, -1, weights.dtype)
        torch.bmm(d_scores, keys, out=d_q)
        _to_its_own(d_scores.mT @ q, out=d_k)
        # The norm's gradient is taken where the vectors lie rotated; then both are turned back.
        turned = _through_norm(d_parts[:2], rotated, head_scale * size**-0.5)
        d_parts[:2] = rotate(turned, cos, -sin)
        d_qkv = d_parts.permute(1, 3, 0, 2, 4).reshape(len(g), -1)  # (B·T, 3C)
        d_w = d_qkv.t() @ normed if qkv_learns else None
        d_x = _through_norm(d_qkv @ w_qkv, normed, scale)
        return d_x.view_as(gradient), d_w, d_out, None, None, None, None


def _within_reach(x: Tensor, chunk: int, reach: int) -> Tensor:
    """What the queries of each chunk are compared with: its own tokens, behind those of the one before it or alone."""
    return _with_one_before(x, chunk) if reach > chunk else x.reshape(-1, chunk, x.shape[-1])


def _with_one_before(x: Tensor, chunk: int) -> Tensor:
    """Chunks of a sequence (B, H, T, D), each behind the one before it: (B·H·n, 2c, D), without a copy of its own.

    All sequences lie in one row, so that what stands before the first chunk of one is the end of another: the masks
    leave it out.
    """
    size = x.shape[-1]
    row = F.pad(x.reshape(-1, size), (0, 0, chunk, 0))  # zeros, since 0 · ∞ would be no number
    num_chunks = len(row) // chunk - 1
    return row.as_strided((num_chunks, 2 * chunk, size), (chunk * size, size, 1))


def _to_its_own(gradient: Tensor, out: Tensor) -> None:
    """Gradient of :func:`_within_reach`'s input: a chunk's own part, and what the one after it found there."""
    if gradient.shape == out.shape:
        out.copy_(gradient)
        return
    before, own = gradient.chunk(2, 1)
    out.copy_(own)
    out[:-1].add_(before[1:])


def _normalised(x: Tensor) -> tuple[Tensor, Tensor]:
    r""":math:`x s` and :math:`s = 1 / \sqrt{\overline{x^2} + \varepsilon}` over the last dimension."""
    scale = inverse_size(x, torch.finfo(torch.float32).eps)
    return x * scale, scale


def _through_norm(gradient: Tensor, normed: Tensor, scale: Tensor) -> Tensor:
    r"""Gradient of :func:`_normalised`'s input: :math:`s\,(g - \hat x\, \overline{g \hat x})`."""
    share = (gradient * normed).mean(-1, keepdim=True)
    return torch.addcmul(gradient, normed, share, value=-1).mul_(scale)
