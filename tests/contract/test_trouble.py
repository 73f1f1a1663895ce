"""A loss that is not finite, in every family: nothing moves."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from torch import Tensor

from olaria.errors import NonFiniteLossError
from olaria.models.base import Batch, Model
from olaria.training.engine import Trainer
from olaria.training.events import Stepped
from olaria.training.feed import Feed

from .cases import VARIANTS, Case, copied, differing


class Poisoned:
    """A feed whose ``bad``-th batch cannot give a finite loss."""

    def __init__(self, feed: Feed, bad: int, value: float) -> None:
        self._feed, self._bad, self._value = feed, bad, value
        self.unit, self.batch_size = feed.unit, feed.batch_size
        self.units_per_batch = feed.units_per_batch
        self.batches_per_epoch, self.largest = feed.batches_per_epoch, feed.largest

    def batch(self, update: int) -> Batch:
        """The feed's, or the bad one."""
        batch = self._feed.batch(update)
        if update != self._bad:
            return batch
        x = batch.x.clone()
        x[0, 0, 0, 0] = self._value
        return replace(batch, x=x)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("family", ["autoencoder", "gan"])
def test_c1_a_bad_pixel_stops_before_the_optimizer_moves(family: str, value: float) -> None:
    for case in (case for case in VARIANTS if case.family == family):
        bad = 2 * case.build().phases()[0].updates
        _stops_untouched(case, case.trainer(feed=Poisoned(case.feed(), bad, value)), after=2)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("family", ["vae", "bigram", "language", "gpt", "translation"])
def test_c1_bad_logits_stop_before_the_optimizer_moves(
    family: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens cannot be NaN and a NaN pixel is binarized to 0, so here the network gives them."""
    for case in (case for case in VARIANTS if case.family == family):
        grey = case.changes.get("likelihood", "bernoulli") != "bernoulli"
        if grey and math.isinf(value):  # an honest answer: its sigmoid is a mean of 0 or 1
            continue
        trainer = case.trainer()
        kind = type(trainer.model)
        name = "_state_logits" if family == "vae" else "forward"
        honest = getattr(kind, name)

        def broken(self: Model, *x: Tensor, honest: Any = honest, run: Trainer = trainer) -> Tensor:
            out: Tensor = honest(self, *x)
            # All bad: one logit of minus infinity alone may well have a finite likelihood.
            return out * 0 + value if self is run.model and run.progress.step == 2 else out

        with monkeypatch.context() as patch:
            patch.setattr(kind, name, broken)
            _stops_untouched(case, trainer, after=2)


def _stops_untouched(case: Case, trainer: Trainer, after: int) -> None:
    healthy = case.trainer()
    for _ in healthy.stream():
        if healthy.progress.step == after:
            break
    with pytest.raises(NonFiniteLossError) as caught:
        for event in trainer.stream():
            assert not isinstance(event, Stepped) or event.step <= after
    assert caught.value.message.fields["step"] == after + 1
    # The power iteration's vectors are buffers, moved by looking; weights, average, moments are not.
    changed = differing(copied(healthy), copied(trainer))
    assert [name for name in changed if not name.endswith(("._u", "._v"))] == []
