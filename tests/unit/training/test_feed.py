"""Batches: every image once an epoch, windows with their followers, all functions of the seed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from olaria.errors import ConfigError, DataError
from olaria.training.feed import ExampleFeed, TextFeed


def numbered(count: int) -> torch.Tensor:
    """Images whose one pixel is their number."""
    return torch.arange(count, dtype=torch.uint8).view(count, 1, 1, 1)


def rows(feed: ExampleFeed, updates: range) -> list[int]:
    """Numbers of the images in the batches of ``updates``."""
    return [int(v) for u in updates for v in (feed.batch(u).x.flatten() * 255).round()]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 999), st.integers(0, 4))
def test_an_epoch_has_each_image_at_most_once(count: int, size: int, seed: int, epoch: int) -> None:
    size = min(size, count)
    feed = ExampleFeed(numbered(count), None, size, seed)
    per_epoch = count // size
    seen = rows(feed, range(epoch * per_epoch, (epoch + 1) * per_epoch))
    assert len(seen) == len(set(seen)) == per_epoch * size
    if count % size == 0:
        assert sorted(seen) == list(range(count))


@given(st.integers(0, 999), st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_a_batch_is_a_function_of_seed_and_update(seed: int, updates: list[int]) -> None:
    """Whatever was asked before, and in whatever order."""
    feed = ExampleFeed(numbered(20), torch.arange(20), 4, seed)
    for update in updates:
        fresh = ExampleFeed(numbered(20), torch.arange(20), 4, seed).batch(update)
        batch = feed.batch(update)
        assert torch.equal(batch.x, fresh.x)
        assert batch.y is not None and fresh.y is not None and torch.equal(batch.y, fresh.y)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    feed = ExampleFeed(numbered(50), None, 10, 0)
    first, second = rows(feed, range(5)), rows(feed, range(5, 10))
    other = rows(ExampleFeed(numbered(50), None, 10, 1), range(5))
    assert first != second and first != other and first != list(range(50))


def test_images_are_scaled_and_keep_their_labels() -> None:
    feed = ExampleFeed(numbered(20), torch.arange(20) * 2, 5, 3)
    batch = feed.batch(1)
    assert batch.x.dtype == torch.float32 and batch.x.shape == (5, 1, 1, 1)
    assert batch.y is not None
    assert torch.equal((batch.x.flatten() * 255).round().long() * 2, batch.y)
    white = ExampleFeed(torch.full((2, 3, 2, 2), 255, dtype=torch.uint8), None, 1, 0).batch(0)
    assert white.y is None and white.x.min() == white.x.max() == 1


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        ExampleFeed(numbered(7), None, 8, 0)
    assert caught.value.message.fields == {"size": 8, "count": 7}
    assert ExampleFeed(numbered(8), None, 8, 0).batches_per_epoch == 1


@given(st.integers(1, 9), st.integers(0, 40), st.integers(1, 5), st.integers(0, 99))
def test_every_token_comes_with_its_follower(
    context: int, extra: int, size: int, seed: int
) -> None:
    text = torch.arange(context + 1 + extra)
    feed = TextFeed(text, context, size, seed)
    for update in range(3):
        batch = feed.batch(update)
        assert batch.y is not None and batch.x.shape == batch.y.shape == (size, context)
        assert torch.equal(batch.y, batch.x + 1)
        assert torch.equal(batch.x[:, 1:], batch.y[:, :-1])
        assert batch.x.min() >= 0 and batch.y.max() <= context + extra
        again = TextFeed(text, context, size, seed).batch(update)
        assert torch.equal(batch.x, again.x)
    assert feed.units_per_batch == size * context


def test_windows_begin_anywhere_from_the_first_token_to_the_last() -> None:
    feed = TextFeed(torch.arange(10), 4, 64, 0)
    starts = {int(s) for update in range(10) for s in feed.batch(update).x[:, 0]}
    assert starts == set(range(6))


def test_a_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        TextFeed(torch.arange(8), 8, 1, 0)
    assert caught.value.message.fields == {"count": 8, "context": 8}
    assert TextFeed(torch.arange(9), 8, 2, 0).batch(0).x.tolist() == [list(range(8))] * 2
