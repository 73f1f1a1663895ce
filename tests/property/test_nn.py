"""Layers for any input: causality, distance, size."""

from __future__ import annotations

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from olaria.families.gpt import GPTConfig
from olaria.models.gpt import GPT
from olaria.nn.attention import attention, causal_mask, rotary_angles, rotate
from olaria.nn.conv import (
    SMALLEST_SIDE,
    ConvDecoder,
    ConvEncoder,
    UpConv,
    num_halvings,
)
from olaria.nn.fused_images import normed_relu
from olaria.training.randomness import generator, seeded

CONTEXT, VOCAB = 12, 7
few = settings(max_examples=20)


def random_gpt(seed: int) -> GPT:
    """A GPT none of whose matrices is zero, as they are before training."""
    with seeded(seed, "weights"):
        model = GPT(GPTConfig(context=CONTEXT, num_layers=2, num_heads=2, width=16), VOCAB).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model


GPTS = [random_gpt(seed) for seed in range(3)]
gpts = st.sampled_from(GPTS)
texts = st.lists(st.integers(0, VOCAB - 1), min_size=2, max_size=CONTEXT)


@few
@torch.no_grad()
@given(gpts, texts, st.data())
def test_a_later_token_moves_no_earlier_logit(
    model: GPT, ids: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.integers(1, len(ids) - 1))
    other = data.draw(st.integers(0, VOCAB - 1))
    assume(other != ids[place])
    changed = [*ids[:place], other, *ids[place + 1 :]]
    before, after = model(torch.tensor([ids])), model(torch.tensor([changed]))
    assert torch.equal(before[:, :place], after[:, :place])
    assert not torch.equal(before[:, place], after[:, place])


@few
@torch.no_grad()
@given(gpts, texts)
def test_an_earlier_token_reaches_the_last_logit(model: GPT, ids: list[int]) -> None:
    changed = [(ids[0] + 1) % VOCAB, *ids[1:]]
    first, other = model(torch.tensor([ids])), model(torch.tensor([changed]))
    assert not torch.equal(first[:, -1], other[:, -1])


@few
@torch.no_grad()
@given(gpts, texts, st.data())
def test_cached_logits_are_those_without_a_cache(
    model: GPT, ids: list[int], data: st.DataObject
) -> None:
    """However the text is cut into pieces."""
    tokens = torch.tensor([ids, ids[::-1]])
    cuts = data.draw(st.sets(st.integers(1, len(ids) - 1)))
    cache, pieces = [], []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(ids)], strict=True):
        logits, cache = model.continue_from(tokens[:, start:stop], cache)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, 1), model(tokens), rtol=1e-4, atol=1e-4)


@few
@torch.no_grad()
@given(gpts, texts, texts)
def test_a_row_does_not_see_the_others(model: GPT, first: list[int], second: list[int]) -> None:
    size = min(len(first), len(second))
    together = model(torch.tensor([first[:size], second[:size]]))
    alone = model(torch.tensor([first[:size]]))
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-4)


@given(st.integers(0, 1000), st.sampled_from([2, 4, 8]), st.data())
def test_the_product_of_rotated_vectors_depends_on_their_distance(
    seed: int, size: int, data: st.DataObject
) -> None:
    t, s = (data.draw(st.integers(0, 20)) for _ in range(2))
    shift = data.draw(st.integers(0, 10))
    q, k = torch.randn(2, size, generator=generator(seed, "qk"))
    cos, sin = rotary_angles(32, size)
    rows = [rotate(v.expand(1, 1, 32, size), cos, sin)[0, 0] for v in (q, k)]
    product = rows[0] @ rows[1].T  # (t, s)
    torch.testing.assert_close(product[t + shift, s + shift], product[t, s], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(rows[0].norm(dim=1), q.norm().expand(32), rtol=1e-4, atol=1e-5)


def test_rotated_vectors_tell_distances_apart() -> None:
    q = torch.ones(1, 1, 8, 4)
    rows = rotate(q, *rotary_angles(8, 4))[0, 0]
    products = rows @ rows[0]
    assert products.diff().abs().min() > 1e-3


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 1000))
def test_what_the_mask_hides_has_no_influence(queries: int, earlier: int, seed: int) -> None:
    keys = queries + earlier
    draw = generator(seed, "qkv")
    q = torch.randn(1, 1, queries, 4, generator=draw)
    k, v = torch.randn(2, 1, 1, keys, 4, generator=draw)
    out = attention(q, k, v, causal_mask(queries, keys), 0.5)
    for t in range(queries):
        seen = earlier + t + 1
        alone = attention(q[:, :, t : t + 1], k[:, :, :seen], v[:, :, :seen], None, 0.5)
        torch.testing.assert_close(out[:, :, t : t + 1], alone, rtol=1e-4, atol=1e-5)


@given(st.integers(1, 70), st.integers(1, 70))
def test_halving_is_exact_and_stops_where_it_must(height: int, width: int) -> None:
    count = num_halvings(height, width)
    assert height % 2**count == 0 and width % 2**count == 0
    sides = height >> count, width >> count
    assert count == 0 or min(sides) >= SMALLEST_SIDE
    assert min(sides) // 2 < SMALLEST_SIDE or sides[0] % 2 or sides[1] % 2


@few
@torch.no_grad()
@given(st.integers(1, 3), st.integers(4, 20), st.integers(4, 20), st.booleans())
def test_convolutions_fit_any_image(channels: int, height: int, width: int, flag: bool) -> None:
    shape = (channels, height, width)
    codes = ConvEncoder(shape, 2, 5, slope=0.2, spectral=flag)(torch.rand(2, *shape))
    assert codes.shape == (2, 5)
    assert ConvDecoder(5, 2, shape, normalise=flag)(codes).shape == (2, *shape)


@few
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))
def test_doubling_and_convolving_at_once_is_both_in_turn(
    channels_in: int, channels_out: int, height: int, width: int
) -> None:
    layer = UpConv(channels_in, channels_out).double()
    x = torch.randn(2, channels_in, height, width, generator=generator(0, "x")).double()
    doubled = torch.nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
    expected = torch.nn.functional.conv2d(doubled, layer.weight, layer.bias, padding=1)
    found = layer(x)
    torch.testing.assert_close(found, expected)
    loss = torch.randn(expected.shape, generator=generator(0, "loss")).double()
    for ours, theirs in zip(
        torch.autograd.grad((found * loss).sum(), [layer.weight, layer.bias]),
        torch.autograd.grad((expected * loss).sum(), [layer.weight, layer.bias]),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@given(st.integers(0, 1000), st.integers(1, 6), st.floats(0.1, 100))
def test_pixel_norm_gives_every_pixel_unit_size(seed: int, channels: int, size: float) -> None:
    x = size * (1 + torch.rand(2, channels, 3, 3, generator=generator(seed, "x")))
    y = normed_relu(x)
    torch.testing.assert_close(y.square().mean(1), torch.ones(2, 3, 3), rtol=1e-3, atol=1e-3)
