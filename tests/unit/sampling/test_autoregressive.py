"""Settings of the draw, and how far the model looks back."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from olaria.errors import ConfigError
from olaria.models.gpt import GPT, GPTConfig
from olaria.sampling.autoregressive import SamplingConfig, filter_logits, generate
from olaria.training.randomness import generator, seeded


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.5},
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
    config = SamplingConfig(max_tokens=12)
    list(generate(model, torch.zeros(1, 3).long(), config, generator(0)))
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
