"""Batches of pairs: sources and targets as padded tensors, the order a function of (seed, update)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from olaria.errors import ConfigError
from olaria.i18n import N_, Setting
from olaria.models.base import Batch
from olaria.models.translation import Specials
from olaria.training.randomness import generator

POOL_BATCHES = 32
"""Batches that are sorted by length together."""
WIDTH_STEP = 8
"""Widths of batches are multiples of it: each new shape of a product costs time and memory that is never freed."""


class PairFeed:
    """Each epoch a new permutation of all pairs, cut into batches of like lengths.

    :data:`POOL_BATCHES` batches' worth of the permutation are sorted by length, cut, and the batches mixed again: which
    pairs meet is still chance, and little of a batch is padding. The pairs left at an epoch's end are left out of it.

    Args:
        sources: token ids of each source, int64 (S_i,).
        targets: token ids of each target, (T_i,).
        specials: the ids that end, begin and fill.
        batch_size: pairs per batch.
        seed: of the order.

    Raises:
        ConfigError: the batch is larger than the data.
    """

    unit = "tokens"

    def __init__(
        self,
        sources: Sequence[Tensor],
        targets: Sequence[Tensor],
        specials: Specials,
        batch_size: int,
        seed: int,
    ) -> None:
        if batch_size > len(sources):
            raise ConfigError(
                N_(
                    "batch_size {size} is larger than the training data, {count} "
                    "{count:pair|pairs}; lower it with {setting}"
                ),
                setting=Setting("training.batch_size", str(len(sources))),
                size=batch_size,
                count=len(sources),
            )
        self.x, self.y = specials.sources(sources), specials.targets(targets)
        self.x_lengths = (self.x != specials.pad).sum(1)
        self.y_lengths = (self.y != specials.pad).sum(1)
        self.batch_size = batch_size
        # Those that are predicted (a target's and its end), in the mean: batches differ a little.
        mean = (self.y_lengths - 1).double().mean().item()
        self.units_per_batch = round(batch_size * mean)
        self.batches_per_epoch = len(sources) // batch_size
        self._seed = seed
        self._epoch = -1
        self._batches = torch.empty(0, dtype=torch.int64)

    def batch(self, update: int) -> Batch:
        """Sources (B, S) and targets (B, T), int64; S and T - 1 in steps, and no more than all the data needs."""
        epoch, position = divmod(update, self.batches_per_epoch)
        if epoch != self._epoch:
            self._batches = self._order(epoch)
            self._epoch = epoch
        rows = self._batches[position]
        x = self.x[rows, : _stepped(int(self.x_lengths[rows].max()))]
        # The decoder reads all but a target's last column.
        return Batch(x, self.y[rows, : _stepped(int(self.y_lengths[rows].max()) - 1) + 1])

    def largest(self) -> Batch:
        """The shapes of a batch that holds the longest source and the longest target."""
        widths = (self.x.shape[1], self.y.shape[1])
        x, y = (
            torch.empty(self.batch_size, width, dtype=torch.int64, device="meta")
            for width in widths
        )
        return Batch(x, y)

    def _order(self, epoch: int) -> Tensor:
        """The rows of each batch of an epoch, (batches, B)."""
        draws = generator(self._seed, "order", epoch)
        order = torch.randperm(len(self.x), generator=draws)
        order = order[: self.batches_per_epoch * self.batch_size]
        lengths = self.x_lengths + self.y_lengths
        pools = order.split(POOL_BATCHES * self.batch_size)
        ordered = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in pools])
        mixed = torch.randperm(self.batches_per_epoch, generator=draws)
        return ordered.view(self.batches_per_epoch, self.batch_size)[mixed]


def _stepped(width: int) -> int:
    """The next multiple of :data:`WIDTH_STEP`.

    >>> _stepped(8), _stepped(9)
    (8, 16)
    """
    return -(-width // WIDTH_STEP) * WIDTH_STEP
