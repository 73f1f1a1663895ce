"""Flow matching of images in a page: its velocity, its path and its guidance are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from olaria.families.flow_matching import IMAGE_FLOW_SIZES
from olaria.models.image_flow import ImageFlow

Node = Callable[..., list[Any]]
Document = Callable[..., dict[str, Any]]
TOLERANCE = 1e-4
VARIANTS: list[tuple[dict[str, Any], tuple[int, int, int]]] = [
    ({}, (1, 28, 28)),
    ({"classes": 3, "prediction": "velocity", "modes": 0, "dense": 0}, (1, 8, 8)),
    ({"patch": 1, "widths": (4, 6, 8), "depths": (1, 0, 2), "prediction": "velocity"}, (3, 8, 12)),
    ({"patch": 4, "widths": (6,), "depths": (1,), "modes": 0}, (3, 8, 4)),
    ({"prediction": "noise", "solver": "euler", "step_power": 1.5, "steps": 4}, (1, 12, 8)),
    ({"modes": 3, "classes": 3}, (1, 4, 8)),
    ({"modes": 3, "solver": "euler", "steps": 4, "step_noise": 0.6}, (1, 4, 8)),
    ({"modes": 0, "steps": 3, "step_power": 0.7, "step_noise": 0.6}, (1, 8, 12)),
]
IDS = ["-".join(map(str, [*settings.values(), *shape])) for settings, shape in VARIANTS]


def disturbed(settings: dict[str, Any], shape: tuple[int, int, int]) -> ImageFlow:
    """A tiny model, no part of which is zero or the identity."""
    torch.manual_seed(0)
    draws = torch.Generator().manual_seed(0)
    model = ImageFlow(IMAGE_FLOW_SIZES["tiny"].with_values(settings), shape)
    model.adapt(torch.rand(64, *shape, generator=draws), torch.arange(64) % 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draws))
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_what_python_recorded_is_computed_again(
    played: Document, images_in_node: Node, precision: str
) -> None:
    documents = [played(disturbed(*one), one[1], precision) for one in VARIANTS]
    for found in images_in_node(*({"job": "prove", "document": one} for one in documents)):
        assert found.get("error") is None
        assert found["holds"] and found["count"] > 90 and found["largest"] < TOLERANCE


@pytest.mark.parametrize(("settings", "shape"), VARIANTS, ids=IDS)
def test_velocities_and_images_agree_beyond_the_proof(
    played: Document,
    images_in_node: Node,
    settings: dict[str, Any],
    shape: tuple[int, int, int],
) -> None:
    model = disturbed(settings, shape)
    z, t = torch.randn(3, model.latent), torch.tensor([0.0, 0.31, 1.0])
    y = torch.arange(3) % model.classes if model.classes else None
    named = [None] * 3 if y is None else y.tolist()
    calls: list[list[Any]] = []
    for row, time, label in zip(z.tolist(), t.tolist(), named, strict=True):
        calls += [["velocity", row[: math.prod(shape)], time, label], ["generate", row, label]]
    (found,) = images_in_node({"job": "call", "document": played(model, shape), "calls": calls})
    velocity = model.velocity(z[:, : math.prod(shape)].view(3, *shape), t, y)
    for wanted, made in ((velocity, found[::2]), (model.images(z, y), found[1::2])):
        torch.testing.assert_close(
            torch.tensor(made), wanted.flatten(1), atol=TOLERANCE, rtol=TOLERANCE
        )


@pytest.mark.parametrize("solver", ["euler", "midpoint", "heun"])
@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_steps_solver_and_guidance_are_chosen(
    played: Document, images_in_node: Node, solver: Any, weight: float
) -> None:
    settings, shape = VARIANTS[1]
    model = disturbed(settings, shape)
    model.sampler = replace(model.sampler, steps=3, solver=solver, guidance=weight)
    z, y = torch.randn(1, model.latent), torch.tensor([2])
    choices = {"steps": 3, "solver": solver, "guidance": weight}
    calls = [[name, z[0].tolist(), 2, choices] for name in ("generate", "path")]
    ((image, path),) = images_in_node(
        {"job": "call", "document": played(model, shape), "calls": calls}
    )
    wanted = model.images(z, y)[0].flatten()
    torch.testing.assert_close(torch.tensor(image), wanted, atol=TOLERANCE, rtol=0)
    assert len(path) == 4
    noise = z.view(1, -1, *shape).unbind(1)
    places = [x for _, x in model.sampler.path(model.followed(y), *noise)]
    for place, x in zip(path, places, strict=True):
        torch.testing.assert_close(torch.tensor(place), x.flatten(), atol=TOLERANCE, rtol=TOLERANCE)


def test_no_class_has_a_velocity_and_no_image(played: Document, images_in_node: Node) -> None:
    settings, shape = VARIANTS[1]
    model = disturbed(settings, shape)
    document = played(model, shape)
    x = torch.randn(1, *shape)
    row = x.flatten().tolist()
    calls = [["velocity", row, 0.5], ["velocity", row, 0.5, None], ["velocity", row, 0.5, 3]]
    (found,) = images_in_node({"job": "call", "document": document, "calls": calls})
    free = model.velocity(x, torch.tensor([0.5]))
    for made in found:
        torch.testing.assert_close(
            torch.tensor(made), free.flatten(), atol=TOLERANCE, rtol=TOLERANCE
        )
    refused: list[list[Any]] = [
        ["generate", row],
        ["generate", row, 3],
        ["generate", row, -1],
        ["generate", [*row, 0.0], 0],
        ["velocity", row, 0.5, 4],
        ["velocity", row[1:], 0.5, 0],
    ]
    jobs = [{"job": "call", "document": document, "calls": [call]} for call in refused]
    for answer in images_in_node(*jobs):
        assert "RangeError" in answer["error"]
