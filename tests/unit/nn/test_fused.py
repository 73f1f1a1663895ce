"""The hand-written halves of a block against their plain forms, differentiated automatically."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from olaria.families.gpt import GPTConfig
from olaria.models.gpt import GPT
from olaria.nn.attention import causal_mask, rotary_angles
from olaria.nn.fused import chunk_masks, feed_forward, self_attention

B, T, C, H = 3, 9, 16, 2
CHUNK = 3
D = C // H


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), requires_grad=True)


def plain_feed_forward(x: Tensor, w_in: Tensor, w_out: Tensor) -> Tensor:
    return F.relu(F.rms_norm(x, (C,)) @ w_in.mT).square() @ w_out.mT


def plain_self_attention(x: Tensor, w_qkv: Tensor, w_out: Tensor, chunk: int = CHUNK) -> Tensor:
    """By PyTorch's own kernel, and by complex numbers instead of a rotation matrix."""
    parts = (F.rms_norm(x, (C,)) @ w_qkv.mT).chunk(3, -1)
    q, k, v = (part.view(B, T, H, D).transpose(1, 2) for part in parts)
    exponents = torch.arange(0, D, 2) / D
    angles = torch.arange(T)[:, None] * 10_000.0**-exponents
    turn = torch.polar(torch.ones_like(angles), angles)

    def turned(heads: Tensor) -> Tensor:
        a, b = F.rms_norm(heads, (D,)).chunk(2, -1)
        product = torch.complex(a, b) * turn
        return torch.cat((product.real, product.imag), -1)

    seen = [[s <= t and s // chunk >= t // chunk - 1 for s in range(T)] for t in range(T)]
    mask = torch.tensor(seen)
    heads = F.scaled_dot_product_attention(turned(q), turned(k), v, attn_mask=mask)
    return heads.transpose(1, 2).flatten(2) @ w_out.mT


def fused_self_attention(x: Tensor, w_qkv: Tensor, w_out: Tensor) -> Tensor:
    cos, sin = rotary_angles(T, D)
    return self_attention(x, w_qkv, w_out, cos, sin, chunk_masks(T // CHUNK, CHUNK), H)


def plain_whole(x: Tensor, w_qkv: Tensor, w_out: Tensor) -> Tensor:
    return plain_self_attention(x, w_qkv, w_out, T)


def fused_whole(x: Tensor, w_qkv: Tensor, w_out: Tensor) -> Tensor:
    cos, sin = rotary_angles(T, D)
    return self_attention(x, w_qkv, w_out, cos, sin, causal_mask(T, T)[None], H)


CASES = [
    pytest.param(feed_forward, plain_feed_forward, (4 * C, C), (C, 4 * C), id="feed-forward"),
    pytest.param(
        fused_self_attention, plain_self_attention, (3 * C, C), (C, C), id="local attention"
    ),
    pytest.param(fused_whole, plain_whole, (3 * C, C), (C, C), id="attention"),
]
Form = Callable[[Tensor, Tensor, Tensor], Tensor]


@pytest.mark.parametrize(("fused", "plain", "first", "second"), CASES)
def test_values_and_gradients_equal_the_plain_form(
    fused: Form, plain: Form, first: tuple[int, int], second: tuple[int, int]
) -> None:
    inputs = [drawn(B, T, C), drawn(*first, seed=1), drawn(*second, seed=2)]
    weight = drawn(B, T, C, seed=3).detach()
    expected, found = plain(*inputs), fused(*inputs)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    wanted = torch.autograd.grad((expected * weight).sum(), inputs)
    gradients = torch.autograd.grad((found * weight).sum(), inputs)
    for gradient, one in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("fused", "plain", "first", "second"), CASES)
def test_autocast_runs_in_bfloat16_and_returns_gradients_in_float32(
    fused: Form, plain: Form, first: tuple[int, int], second: tuple[int, int]
) -> None:
    inputs = [drawn(B, T, C), drawn(*first, seed=1), drawn(*second, seed=2)]
    with torch.autocast("cpu", torch.bfloat16):
        found = fused(*inputs)
    assert found.dtype == torch.bfloat16
    gradients = torch.autograd.grad(found.float().sum(), inputs)
    wanted = torch.autograd.grad(plain(*inputs).sum(), inputs)
    for gradient, one in zip(gradients, wanted, strict=True):
        assert gradient.dtype == torch.float32
        similarity = F.cosine_similarity(gradient.flatten(), one.flatten(), 0)
        assert similarity > 0.999


@pytest.mark.parametrize(("fused", "plain", "first", "second"), CASES)
def test_a_frozen_weight_gets_no_gradient(
    fused: Form, plain: Form, first: tuple[int, int], second: tuple[int, int]
) -> None:
    x, w_first, w_second = drawn(B, T, C), drawn(*first, seed=1), drawn(*second, seed=2)
    w_first.requires_grad_(False)
    fused(x, w_first, w_second).sum().backward()
    assert w_first.grad is None
    assert w_second.grad is not None and x.grad is not None


@pytest.mark.parametrize("chunk", [None, 1, 2, 3, 4, 20])
def test_the_training_form_of_the_gpt_equals_the_reading_form(chunk: int | None) -> None:
    config = GPTConfig(context=T, chunk=chunk, num_layers=2, num_heads=H, width=C)
    model = GPT(config, vocab_size=5).eval()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.add_(drawn(*parameter.shape, seed=number), alpha=0.3)
        tokens = torch.randint(5, (B, T), generator=Generator().manual_seed(9))
        torch.testing.assert_close(model(tokens), model.continue_from(tokens, [])[0])
