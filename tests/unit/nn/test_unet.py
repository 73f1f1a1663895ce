"""The U-Net of small images: its shapes, what it begins as, and what its condition and its batch may change."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from olaria.nn.unet import AllPlaces, Block, UNet


def unet(shape: tuple[int, int, int], depths: tuple[int, ...] = (1, 1)) -> UNet:
    torch.manual_seed(0)
    return UNet(shape, (4, 6, 8)[: len(depths)], depths, condition=3)


def disturbed(network: UNet) -> UNet:
    """No weight is zero any more."""
    draw = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2, generator=draw)
    return network


def inputs(shape: tuple[int, int, int], count: int = 2) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(2)
    return torch.randn(count, *shape, generator=draw), torch.randn(count, 3, generator=draw)


@pytest.mark.parametrize(
    ("shape", "depths"),
    [((1, 8, 8), (1, 2)), ((1, 28, 28), (2, 1)), ((3, 32, 32), (1, 0, 1)), ((1, 6, 10), (2,))],
)
def test_an_image_keeps_its_shape(shape: tuple[int, int, int], depths: tuple[int, ...]) -> None:
    out = disturbed(unet(shape, depths))(*inputs(shape))
    assert out.shape == (2, *shape) and out.std() > 0


def test_it_may_give_more_channels_than_it_reads() -> None:
    network = UNet((1, 8, 8), (4,), (1,), condition=3, outputs=3)
    assert network(*inputs((1, 8, 8))).shape == (2, 3, 8, 8)


def test_without_a_condition_it_reads_the_image_alone() -> None:
    torch.manual_seed(0)
    network = disturbed(UNet((1, 8, 8), (4, 6), (1, 1), 0, inputs=2))
    x = inputs((2, 8, 8))[0]
    assert network(x).shape == (2, 1, 8, 8)
    assert not [name for name, _ in network.named_parameters() if "told" in name]
    network(x).square().sum().backward()
    assert not [name for name, one in network.named_parameters() if one.grad is None]
    other = x.clone()
    other[:, 1] += 1  # the second channel is read too
    assert (network(other) - network(x)).abs().max() > 1e-3


def test_it_begins_as_the_bias_of_its_head() -> None:
    network = unet((1, 8, 8))
    assert network.head.bias is not None
    expected = nn.functional.pixel_shuffle(network.head.bias.view(1, 4, 1, 1).expand(2, 4, 4, 4), 2)
    torch.testing.assert_close(network(*inputs((1, 8, 8))), expected)


def test_a_block_begins_as_the_identity_and_learns() -> None:
    block, (x, c) = Block(1, 3), inputs((1, 8, 8))
    torch.testing.assert_close(block(x, c), x, rtol=0, atol=0)
    block(x, c).square().sum().backward()
    assert block.second.weight.grad is not None and block.second.weight.grad.abs().sum() > 0


def test_the_condition_of_an_image_changes_that_image_alone() -> None:
    network, (x, c) = disturbed(unet((1, 8, 8))), inputs((1, 8, 8))
    before, other = network(x, c), c.clone()
    other[1] += 1
    after = network(x, other)
    torch.testing.assert_close(after[0], before[0])
    assert (after[1] - before[1]).abs().max() > 1e-3


def test_every_pixel_reaches_every_other() -> None:
    """From the corner to its opposite, through the smaller size."""
    network, (x, c) = disturbed(unet((1, 8, 8))), inputs((1, 8, 8), 1)
    x.requires_grad_()
    network(x, c)[0, 0, -1, -1].backward()
    assert x.grad is not None and x.grad[0, 0, 0, 0] != 0


def test_fine_detail_passes_beside_the_smaller_size() -> None:
    """What a level keeps is added on the way up: without the way through the middle it still reaches the output."""
    network, (x, c) = disturbed(unet((1, 8, 8))), inputs((1, 8, 8))
    for parameter in network.grow.parameters():
        nn.init.zeros_(parameter)
    assert (network(x, c) - network(-x, c)).abs().max() > 1e-3


def test_every_weight_is_used() -> None:
    network = disturbed(unet((1, 28, 28), (2, 2)))
    network(*inputs((1, 28, 28))).square().sum().backward()
    unused = [name for name, one in network.named_parameters() if one.grad is None]
    assert unused == []


def test_dense_layers_join_all_places_and_begin_as_the_identity() -> None:
    layer, x = AllPlaces(3, 12, 8), torch.randn(2, 3, 3, 4)
    torch.testing.assert_close(layer(x), x, rtol=0, atol=0)
    with torch.no_grad():
        for parameter in layer.parameters():
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(3))
    other = x.clone()
    other[1, :, 0, 0] += 1
    change = (layer(other) - layer(x)).abs().amax(1)
    assert change[0].max() == 0, "another image"
    assert (change[1] > 0).all(), "every place"


def test_dense_layers_hold_the_places_of_the_smallest_size() -> None:
    network = disturbed(UNet((1, 28, 28), (4, 6), (1, 1), 0, dense=2))
    assert isinstance(network.dense, AllPlaces)
    assert network.dense.join.weight.shape == (2 * 49, 2 * 49)
    x = inputs((1, 28, 28))[0]
    assert network(x).shape == (2, 1, 28, 28)
    network(x).square().sum().backward()
    assert not [name for name, one in network.named_parameters() if one.grad is None]
