"""Batches of pairs: each pair once an epoch, like lengths together, a function of (seed, update)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from olaria.errors import ConfigError
from olaria.models.base import Batch
from olaria.models.translation import Specials
from olaria.training.pair_feed import WIDTH_STEP, PairFeed

VOCAB = 500
SPECIALS = Specials(VOCAB)


def numbered(count: int) -> list[Tensor]:
    """Row i holds i between 1 and 9 times."""
    return [torch.full((1 + i * 7 % 9,), i) for i in range(count)]


def feed(count: int, batch_size: int, seed: int = 0) -> PairFeed:
    """Targets are their sources, doubled."""
    rows = numbered(count)
    return PairFeed(rows, [row.repeat(2) for row in rows], SPECIALS, batch_size, seed)


def numbers(batch: Batch) -> list[int]:
    return batch.x[:, 0].tolist()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99), st.integers(0, 3))
def test_an_epoch_has_each_pair_at_most_once(count: int, size: int, seed: int, epoch: int) -> None:
    size = min(size, count)
    made = feed(count, size, seed)
    per_epoch = count // size
    batches = [made.batch(update) for update in range(epoch * per_epoch, (epoch + 1) * per_epoch)]
    seen = [number for batch in batches for number in numbers(batch)]
    assert len(seen) == len(set(seen)) == per_epoch * size


@given(st.integers(0, 99), st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_a_batch_is_a_function_of_seed_and_update(seed: int, updates: list[int]) -> None:
    made = feed(20, 4, seed)
    for update in updates:
        batch, fresh = made.batch(update), feed(20, 4, seed).batch(update)
        assert batch.y is not None and fresh.y is not None
        assert torch.equal(batch.x, fresh.x) and torch.equal(batch.y, fresh.y)


def test_a_pair_keeps_its_target_and_is_dressed() -> None:
    batch = feed(20, 5).batch(2)
    assert batch.y is not None
    for source, target in zip(batch.x.tolist(), batch.y.tolist(), strict=True):
        number = source[0]
        length = 1 + number * 7 % 9
        fill = [SPECIALS.pad] * (len(source) - length - 1)
        assert source == [number] * length + [SPECIALS.eos] + fill
        fill = [SPECIALS.pad] * (len(target) - 2 * length - 2)
        assert target == [SPECIALS.bos] + [number] * 2 * length + [SPECIALS.eos] + fill


def test_little_of_a_batch_is_padding_and_batches_come_in_no_order() -> None:
    rows = [torch.zeros(1 + i * 37 % 97, dtype=torch.int64) for i in range(400)]
    made = PairFeed(rows, rows, SPECIALS, 8, 0)
    batches = [made.batch(update) for update in range(50)]
    total = sum(batch.x.numel() for batch in batches)
    real = sum(int((batch.x != SPECIALS.pad).sum()) for batch in batches)
    assert real / total > 0.85  # 0.55 in chance order
    widths = [batch.x.shape[1] for batch in batches]
    assert widths != sorted(widths)


def test_widths_come_in_steps_and_end_with_the_longest() -> None:
    rows = [torch.zeros(1 + i % 38, dtype=torch.int64) for i in range(200)]
    made = PairFeed(rows, rows, SPECIALS, 4, 0)
    batches = [made.batch(update) for update in range(50)]
    assert {batch.x.shape[1] for batch in batches} == {8, 16, 24, 32, 39}
    assert {batch.y.shape[1] for batch in batches if batch.y is not None} == {9, 17, 25, 33, 40}
    for batch in batches:
        longest = int((batch.x != SPECIALS.pad).sum(1).max())
        assert longest <= batch.x.shape[1] < longest + WIDTH_STEP
    largest = made.largest()
    assert largest.y is not None and (largest.x.shape[1], largest.y.shape[1]) == (39, 40)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    made, other = feed(40, 8), feed(40, 8, seed=1)
    first, second = ([numbers(made.batch(e * 5 + i)) for i in range(5)] for e in (0, 1))
    assert first != second
    assert first != [numbers(other.batch(i)) for i in range(5)]


def test_it_counts_predicted_tokens() -> None:
    rows = [torch.tensor([1, 2]), torch.tensor([3])]
    made = PairFeed(rows, rows, SPECIALS, 2, 0)
    assert (made.unit, made.units_per_batch) == ("tokens", 5)  # the three ids and two ends


def test_a_batch_larger_than_the_data_says_what_to_set() -> None:
    with pytest.raises(ConfigError, match=r"3 pairs.*batch_size=3"):
        feed(3, 4)
