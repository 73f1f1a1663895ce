"""Settings of the draw, and how far the model looks back."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from olaria.errors import ConfigError, SamplingError
from olaria.families.gpt import GPTConfig
from olaria.families.language import BigramConfig
from olaria.models.gpt import GPT
from olaria.models.language import Bigram
from olaria.sampling.autoregressive import (
    SamplingConfig,
    filter_logits,
    generate,
    penalize_repetition,
)
from olaria.sampling.readers import CachedReader
from olaria.training.randomness import generator, seeded


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"min_p": -0.1},
        {"min_p": 1.1},
        {"repetition_penalty": 0.0},
        {"stop": [""]},
        {"stop": "abc"},
        {"max_tokens": 0},
        {"topk": 3},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        SamplingConfig.parse(wrong, "sampling")


def test_a_known_row() -> None:
    """Probabilities 0.5, 0.25, 0.15, 0.1."""
    logits = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()
    expected = {0.3: 1, 0.49: 1, 0.6: 2, 0.74: 2, 0.8: 3, 0.95: 4, 1.0: 4}
    for p, count in expected.items():
        assert filter_logits(logits, SamplingConfig(top_p=p)).isfinite().sum() == count
    # Top-p looks at what top-k left: 2/3 and 1/3.
    both = filter_logits(logits, SamplingConfig(top_k=2, top_p=0.6))
    assert both.isfinite().tolist() == [[True, False, False, False]]
    # And at what the temperature made: squared, 0.25 of 0.345 is 0.72.
    cold = filter_logits(logits, SamplingConfig(temperature=0.5, top_p=0.7))
    assert cold.isfinite().sum() == 1


def test_min_p_is_measured_by_the_likeliest() -> None:
    """Of 0.5, 0.25, 0.15, 0.1: at least p times 0.5."""
    logits = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()
    expected = {0.0: 4, 0.19: 4, 0.21: 3, 0.31: 2, 0.49: 2, 0.51: 1, 1.0: 1}
    for p, count in expected.items():
        assert filter_logits(logits, SamplingConfig(min_p=p)).isfinite().sum() == count
    # Of what the temperature made: squared, the second is a quarter of the first.
    cold = SamplingConfig(temperature=0.5, min_p=0.3)
    assert filter_logits(logits, cold).isfinite().sum() == 1
    flat = filter_logits(torch.zeros(2, 11), SamplingConfig(min_p=1.0))
    assert flat.isfinite().all(), "equals stay together"


def test_a_penalty_is_for_what_stands_in_the_text() -> None:
    logits = torch.tensor([[3.0, -3.0, 1.5, 0.0], [3.0, -3.0, 1.5, 0.0]])
    text = torch.tensor([[0, 0, 1], [2, 2, 3]])
    out = penalize_repetition(logits, text, 1.5)
    assert out.tolist() == [[2, -4.5, 1.5, 0], [3, -3, 1, 0]]
    assert logits[0, 0] == 3
    torch.testing.assert_close(penalize_repetition(logits, text, 1.0), logits)


def test_the_penalty_equals_that_of_transformers() -> None:
    processors = pytest.importorskip("transformers.generation.logits_process")
    draws = generator(0, "penalty")
    logits = torch.randn(4, 9, generator=draws) * 3
    text = torch.randint(0, 9, (4, 6), generator=draws)
    theirs = processors.RepetitionPenaltyLogitsProcessor(1.3)(text, logits.clone())
    torch.testing.assert_close(penalize_repetition(logits, text, 1.3), theirs)


def test_the_filters_equal_those_of_transformers() -> None:
    """In their order; what is left out is minus infinity on both sides."""
    processors = pytest.importorskip("transformers.generation.logits_process")
    logits = torch.randn(64, 40, generator=generator(0, "filters")) * 2
    theirs = logits / 0.8
    for warp in (
        processors.TopKLogitsWarper(20),
        processors.TopPLogitsWarper(0.9),
        processors.MinPLogitsWarper(0.05),
    ):
        theirs = warp(None, theirs)
    ours = SamplingConfig(temperature=0.8, top_k=20, top_p=0.9, min_p=0.05)
    torch.testing.assert_close(filter_logits(logits, ours), theirs)


def test_the_penalty_looks_back_as_far_as_the_context() -> None:
    """A greedy walk under a huge penalty visits every token, and comes back when it is out of the context."""
    model = Bigram(BigramConfig(), 4)
    with torch.no_grad():
        model.table.weight.copy_(torch.tensor([4.0, 3.0, 2.0, 1.0]).expand(4, 4))
    model.context = 2  # type: ignore[assignment]
    config = SamplingConfig(max_tokens=6, top_k=1, repetition_penalty=1e6)
    drawn = torch.cat(list(generate(model.eval(), torch.tensor([[3]]), config, generator(0))))
    assert drawn.tolist() == [0, 1, 2, 0, 1, 2]


def test_an_empty_prompt_is_refused_before_the_first_token_is_asked_for() -> None:
    model = Bigram(BigramConfig(), 4)
    with pytest.raises(SamplingError, match="prompt is empty"):
        generate(model, torch.zeros(2, 0).long(), SamplingConfig(), generator(0))


def test_a_row_with_its_own_generator_is_what_it_would_be_alone() -> None:
    model = Bigram(BigramConfig(), 5).eval()
    torch.nn.init.normal_(model.table.weight, generator=generator(0, "weights"))
    config = SamplingConfig(max_tokens=9)
    start = torch.tensor([[0], [1], [2]])
    own = [generator(0, "row", row) for row in range(3)]
    together = torch.stack(list(generate(model, start, config, own)), 1)
    for row in range(3):
        alone = generate(model, start[row : row + 1], config, generator(0, "row", row))
        assert torch.cat(list(alone)).tolist() == together[row].tolist()


def test_equal_logits_are_cut_to_k_too() -> None:
    """An untrained model gives the same logit to every token."""
    assert filter_logits(torch.zeros(2, 11), SamplingConfig(top_k=3)).isfinite().sum() == 6


def test_filtering_leaves_its_argument_alone() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0]])
    filter_logits(logits, SamplingConfig(top_k=1, top_p=0.5))
    assert logits.tolist() == [[1, 2, 3]]


def test_the_cache_is_read_anew_only_at_every_half_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with seeded(0, "weights"):
        model = GPT(GPTConfig(context=8, num_layers=1, num_heads=1, width=4), 5).eval()
    lengths: list[tuple[int, int]] = []
    honest = GPT.continue_from

    def counted(self: GPT, tokens: torch.Tensor, cache: Any) -> Any:
        lengths.append((cache[0][0].shape[2] if cache else 0, tokens.shape[1]))
        return honest(self, tokens, cache)

    monkeypatch.setattr(GPT, "continue_from", counted)
    reader = CachedReader(model)
    for length in (3, *[1] * 11):
        reader.read(torch.zeros(1, length).long())
    ones = [(past, 1) for past in range(3, 8)]
    again = [(past, 1) for past in range(4, 8)]
    assert lengths == [(0, 3), *ones, (0, 4), *again, (0, 4)]


def test_tokens_come_as_they_are_drawn() -> None:
    with seeded(0, "weights"):
        model = GPT(GPTConfig(context=8, num_layers=1, num_heads=1, width=4), 5).eval()
    stream = generate(model, torch.zeros(2, 1).long(), SamplingConfig(max_tokens=3), generator(0))
    first = next(stream)
    assert first.shape == (2,) and first.dtype == torch.int64 and not first.requires_grad
    assert len(list(stream)) == 2
