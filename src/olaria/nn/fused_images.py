r"""Convolutions and their norm with gradients written out, for a CPU, on images whose channels lie side by side.

The library's convolutions are about twice as fast on images laid out pixel by pixel (channels last), but its gradients
of kernels and biases are slow on small images, and a number per pixel times all channels of that pixel is slow
anywhere. Here the kernels' gradient is one product of matrices where places are few, the biases' a sum of rows, and
what stands for a whole pixel is copied to all of its channels first. docs/experiments.md tells what each is worth.

Each computes what its formula says, and the tests compare values and gradients with the plain forms. Under autocast
they run in bfloat16 from end to end, else in the format of their inputs.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from olaria.nn.fused import applied, inverse_size

NORM_EPSILON = 1e-6
_PLACES = 16
"""Of a convolution on an image, up to which the library's gradient of the kernels is slower than one product."""


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1, padding: int = 1
) -> Tensor:
    r"""Convolution of images, which may be differentiated twice.

    .. math:: y_{o,p} = b_o + \sum_{i,k} W_{o,i,k}\, x_{i,\,sp+k}, \qquad
              \partial W = \sum_{n,p} \partial y_{n,p} \otimes x_{n,\,sp+k}

    the latter as one product of matrices, over all places p of all images n.

    Args:
        x: (B, I, H, W).
        weight: (O, I, h, w).
        bias: (O,) or None.
        stride: s, in both directions.
        padding: by zeros, on all sides.

    Returns:
        (B, O, H', W'), channels last.

    Source: Chellapilla et al. 2006, *High Performance Convolutional Neural Networks for Document Processing* (a
    convolution as a product of matrices).
    """
    return applied(_Convolution, channels_last(x), weight, bias, stride, padding, False)


def convolve_transposed(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 2, padding: int = 1
) -> Tensor:
    """The transposed convolution: what :func:`convolve` with the same weight is the gradient of.

    Args:
        x: (B, I, H, W).
        weight: (I, O, h, w).
        bias: (O,) or None.
        stride: between the places of two neighbouring pixels in the answer.
        padding: rows and columns of the answer that are left out on all sides.

    Returns:
        (B, O, H', W'), channels last.
    """
    return applied(_Convolution, channels_last(x), weight, bias, stride, padding, True)


def normed_relu(x: Tensor) -> Tensor:
    r"""Each pixel's feature vector divided by its root mean square; then what is negative becomes zero.

    .. math:: y_c = \max\Bigl(0,\; x_c \Big/ \sqrt{\tfrac1C \sum_j x_j^2 + \epsilon}\Bigr)

    It has no statistics over the batch, so training and evaluation are the same function, and a sample does not depend
    on its neighbours.

    Args:
        x: (B, C, H, W).

    Returns:
        The same shape, channels last.

    Source: Karras et al. 2018, *Progressive Growing of GANs*, section 4.2.
    """
    return applied(_NormedReLU, channels_last(x))


def conditioned_relu(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    r""":func:`normed_relu` with a scale and a shift of each image and channel before what is negative becomes zero.

    .. math:: y_c = \max\bigl(0,\; (1 + s_c)\, \hat x_c + b_c\bigr)

    Args:
        x: (B, C, H, W).
        scale: s, (B, C).
        shift: b, (B, C).

    Returns:
        The shape of ``x``, channels last.

    Source: Perez et al. 2018, *FiLM*; Dhariwal & Nichol 2021, section 4.3.
    """
    return applied(_ConditionedReLU, channels_last(x), scale, shift)


def channels_last(x: Tensor) -> Tensor:
    """The images (B, C, H, W), the channels of each pixel side by side in memory."""
    if x.shape[1] == 1:  # laid out both ways, so that the strides alone can say which one is meant
        return x.reshape(len(x), *x.shape[2:], 1).permute(0, 3, 1, 2)
    return x.contiguous(memory_format=torch.channels_last)


def keep_layout(x: Tensor) -> Tensor:
    """The same images; their gradient comes back with channels last, whatever reads them.

    An activation whose input and gradient are laid out differently is twice as slow.
    """
    return applied(_KeepLayout, x)


class _KeepLayout(Function):
    """:func:`keep_layout` and its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return channels_last(gradient)


class _Convolution(Function):
    """:func:`convolve`, :func:`convolve_transposed` and their gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: int,
        padding: int,
        transposed: bool,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.transposed = stride, padding, transposed
        function = F.conv_transpose2d if transposed else F.conv2d
        return function(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        x_learns, weight_learns, bias_learns = ctx.needs_input_grad[:3]
        g = channels_last(gradient)
        d_x = d_weight = None
        by_library = weight_learns and (ctx.transposed or gradient[0, 0].numel() > _PLACES)
        if x_learns or by_library:
            steps = [ctx.stride] * 2, [ctx.padding] * 2, [1, 1], ctx.transposed, [0, 0], 1
            wanted = [x_learns, by_library, False]
            d_x, d_weight, _ = torch.ops.aten.convolution_backward(
                g, x, weight, None, *steps, wanted
            )
        if weight_learns and not by_library:
            high, wide = weight.shape[2:]
            windows = _windows(x, high, wide, ctx.stride, ctx.padding)
            d_weight = (_rows(g).t() @ windows).view(len(weight), high, wide, -1)
            d_weight = d_weight.permute(0, 3, 1, 2)
        d_bias = _rows(g).sum(0) if bias_learns else None
        return d_x, d_weight, d_bias, None, None, None


class _NormedReLU(Function):
    """:func:`normed_relu` and its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rows = _rows(x)
        scale = inverse_size(rows, NORM_EPSILON)
        normed = rows * _for_all_channels(scale, rows)
        ctx.save_for_backward(normed, scale)
        return _images(normed.relu(), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        normed, scale = ctx.saved_tensors
        g = torch.ops.aten.threshold_backward(_rows(channels_last(gradient)), normed, 0)
        # s (g - x̂ mean(g x̂)), the sum over a pixel's channels being written to each of them by a matrix of ones.
        num_channels = normed.shape[1]
        sums = (g * normed) @ normed.new_ones(num_channels, num_channels)
        d_x = torch.addcmul(g, normed, sums, value=-1 / num_channels)
        return _images(d_x.mul_(_for_all_channels(scale, d_x)), gradient)


class _ConditionedReLU(Function):
    """:func:`conditioned_relu` and its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        rows = _rows(x)
        size = inverse_size(rows, NORM_EPSILON)
        normed = rows * _for_all_channels(size, rows)
        factor = (1 + scale)[:, None]
        out = torch.addcmul(shift[:, None], _by_image(normed, x), factor).relu_()
        ctx.save_for_backward(normed, size, factor, out)
        return _images(out.view_as(normed), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        normed, size, factor, out = ctx.saved_tensors
        g = _by_image(_rows(channels_last(gradient)), gradient)
        g = torch.ops.aten.threshold_backward(g, out, 0)
        places = g.new_ones(1, g.shape[1])
        d_shift = (places @ g).squeeze(1)  # sums over an image's pixels, as products of matrices
        d_scale = (places @ (g * _by_image(normed, gradient))).squeeze(1)
        g = (g * factor).view_as(normed)
        num_channels = normed.shape[1]
        sums = (g * normed) @ normed.new_ones(num_channels, num_channels)
        d_x = torch.addcmul(g, normed, sums, value=-1 / num_channels)
        return _images(d_x.mul_(_for_all_channels(size, d_x)), gradient), d_scale, d_shift


def _by_image(rows: Tensor, like: Tensor) -> Tensor:
    """The rows of each image apart, (B, H·W, C)."""
    return rows.view(len(like), -1, rows.shape[1])


def _rows(x: Tensor) -> Tensor:
    """Images with channels last as a matrix, one row for each pixel: (B, C, H, W) to (B·H·W, C)."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _images(rows: Tensor, like: Tensor) -> Tensor:
    """The inverse of :func:`_rows`."""
    count, channels, high, wide = like.shape
    return rows.view(count, high, wide, channels).permute(0, 3, 1, 2)


def _windows(x: Tensor, high: int, wide: int, stride: int, padding: int) -> Tensor:
    """What a kernel of h × w sees at each of its places, (B·H'·W', h·w·C)."""
    around = F.pad(x.permute(0, 2, 3, 1), (0, 0, *[padding] * 4))
    windows = around.unfold(1, high, stride).unfold(2, wide, stride)  # (B, H', W', C, h, w)
    return windows.permute(0, 1, 2, 4, 5, 3).reshape(-1, high * wide * x.shape[1])


def _for_all_channels(number: Tensor, rows: Tensor) -> Tensor:
    """One number a row, (N, 1), written out for each column: a third of the time of multiplying it as it is."""
    return number.expand_as(rows).contiguous()
