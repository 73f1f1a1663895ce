"""Text token by token: temperature, top-k, top-p, and a cache of keys and values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor

from olaria.config import Config
from olaria.models.base import Model
from olaria.models.gpt import GPT, KeysValues


class SamplingConfig(Config):
    """How the next token is drawn."""

    max_tokens: int = Field(500, ge=1)
    temperature: float = Field(1.0, gt=0.0)
    """Logits are divided by it: below 1 sharper, above 1 flatter."""
    top_k: int | None = Field(None, ge=1)
    """Keep the k most likely tokens."""
    top_p: float | None = Field(None, gt=0.0, le=1.0)
    """Keep the smallest set of tokens whose probability reaches p (Holtzman et al. 2020)."""


def filter_logits(logits: Tensor, config: SamplingConfig) -> Tensor:
    r"""Temperature, then top-k, then top-p; what is left out becomes :math:`-\infty`.

    Args:
        logits: of the next token, (B, V).
        config: the settings.

    Returns:
        (B, V), float32; at least one token of each row stays.
    """
    logits = logits.float() / config.temperature
    if config.top_k is not None and config.top_k < logits.shape[-1]:
        # By place and not by value: where logits are equal, still k tokens stay.
        values, places = logits.topk(config.top_k)
        logits = torch.full_like(logits, float("-inf")).scatter(-1, places, values)
    if config.top_p is not None and config.top_p < 1:
        ordered, order = logits.sort(descending=True)
        probabilities = ordered.softmax(-1)
        # A token goes when those before it already reach p: the first always stays.
        gone = probabilities.cumsum(-1) - probabilities >= config.top_p
        logits = logits.masked_fill(gone.scatter(-1, order, gone), float("-inf"))
    return logits


@torch.no_grad()
def generate(
    model: Model, prompt: Tensor, config: SamplingConfig, generator: Generator
) -> Iterator[Tensor]:
    """Draw the continuation of ``prompt``, one token of each row at a time.

    Args:
        model: a language model in evaluation mode.
        prompt: ids (B, T), T ≥ 1; its last ``context`` tokens count.
        config: how to draw.
        generator: of the draws.

    Yields:
        Ids (B,), ``max_tokens`` times.
    """
    reader = _CachedReader(model) if isinstance(model, GPT) else _PlainReader(model)
    logits = reader.read(prompt)
    for number in range(config.max_tokens):
        probabilities = filter_logits(logits, config).softmax(-1)
        token = torch.multinomial(probabilities, 1, generator=generator)
        yield token.squeeze(1)
        if number + 1 < config.max_tokens:
            logits = reader.read(token)


class _PlainReader:
    """Reads tokens by running the model over the whole context each time."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._tokens: Tensor | None = None

    def read(self, tokens: Tensor) -> Tensor:
        """Logits after ``tokens`` (B, T), (B, V)."""
        if self._tokens is not None:
            tokens = torch.cat((self._tokens, tokens), 1)
        self._tokens = tokens[:, -self._model.context :]
        logits: Tensor = self._model(self._tokens)
        return logits[:, -1]


class _CachedReader:
    """Reads tokens one at a time from cached keys and values.

    When the context is full, the later half of it is read anew and the cache begins again there: positions stay
    within what was trained, at the cost of one long pass every half context.
    """

    def __init__(self, model: GPT) -> None:
        self._model = model
        self._cache: list[KeysValues] = []
        self._tokens: Tensor | None = None

    def read(self, tokens: Tensor) -> Tensor:
        """Logits after ``tokens`` (B, T), (B, V)."""
        context = self._model.context
        window = tokens if self._tokens is None else torch.cat((self._tokens, tokens), 1)
        if window.shape[1] > context or self._tokens is None:
            keep = context if self._tokens is None else max(1, context // 2)
            window = tokens = window[:, -keep:]
            self._cache = []
        self._tokens = window
        logits, self._cache = self._model.continue_from(tokens, self._cache)
        return logits[:, -1]
