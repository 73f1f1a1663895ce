"""Windows of a text and copied spans."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from olaria.data.tokenizer import Kind, fit_tokenizer
from olaria.errors import EvaluationError
from olaria.evaluation.text import (
    chars_in_head,
    evaluate_text,
    longest_copied_span,
    longest_copied_span_chars,
    text_loss,
)


def longest_by_trial(text: str, training: str) -> int:
    spans = (text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1))
    return max((len(span) for span in spans if span in training), default=0)


@given(st.text("ab ç", max_size=25), st.text("ab ç", max_size=60))
def test_span_is_the_longest(text: str, training: str) -> None:
    span = longest_copied_span(text, training)
    assert span in text
    assert span in training
    assert len(span) == longest_by_trial(text, training)


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_any_character_is_found(before: str, middle: str, after: str) -> None:
    assert longest_copied_span_chars(after + middle, before + middle) >= len(middle)


def test_whole_text_and_nothing() -> None:
    assert longest_copied_span_chars("capitu", "olhos de capitu") == 6
    assert longest_copied_span_chars("xyz", "abc") == 0
    assert longest_copied_span_chars("", "abc") == 0


def test_a_hash_that_says_yes_to_everything_does_not_change_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("olaria.evaluation.text._BASE", 1)  # anagrams now collide
    assert longest_copied_span("abcd", "dcba bc") == "bc"


def test_every_token_is_predicted_once_from_its_own_window() -> None:
    seen: list[tuple[list[int], int]] = []

    def model(x: Tensor) -> Tensor:
        seen.extend((row.tolist(), len(row)) for row in x)
        return torch.zeros(*x.shape, 11)

    tokens = torch.arange(11)
    found = text_loss(model, tokens, context=4, num_chars=10, num_bytes=10)
    assert [row for row, _ in seen] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert found.num_tokens == 10
    assert found.loss_nats_per_token == pytest.approx(math.log(11))


@pytest.mark.parametrize("count", [2, 4, 5, 6])
def test_lengths_around_the_window(count: int) -> None:
    targets: list[int] = []

    def model(x: Tensor) -> Tensor:  # sure that the next token is one more
        targets.extend((x + 1).flatten().tolist())
        return 50.0 * torch.nn.functional.one_hot(x + 1, 8).float()

    found = text_loss(model, torch.arange(count), context=4, num_chars=9, num_bytes=9)
    assert targets == list(range(1, count))
    assert found.loss_nats_per_token < 1e-6


def test_one_token_is_no_text() -> None:
    with pytest.raises(EvaluationError, match="nothing to predict"):
        text_loss(lambda x: x, torch.zeros(1).long(), context=4, num_chars=1, num_bytes=1)


class Uniform:
    """Every token equally likely."""

    context = 4

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size

    def __call__(self, tokens: Tensor, /) -> Tensor:
        return torch.zeros(*tokens.shape, self.vocab_size)


def test_tokenizers_are_compared_per_character_and_byte() -> None:
    text = "água e açúcar"
    chars = fit_tokenizer("char", text)
    by_char = evaluate_text(Uniform(chars.vocab_size), chars, text)
    assert by_char.loss_nats_per_char == pytest.approx(math.log(chars.vocab_size))
    assert by_char.num_tokens == len(text) - 1
    num_bytes = len(text[1:].encode())
    assert by_char.bits_per_byte == pytest.approx(by_char.bits_per_char * 12 / num_bytes)
    by_byte = evaluate_text(Uniform(256), fit_tokenizer("byte", text), text)
    assert by_byte.bits_per_byte == pytest.approx(8)
    assert by_byte.num_tokens == len(text.encode()) - 1


def test_skipped_characters_are_not_counted() -> None:
    tokenizer = fit_tokenizer("char", "abc")
    found = evaluate_text(Uniform(3), tokenizer, "abzzzzca", unseen="skip")
    assert found.num_tokens == 3
    assert found.loss_nats_per_char == pytest.approx(math.log(3))


@pytest.mark.parametrize("kind", ["byte", "bpe", "word", "char"])
@pytest.mark.parametrize("text", ["água e açúcar", "🏺ação", "ab", "né", "Água água ÁGUA água"])
def test_units_by_hand(kind: Kind, text: str) -> None:
    # A uniform model says log V for every token but the first, whatever the tokens are.
    tokenizer = fit_tokenizer(kind, text, 259 if kind == "bpe" else None)
    found = evaluate_text(Uniform(tokenizer.vocab_size), tokenizer, text)
    ids = tokenizer.encode(text).tolist()
    total = (len(ids) - 1) * math.log(tokenizer.vocab_size)
    # Each byte of a character is an equal part of it; the first token's bytes are not predicted.
    parts = [1 / len(c.encode()) for c in text for _ in c.encode()]
    predicted = parts[len(tokenizer.bytes_of(ids[:1])) :]
    assert found.loss_nats_per_char == pytest.approx(total / sum(predicted))
    assert found.bits_per_char == pytest.approx(total / sum(predicted) / math.log(2))
    assert found.bits_per_byte == pytest.approx(total / len(predicted) / math.log(2))


def test_a_first_token_that_ends_within_a_character() -> None:
    content = "é🏺a".encode()
    counts = [chars_in_head(content, count) for count in range(len(content) + 1)]
    assert counts == [0, 0.5, 1, 1.25, 1.5, 1.75, 2, 3]


def test_replaced_characters_are_measured_as_what_replaced_them() -> None:
    tokenizer = fit_tokenizer("char", "ab?")
    found = evaluate_text(Uniform(3), tokenizer, "açb", unseen="replace")
    assert found.bits_per_byte == pytest.approx(math.log2(3))
    assert found.bits_per_char == pytest.approx(math.log2(3))
