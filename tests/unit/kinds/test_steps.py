"""How a model draws in steps: what a command may change, what a picture and a protocol say of it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from olaria.errors import UsageError
from olaria.families.flow_matching import PointFlowConfig
from olaria.families.gan import PLANE_SIZES
from olaria.families.mask import SIZES as MASK_SIZES
from olaria.i18n import Setting
from olaria.kinds import draw
from olaria.kinds.base import drawn_by, sampler_of, set_sampler
from olaria.models.mask import MaskedDiffusion
from olaria.models.plane import PlaneGAN
from olaria.models.point_flow import PointFlow
from olaria.nn.ode import Sampler
from olaria.objectives.masking import MEAN_PARTS, Unmasking
from olaria.runs import Run
from olaria.workflows.evaluate import evaluate


def flow() -> PointFlow:
    return PointFlow(PointFlowConfig(hidden=(8,), waves=4), 2)


def test_what_is_given_is_set_and_the_rest_stays() -> None:
    model = flow()
    usual = model.sampler
    set_sampler(model, "run")
    assert model.sampler == usual
    set_sampler(model, "run", steps=3)
    assert model.sampler == Sampler(3, usual.solver, usual.power, usual.guidance)
    set_sampler(model, "run", solver="euler")
    assert model.sampler == Sampler(3, "euler", usual.power)
    assert sampler_of(model) == {"solver": "euler", "sampling_steps": 3, "evaluations": 3}


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": -2}, "steps"),
    ],
)
def test_no_steps_are_refused(settings: dict[str, int], word: str) -> None:
    model = flow()
    usual = model.sampler
    with pytest.raises(UsageError) as caught:
        set_sampler(model, "run", **settings)
    assert caught.value.message.fields["setting"] == Setting(word)
    assert "\n" not in str(caught.value)
    assert model.sampler == usual


def test_a_model_that_draws_in_one_pass_takes_no_steps() -> None:
    model = PlaneGAN(PLANE_SIZES["tiny"], 2)
    set_sampler(model, "run")
    assert sampler_of(model) == {}
    with pytest.raises(UsageError) as caught:
        set_sampler(model, "run", steps=3, solver="heun")
    assert caught.value.message.fields["settings"] == (Setting("steps"), Setting("solver"))


def test_masked_pixels_take_steps_up_to_their_number_and_no_solver() -> None:
    model = MaskedDiffusion(MASK_SIZES["tiny"], (1, 8, 8))
    usual = model.sampler
    assert sampler_of(model) == {"sampling_steps": 8, "evaluations": 8 + MEAN_PARTS}
    set_sampler(model, "run", steps=64)
    assert model.sampler == Unmasking(64, 64)
    for steps in (0, 65):
        with pytest.raises(UsageError, match="from 1 to 64"):
            set_sampler(model, "run", steps=steps)
    with pytest.raises(UsageError) as caught:
        set_sampler(model, "run", steps=3, solver="heun", guidance=2.0)
    assert caught.value.message.fields["settings"] == (Setting("solver"), Setting("guidance"))
    assert model.sampler == Unmasking(64, 64) != usual


def test_a_model_given_more_steps_draws_other_points() -> None:
    torch.manual_seed(0)
    model, z = flow(), torch.randn(4, 2)
    set_sampler(model, "run", steps=1, solver="euler")
    few = model.points(z)
    torch.testing.assert_close(few, z + model.velocity(z, torch.zeros(4)))
    set_sampler(model, "run", steps=50, solver="heun")
    assert not torch.allclose(model.points(z), few, atol=1e-4)


def test_the_step_of_a_caption_is_written_like_other_numbers() -> None:
    run: Any = SimpleNamespace(name="ring", checkpoint=lambda _which: (12345, None))
    assert drawn_by(run, None).text("pt") == "execução ring, passo 12.345"
    assert drawn_by(run, None, seed=1000).text("en") == "run ring, step 12,345, seed 1000"


def test_the_caption_and_the_protocol_say_how_many_evaluations(
    tiny_run: Callable[..., Run],
) -> None:
    run = tiny_run("flow-ring")
    line = draw(run, count=10, steps=7, solver="midpoint").caption[-1]
    assert line.text("en").endswith(", 14 evaluations of the network")
    one = draw(run, count=10, steps=1, solver="euler").caption[-1]
    assert one.text("en").endswith(", 1 evaluation of the network")
    protocol = evaluate(run).protocol
    assert {name: protocol[name] for name in ("solver", "sampling_steps", "evaluations")} == {
        "solver": "heun",
        "sampling_steps": 10,
        "evaluations": 20,
    }
