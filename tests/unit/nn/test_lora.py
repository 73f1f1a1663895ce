"""Adapters: begin as nothing, train alone, merge exactly."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from olaria.errors import ConfigError
from olaria.families import MODELS
from olaria.models import build
from olaria.models.base import Batch, Model
from olaria.nn.lora import LowRank, adapter_parameters, add_adapters, merge_adapters
from olaria.recipes.training import TrainingConfig
from olaria.training.engine import Trainer
from olaria.training.feed import TextFeed
from olaria.training.randomness import generator, seeded
from olaria.training.watch import Watch

VOCAB = 11
ALL = ("qkv", "attention_out", "feed_in", "feed_out")
TOKENS = torch.arange(400).remainder(VOCAB)
every_family = pytest.mark.parametrize("family", ["gpt", "language"])


def model_of(family: str, seed: int = 0) -> Model:
    """A tiny model with weights that matter."""
    with seeded(seed, "weights"):
        model = build(MODELS[family].sizes["tiny"], VOCAB)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.3)
    return model


def logits_of(model: Any) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(TOKENS[:60].view(2, 30))
    return logits


def shaken(model: nn.Module) -> None:
    """Adapters that have learnt something."""
    for parameter in adapter_parameters(model):
        nn.init.normal_(parameter, std=0.2, generator=generator(5, "adapters"))


def test_the_formula() -> None:
    weight = torch.randn(5, 4, generator=generator(0, "w"))
    adapter = LowRank(weight, rank=2, alpha=6.0)
    shaken(adapter)
    expected = weight + 3.0 * torch.einsum("nr,rm->nm", adapter.b, adapter.a)
    torch.testing.assert_close(adapter(weight), expected)


@every_family
def test_it_begins_as_the_model(family: str) -> None:
    model = model_of(family)
    before = logits_of(model)
    add_adapters(model, 4, ALL, 8.0)
    assert torch.equal(logits_of(model), before)
    numbers = sum(parameter.numel() for parameter in adapter_parameters(model))
    width, layers = 32, 2
    assert numbers == layers * 4 * ((1 + 3) * width + 2 * width + 2 * (1 + 4) * width)


@every_family
@pytest.mark.parametrize("targets", [ALL, ("qkv",), ("feed_in", "feed_out")])
def test_merging_is_exact(family: str, targets: tuple[str, ...]) -> None:
    model = model_of(family)
    plain = logits_of(model)
    names = set(model.state_dict())
    add_adapters(model, 3, targets, 8.0)
    shaken(model)
    adapted = logits_of(model)
    assert (adapted - plain).abs().max() > 0.01, "the adapters do something"
    merge_adapters(model)
    torch.testing.assert_close(logits_of(model), adapted, rtol=0, atol=1e-6)
    assert set(model.state_dict()) == names and adapter_parameters(model) == []
    again = model_of(family, seed=1)
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(logits_of(again), adapted, rtol=0, atol=1e-6)


@every_family
def test_merging_what_has_no_adapters_changes_nothing(family: str) -> None:
    model = model_of(family)
    before = logits_of(model)
    merge_adapters(model)
    assert torch.equal(logits_of(model), before)


def test_a_name_that_is_not_there() -> None:
    model = model_of("gpt")
    with pytest.raises(ConfigError, match="no layer to adapt is named feed_inn: did you mean fe"):
        add_adapters(model, 2, ("qkv", "feed_inn"), 1.0)
    with pytest.raises(ConfigError, match="known: attention_out, feed_in, feed_out"):
        add_adapters(model, 2, ("zzz",), 1.0)
    assert adapter_parameters(model) == [] and all(p.requires_grad for p in model.parameters())


# -- in the loop -----------------------------------------------------------------------------------


def trainer_of(family: str, **training: Any) -> Trainer:
    model = model_of(family)
    with seeded(0, "adapters"):
        add_adapters(model, 2, ALL, 4.0)
    values = {"steps": 8, "precision": "float32", "compile": "off", "warmup_steps": 2}
    config = TrainingConfig.parse({**values, "learning_rate": 0.01, **training}, "test")
    feed = TextFeed(TOKENS, 16, 4, 0)
    watch = Watch(evaluate=lambda model: {}, sample=lambda model: None)
    return Trainer(model, feed, config, 0, watch)


@every_family
@pytest.mark.parametrize(
    "training",
    [{"ema": 0.9}, {"optimizer": "muon", "ema": 0.9}, {"weight_decay": 0.5, "clip_norm": 1.0}],
)
def test_only_adapters_move(family: str, training: dict[str, Any]) -> None:
    trainer = trainer_of(family, **training)
    own = set(map(id, adapter_parameters(trainer.model)))
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    losses = [event.values["loss"] for event in trainer.stream() if event.event == "step"]  # type: ignore[attr-defined]
    assert losses[-1] < losses[0]
    for name, parameter in trainer.model.named_parameters():
        moved = not torch.equal(parameter, before[name])
        assert moved == (id(parameter) in own), name
        assert parameter.requires_grad == (id(parameter) in own), name
    if trainer.ema is not None:
        for name, averaged in trainer.ema.named_parameters():
            is_adapter = name.endswith((".a", ".b"))
            assert torch.equal(averaged, before[name]) != is_adapter, name


@every_family
def test_stopped_and_resumed_is_straight(family: str) -> None:
    straight = trainer_of(family, ema=0.9, optimizer="muon")
    list(straight.stream())
    half = trainer_of(family, ema=0.9, optimizer="muon")
    for event in half.stream():
        if event.event == "step" and event.step == 4:
            break
    tensors, state = copy.deepcopy(half.state())
    resumed = trainer_of(family, ema=0.9, optimizer="muon")
    resumed.restore(tensors, state)
    list(resumed.stream())
    for name, value in straight.state()[0]["ema"].items():
        assert torch.equal(resumed.state()[0]["ema"][name], value), name


def test_an_adapter_of_the_head_trains_too() -> None:
    model = model_of("gpt")
    add_adapters(model, 2, ("head",), 4.0)
    (phase,) = model.trained_phases()
    chosen = [parameter for group in phase.groups for parameter in group.parameters]
    assert set(map(id, chosen)) == set(map(id, adapter_parameters(model)))
    phase.loss(Batch(TOKENS[None, :9], TOKENS[None, 1:10]), generator(0)).total.backward()
    assert all(parameter.grad is not None for parameter in chosen)


def test_without_adapters_all_is_trained_as_ever() -> None:
    for family in MODELS:
        shape = VOCAB if MODELS[family].data != "images" else (1, 8, 8)
        model = build(MODELS[family].sizes["tiny"], shape)
        pairs = zip(model.phases(), model.trained_phases(), strict=True)
        for plain, trained in pairs:
            for left, right in zip(plain.groups, trained.groups, strict=True):
                assert (left.kind, left.scale) == (right.kind, right.scale)
                assert [*map(id, left.parameters)] == [*map(id, right.parameters)]
