"""Masked diffusion on images of 2 × 2 pixels, where all 16 images, 16 masks and 24 orders can be counted."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations, product

import pytest
import torch
from torch import Generator, Tensor

from olaria import draws
from olaria.objectives.masking import (
    drawn_mask,
    expected,
    hidden_nats,
    negative_bound,
    ranked,
    shown,
    unmask,
)

D = 4
IMAGES = torch.tensor(list(product((0.0, 1.0), repeat=D)), dtype=torch.float64).view(-1, 1, 2, 2)
MASKS = torch.tensor(list(product((False, True), repeat=D))).view(-1, 1, 2, 2)
Logits = Callable[[Tensor, Tensor], Tensor]


def places(x: Tensor) -> Tensor:
    """The number of each image among the 16."""
    return (x.flatten(1) * torch.tensor([8, 4, 2, 1])).sum(1).long()


@pytest.fixture
def arbitrary() -> Logits:
    """A network of random logits, whose conditionals belong to no joint distribution."""
    table = torch.randn(16, 16, D, generator=Generator().manual_seed(0), dtype=torch.float64)

    def logits(x: Tensor, is_hidden: Tensor) -> Tensor:
        visible = places(x.masked_fill(is_hidden, 0))
        return table[places(is_hidden.double()), visible].view_as(x)

    return logits


@pytest.fixture
def truth() -> Tensor:
    """A joint distribution of the 16 images."""
    return torch.randn(16, generator=Generator().manual_seed(1), dtype=torch.float64).softmax(0)


@pytest.fixture
def knowing(truth: Tensor) -> Logits:
    """The network that has the conditionals of that distribution."""

    def logits(x: Tensor, is_hidden: Tensor) -> Tensor:
        agrees = ((x[:, None] == IMAGES) | is_hidden[:, None]).flatten(2).all(2)  # (B, 16)
        weights = agrees * truth
        mean = weights @ IMAGES.flatten(1) / weights.sum(1, keepdim=True)
        return mean.where(is_hidden.flatten(1), 0.5).logit().view_as(x)  # visible ones are certain

    return logits


def bound(logits_of: Logits, x: Tensor) -> Tensor:
    """The exact mean over all masks of one image (1, 1, 2, 2): each of k pixels has k! (D - k)! / (D + 1)!."""
    images = x.expand(len(MASKS), -1, -1, -1)
    nats = negative_bound(hidden_nats(logits_of(images, MASKS), images, MASKS), MASKS)
    counts = MASKS.flatten(1).sum(1).tolist()
    weights = [
        math.factorial(k) * math.factorial(D - k) / math.factorial(D + 1) for k in map(int, counts)
    ]
    assert sum(weights) == pytest.approx(1)
    return (nats.double() * torch.tensor(weights, dtype=torch.float64)).sum()


def log_probability(logits_of: Logits, x: Tensor, order: tuple[int, ...]) -> Tensor:
    """Of an image whose pixels are drawn one after the other in an order."""
    total, is_hidden = torch.zeros((), dtype=torch.float64), torch.ones(1, D, dtype=torch.bool)
    for pixel in order:
        logits = logits_of(x, is_hidden.view(1, 1, 2, 2)).flatten()
        probability = torch.distributions.Bernoulli(logits=logits[pixel])
        total = total + probability.log_prob(x.flatten()[pixel])
        is_hidden[0, pixel] = False
    return total


def test_the_bound_is_the_mean_over_all_orders_and_below_the_likelihood(arbitrary: Logits) -> None:
    for x in IMAGES.split(1):
        logs = [log_probability(arbitrary, x, order) for order in permutations(range(D))]
        of_orders = torch.stack(logs)
        found = bound(arbitrary, x)
        assert found.item() == pytest.approx(-of_orders.mean().item(), abs=1e-12)
        # The model draws an order too: its likelihood is the mean over the orders.
        likelihood = of_orders.logsumexp(0) - math.log(len(logs))
        assert -found < likelihood - 1e-3


def test_a_network_that_knows_the_truth_has_no_gap(knowing: Logits, truth: Tensor) -> None:
    found = torch.stack([bound(knowing, x) for x in IMAGES.split(1)])
    assert torch.allclose(found, -truth.log(), atol=1e-12)
    entropy = torch.distributions.Categorical(probs=truth).entropy()
    assert (truth * found).sum().item() == pytest.approx(entropy.item(), abs=1e-12)


def test_the_number_of_hidden_pixels_is_uniform_and_so_are_the_sets_of_each_number() -> None:
    count, generator = 120_000, Generator().manual_seed(2)
    x = torch.zeros(count, 1, 2, 2)
    is_hidden = drawn_mask(x, torch.rand(count, generator=generator), generator)
    frequencies = places(is_hidden.double()).bincount(minlength=16) / count
    weights = torch.tensor(
        [1 / (D + 1) / math.comb(D, int(k)) for k in MASKS.flatten(1).sum(1).tolist()]
    )
    assert torch.allclose(frequencies, weights, atol=5 * math.sqrt(0.2 / count))


def test_each_pixel_is_hidden_with_the_probability_of_its_time() -> None:
    count, generator = 40_000, Generator().manual_seed(8)
    t = torch.tensor([0.0, 0.2, 1.0]).repeat_interleave(count)
    is_hidden = drawn_mask(torch.zeros(3 * count, 1, 2, 2), t, generator)
    shares = is_hidden.float().view(3, -1).mean(1)
    assert shares[0] == 0 and shares[2] == 1
    assert shares[1].item() == pytest.approx(0.2, abs=5 * math.sqrt(0.16 / (4 * count)))


def test_the_estimate_has_the_bound_for_its_mean(arbitrary: Logits) -> None:
    count, generator = 50_000, Generator().manual_seed(3)
    x = IMAGES[6:7].expand(count, -1, -1, -1)
    is_hidden = drawn_mask(x, draws.spread(count, generator), generator)
    nats = negative_bound(hidden_nats(arbitrary(x, is_hidden), x, is_hidden), is_hidden)
    stderr = nats.std().item() / math.sqrt(count)
    assert nats.mean().item() == pytest.approx(bound(arbitrary, x[:1]).item(), abs=5 * stderr)
    assert stderr < 0.02


def test_a_step_for_each_pixel_draws_from_the_truth(knowing: Logits, truth: Tensor) -> None:
    count, generator = 40_000, Generator().manual_seed(4)
    order, noise = torch.rand(2, count, 1, 2, 2, generator=generator, dtype=torch.float64)
    x = unmask(knowing, ranked(order), noise, D)
    frequencies = places(x).bincount(minlength=16) / count
    assert torch.allclose(frequencies, truth.float(), atol=5 * math.sqrt(0.25 / count))
    more = unmask(knowing, ranked(order), noise, 100)
    assert torch.equal(x, more), "there is no step without a pixel"


def test_one_step_draws_pixels_that_do_not_know_of_each_other(
    knowing: Logits, truth: Tensor
) -> None:
    count, generator = 40_000, Generator().manual_seed(5)
    order, noise = torch.rand(2, count, 1, 2, 2, generator=generator, dtype=torch.float64)
    x = unmask(knowing, ranked(order), noise, 1)
    means = (truth @ IMAGES.flatten(1)).view(1, 1, 2, 2)
    product_of = (IMAGES * means + (1 - IMAGES) * (1 - means)).flatten(1).prod(1)
    frequencies = places(x).bincount(minlength=16) / count
    assert torch.allclose(frequencies, product_of.float(), atol=5 * math.sqrt(0.25 / count))


def test_the_means_are_each_pixel_given_all_others(knowing: Logits, truth: Tensor) -> None:
    ranks = ranked(torch.rand(16, 1, 2, 2, generator=Generator().manual_seed(6)))
    means = expected(knowing, IMAGES, ranks, D).flatten(1)
    for pixel in range(D):
        one, other = IMAGES.flatten(1).clone(), IMAGES.flatten(1).clone()
        one[:, pixel], other[:, pixel] = 1, 0
        p, q = truth[places(one)], truth[places(other)]
        assert torch.allclose(means[:, pixel], p / (p + q), atol=1e-12)


def test_hidden_pixels_are_not_read() -> None:
    is_hidden = MASKS[5:6]
    x = IMAGES[9:10]
    other = torch.where(is_hidden, 1 - x, x)
    assert torch.equal(shown(x, is_hidden), shown(other, is_hidden))
    visible = torch.where(~is_hidden, 1 - x, x)
    assert not torch.equal(shown(x, is_hidden), shown(visible, is_hidden))


def test_spread_numbers_lie_evenly_apart_and_each_is_uniform() -> None:
    generator = Generator().manual_seed(7)
    rows = torch.stack([draws.spread(8, generator) for _ in range(4000)])
    gaps = rows.sort(1).values.diff(dim=1)
    assert torch.allclose(gaps, torch.full_like(gaps, 1 / 8), atol=1e-6)
    assert torch.allclose(rows.mean(0), torch.full((8,), 0.5), atol=5 * math.sqrt(1 / 12 / 4000))
