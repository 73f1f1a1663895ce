"""Sampling for any logits: what may be drawn, and that seeds decide the rest."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olaria.families.gpt import GPTConfig
from olaria.families.language import BigramConfig
from olaria.models.base import Model
from olaria.models.gpt import GPT
from olaria.models.language import Bigram
from olaria.sampling.autoregressive import SamplingConfig, filter_logits, generate
from olaria.training.randomness import generator, seeded

VOCAB = 7
# Few distinct values, so that ties are common.
tied_rows = st.lists(st.sampled_from([-2.0, 0.0, 0.5, 1.0]), min_size=2, max_size=9)
rows = st.one_of(tied_rows, st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=9))
few = settings(max_examples=12)


def kept(logits: list[float], config: SamplingConfig) -> list[int]:
    """The tokens that may still be drawn."""
    filtered = filter_logits(torch.tensor([logits]), config)[0]
    return filtered.isfinite().nonzero().flatten().tolist()


@given(rows, st.integers(1, 12), st.floats(0.1, 5))
def test_top_k_keeps_exactly_the_k_most_likely(
    row: list[float], k: int, temperature: float
) -> None:
    left = kept(row, SamplingConfig(top_k=k, temperature=temperature))
    assert len(left) == min(k, len(row))
    gone = [value for token, value in enumerate(row) if token not in left]
    assert not gone or max(gone) <= min(row[token] for token in left) + 1e-5


@given(rows, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_p(row: list[float], p: float) -> None:
    """By brute force over all sets of tokens."""
    probabilities = torch.tensor(row).softmax(0).double()
    left = kept(row, SamplingConfig(top_p=p))
    reached = probabilities[left].sum().item()
    assert p == 1 or reached >= p - 1e-5
    sizes = range(1, len(left))
    smaller = (combinations(range(len(row)), size) for size in sizes)
    best = max((probabilities[list(c)].sum().item() for cs in smaller for c in cs), default=0.0)
    if p < 1:
        assert best < p + 1e-5, "a smaller set would do"
    gone = set(range(len(row))) - set(left)
    assert not gone or max(row[t] for t in gone) <= min(row[t] for t in left) + 1e-5


@given(rows, st.integers(1, 9), st.floats(0.01, 1), st.floats(0.1, 5))
def test_a_token_always_stays_and_the_most_likely_is_among_them(
    row: list[float], k: int, p: float, temperature: float
) -> None:
    left = kept(row, SamplingConfig(top_k=k, top_p=p, temperature=temperature))
    assert 1 <= len(left) <= k
    assert max(row[token] for token in left) >= max(row) - 1e-5


@given(rows, st.floats(0.1, 5))
def test_temperature_divides(row: list[float], temperature: float) -> None:
    out = filter_logits(torch.tensor([row]), SamplingConfig(temperature=temperature))
    torch.testing.assert_close(out, torch.tensor([row]) / temperature)


def test_rows_are_filtered_one_by_one() -> None:
    logits = torch.randn(5, 9, generator=generator(0, "logits"))
    config = SamplingConfig(top_k=4, top_p=0.8, temperature=0.7)
    together = filter_logits(logits, config)
    alone = torch.cat([filter_logits(row[None], config) for row in logits])
    torch.testing.assert_close(together, alone)


def test_draws_have_the_filtered_probabilities() -> None:
    """Frequencies of 20,000 draws against the softmax, within four standard errors."""
    model = Bigram(BigramConfig(), 5)
    with torch.no_grad():
        model.table.weight[0] = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])
    config = SamplingConfig(max_tokens=1, temperature=1.5, top_k=4)
    ids = next(generate(model, torch.zeros(20_000, 1).long(), config, generator(0, "draws")))
    expected = (torch.tensor([2.0, 1.0, 0.0, -torch.inf, 0.5]) / 1.5).softmax(0)
    seen = ids.bincount(minlength=5) / 20_000
    error = (expected * (1 - expected) / 20_000).sqrt()
    assert ((seen - expected).abs() <= 4 * error).all()


# -- generation ------------------------------------------------------------------------------------


def random_model(context: int) -> Model:
    """A GPT with weights that matter; a bigram for context 0."""
    with seeded(0, "weights"):
        model: Model
        if context == 0:
            model = Bigram(BigramConfig(), VOCAB)
        else:
            model = GPT(GPTConfig(context=context, num_layers=2, num_heads=1, width=8), VOCAB)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


MODELS = {context: random_model(context) for context in (0, 1, 2, 5, 8)}


def text(model: Model, prompt: Tensor, config: SamplingConfig, seed: int) -> Tensor:
    """(B, max_tokens)."""
    return torch.stack(list(generate(model, prompt, config, generator(seed, "text"))), 1)


@pytest.mark.parametrize("context", [0, 1, 2, 5, 8])
@few
@given(prompt=st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_generation_goes_past_the_context_and_is_seeded(
    context: int, prompt: list[int], seed: int
) -> None:
    model = MODELS[context]
    config = SamplingConfig(max_tokens=20)
    start = torch.tensor([prompt, prompt[::-1]])
    first = text(model, start, config, seed)
    assert first.shape == (2, 20) and first.min() >= 0 and first.max() < VOCAB
    assert torch.equal(first, text(model, start, config, seed))
    assert not torch.equal(first, text(model, start, config, seed + 1))


@pytest.mark.parametrize("context", [5, 8])
@few
@given(prompt=st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=12))
def test_the_most_likely_continuation_is_that_of_the_plain_model(
    context: int, prompt: list[int]
) -> None:
    """Until the context is full; then the window begins again at its later half."""
    model = MODELS[context]
    config = SamplingConfig(max_tokens=2 * context, top_k=1)
    ours = text(model, torch.tensor([prompt]), config, 0)[0].tolist()
    window = prompt[-context:]
    for token in ours:
        with torch.no_grad():
            logits = model(torch.tensor([window]))[0, -1]
        best = logits.topk(2).values
        if best[0] - best[1] < 1e-4:  # a tie, which rounding decides
            return
        assert token == logits.argmax().item()
        window = [*window, token]
        if len(window) > context:
            window = window[-max(1, context // 2) :]


@few
@given(
    st.lists(st.integers(0, VOCAB - 1), min_size=6, max_size=12),
    st.lists(st.integers(0, VOCAB - 1), max_size=4),
)
def test_only_the_last_tokens_of_a_long_prompt_count(prompt: list[int], before: list[int]) -> None:
    config = SamplingConfig(max_tokens=10)
    cut = text(MODELS[5], torch.tensor([prompt[-5:]]), config, 3)
    assert torch.equal(text(MODELS[5], torch.tensor([before + prompt]), config, 3), cut)
