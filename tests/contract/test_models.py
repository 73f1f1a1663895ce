"""One list of checks over every entry of MODELS."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from olaria.families import MODELS
from olaria.models.base import Batch, ImageModel
from olaria.models.gan import GAN
from olaria.models.translation import Specials
from olaria.objectives.adversarial import discriminator_loss
from olaria.storage.checkpoint import load_checkpoint, save_checkpoint
from olaria.training.feed import ExampleFeed, Feed, TextFeed
from olaria.training.optim import Optimizer
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
    draw,
    images,
    pairs,
    tokens,
    train,
)

every_shape = pytest.mark.parametrize("case", EVERY_SHAPE, ids=case_id)
every_variant = pytest.mark.parametrize("case", VARIANTS, ids=case_id)
every_family = pytest.mark.parametrize("case", FAMILIES, ids=case_id)


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
def test_every_parameter_gets_a_gradient_by_step_four(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A U-Net begins with three layers of zeros, one behind the other: the time learns once all of them have moved.
    trainer = case.trainer(steps=4)
    names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    moved: set[str] = set()

    step = Optimizer.step

    def noted(optimizer: Optimizer) -> None:
        for parameter in optimizer.parameters():
            if parameter.grad is not None and bool(parameter.grad.any()):
                moved.add(names[id(parameter)])
        step(optimizer)

    monkeypatch.setattr(Optimizer, "step", noted)
    train(trainer)
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


@every_family
def test_calling_a_model_gives_what_its_family_makes(case: Case) -> None:
    model, batch = case.build().eval(), case.feed().batch(0)
    kind = MODELS[case.family].data
    if isinstance(model, ImageModel):
        given = batch.x if model.encodes else torch.randn(8, model.latent)
        codes = model.codes(given) if model.encodes else given
        assert torch.equal(model(given), model.images(codes))
        assert model(given).shape == batch.x.shape
    elif kind == "points":
        assert model(torch.randn(8, model.latent)).shape == (8, 2)
    elif kind == "pairs":
        assert model(batch.x[:, :5], batch.x[:, :4]).shape[:2] == (8, 4)
    else:
        assert model(batch.x).shape == (*batch.x.shape, VOCAB)


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
