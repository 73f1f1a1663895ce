"""The ladder against PyTorch's own layers, built here from the same weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olaria.families.language import LanguageConfig, Rung
from olaria.models.language import LanguageModel
from olaria.training.randomness import generator, seeded

WIDTH, CONTEXT, VOCAB = 12, 6, 5


def random_model(rung: Rung) -> LanguageModel:
    config = LanguageConfig(context=CONTEXT, num_layers=3, num_heads=3, width=WIDTH)
    with seeded(0, "weights"):
        model = LanguageModel(config.on(rung), VOCAB).double().eval()
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.4)
    return model


def multi_head(block: Any, num_heads: int) -> nn.MultiheadAttention:
    """PyTorch's layer with the block's weights; the identity where it has no projection."""
    bias = block.qkv.bias is not None
    layer = nn.MultiheadAttention(WIDTH, num_heads, bias=bias, batch_first=True).double()
    out = getattr(block, "attention_out", None)
    weights = {
        "in_proj_weight": block.qkv.weight,
        "out_proj.weight": torch.eye(WIDTH) if out is None else out.weight,
    }
    if bias:
        weights |= {"in_proj_bias": block.qkv.bias, "out_proj.bias": block.attention_out.bias}
    layer.load_state_dict(weights)
    return layer


def attended(block: Any, x: Tensor, num_heads: int) -> Tensor:
    future = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=torch.float64)
    mixed: Tensor = multi_head(block, num_heads)(x, x, x, attn_mask=future, need_weights=False)[0]
    return mixed


def fed(block: Any, x: Tensor) -> Tensor:
    return F.linear(F.linear(x, block.feed_in.weight).clamp(min=0), block.feed_out.weight)


def embedded(model: LanguageModel, tokens: Tensor) -> Tensor:
    one_hot = F.one_hot(tokens, VOCAB).double()
    return one_hot @ model.embedding.weight + model.positions.weight[: tokens.shape[1]]


def running_mean(x: Tensor) -> Tensor:
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]


def through(rung: Rung, model: LanguageModel, x: Tensor) -> Tensor:
    """What the rung's blocks make of x, written out."""
    if rung == "average":
        return running_mean(x)
    if rung == "head":
        return attended(model.blocks[0], x, 1)
    if rung == "multi-head":
        return attended(model.blocks[0], x, 3)
    if rung == "feed-forward":
        return fed(model.blocks[0], attended(model.blocks[0], x, 3))
    for block in model.blocks:  # residual
        x = x + attended(block, x, 3)
        x = x + fed(block, x)
    return x


@pytest.mark.parametrize("rung", ["average", "head", "multi-head", "feed-forward", "residual"])
def test_a_rung_is_what_pytorchs_layers_make(rung: Rung) -> None:
    model = random_model(rung)
    tokens = torch.randint(0, VOCAB, (2, CONTEXT), generator=generator(0, "tokens"))
    with torch.no_grad():
        expected = model.head(through(rung, model, embedded(model, tokens)))
        assert expected.std() > 0.1
        torch.testing.assert_close(model(tokens), expected, rtol=1e-8, atol=1e-8)


def transformer(model: LanguageModel) -> nn.TransformerEncoder:
    """PyTorch's pre-norm encoder with the model's weights; a causal mask makes it a GPT."""
    has_bias = model.config.has("gpt")
    activation = (lambda x: F.gelu(x, approximate="tanh")) if has_bias else F.relu
    layer = nn.TransformerEncoderLayer(
        WIDTH, 3, 4 * WIDTH, 0.0, activation, norm_first=True, batch_first=True
    )
    stack = nn.TransformerEncoder(layer, 3, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
    renamed = {
        "qkv.": "self_attn.in_proj_",
        "attention_out.": "self_attn.out_proj.",
        "feed_in.": "linear1.",
        "feed_out.": "linear2.",
        "norm_1.": "norm1.",
        "norm_2.": "norm2.",
        "blocks.": "layers.",
    }
    weights = {name: torch.zeros_like(value) for name, value in stack.state_dict().items()}
    for name, value in model.state_dict().items():
        for ours, theirs in renamed.items():
            name = name.replace(ours, theirs)
        if name in weights:
            weights[name] = value
    stack.double().load_state_dict(weights)
    return stack.eval()


@pytest.mark.parametrize("rung", ["norm", "gpt"])
def test_the_highest_rungs_are_pytorchs_pre_norm_transformer(rung: Rung) -> None:
    model = random_model(rung)
    tokens = torch.randint(0, VOCAB, (2, CONTEXT), generator=generator(0, "tokens"))
    future = nn.Transformer.generate_square_subsequent_mask(CONTEXT, dtype=torch.float64)
    with torch.no_grad():
        x = transformer(model)(embedded(model, tokens), mask=future)
        expected = x @ model.embedding.weight.T if rung == "gpt" else model.head(x)
        assert expected.std() > 0.1
        torch.testing.assert_close(model(tokens), expected, rtol=1e-8, atol=1e-8)
