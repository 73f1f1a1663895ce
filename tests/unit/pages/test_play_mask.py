"""Masked diffusion in a page draws what Python draws of the same noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from olaria.families.mask import MaskConfig
from olaria.models.mask import MaskedDiffusion
from olaria.objectives.masking import Unmasking

Node = Callable[..., list[Any]]
Document = Callable[..., dict[str, Any]]

TOLERANCE = 1e-4
SHAPE = (2, 8, 12)
SIZE = 2 * 8 * 12


@pytest.fixture(scope="module")
def model() -> MaskedDiffusion:
    """Two colours, and sides that differ."""
    torch.manual_seed(0)
    made = MaskedDiffusion(MaskConfig(widths=(4, 6), depths=(1, 2), steps=5), SHAPE)
    made.adapt(torch.rand(64, *SHAPE))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return made.eval().requires_grad_(False)


def called(model: Any, played: Document, node: Node, *calls: list[Any]) -> list[Any]:
    (found,) = node({"job": "call", "document": played(model, SHAPE), "calls": [*calls]})
    assert isinstance(found, list), found
    return found


@pytest.mark.parametrize("steps", [1, 5, SIZE])
def test_what_is_drawn_and_the_means_of_it_are_pythons(
    model: MaskedDiffusion, played: Document, images_in_node: Node, steps: int
) -> None:
    z = torch.randn(3, model.latent, generator=Generator().manual_seed(steps))
    usual = model.sampler
    try:
        model.sampler = Unmasking(steps, SIZE)
        x, ranks = model.drawn(z)
        means = model.images(z)
    finally:
        model.sampler = usual
    rows = [row.tolist() for row in z]
    found = called(
        model,
        played,
        images_in_node,
        *[["draw", row, steps] for row in rows],
        *[["generate", row, steps] for row in rows],
    )
    assert torch.equal(torch.tensor([one["ranks"] for one in found[:3]]), ranks.flatten(1))
    assert torch.equal(torch.tensor([one["x"] for one in found[:3]]), x.flatten(1))
    torch.testing.assert_close(torch.tensor(found[3:]), means.flatten(1), atol=TOLERANCE, rtol=0)


def test_the_steps_are_the_models_own_unless_given(
    model: MaskedDiffusion, played: Document, images_in_node: Node
) -> None:
    z = torch.randn(model.latent, generator=Generator().manual_seed(9)).tolist()
    usual, five, one = called(
        model, played, images_in_node, ["generate", z], ["generate", z, 5], ["generate", z, 1]
    )
    assert usual == five != one


def test_a_pixel_that_is_hidden_is_not_read(
    model: MaskedDiffusion, played: Document, images_in_node: Node
) -> None:
    draw = Generator().manual_seed(3)
    x = torch.rand(SIZE, generator=draw).round()
    is_hidden = torch.rand(SIZE, generator=draw) < 0.5

    def logits_of(values: Tensor) -> list[Any]:
        return ["logits", values.tolist(), is_hidden.long().tolist()]

    first, of_hidden, of_visible = called(
        model,
        played,
        images_in_node,
        logits_of(x),
        logits_of(torch.where(is_hidden, 1 - x, x)),
        logits_of(torch.where(is_hidden, x, 1 - x)),
    )
    assert first == of_hidden != of_visible
