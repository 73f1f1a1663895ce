"""Convolutions and norm by hand against the library's own, differentiated automatically."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from olaria.nn.fused_images import (
    NORM_EPSILON,
    channels_last,
    conditioned_relu,
    convolve,
    convolve_transposed,
    keep_layout,
    normed_relu,
)

Form = Callable[..., Tensor]


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    numbers = torch.randn(shape, generator=Generator().manual_seed(seed), dtype=dtype)
    return numbers.requires_grad_()


def plain_norm(x: Tensor) -> Tensor:
    size = (x.square().mean(1, keepdim=True) + NORM_EPSILON).sqrt()
    return (x / size).clamp_min(0)


def plain_conditioned(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    size = (x.square().mean(1, keepdim=True) + NORM_EPSILON).sqrt()
    return ((1 + scale)[:, :, None, None] * (x / size) + shift[:, :, None, None]).clamp_min(0)


def convolution(name: str, stride: int, padding: int, *shapes: tuple[int, ...]) -> Any:
    def fused(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return convolve(x, w, b, stride, padding)

    def plain(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return F.conv2d(x, w, b, stride, padding)

    return pytest.param(fused, plain, list(shapes), id=name)


# Images of 4 × 4 places take the product of matrices for the gradient of their kernels, larger ones the library's.
CASES = [
    convolution("halving", 2, 1, (2, 3, 8, 7), (5, 3, 4, 3), (5,)),
    convolution("small", 1, 1, (2, 3, 4, 4), (5, 3, 3, 3), (5,)),
    convolution("large and grey", 1, 1, (2, 1, 9, 6), (5, 1, 3, 3), (5,)),
    convolution("one pixel", 1, 0, (2, 3, 4, 3), (2, 3, 1, 1), (2,)),
    pytest.param(
        convolve_transposed,
        lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1),
        [(2, 3, 4, 5), (3, 2, 4, 4), (2,)],
        id="transposed",
    ),
    pytest.param(normed_relu, plain_norm, [(2, 5, 4, 3)], id="norm"),
    pytest.param(
        conditioned_relu, plain_conditioned, [(2, 5, 4, 3), (2, 5), (2, 5)], id="conditioned norm"
    ),
]
cases = pytest.mark.parametrize(("fused", "plain", "shapes"), CASES)


@cases
def test_values_and_gradients_equal_the_plain_form(
    fused: Form, plain: Form, shapes: list[tuple[int, ...]]
) -> None:
    inputs = [drawn(*shape, seed=n, dtype=torch.float64) for n, shape in enumerate(shapes)]
    expected, found = plain(*inputs), fused(*inputs)
    torch.testing.assert_close(found, expected)
    weight = drawn(*expected.shape, seed=9, dtype=torch.float64).detach()
    wanted = torch.autograd.grad((expected * weight).sum(), inputs)
    gradients = torch.autograd.grad((found * weight).sum(), inputs)
    for gradient, one in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, one)


@cases
def test_autocast_runs_in_bfloat16_and_returns_gradients_in_float32(
    fused: Form, plain: Form, shapes: list[tuple[int, ...]]
) -> None:
    inputs = [drawn(*shape, seed=n) for n, shape in enumerate(shapes)]
    with torch.autocast("cpu", torch.bfloat16):
        found = fused(*inputs)
    assert found.dtype == torch.bfloat16
    weight = drawn(*found.shape, seed=9).detach()
    gradients = torch.autograd.grad((found.float() * weight).sum(), inputs)
    wanted = torch.autograd.grad((plain(*inputs) * weight).sum(), inputs)
    for gradient, one in zip(gradients, wanted, strict=True):
        assert gradient.dtype == torch.float32
        assert F.cosine_similarity(gradient.flatten(), one.flatten(), 0) > 0.999


@pytest.mark.parametrize("side", [4, 6])
def test_a_convolution_is_differentiated_twice(side: int) -> None:
    """As the penalties on a discriminator's slope ask."""
    inputs = (drawn(2, 2, side, side), drawn(3, 2, 3, 3, seed=1), drawn(3, seed=2))
    doubles = tuple(tensor.detach().double().requires_grad_() for tensor in inputs)
    assert torch.autograd.gradgradcheck(lambda x, w, b: convolve(x, w, b).square(), doubles)


def test_a_frozen_weight_gets_no_gradient() -> None:
    x, weight, bias = drawn(2, 3, 4, 4), drawn(5, 3, 3, 3, seed=1), drawn(5, seed=2)
    weight.requires_grad_(False)
    convolve(x, weight, bias).sum().backward()
    assert weight.grad is None
    assert x.grad is not None and bias.grad is not None


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_lie_side_by_side_and_stay_so(channels: int) -> None:
    x = drawn(2, channels, 4, 5)
    laid = channels_last(x)
    assert torch.equal(laid, x)
    assert laid.stride(1) == 1
    assert convolve(x, drawn(3, channels, 3, 3), None).stride(1) == 1
    assert normed_relu(x).stride(1) == 1


def test_a_gradient_comes_back_laid_out_as_the_images_are() -> None:
    seen: list[Tensor] = []
    x = channels_last(drawn(2, 3, 4, 4)).detach().requires_grad_()
    inner = x * 1
    inner.register_hook(seen.append)
    keep_layout(inner).flatten(1).square().sum().backward()
    assert seen[0].stride(1) == 1
    assert x.grad is not None
    torch.testing.assert_close(x.grad, 2 * x)
