"""Batches: tensors that lie in memory, indexed whole; order and windows are functions of (seed, update).

There is no per-example Python here: 60,000 images of 784 bytes are 47 MB as they are, and one index makes a batch.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from olaria.errors import ConfigError, DataError
from olaria.i18n import N_
from olaria.models.base import Batch
from olaria.training.randomness import generator


class Feed(Protocol):
    """Where the loop's batches come from."""

    batch_size: int
    unit: str
    """``examples`` or ``tokens``."""
    units_per_batch: int

    @property
    def batches_per_epoch(self) -> float:
        """Updates that see as much as the training data has."""
        ...

    def batch(self, update: int) -> Batch:
        """The batch of the ``update``-th update (0, 1, …), the same whenever it is asked for."""
        ...

    def largest(self) -> Batch:
        """The shapes of the largest batch, on the meta device: nothing is allocated."""
        ...


class ExampleFeed:
    """Each epoch a new permutation of all examples; the incomplete batch at its end is left out.

    Args:
        x: images, uint8 (N, C, H, W), or points, float32 (N, D).
        y: labels (N,) or None.
        batch_size: examples per batch.
        seed: of the order.

    Raises:
        ConfigError: the batch is larger than the data.
    """

    unit = "examples"

    def __init__(self, x: Tensor, y: Tensor | None, batch_size: int, seed: int) -> None:
        if batch_size > len(x):
            raise ConfigError(
                N_(
                    "batch_size {size} is larger than the training data, {count} "
                    "{count:example|examples}; lower it"
                ),
                size=batch_size,
                count=len(x),
            )
        self.x, self.y = x, y
        self.batch_size = self.units_per_batch = batch_size
        self.batches_per_epoch = len(x) // batch_size
        self._seed = seed
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def batch(self, update: int) -> Batch:
        """Images in [0, 1], float32 (B, C, H, W), with their labels; or points, (B, D)."""
        epoch, position = divmod(update, self.batches_per_epoch)
        if epoch != self._epoch:
            self._order = torch.randperm(
                len(self.x), generator=generator(self._seed, "order", epoch)
            )
            self._epoch = epoch
        rows = self._order[position * self.batch_size : (position + 1) * self.batch_size]
        x = self.x.index_select(0, rows)
        x = x.float().div_(255) if x.dtype == torch.uint8 else x
        return Batch(x, None if self.y is None else self.y[rows])

    def largest(self) -> Batch:
        """Every batch has these shapes."""
        x = torch.empty(self.batch_size, *self.x.shape[1:], device="meta")
        y = torch.empty(self.batch_size, dtype=torch.int64, device="meta")
        return Batch(x, None if self.y is None else y)


class TextFeed:
    """Windows of the text at random offsets, each token with its follower.

    Args:
        tokens: ids of the training text, int64 (N,).
        context: tokens per window T.
        batch_size: windows per batch.
        seed: of the offsets.

    Raises:
        DataError: the text is shorter than one window.
    """

    unit = "tokens"

    def __init__(self, tokens: Tensor, context: int, batch_size: int, seed: int) -> None:
        if len(tokens) < context + 1:
            raise DataError(
                N_(
                    "the training text has {count} {count:token|tokens}, fewer than the "
                    "context of {context} and one to predict; lower model.context or use a "
                    "longer text"
                ),
                count=len(tokens),
                context=context,
            )
        self.tokens = tokens
        self.context = context
        self.batch_size = batch_size
        self.units_per_batch = batch_size * context
        self.batches_per_epoch = len(tokens) / self.units_per_batch
        self._seed = seed
        self._window = torch.arange(context)

    def batch(self, update: int) -> Batch:
        """Token ids and their followers, int64 (B, T) each."""
        offsets = torch.randint(
            len(self.tokens) - self.context,
            (self.batch_size, 1),
            generator=generator(self._seed, "windows", update),
        )
        rows = offsets + self._window
        return Batch(self.tokens[rows], self.tokens[rows + 1])

    def largest(self) -> Batch:
        """Every batch has these shapes."""
        window = torch.empty(self.batch_size, self.context, dtype=torch.int64, device="meta")
        return Batch(window, window)
