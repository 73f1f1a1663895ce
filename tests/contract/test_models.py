"""One list of checks over every entry of MODELS."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from olaria.errors import NonFiniteLossError
from olaria.models import MODELS
from olaria.models.base import Batch, Model
from olaria.models.gan import GAN
from olaria.models.plane import PlaneGAN
from olaria.models.translation import Specials, Translation
from olaria.models.vae import VAE
from olaria.models.vq import VQ
from olaria.objectives.adversarial import discriminator_loss
from olaria.sampling import plane
from olaria.sampling.autoregressive import SamplingConfig, generate
from olaria.sampling.latent import prior, reconstruct
from olaria.sampling.translation import greedy
from olaria.storage.checkpoint import load_checkpoint, save_checkpoint
from olaria.training.engine import Trainer, Watch
from olaria.training.events import Began, Event, Stepped
from olaria.training.feed import ExampleFeed, Feed, TextFeed
from olaria.training.pair_feed import PairFeed
from olaria.training.randomness import generator

from .cases import (
    EVERY_SHAPE,
    FAMILIES,
    STEPS,
    VARIANTS,
    VOCAB,
    Case,
    case_id,
    copied,
    differing,
    images,
    pairs,
    tokens,
    train,
)

every_shape = pytest.mark.parametrize("case", EVERY_SHAPE, ids=case_id)
every_variant = pytest.mark.parametrize("case", VARIANTS, ids=case_id)
every_family = pytest.mark.parametrize("case", FAMILIES, ids=case_id)


def draw(model: Model, seed: int, max_tokens: int = 40) -> Tensor:
    """A sample of any family.

    An autoencoder, which has no prior, rebuilds noise, and one of codes shows random ones (fresh, its encoder has one
    code for everything); a translation, in which nothing is drawn, answers random sources, which stand beside the
    answers.
    """
    model.eval()
    noise = generator(seed, "sample")
    if isinstance(model, VAE | GAN):
        return prior(model, 4, noise)
    if isinstance(model, PlaneGAN):
        return plane.draw(model, 4, noise)
    if isinstance(model, VQ):
        return model.logits(torch.randint(0, model.config.codes, (4, *model.grid), generator=noise))
    if MODELS[model.family].data == "images":
        return reconstruct(model, torch.rand(4, 1, 8, 8, generator=noise))
    if isinstance(model, Translation):
        source = torch.randint(0, VOCAB, (3, 8), generator=noise)
        written = greedy(model, source, max_tokens)
        return torch.cat((source, written), 1)
    config = SamplingConfig(max_tokens=max_tokens)
    return torch.stack(list(generate(model, torch.zeros(3, 1).long(), config, noise)), 1)


def test_every_family_has_its_three_sizes_and_names_itself() -> None:
    for name, family in MODELS.items():
        assert list(family.sizes) == ["tiny", "small", "base"]
        assert {config.family for config in family.sizes.values()} == {name}
        assert all(isinstance(config, family.config) for config in family.sizes.values())


# -- building and losses ---------------------------------------------------------------------------


@every_shape
def test_builds_and_every_phase_has_a_finite_loss(case: Case) -> None:
    model = case.build()
    assert model.family == case.family
    batch = case.feed().batch(0)
    names: list[str] = []
    for phase in model.phases():
        loss = phase.loss(batch, generator(0, phase.name))
        assert loss.total.shape == () and loss.total.isfinite()
        names += loss.parts
    assert len(names) == len(set(names)), "two phases log under one name"


@every_variant
def test_weighted_parts_sum_to_the_total(case: Case) -> None:
    model = case.build()
    for phase in model.phases():
        loss = phase.loss(case.feed().batch(0), generator(0, phase.name))
        assert set(loss.weights) <= set(loss.parts), "a weight of a part that is not there"
        expected = sum(loss.weights.get(name, 1.0) * v.item() for name, v in loss.parts.items())
        assert loss.total.item() == pytest.approx(expected, rel=1e-6)


@every_variant
def test_every_parameter_is_in_exactly_one_group(case: Case) -> None:
    model = case.build()
    groups = [group for phase in model.phases() for group in phase.groups]
    grouped = [id(parameter) for group in groups for parameter in group.parameters]
    assert sorted(grouped) == sorted(map(id, model.parameters()))


@pytest.mark.parametrize("case", [*EVERY_SHAPE, *VARIANTS], ids=case_id)
def test_every_parameter_gets_a_gradient_by_step_three(case: Case) -> None:
    trainer = case.trainer(steps=3)
    names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    moved: set[str] = set()

    def look(optimizer: torch.optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and bool(parameter.grad.any()):
                    moved.add(names[id(parameter)])

    handle = register_optimizer_step_pre_hook(look)
    try:
        train(trainer)
    finally:
        handle.remove()
    still = set(names.values()) - moved
    if case.changes.get("loss") in ("hinge", "wasserstein"):
        # The two sides pull its last bias equally: always, or while all logits lie within the hinge's margins.
        still -= {"discriminator.head.bias"}
    assert still == set()


# -- seeds -----------------------------------------------------------------------------------------


@every_family
def test_same_seed_same_sample_bitwise(case: Case) -> None:
    first, again = draw(case.build(0), 5), draw(case.build(0), 5)
    assert torch.equal(first, again)
    assert not torch.equal(first, draw(case.build(0), 6))


@every_variant
def test_two_runs_with_one_seed_end_the_same_and_another_seed_does_not(case: Case) -> None:
    trainers = [case.trainer(seed) for seed in (0, 0, 1)]
    rows = [train(trainer) for trainer in trainers]
    assert rows[0] == rows[1] and len(rows[0]) == STEPS
    assert differing(copied(trainers[0]), copied(trainers[1])) == []
    assert differing(copied(trainers[0]), copied(trainers[2])) != []


@every_variant
def test_watching_changes_nothing(case: Case) -> None:
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


@every_family
def test_the_global_generator_is_left_alone(case: Case) -> None:
    before = torch.random.get_rng_state()
    train(case.trainer(steps=3))
    assert torch.equal(torch.random.get_rng_state(), before)


# -- stopping --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [*EVERY_SHAPE, *VARIANTS], ids=case_id)
def test_save_and_load_give_the_same_model(case: Case, tmp_path: Path) -> None:
    trainer = case.trainer(steps=2)
    train(trainer)
    tensors, state = trainer.state()
    save_checkpoint(tmp_path / "step-000002", tensors, state)
    loaded, loaded_state = load_checkpoint(tmp_path / "step-000002")
    fresh = case.build(seed=7)
    assert differing(dict(fresh.state_dict()), dict(trainer.model.state_dict())) != []
    fresh.load_state_dict(loaded["model"])
    assert differing(dict(fresh.state_dict()), dict(trainer.model.state_dict())) == []
    assert loaded_state == state
    if case.shape == (1, 8, 8):
        assert torch.equal(draw(fresh, 5), draw(trainer.model, 5))


@every_variant
def test_stopped_equals_straight_bitwise_wherever_it_stops(case: Case, tmp_path: Path) -> None:
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


def test_a_stop_carries_every_kind_of_tensor() -> None:
    """The test above would pass in vain if the state lacked the average or the moments."""
    case = next(c for c in VARIANTS if c.family == "gpt" and c.training.get("ema"))
    trainer = case.trainer()
    train(trainer)
    names = list(copied(trainer))
    for part in ("model/", "ema/", "muon.", ".momentum", "adamw.", ".exp_avg", ".exp_avg_sq"):
        assert any(part in name for name in names), part


# -- learning --------------------------------------------------------------------------------------


class OneBatch:
    """The same batch for ever."""

    unit = "examples"
    batches_per_epoch = 1

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self.batch_size = self.units_per_batch = len(batch.x)

    def batch(self, update: int) -> Batch:
        """It."""
        return self._batch

    def largest(self) -> Batch:
        """It too."""
        return self._batch


def learned(case: Case, feed: Feed, key: str, steps: int) -> tuple[float, float]:
    """First and last logged value of ``key``."""
    trainer = case.trainer(feed=feed, steps=steps, learning_rate=5e-3)
    rows = train(trainer)
    return rows[0][key], rows[-1][key]


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_an_autoencoder_overfits_one_batch(network: str) -> None:
    case = Case("autoencoder", {"network": network})
    feed = OneBatch(ExampleFeed(images(8, (1, 8, 8)), None, 8, 0).batch(0))
    best_constant = feed.batch(0).x.var(0, correction=0).mean().item()
    first, last = learned(case, feed, "mse", 300)
    assert first > best_constant and last < best_constant / 10


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_a_vae_overfits_one_batch(network: str) -> None:
    x = (images(8, (1, 8, 8)) > 128).to(torch.uint8) * 255  # black and white: nothing to binarize
    case = Case("vae", {"network": network})
    feed = OneBatch(ExampleFeed(x, None, 8, 0).batch(0))
    first, last = learned(case, feed, "loss", 350)
    assert first > 40  # 64 pixels, log 2 nats each
    # No model of 8 equally frequent images costs less than log 8 = 2.08 nats.
    assert math.log(8) < last < 8


def test_a_gpt_overfits_one_batch() -> None:
    feed = OneBatch(TextFeed(tokens(200), 32, 4, 0).batch(0))
    first, last = learned(Case("gpt"), feed, "loss", 150)
    assert first == pytest.approx(math.log(VOCAB), abs=1e-5)
    assert last < 0.1


def test_gpt2s_form_overfits_one_batch() -> None:
    feed = OneBatch(TextFeed(tokens(200), 32, 4, 0).batch(0))
    first, last = learned(Case("language"), feed, "loss", 150)
    # The embedding is also the head, so each token begins by expecting itself a little.
    assert first == pytest.approx(math.log(VOCAB), abs=0.1)
    assert last < 0.1


def test_a_translation_overfits_one_batch() -> None:
    feed = OneBatch(PairFeed(*pairs(8), Specials(VOCAB), 8, 0).batch(0))
    first, last = learned(Case("translation"), feed, "loss", 150)
    assert first == pytest.approx(math.log(VOCAB + 1), abs=1e-5)  # the tokens and the end
    assert last < 0.1


def test_a_bigram_learns_the_counts() -> None:
    """One token back, the best loss is the entropy of the followers, known by counting."""
    batch = TextFeed(tokens(200), 1, 200, 0).batch(0)
    assert batch.y is not None
    pairs = torch.zeros(VOCAB, VOCAB, dtype=torch.float64)
    for a, b in zip(batch.x.flatten().tolist(), batch.y.flatten().tolist(), strict=True):
        pairs[a, b] += 1
    joint = pairs / pairs.sum()
    conditional = pairs / pairs.sum(1, keepdim=True)
    entropy = -torch.special.xlogy(joint, conditional).sum().item()
    case = Case("bigram", training={"decay": "cosine"})
    trainer = case.trainer(feed=OneBatch(batch), steps=400, learning_rate=0.3)
    last = train(trainer)[-1]["loss"]
    assert entropy <= last + 1e-6
    assert last == pytest.approx(entropy, abs=0.02)


@pytest.mark.parametrize("spectral", [True, False])
def test_a_discriminator_separates_two_fixed_sets(spectral: bool) -> None:
    model = Case("gan", {"spectral": spectral}).build()
    assert isinstance(model, GAN)
    real = images(8, (1, 8, 8)).float() / 255
    fake = torch.rand(8, 1, 8, 8, generator=generator(0, "fake"))
    optimizer = torch.optim.Adam(model.discriminator.parameters(), 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        logits = model.discriminate(torch.cat((real, fake)))
        discriminator_loss(*logits.chunk(2)).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        assert model.discriminate(real).min() > 0 > model.discriminate(fake).max()


# -- trouble ---------------------------------------------------------------------------------------


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
def test_a_bad_pixel_stops_before_the_optimizer_moves(family: str, value: float) -> None:
    for case in (case for case in VARIANTS if case.family == family):
        bad = 2 * case.build().phases()[0].updates
        _stops_untouched(case, case.trainer(feed=Poisoned(case.feed(), bad, value)), after=2)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("family", ["vae", "bigram", "language", "gpt", "translation"])
def test_bad_logits_stop_before_the_optimizer_moves(
    family: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens cannot be NaN and a NaN pixel is binarized to 0, so here the network gives them."""
    for case in (case for case in VARIANTS if case.family == family):
        grey = case.changes.get("likelihood", "bernoulli") != "bernoulli"
        if grey and math.isinf(value):  # an honest answer: its sigmoid is a mean of 0 or 1
            continue
        trainer = case.trainer()
        kind = type(trainer.model)
        name = "_answer" if family == "vae" else "forward"
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
