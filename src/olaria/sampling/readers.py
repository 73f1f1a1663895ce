"""How a language model reads a growing text: whole each time, or token by token from a cache of keys and values.

All readers slide past the context in the same way: when it is full, its later half is kept and read anew, so that
positions stay within what was trained. Which reader serves a model changes how long it takes and nothing else.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from olaria.models.gpt import GPT
from olaria.sampling.numpy_reader import NumpyReader
from olaria.sampling.window import window_of


class Reader(Protocol):
    """Reads a text that grows at its end."""

    def read(self, tokens: Tensor) -> Tensor:
        """Take in ``tokens`` (B, T), T ≥ 1; the logits of what follows, (B, V), float32, without gradients."""


def reader_for(model: Any, num_texts: int = 1) -> Reader:
    """The fastest reader that a language model allows; ``continue_from`` is the mark of a cache."""
    if not hasattr(model, "continue_from"):
        return PlainReader(model)
    is_fast = isinstance(model, GPT) and num_texts == 1 and model.embedding.weight.is_cpu
    return NumpyReader(model) if is_fast else CachedReader(model)


class PlainReader:
    """Runs the model over the whole window each time.

    Args:
        model: token ids (B, T) to logits (B, T, V), with a ``context``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._window: Tensor | None = None

    @torch.no_grad()
    def read(self, tokens: Tensor) -> Tensor:
        """See :class:`Reader`."""
        self._window, _ = window_of(self._window, tokens, self._model.context)
        logits: Tensor = self._model(self._window)
        return logits[:, -1].float()


class CachedReader:
    """Keeps the keys and values of the window, so that a new token costs one position.

    Args:
        model: also has ``continue_from``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: list[Any] = []
        self._window: Tensor | None = None

    @torch.no_grad()
    def read(self, tokens: Tensor) -> Tensor:
        """See :class:`Reader`."""
        self._window, is_anew = window_of(self._window, tokens, self._model.context)
        if is_anew:
            tokens, self._cache = self._window, []
        logits, self._cache = self._model.continue_from(tokens, self._cache)
        last: Tensor = logits[:, -1]
        return last.float()
