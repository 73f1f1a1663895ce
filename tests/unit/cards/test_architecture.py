"""The layers of every family: none is lost, none is counted twice, and blocks that repeat are told once."""

from __future__ import annotations

import math
from typing import Any, final

import pytest
import torch
from torch import Generator, nn

from olaria.cards.architecture import architecture
from olaria.cards.context import Layer, Stage
from olaria.families import MODELS
from olaria.families.language import RUNGS, LanguageConfig
from olaria.models import build as build_model
from olaria.models.base import Batch, Loss, Model, ParameterGroup, Phase, num_parameters
from olaria.nn.lora import add_adapters, merge_adapters

DIMENSIONS: dict[str, Any] = {"images": (1, 28, 28), "text": 65, "pairs": 40, "points": 2}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("autoencoder", {"network": "conv"}),
    ("autoencoder", {"hidden": ()}),
    ("vae", {"network": "conv", "flow": 0}),
    ("vae", {"above": (8, 16)}),
    ("vae", {"above": (8,), "flow": 2, "classes": 10}),
    ("vae", {"likelihood": "logistic", "flow": 3, "latent": 7}),
    ("vq", {"likelihood": "logistic"}),
    ("gan", {"classes": 10}),
    ("gan", {"classes": 10, "conditioning": "auxiliary", "spectral": False}),
    ("gan", {"generator_depth": 3, "augment": "adaptive"}),
    ("plane-gan", {"spectral": True}),
    ("image-flow", {"classes": 10}),
    *[("language", dict(LanguageConfig(width=32).on(rung))) for rung in RUNGS],
]


def build(family: str, config: Any, dimensions: Any = None) -> tuple[Model, tuple[Stage, ...]]:
    entry = MODELS[family]
    dimensions = DIMENSIONS[entry.data] if dimensions is None else dimensions
    model = build_model(config, dimensions).eval()
    return model, architecture(model, dimensions)


def total(stages: tuple[Stage, ...]) -> int:
    return sum(stage.num_parameters for stage in stages)


def layers(stages: tuple[Stage, ...]) -> list[Layer]:
    return [layer for stage in stages for layer in stage.layers]


@pytest.mark.parametrize("size", ["tiny", "small"])
@pytest.mark.parametrize("family", MODELS)
def test_the_counts_sum_to_the_models_number(family: str, size: str) -> None:
    model, stages = build(family, MODELS[family].sizes[size])
    assert total(stages) == num_parameters(model)
    assert stages[0].shape and not stages[0].layers, "it begins with what is read"
    assert not any("further" in stage.title.id for stage in stages)


@pytest.mark.parametrize(("family", "settings"), VARIANTS)
def test_variants_lose_no_number(family: str, settings: dict[str, Any]) -> None:
    model, stages = build(family, MODELS[family].config(**settings))
    assert total(stages) == num_parameters(model)
    assert not any("further" in stage.title.id for stage in stages)


def test_photographs_have_three_channels() -> None:
    model, stages = build("gan", MODELS["gan"].sizes["tiny"], (3, 32, 32))
    assert total(stages) == num_parameters(model)
    assert (3, 32, 32) in [stage.shape for stage in stages]


def test_shapes_are_those_of_one_example() -> None:
    _, stages = build("autoencoder", MODELS["autoencoder"].sizes["small"])
    assert [layer.shape for layer in layers(stages)] == [
        (512,), (256,), (32,), (256,), (512,), (784,)
    ]  # fmt: skip
    assert [stage.shape for stage in stages if not stage.layers] == [
        (1, 28, 28),
        (32,),
        (1, 28, 28),
    ]
    names = [stage.title.id for stage in stages if stage.layers]
    assert names == ["encoder", "decoder"]


def test_blocks_of_a_gpt_are_told_once() -> None:
    model, stages = build("gpt", MODELS["gpt"].sizes["small"])
    assert 700_000 < num_parameters(model) < 1_000_000
    assert len(layers(stages)) == 6, "embedding, four of a block, head"
    blocks = [layer for layer in layers(stages) if layer.repeats > 1]
    assert [(layer.name, layer.repeats, layer.group) for layer in blocks] == [
        ("blocks.0–3.qkv", 4, "blocks"),
        ("blocks.0–3.attention_out", 4, "blocks"),
        ("blocks.0–3.feed_in", 4, "blocks"),
        ("blocks.0–3.feed_out", 4, "blocks"),
    ]
    assert blocks[0].num_parameters == 3 * 128 * 128
    assert blocks[0].shape == (128, 3 * 128)


def test_what_differs_in_a_row_is_told_apart() -> None:
    _, stages = build("vae", MODELS["vae"].config(above=(8, 8, 8), latent=8))
    names = [layer.name for layer in layers(stages)]
    assert "decoder.posteriors.0" in names, "the topmost reads no state"
    assert "decoder.posteriors.1–3" in names


def test_a_tied_head_is_counted_once_and_told() -> None:
    _, stages = build("language", LanguageConfig())
    assert "likeness" in stages[-1].title.id
    assert not any(layer.name == "head" for layer in layers(stages))
    _, lower = build("language", LanguageConfig().on("norm"))
    assert any(layer.name == "head" for layer in layers(lower))


def test_the_average_learns_nothing() -> None:
    _, stages = build("language", LanguageConfig().on("average"))
    (mean,) = (stage for stage in stages if "mean of the tokens" in stage.title.id)
    assert mean.shape == (128, 128) and mean.num_parameters == 0


def test_norms_of_weights_are_named() -> None:
    _, stages = build("gan", MODELS["gan"].sizes["tiny"])
    by_part = {stage.title.id: stage.layers for stage in stages if stage.layers}
    assert all("spectral" in layer.kind.id for layer in by_part["discriminator"])
    assert not any("spectral" in layer.kind.id for layer in by_part["generator"])


def test_adapters_are_merged_into_their_layers() -> None:
    model = build_model(MODELS["gpt"].sizes["tiny"], 65)
    count = num_parameters(model)
    add_adapters(model, 2, ("qkv",), 16.0)
    merge_adapters(model)
    assert total(architecture(model.eval(), 65)) == count


def test_looking_changes_nothing() -> None:
    model = build_model(MODELS["gan"].sizes["tiny"], (1, 28, 28)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    architecture(model, (1, 28, 28))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_the_words_are_in_portuguese_too() -> None:
    for family, entry in MODELS.items():
        _, stages = build(family, entry.sizes["tiny"])
        texts = [message.text("pt") for stage in stages
                 for message in (stage.title, *(layer.kind for layer in stage.layers))]  # fmt: skip
        assert not any("{" in text for text in texts)
        assert all(math.prod(stage.shape) >= 1 for stage in stages)


@final
class Line(Model):
    """A family that says nothing of its architecture."""

    family = "autoencoder"  # for the kind of its data

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.narrow = nn.Linear(pixels, 3)
        self.wide = nn.Linear(3, pixels)

    def phases(self) -> list[Phase]:
        def loss(batch: Batch, generator: Generator) -> Loss:
            x = batch.x.flatten(1)
            return Loss({"mse": (self.wide(self.narrow(x)) - x).square().mean()})

        return [Phase("line", [ParameterGroup(list(self.parameters()))], loss)]


def test_a_model_without_an_outline_is_a_plain_list_of_its_layers() -> None:
    model = Line(64).eval()
    first, middle, last = architecture(model, (1, 8, 8))
    assert first.shape == last.shape == (1, 8, 8) and not first.layers and not last.layers
    assert [(layer.name, layer.shape) for layer in middle.layers] == [
        ("narrow", (3,)),
        ("wide", (64,)),
    ]
    assert middle.num_parameters == num_parameters(model)


@pytest.mark.parametrize("family", MODELS)
def test_every_layer_is_called_on_an_example(family: str) -> None:
    """A layer that is not would be shown with its weight's shape, such as 784 × 64 of a linear one."""
    entry = MODELS[family]
    model = build_model(entry.sizes["tiny"], DIMENSIONS[entry.data]).eval()
    called = set()
    atoms = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Embedding | nn.Conv2d) and name != "positions"
    ]  # of which a slice is read
    for atom in atoms:
        atom.register_forward_hook(lambda module, given, found: called.add(id(module)))
    model.trace(DIMENSIONS[entry.data])
    assert called == {id(atom) for atom in atoms}
