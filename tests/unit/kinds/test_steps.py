"""How a model draws in steps: what a command may change, what a picture and a protocol say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from olaria.errors import UsageError
from olaria.families.flow_matching import ImageFlowConfig, PointFlowConfig
from olaria.families.gan import PLANE_SIZES
from olaria.families.mask import SIZES as MASK_SIZES
from olaria.i18n import Setting
from olaria.kinds import draw, kind_named
from olaria.kinds.base import Effort, drawn_by, sampler_of, set_sampler
from olaria.models.image_flow import ImageFlow
from olaria.models.mask import MaskedDiffusion
from olaria.models.plane import PlaneGAN
from olaria.models.point_flow import PointFlow
from olaria.objectives.masking import MEAN_PARTS, Unmasking
from olaria.runs import Run
from olaria.workflows.evaluate import evaluate


def flow(classes: int = 0, dropping: float = 0.1) -> ImageFlow:
    config = ImageFlowConfig(
        widths=(4,), depths=(1,), condition=4, classes=classes, class_dropping=dropping
    )
    return ImageFlow(config, (1, 8, 8))


def test_what_is_given_is_set_and_the_rest_stays() -> None:
    model = flow(classes=3)
    usual = model.sampler
    set_sampler(model, "run")
    assert model.sampler == usual
    set_sampler(model, "run", steps=3)
    assert model.sampler == replace(usual, steps=3)
    set_sampler(model, "run", solver="midpoint", guidance=0.0)
    assert model.sampler == replace(usual, steps=3, solver="midpoint", guidance=0.0)
    told = {"solver": "midpoint", "sampling_steps": 3, "evaluations": 12}
    assert sampler_of(model) == {**told, "step_noise": usual.noise}
    model.sampler = replace(model.sampler, noise=0.0)
    assert sampler_of(model) == told


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": -2}, "steps"),
        ({"guidance": -0.5}, "guidance"),
        ({"guidance": float("nan")}, "guidance"),
        ({"guidance": float("inf")}, "guidance"),
    ],
)
def test_a_number_that_is_too_small_is_refused(settings: dict[str, float], word: str) -> None:
    model = flow(classes=3)
    usual = model.sampler
    with pytest.raises(UsageError) as caught:
        set_sampler(model, "run", **settings)  # type: ignore[arg-type]
    assert caught.value.message.fields["setting"] == Setting(word)
    assert "\n" not in str(caught.value)
    assert model.sampler == usual


@pytest.mark.parametrize("model", [flow(), flow(classes=3, dropping=0.0)], ids=["none", "kept"])
def test_guidance_needs_a_flow_with_the_class_and_one_without(model: ImageFlow) -> None:
    with pytest.raises(UsageError, match="guidance"):
        set_sampler(model, "run", guidance=2.0)


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
    model, z = PointFlow(PointFlowConfig(hidden=(8,), waves=4), 2), torch.randn(4, 2)
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


def test_images_too(tiny_run: Callable[..., Run]) -> None:
    run = tiny_run("cflow-mnist")
    driven = draw(run, count=10, steps=2, guidance=3.0)
    line = driven.caption[-1].text("en")
    assert line.endswith(", guidance 3, 4 evaluations of the network")
    plain = draw(run, count=10, steps=2)
    assert plain.caption[-1].text("en").endswith("seed 0, 2 evaluations of the network")
    assert not torch.equal(driven.value, plain.value)
    effort = Effort(num_examples=50, num_samples=50)
    protocol = kind_named("images").measure(run, run.model(), run.data(), effort, True).protocol
    assert protocol["evaluations"] == 20 and protocol["solver"] == "euler"
