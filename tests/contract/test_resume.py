"""What a stop, a look or another order of things may not change, for every entry of MODELS."""

from __future__ import annotations

import copy
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from olaria.models.base import Batch, Model
from olaria.storage.checkpoint import load_checkpoint, save_checkpoint
from olaria.training.events import Began, Event, Stepped
from olaria.training.feed import ExampleFeed, Feed
from olaria.training.watch import Watch

from .cases import STEPS, VARIANTS, Case, case_id, copied, differing, draw, images, train

every_variant = pytest.mark.parametrize("case", VARIANTS, ids=case_id)


@every_variant
def test_b1_stopped_equals_straight_bitwise_wherever_it_stops(
    case: Case, tmp_path: Path, record_property: Any
) -> None:
    straight = case.trainer()
    rows = train(straight)
    end = copied(straight)
    stopped = case.trainer()

    def leave(event: Event) -> None:
        if isinstance(event, Began | Stepped):
            save_checkpoint(tmp_path / str(event.step), *stopped.state())

    train(stopped, leave)
    for step in range(STEPS):
        resumed = case.trainer()
        resumed.restore(*load_checkpoint(tmp_path / str(step)))
        assert train(resumed) == rows[step:], f"stopped at {step}: other losses"
        assert differing(copied(resumed), end) == [], f"stopped at {step}: other tensors"
        assert resumed.progress.updates == straight.progress.updates
    record_property(
        "tally", ("B1: steps after a stop, equal bit for bit", STEPS * (STEPS + 1) // 2)
    )


def test_a_stop_carries_every_kind_of_tensor() -> None:
    """The test above would pass in vain if the state lacked the average or the moments."""
    case = next(c for c in VARIANTS if c.family == "gpt" and c.training.get("ema"))
    trainer = case.trainer()
    train(trainer)
    names = list(copied(trainer))
    for part in ("model/", "ema/", "muon.", ".momentum", "adamw.", ".exp_avg", ".exp_avg_sq"):
        assert any(part in name for name in names), part


class Noted:
    """A feed that notes which images it gave, by their first pixel."""

    def __init__(self, feed: Feed) -> None:
        self._feed, self.given = feed, list[list[int]]()
        self.unit, self.batch_size = feed.unit, feed.batch_size
        self.units_per_batch = feed.units_per_batch
        self.batches_per_epoch, self.largest = feed.batches_per_epoch, feed.largest

    def batch(self, update: int) -> Batch:
        """The feed's."""
        batch = self._feed.batch(update)
        self.given.append((batch.x[:, 0, 0, 0] * 255).round().int().tolist())
        return batch


def test_b2_a_resume_within_the_third_epoch_sees_the_rest_of_that_epoch() -> None:
    x = images(24, (1, 8, 8))
    x[:, 0, 0, 0] = torch.arange(24)
    case = Case("autoencoder")
    straight = case.trainer(feed=(seen := Noted(ExampleFeed(x, None, 8, 0))))
    kept: list[Any] = []

    def keep(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 7:
            kept.append(copy.deepcopy(straight.state()))

    train(straight, keep)
    resumed = case.trainer(feed=(rest := Noted(ExampleFeed(x, None, 8, 0))))
    resumed.restore(*kept[0])
    train(resumed)
    given, after = seen.given[1:], rest.given[1:]  # the first is looked at before the loop
    epochs = [list(chain(*given[i : i + 3])) for i in range(0, STEPS, 3)]
    assert all(sorted(epoch) == list(range(24)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs) == 4
    assert after == given[7:]


@every_variant
def test_b9_watching_changes_nothing(case: Case) -> None:
    blind = case.trainer()
    blind_rows = train(blind)

    def evaluate(model: Model) -> dict[str, float]:
        torch.manual_seed(99)
        torch.rand(7)
        draw(model, 1, max_tokens=5)
        return {"watched": float(torch.rand(()))}

    def sample(model: Model) -> Tensor:
        assert not model.training
        torch.rand(3)
        return draw(model, 2, max_tokens=5)

    watch = Watch(evaluate, sample, monitor="watched")
    with torch.random.fork_rng(devices=[]):
        watched = case.trainer(watch=watch, evaluate_every=1, sample_every=1, checkpoint_every=2)
        rows = train(watched)
    assert rows == blind_rows
    assert differing(copied(blind), copied(watched)) == []
