"""Bounds of models that undo a disturbance; that of masked pixels is measured on the images that a VAE's is."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Generator, Tensor

from olaria.evaluation.bounds import (
    NUM_MASKS,
    NUM_NOISES,
    bits_per_dimension,
    evaluate_masked,
    masked_nats,
)
from olaria.evaluation.density import evaluate_vae
from olaria.families.mask import SIZES
from olaria.families.vae import SIZES as VAE_SIZES
from olaria.models.mask import MaskedDiffusion
from olaria.models.vae import VAE
from olaria.objectives.masking import drawn_mask, hidden_nats, negative_bound
from olaria.sharing import Part

IMAGE = torch.tensor([1.0, 0.0, 1.0, 1.0]).view(1, 1, 2, 2)
MASKS = torch.tensor(list(product((False, True), repeat=4))).view(-1, 1, 2, 2)


class Guess:
    """A network whose logit of every pixel falls with the number of visible ones, which no joint distribution has."""

    def target(self, x: Tensor, generator: Generator) -> Tensor:
        return x.round()

    def logits(self, x: Tensor, is_hidden: Tensor) -> Tensor:
        visible = (~is_hidden).flatten(1).sum(1).float()
        return (1 - 0.7 * visible).view(-1, 1, 1, 1).expand_as(x)

    def nll_bound(self, x: Tensor, t: Tensor, generator: Generator) -> Tensor:
        is_hidden = drawn_mask(x, t, generator)
        return negative_bound(hidden_nats(self.logits(x, is_hidden), x, is_hidden), is_hidden)


def exact() -> float:
    """The bound of :data:`IMAGE`: the mean over the number of hidden pixels, and over the sets of each number."""
    x = IMAGE.expand(len(MASKS), -1, -1, -1)
    logits = Guess().logits(x, MASKS)
    per_pixel = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    total = 0.0
    for nats, mask in zip((per_pixel * MASKS).flatten(1).sum(1).tolist(), MASKS, strict=True):
        count = int(mask.sum())
        if count:
            total += nats / count / math.comb(4, count)
    return total


def test_the_mean_over_a_set_is_the_bound() -> None:
    x = IMAGE.expand(4000, -1, -1, -1)
    found = masked_nats(Guess(), x, Generator().manual_seed(0))
    assert found == pytest.approx(exact(), abs=0.02)
    other = masked_nats(Guess(), x, Generator().manual_seed(1))
    assert other != found and other == pytest.approx(found, abs=0.03)


def test_several_processes_find_what_one_finds() -> None:
    x = torch.rand(1300, 1, 2, 2, generator=Generator().manual_seed(3)).round()

    def shared(parts: list[Part], count: int) -> list[float]:
        """The second half is measured before the first."""
        half = len(parts) // 2
        rows = [part() for part in [*parts[half:], *parts[:half]]]
        return [sum(row[i] for row in rows) for i in range(count)]

    alone = masked_nats(Guess(), x, Generator().manual_seed(0), 3)
    together = masked_nats(Guess(), x, Generator().manual_seed(0), 3, shared)
    assert together == pytest.approx(alone, rel=1e-12)


def test_the_images_are_those_that_a_vae_is_measured_on() -> None:
    torch.manual_seed(0)
    bytes_ = torch.randint(0, 256, (30, 1, 8, 8), generator=Generator().manual_seed(4))
    images = bytes_.to(torch.uint8)
    mask = MaskedDiffusion(SIZES["tiny"], (1, 8, 8)).eval()
    vae = VAE(VAE_SIZES["tiny"], (1, 8, 8)).eval()
    seen: list[Tensor] = []
    for model in (mask, vae):
        usual = model.target
        model.target = lambda x, draws, usual=usual: seen.append(usual(x, draws)) or seen[-1]  # type: ignore[method-assign]
    gathered, protocol = evaluate_masked(mask, images)
    of_vae = evaluate_vae(vae, images, k=1, k_large=1, num_corrected=0)[1]
    assert len(seen) == 2 and torch.equal(seen[0], seen[1])
    assert set(seen[0].unique().tolist()) == {0.0, 1.0}
    shared = ("num_examples", "likelihood", "binarization", "given_class", "seed", "precision")
    assert {name: protocol[name] for name in shared} == {name: of_vae[name] for name in shared}
    assert protocol["num_masks"] == NUM_MASKS and protocol["bound"] == "orders"
    assert gathered.metrics["elbo_nats"] < 0


# -- bits per dimension ----------------------------------------------------------------------------


class Counting:
    """Whose nats are those of fair coins, one for each number of an image, plus what the class costs."""

    def __init__(self) -> None:
        self.seen: list[tuple[Tensor, Tensor]] = []

    def nll_bound(
        self, x: Tensor, u: Tensor, generator: Generator, y: Tensor | None = None
    ) -> Tensor:
        self.seen.append((x, u))
        cost = torch.zeros(len(x)) if y is None else y.float()
        return x[0].numel() * math.log(2) * torch.ones(len(x)) + cost


def test_bits_are_of_each_number_of_an_image() -> None:
    model, images = Counting(), torch.full((1300, 3, 2, 2), 51, dtype=torch.uint8)
    assert bits_per_dimension(model, images, Generator().manual_seed(0)) == pytest.approx(1)
    assert all((x == 0.2).all() for x, _ in model.seen)
    times = torch.cat([u for _, u in model.seen]).view(NUM_NOISES, 1300)
    gaps = times.sort(0).values.diff(dim=0)
    torch.testing.assert_close(gaps, torch.full_like(gaps, 1 / NUM_NOISES), atol=1e-5, rtol=0)
    assert times.min() >= 0 and times.max() < 1


def test_bits_of_a_class_are_those_of_its_images() -> None:
    model, images = Counting(), torch.zeros(1300, 1, 2, 2, dtype=torch.uint8)
    y = (torch.arange(1300) < 650).long()
    found = bits_per_dimension(model, images, Generator().manual_seed(0), y)
    assert found == pytest.approx(1 + 0.5 / (4 * math.log(2)))
