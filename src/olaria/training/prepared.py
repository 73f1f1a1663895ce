"""A recipe with its data in memory and everything that the loop needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from olaria.data import AnyData
from olaria.i18n import Message
from olaria.models.base import Model
from olaria.recipes import Recipe
from olaria.training.feed import Feed
from olaria.training.sizing import Sized
from olaria.training.watch import Watch


@dataclass(frozen=True)
class Prepared:
    """A recipe with its data in memory, ready for the loop."""

    recipe: Recipe
    data: AnyData
    dimensions: tuple[int, int, int] | int
    feed: Feed
    watch: Watch
    model: Model
    sized: Sized
    tokenizer: dict[str, Any] | None = None
    notes: tuple[Message, ...] = ()
    """For the reader, about how the data was read."""
    base: dict[str, Any] | None = None
    """Where a tuned run began; see :meth:`olaria.runs.tuning.Start.model`."""
    painter_sha256: str | None = None
    """Of the model whose codes are learnt, where they are."""

    def over_the_data(self, epochs: float | None) -> Prepared:
        r"""The same, ending after so many times as many examples or tokens as the training data has; itself for None.

        .. math:: n = \max(1, \operatorname{round}(E\, b / u))

        for E epochs of b batches, and u updates in a step.
        """
        if epochs is None:
            return self
        updates = self.model.trained_phases()[0].updates
        steps = max(1, round(epochs * self.feed.batches_per_epoch / updates))
        return replace(self, recipe=self.recipe.ending(steps, None))
