"""Which size is advised, and when a model is called too large for its text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olaria.families.gpt import SIZES as GPT_SIZES
from olaria.models.gpt import GPT
from olaria.recipes.advice import (
    BUDGET_S,
    NUM_WEIGHTS,
    WEIGHTS_PER_CHAR,
    Size,
    advise,
    memorising,
)

SIZES = list(NUM_WEIGHTS)


def test_the_sizes_are_those_of_the_family() -> None:
    """Who changes the sizes of the family is told to look at the advice."""
    for size, config in GPT_SIZES.items():
        groups = GPT(config, 65).phases()[0].groups
        count = sum(p.numel() for g in groups if g.kind == "matrix" for p in g.parameters)
        assert NUM_WEIGHTS[size] == pytest.approx(count, rel=0.1)  # type: ignore[index]


@pytest.mark.parametrize(
    ("num_chars", "budget_s", "size", "reason"),
    [
        (1_000_000, None, "base", "are enough for base"),
        (1_000_000, 3600.0, "base", "are enough for base"),
        (1_000_000, 120.0, "small", "120 seconds are too short for a size above small"),
        (1_000_000, 5.0, "tiny", "5 seconds are too short for a size above tiny"),
        (400_000, 3600.0, "small", "400,000 characters feed small; a larger size"),
        (30_000, 3600.0, "tiny", "30,000 characters feed tiny; a larger size"),
        (2_000, 3600.0, "tiny", "2,000 characters are few even for tiny"),
        (0, 0.5, "tiny", "0 characters are few even for tiny"),
    ],
)
def test_advice(num_chars: int, budget_s: float | None, size: str, reason: str) -> None:
    advice = advise(num_chars, budget_s)
    assert advice.size == size and reason in advice.reason.text()


@pytest.mark.parametrize(
    ("num_chars", "budget_s", "number"),
    [(1_000_000, 12.5, "12,5 segundos"), (400_000, None, "400.000 caracteres")],
)
def test_numbers_are_written_as_the_reader_writes_them(
    num_chars: int, budget_s: float | None, number: str
) -> None:
    assert number in advise(num_chars, budget_s).reason.text("pt")


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.floats(0, 1e5), st.floats(0, 1e5))
def test_more_text_or_time_never_advises_a_smaller_size(
    chars: int, more: int, seconds: float, longer: float
) -> None:
    size = SIZES.index(advise(chars, seconds).size)
    assert SIZES.index(advise(chars + more, seconds).size) >= size
    assert SIZES.index(advise(chars, seconds + longer).size) >= size
    assert BUDGET_S[advise(chars, seconds).size] <= seconds


@pytest.mark.parametrize(
    ("size", "num_chars", "words"),
    [
        ("base", 30_000, "size=tiny suits it better"),
        ("base", 400_000, "size=small suits it better"),
        ("small", 30_000, "size=tiny suits it better"),
        ("tiny", 2_000, "more text, or a smaller model"),
        ("small", 1_000_000, None),
        ("base", 1_000_000, None),
        ("tiny", 30_000, None),
    ],
)
def test_a_model_too_large_for_its_text(size: Size, num_chars: int, words: str | None) -> None:
    note = memorising(NUM_WEIGHTS[size], num_chars, size)
    assert (note is None) if words is None else (note is not None and words in note.text())


def test_the_guide_quotes_the_constants() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    quoted = {"tiny": NUM_WEIGHTS["small"], "small": NUM_WEIGHTS["base"]}
    for size, weights in quoted.items():
        thousands = 10 * int(weights / WEIGHTS_PER_CHAR / 10_000)
        assert f"`{size}`" in guide and f"{thousands} thousand" in guide
    assert f"given {BUDGET_S['base'] / 60:g} minutes" in guide


def test_a_model_widened_by_a_setting_is_told_too() -> None:
    note = memorising(50_000_000, 1_000_000, "base")
    assert note is not None and "a smaller model" in note.text()
