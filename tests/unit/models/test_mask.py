"""Masked diffusion of pixels: its loss, and how it draws."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor, nn

from olaria import draws
from olaria.errors import ConfigError
from olaria.families.mask import SIZES, MaskConfig
from olaria.models.base import Batch
from olaria.models.mask import MaskedDiffusion
from olaria.objectives.masking import MEAN_PARTS, Unmasking, negative_bound

SHAPE = (1, 8, 8)
SIZE = 64


def model(shape: tuple[int, int, int] = SHAPE) -> MaskedDiffusion:
    """No weight is zero any more."""
    torch.manual_seed(0)
    made = MaskedDiffusion(SIZES["tiny"], shape)
    with torch.no_grad():
        for parameter in made.parameters():
            nn.init.normal_(parameter, std=0.2)
    return made.eval()


def noise(count: int = 6) -> Tensor:
    return torch.randn(count, 2 * SIZE, generator=Generator().manual_seed(1))


def test_without_knowledge_the_bound_is_one_bit_for_each_pixel() -> None:
    knowing_nothing = model()
    for parameter in knowing_nothing.parameters():
        parameter.data.zero_()
    x = torch.rand(20_000, *SHAPE, generator=Generator().manual_seed(2))
    loss = knowing_nothing.loss(Batch(x), Generator().manual_seed(3))
    assert list(loss.parts) == ["bound_nats"]
    assert loss.total.item() == pytest.approx(SIZE * math.log(2), rel=2e-3)


@torch.no_grad()
def test_the_loss_of_grey_images_is_the_bound_of_their_draws_with_less_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = model()
    image = torch.rand(1, *SHAPE, generator=Generator().manual_seed(7)).pow(3)
    made.adapt(image)
    grey = image.expand(40_000, -1, -1, -1)
    nats: list[Tensor] = []
    monkeypatch.setattr(
        "olaria.models.mask.negative_bound", lambda *a: nats.append(negative_bound(*a)) or nats[-1]
    )
    loss = made.loss(Batch(grey), Generator().manual_seed(8)).total.item()
    draw = Generator().manual_seed(9)
    made.nll_bound(made.target(grey, draw), draws.spread(len(grey), draw), draw)
    of_grey, of_draws = nats
    stderr = of_draws.std().item() / math.sqrt(len(grey))
    assert loss == pytest.approx(of_draws.mean().item(), abs=5 * stderr)
    assert of_grey.std() < 0.8 * of_draws.std()


def test_it_begins_with_the_mean_image() -> None:
    begun = MaskedDiffusion(SIZES["tiny"], SHAPE)
    x = torch.rand(500, *SHAPE, generator=Generator().manual_seed(4))
    begun.adapt(x)
    with torch.no_grad():
        begun.network.head.weight.zero_()
        assert begun.network.head.bias is not None
        begun.network.head.bias.zero_()
        found = begun.logits(x[:1].round(), torch.ones(1, *SHAPE, dtype=torch.bool)).sigmoid()
    torch.testing.assert_close(found[0], x.mean(0))


def test_what_is_hidden_is_not_read_and_what_is_visible_is() -> None:
    made = model()
    x = torch.rand(1, *SHAPE, generator=Generator().manual_seed(5)).round()
    is_hidden = torch.zeros(1, *SHAPE, dtype=torch.bool)
    is_hidden[..., :4] = True
    of_hidden = made.logits(torch.where(is_hidden, 1 - x, x), is_hidden)
    torch.testing.assert_close(of_hidden, made.logits(x, is_hidden), rtol=0, atol=0)
    of_visible = made.logits(torch.where(is_hidden, x, 1 - x), is_hidden)
    assert (of_visible - of_hidden)[is_hidden].abs().max() > 1e-3


@torch.no_grad()
def test_the_noise_gives_the_order_and_the_values() -> None:
    made, z = model(), noise()
    x, ranks = made.drawn(z)
    assert torch.equal(ranks.flatten(1).argsort(1), z[:, :SIZE].argsort(1))
    assert set(x.unique().tolist()) == {0.0, 1.0}
    # Far below every probability, and far above it.
    white, black = z.clone(), z.clone()
    white[:, SIZE:], black[:, SIZE:] = -40, 40
    assert made.drawn(white)[0].min() == 1 and made.drawn(black)[0].max() == 0


@torch.no_grad()
def test_one_step_draws_each_pixel_given_nothing() -> None:
    made, z = model(), noise(2000)
    made.sampler = replace(made.sampler, steps=1)
    x = made.drawn(z)[0]
    blank = torch.zeros(1, *SHAPE)
    probability = made.logits(blank, torch.ones_like(blank, dtype=torch.bool)).sigmoid()
    torch.testing.assert_close(x.mean(0), probability[0], rtol=0, atol=5 * 0.5 / math.sqrt(2000))
    assert probability.min() < 0.4 and probability.max() > 0.6  # else the test above says little


@torch.no_grad()
def test_the_images_are_means_and_the_steps_change_them() -> None:
    made, z = model(), noise()
    images = made.images(z)
    assert images.shape == (6, *SHAPE) and images.min() > 0 and images.max() < 1
    assert len(images.unique()) > 64
    made.sampler = replace(made.sampler, steps=SIZE)
    assert not torch.allclose(made.images(z), images)


@pytest.mark.parametrize(("steps", "count"), [(1, 1), (8, 8), (SIZE, SIZE), (1000, SIZE)])
@torch.no_grad()
def test_the_evaluations_are_those_that_are_made(
    steps: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, calls = model(), 0
    usual = made.logits

    def counting(x: Tensor, is_hidden: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return usual(x, is_hidden)

    monkeypatch.setattr(made, "logits", counting)
    made.sampler = Unmasking(steps, SIZE)
    made.images(noise(1))
    assert calls == made.sampler.evaluations == count + MEAN_PARTS


def test_it_learns_pixels_that_depend_on_each_other() -> None:
    """Images whose columns are all alike: hidden pixels follow from any visible one of their row."""
    torch.manual_seed(0)
    made = MaskedDiffusion(MaskConfig(widths=(16, 16), depths=(1, 1)), SHAPE)
    draw = Generator().manual_seed(6)
    optimizer = torch.optim.Adam(made.parameters(), lr=5e-3)
    losses = []
    for _ in range(120):
        x = torch.rand(64, 1, 8, 1, generator=draw).round().expand(-1, -1, -1, 8)
        loss = made.loss(Batch(x), draw).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    least = 8 * math.log(2)  # a bit for each row
    assert least < sum(losses[-10:]) / 10 < 0.5 * losses[0]
    assert losses[0] == pytest.approx(SIZE * math.log(2), rel=0.1)


def test_sides_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ConfigError, match="that 4 divides, not 8×10"):
        MaskedDiffusion(SIZES["tiny"], (1, 8, 10))


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": (4,)},
        {"depths": ()},
        {"widths": (), "depths": ()},
        {"widths": (4, 0)},
        {"depths": (1, -1)},
    ],
)
def test_each_width_has_a_depth(changes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ConfigError, match="widths"):
        SIZES["tiny"].with_values(changes)
