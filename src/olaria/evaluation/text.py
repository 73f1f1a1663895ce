"""Language: the loss over a whole text, and how much of the training text a sample repeats."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from olaria.errors import EvaluationError
from olaria.i18n import N_
from olaria.objectives.likelihood import cross_entropy
from olaria.sharing import Summed, alone

if TYPE_CHECKING:
    from olaria.data.tokenizer import Tokenizer, Unseen

BATCH_TOKENS = 16_384
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2^64


class LanguageModel(Protocol):
    """What is measured: token ids (B, T) to logits (B, T, V), T up to ``context``."""

    context: int

    def __call__(self, tokens: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class TextLoss:
    """Mean negative log-likelihood of a text in four units; ``num_tokens`` were predicted."""

    loss_nats_per_token: float
    loss_nats_per_char: float
    bits_per_char: float
    bits_per_byte: float
    num_tokens: int

    def values(self) -> dict[str, float]:
        """The four metrics by their keys."""
        values = asdict(self)
        del values["num_tokens"]
        return values


@torch.no_grad()
def text_loss(
    logits_of: Callable[[Tensor], Tensor],
    tokens: Tensor,
    *,
    context: int,
    num_chars: float,
    num_bytes: int,
    batch_tokens: int = BATCH_TOKENS,
    summed: Summed = alone,
) -> TextLoss:
    r"""Cross-entropy of a whole text in contiguous, non-overlapping windows of the context length.

    Window w predicts tokens :math:`wT + 1, \dots, wT + T` from those before them in the same
    window. The last, partial window is included, so every token but the first is predicted exactly
    once.

    Args:
        logits_of: a language model in evaluation mode: tokens (B, T) to logits (B, T, V).
        tokens: the text, int64 (N,).
        context: the window T.
        num_chars: characters of the *predicted* text (all but the first token's); a fraction where
            the first token ends within a character.
        num_bytes: the same in UTF-8 bytes.
        batch_tokens: tokens of a batch.
        summed: adds up what the batches give; several processes that measure together share the batches.

    Raises:
        EvaluationError: fewer than two tokens.
    """
    if len(tokens) < 2:
        raise EvaluationError(
            N_("a text of {count} {count:token|tokens} has nothing to predict; use a longer text"),
            count=len(tokens),
        )
    num_predicted = len(tokens) - 1
    whole = num_predicted // context * context
    windows = tokens[:whole].view(-1, context)
    targets = tokens[1 : whole + 1].view(-1, context)
    rows = max(1, batch_tokens // context)
    batches = zip(torch.split(windows, rows), torch.split(targets, rows), strict=True)
    parts = [*batches] if whole else []
    if whole < num_predicted:
        parts.append((tokens[None, whole:-1], tokens[None, whole + 1 :]))
    (total,) = summed([partial(_nats_of, logits_of, x, y) for x, y in parts], 1)
    return TextLoss(
        loss_nats_per_token=total / num_predicted,
        loss_nats_per_char=total / num_chars,
        bits_per_char=total / num_chars / math.log(2),
        bits_per_byte=total / num_bytes / math.log(2),
        num_tokens=num_predicted,
    )


def evaluate_text(
    model: LanguageModel,
    tokenizer: Tokenizer,
    text: str,
    unseen: Unseen = "error",
    summed: Summed = alone,
) -> TextLoss:
    """:func:`text_loss` of ``text`` in windows of the model's own context length.

    Args:
        model: in evaluation mode.
        tokenizer: the one the model was trained with.
        text: the whole validation text.
        unseen: what the tokenizer does with an unknown character. The text that is measured is the
            one that the tokens spell: a skipped character is not predicted, so it is not counted.
        summed: see :func:`text_loss`.
    """
    tokens = tokenizer.encode(text, unseen)
    content = tokenizer.bytes_of(tokens)
    first = tokenizer.bytes_of(tokens[:1])
    return text_loss(
        model,
        tokens,
        context=model.context,
        num_chars=len(content.decode("utf-8")) - chars_in_head(content, len(first)),
        num_bytes=len(content) - len(first),
        summed=summed,
    )


def chars_in_head(content: bytes, count: int) -> float:
    """Characters in the first ``count`` bytes of a UTF-8 text; one that is cut counts by its bytes.

    >>> chars_in_head("não".encode(), 2), chars_in_head("não".encode(), 3)
    (1.5, 2.0)
    """
    whole = content[:count].decode("utf-8", "ignore")
    inside = count - len(whole.encode("utf-8"))
    if not inside:
        return float(len(whole))
    cut = content[count - inside :][:4].decode("utf-8", "ignore")[0]
    return len(whole) + inside / len(cut.encode("utf-8"))


def _nats_of(logits_of: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> tuple[float]:
    """A sum, since windows differ in number and length: only the total is averaged."""
    return (cross_entropy(logits_of(x).float(), y).item() * y.numel(),)


def longest_copied_span_chars(text: str, training_text: str) -> int:
    """Length of the longest span of ``text`` found verbatim in ``training_text``, in characters.

    >>> longest_copied_span_chars("to be and so on", "to be, or not to be")
    5
    """
    return len(longest_copied_span(text, training_text))


def longest_copied_span(text: str, training_text: str) -> str:
    """The longest span of ``text`` found verbatim in ``training_text`` (the first of equals).

    Exact: a bisection over the length (every part of a copied span is copied), in which hashes of
    all windows only propose candidates and the strings themselves decide.
    """
    sample, source = _WindowHashes(text), _WindowHashes(training_text)
    found, shortest, longest = "", 1, min(len(text), len(training_text))
    while shortest <= longest:
        length = (shortest + longest) // 2
        candidates = np.flatnonzero(_found_in(sample.of(length), np.sort(source.of(length))))
        spans = (text[start : start + length] for start in candidates)
        span = next((span for span in spans if span in training_text), None)
        if span is None:
            longest = length - 1
        else:
            found, shortest = span, length + 1
    return found


def _found_in(values: NDArray[np.uint64], ordered: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of ``values`` are in ``ordered`` (ascending). NumPy's ``isin`` takes ten times as long on hashes."""
    places = np.searchsorted(ordered, values)
    found: NDArray[np.bool_] = ordered[np.minimum(places, len(ordered) - 1)] == values
    return found


class _WindowHashes:
    r"""Hashes of all windows of a length.

    :math:`B^{-i} \sum_{j<L} c_{i+j} B^{i+j}` modulo :math:`2^{64}`: differences of one running sum.
    """

    def __init__(self, text: str) -> None:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        inverse = np.uint64(pow(int(_BASE), -1, 1 << 64))
        self.inverses: NDArray[np.uint64] = _powers(inverse, len(codes))
        terms = (codes.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, len(codes))
        self.sums: NDArray[np.uint64] = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms)])

    def of(self, length: int) -> NDArray[np.uint64]:
        """One hash per window of ``length`` characters."""
        count = len(self.sums) - length
        hashes: NDArray[np.uint64] = self.sums[length:] - self.sums[:count]
        return hashes * self.inverses[:count]


def _powers(base: np.uint64, count: int) -> NDArray[np.uint64]:
    """``base ** 0, …, base ** (count - 1)`` modulo 2^64."""
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    powers: NDArray[np.uint64] = np.cumprod(factors)
    return powers
