"""How precision and compilation are chosen, and each fallback."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from olaria.families import MODELS
from olaria.models import build
from olaria.models.base import Batch
from olaria.recipes.training import TrainingConfig
from olaria.training import precision
from olaria.training.precision import Choice, autocast, choose


def chosen(compilable: bool = False, **training: Any) -> Choice:
    """The choice for a tiny GPT."""
    config = TrainingConfig.parse(training, "test")
    model = build(MODELS["gpt"].sizes["tiny"], 11)
    tokens = torch.zeros(2, 8).long()
    model.__dict__["compilable"] = compilable
    return choose(model, Batch(tokens, tokens), config)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU that multiplies bfloat16."""
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: True)


def test_what_is_asked_for_is_taken() -> None:
    for asked in ("float32", "bfloat16"):
        assert chosen(steps=1, precision=asked).precision == asked


def test_without_the_flag_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: False)
    assert chosen(steps=1).precision == "float32"
    assert chosen(budget=5).precision == "float32"


def test_an_older_pytorch_has_no_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not precision.has_fast_bfloat16()


def test_steps_never_ask_the_clock(fast: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "step_seconds", lambda *_: pytest.fail("timed"))
    assert chosen(steps=1).precision == "bfloat16"


@pytest.mark.parametrize("winner", ["float32", "bfloat16"])
def test_a_budget_takes_the_faster(
    fast: None, winner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "step_seconds", lambda *words: float(words[3] != winner))
    assert chosen(budget=5).precision == winner


def test_the_probe_leaves_the_model_alone(fast: None) -> None:
    model = build(MODELS["gpt"].sizes["tiny"], 11).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tokens = torch.zeros(2, 8).long()
    config = TrainingConfig(steps=1, optimizer="muon")
    assert precision.step_seconds(model, Batch(tokens, tokens), config, "float32") > 0
    assert not model.training and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_compilation_is_only_for_who_can_repay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_compiler", lambda: True)
    float32 = {"precision": "float32"}
    assert chosen(True, budget=400, **float32).compiled
    assert not chosen(True, budget=399, **float32).compiled
    assert not chosen(False, budget=400, **float32).compiled
    assert not chosen(True, steps=10, **float32).compiled
    assert chosen(False, steps=10, compile="on", **float32).compiled
    assert not chosen(True, budget=4000, compile="off", **float32).compiled


def test_without_a_compiler_it_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.shutil, "which", lambda name: None)
    choice = chosen(steps=1, compile="on", precision="float32")
    assert not choice.compiled and len(choice.notes) == 1
    assert chosen(steps=1, compile="off", precision="float32").notes == ()


def test_autocast_multiplies_in_the_asked_format() -> None:
    a = torch.ones(4, 4)
    with autocast("bfloat16"):
        assert (a @ a).dtype == torch.bfloat16
    with autocast("float32"):
        assert (a @ a).dtype == torch.float32
