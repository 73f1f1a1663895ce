"""No loss makes a tensor on another device than its model's, in any family: tried on the device without content."""

from __future__ import annotations

import pytest
import torch

from olaria import draws
from olaria.draws import part_of_batch
from olaria.errors import ConfigError
from olaria.i18n import Message
from olaria.models.base import Batch
from olaria.recipes.training import TrainingConfig
from olaria.training import machine, precision, teamwork
from olaria.training.device import CPU, at_home, choose_device, default_precision, moved
from olaria.training.optim import Muon, build_optimizers
from olaria.training.randomness import generator, seeded
from olaria.training.team import Team
from olaria.workflows.doctor import doctor
from olaria.workflows.forecast import forecast
from olaria.workflows.train import TrainRequest

from .cases import VARIANTS, Case, case_id, copied, differing, train

META = torch.device("meta")


@pytest.mark.parametrize("case", VARIANTS, ids=case_id)
def test_a_step_stays_on_its_device(case: Case) -> None:
    model = case.build().train().to(META)
    batch = moved(case.feed().batch(0), META)
    assert batch.x.device == META
    config = TrainingConfig.parse({"steps": 1, **case.training}, "test")
    for phase in model.trained_phases():
        with part_of_batch(0, 1, META):
            loss = phase.loss(batch, generator(0, "noise"))
        assert {part.device for part in loss.parts.values()} == {META}
        loss.total.backward()
        for optimizer in build_optimizers(phase.groups, config):
            if isinstance(
                optimizer, Muon
            ):  # the fused Adam is none of ours, and not there without content
                optimizer.step()
                assert {v.device for s in optimizer.state.values() for v in s.values()} == {META}


def test_what_is_drawn_is_the_same_wherever_it_is_wanted() -> None:
    """Here the other place is the CPU by name, so that the numbers can be looked at."""
    case = Case("gpt", {"dropout": 0.2}, {"ema": 0.9})
    plain, named = case.trainer(), case.trainer(team=Team(device=torch.device("cpu", 0)))
    assert train(plain) == train(named)
    assert differing(copied(plain), copied(named)) == []


def test_measuring_and_saving_are_at_home() -> None:
    case = Case("vae", training={"ema": 0.9})
    trainer = case.trainer(team=Team(device=torch.device("cpu", 0)))
    train(trainer)
    assert trainer.watched() is not trainer.ema
    assert {p.device for p in trainer.watched().parameters()} == {CPU}
    tensor = torch.ones(2)
    assert at_home({"w": tensor})["w"] is tensor
    batch = Batch(tensor)
    assert moved(batch, CPU) is batch


def test_the_device_asked_for() -> None:
    none = {"cpu": True, "cuda": False, "mps": False}
    both = {"cpu": True, "cuda": True, "mps": True}
    assert choose_device("auto", none) == choose_device("cpu", both) == CPU
    assert choose_device("auto", both, {}) == torch.device("cuda", 0)
    assert choose_device("cuda", both, {"LOCAL_RANK": "3"}) == torch.device("cuda", 3)
    assert choose_device("mps", both) == torch.device("mps")
    assert not torch.backends.cudnn.allow_tf32
    for kind in ("cuda", "mps"):
        with pytest.raises(ConfigError, match=f"this machine has no {kind} .* use device=cpu"):
            choose_device(kind, none)


@pytest.mark.parametrize(
    ("kind", "has_bfloat16", "expected"),
    [
        ("cpu", True, "bfloat16"),
        ("cpu", False, "float32"),
        ("cuda", True, "bfloat16"),
        ("cuda", False, "float32"),
        ("mps", True, "float32"),
    ],
)
def test_each_device_has_its_number_format(kind: str, has_bfloat16: bool, expected: str) -> None:
    assert default_precision(torch.device(kind), has_bfloat16) == expected


def test_a_team_without_others_still_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert teamwork.join("cpu") == Team()
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError):
            teamwork.join("cuda")


def test_a_device_that_draws_its_own_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the CPU plays it: the mask is the seed's, parts make up the whole, and its mean is 1."""
    monkeypatch.setattr(draws, "_WITH_MASKS", ("cpu",))
    monkeypatch.setattr(draws, "_CPU", torch.device("cpu", 7))  # so that it is none of ours

    def mask(index: int, count: int, rows: int) -> torch.Tensor:
        with seeded(0, "dropout", 1), part_of_batch(index, count, CPU):
            return draws.dropout(torch.ones(rows, 500), 0.2, True)

    whole = mask(0, 1, 40)
    assert torch.equal(whole, mask(0, 1, 40))
    assert torch.equal(whole, torch.cat([mask(0, 2, 20), mask(1, 2, 20)]))
    assert set(whole.unique().tolist()) == {0.0, 1.25}
    assert abs(float(whole.mean()) - 1) < 0.02
    with seeded(0, "dropout", 2):
        assert not torch.equal(whole, draws.dropout(torch.ones(40, 500), 0.2, True))


def test_a_gpu_is_compiled_for_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_compiler", lambda: True)
    model = Case("gpt").build().to(META)
    for asked, compiled in (("auto", False), ("on", True)):
        config = TrainingConfig.parse(
            {"budget": 900, "precision": "float32", "compile": asked}, "test"
        )
        assert precision.choose(model, Batch(torch.ones(1)), config).compiled is compiled


def test_the_forecast_and_the_doctor_name_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    request = TrainRequest(preset="gan-ring", size="tiny", steps=1)
    assert forecast(request)["device"] == "cpu" == doctor()["device"]
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="has no cuda"):
            forecast(TrainRequest(preset="gan-ring", size="tiny", steps=1, device="cuda"))
    described = {**machine.describe(), "gpu": "NVIDIA X"}
    monkeypatch.setattr(machine, "describe", lambda: described)
    advice = [Message.from_json(one).text() for one in doctor()["advice"]]
    assert any(line.startswith("NVIDIA X is there") for line in advice)
