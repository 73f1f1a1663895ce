"""Sizes, slopes and order of the shared layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from olaria.nn.attention import attention, rotary_angles
from olaria.nn.conv import ConvDecoder, ConvEncoder
from olaria.nn.mlp import ACTIVATIONS, mlp
from olaria.training.randomness import generator


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_mlp_has_activations_between_and_none_after(activation: str) -> None:
    layers = list(mlp([5, 4, 3, 2], activation))
    kinds = [type(layer) for layer in layers]
    kind = ACTIVATIONS[activation]
    assert kinds == [nn.Linear, kind, nn.Linear, kind, nn.Linear]
    assert [tuple(layer.weight.shape) for layer in layers[::2]] == [(4, 5), (3, 4), (2, 3)]


def test_an_mlp_of_two_sizes_is_linear() -> None:
    net = mlp([3, 2])
    a, b = torch.randn(2, 4, 3, generator=generator(0, "x"))
    zero = net(torch.zeros(4, 3))
    torch.testing.assert_close(net(a + b) + zero, net(a) + net(b), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "grid"),
    [((1, 8, 8), (8, 4, 4)), ((1, 28, 28), (16, 7, 7)), ((3, 32, 32), (32, 4, 4))],
)
def test_the_convolutional_pair_narrows_and_widens(
    shape: tuple[int, int, int], grid: tuple[int, int, int]
) -> None:
    x = torch.rand(2, *shape, generator=generator(0, "x"))
    encoder, decoder = ConvEncoder(shape, 4, 6), ConvDecoder(6, 4, shape)
    assert decoder.grid == grid
    assert decoder(encoder(x)).shape == x.shape


def test_the_slope_lets_negative_values_through() -> None:
    for slope, dead in ((0.0, True), (0.2, False)):
        encoder = ConvEncoder((1, 8, 8), 2, 1, slope)
        for layer in encoder.features:
            if isinstance(layer, nn.Conv2d):
                nn.init.constant_(layer.weight, 0.1)
                nn.init.constant_(layer.bias, -9.0)
        out = encoder.features(torch.zeros(1, 1, 8, 8))
        assert (out.abs().max() == 0).item() is dead


def test_pixel_norm_is_applied_only_when_asked() -> None:
    plain, normed = (ConvDecoder(3, 2, (1, 8, 8), normalise=flag) for flag in (False, True))
    normed.load_state_dict(plain.state_dict())
    z = torch.randn(2, 3, generator=generator(0, "z"))
    with torch.no_grad():
        assert not torch.allclose(plain(z), normed(z))


def test_attention_without_a_mask_looks_at_all_evenly_when_scores_are_equal() -> None:
    v = torch.randn(1, 1, 5, 4, generator=generator(0, "v"))
    out = attention(torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 5, 4), v, None, 0.5)
    torch.testing.assert_close(out, v.mean(2, keepdim=True).expand(1, 1, 2, 4))


def test_the_first_position_is_not_turned_and_low_features_turn_fastest() -> None:
    cos, sin = rotary_angles(4, 6, base=1000.0)
    assert cos.shape == sin.shape == (4, 3)
    assert cos[0].tolist() == [1, 1, 1] and not sin[0].any()
    angles = torch.atan2(sin[1], cos[1])
    torch.testing.assert_close(angles, torch.tensor([1.0, 0.1, 0.01]))


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((1, 28, 28), (4, 4)), ((3, 32, 32), (4, 4)), ((1, 8, 8), (4, 4)), ((1, 9, 14), (3, 4))],
)
def test_the_encoder_halves_to_the_smallest_side(
    shape: tuple[int, int, int], sides: tuple[int, int]
) -> None:
    encoder = ConvEncoder(shape, 4, 1)
    out = encoder.features(torch.rand(2, *shape))
    assert out.shape[2:] == sides and encoder.num_features == out[0].numel()
