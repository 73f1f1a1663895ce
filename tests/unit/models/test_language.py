"""The ladder of language models: what each rung has, refuses and sees."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from olaria.errors import ConfigError
from olaria.families.gpt import SIZES as GPT_SIZES
from olaria.families.language import RUNGS, SIZES, LanguageConfig, Rung
from olaria.models.base import Batch, num_parameters
from olaria.models.language import LanguageModel
from olaria.recipes import PRESETS, preset
from olaria.training.randomness import generator, seeded

VOCAB = 7
every_rung = pytest.mark.parametrize("rung", RUNGS)
ATTENTION_RUNGS = RUNGS[1:]


def build(rung: Rung, context: int = 6, **changes: Any) -> LanguageModel:
    """Two heads and two layers where the rung has them."""
    config = LanguageConfig(context=context, num_layers=2, num_heads=2, width=8).on(rung)
    with seeded(0, "weights"):
        return LanguageModel(config.model_copy(update=changes), VOCAB).eval()


def tokens(*shape: int) -> torch.Tensor:
    return torch.randint(0, VOCAB, shape, generator=generator(0, "tokens"))


# -- what each rung has ----------------------------------------------------------------------------

ADDED: dict[str, set[str]] = {
    "average": {"embedding.weight", "positions.weight", "head.weight", "head.bias"},
    "head": {"qkv.weight"},
    "multi-head": {"attention_out.weight"},
    "feed-forward": {"feed_in.weight", "feed_out.weight"},
    "residual": set(),
    "norm": {f"{name}.{part}" for name in ("norm_1", "norm_2", "norm") for part in ("weight", "bias")},
    "gpt": {f"{name}.bias" for name in ("qkv", "attention_out", "feed_in", "feed_out")},
}  # fmt: skip


def names(rung: Rung) -> set[str]:
    """Its parameters, those of a block without the block's number."""
    return {
        name.split(".", 2)[2] if name.startswith("blocks.") else name
        for name, _ in build(rung).named_parameters()
    }


def test_each_rung_adds_its_own_parameters_and_keeps_those_before() -> None:
    assert names("average") == ADDED["average"]
    for below, above in pairwise(RUNGS):
        assert names(above) - names(below) == ADDED[above], above
        # The head of GPT-2 is its embedding.
        lost = {"head.weight", "head.bias"} if above == "gpt" else set()
        assert names(below) - names(above) == lost, above


def test_layers_stack_from_the_residual_stream_on() -> None:
    layers = [len(build(rung).blocks) for rung in RUNGS]
    assert layers == [1, 1, 1, 1, 2, 2, 2]


def test_the_form_of_gpt2_has_as_many_parameters_as_its_formula_says() -> None:
    """12 w² + 13 w a layer, embeddings and positions, and the last norm."""
    for size, config in SIZES.items():
        w, context = config.width, config.context
        layer = 12 * w * w + 13 * w
        expected = config.num_layers * layer + (VOCAB + context) * w + 2 * w
        assert num_parameters(LanguageModel(config, VOCAB)) == expected, size


def test_layers_heads_and_widths_are_those_of_the_fast_model() -> None:
    names = ("num_layers", "num_heads", "width")
    for size, config in SIZES.items():
        fast = GPT_SIZES[size]
        assert [getattr(config, n) for n in names] == [getattr(fast, n) for n in names]


def test_initial_weights_are_gpt2s() -> None:
    with seeded(0, "weights"):
        model = LanguageModel(LanguageConfig(num_layers=8, width=64), 100)
    for name, parameter in model.named_parameters():
        if name.endswith("_out.weight"):
            expected = 0.02 / math.sqrt(16)
        elif "norm" in name and name.endswith("weight"):
            assert torch.equal(parameter, torch.ones_like(parameter))
            continue
        elif name.endswith("bias"):
            assert not parameter.any()
            continue
        else:
            expected = 0.02
        assert parameter.std().item() == pytest.approx(expected, rel=0.1), name
    batch = Batch(torch.arange(100).view(1, 100), torch.arange(100).view(1, 100).flip(1))
    assert model.loss(batch, generator(0)).total.item() == pytest.approx(math.log(100), abs=0.1)


@every_rung
@pytest.mark.parametrize("size", SIZES)
def test_presets_are_rungs(rung: Rung, size: Any) -> None:
    name = "gpt2-shakespeare" if rung == "gpt" else f"{rung}-shakespeare"
    assert name in PRESETS
    assert preset(name, size).model == SIZES[size].on(rung)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rung": "head", "num_layers": 1}, ("head", "one head", "4", "multi-head")),
        ({"rung": "average", "num_layers": 1}, ("average", "one head", "multi-head")),
        ({"rung": "multi-head"}, ("multi-head", "one layer", "4", "residual")),
        ({"rung": "feed-forward", "num_layers": 2}, ("one layer", "2", "residual")),
        ({"rung": "norm", "dropout": 0.1}, ("norm", "dropout")),
        ({"width": 30}, ("30", "4", "multiple")),
        ({"rung": "residual", "width": 9, "num_heads": 2}, ("9", "2", "multiple")),
        ({"rung": "bigram"}, ("rung", "average", "gpt")),
        ({"context": 0}, ("context", "1")),
        ({"dropout": 1.0}, ("dropout",)),
        ({"layers": 2}, ("num_layers",)),
    ],
)
def test_what_would_have_no_effect_or_no_meaning_is_refused(
    values: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        LanguageConfig.parse(values, "model")
    for word in words:
        assert word in str(caught.value)


def test_a_recipe_is_carried_to_another_rung_setting_by_setting() -> None:
    lowered = preset("gpt2-shakespeare").with_settings(
        ["model.num_layers=1", "model.num_heads=1", "model.rung=head"]
    )
    assert lowered.model == preset("head-shakespeare").model
    with pytest.raises(ConfigError, match="one head"):
        preset("head-shakespeare").with_settings(["model.num_heads=4"])


@every_rung
def test_more_tokens_than_the_context_are_a_fault_of_the_caller(rung: Rung) -> None:
    model = build(rung, context=4)
    with pytest.raises(AssertionError):
        model(tokens(1, 5))
    cache = model.continue_from(tokens(1, 4), [])[1]
    with pytest.raises(AssertionError):
        model.continue_from(tokens(1, 1), cache)


# -- what each rung sees ---------------------------------------------------------------------------


def test_an_average_does_not_see_the_order_of_the_past() -> None:
    model = build("average")
    past, mixed = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[4, 2, 1, 3]])
    torch.testing.assert_close(model(past)[:, -1], model(mixed)[:, -1])


@pytest.mark.parametrize("rung", ATTENTION_RUNGS)
def test_attention_does(rung: Rung) -> None:
    model = build(rung)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    past, mixed = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[4, 2, 1, 3]])
    # one value of seven may be equal by chance to so many places, all of them may not
    assert (model(past)[:, -1] - model(mixed)[:, -1]).abs().max() > 1e-2


def test_a_head_without_queries_is_the_average_of_values() -> None:
    """The rung below, found again: equal scores give equal weights."""
    average, head = build("average"), build("head")
    shared = average.state_dict()
    missing = head.load_state_dict(shared, strict=False).missing_keys
    assert missing == ["blocks.0.qkv.weight"]
    with torch.no_grad():
        head.blocks[0].qkv.weight.copy_(torch.cat((torch.zeros(16, 8), torch.eye(8))))
    torch.testing.assert_close(head(tokens(3, 6)), average(tokens(3, 6)))


@every_rung
def test_dropout_acts_in_training_alone(rung: Rung) -> None:
    model = build(rung, dropout=0.5 if rung == "gpt" else 0.0)
    inputs = tokens(2, 6)
    with seeded(0, "dropout"):
        same = torch.equal(model.train()(inputs), model(inputs))
    assert same is (rung != "gpt")
    assert torch.equal(model.eval()(inputs), model(inputs))
