"""Seeds of places: known numbers, and nothing left behind."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from olaria.training.randomness import SEED_LIMIT, derive, generator, seeded

words = st.text("ab1", max_size=3) | st.integers(0, 30)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        # printf '0\0noise\0001' | sha256sum, its first 63 bits after the sign
        ((0, "noise", 1), 2_345_703_469_120_550_018),
        ((42,), 8_306_709_966_045_482_637),
        ((7, "order", 12), 1_454_991_654_851_447_622),
    ],
)
def test_seeds_are_what_sha256_says(place: tuple[int, ...], expected: int) -> None:
    """They may never change: recorded runs would no longer repeat."""
    assert derive(*place) == expected


@given(st.lists(words, max_size=4), st.lists(words, max_size=4))
def test_different_places_have_different_seeds(a: list[str | int], b: list[str | int]) -> None:
    same = list(map(str, a)) == list(map(str, b))
    assert (derive(0, *a) == derive(0, *b)) == same
    assert 0 <= derive(0, *a) < SEED_LIMIT


def test_a_generator_begins_at_its_place() -> None:
    first, again = (torch.rand(3, generator=generator(1, "x", 2)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, torch.rand(3, generator=generator(1, "x", 3)))


def test_seeded_leaves_the_global_generator_as_it_was() -> None:
    before = torch.random.get_rng_state()
    with seeded(0, "weights"):
        first = torch.rand(3)
    assert torch.equal(torch.random.get_rng_state(), before)
    with seeded(0, "weights"):
        assert torch.equal(torch.rand(3), first)
