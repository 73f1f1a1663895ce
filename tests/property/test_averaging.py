"""The averaging trick for any sequence: three versions are one, the fourth is attention, all are causal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from olaria.nn.attention import causal_mask
from olaria.nn.averaging import (
    average_by_attention,
    average_by_loops,
    average_by_product,
    average_by_softmax,
)
from olaria.training.randomness import generator

sizes = st.integers(1, 6)
lengths = st.integers(1, 40)
seeds = st.integers(0, 1000)
close = {"rtol": 0.0, "atol": 1e-6}


def drawn(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Standard normal tensors."""
    draw = generator(seed, "averaging")
    return [torch.randn(shape, generator=draw) for shape in shapes]


def sequence(num_rows: int, num_tokens: int, width: int, seed: int) -> Tensor:
    return drawn(seed, (num_rows, num_tokens, width))[0]


sequences = st.builds(sequence, st.integers(0, 3), st.integers(0, 40), st.integers(0, 6), seeds)


def attentive(x: Tensor) -> Tensor:
    """Version 4 with weights so small that no position is ever quite overlooked."""
    width = x.shape[2]
    weights = drawn(7, (width, 4), (width, 4), (width, 3))
    return average_by_attention(x, *(0.3 * matrix for matrix in weights))


VERSIONS: list[Callable[[Tensor], Tensor]] = [
    average_by_loops,
    average_by_product,
    average_by_softmax,
    attentive,
]


@given(sequences)
def test_three_versions_are_equal(x: Tensor) -> None:
    first = average_by_loops(x)
    assert first.shape == x.shape
    torch.testing.assert_close(average_by_product(x), first, **close)
    torch.testing.assert_close(average_by_softmax(x), first, **close)


@given(sequences)
def test_they_are_the_running_mean_and_keep_the_number_format(x: Tensor) -> None:
    counts = torch.arange(1, x.shape[1] + 1, dtype=torch.float64)[:, None]
    expected = x.double().cumsum(1) / counts
    for version in VERSIONS[:3]:
        torch.testing.assert_close(version(x.double()), expected, rtol=0.0, atol=1e-12)


def test_the_three_are_equal_at_the_longest_measured_length() -> None:
    x = sequence(2, 512, 8, 0)
    torch.testing.assert_close(average_by_product(x), average_by_loops(x), **close)
    torch.testing.assert_close(average_by_softmax(x), average_by_loops(x), **close)


@given(sizes, lengths, sizes, sizes, sizes, seeds)
def test_the_fourth_is_pytorchs_causal_attention(
    rows: int, tokens: int, width: int, keys: int, values: int, seed: int
) -> None:
    shapes = ((rows, tokens, width), (width, keys), (width, keys), (width, values))
    x, query, key, value = (tensor.double() for tensor in drawn(seed, *shapes))
    expected = F.scaled_dot_product_attention(x @ query, x @ key, x @ value, is_causal=True)
    ours = average_by_attention(x, query, key, value)
    torch.testing.assert_close(ours, expected, rtol=1e-8, atol=1e-8)


@given(sequences)
def test_without_a_preference_the_fourth_is_the_mean(x: Tensor) -> None:
    width = x.shape[2]
    if width == 0:
        return
    nothing, key = torch.zeros(width, 2), drawn(1, (width, 2))[0]
    ours = average_by_attention(x, nothing, key, torch.eye(width))
    torch.testing.assert_close(ours, average_by_loops(x), **close)


@pytest.mark.parametrize("version", VERSIONS)
@given(tokens=st.integers(2, 12), seed=seeds, data=st.data())
def test_a_later_vector_moves_no_earlier_output(
    version: Callable[[Tensor], Tensor], tokens: int, seed: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(1, tokens - 1))
    x = sequence(1, tokens, 5, seed)
    changed = x.clone()
    changed[:, place] += 1
    before, after = version(x), version(changed)
    assert torch.equal(before[:, :place], after[:, :place])
    assert not torch.isclose(before[:, place], after[:, place]).all()


@given(st.integers(1, 9), st.integers(0, 9), seeds)
def test_with_a_cache_of_earlier_vectors_the_mean_is_over_all(
    new: int, earlier: int, seed: int
) -> None:
    x = sequence(2, earlier + new, 3, seed)
    ours = average_by_softmax(x, causal_mask(new, earlier + new))
    torch.testing.assert_close(ours, average_by_loops(x)[:, earlier:], **close)
